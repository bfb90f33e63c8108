/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine-rig.h - a real vhsm-engine process with the test as its broker, its
 * vault and its guest.
 *
 * The vault's side acknowledges refusals by itself unless told not to; what
 * the engine says is kept for the test to look at.
 */
#ifndef ENGINE_RIG_H
#define ENGINE_RIG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/gate.h"
#include "common/protocol.h"
#include "vhsmif.h"

struct rig_queue {
	vhsm_front_ring_t ring;
	uint8_t *pool;
	size_t pool_len;
	int to_engine;
	int from_engine;
};

struct rig {
	/* Set before rig_start; 0 takes the default. */
	unsigned queues, ring_order, pool_pages;
	uint32_t spin_us, workers;
	uint32_t first_index;		/* of the rings, as if long in use */
	bool hold_acks;			/* the vault does not acknowledge */
	int gate_seals;			/* 0: as the broker seals it */

	pid_t pid;
	int broker, vault;
	struct vhsm_engine_stats *stats;
	struct vhsm_gate *gate;		/* open; the test changes it */
	int memfd;
	struct rig_queue queue[VHSM_MAX_QUEUES];

	/* What the engine told the vault. */
	unsigned refusals;
	struct vhsm_msg_refusal last_refusal;
	unsigned state_acks;
	uint64_t operations, bytes, repeats;
};

/* Starts the process; no key, not connected. */
void rig_start(struct rig *);
/* A new key of that type from the vault; rig_keys_done ends the first set. */
void rig_key(struct rig *, uint32_t index, const char *name, uint16_t type,
	     uint32_t usages);
void rig_key_version(struct rig *, uint32_t index, const char *name,
		     uint16_t type, uint32_t usages, uint32_t version);
void rig_keys_done(struct rig *);
/* Connects and waits for CONNECTED. */
void rig_connect(struct rig *);
/* start, the usual keys, keys_done, connect. */
void rig_up(struct rig *);
/* STOP, or what ended it before; the exit status, -signal if killed. */
int rig_stop(struct rig *);
int rig_wait_exit(struct rig *);

/* Takes what the engine has sent to the vault so far. */
void rig_vault_poll(struct rig *, int timeout_ms);
void rig_set_state(struct rig *, uint32_t index, uint32_t state);

/* Puts a request in the ring, without telling; tells. */
void rig_put(struct rig *, unsigned q, const struct vhsm_request *);
void rig_push(struct rig *, unsigned q);
/* The next response within a time; false if there is none. */
bool rig_take(struct rig *, unsigned q, struct vhsm_response *, int ms);
/* One request and its answer. */
struct vhsm_response rig_do(struct rig *, struct vhsm_request);
/* The handle of a key, which must exist. */
uint32_t rig_open(struct rig *, const char *name);

/* The keys of rig_up, by index. */
enum { RIG_AES, RIG_HMAC, RIG_P256, RIG_ED25519, RIG_RSA, RIG_P384, RIG_KEYS };
extern const char *const rig_names[RIG_KEYS];

/* Requests whose segments stand at usual places of the pool (below). */
enum {
	AT_PARAM = 0, AT_TAG = 128, AT_AAD = 1024, AT_INPUT = 4096,
	AT_OUTPUT = 32768
};
struct vhsm_request rig_request(uint16_t op, uint16_t mechanism, uint32_t key,
				uint32_t input_len);

#endif /* ENGINE_RIG_H */
