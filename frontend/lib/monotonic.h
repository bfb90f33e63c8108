/* SPDX-License-Identifier: Apache-2.0 */
/* monotonic.h - the monotonic clock, as a number or as a deadline. */
#ifndef VHSM_LIB_MONOTONIC_H
#define VHSM_LIB_MONOTONIC_H

#include <stdint.h>
#include <time.h>

static inline uint64_t vhsm_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline int64_t vhsm_now_ms(void)
{
	return (int64_t)(vhsm_now_ns() / 1000000);
}

/* Returns the time in ms milliseconds, for pthread_cond_timedwait(3). */
static inline struct timespec vhsm_deadline_in(int64_t ms)
{
	uint64_t ns = vhsm_now_ns() + (uint64_t)ms * 1000000;

	return (struct timespec){ .tv_sec = (time_t)(ns / 1000000000u),
				  .tv_nsec = (long)(ns % 1000000000u) };
}

#endif /* VHSM_LIB_MONOTONIC_H */
