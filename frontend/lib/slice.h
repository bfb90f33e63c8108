/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slice.h - hands out pieces of a session's slice of shared memory.
 *
 * First fit over a sorted list of extents that is kept in private memory: the
 * other side of the slice can write every byte of it, so nothing that decides
 * anything is stored there.  Thread-safe.
 */
#ifndef VHSM_LIB_SLICE_H
#define VHSM_LIB_SLICE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VHSM_SLICE_ALIGN 64u	/* a cache line: no two owners share one */

struct vhsm_extent {
	size_t offset;
	size_t len;
	bool used;
};

struct vhsm_slice {
	uint8_t *base;
	size_t len;
	pthread_mutex_t lock;
	pthread_cond_t freed;
	struct vhsm_extent *extents;	/* sorted, without gaps */
	size_t extent_count;
	size_t extent_room;
};

/* base and len are the caller's and outlive the slice.  0 or -ENOMEM. */
int vhsm_slice_init(struct vhsm_slice *s, uint8_t *base, size_t len);
/* Wipes all that is still in use. */
void vhsm_slice_deinit(struct vhsm_slice *s);

/*
 * len bytes, aligned.  wait_ms: for how long to wait for others to free, if
 * it would ever fit.  NULL when there is no such room.
 */
void *vhsm_slice_alloc(struct vhsm_slice *s, size_t len, unsigned wait_ms);

/* Wipes and frees what alloc gave; anything else is ignored. */
void vhsm_slice_free(struct vhsm_slice *s, void *p);

#endif /* VHSM_LIB_SLICE_H */
