/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.c - the table of table.h.
 *
 * Invariant: a place is in exactly one of: the free list, the done list, or
 * outstanding (CALL, BATCH); its generation goes up each time it is freed.
 */
#include "lib/table.h"

#include "lib/error.h"

#include <errno.h>
#include <stdlib.h>

#define NONE UINT32_MAX

int vhsm_table_init(struct vhsm_table *t, uint32_t room)
{
	uint32_t i;

	*t = (struct vhsm_table) { .count = room + VHSM_TABLE_CALLS };
	t->slots = calloc(t->count, sizeof(*t->slots));
	if (!t->slots)
		return -ENOMEM;
	for (i = 0; i < t->count; i++) {
		t->slots[i].generation = 1;
		t->slots[i].next = i + 1 < t->count ? i + 1 : NONE;
	}
	t->done_head = t->done_tail = NONE;
	return 0;
}

void vhsm_table_deinit(struct vhsm_table *t)
{
	free(t->slots);
	t->slots = NULL;
	t->count = 0;
}

static uint32_t index_of(const struct vhsm_table *t,
			 const struct vhsm_slot *slot)
{
	return (uint32_t)(slot - t->slots);
}

static uint64_t id_of(const struct vhsm_table *t, const struct vhsm_slot *slot)
{
	return (uint64_t)slot->generation << 32 | index_of(t, slot);
}

/* NOP and CANCEL have no segments where other ops have them. */
static uint32_t output_room(const struct vhsm_request *r)
{
	if (r->op == VHSM_OP_NOP || r->op == VHSM_OP_CANCEL)
		return 0;
	return r->u.seg[VHSM_SEG_OUTPUT].len;
}

static bool has_room(const struct vhsm_table *t, bool call)
{
	if (call)
		return t->calls < VHSM_TABLE_CALLS;
	return t->batch + t->done < t->count - VHSM_TABLE_CALLS;
}

uint64_t vhsm_table_take(struct vhsm_table *t,
			 const struct vhsm_request *request,
			 struct vhsm_waiter *waiter)
{
	struct vhsm_slot *slot;

	if (t->free_head == NONE || !has_room(t, waiter != NULL))
		return 0;
	slot = &t->slots[t->free_head];
	t->free_head = slot->next;
	slot->cookie = request->id;
	slot->waiter = waiter;
	slot->op = request->op;
	slot->out_max = output_room(request);
	slot->state = waiter ? VHSM_SLOT_CALL : VHSM_SLOT_BATCH;
	if (waiter)
		t->calls++;
	else
		t->batch++;
	return id_of(t, slot);
}

static struct vhsm_slot *find(struct vhsm_table *t, uint64_t id)
{
	uint32_t i = (uint32_t)id;

	if (i >= t->count || t->slots[i].generation != id >> 32)
		return NULL;
	if (t->slots[i].state != VHSM_SLOT_CALL &&
	    t->slots[i].state != VHSM_SLOT_BATCH)
		return NULL;
	return &t->slots[i];
}

struct vhsm_slot *vhsm_table_match(struct vhsm_table *t,
				   struct vhsm_response *untrusted)
{
	struct vhsm_slot *slot = find(t, untrusted->id);

	if (!slot || untrusted->op != slot->op)
		return NULL;
	if (!vhsm_status_known(untrusted->status))
		return NULL;
	if (untrusted->status == VHSM_S_OK) {
		if (untrusted->out_len > slot->out_max)
			return NULL;
	} else if (untrusted->status != VHSM_S_TOO_SMALL) {
		untrusted->out_len = 0;
	}
	return slot;
}

static void forget_state(struct vhsm_table *t, const struct vhsm_slot *slot)
{
	if (slot->state == VHSM_SLOT_CALL)
		t->calls--;
	else if (slot->state == VHSM_SLOT_BATCH)
		t->batch--;
	else
		t->done--;
}

void vhsm_table_free(struct vhsm_table *t, struct vhsm_slot *slot)
{
	forget_state(t, slot);
	slot->state = VHSM_SLOT_FREE;
	if (++slot->generation == 0)	/* no id is ever 0 */
		slot->generation = 1;
	slot->next = t->free_head;
	t->free_head = index_of(t, slot);
}

bool vhsm_table_free_id(struct vhsm_table *t, uint64_t id)
{
	struct vhsm_slot *slot = find(t, id);

	if (slot)
		vhsm_table_free(t, slot);
	return slot != NULL;
}

void vhsm_table_keep(struct vhsm_table *t, struct vhsm_slot *slot,
		     const struct vhsm_response *response)
{
	uint32_t i = index_of(t, slot);

	forget_state(t, slot);
	slot->state = VHSM_SLOT_DONE;
	slot->response = *response;
	slot->response.id = slot->cookie;
	slot->next = NONE;
	t->done++;
	if (t->done_head == NONE)
		t->done_head = i;
	else
		t->slots[t->done_tail].next = i;
	t->done_tail = i;
}

bool vhsm_table_reap(struct vhsm_table *t, struct vhsm_response *response)
{
	struct vhsm_slot *slot;

	if (t->done_head == NONE)
		return false;
	slot = &t->slots[t->done_head];
	t->done_head = slot->next;
	*response = slot->response;
	vhsm_table_free(t, slot);
	return true;
}

uint64_t vhsm_table_find_cookie(const struct vhsm_table *t, uint64_t cookie)
{
	uint32_t i;

	for (i = 0; i < t->count; i++)
		if (t->slots[i].state == VHSM_SLOT_BATCH &&
		    t->slots[i].cookie == cookie)
			return id_of(t, &t->slots[i]);
	return 0;
}
