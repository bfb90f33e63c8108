// SPDX-License-Identifier: Apache-2.0
#include <config.h>

#include "engine/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "common/clock.h"
#include "common/protocol.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL | F_SEAL_FUTURE_WRITE)
#define SECOND_NS UINT64_C(1000000000)

void vhsm_guard_init(struct vhsm_guard *guard, const struct vhsm_gate *gate)
{
	guard->gate = gate;
	guard->clock = vhsm_now_ns;
	atomic_init(&guard->due_ns, 0);
}

int vhsm_guard_open(struct vhsm_guard *guard, int fd, char *why)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	void *p;

	if (seals < 0 || fstat(fd, &st) ||
	    st.st_size != (off_t)sizeof(struct vhsm_gate)) {
		snprintf(why, VHSM_TEXT_MAX,
			 "descriptor %d is not the gate, a memfd of %zu bytes: is this started by vhsmd?",
			 fd, sizeof(struct vhsm_gate));
		return -EINVAL;
	}
	if ((seals & SEALS) != SEALS) {
		snprintf(why, VHSM_TEXT_MAX,
			 "descriptor %d, the gate, is not sealed against another size and other writers",
			 fd);
		return -EPERM;
	}
	p = mmap(NULL, sizeof(struct vhsm_gate), PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		snprintf(why, VHSM_TEXT_MAX, "cannot map the gate");
		return -errno;
	}
	vhsm_guard_init(guard, p);
	return 0;
}

static bool only_checks(uint16_t op)
{
	return op == VHSM_OP_VERIFY || op == VHSM_OP_MAC_VERIFY ||
		op == VHSM_OP_DECRYPT;
}

static enum vhsm_status judge_level(uint32_t level, uint16_t op)
{
	switch (level) {
	case VHSM_GATE_FULL:
	case VHSM_GATE_THROTTLED:
		return VHSM_S_OK;
	case VHSM_GATE_VERIFY_ONLY:
		return only_checks(op) ? VHSM_S_OK : VHSM_S_VERIFY_ONLY;
	default:
		return VHSM_S_UNAPPROVED;
	}
}

static enum vhsm_status judge_lease(struct vhsm_guard *guard, uint64_t *now_ns)
{
	uint64_t until = atomic_load_explicit(&guard->gate->lease_until_ns,
					      memory_order_relaxed);

	if (until == VHSM_LEASE_NONE)
		return VHSM_S_OK;
	if (until && !*now_ns)
		*now_ns = guard->clock();
	return until && *now_ns < until ? VHSM_S_OK : VHSM_S_LEASE_STALE;
}

/* Takes one of a second's worth of requests, if there is one left. */
static bool rate_admits(struct vhsm_guard *guard, uint64_t now_ns)
{
	uint32_t rate = atomic_load_explicit(&guard->gate->rate,
					     memory_order_relaxed);
	uint64_t due = atomic_load_explicit(&guard->due_ns,
					    memory_order_relaxed);
	uint64_t next;

	if (!rate)
		return false;
	do {
		next = (due > now_ns ? due : now_ns) + SECOND_NS / rate;
		if (next - now_ns > SECOND_NS)
			return false;
	} while (!atomic_compare_exchange_weak(&guard->due_ns, &due, next));
	return true;
}

enum vhsm_status vhsm_guard_judge_enter(struct vhsm_guard *guard, uint16_t op,
					uint64_t *now_ns)
{
	uint32_t level = atomic_load_explicit(&guard->gate->level,
					      memory_order_relaxed);
	enum vhsm_status status = judge_level(level, op);

	if (!status)
		status = judge_lease(guard, now_ns);
	if (!status && level == VHSM_GATE_THROTTLED &&
	    !rate_admits(guard, guard->clock()))
		status = VHSM_S_THROTTLED;
	return status;
}

enum vhsm_status vhsm_guard_judge_leave(struct vhsm_guard *guard, uint16_t op,
					uint64_t epoch, uint64_t *now_ns)
{
	const struct vhsm_gate *gate = guard->gate;
	bool over = atomic_load_explicit(&gate->epoch, memory_order_acquire) !=
		epoch;
	uint32_t level = atomic_load_explicit(&gate->level,
					      memory_order_relaxed);
	enum vhsm_status status = judge_level(level, op);

	*now_ns = 0;		/* as late as can be */
	if (!status)
		status = judge_lease(guard, now_ns);
	if (!status && over)
		status = level == VHSM_GATE_THROTTLED ?
			VHSM_S_THROTTLED : VHSM_S_CANCELLED;
	return status;
}
