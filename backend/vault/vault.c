/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault.c - the process's parts put together, and what they share: the audit
 * log's group commit, and the clock.
 *
 * Records appended while the loop handles its ready events are committed with
 * one fdatasync after them, and only then are refusals acknowledged.
 */
#include <config.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "vault/admin-request.h"
#include "vault/broker-link.h"
#include "vault/engine-channel.h"
#include "vault/events.h"
#include "vault/vault.h"

#define JOB_THREADS	2u
#define TICK_S		60
#define RETRY_S		1

int vhsm_vault_record(struct vhsm_vault *vault, const char *event,
		      const uint8_t *uuid, json_t *details)
{
	int r = vhsm_audit_append(vault->audit, event, uuid, details);

	if (r != 0)
		vhsm_log(LOG_ERR, "audit log: a record of %s was lost: %s",
			 event, strerror(-r));
	event_active(vault->commit, EV_TIMEOUT, 0);
	return r;
}

int vhsm_vault_commit(struct vhsm_vault *vault)
{
	static struct vhsm_log_limit limit = { .burst = 1, .interval_s = 10 };
	const struct timeval retry = { RETRY_S, 0 };
	int r = vhsm_audit_commit(vault->audit);

	if (r != 0) {
		vhsm_log_limited(&limit, LOG_ERR, "audit log: cannot be "
				 "written (%s); refusals wait, and changes are "
				 "not confirmed; make room in %s",
				 strerror(-r), vault->audit_dir);
		event_add(vault->commit, &retry);
		return r;
	}
	vhsm_channels_acknowledge(vault);
	return 0;
}

static void on_commit(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	vhsm_vault_commit(arg);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct vhsm_vault *vault = arg;

	(void)fd;
	(void)what;
	vhsm_channels_record_use(vault);
	vhsm_store_flush(vault->store);
	vhsm_audit_checkpoint(vault->audit);
}

/* --- notes a crash left --- */

struct contains {
	const char *text;
	bool found;
};

static int contains_line(void *arg, const char *line, size_t len, bool whole)
{
	struct contains *c = arg;

	(void)whole;
	c->found = memmem(line, len, c->text, strlen(c->text)) != NULL;
	return c->found;
}

/* Whether the change's record is in the log already. */
static bool change_recorded(struct vhsm_vault *vault, json_t *details)
{
	const char *change = json_string_value(json_object_get(details,
							       "change"));
	struct vhsm_audit_files *files;
	struct contains c = { change, false };

	if (change == NULL ||
	    vhsm_audit_files_open(&files, vault->audit_dir) != 0)
		return false;
	vhsm_audit_scan(files, contains_line, &c);
	vhsm_audit_files_close(&files);
	return c.found;
}

static int on_note(void *arg, const uint8_t *uuid, const char *event,
		   json_t *details)
{
	struct vhsm_vault *vault = arg;
	int r;

	if (change_recorded(vault, details))
		return 0;
	json_object_set_new(details, "recovered", json_true());
	r = vhsm_audit_append(vault->audit, event, uuid, json_incref(details));
	return r == 0 ? vhsm_audit_commit(vault->audit) : r;
}

/* --- beginning and end --- */

int vhsm_vault_open(struct vhsm_vault *vault, struct event_base *base,
		    const struct vhsm_vault_config *config,
		    const uint8_t *root_key, char *why)
{
	int r;

	memset(vault, 0, sizeof(*vault));
	vault->lock = -1;
	LIST_INIT(&vault->channels);
	vault->base = base;
	vault->root_uri = config->root_uri;
	vault->started = time(NULL);
	vault->commit = evtimer_new(base, on_commit, vault);
	vault->tick = event_new(base, -1, EV_PERSIST, on_tick, vault);
	if (vault->commit == NULL || vault->tick == NULL ||
	    asprintf(&vault->audit_dir, "%s/audit", config->store) < 0 ||
	    vhsm_secret_init(&vault->scratch, sizeof(struct vhsm_msg_key)) != 0)
		return vhsm_vault_fail(why, -ENOMEM, "out of memory");
	vault->lock = vhsm_store_lock(config->store, why);
	if (vault->lock < 0)
		return vault->lock;
	r = vhsm_audit_open(&vault->audit, vault->audit_dir, root_key,
			    config->audit_file_max, why);
	if (r == 0)
		r = vhsm_store_open(&vault->store, config->store, root_key,
				    config->units_max, on_note, vault, why);
	if (r == 0)
		r = vhsm_vault_record(vault, VHSM_EV_VAULT_STARTED, NULL,
			json_pack("{s:s, s:s, s:b}", "version", PACKAGE_VERSION,
				  "root", config->root_uri, "new",
				  config->new_store));
	if (r == 0)
		r = vhsm_audit_commit(vault->audit);
	if (r != 0 && why[0] == '\0')
		vhsm_vault_fail(why, r, "%s: %s", config->store,
				vhsm_vault_error_text(r));
	return r;
}

int vhsm_vault_start(struct vhsm_vault *vault, int admin_fd, int broker_fd)
{
	const struct timeval minute = { TICK_S, 0 };

	vault->jobs = vhsm_jobs_new(vault->base, JOB_THREADS);
	vault->rpc = vhsm_rpc_server_new(vault->base, admin_fd,
					 vhsm_request_handle, vault);
	if (vault->jobs == NULL || vault->rpc == NULL)
		return -ENOMEM;
	event_add(vault->tick, &minute);
	return broker_fd < 0 ? 0 : vhsm_broker_open(vault, broker_fd);
}

void vhsm_vault_close(struct vhsm_vault *vault, const char *reason)
{
	struct vhsm_channel *channel;

	vhsm_broker_close(vault);
	if (vault->rpc != NULL)
		vhsm_rpc_server_free(&vault->rpc);
	vhsm_jobs_free(&vault->jobs);
	while ((channel = LIST_FIRST(&vault->channels)) != NULL)
		vhsm_channel_close(&channel, reason);
	vhsm_store_close(&vault->store);
	if (vault->audit != NULL && reason != NULL)
		vhsm_vault_record(vault, VHSM_EV_VAULT_STOPPED, NULL,
				  json_pack("{s:s}", "reason", reason));
	vhsm_audit_close(&vault->audit);
	if (vault->lock >= 0)
		close(vault->lock);
	if (vault->commit != NULL)
		event_free(vault->commit);
	if (vault->tick != NULL)
		event_free(vault->tick);
	vhsm_secret_deinit(&vault->scratch);
	free(vault->audit_dir);
	memset(vault, 0, sizeof(*vault));
}
