/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-memory-backend.h - what a kind of guest memory provides; for the files
 * that implement guest-memory.h only.
 */
#ifndef VHSM_GUEST_MEMORY_BACKEND_H
#define VHSM_GUEST_MEMORY_BACKEND_H

#include <stdbool.h>

#include "introspect/guest-memory.h"
#include "introspect/page-sets.h"

#define GUEST_CHUNK_PAGES_MAX	512u	/* 2 MiB */
#define GUEST_CHUNK_COUNT_MAX	512u	/* must fit GUEST_CHUNK_NONE */
#define GUEST_CHUNK_NONE	UINT16_MAX
#define GUEST_BUCKETS		1024u	/* a power of two */

/* Neighbouring frames, mapped or copied at once. */
struct guest_chunk {
	uint64_t number;		/* first frame / pages in a chunk */
	uint64_t used;			/* tick of the last use */
	uint64_t made;			/* tick of the mapping */
	uint64_t made_look;		/* the look it was made in */
	uint8_t *bytes;			/* NULL: no frame of it is there */
	uint16_t next;			/* of the same bucket */
	uint64_t present[GUEST_CHUNK_PAGES_MAX / 64];
};

/* Embedded first in the kind's own structure. */
struct vhsm_guest_memory {
	/*
	 * Makes count frames from first readable: 0 with *bytes (NULL when none
	 * is there) and a bit for each that is, or -errno.
	 */
	int (*load)(struct vhsm_guest_memory *, uint64_t first, unsigned count,
		    uint8_t **bytes, uint64_t *present);
	/* The same of any frames, for what looks use; NULL: looks use chunks. */
	int (*load_frames)(struct vhsm_guest_memory *, const uint64_t *gfn,
			   unsigned count, uint8_t **bytes, uint64_t *present);
	void (*unload)(struct vhsm_guest_memory *, uint8_t *bytes,
		       unsigned count);
	/* Whether a frame that was not there is now; NULL: it never is. */
	bool (*appeared)(struct vhsm_guest_memory *, uint64_t gfn);
	/* NULL: chunk by chunk, all frames. */
	int (*walk)(struct vhsm_guest_memory *, vhsm_memory_visit *, void *arg,
		    struct vhsm_memory_stats *stats, char *why);
	void (*close)(struct vhsm_guest_memory *);	/* frees it, too */
	uint64_t frames;
	bool zeros;			/* what is not there reads as zeros */
	unsigned chunk_pages;		/* 0: no page can be had singly */
	unsigned chunk_max;

	/* guest-memory.c's own */
	struct guest_chunk *chunk;	/* chunk_max of them */
	unsigned chunk_count;		/* in use, the first ones */
	uint64_t tick;
	uint64_t look;			/* number of this, or the last */
	bool looking;
	struct page_sets sets;		/* page-sets.c's */
	uint16_t bucket[GUEST_BUCKETS];
	uint8_t *hole;			/* a bit for each chunk: no frame of it
					 * was there */
	uint64_t hole_len;		/* bytes */
	uint64_t hole_at;		/* which forget_oldest forgets next */
};

/* Sets up what is guest-memory.c's own, once the kind's members are set: 0 or
 * -ENOMEM. */
int guest_memory_init(struct vhsm_guest_memory *);

#endif /* VHSM_GUEST_MEMORY_BACKEND_H */
