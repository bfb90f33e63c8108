/* SPDX-License-Identifier: Apache-2.0 */
/* clock.c - see clock.h. */
#include "common/clock.h"

uint64_t vhsm_clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

uint64_t vhsm_now_ns(void)
{
	return vhsm_clock_ns(CLOCK_MONOTONIC);
}

int64_t vhsm_now_ms(void)
{
	return (int64_t)(vhsm_now_ns() / 1000000);
}

uint64_t vhsm_wall_ms(void)
{
	return vhsm_clock_ns(CLOCK_REALTIME) / 1000000;
}
