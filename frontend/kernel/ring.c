// SPDX-License-Identifier: GPL-2.0-only
/*
 * ring.c - a queue: putting requests on its ring, taking answers off it.
 *
 * The table of slots is made once, one for each place on the ring, so that a
 * request in the steady state allocates nothing.  What goes out as a request's
 * id names its slot and how often that slot was used; an answer that does not
 * carry exactly that of an outstanding request is a protocol violation, as is
 * a producer index that runs too far: the device is then closed, because
 * nothing the backend says can be believed any more.
 *
 * The backend is not trusted with anything here: an answer is copied once,
 * checked, and rebuilt field by field for the session.
 */
#include <linux/interrupt.h>
#include <linux/nospec.h>
#include <linux/slab.h>

#include <xen/events.h>
#include <xen/page.h>

#include "vhsmfront.h"

#define VHSM_SLOT_BITS	16
#define VHSM_SLOT_MASK	((1u << VHSM_SLOT_BITS) - 1)

/* ------------------------------------------------------------ life cycle */

static unsigned int ring_bytes(const struct vhsm_queue *queue)
{
	return queue->ring_pages * XEN_PAGE_SIZE;
}

int vhsm_queue_init(struct vhsm_queue *queue, struct vhsm_device *device,
		    unsigned int index, unsigned int ring_order,
		    unsigned int pool_pages)
{
	struct vhsm_sring *sring = NULL;	/* only for its size */
	unsigned int i;
	int err;

	queue->device = device;
	queue->index = index;
	queue->ring_pages = 1u << ring_order;
	queue->slot_count = __RING_SIZE(sring, ring_bytes(queue));
	spin_lock_init(&queue->lock);
	init_waitqueue_head(&queue->room);
	queue->slots = kvcalloc(queue->slot_count, sizeof(*queue->slots),
				GFP_KERNEL);
	queue->free_slots = kvcalloc(queue->slot_count,
				     sizeof(*queue->free_slots), GFP_KERNEL);
	if (!queue->slots || !queue->free_slots) {
		err = -ENOMEM;
		goto err_free_slots;
	}
	for (i = 0; i < queue->slot_count; i++)
		queue->free_slots[i] = i;
	queue->free_count = queue->slot_count;
	err = vhsm_pool_init(&queue->pool, pool_pages);
	if (err)
		goto err_free_slots;
	return 0;

err_free_slots:
	kvfree(queue->slots);
	kvfree(queue->free_slots);
	return err;
}

void vhsm_queue_deinit(struct vhsm_queue *queue)
{
	vhsm_pool_deinit(&queue->pool);
	kvfree(queue->slots);
	kvfree(queue->free_slots);
}

static void slot_free(struct vhsm_queue *queue, struct vhsm_slot *slot)
{
	slot->wire_id = 0;
	slot->session = NULL;
	slot->call = NULL;
	queue->free_slots[queue->free_count++] = slot - queue->slots;
}

/* Gives the slot's owner its answer and frees the slot. */
static struct vhsm_session *slot_complete(struct vhsm_queue *queue,
					  struct vhsm_slot *slot,
					  const struct vhsm_response *response)
{
	struct vhsm_session *session = slot->session;

	if (session) {
		session->inflight--;
		vhsm_session_complete(session, response);
	} else {
		vhsm_call_complete(slot->call, response);
		wake_up(&queue->device->call_free);
	}
	slot_free(queue, slot);
	return session;
}

/* The connection is over: whoever waits is told so. */
static void slots_abandon(struct vhsm_queue *queue)
{
	struct vhsm_response gone = { .status = VHSM_S_GONE };
	struct vhsm_session *session;
	struct vhsm_slot *slot;
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&queue->lock, flags);
	for (i = 0; i < queue->slot_count; i++) {
		slot = &queue->slots[i];
		if (!slot->wire_id)
			continue;
		gone.id = slot->user_id;
		gone.op = slot->op;
		queue->gone++;
		session = slot_complete(queue, slot, &gone);
		if (session) {
			wake_up(&session->wait);
			vhsm_session_put(session);
		}
	}
	spin_unlock_irqrestore(&queue->lock, flags);
	wake_up_all(&queue->room);
}

static irqreturn_t ring_interrupt(int irq, void *data);

static int ring_grant(struct vhsm_queue *queue, struct vhsm_sring *sring)
{
	domid_t domain = queue->device->xdev->otherend_id;
	struct page *page;
	unsigned int i;
	int ref;

	for (i = 0; i < queue->ring_pages; i++) {
		page = virt_to_page((u8 *)sring + i * XEN_PAGE_SIZE);
		ref = gnttab_grant_foreign_access(domain,
						  xen_page_to_gfn(page), 0);
		if (ref < 0)
			goto err_ungrant;
		queue->ring_refs[i] = ref;
	}
	return 0;

err_ungrant:
	while (i--) {
		page = virt_to_page((u8 *)sring + i * XEN_PAGE_SIZE);
		get_page(page);
		vhsm_grant_end(queue->ring_refs[i], page);
	}
	return ref;
}

/* Each page of the ring is freed when the backend no longer maps it. */
static void ring_free(struct vhsm_queue *queue)
{
	u8 *memory = (u8 *)queue->ring.sring;
	unsigned int i;

	if (!memory)
		return;
	queue->ring.sring = NULL;
	for (i = 0; i < queue->ring_pages; i++)
		vhsm_grant_end(queue->ring_refs[i],
			       virt_to_page(memory + i * XEN_PAGE_SIZE));
}

/* Makes ring, event channel and interrupt; requests wait for ring_start. */
int vhsm_ring_open(struct vhsm_queue *queue)
{
	struct xenbus_device *xdev = queue->device->xdev;
	struct vhsm_sring *sring;
	int err;

	sring = alloc_pages_exact(ring_bytes(queue), GFP_KERNEL | __GFP_ZERO);
	if (!sring)
		return -ENOMEM;
	err = ring_grant(queue, sring);
	if (err) {
		free_pages_exact(sring, ring_bytes(queue));
		return err;
	}
	SHARED_RING_INIT(sring);
	FRONT_RING_INIT(&queue->ring, sring, ring_bytes(queue));
	err = xenbus_alloc_evtchn(xdev, &queue->port);
	if (err)
		goto err_free_ring;
	err = bind_evtchn_to_irqhandler_lateeoi(queue->port, ring_interrupt, 0,
						"vhsm", queue);
	if (err < 0)
		goto err_free_evtchn;
	queue->irq = err;
	return 0;

err_free_evtchn:
	xenbus_free_evtchn(xdev, queue->port);
err_free_ring:
	ring_free(queue);
	return err;
}

void vhsm_ring_start(struct vhsm_queue *queue)
{
	unsigned long flags;

	spin_lock_irqsave(&queue->lock, flags);
	queue->live = true;
	spin_unlock_irqrestore(&queue->lock, flags);
	wake_up_all(&queue->room);
}

/* Undoes open and start, whichever happened; outstanding requests: GONE. */
void vhsm_ring_close(struct vhsm_queue *queue)
{
	unsigned long flags;

	spin_lock_irqsave(&queue->lock, flags);
	queue->live = false;
	spin_unlock_irqrestore(&queue->lock, flags);
	if (queue->irq)
		unbind_from_irqhandler(queue->irq, queue);
	queue->irq = 0;
	slots_abandon(queue);
	ring_free(queue);
}

/* ------------------------------------------------------------- submitting */

static struct vhsm_slot *slot_take(struct vhsm_queue *queue)
{
	unsigned int i = queue->free_slots[--queue->free_count];
	struct vhsm_slot *slot = &queue->slots[i];

	slot->wire_id = ++slot->uses << VHSM_SLOT_BITS | i;
	return slot;
}

/* Puts one request on the ring; published by the next push. */
static void ring_put(struct vhsm_queue *queue, struct vhsm_slot *slot,
		     const struct vhsm_request *request)
{
	struct vhsm_request *place;

	place = RING_GET_REQUEST(&queue->ring, queue->ring.req_prod_pvt);
	*place = *request;
	place->id = slot->wire_id;
	slot->op = request->op;
	slot->output_len = request->op == VHSM_OP_CANCEL ? 0 :
			   request->u.seg[VHSM_SEG_OUTPUT].len;
	queue->ring.req_prod_pvt++;
	queue->requests++;
}

/* The wire's id of the session's own request, 0 if it has none such. */
static u64 cancel_target(const struct vhsm_session *session, u64 user_id)
{
	const struct vhsm_queue *queue = session->queue;
	const struct vhsm_slot *slot;
	unsigned int i;

	for (i = 0; i < queue->slot_count; i++) {
		slot = &queue->slots[i];
		if (slot->wire_id && slot->session == session &&
		    slot->user_id == user_id && slot->op != VHSM_OP_CANCEL)
			return slot->wire_id;
	}
	return 0;
}

/* What can be said without the backend; OK: it has to be asked. */
static u16 answer_here(const struct vhsm_session *session,
		       struct vhsm_item *item, struct vhsm_request *request)
{
	const struct vhsm_queue *queue = session->queue;

	*request = item->wire;
	if (item->status != VHSM_S_OK)
		return item->status;
	if (!queue->live)
		return VHSM_S_GONE;
	if (item->connection &&
	    item->connection != queue->device->connections)
		return VHSM_S_GONE;
	if (request->op != VHSM_OP_CANCEL)
		return VHSM_S_OK;
	request->u.cancel.id = cancel_target(session, request->u.cancel.id);
	return request->u.cancel.id ? VHSM_S_OK : VHSM_S_NOT_FOUND;
}

/*
 * Takes as many of the items as there is room for; the others are the
 * caller's to bring again.  Nothing is published before vhsm_ring_push.
 */
unsigned int vhsm_ring_submit(struct vhsm_session *session,
			      const struct vhsm_item *items,
			      unsigned int count)
{
	struct vhsm_queue *queue = session->queue;
	struct vhsm_response response = {};
	struct vhsm_request request;
	struct vhsm_slot *slot;
	struct vhsm_item item;
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&queue->lock, flags);
	for (i = 0; i < count && !vhsm_session_full(session); i++) {
		item = items[i];
		response.status = answer_here(session, &item, &request);
		if (response.status != VHSM_S_OK) {
			response.id = item.user_id;
			response.op = item.wire.op;
			queue->gone += response.status == VHSM_S_GONE;
			vhsm_session_complete(session, &response);
			continue;
		}
		if (queue->free_count <= VHSM_CALLS) {
			queue->starved = true;
			break;
		}
		slot = slot_take(queue);
		slot->session = session;
		slot->user_id = item.user_id;
		slot->user_key = item.user_key;
		vhsm_session_get(session);
		session->inflight++;
		ring_put(queue, slot, &request);
	}
	spin_unlock_irqrestore(&queue->lock, flags);
	return i;
}

static void ring_push_locked(struct vhsm_queue *queue)
{
	int notify;

	if (!queue->live)
		return;
	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&queue->ring, notify);
	if (notify) {
		queue->notifications++;
		notify_remote_via_irq(queue->irq);
	}
}

/*
 * Publishes what was submitted and notifies if the backend asked for it.  The
 * lock is held over the notification: closing waits for it before it unbinds.
 */
void vhsm_ring_push(struct vhsm_queue *queue)
{
	unsigned long flags;

	spin_lock_irqsave(&queue->lock, flags);
	ring_push_locked(queue);
	spin_unlock_irqrestore(&queue->lock, flags);
}

/* Notifies whether or not the backend asked: for debugfs. */
void vhsm_ring_notify(struct vhsm_queue *queue)
{
	unsigned long flags;

	spin_lock_irqsave(&queue->lock, flags);
	if (queue->live) {
		queue->notifications++;
		notify_remote_via_irq(queue->irq);
	}
	spin_unlock_irqrestore(&queue->lock, flags);
}

/*
 * Submits and publishes a call of the driver's own; false while away.  Users
 * always leave room for all calls.
 */
bool vhsm_ring_call(struct vhsm_queue *queue, struct vhsm_call *call,
		    struct vhsm_request *request)
{
	struct vhsm_slot *slot;
	unsigned long flags;
	bool live;

	spin_lock_irqsave(&queue->lock, flags);
	live = queue->live && queue->free_count;
	if (live) {
		slot = slot_take(queue);
		slot->call = call;
		ring_put(queue, slot, request);
		ring_push_locked(queue);
	}
	spin_unlock_irqrestore(&queue->lock, flags);
	return live;
}

/* -------------------------------------------------------------- answering */

static bool status_known(u16 status)
{
	return status == VHSM_S_OK ||
	       (status >= VHSM_S_BAD_OP && status <= VHSM_S_BAD_NAME) ||
	       (status >= VHSM_S_NO_KEY && status <= VHSM_S_VERIFY_ONLY) ||
	       status == VHSM_S_BUSY || status == VHSM_S_CANCELLED ||
	       status == VHSM_S_THROTTLED || status == VHSM_S_INTERNAL;
}

static u32 output_len_check(struct vhsm_queue *queue,
			    const struct vhsm_slot *slot, u16 status, u32 len)
{
	u32 limit = status == VHSM_S_TOO_SMALL ? VHSM_INPUT_MAX :
						 slot->output_len;

	if (len <= limit)
		return len;
	queue->clipped++;
	return limit;
}

/* From the wire's answer to the session's. */
static void response_translate(struct vhsm_queue *queue,
			       const struct vhsm_slot *slot,
			       const struct vhsm_response *untrusted,
			       struct vhsm_response *response)
{
	u16 status = untrusted->status;

	if (!status_known(status))
		status = VHSM_S_INTERNAL;
	/*
	 * The handle was good when it was sent, so it is the backend that
	 * forgot it: opened again by name when the caller retries.
	 */
	if (status == VHSM_S_BAD_HANDLE && slot->session &&
	    vhsm_key_stale(slot->session, slot->user_key))
		status = VHSM_S_GONE;
	memset(response, 0, sizeof(*response));
	response->id = slot->user_id;
	response->op = slot->op;
	response->status = status;
	response->out_len = output_len_check(queue, slot, status,
					     untrusted->out_len);
	response->key = slot->session ? 0 : untrusted->key;
	response->key_version = untrusted->key_version;
}

/* The outstanding request an answer belongs to, or NULL: a violation. */
static struct vhsm_slot *slot_find(struct vhsm_queue *queue,
				   const struct vhsm_response *untrusted)
{
	u64 i = untrusted->id & VHSM_SLOT_MASK;
	struct vhsm_slot *slot;

	if (i >= queue->slot_count)
		return NULL;
	slot = &queue->slots[array_index_nospec(i, queue->slot_count)];
	if (!untrusted->id || slot->wire_id != untrusted->id ||
	    slot->op != untrusted->op)
		return NULL;
	return slot;
}

/* Wakes a session once for all its answers in a row. */
static void session_wake_later(struct vhsm_session **last,
			       struct vhsm_session *session)
{
	if (*last == session) {
		if (session)
			vhsm_session_put(session);
		return;
	}
	if (*last) {
		wake_up(&(*last)->wait);
		vhsm_session_put(*last);
	}
	*last = session;
}

/* Takes what is there; the number of answers, or -EPROTO on a violation. */
static int ring_consume(struct vhsm_queue *queue, struct vhsm_session **last)
{
	struct vhsm_response untrusted, response;
	struct vhsm_slot *slot;
	RING_IDX prod;
	int count = 0;

	prod = READ_ONCE(queue->ring.sring->rsp_prod);
	virt_rmb();	/* the answers after the index that announces them */
	if (RING_RESPONSE_PROD_OVERFLOW(&queue->ring, prod))
		return -EPROTO;
	while (queue->ring.rsp_cons != prod) {
		RING_COPY_RESPONSE(&queue->ring, queue->ring.rsp_cons,
				   &untrusted);
		slot = slot_find(queue, &untrusted);
		if (!slot)
			return -EPROTO;
		queue->ring.rsp_cons++;
		queue->responses++;
		if (slot->session)
			response_translate(queue, slot, &untrusted, &response);
		else
			response = untrusted;
		session_wake_later(last, slot_complete(queue, slot, &response));
		count++;
	}
	return count;
}

/*
 * Bounded: every turn answers at least one outstanding request, and no new
 * one can be put meanwhile.
 */
static int ring_drain(struct vhsm_queue *queue)
{
	struct vhsm_session *last = NULL;
	int count, total = 0, more;

	do {
		count = ring_consume(queue, &last);
		if (count < 0) {
			total = count;
			break;
		}
		total += count;
		RING_FINAL_CHECK_FOR_RESPONSES(&queue->ring, more);
	} while (more && count);
	session_wake_later(&last, NULL);
	if (queue->starved && queue->free_count > VHSM_CALLS) {
		queue->starved = false;
		wake_up_all(&queue->room);
	}
	return total;
}

static int ring_poll(struct vhsm_queue *queue, bool interrupt)
{
	unsigned long flags;
	int count = 0;

	spin_lock_irqsave(&queue->lock, flags);
	queue->interrupts += interrupt;
	if (queue->live) {
		count = ring_drain(queue);
		if (count < 0)
			queue->live = false;
	}
	spin_unlock_irqrestore(&queue->lock, flags);
	if (count < 0)
		vhsm_connect_broken(queue->device,
				    "it answered what was not asked");
	return count;
}

/* Looks at the ring without being told to: for debugfs. */
void vhsm_ring_poll(struct vhsm_queue *queue)
{
	ring_poll(queue, false);
}

/* An event that brought nothing is spurious: Xen then holds back a storm. */
static irqreturn_t ring_interrupt(int irq, void *data)
{
	int count = ring_poll(data, true);

	xen_irq_lateeoi(irq, count > 0 ? 0 : XEN_EOI_FLAG_SPURIOUS);
	return IRQ_HANDLED;
}
