/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault.h - the parts of the vault's process around its event loop:
 *
 *   broker-link.c     messages of the broker: which engine serves whom
 *   engine-channel.c  engines: their keys, refusals, counters
 *   confirm.c         waiting until engines have obeyed a change
 *   admin-request.c   the admin's requests; methods*.c what they do
 *   jobs.c            what takes long
 *   vault.c           audit in groups, the clock, the beginning and the end
 *
 * One thread but for jobs, so nothing here is locked.
 */
#ifndef VHSM_VAULT_H
#define VHSM_VAULT_H

#include <event2/event.h>
#include <stdbool.h>
#include <sys/queue.h>
#include <time.h>

#include "common/protocol.h"
#include "common/rpc.h"
#include "common/secret.h"
#include "vault/audit.h"
#include "vault/jobs.h"
#include "vault/store.h"

struct vhsm_channel;
LIST_HEAD(vhsm_channels, vhsm_channel);

struct vhsm_vault {
	struct event_base *base;
	int lock;			/* of the store's directory */
	struct vhsm_store *store;
	struct vhsm_audit *audit;
	char *audit_dir;
	struct vhsm_jobs *jobs;
	struct vhsm_rpc_server *rpc;
	struct vhsm_channels channels;
	struct event *commit;		/* active when records wait */
	struct event *tick;		/* every minute */
	struct event *broker;
	struct vhsm_secret scratch;	/* one struct vhsm_msg_key */
	const char *root_uri;
	time_t started;
};

struct vhsm_vault_config {
	const char *store;
	const char *root_uri;
	bool new_store;
	unsigned units_max;
	size_t audit_file_max;
};

/* Opens store and log; no sockets yet.  As vhsm_store_open. */
int vhsm_vault_open(struct vhsm_vault *, struct event_base *,
		    const struct vhsm_vault_config *, const uint8_t *root_key,
		    char *why);
/* Threads, the admin's socket (-1: none), the broker's socket (-1: none).
 * 0 or -errno. */
int vhsm_vault_start(struct vhsm_vault *, int admin_fd, int broker_fd);
/* Ends channels, commits and closes all. */
void vhsm_vault_close(struct vhsm_vault *, const char *reason);

/* Appends a record, to be committed with others before the loop sleeps.
 * 0 or -errno: it was not appended. */
int vhsm_vault_record(struct vhsm_vault *, const char *event,
		      const uint8_t *uuid, json_t *details);
/* Commits now.  0 or -errno: not on disk yet, and tried again. */
int vhsm_vault_commit(struct vhsm_vault *);

#endif /* VHSM_VAULT_H */
