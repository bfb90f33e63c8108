// SPDX-License-Identifier: GPL-2.0-only
/*
 * hostile-device.c - a minimal frontend to start attacks from: it connects
 * properly, or with any node replaced, as often as wanted.
 */
#include <linux/interrupt.h>
#include <linux/slab.h>

#include <xen/events.h>
#include <xen/page.h>

#include "hostile.h"

static struct page *ring_page(struct hostile *h, unsigned int i)
{
	return virt_to_page((u8 *)h->ring.sring + i * XEN_PAGE_SIZE);
}

int hostile_allocate(struct hostile *h)
{
	unsigned int i;

	h->directory = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!h->directory)
		return -ENOMEM;
	for (i = 0; i < HOSTILE_POOL_PAGES; i++) {
		h->pool[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!h->pool[i])
			return -ENOMEM;
	}
	return 0;
}

/* Also after a failed allocation. */
void hostile_release(struct hostile *h)
{
	unsigned int i;

	if (h->directory)
		__free_page(h->directory);
	for (i = 0; i < HOSTILE_POOL_PAGES; i++)
		if (h->pool[i])
			__free_page(h->pool[i]);
}

static irqreturn_t hostile_interrupt(int irq, void *data)
{
	struct hostile *h = data;

	wake_up_all(&h->wait);
	return IRQ_HANDLED;
}

void hostile_changed(struct xenbus_device *xdev, enum xenbus_state state)
{
	struct hostile *h = dev_get_drvdata(&xdev->dev);

	WRITE_ONCE(h->backend, state);
	h->changes++;
	wake_up_all(&h->wait);
}

/* Whether the backend is in one of two states within the time. */
bool hostile_wait_state(struct hostile *h, enum xenbus_state a,
			enum xenbus_state b, long timeout)
{
	return wait_event_timeout(h->wait, READ_ONCE(h->backend) == a ||
				  READ_ONCE(h->backend) == b, timeout) > 0;
}

/* The backend's state, and its error if it shows one. */
void hostile_say_state(struct hostile *h, char *said)
{
	char *error = xenbus_read(XBT_NIL, h->xdev->otherend, "error", NULL);

	snprintf(said, HOSTILE_SAID_LEN, "state %s, error %s",
		 xenbus_strstate(h->backend), IS_ERR(error) ? "none" : error);
	if (!IS_ERR(error))
		kfree(error);
}

static int share(struct hostile *h, struct page *page, bool readonly,
		 grant_ref_t *ref)
{
	int err = gnttab_grant_foreign_access(h->xdev->otherend_id,
					      xen_page_to_gfn(page), readonly);

	if (err < 0)
		return err;
	*ref = err;
	return 0;
}

static int share_all(struct hostile *h)
{
	__le32 *entries = page_address(h->directory);
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < 1 << HOSTILE_RING_ORDER; i++)
		err = share(h, ring_page(h, i), false, &h->ring_refs[i]);
	for (i = 0; !err && i < HOSTILE_POOL_PAGES; i++) {
		err = share(h, h->pool[i], false, &h->pool_refs[i]);
		entries[i] = cpu_to_le32(h->pool_refs[i]);
	}
	if (!err)
		err = share(h, h->directory, true, &h->directory_ref);
	return err;
}

static void unshare(struct page *page, grant_ref_t *ref)
{
	if (!*ref)
		return;
	get_page(page);
	vhsm_grant_end(*ref, page);
	*ref = 0;
}

/* Ends everything shared; the backend may be in any state. */
void hostile_disconnect(struct hostile *h)
{
	unsigned int i;

	if (h->irq)
		unbind_from_irqhandler(h->irq, h);
	h->irq = 0;
	for (i = 0; i < HOSTILE_POOL_PAGES; i++)
		unshare(h->pool[i], &h->pool_refs[i]);
	unshare(h->directory, &h->directory_ref);
	if (!h->ring.sring)
		return;
	for (i = 0; i < 1 << HOSTILE_RING_ORDER; i++) {
		unshare(ring_page(h, i), &h->ring_refs[i]);
		put_page(ring_page(h, i));
	}
	h->ring.sring = NULL;
}

/* Back to the start: the backend waits for nodes afterwards. */
int hostile_reset(struct hostile *h)
{
	hostile_disconnect(h);
	xenbus_printf(XBT_NIL, h->xdev->nodename, "state", "%d",
		      XenbusStateClosed);
	hostile_wait_state(h, XenbusStateClosed, XenbusStateInitWait,
			   HOSTILE_TIMEOUT);
	xenbus_printf(XBT_NIL, h->xdev->nodename, "state", "%d",
		      XenbusStateInitialising);
	h->xdev->state = XenbusStateInitialising;
	return hostile_wait_state(h, XenbusStateInitWait, XenbusStateInitWait,
				  HOSTILE_PARDON) ? 0 : -ETIMEDOUT;
}

static void node(struct hostile *h, const char *path, const char *wrong,
		 unsigned long right)
{
	if (!wrong)
		xenbus_printf(XBT_NIL, h->xdev->nodename, path, "%lu", right);
	else if (*wrong)
		xenbus_write(XBT_NIL, h->xdev->nodename, path, wrong);
	else
		xenbus_rm(XBT_NIL, h->xdev->nodename, path);
}

static void nodes_write(struct hostile *h, const struct hostile_nodes *nodes)
{
	char path[40];
	unsigned int i;

	node(h, "version", nodes->version, VHSM_VERSION);
	node(h, "multi-queue-num-queues", nodes->queues, 1);
	node(h, "ring-page-order", nodes->ring_order, HOSTILE_RING_ORDER);
	for (i = 0; i < 1 << HOSTILE_RING_ORDER; i++) {
		snprintf(path, sizeof(path), "queue-0/ring-ref%u", i);
		node(h, path, i ? NULL : nodes->ring_ref, h->ring_refs[i]);
	}
	node(h, "queue-0/event-channel", nodes->port, h->port);
	node(h, "queue-0/pool-pages", nodes->pool_pages, HOSTILE_POOL_PAGES);
	node(h, "queue-0/pool-directory-ref0", nodes->directory_ref,
	     h->directory_ref);
}

/* From InitWait to Initialised, with the given nodes wrong. */
int hostile_publish(struct hostile *h, const struct hostile_nodes *nodes)
{
	struct vhsm_sring *sring;
	unsigned int len = XEN_PAGE_SIZE << HOSTILE_RING_ORDER;
	int err;

	sring = alloc_pages_exact(len, GFP_KERNEL | __GFP_ZERO);
	if (!sring)
		return -ENOMEM;
	SHARED_RING_INIT(sring);
	FRONT_RING_INIT(&h->ring, sring, len);
	err = share_all(h);
	if (err)
		return err;
	if (nodes->directory)
		nodes->directory(h, page_address(h->directory));
	err = xenbus_alloc_evtchn(h->xdev, &h->port);
	if (err)
		return err;
	err = bind_evtchn_to_irqhandler(h->port, hostile_interrupt, 0,
					"vhsm-hostile", h);
	if (err < 0)
		return err;
	h->irq = err;
	nodes_write(h, nodes);
	return xenbus_switch_state(h->xdev, XenbusStateInitialised);
}

/* A proper connection, whatever was before. */
int hostile_connect(struct hostile *h)
{
	static const struct hostile_nodes right;
	int err = hostile_reset(h);

	if (!err)
		err = hostile_publish(h, &right);
	if (err)
		return err;
	if (!hostile_wait_state(h, XenbusStateConnected, XenbusStateConnected,
				HOSTILE_PARDON))
		return -ETIMEDOUT;
	return xenbus_switch_state(h->xdev, XenbusStateConnected);
}
