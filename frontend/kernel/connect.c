// SPDX-License-Identifier: GPL-2.0-only
/*
 * connect.c - the life of the connection.
 *
 *                     backend InitWait: publish()
 *        +------+ ------------------------------> +-----------+
 *  probe | away |                                 | published |
 *  ----> |      | <--------------+                +-----------+
 *        +------+   go_down()       |                      | backend Connected:
 *           ^    backend Closing |                      v         go_live()
 *           |    Closed, gone,   |                +-----------+
 *           |    it broke the    +--------------- | connected |
 *           |    protocol                         +-----------+
 *           |                                           |
 *           +------- resume(), orphaned() --------------+
 *
 * away:      sessions stay open; what they submit is answered GONE.
 * published: rings and pools granted, nodes written, state Initialised.
 * connected: requests flow, state Connected.
 *
 * go_down() answers what is outstanding with GONE and gives the rings back, then
 * goes Closed; pools and their grants are kept, so that coming back costs no
 * new grants.  When the backend shows an error it wants to see Initialising
 * before it tries again: retry_work does that, more and more rarely, and tries
 * again to publish where that failed.
 *
 * After a restore the kernel calls resume() if the device's nodes are there by
 * then.  If they come later it does not, and leaves the device without its
 * backend's path: a watch on the nodes notices and calls what it left out.
 *
 * All under device->lock, in the xenwatch thread or a work item.
 */
#include <linux/slab.h>

#include "vhsm-paths.h"
#include "vhsmfront.h"

#define RETRY_DELAY	(5 * HZ)
#define RETRY_MAX_SHIFT	4
#define REVIVE_TRIES	30

struct limits {
	unsigned int queues;
	unsigned int ring_order;
	unsigned int pool_pages;
};

/* ------------------------------------------------------------- connecting */

static bool version_offered(struct xenbus_device *xdev)
{
	char *versions, *rest, *one;
	unsigned int version;
	bool found = false;

	versions = xenbus_read(XBT_NIL, xdev->otherend, VHSM_NODE_VERSIONS,
			       NULL);
	if (IS_ERR(versions))
		return false;
	rest = versions;
	while ((one = strsep(&rest, ",")))
		found |= !kstrtouint(one, 10, &version) &&
			 version == VHSM_VERSION;
	kfree(versions);
	return found;
}

static int limits_read(struct xenbus_device *xdev, struct limits *limits)
{
	const char *dir = xdev->otherend;

	if (!version_offered(xdev)) {
		xenbus_dev_error(xdev, -EPROTONOSUPPORT,
				 "the backend does not speak version %u",
				 VHSM_VERSION);
		return -EPROTONOSUPPORT;
	}
	limits->queues = xenbus_read_unsigned(
		dir, VHSM_NODE_MULTI_QUEUE_MAX_QUEUES, 0);
	limits->ring_order = xenbus_read_unsigned(
		dir, VHSM_NODE_MAX_RING_PAGE_ORDER, 0);
	limits->pool_pages = xenbus_read_unsigned(
		dir, VHSM_NODE_MAX_POOL_PAGES, 0);
	if (!limits->queues || limits->pool_pages <= 2 * VHSM_CALLS) {
		xenbus_dev_error(xdev, -EINVAL,
				 "no use: the backend offers %u queues, %u pool pages",
				 limits->queues, limits->pool_pages);
		return -EINVAL;
	}
	return 0;
}

static void queues_free(struct vhsm_device *device)
{
	while (device->queue_count)
		vhsm_queue_deinit(&device->queues[--device->queue_count]);
	kfree(device->queues);
	device->queues = NULL;
}

/* The first time: as many and as large as wished and offered. */
static int queues_make(struct vhsm_device *device, const struct limits *limits)
{
	unsigned int i, count, order, pages;
	int err;

	count = vhsm_param_queues ? vhsm_param_queues : num_online_cpus();
	count = min3(count, limits->queues, VHSM_MAX_QUEUES);
	order = min3(vhsm_param_ring_order, limits->ring_order,
		     VHSM_MAX_RING_ORDER);
	pages = min3(max(vhsm_param_pool_pages, 4 * VHSM_CALLS + 0u),
		     limits->pool_pages, VHSM_MAX_POOL_PAGES);
	device->queues = kcalloc(count, sizeof(*device->queues), GFP_KERNEL);
	if (!device->queues)
		return -ENOMEM;
	device->ring_order = order;
	for (i = 0; i < count; i++) {
		err = vhsm_queue_init(&device->queues[i], device, i, order,
				      pages);
		if (err)
			goto err_free_queues;
		device->queue_count++;
	}
	err = vhsm_calls_init(device);
	if (err)
		goto err_free_queues;
	return 0;

err_free_queues:
	queues_free(device);
	return err;
}

/* Slices are in use: what there is has to fit what is offered now. */
static int queues_fit(struct vhsm_device *device, const struct limits *limits)
{
	if (device->queue_count <= limits->queues &&
	    device->ring_order <= limits->ring_order &&
	    device->queues[0].pool.page_count <= limits->pool_pages)
		return 0;
	return -ENOSPC;
}

static int queue_write(struct vhsm_queue *queue, struct xenbus_transaction t)
{
	const char *dir = queue->device->xdev->nodename;
	struct vhsm_pool *pool = &queue->pool;
	char node[48];
	unsigned int i;
	int err;

	snprintf(node, sizeof(node), VHSM_NODE_QUEUE_EVENT_CHANNEL,
		 queue->index);
	err = xenbus_printf(t, dir, node, "%u", queue->port);
	snprintf(node, sizeof(node), VHSM_NODE_QUEUE_POOL_PAGES, queue->index);
	if (!err)
		err = xenbus_printf(t, dir, node, "%u", pool->page_count);
	for (i = 0; !err && i < queue->ring_pages; i++) {
		snprintf(node, sizeof(node), VHSM_NODE_QUEUE_RING_REF,
			 queue->index, i);
		err = xenbus_printf(t, dir, node, "%u", queue->ring_refs[i]);
	}
	for (i = 0; !err && i < pool->directory_count; i++) {
		snprintf(node, sizeof(node), VHSM_NODE_QUEUE_POOL_DIRECTORY_REF,
			 queue->index, i);
		err = xenbus_printf(t, dir, node, "%u",
				    pool->directory_refs[i]);
	}
	return err;
}

static int nodes_write_once(struct vhsm_device *device)
{
	const char *dir = device->xdev->nodename;
	struct xenbus_transaction t;
	unsigned int i;
	int err;

	err = xenbus_transaction_start(&t);
	if (err)
		return err;
	err = xenbus_printf(t, dir, VHSM_NODE_VERSION, "%u", VHSM_VERSION);
	if (!err)
		err = xenbus_printf(t, dir, VHSM_NODE_MULTI_QUEUE_NUM_QUEUES,
				    "%u", device->queue_count);
	if (!err)
		err = xenbus_printf(t, dir, VHSM_NODE_RING_PAGE_ORDER, "%u",
				    device->ring_order);
	for (i = 0; !err && i < device->queue_count; i++)
		err = queue_write(&device->queues[i], t);
	if (err) {
		xenbus_transaction_end(t, 1);
		return err;
	}
	return xenbus_transaction_end(t, 0);
}

static int nodes_write(struct vhsm_device *device)
{
	int err;

	do {
		err = nodes_write_once(device);
	} while (err == -EAGAIN);
	return err;
}

/* Ends the connection, however far it had come; pools stay granted. */
static void disconnect(struct vhsm_device *device)
{
	unsigned int i;

	WRITE_ONCE(device->connected, false);
	device->published = false;
	device->abi_version = 0;
	for (i = 0; i < device->queue_count; i++) {
		vhsm_pool_drain(&device->queues[i].pool);
		vhsm_ring_close(&device->queues[i]);
	}
	vhsm_sessions_wake(device);
}

static void go_down(struct vhsm_device *device)
{
	if (device->connected)
		dev_info(&device->xdev->dev, "disconnected\n");
	disconnect(device);
	xenbus_frontend_closed(device->xdev);
}

static int queues_open(struct vhsm_device *device)
{
	struct vhsm_queue *queue;
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < device->queue_count; i++) {
		queue = &device->queues[i];
		vhsm_pool_drained(&queue->pool);
		err = vhsm_pool_grant(&queue->pool, device->xdev->otherend_id);
		if (!err)
			err = vhsm_ring_open(queue);
	}
	return err;
}

static void retry_later(struct vhsm_device *device)
{
	unsigned int shift = min_t(unsigned int, device->retries++,
				   RETRY_MAX_SHIFT);

	queue_delayed_work(vhsm_workqueue, &device->retry_work,
			   RETRY_DELAY << shift);
}

/*
 * Where that fails the state stays as it is: closing would make the backend
 * offer itself again at once, and so without end.
 */
static void publish(struct vhsm_device *device)
{
	struct xenbus_device *xdev = device->xdev;
	struct limits limits;
	int err;

	err = limits_read(xdev, &limits);
	if (err) {
		retry_later(device);
		return;
	}
	err = device->queues ? queues_fit(device, &limits) :
			       queues_make(device, &limits);
	if (!err)
		err = queues_open(device);
	if (!err)
		err = nodes_write(device);
	if (err) {
		xenbus_dev_error(xdev, err, "setting up rings and pools");
		disconnect(device);
		retry_later(device);
		return;
	}
	device->published = true;
	xenbus_switch_state(xdev, XenbusStateInitialised);
}

static void go_live(struct vhsm_device *device)
{
	struct xenbus_device *xdev = device->xdev;
	unsigned int i;

	device->abi_version = VHSM_VERSION;
	WRITE_ONCE(device->connections, device->connections + 1);
	for (i = 0; i < device->queue_count; i++)
		vhsm_ring_start(&device->queues[i]);
	WRITE_ONCE(device->connected, true);
	device->retries = 0;
	xenbus_switch_state(xdev, XenbusStateConnected);
	if (!device->registered) {
		device->registered = !vhsm_chardev_register(device);
		vhsm_hwrng_register(device);
	}
	vhsm_sessions_wake(device);
	dev_info(&xdev->dev, "connected: %u queues of %u slots, %u pool pages each\n",
		 device->queue_count, device->queues[0].slot_count,
		 device->queues[0].pool.page_count);
}

/* ----------------------------------------------------- the backend's moves */

static void backend_waits(struct vhsm_device *device)
{
	if (device->published && !device->connected)
		return;			/* told twice */
	if (device->connected)
		go_down(device);		/* it restarted without a word */
	if (device->breaks >= VHSM_MAX_BREAKS) {
		dev_err(&device->xdev->dev,
			"the backend broke the ring protocol %u times: closed until the driver is bound again\n",
			device->breaks);
		return;
	}
	publish(device);
}

static void backend_closed(struct vhsm_device *device)
{
	struct xenbus_device *xdev = device->xdev;
	char *why;

	if (xdev->state != XenbusStateClosed)
		go_down(device);
	why = xenbus_read(XBT_NIL, xdev->otherend, VHSM_NODE_ERROR, NULL);
	if (IS_ERR(why))
		return;
	dev_warn_ratelimited(&xdev->dev, "the backend closed it: %s\n", why);
	kfree(why);
	retry_later(device);
}

void vhsm_connect_changed(struct xenbus_device *xdev, enum xenbus_state state)
{
	struct vhsm_device *device = dev_get_drvdata(&xdev->dev);

	mutex_lock(&device->lock);
	device->backend = state;
	switch (state) {
	case XenbusStateInitWait:
		backend_waits(device);
		break;
	case XenbusStateConnected:
		if (device->published && !device->connected)
			go_live(device);
		break;
	case XenbusStateUnknown:	/* its nodes are gone */
	case XenbusStateClosing:
		go_down(device);
		break;
	case XenbusStateClosed:
		backend_closed(device);
		break;
	case XenbusStateInitialising:
	case XenbusStateInitialised:
	case XenbusStateReconfiguring:
	case XenbusStateReconfigured:
		break;
	}
	mutex_unlock(&device->lock);
}

/* -------------------------------------------------------------- work items */

static void retry(struct work_struct *work)
{
	struct vhsm_device *device =
		container_of(to_delayed_work(work), struct vhsm_device,
			     retry_work);

	mutex_lock(&device->lock);
	if (device->gone || device->published)
		;	/* nothing to retry any more */
	else if (device->backend == XenbusStateInitWait)
		backend_waits(device);
	else if (device->backend == XenbusStateClosed)
		xenbus_switch_state(device->xdev, XenbusStateInitialising);
	mutex_unlock(&device->lock);
}

static void broken(struct work_struct *work)
{
	struct vhsm_device *device =
		container_of(work, struct vhsm_device, broken_work);

	mutex_lock(&device->lock);
	if (!device->gone && device->published) {
		device->breaks++;
		go_down(device);
	}
	mutex_unlock(&device->lock);
}

/* The backend broke the protocol; from any context. */
void vhsm_connect_broken(struct vhsm_device *device, const char *why)
{
	pr_err_ratelimited("vhsm%u: the backend broke the ring protocol: %s\n",
			   device->id, why);
	queue_work(vhsm_workqueue, &device->broken_work);
}

/* --------------------------------------------------------- save and restore */

static bool is_orphan(const struct vhsm_device *device)
{
	return device->suspended && !device->xdev->otherend;
}

static void mark_stale(struct vhsm_device *device)
{
	unsigned int i;

	disconnect(device);
	device->backend = XenbusStateUnknown;
	for (i = 0; i < device->queue_count; i++)
		device->queues[i].pool.stale = true;
}

/* Restored before the nodes were made; they may be there by now. */
static void revive(struct work_struct *work)
{
	struct vhsm_device *device =
		container_of(to_delayed_work(work), struct vhsm_device,
			     revive_work);
	struct xenbus_device *xdev = device->xdev;

	mutex_lock(&device->lock);
	if (is_orphan(device))
		mark_stale(device);
	mutex_unlock(&device->lock);
	if (!is_orphan(device) ||
	    !xenbus_exists(XBT_NIL, xdev->nodename, "backend"))
		return;
	if (xenbus_dev_resume(&xdev->dev) &&
	    device->revive_tries++ < REVIVE_TRIES)
		queue_delayed_work(vhsm_workqueue, &device->revive_work, HZ);
}

static void nodes_changed(struct xenbus_watch *watch, const char *path,
			  const char *token)
{
	struct vhsm_device *device =
		container_of(watch, struct vhsm_device, watch);

	if (is_orphan(device)) {
		device->revive_tries = 0;
		mod_delayed_work(vhsm_workqueue, &device->revive_work, 0);
	}
}

/*
 * Nothing is quiesced: after a cancelled suspend the ring works on, and after
 * a real one resume() begins anew.
 */
int vhsm_connect_suspend(struct xenbus_device *xdev)
{
	struct vhsm_device *device = dev_get_drvdata(&xdev->dev);

	cancel_delayed_work_sync(&device->revive_work);
	cancel_delayed_work_sync(&device->retry_work);
	device->suspended = true;
	return 0;
}

/* Another host, maybe: old grants and channels mean nothing any more. */
int vhsm_connect_resume(struct xenbus_device *xdev)
{
	struct vhsm_device *device = dev_get_drvdata(&xdev->dev);

	mutex_lock(&device->lock);
	device->suspended = false;
	mark_stale(device);
	mutex_unlock(&device->lock);
	dev_info(&xdev->dev, "restored\n");
	return 0;
}

/* ---------------------------------------------------------- begin and end */

void vhsm_connect_init(struct vhsm_device *device)
{
	INIT_DELAYED_WORK(&device->revive_work, revive);
	INIT_DELAYED_WORK(&device->retry_work, retry);
	INIT_WORK(&device->broken_work, broken);
}

int vhsm_connect_watch(struct vhsm_device *device)
{
	int err;

	device->watch.node = device->xdev->nodename;
	device->watch.callback = nodes_changed;
	err = register_xenbus_watch(&device->watch);
	device->watching = !err;
	return err;
}

/* Unplugged: nothing reaches the device, or xenbus, after this. */
void vhsm_connect_deinit(struct vhsm_device *device)
{
	unsigned int i;

	if (device->watching)
		unregister_xenbus_watch(&device->watch);
	mutex_lock(&device->lock);
	WRITE_ONCE(device->gone, true);
	disconnect(device);
	for (i = 0; i < device->queue_count; i++)
		vhsm_pool_ungrant(&device->queues[i].pool);
	mutex_unlock(&device->lock);
	cancel_delayed_work_sync(&device->revive_work);
	cancel_delayed_work_sync(&device->retry_work);
	cancel_work_sync(&device->broken_work);
}
