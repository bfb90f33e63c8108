// SPDX-License-Identifier: GPL-2.0-only
/*
 * debugfs.c - /sys/kernel/debug/vhsm/vhsmN/: rings, pools, sessions as they
 * are now, for people, and "kick", which on being written notifies the backend
 * and looks at the rings: a hung device that a kick wakes has lost an event.
 *
 * Numbers and indices only, no byte of a request or of the pool.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "vhsmfront.h"

static struct dentry *vhsm_debugfs_root;

static void ring_show(struct seq_file *seq, struct vhsm_queue *queue)
{
	unsigned long flags;

	spin_lock_irqsave(&queue->lock, flags);
	seq_printf(seq, "queue %u live %d port %u irq %d slots %u free %u\n",
		   queue->index, queue->live, queue->port, queue->irq,
		   queue->slot_count, queue->free_count);
	if (queue->ring.sring)
		seq_printf(seq, "  req_prod %u pvt %u req_event %u rsp_prod %u rsp_cons %u rsp_event %u\n",
			   queue->ring.sring->req_prod,
			   queue->ring.req_prod_pvt,
			   queue->ring.sring->req_event,
			   queue->ring.sring->rsp_prod, queue->ring.rsp_cons,
			   queue->ring.sring->rsp_event);
	seq_printf(seq, "  requests %llu responses %llu notifications %llu interrupts %llu clipped %llu gone %llu\n",
		   queue->requests, queue->responses, queue->notifications,
		   queue->interrupts, queue->clipped, queue->gone);
	spin_unlock_irqrestore(&queue->lock, flags);
}

/* device->lock keeps rings and queues from coming and going meanwhile. */
static int rings_show(struct seq_file *seq, void *unused)
{
	struct vhsm_device *device = seq->private;
	unsigned int i;

	mutex_lock(&device->lock);
	seq_printf(seq, "connected %d published %d connections %u breaks %u\n",
		   device->connected, device->published, device->connections,
		   device->breaks);
	for (i = 0; i < device->queue_count; i++)
		ring_show(seq, &device->queues[i]);
	mutex_unlock(&device->lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(rings);

static int pool_show(struct seq_file *seq, void *unused)
{
	struct vhsm_device *device = seq->private;
	struct vhsm_pool *pool;
	unsigned int i;

	mutex_lock(&device->lock);
	for (i = 0; i < device->queue_count; i++) {
		pool = &device->queues[i].pool;
		mutex_lock(&pool->lock);
		seq_printf(seq, "queue %u pages %u free %u granted %d to %u draining %d used %*pbl limbo %*pbl\n",
			   i, pool->page_count, pool->free_count,
			   pool->granted, pool->granted_to, pool->draining,
			   pool->page_count, pool->used, pool->page_count,
			   pool->limbo);
		mutex_unlock(&pool->lock);
	}
	mutex_unlock(&device->lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(pool);

static int sessions_show(struct seq_file *seq, void *unused)
{
	struct vhsm_device *device = seq->private;
	struct vhsm_session *session;

	spin_lock(&device->list_lock);
	list_for_each_entry(session, &device->sessions, link)
		seq_printf(seq, "pid %d queue %u slice %u+%u depth %u inflight %u done %u\n",
			   session->pid, session->queue->index,
			   session->slice_first, session->slice_pages,
			   session->depth, READ_ONCE(session->inflight),
			   READ_ONCE(session->done_count));
	spin_unlock(&device->list_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(sessions);

static ssize_t kick_write(struct file *file, const char __user *from,
			  size_t len, loff_t *offset)
{
	struct vhsm_device *device = file->private_data;
	unsigned int i;

	mutex_lock(&device->lock);
	for (i = 0; i < device->queue_count; i++) {
		vhsm_ring_notify(&device->queues[i]);
		vhsm_ring_poll(&device->queues[i]);
	}
	mutex_unlock(&device->lock);
	return len;
}

/* The owner: else a file closed after an unload would look in here. */
static const struct file_operations kick_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = kick_write,
};

void vhsm_debugfs_init(void)
{
	vhsm_debugfs_root = debugfs_create_dir("vhsm", NULL);
}

void vhsm_debugfs_deinit(void)
{
	debugfs_remove_recursive(vhsm_debugfs_root);
}

void vhsm_debugfs_add(struct vhsm_device *device)
{
	char name[16];

	snprintf(name, sizeof(name), "vhsm%u", device->id);
	device->debugfs = debugfs_create_dir(name, vhsm_debugfs_root);
	debugfs_create_file("rings", 0400, device->debugfs, device,
			    &rings_fops);
	debugfs_create_file("pool", 0400, device->debugfs, device, &pool_fops);
	debugfs_create_file("sessions", 0400, device->debugfs, device,
			    &sessions_fops);
	debugfs_create_file("kick", 0200, device->debugfs, device, &kick_fops);
}

void vhsm_debugfs_remove(struct vhsm_device *device)
{
	debugfs_remove_recursive(device->debugfs);
}
