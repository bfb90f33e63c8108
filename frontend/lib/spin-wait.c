/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spin-wait.c - the adaptive spin of spin-wait.h.
 *
 * The limits come from measurement: an answer is there in 1 to 30 us when
 * cores are free and the operation is short; going to sleep and being woken
 * costs 11 us across cores, 2 us on one.  A probe of 50 us once in 1024 waits
 * adds 0.05 us to each, which nobody can measure.
 */
#include "lib/spin-wait.h"

#include "lib/monotonic.h"

#define BUDGET_NS	50000u
#define FAILURES_MAX	4u
#define BACKOFF_MIN	64u
#define BACKOFF_MAX	1024u
#define LOOKS_PER_CLOCK	32u

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield" ::: "memory");
#endif
}

static bool reached(const volatile uint32_t *counter, uint32_t from,
		    uint32_t want)
{
	return __atomic_load_n(counter, __ATOMIC_ACQUIRE) - from >= want;
}

/* Spins; *late tells that it took longer than it may, answer or not. */
static bool spin(const volatile uint32_t *counter, uint32_t from,
		 uint32_t want, bool *late)
{
	uint64_t start = 0;
	unsigned i;

	for (i = 0; !reached(counter, from, want); i++) {
		relax();
		if (i % LOOKS_PER_CLOCK)
			continue;
		if (!start) {
			start = vhsm_now_ns();
		} else if (vhsm_now_ns() - start > BUDGET_NS) {
			*late = true;
			return reached(counter, from, want);
		}
	}
	return true;
}

bool vhsm_spin_wait(struct vhsm_spin *s, const volatile uint32_t *counter,
		    uint32_t from, uint32_t want)
{
	bool late = false, here;

	if (s->skip) {
		s->skip--;
		return reached(counter, from, want);
	}
	here = spin(counter, from, want, &late);
	if (here && !late) {
		s->failures = 0;
		s->backoff = BACKOFF_MIN;
	} else if (++s->failures >= FAILURES_MAX) {
		s->failures = FAILURES_MAX - 1;	/* one more ends a probe */
		if (!s->backoff)
			s->backoff = BACKOFF_MIN;
		s->skip = s->backoff;
		if (s->backoff < BACKOFF_MAX)
			s->backoff *= 2;
	}
	return here;
}
