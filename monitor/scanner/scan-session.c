/* SPDX-License-Identifier: Apache-2.0 */
/* scan-session.c - see scan-session.h. */
#include <config.h>

#include "scanner/scan-session.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks/run.h"
#include "common/log.h"

struct session {
	const struct session_setup *setup;
	struct guest *guest;		/* NULL before CONFIGURE */
	uint64_t frames;		/* of the guest */
	uint64_t number;		/* of the last sweep */
	bool learn;			/* with the next sweep */
	struct vhsm_fingerprints *keys;	/* the parts that came of a set */
	uint32_t next_part;		/* 0: a new set */
	uint32_t parts;
	uint64_t unsent;		/* frames there was no room for */
	uint64_t unsent_before;		/* at the last verdict */
	char *why;
	struct vhsm_sweep_order order;
	struct vhsm_verdict verdict;
};

/*
 * Sends a message, which is freed.  One for which there is no room is left out:
 * the responder has not read a megabyte, and will not call the guest clean
 * without a verdict.
 */
static int tell(struct session *s, uint32_t type, json_t *message)
{
	char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
	int r = -ENOMEM;

	json_decref(message);
	if (text)
		r = vhsm_channel_send(s->setup->channel, type, text,
				      strlen(text));
	free(text);
	if (r != -ENOBUFS && r != -ENOMEM && r != -EMSGSIZE)
		return r;
	if (s->unsent++ == 0)
		vhsm_log(LOG_WARNING, "a message of type %u is not sent: %s",
			 type, strerror(-r));
	return 0;
}

static void tell_log(struct session *s, const char *text)
{
	char line[VHSM_LOG_TEXT_LEN];

	snprintf(line, sizeof(line), "%s", text);
	vhsm_finding_clean_text(line, sizeof(line));
	vhsm_log(LOG_NOTICE, "%s", line);
	tell(s, VHSM_FRAME_LOG, vhsm_log_encode(line));
}

static void on_found(void *arg, const struct vhsm_finding *f)
{
	tell(arg, VHSM_FRAME_FINDING, vhsm_finding_encode(f));
}

static int refuse(struct session *s, const char *what)
{
	snprintf(s->why, GUEST_WHY_LEN, "the responder sent %s", what);
	return -EPROTO;
}

static int on_configure(struct session *s, const void *payload, size_t len)
{
	const struct guest_setup setup = {
		.baseline_dir = s->setup->baseline_dir,
		.image = s->setup->image,
		.confirm_ms = s->setup->confirm_ms,
		.boot_ms = s->setup->boot_ms,
		.found = on_found,
		.arg = s,
	};
	struct vhsm_configure c;
	int r;

	if (s->guest)
		return refuse(s, "a second configuration");
	r = vhsm_configure_decode(&c, payload, len, s->why);
	if (r)
		return r;
	s->frames = c.frames;
	s->guest = guest_open(&setup, &c, s->why);
	json_decref(c.checks);
	if (!s->guest)
		return -EINVAL;
	return s->setup->lock ? s->setup->lock(s->why) : 0;
}

static int on_dirty(struct session *s, const void *payload, size_t len)
{
	const uint8_t *bits;
	uint64_t first;
	size_t bytes;
	int r = vhsm_dirty_decode(&first, &bits, &bytes, s->frames, payload,
				  len, s->why);

	if (r)
		return r;
	guest_written(s->guest, first, bits, bytes);
	return 0;
}

/* The first part is the set the others are joined to. */
static int part_take(struct session *s, const struct vhsm_fingerprints_part *p)
{
	struct vhsm_fingerprints *set;
	char why[VHSM_FINGERPRINT_WHY_LEN] = "";
	int r = vhsm_fingerprints_decode(&set, p->set, why);

	if (r) {
		snprintf(s->why, GUEST_WHY_LEN, "fingerprints: %s", why);
		return r == -EINVAL ? -EPROTO : r;
	}
	if (!p->part) {
		vhsm_fingerprints_free(&s->keys);
		s->keys = set;
		return 0;
	}
	r = vhsm_fingerprints_join(s->keys, set);
	vhsm_fingerprints_free(&set);
	if (!r)
		return 0;
	if (r != -ENOMEM)
		return refuse(s, "fingerprints that make no set");
	snprintf(s->why, GUEST_WHY_LEN, "not enough memory for fingerprints");
	return r;
}

static int on_fingerprints(struct session *s, const void *payload, size_t len)
{
	struct vhsm_fingerprints_part p;
	struct vhsm_fingerprints *set;
	int r = vhsm_fingerprints_part_decode(&p, payload, len, s->why);

	if (r)
		return r;
	if (p.part && (p.part != s->next_part || p.parts != s->parts))
		r = refuse(s, "fingerprints out of order");
	if (!r)
		r = part_take(s, &p);
	json_decref(p.set);
	if (r)
		return r;
	s->parts = p.parts;
	s->next_part = p.part + 1;
	if (s->next_part < s->parts)
		return 0;
	s->next_part = 0;
	set = s->keys;
	s->keys = NULL;
	return guest_fingerprints(s->guest, set, s->why);
}

static int learn_refuse(struct session *s, const char *text)
{
	char line[VHSM_LOG_TEXT_LEN];

	snprintf(line, sizeof(line), "%s", text);
	vhsm_finding_clean_text(line, sizeof(line));
	vhsm_log(LOG_NOTICE, "nothing is learned: %s", line);
	return tell(s, VHSM_FRAME_LEARN_FAILED,
		    vhsm_learn_failed_encode(line));
}

/* Unlike tell: what was learned is whole, or nothing is. */
static int learned_send(struct session *s, const char *name, json_t *learned)
{
	const struct vhsm_check_info *check = vhsm_check_by_name(name);
	json_t *message = check ? vhsm_learned_encode(check, learned) : NULL;
	char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
	int r = text ? vhsm_channel_send(s->setup->channel, VHSM_FRAME_LEARNED,
					 text, strlen(text)) : -ENOMEM;

	free(text);
	json_decref(message);
	return r;
}

/* What every check learned, one frame each; of a guest that shows nothing
 * that is not approved, for else that would be learned. */
static int learn(struct session *s)
{
	char why[GUEST_WHY_LEN] = "";
	json_t *all, *learned;
	const char *name;
	int r = 0;

	s->learn = false;
	if (!s->verdict.clean)
		return learn_refuse(s, s->verdict.error[0] ?
				    s->verdict.error :
				    "the guest is not clean");
	if (guest_learn(s->guest, &all, why))
		return learn_refuse(s, why);
	json_object_foreach(all, name, learned) {
		if (r)
			break;
		r = learned_send(s, name, learned);
		if (r)
			snprintf(why, sizeof(why), "what %s learned cannot be "
				 "sent: %s", name, strerror(-r));
	}
	json_decref(all);
	if (r == -EPIPE)
		return r;
	if (r)
		return learn_refuse(s, why);
	return vhsm_channel_send(s->setup->channel, VHSM_FRAME_LEARN_DONE,
				 NULL, 0);
}

static int on_sweep(struct session *s, const void *payload, size_t len)
{
	struct vhsm_found description;
	bool found;
	int r = vhsm_sweep_order_decode(&s->order, payload, len, s->why);

	if (r)
		return r;
	if (s->order.number <= s->number)
		return refuse(s, "a sweep's number that is not higher");
	s->number = s->order.number;
	if (!s->order.logged)
		guest_written_unknown(s->guest);
	guest_sweep(s->guest, &s->order, &s->verdict, &found);
	if (found) {
		guest_describe(s->guest, &description);
		r = tell(s, VHSM_FRAME_FOUND, vhsm_found_encode(&description));
	}
	/* What of it the responder did not hear may be the worst. */
	if (s->unsent != s->unsent_before) {
		s->verdict.clean = false;
		snprintf(s->verdict.error, sizeof(s->verdict.error),
			 "%llu messages could not be sent",
			 (unsigned long long)(s->unsent - s->unsent_before));
		s->unsent_before = s->unsent;
	}
	if (!r)
		r = tell(s, VHSM_FRAME_VERDICT,
			 vhsm_verdict_encode(&s->verdict));
	if (!r && s->learn)
		r = learn(s);
	if (!r)
		guest_slice(s->guest);
	return r;
}

static int on_frame(struct session *s, uint32_t type, const void *payload,
		    size_t len)
{
	if (type == VHSM_FRAME_CONFIGURE)
		return on_configure(s, payload, len);
	if (!s->guest)
		return refuse(s, "an order before a configuration");
	switch (type) {
	case VHSM_FRAME_SWEEP:
		return on_sweep(s, payload, len);
	case VHSM_FRAME_DIRTY:
		return on_dirty(s, payload, len);
	case VHSM_FRAME_LEARN:
		s->learn = true;
		return 0;
	case VHSM_FRAME_FINGERPRINTS:
		return on_fingerprints(s, payload, len);
	default:
		return refuse(s, "what only a monitor sends");
	}
}

/* All frames that are there: 0, or what ended the session. */
static int take_frames(struct session *s)
{
	const void *payload;
	uint32_t type;
	size_t len;
	int r;

	while ((r = vhsm_channel_recv(s->setup->channel, &type, &payload,
				      &len)) == 1) {
		r = on_frame(s, type, payload, len);
		if (r)
			return r;
	}
	if (r == -EPROTO)
		return refuse(s, "what is no frame");
	return r;
}

int session_run(const struct session_setup *setup, char *why)
{
	const struct vhsm_hello hello = {
		.version = VHSM_CHANNEL_VERSION, .program = PACKAGE_VERSION,
	};
	struct pollfd fd = { .fd = vhsm_channel_fd(setup->channel),
			     .events = POLLIN };
	struct session *s = calloc(1, sizeof(*s));
	int r;

	if (!s) {
		snprintf(why, GUEST_WHY_LEN, "not enough memory");
		return -ENOMEM;
	}
	s->setup = setup;
	s->why = why;
	why[0] = 0;
	r = tell(s, VHSM_FRAME_HELLO, vhsm_hello_encode(&hello));
	while (!r) {
		r = take_frames(s);
		if (!r && poll(&fd, 1, -1) < 0 && errno != EINTR) {
			r = -errno;
			snprintf(why, GUEST_WHY_LEN, "waiting: %s",
				 strerror(-r));
		}
	}
	if (r != -EPIPE)
		tell_log(s, why);
	guest_close(&s->guest);
	vhsm_fingerprints_free(&s->keys);
	free(s);
	return r == -EPIPE ? 0 : r;
}
