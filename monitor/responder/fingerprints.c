/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fingerprints.c - what a guest's keys would look like in its memory: asked of
 * the vault before a monitor is started, told to the monitor with its
 * configuration, and asked again as often as it scans all memory, for there may
 * be other keys by then.
 *
 * The vault writes a set into a file that is in memory only and has no name.
 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/child.h"
#include "common/clock.h"
#include "common/log.h"
#include "responder/responder.h"

#define VAULT_MS	30000u
#define SET_LEN_MAX	(8 << 20)	/* far over VHSM_FINGERPRINTS_MAX */

struct question {
	void *asked;			/* vhsm_asked_open */
	int fd;				/* of the file */
	bool starts;			/* a monitor waits for it */
};

static bool is_searched_for(const struct vhsm_watched *w)
{
	return w->policy.checks >> VHSM_CHECK_SECRET_LEAK & 1;
}

/* --- to the monitor --- */

/* The parts of w's set as frames; *len is their sum.  NULL without memory. */
static json_t *frames_make(const struct vhsm_watched *w, size_t *len)
{
	const json_t *all = json_object_get(w->fingerprints.set, "entries");
	const size_t count = json_array_size(all);
	struct vhsm_fingerprints_part part = {
		.parts = count ? (count + VHSM_PART_ENTRIES - 1) /
				 VHSM_PART_ENTRIES : 1,
		.set = json_copy(w->fingerprints.set),
	};
	json_t *frames = json_array();
	int ret = frames && part.set ? 0 : -1;

	*len = 0;
	for (; !ret && part.part < part.parts; part.part++) {
		json_t *entries = json_array(), *frame;
		size_t at = (size_t)part.part * VHSM_PART_ENTRIES;
		size_t end = at + VHSM_PART_ENTRIES;
		char *text;

		for (; at < count && at < end; at++)
			json_array_append(entries, json_array_get(all, at));
		ret = json_object_set_new(part.set, "entries", entries);
		frame = vhsm_fingerprints_part_encode(&part);
		text = frame ? json_dumps(frame, JSON_COMPACT) : NULL;
		json_decref(frame);
		if (!text || json_array_append_new(frames, json_string(text)))
			ret = -1;
		else
			*len += VHSM_CHANNEL_HEADER + strlen(text);
		free(text);
	}
	json_decref(part.set);
	if (!ret)
		return frames;
	json_decref(frames);
	return NULL;
}

/* All parts of the set or none. */
static int set_send(struct vhsm_watched *w)
{
	size_t len, i;
	json_t *frames = frames_make(w, &len), *frame;
	int ret = frames ? vhsm_channel_reserve(w->monitor.channel, len) :
			   -ENOMEM;

	json_array_foreach(frames, i, frame)
		if (!ret)
			ret = vhsm_channel_send(w->monitor.channel,
				VHSM_FRAME_FINGERPRINTS,
				json_string_value(frame),
				json_string_length(frame));
	json_decref(frames);
	return ret;
}

void vhsm_fingerprints_tell(struct vhsm_watched *w)
{
	int ret = 0;

	if (w->fingerprints.set && is_searched_for(w))
		ret = set_send(w);
	if (ret)
		vhsm_watched_problem(w, "its monitor cannot be told what its "
				     "keys look like: %s", strerror(-ret));
}

/* --- from the vault --- */

/* A set of the right kind, as far as it matters here: the monitor looks at all
 * of it. */
static json_t *set_read(int fd)
{
	const json_t *entries;
	struct stat st;
	json_t *set;

	if (fstat(fd, &st) || st.st_size > SET_LEN_MAX ||
	    lseek(fd, 0, SEEK_SET) < 0)
		return NULL;
	set = json_loadfd(fd, JSON_REJECT_DUPLICATES, NULL);
	entries = json_object_get(set, "entries");
	if (json_is_array(entries) && json_array_size(entries) <=
	    (size_t)VHSM_PARTS_MAX * VHSM_PART_ENTRIES)
		return set;
	json_decref(set);
	return NULL;
}

/* NULL, or why there is nothing to be had. */
static const char *take(struct vhsm_watched *w, int fd, json_t *result,
			const char *error, bool *changed)
{
	const char *keyset = json_string_value(json_object_get(result,
							       "keyset"));
	json_t *set;

	*changed = false;
	if (!result)
		return error ? error : "no answer";
	if (json_is_true(json_object_get(result, "unchanged")))
		return NULL;
	set = set_read(fd);
	if (!keyset || strlen(keyset) >= sizeof(w->fingerprints.keyset) ||
	    !set) {
		json_decref(set);
		return "the vault's answer makes no sense";
	}
	json_decref(w->fingerprints.set);
	w->fingerprints.set = set;
	memcpy(w->fingerprints.keyset, keyset, strlen(keyset) + 1);
	*changed = true;
	return NULL;
}

static bool is_configured(const struct vhsm_watched *w)
{
	return w->monitor.channel && (w->watch.state == VHSM_WATCH_SWEEPING ||
				      w->watch.state == VHSM_WATCH_RESTING);
}

static void on_answer(void *arg, json_t *result, const char *code,
		      const char *error)
{
	struct question *q = arg;
	struct vhsm_watched *w = vhsm_asked_close(q->asked, NULL, NULL);
	const bool starts = q->starts;
	const char *why;
	bool changed;

	(void)code;
	if (!w) {
		close(q->fd);
		free(q);
		return;
	}
	why = take(w, q->fd, result, error, &changed);
	close(q->fd);
	free(q);
	if (starts) {
		vhsm_watched_start(w, why);
		return;
	}
	w->fingerprints.asked = false;
	if (why)
		vhsm_watched_problem(w, "whether it has other keys, which its "
				     "monitor must know, cannot be told: %s",
				     why);
	else if (changed && is_configured(w))
		vhsm_fingerprints_tell(w);
}

/* NULL, or why it is not asked. */
static const char *ask(struct vhsm_watched *w, bool starts)
{
	struct question *q = calloc(1, sizeof(*q));

	if (!q)
		return "not enough memory";
	q->starts = starts;
	q->fd = memfd_create("vhsm-fingerprints", MFD_CLOEXEC);
	q->asked = q->fd < 0 ? NULL : vhsm_asked_open(w, NULL, 0);
	if (!q->asked) {
		if (q->fd >= 0)
			close(q->fd);
		free(q);
		return "not enough memory";
	}
	vhsm_rpc_async_call(w->responder->vault, "key.fingerprints",
			    json_pack("{s:s,s:s}", "uuid", w->domain.uuid,
				      "unless", w->fingerprints.keyset), q->fd,
			    VAULT_MS, on_answer, q);
	return NULL;
}

void vhsm_fingerprints_start(struct vhsm_watched *w)
{
	const char *why = ask(w, true);

	w->fingerprints.due_ms = vhsm_now_ms() + w->policy.full_ms;
	if (why)
		vhsm_watched_start(w, why);
}

void vhsm_fingerprints_look(struct vhsm_watched *w)
{
	const uint64_t now = vhsm_now_ms();

	if (!w->policy.full_ms || !is_searched_for(w) ||
	    w->fingerprints.asked || now < w->fingerprints.due_ms)
		return;
	w->fingerprints.due_ms = now + w->policy.full_ms;
	w->fingerprints.asked = !ask(w, false);
}
