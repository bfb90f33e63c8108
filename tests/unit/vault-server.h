/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault-server.h - a whole vault in the test's process: its loop in the main
 * thread, the test in another, as broker, admin and engines.
 */
#ifndef VHSM_VAULT_SERVER_H
#define VHSM_VAULT_SERVER_H

#include <jansson.h>
#include <pthread.h>

#include "common/protocol.h"

/* Runs test against a new vault in fixture_dir, until it returns. */
void server_run(void (*test)(void));

/* An admin's call; params are stolen.  The result, or NULL with *code (static,
 * may be NULL) the error's. */
json_t *admin_call(const char *method, json_t *params, int fd,
		   const char **code);
/* It must be answered, or refused with code. */
void admin_ok(const char *method, json_t *params);
void admin_refused(const char *code, const char *method, json_t *params);
/* key.generate of the fixture's domain. */
void admin_generate(const char *name, const char *type);

/* A call that runs meanwhile. */
struct admin_later {
	pthread_t thread;
	const char *method;
	json_t *params, *result;
	_Atomic int answered;
};
void admin_later_start(struct admin_later *, const char *method,
		       json_t *params);
json_t *admin_later_wait(struct admin_later *);

/* An engine for the fixture's domain: a socket, with 3 s of patience. */
int engine_attach(const char *keys);
/* Its next message; 0 at the end. */
uint32_t engine_recv(int sock, void *buf);
/* All messages to KEYS_DONE into keys; how many. */
unsigned engine_load(int sock, struct vhsm_msg_key *keys, unsigned max);
void engine_ack(int sock, uint32_t index, uint32_t state);
int engine_send(int sock, const void *msg);

/* Whatever the broker says. */
void broker_send(const void *msg, const int *fds, unsigned fd_count);

#endif /* VHSM_VAULT_SERVER_H */
