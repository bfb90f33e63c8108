/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake-memory.h - a guest's memory that is made up: its frames say their own
 * numbers, some are not there, and what is asked of it is counted.
 */
#ifndef FAKE_MEMORY_H
#define FAKE_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "introspect/guest-memory-backend.h"

/* Every frame but some is there, and says its own number in its first word. */
struct fake {
	struct vhsm_guest_memory base;
	uint64_t missing;		/* the one frame that is not there */
	uint64_t hole, hole_end;	/* nor are these; the end is there */
	unsigned loads, loaded, loaded_most;
	unsigned pages, pages_most;	/* mapped by load_frames */
	unsigned made;			/* pages, by load_frames, ever */
	bool blank;			/* nothing is written to them */
	uint64_t version;		/* in a frame's second word */
	bool slow;			/* a load takes a while */
};

/* 1000 frames, all there, in chunks of 4 of which 8 are kept; the test changes
 * what it likes.  vhsm_guest_memory_close() does not free it. */
struct vhsm_guest_memory *fake_open(struct fake *);
/* One of which any frames can be mapped, as a running domain's. */
struct vhsm_guest_memory *fake_open_live(struct fake *, uint64_t frames);

/* What a frame, which must be there, says its number is. */
uint64_t number_at(struct vhsm_guest_memory *, uint64_t gfn);

#endif /* FAKE_MEMORY_H */
