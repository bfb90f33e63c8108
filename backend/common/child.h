/* SPDX-License-Identifier: Apache-2.0 */
/*
 * child.h - one process of ours: started with exactly the descriptors it is
 * to have, seen when it ends.
 */
#ifndef VHSM_CHILD_H
#define VHSM_CHILD_H

#include <event2/event.h>
#include <stdint.h>
#include <sys/types.h>

#define VHSM_CHILD_FDS 4u		/* 3 to 6 */

struct vhsm_child;

/* Called once, when it has ended and is reaped; how says "exit status 1" or
 * "signal 9 (Killed)".  The child has been freed. */
typedef void vhsm_child_ended(void *arg, const char *how);

/*
 * Runs path with argv, descriptors 0 (/dev/null), 1 and 2 (ours), and fds[i]
 * as 3 + i where it is not -1; they stay the caller's.  NULL with errno set.
 */
struct vhsm_child *vhsm_child_spawn(struct event_base *, const char *path,
				    char *const argv[],
				    const int fds[VHSM_CHILD_FDS],
				    vhsm_child_ended *, void *arg);
pid_t vhsm_child_pid(const struct vhsm_child *);
/* Its end is still reported. */
void vhsm_child_kill(struct vhsm_child *);
/* Kills, waits and frees; the end is not reported.  NULL is fine. */
void vhsm_child_free(struct vhsm_child **);

/* Delay before the next start: doubles with each end that follows a start too
 * soon, and begins anew after a good run. */
struct vhsm_backoff {
	uint32_t delay_ms;
	int64_t started_ms;
};
#define VHSM_BACKOFF_MIN_MS	100u
#define VHSM_BACKOFF_MAX_MS	30000u
#define VHSM_BACKOFF_GOOD_MS	30000

void vhsm_backoff_started(struct vhsm_backoff *, int64_t now_ms);
/* After an end: milliseconds to wait. */
uint32_t vhsm_backoff_next(struct vhsm_backoff *, int64_t now_ms);

#endif /* VHSM_CHILD_H */
