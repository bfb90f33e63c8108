/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.h - the requests a session has outstanding, and the check of what the
 * device answers to them.
 *
 * An id on the wire is a place in this table and that place's generation, so
 * that an answer given twice, late, or to nothing is recognised.  Fixed size,
 * no allocation after init, no lock: the session's lock guards it.
 */
#ifndef VHSM_LIB_TABLE_H
#define VHSM_LIB_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "vhsm/vhsm.h"

/* Places that only blocking calls may take, so that a batch that fills its
 * ring never locks them out. */
#define VHSM_TABLE_CALLS	64u

struct vhsm_waiter;

enum vhsm_slot_state {
	VHSM_SLOT_FREE,
	VHSM_SLOT_CALL,		/* a blocking call's, outstanding */
	VHSM_SLOT_BATCH,	/* of vhsm_submit(), outstanding */
	VHSM_SLOT_DONE		/* of vhsm_submit(), answered, not reaped */
};

struct vhsm_slot {
	uint64_t cookie;
	struct vhsm_waiter *waiter;	/* CALL */
	struct vhsm_response response;	/* DONE */
	uint32_t generation;
	uint32_t next;			/* in the free or the done list */
	uint32_t out_max;		/* room at OUTPUT */
	uint16_t op;
	uint16_t state;
};

struct vhsm_table {
	struct vhsm_slot *slots;
	uint32_t count;
	uint32_t free_head;
	uint32_t done_head, done_tail;
	uint32_t calls;			/* places in state CALL */
	uint32_t batch;			/* in state BATCH */
	uint32_t done;			/* in state DONE */
};

/* room: how many batch requests at most.  0 or -ENOMEM. */
int vhsm_table_init(struct vhsm_table *t, uint32_t room);
void vhsm_table_deinit(struct vhsm_table *t);

/*
 * Takes a place for request, whose cookie is its id.  waiter: NULL for a
 * batch.  The id for the wire, never 0; 0 when there is no place.
 */
uint64_t vhsm_table_take(struct vhsm_table *t,
			 const struct vhsm_request *request,
			 struct vhsm_waiter *waiter);

/*
 * The outstanding request that an untrusted response answers, or NULL if it
 * answers none rightly.  Clears what the status leaves without meaning.
 */
struct vhsm_slot *vhsm_table_match(struct vhsm_table *t,
				   struct vhsm_response *untrusted);

/* Gives a place back; by id: whether it was still outstanding. */
void vhsm_table_free(struct vhsm_table *t, struct vhsm_slot *slot);
bool vhsm_table_free_id(struct vhsm_table *t, uint64_t id);

/* Keeps a batch request's answer until it is reaped; takes the oldest. */
void vhsm_table_keep(struct vhsm_table *t, struct vhsm_slot *slot,
		     const struct vhsm_response *response);
bool vhsm_table_reap(struct vhsm_table *t, struct vhsm_response *response);

/* The wire id of an outstanding batch request, 0 if there is none. */
uint64_t vhsm_table_find_cookie(const struct vhsm_table *t, uint64_t cookie);

#endif /* VHSM_LIB_TABLE_H */
