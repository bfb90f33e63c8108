/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-memory-backend.h - what a kind of guest memory provides; for the files
 * that implement guest-memory.h only.
 */
#ifndef VHSM_GUEST_MEMORY_BACKEND_H
#define VHSM_GUEST_MEMORY_BACKEND_H

#include "guest-memory.h"

/* Embedded first in the kind's own structure. */
struct vhsm_guest_memory {
	int (*walk)(struct vhsm_guest_memory *, vhsm_memory_visit *, void *arg,
		    struct vhsm_memory_stats *stats, char *why);
	void (*close)(struct vhsm_guest_memory *);	/* frees it, too */
};

#endif /* VHSM_GUEST_MEMORY_BACKEND_H */
