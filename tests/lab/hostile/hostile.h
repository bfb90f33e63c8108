/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hostile.h - what the files of vhsm-hostile.ko share.
 *
 * vhsm-hostile is a guest that attacks its vhsm backend: it binds to the
 * device in place of xen-vhsmfront and breaks the contract of vhsmif.h in one
 * named way at a time.  For tests; it is never installed.
 */
#ifndef VHSM_HOSTILE_H
#define VHSM_HOSTILE_H

#include <linux/wait.h>

#include "compat.h"
#include "vhsmif.h"

#define HOSTILE_POOL_PAGES	64
#define HOSTILE_RING_ORDER	1
#define HOSTILE_SAID_LEN	160
#define HOSTILE_TIMEOUT		(20 * HZ)
#define HOSTILE_PARDON		(60 * HZ)	/* the longest the backend lets
						 * one wait that it refused */

struct hostile {
	struct xenbus_device *xdev;
	wait_queue_head_t wait;
	enum xenbus_state backend;	/* its state as last seen */
	unsigned int changes;		/* how often it changed */
	struct vhsm_front_ring ring;
	grant_ref_t ring_refs[1 << HOSTILE_RING_ORDER];
	evtchn_port_t port;
	int irq;
	struct page *pool[HOSTILE_POOL_PAGES];
	grant_ref_t pool_refs[HOSTILE_POOL_PAGES];
	struct page *directory;
	grant_ref_t directory_ref;
	u64 next_id;
};

/*
 * What is published instead of the right value: NULL publishes the right one,
 * "" leaves the node out.
 */
struct hostile_nodes {
	const char *version;
	const char *queues;
	const char *ring_order;
	const char *ring_ref;
	const char *port;
	const char *pool_pages;
	const char *directory_ref;
	void (*directory)(struct hostile *h, __le32 *entries);
};

/*
 * An attack; h is connected when "connected" is set, else the backend waits
 * for nodes.  Writes what the backend said; true if it did as vhsmif.h wants.
 */
struct hostile_attack {
	const char *name;
	bool connected;
	bool (*run)(struct hostile *h, char *said);
};

extern const struct hostile_attack hostile_ring_attacks[];
extern const struct hostile_attack hostile_request_attacks[];
extern const struct hostile_attack hostile_node_attacks[];
extern const struct hostile_attack hostile_pool_attacks[];

/* device.c */
int hostile_allocate(struct hostile *h);
void hostile_release(struct hostile *h);
int hostile_reset(struct hostile *h);
int hostile_publish(struct hostile *h, const struct hostile_nodes *nodes);
int hostile_connect(struct hostile *h);
void hostile_disconnect(struct hostile *h);
bool hostile_wait_state(struct hostile *h, enum xenbus_state a,
			enum xenbus_state b, long timeout);
void hostile_say_state(struct hostile *h, char *said);
void hostile_changed(struct xenbus_device *xdev, enum xenbus_state state);

/* ring.c */
u64 hostile_put(struct hostile *h, const struct vhsm_request *request);
int hostile_take(struct hostile *h, struct vhsm_response *response);
int hostile_ask(struct hostile *h, const struct vhsm_request *request,
		struct vhsm_response *response);
bool hostile_alive(struct hostile *h);

extern char *hostile_key;
extern char *hostile_victim;

#endif /* VHSM_HOSTILE_H */
