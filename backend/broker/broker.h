/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broker.h - what the parts of the broker share: one event loop, one thread,
 * one of each of these.
 *
 * The broker maps no guest memory and sees no key: it makes the sockets over
 * which the vault gives keys to an engine, and keeps neither end.
 */
#ifndef VHSM_BROKER_H
#define VHSM_BROKER_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uuid/uuid.h>

#include "broker/monitor.h"
#include "common/key-list.h"
#include "common/protocol.h"
#include "common/vhsmd-conf.h"
#include "common/xlcfg.h"

struct vhsm_engine;
struct vhsm_guest;
struct vhsm_guests;
struct vhsm_local;
struct vhsm_rpc_server;
struct vhsm_vault;
struct vhsm_xen;

/* Whose keys an engine serves, and how they are spoken of. */
struct vhsm_identity {
	uint8_t uuid[16];
	char uuid_text[UUID_STR_LEN];
	uint32_t domid;			/* 0 over the local transport */
	uint32_t device;		/* its number within the domain */
	char domain[80];		/* name, "" if it has none */
	char keys[VHSM_KEY_LIST_LEN];	/* as in struct vhsm_msg_attach */
	char monitor[VHSM_POLICY_NAME_MAX];	/* its policy, "" none */
};

/* What both transports' devices have in common, for lists and counters. */
struct vhsm_device {
	LIST_ENTRY(vhsm_device) link;
	struct vhsm_identity identity;
	const char *transport;		/* "xen", "local" */
	struct vhsm_engine *engine;	/* NULL: none */
	struct vhsm_guest *guest;	/* whose device it is, guest.h */
	bool demand;			/* its policy demands a lease */
	char error[VHSM_TEXT_MAX];	/* why it is closed, "" if it is not */
	/* "connected" and so on, for people. */
	const char *(*state_name)(const struct vhsm_device *);
};

struct vhsm_broker {
	struct event_base *base;
	struct vhsm_config config;
	bool verbose;
	bool stopping;
	int64_t started_ms;
	struct vhsm_vault *vault;
	struct vhsm_local *local;	/* NULL: off */
	struct vhsm_xen *xen;		/* NULL: off, or no Xen here */
	struct vhsm_rpc_server *admin;
	struct vhsm_guests *guests;
	LIST_HEAD(vhsm_device_list, vhsm_device) devices;
	unsigned engines;		/* that run */
	uint64_t engine_starts;
	uint64_t engine_deaths;		/* that nobody asked for */
};

/* The vault became ready, or an engine ended: look at what waits for that. */
void vhsm_broker_wake(struct vhsm_broker *broker);

#endif /* VHSM_BROKER_H */
