// SPDX-License-Identifier: GPL-2.0-only
/*
 * session.c - one open file: its slice, its requests, its completions.
 *
 * A request is copied from user space once, in kernel memory checked against
 * the slice and translated into the pool's offsets, and so sent: user space
 * cannot change it any more, nor name anything outside the slice.
 *
 * A session may have "depth" requests outstanding or answered but not fetched,
 * half of what the ring holds, so that one file cannot keep all others out and
 * the list of completions can never overflow.
 *
 * A file that is closed with requests outstanding leaves its session, and with
 * it the slice the backend may still write to, until they are answered.
 */
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vhsmfront.h"

#define VHSM_REAP_CHUNK 8

/* ------------------------------------------------------------ life cycle */

static void session_free(struct work_struct *work)
{
	struct vhsm_session *session =
		container_of(work, struct vhsm_session, free_work);
	struct vhsm_device *device = session->device;

	spin_lock(&device->list_lock);
	list_del(&session->link);
	session->queue->sessions--;
	spin_unlock(&device->list_lock);
	if (session->slice_pages)
		vhsm_pool_give(&session->queue->pool, session->slice_first,
			       session->slice_pages);
	kvfree(session->done);
	kvfree(session->keys);
	kfree(session);
	vhsm_device_put(device);
}

static void session_release(struct kref *ref)
{
	struct vhsm_session *session =
		container_of(ref, struct vhsm_session, ref);

	/* Possibly in an interrupt: clearing a slice is not for there. */
	queue_work(vhsm_workqueue, &session->free_work);
}

void vhsm_session_get(struct vhsm_session *session)
{
	kref_get(&session->ref);
}

void vhsm_session_put(struct vhsm_session *session)
{
	kref_put(&session->ref, session_release);
}

/* The queue with the most free pages; its sessions break a tie. */
static struct vhsm_queue *queue_choose(struct vhsm_device *device)
{
	struct vhsm_queue *queue, *best = &device->queues[0];
	unsigned int i, free, best_free;

	for (i = 1; i < device->queue_count; i++) {
		queue = &device->queues[i];
		free = READ_ONCE(queue->pool.free_count);
		best_free = READ_ONCE(best->pool.free_count);
		if (free > best_free ||
		    (free == best_free && queue->sessions < best->sessions))
			best = queue;
	}
	return best;
}

struct vhsm_session *vhsm_session_new(struct vhsm_device *device)
{
	struct vhsm_session *session;

	session = kzalloc(sizeof(*session), GFP_KERNEL);
	if (!session)
		return NULL;
	kref_init(&session->ref);
	mutex_init(&session->lock);
	init_waitqueue_head(&session->wait);
	INIT_WORK(&session->free_work, session_free);
	session->pid = current->tgid;
	session->depth = device->queues[0].slot_count / 2;
	session->done = kvcalloc(session->depth, sizeof(*session->done),
				 GFP_KERNEL);
	session->keys = kvcalloc(VHSM_SESSION_KEYS, sizeof(*session->keys),
				 GFP_KERNEL);
	if (!session->done || !session->keys)
		goto err_free_session;
	session->device = device;
	vhsm_device_get(device);
	spin_lock(&device->list_lock);
	session->queue = queue_choose(device);
	session->queue->sessions++;
	list_add_tail(&session->link, &device->sessions);
	spin_unlock(&device->list_lock);
	return session;

err_free_session:
	kvfree(session->done);
	kvfree(session->keys);
	kfree(session);
	return NULL;
}

/* Something changed that every poll and wait should look at. */
void vhsm_sessions_wake(struct vhsm_device *device)
{
	struct vhsm_session *session;

	spin_lock(&device->list_lock);
	list_for_each_entry(session, &device->sessions, link)
		wake_up_all(&session->wait);
	spin_unlock(&device->list_lock);
}

void vhsm_session_close(struct vhsm_session *session)
{
	vhsm_session_put(session);
}

/*
 * Gives the session its slice, once: up to *len bytes in whole pages, fewer if
 * the pool has no more in a row.  -EBUSY if it has one, -ENOMEM.
 */
int vhsm_session_slice(struct vhsm_session *session, u64 *len)
{
	struct vhsm_pool *pool = &session->queue->pool;
	u64 pages = DIV_ROUND_UP_ULL(min_t(u64, *len, U32_MAX), PAGE_SIZE);
	unsigned int count = min_t(u64, pages, pool->page_count / 4 * 3);
	int first = -EBUSY;

	if (!count)
		return -EINVAL;
	mutex_lock(&session->lock);
	if (!session->slice_pages)
		first = vhsm_pool_take(pool, &count);
	if (first >= 0) {
		session->slice_first = first;
		/* mmap reads both without the lock, the count first. */
		smp_store_release(&session->slice_pages, count);
		*len = (u64)count * PAGE_SIZE;
	}
	mutex_unlock(&session->lock);
	return first < 0 ? first : 0;
}

/* ------------------------------------------------------------ completions */

bool vhsm_session_full(const struct vhsm_session *session)
{
	return session->inflight + session->done_count >= session->depth;
}

/* Under the queue's lock; "full" was checked when it was submitted. */
void vhsm_session_complete(struct vhsm_session *session,
			   const struct vhsm_response *response)
{
	unsigned int i;

	i = (session->done_head + session->done_count) % session->depth;
	session->done[i] = *response;
	session->done_count++;
}

static unsigned int done_take(struct vhsm_session *session,
			      struct vhsm_response *responses,
			      unsigned int room)
{
	struct vhsm_queue *queue = session->queue;
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&queue->lock, flags);
	for (i = 0; i < room && session->done_count; i++) {
		responses[i] = session->done[session->done_head];
		session->done_head = (session->done_head + 1) % session->depth;
		session->done_count--;
	}
	spin_unlock_irqrestore(&queue->lock, flags);
	return i;
}

/* Copies up to "room" answers out; how many, or -EFAULT, losing a chunk. */
static int session_reap(struct vhsm_session *session,
			struct vhsm_response __user *to, u32 room)
{
	struct vhsm_response chunk[VHSM_REAP_CHUNK];
	u32 count, total = 0;

	while (total < room) {
		count = done_take(session, chunk,
				  min_t(u32, room - total, VHSM_REAP_CHUNK));
		if (!count)
			break;
		if (copy_to_user(to + total, chunk, count * sizeof(*chunk)))
			return -EFAULT;
		total += count;
	}
	if (total && waitqueue_active(&session->wait))
		wake_up(&session->wait);	/* POLLOUT */
	return total;
}

static bool session_waited(struct vhsm_session *session, u32 want)
{
	struct vhsm_queue *queue = session->queue;
	unsigned long flags;
	bool over;

	spin_lock_irqsave(&queue->lock, flags);
	over = session->done_count >= want || !session->inflight;
	spin_unlock_irqrestore(&queue->lock, flags);
	return over;
}

/* ------------------------------------------------------------- submission */

static bool op_allowed(u16 op)
{
	return op == VHSM_OP_NOP || op == VHSM_OP_KEY_LIST ||
	       op == VHSM_OP_KEY_PUBLIC ||
	       (op >= VHSM_OP_SIGN && op <= VHSM_OP_RANDOM) ||
	       op == VHSM_OP_CANCEL;
}

/* From the slice's offsets to the pool's. */
static u16 segments_translate(const struct vhsm_session *session,
			      struct vhsm_segment *segments)
{
	u64 slice_len = (u64)session->slice_pages * PAGE_SIZE;
	struct vhsm_segment *segment;
	unsigned int i;

	for (i = 0; i < VHSM_SEGMENTS; i++) {
		segment = &segments[i];
		if (!segment->len && !segment->offset)
			continue;
		if (!segment->len ||
		    (u64)segment->offset + segment->len > slice_len)
			return VHSM_S_BAD_SEGMENT;
		segment->offset += session->slice_first * PAGE_SIZE;
	}
	return VHSM_S_OK;
}

/*
 * Checks a request, already copied, and makes it the wire's.  Flags, mechanism
 * and lengths are for the backend to judge.  Under session->lock; 0 or -EINTR.
 */
static int request_check(struct vhsm_session *session, struct vhsm_item *item)
{
	struct vhsm_request *request = &item->wire;
	u32 handle = request->key;

	item->user_id = request->id;
	item->user_key = 0;
	item->connection = 0;
	item->status = VHSM_S_OK;
	if (!op_allowed(request->op)) {
		item->status = VHSM_S_BAD_OP;
	} else if (request->op == VHSM_OP_CANCEL) {
		if (memchr_inv(request->u.cancel.reserved, 0,
			       sizeof(request->u.cancel.reserved)))
			item->status = VHSM_S_BAD_RESERVED;
	} else {
		item->status = segments_translate(session, request->u.seg);
	}
	if (item->status != VHSM_S_OK || !handle)
		return 0;
	return vhsm_key_resolve(session, handle, item);
}

/* One chunk: how many of the "count" were taken, or -EFAULT, -EINTR. */
static int chunk_submit(struct vhsm_session *session,
			const struct vhsm_request __user *from, u32 count)
{
	struct vhsm_item *items = session->items;
	u32 i;
	int err;

	for (i = 0; i < count; i++) {
		if (copy_from_user(&items[i].wire, from + i, sizeof(*from)))
			return -EFAULT;
		err = request_check(session, &items[i]);
		if (err)
			return err;
	}
	return vhsm_ring_submit(session, items, count);
}

/* How many were taken, or, when none was, -EFAULT or -EINTR. */
static int session_submit(struct vhsm_session *session,
			  const struct vhsm_request __user *from, u32 count)
{
	u32 chunk, total = 0;
	int done = 0;

	if (mutex_lock_interruptible(&session->lock))
		return -EINTR;
	while (total < count && !READ_ONCE(session->device->gone)) {
		chunk = min_t(u32, count - total, VHSM_SUBMIT_CHUNK);
		done = chunk_submit(session, from + total, chunk);
		if (done > 0)
			total += done;
		if (done < (int)chunk)
			break;
	}
	mutex_unlock(&session->lock);
	if (total)
		vhsm_ring_push(session->queue);
	return total || done >= 0 ? (int)total : done;
}

static int session_wait(struct vhsm_session *session, u32 want, u32 timeout_ms)
{
	long timeout = timeout_ms == U32_MAX ? MAX_SCHEDULE_TIMEOUT :
					       msecs_to_jiffies(timeout_ms);

	timeout = wait_event_interruptible_timeout(session->wait,
			session_waited(session, want), timeout);
	return timeout < 0 ? -EINTR : 0;
}

/* VHSM_IOC_ENTER, as vhsm-uapi.h has it. */
int vhsm_session_enter(struct vhsm_session *session,
		       struct vhsm_ioc_enter *enter)
{
	u32 asked = enter->submit | enter->reap;
	int submitted = 0, reaped = 0, err = 0;

	if (enter->submit)
		submitted = session_submit(session,
					   u64_to_user_ptr(enter->requests),
					   enter->submit);
	if (submitted < 0)
		return submitted;
	if (enter->wait && enter->reap)
		err = session_wait(session, min(enter->wait, enter->reap),
				   enter->timeout_ms);
	if (enter->reap)
		reaped = session_reap(session,
				      u64_to_user_ptr(enter->responses),
				      enter->reap);
	if (reaped < 0)
		return reaped;
	enter->submit = submitted;
	enter->reap = reaped;
	if (submitted || reaped || !asked)
		return 0;
	if (READ_ONCE(session->device->gone))
		return -ENODEV;
	return err ? err : -EAGAIN;
}
