/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vhsmfront.h - what the files of xen-vhsmfront share.
 *
 * Objects: a vhsm_device is one xenbus device; it has queues (a ring, an
 * interrupt and a pool each).  A vhsm_session is one open file, on one queue,
 * with one slice of its pool.  A vhsm_slot is one request on the ring.
 *
 * Who keeps whom alive: xenbus and every session hold a reference of the
 * device; the open file and every slot hold one of the session.  So a device
 * unplugged under open files, and a file closed under outstanding requests,
 * both go when the last user does.
 *
 * Locks, outermost first:
 *   device->lock       mutex; connecting and disconnecting
 *   session->lock      mutex; submitting, the slice, the table of keys.  Never
 *                      taken by mmap, whose lock a copy from user space takes
 *   pool->lock         mutex; the bitmaps
 *   queue->lock        spinlock, irqs off; ring, slots, completions of all the
 *                      queue's sessions, the driver's own calls
 *   device->list_lock  spinlock; the list of sessions
 */
#ifndef VHSM_VHSMFRONT_H
#define VHSM_VHSMFRONT_H

#include <linux/completion.h>
#include <linux/hw_random.h>
#include <linux/kref.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <xen/xenbus.h>

#include "compat.h"
#include "vhsm-uapi.h"

#define VHSM_CALLS		4	/* the driver's own calls at once */
#define VHSM_SESSION_KEYS	128	/* key handles per open file */
#define VHSM_SUBMIT_CHUNK	8	/* requests copied in at a time */
#define VHSM_MAX_BREAKS		3	/* protocol violations forgiven */
#define VHSM_CALL_TIMEOUT	(30 * HZ)

struct vhsm_device;
struct vhsm_session;
struct vhsm_call;

/* ---------------------------------------------------------------- pool.c */

struct vhsm_pool {
	struct mutex lock;
	unsigned int page_count;
	struct page **pages;
	grant_ref_t *refs;
	unsigned int directory_count;
	struct page *directory[VHSM_MAX_DIRECTORY_PAGES];
	grant_ref_t directory_refs[VHSM_MAX_DIRECTORY_PAGES];
	bool granted;			/* refs are valid, for granted_to */
	bool stale;			/* granted before a restore: regrant */
	domid_t granted_to;
	bool draining;			/* the backend may not have unmapped */
	unsigned long *used;		/* a bit a page */
	unsigned long *limbo;		/* given back while draining */
	unsigned int free_count;
};

int vhsm_pool_init(struct vhsm_pool *pool, unsigned int page_count);
void vhsm_pool_deinit(struct vhsm_pool *pool);
int vhsm_pool_grant(struct vhsm_pool *pool, domid_t domain);
void vhsm_pool_ungrant(struct vhsm_pool *pool);
int vhsm_pool_take(struct vhsm_pool *pool, unsigned int *page_count);
void vhsm_pool_give(struct vhsm_pool *pool, unsigned int first,
		    unsigned int page_count);
void vhsm_pool_drain(struct vhsm_pool *pool);
void vhsm_pool_drained(struct vhsm_pool *pool);

/* ---------------------------------------------------------------- ring.c */

/* One outstanding request; free when wire_id is 0. */
struct vhsm_slot {
	u64 wire_id;		/* index | uses << 16 */
	u64 uses;		/* so that an old answer finds nobody */
	u64 user_id;
	struct vhsm_session *session;	/* or, for the driver's own: */
	struct vhsm_call *call;
	u32 user_key;		/* the session's handle, 0 if none */
	u32 output_len;
	u16 op;
};

/* A request checked and translated, on its way to the ring. */
struct vhsm_item {
	struct vhsm_request wire;
	u64 user_id;
	u32 user_key;
	u32 connection;		/* of the key's wire handle; 0: needs no key */
	u16 status;		/* not OK: answered at once with it */
};

struct vhsm_queue {
	struct vhsm_device *device;
	unsigned int index;
	spinlock_t lock;
	bool live;		/* requests may be put */
	bool starved;		/* somebody found no room */
	struct vhsm_front_ring ring;
	unsigned int ring_pages;
	grant_ref_t ring_refs[1 << VHSM_MAX_RING_ORDER];
	evtchn_port_t port;
	int irq;		/* 0: not open */
	unsigned int slot_count;
	struct vhsm_slot *slots;
	u16 *free_slots;	/* a stack */
	unsigned int free_count;
	unsigned int sessions;
	wait_queue_head_t room;
	struct vhsm_pool pool;
	/* Counters, under lock. */
	u64 requests;
	u64 responses;
	u64 notifications;
	u64 interrupts;
	u64 clipped;		/* out_len larger than OUTPUT */
	u64 gone;		/* answered GONE by us */
};

int vhsm_queue_init(struct vhsm_queue *queue, struct vhsm_device *device,
		    unsigned int index, unsigned int ring_order,
		    unsigned int pool_pages);
void vhsm_queue_deinit(struct vhsm_queue *queue);
int vhsm_ring_open(struct vhsm_queue *queue);
void vhsm_ring_close(struct vhsm_queue *queue);
void vhsm_ring_start(struct vhsm_queue *queue);
void vhsm_ring_poll(struct vhsm_queue *queue);
void vhsm_ring_notify(struct vhsm_queue *queue);
void vhsm_ring_push(struct vhsm_queue *queue);
unsigned int vhsm_ring_submit(struct vhsm_session *session,
			      const struct vhsm_item *items,
			      unsigned int count);
bool vhsm_ring_call(struct vhsm_queue *queue, struct vhsm_call *call,
		    struct vhsm_request *request);

/* ---------------------------------------------------------------- call.c */

/*
 * A request of the driver itself (opening a key, random bytes), with a page of
 * queue 0's pool: the name or nothing at its start, the output in its second
 * half.  Given up by a timeout, it stays taken until the answer is in, since
 * the backend may still write to the page.
 */
struct vhsm_call {
	enum { VHSM_CALL_FREE, VHSM_CALL_BUSY, VHSM_CALL_ABANDONED } state;
	unsigned int page;
	void *memory;
	struct completion done;
	struct vhsm_response response;
};

#define VHSM_CALL_OUTPUT	(VHSM_PAGE_SIZE / 2)

int vhsm_calls_init(struct vhsm_device *device);
int vhsm_call_run(struct vhsm_device *device, u16 op, const void *param,
		  u32 param_len, void *output, u32 output_len,
		  struct vhsm_response *response);
void vhsm_call_complete(struct vhsm_call *call,
			const struct vhsm_response *response);

/* ------------------------------------------------------------- session.c */

struct vhsm_key {
	bool open;
	bool raw;			/* cannot be opened again by name */
	u32 handle;			/* index | uses << 8 */
	u32 uses;
	u32 wire;			/* the backend's handle ... */
	u32 connection;			/* ... of this connection; 0: stale */
	char name[VHSM_NAME_MAX];
};

struct vhsm_session {
	struct vhsm_device *device;
	struct vhsm_queue *queue;
	struct kref ref;
	struct list_head link;
	struct work_struct free_work;
	pid_t pid;
	struct mutex lock;
	unsigned int slice_first;
	unsigned int slice_pages;	/* 0: none yet; set once, released */
	wait_queue_head_t wait;
	/* Under queue->lock. */
	unsigned int depth;		/* inflight + done never exceed it */
	unsigned int inflight;
	unsigned int done_count;
	unsigned int done_head;
	struct vhsm_response *done;
	struct vhsm_key *keys;		/* under lock */
	struct vhsm_item items[VHSM_SUBMIT_CHUNK];	/* under lock */
};

struct vhsm_session *vhsm_session_new(struct vhsm_device *device);
void vhsm_session_close(struct vhsm_session *session);
void vhsm_sessions_wake(struct vhsm_device *device);
void vhsm_session_get(struct vhsm_session *session);
void vhsm_session_put(struct vhsm_session *session);
void vhsm_session_complete(struct vhsm_session *session,
			   const struct vhsm_response *response);
bool vhsm_session_full(const struct vhsm_session *session);
int vhsm_session_slice(struct vhsm_session *session, u64 *len);
int vhsm_session_enter(struct vhsm_session *session,
		       struct vhsm_ioc_enter *enter);

/* ---------------------------------------------------------------- keys.c */

int vhsm_key_open(struct vhsm_session *session, struct vhsm_ioc_key_open *arg);
int vhsm_key_raw(struct vhsm_session *session, struct vhsm_ioc_key_raw *arg);
int vhsm_key_close(struct vhsm_session *session, u32 handle);
int vhsm_key_resolve(struct vhsm_session *session, u32 handle,
		     struct vhsm_item *item);
bool vhsm_key_stale(struct vhsm_session *session, u32 handle);

/* ---------------------------------------------------------------- device */

struct vhsm_device {
	struct xenbus_device *xdev;	/* NULL once unplugged */
	struct kref ref;
	unsigned int id;		/* the N of /dev/vhsmN */
	struct mutex lock;
	enum xenbus_state backend;	/* its state as last told */
	bool gone;			/* unplugged, for good */
	bool connected;
	bool published;
	bool suspended;
	bool registered;		/* /dev node and hwrng are there */
	u32 abi_version;		/* 0: away */
	u32 connections;
	unsigned int breaks;
	unsigned int ring_order;
	unsigned int queue_count;
	struct vhsm_queue *queues;
	struct miscdevice misc;
	char misc_name[16];
	struct xenbus_watch watch;
	bool watching;
	struct delayed_work revive_work;
	unsigned int revive_tries;
	struct delayed_work retry_work;
	unsigned int retries;
	struct work_struct broken_work;
	struct vhsm_call calls[VHSM_CALLS];
	wait_queue_head_t call_free;
	struct hwrng rng;
	char rng_name[16];
	bool rng_registered;
	struct mutex rng_lock;
	struct work_struct rng_work;
	u8 rng_bytes[256];
	unsigned int rng_count;
	spinlock_t list_lock;
	struct list_head sessions;
	struct dentry *debugfs;
};

extern struct workqueue_struct *vhsm_workqueue;
extern unsigned int vhsm_param_queues;
extern unsigned int vhsm_param_ring_order;
extern unsigned int vhsm_param_pool_pages;
extern unsigned short vhsm_param_rng_quality;

void vhsm_device_get(struct vhsm_device *device);
void vhsm_device_put(struct vhsm_device *device);

/* connect.c */
void vhsm_connect_init(struct vhsm_device *device);
int vhsm_connect_watch(struct vhsm_device *device);
void vhsm_connect_deinit(struct vhsm_device *device);
void vhsm_connect_changed(struct xenbus_device *xdev, enum xenbus_state state);
int vhsm_connect_suspend(struct xenbus_device *xdev);
int vhsm_connect_resume(struct xenbus_device *xdev);
void vhsm_connect_broken(struct vhsm_device *device, const char *why);

/* chardev.c */
int vhsm_chardev_register(struct vhsm_device *device);
void vhsm_chardev_unregister(struct vhsm_device *device);

/* hwrng.c */
void vhsm_hwrng_init(struct vhsm_device *device);
void vhsm_hwrng_register(struct vhsm_device *device);
void vhsm_hwrng_unregister(struct vhsm_device *device);

/* debugfs.c, sysfs.c */
void vhsm_debugfs_init(void);
void vhsm_debugfs_deinit(void);
void vhsm_debugfs_add(struct vhsm_device *device);
void vhsm_debugfs_remove(struct vhsm_device *device);
extern const struct attribute_group *vhsm_sysfs_groups[];
void vhsm_device_info(struct vhsm_device *device, struct vhsm_ioc_info *info);

/* selftest.c */
int vhsm_selftest(void);

#endif /* VHSM_VHSMFRONT_H */
