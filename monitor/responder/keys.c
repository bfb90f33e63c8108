/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.c - what the broker is told of a guest's keys (guest.gate, after every
 * sweep and at once for a reaction) and the vault of a revocation.
 *
 * Both are told again until they have heard: the state that is told is ours,
 * and telling it twice changes nothing.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/child.h"
#include "common/clock.h"
#include "common/log.h"
#include "responder/responder.h"

#define BROKER_MS	5000u
#define VAULT_MS	30000u
#define AGAIN_S		2
#define AGAIN_MAX_S	60		/* of engines that do not confirm */
#define UNCONFIRMED_MAX	5		/* then it is an error */

struct asked {
	struct vhsm_responder *responder;
	char guest[UUID_STR_LEN];
	char uid[VHSM_ALERT_UID_LEN];
	uint32_t reactions;
	uint64_t since_ms;
};

void *vhsm_asked_open(struct vhsm_watched *w, const char *uid,
		      uint32_t reactions)
{
	struct asked *asked = calloc(1, sizeof(*asked));

	if (!asked)
		return NULL;
	asked->responder = w->responder;
	memcpy(asked->guest, w->domain.uuid, sizeof(asked->guest));
	snprintf(asked->uid, sizeof(asked->uid), "%s", uid ? uid : "");
	asked->reactions = reactions;
	asked->since_ms = vhsm_now_ms();
	return asked;
}

struct vhsm_watched *vhsm_asked_close(void *arg,
				      char uid[VHSM_ALERT_UID_LEN],
				      uint32_t *reactions)
{
	struct asked *asked = arg;
	struct vhsm_watched *w;

	if (!asked)
		return NULL;
	w = vhsm_watched_find(asked->responder, asked->guest);
	if (uid)
		memcpy(uid, asked->uid, sizeof(asked->uid));
	if (reactions)
		*reactions = asked->reactions;
	free(asked);
	return w;
}

/* What the gate does to the keys of the guest's devices, as evidence has it. */
static const char *gate_text(enum vhsm_reaction reaction)
{
	switch (reaction) {
	case VHSM_REACT_THROTTLE:
		return "slowed down";
	case VHSM_REACT_VERIFY_ONLY:
		return "restricted to verifying and decrypting";
	default:
		return "stopped";
	}
}

static void gate_acted(struct vhsm_watched *w, const char *uid,
		       uint32_t reactions, json_t *result, const char *code,
		       const char *error)
{
	json_int_t devices = json_integer_value(json_object_get(result,
								"devices"));
	json_int_t epoch = json_integer_value(json_object_get(result, "epoch"));

	for (int i = 0; i < VHSM_REACTIONS; i++) {
		if (!(reactions >> i & 1))
			continue;
		if (result)
			vhsm_reactions_acted(w, uid, i, true, "keys of %lld "
				"device%s %s by the gate, epoch %lld",
				(long long)devices, devices == 1 ? "" : "s",
				gate_text(i), (long long)epoch);
		else
			vhsm_reactions_acted(w, uid, i, false, "the broker "
				"%s, and is told again: %.80s", code ?
				"refused" : "was not reached", error);
	}
}

static void again_later(struct vhsm_watched *w)
{
	const struct timeval wait = { .tv_sec = AGAIN_S };

	event_add(w->again, &wait);
}

/* The vault's engines did not confirm: each time twice as long, for while one
 * is waited for nothing can be released. */
static void vault_later(struct vhsm_watched *w)
{
	unsigned doublings = w->unconfirmed < 6 ? w->unconfirmed - 1 : 5;
	unsigned wait_s = AGAIN_S << doublings;

	if (wait_s > AGAIN_MAX_S)
		wait_s = AGAIN_MAX_S;
	w->vault_after_ms = vhsm_now_ms() + wait_s * UINT64_C(1000);
}

static void vault_due(struct vhsm_watched *w)
{
	uint64_t now = vhsm_now_ms(), left;
	struct timeval wait;

	if (now >= w->vault_after_ms) {
		vhsm_keys_revoke(w, w->incident.uid);
		return;
	}
	left = w->vault_after_ms - now;
	wait = (struct timeval){ left / 1000, left % 1000 * 1000 + 999 };
	/* What comes sooner asks here as well. */
	if (!event_pending(w->again, EV_TIMEOUT, NULL))
		event_add(w->again, &wait);
}

void vhsm_keys_untold(struct vhsm_watched *w)
{
	w->vault_told = false;
	w->unconfirmed = 0;
	w->vault_after_ms = 0;
}

static bool lease_is_shut(json_t *result)
{
	const char *lease = json_string_value(json_object_get(result,
							      "lease"));

	return lease && strcmp(lease, "none");
}

/* Told once, not after every sweep. */
static void lease_refused(struct vhsm_watched *w, bool refused)
{
	if (refused && !w->lease_refused)
		vhsm_log(LOG_WARNING, "%s (ID %u): its keys stay shut: a "
			 "device's policy demands a lease, and policy %s, by "
			 "which it is watched, gives none", w->domain.name,
			 w->domain.domid, w->policy.name);
	w->lease_refused = refused;
}

static void on_gate(void *arg, json_t *result, const char *code,
		    const char *error)
{
	static struct vhsm_log_limit limit = { .burst = 5, .interval_s = 60 };
	char uid[VHSM_ALERT_UID_LEN];
	uint32_t reactions = 0;
	struct vhsm_watched *w = vhsm_asked_close(arg, uid, &reactions);

	/* Without a device there is nothing to stop yet; and of a domain that
	 * is made the broker may hear later than we. */
	if (!result && (!code || (strcmp(code, "not-found") &&
				  strcmp(code, "other-domain"))))
		vhsm_log_limited(&limit, LOG_ERR, "the broker: %s", error);
	if (!w)
		return;
	if (!result && (w->domain.domid || !code || strcmp(code, "not-found")))
		again_later(w);
	if (result)
		lease_refused(w, !vhsm_policy_lease(&w->policy) &&
			      !w->stopped && !w->mixed && lease_is_shut(result));
	if (!reactions)
		return;
	w->gate_busy -= w->gate_busy != 0;	/* a new record has none */
	gate_acted(w, uid, reactions, result, code, error);
	vhsm_reactions_pump(w);
}

static void gate_tell(struct vhsm_watched *w, const struct vhsm_key_gate *gate,
		      vhsm_rpc_answered *answered, void *arg)
{
	/* The broker's clock is ours: what is late is worth less. */
	json_t *params = json_pack("{s:s,s:o,s:s,s:o,s:o,s:o,s:b,s:s}",
		"uuid", w->domain.uuid, "domid", w->domain.domid ?
			json_integer(w->domain.domid) : json_null(),
		"level", vhsm_ladder_level_name(gate->level),
		"rate", gate->level == VHSM_GATE_THROTTLED ?
			json_integer(gate->rate) : json_null(),
		"valid_ms", gate->leased ? json_integer(gate->valid_ms) :
			json_null(),
		"valid_until_ms", gate->valid_ms ?
			json_integer(gate->valid_until_ms) : json_null(),
		"unwatched", gate->unwatched, "reason", gate->reason);

	vhsm_rpc_async_call(w->responder->broker, "guest.gate", params, -1, BROKER_MS,
			    answered, arg);
}

void vhsm_keys_decide(struct vhsm_key_gate *gate, const struct vhsm_watched *w)
{
	if (w->stopped) {
		*gate = (struct vhsm_key_gate){
			.level = VHSM_GATE_FULL, .unwatched = !w->unnamed,
		};
		snprintf(gate->reason, sizeof(gate->reason), w->unnamed ?
			 "its configuration names no policy" :
			 "the watch was ended by an admin");
		return;
	}
	vhsm_ladder_gate(gate, &w->policy, &w->incident, &w->watch,
			 vhsm_now_ms());
	if (!w->mixed)
		return;
	gate->leased = true;
	gate->valid_ms = 0;
	if (gate->level == VHSM_GATE_FULL)
		snprintf(gate->reason, sizeof(gate->reason), "its devices name "
			 "different policies");
}

void vhsm_keys_gate(struct vhsm_watched *w, const char *uid,
		    uint32_t reactions)
{
	void *asked = vhsm_asked_open(w, uid, reactions);
	struct vhsm_key_gate gate;

	vhsm_keys_decide(&gate, w);
	/* Told even so: only the answer goes nowhere. */
	if (!asked)
		again_later(w);
	w->gate_busy += asked && reactions;
	gate_tell(w, &gate, on_gate, asked);
	/* What a release is undoing is done again once it is refused. */
	if (gate.level == VHSM_GATE_REVOKED && !w->vault_told && !w->releaser)
		vault_due(w);
}

/* Said at first, when it becomes an error, and when it is mended; not each
 * time. */
static void revoked_tell(struct vhsm_watched *w, const char *uid,
			 json_t *result)
{
	json_int_t keys = json_integer_value(json_object_get(result, "keys"));
	json_int_t ms = json_integer_value(json_object_get(result, "ms"));
	json_int_t left = json_integer_value(json_object_get(result,
							     "unconfirmed"));

	if (left <= 0)
		vhsm_reactions_acted(w, uid, VHSM_REACT_REVOKE, true,
			"%lld keys withheld by the vault, zeroised in %lld ms",
			(long long)keys, (long long)ms);
	else if (w->unconfirmed == 1)
		vhsm_reactions_acted(w, uid, VHSM_REACT_REVOKE, false,
			"%lld keys withheld by the vault, but engines did not "
			"confirm %lld of them; they are asked again",
			(long long)keys, (long long)left);
	else if (w->unconfirmed == UNCONFIRMED_MAX)
		vhsm_log(LOG_ERR, "%s (ID %u): engines did not confirm that "
			 "they zeroised %lld of its keys, asked %u times, and "
			 "are asked on; the gate refuses the keys' use: detach "
			 "its devices, or restart vhsmd, which ends them",
			 w->domain.name, w->domain.domid, (long long)left,
			 w->unconfirmed);
}

static void on_revoked(void *arg, json_t *result, const char *code,
		       const char *error)
{
	char uid[VHSM_ALERT_UID_LEN];
	struct vhsm_watched *w = vhsm_asked_close(arg, uid, NULL);
	bool confirmed = json_integer_value(json_object_get(result,
					    "unconfirmed")) <= 0;

	if (!w)
		return;
	w->vault_busy = false;
	/* A guest without a unit has no keys. */
	w->vault_told = (result && confirmed) ||
		(code && !strcmp(code, "not-found"));
	if (w->vault_told)
		w->unconfirmed = 0;
	else if (result)
		w->unconfirmed++;
	if (result)
		revoked_tell(w, uid, result);
	else if (!w->vault_told)
		vhsm_watched_problem(w, "the vault, which is told again: %s",
				     error);
	if (!w->vault_told && result)
		vault_later(w);
	if (!w->vault_told)
		again_later(w);
	vhsm_reactions_pump(w);
}

void vhsm_keys_revoke(struct vhsm_watched *w, const char *uid)
{
	void *asked = w->vault_busy ? NULL : vhsm_asked_open(w, uid, 0);

	if (w->vault_busy)
		return;
	if (!asked)
		again_later(w);
	w->vault_busy = asked != NULL;
	vhsm_rpc_async_call(w->responder->vault, "guest.revoke",
			    json_pack("{s:s,s:s}", "uuid", w->domain.uuid,
				      "reason", w->incident.reason), -1,
			    VAULT_MS, on_revoked, asked);
}

void vhsm_keys_again(void *arg)
{
	struct vhsm_responder *r = arg;
	struct vhsm_watched *w;

	LIST_FOREACH(w, &r->guests, link)
		if (w->domain.domid)
			vhsm_keys_gate(w, NULL, 0);
}
