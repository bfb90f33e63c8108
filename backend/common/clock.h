/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.h - the clocks of clock_gettime(2), as one number.
 *
 * The monotonic clock is the same in all processes of a domain, so that times
 * such as the end of a lease may be shared.
 */
#ifndef VHSM_CLOCK_H
#define VHSM_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Returns the time of a clock in nanoseconds. */
uint64_t vhsm_clock_ns(clockid_t clock);

/* Return the monotonic time. */
uint64_t vhsm_now_ns(void);
int64_t vhsm_now_ms(void);

/* Returns the time of day, in milliseconds since 1970-01-01 UTC. */
uint64_t vhsm_wall_ms(void);

#endif /* VHSM_CLOCK_H */
