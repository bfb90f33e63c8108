/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message-report.c - what a monitor reports: findings, verdicts, what it
 * learned or why nothing was, a line for the log.
 */
#include <errno.h>
#include <string.h>

#include "channel/message-json.h"
#include "channel/messages.h"

#define LEARNED_DEPTH	16u

#define NUMBER_MAX	((uint64_t)INT64_MAX)

/* An encoder's numbers: JSON's end at 2^63. */
static json_int_t number(uint64_t n)
{
	return (json_int_t)(n > NUMBER_MAX ? NUMBER_MAX : n);
}

/* One that a monitor may run. */
static bool take_check(struct message *m, const struct vhsm_check_info **info)
{
	char name[32];

	if (!message_text(m, "check", name, sizeof(name)))
		return false;
	*info = vhsm_check_by_name(name);
	if (!*info || (*info)->cadence == VHSM_CADENCE_NONE)
		return message_wrong(m, "check", "names what is no check");
	return true;
}

json_t *vhsm_finding_encode(const struct vhsm_finding *f)
{
	const struct vhsm_check_info *info = vhsm_check_by_number(f->check);

	if (!info)
		return NULL;
	return json_pack("{s:s, s:s, s:o, s:o, s:s, s:I, s:I, s:s, s:o, s:o,"
			 " s:s, s:s, s:s}",
			 "check", info->name, "object", f->object,
			 "address", message_address_json(f->address),
			 "physical", message_address_json(f->physical),
			 "symbol", f->symbol,
			 "confidence", (json_int_t)f->confidence,
			 "pid", (json_int_t)f->pid, "comm", f->comm,
			 "before", message_bytes_json(f->before, f->before_len),
			 "after", message_bytes_json(f->after, f->after_len),
			 "before_code", f->before_code,
			 "after_code", f->after_code, "detail", f->detail);
}

static bool decode_finding(struct vhsm_finding *f, const json_t *untrusted,
			   char *why)
{
	const struct vhsm_check_info *info;
	struct message m;

	memset(f, 0, sizeof(*f));
	if (!message_open(&m, untrusted, "finding", why) ||
	    !take_check(&m, &info))
		return false;
	f->check = info->number;
	return message_text(&m, "object", f->object, sizeof(f->object)) &&
	       message_address(&m, "address", &f->address) &&
	       message_address(&m, "physical", &f->physical) &&
	       message_text(&m, "symbol", f->symbol, sizeof(f->symbol)) &&
	       message_u32(&m, "confidence", 1, 100, &f->confidence) &&
	       message_u32(&m, "pid", 0, UINT32_MAX, &f->pid) &&
	       message_text(&m, "comm", f->comm, sizeof(f->comm)) &&
	       message_bytes(&m, "before", f->before, VHSM_EVIDENCE_MAX,
			     &f->before_len) &&
	       message_bytes(&m, "after", f->after, VHSM_EVIDENCE_MAX,
			     &f->after_len) &&
	       message_lines(&m, "before_code", f->before_code,
			     sizeof(f->before_code)) &&
	       message_lines(&m, "after_code", f->after_code,
			     sizeof(f->after_code)) &&
	       message_text(&m, "detail", f->detail, sizeof(f->detail)) &&
	       message_end(&m);
}

int vhsm_finding_decode(struct vhsm_finding *f, const char *untrusted,
			size_t len, char *why)
{
	json_t *json = message_parse(untrusted, len, "finding", why);
	bool ok = json && decode_finding(f, json, why);

	json_decref(json);
	return ok ? 0 : -EPROTO;
}

static json_t *run_encode(const struct vhsm_check_run *run)
{
	const struct vhsm_check_info *info = vhsm_check_by_number(run->check);

	if (!info)
		return NULL;
	return json_pack("{s:s, s:b, s:I, s:I, s:I, s:s}", "check", info->name,
			 "finished", (int)run->finished,
			 "objects", number(run->objects),
			 "explained", number(run->explained),
			 "us", number(run->us), "error", run->error);
}

json_t *vhsm_verdict_encode(const struct vhsm_verdict *v)
{
	json_t *runs = json_array();
	unsigned i;
	int r = runs ? 0 : -1;

	for (i = 0; !r && i < v->run_count && i < VHSM_CHECK_RUNS_MAX; i++)
		r = json_array_append_new(runs, run_encode(&v->run[i]));
	if (r) {
		json_decref(runs);
		return NULL;
	}
	return json_pack("{s:I, s:b, s:I, s:I, s:I, s:I, s:s, s:o}",
			 "number", number(v->number), "clean", (int)v->clean,
			 "findings", (json_int_t)v->findings,
			 "us", number(v->us), "cpu_us", number(v->cpu_us),
			 "full_done", number(v->full_done),
			 "error", v->error, "runs", runs);
}

static bool decode_run(struct vhsm_check_run *run, const json_t *untrusted,
		       char *why)
{
	const struct vhsm_check_info *info;
	struct message m;

	if (!message_open(&m, untrusted, "verdict's run", why) ||
	    !take_check(&m, &info))
		return false;
	run->check = info->number;
	return message_bool(&m, "finished", &run->finished) &&
	       message_u64(&m, "objects", 0, NUMBER_MAX, &run->objects) &&
	       message_u64(&m, "explained", 0, NUMBER_MAX, &run->explained) &&
	       message_u64(&m, "us", 0, NUMBER_MAX, &run->us) &&
	       message_text(&m, "error", run->error, sizeof(run->error)) &&
	       message_end(&m);
}

/* What the monitor says of its runs must not gainsay its verdict. */
static bool runs_agree(struct message *m, const struct vhsm_verdict *v)
{
	uint64_t seen = 0;
	unsigned i;

	for (i = 0; i < v->run_count; i++) {
		if (seen & UINT64_C(1) << v->run[i].check)
			return message_wrong(m, "runs", "has a check twice");
		seen |= UINT64_C(1) << v->run[i].check;
		if (v->clean && !v->run[i].finished)
			return message_wrong(m, "clean",
					     "but a check did not finish");
	}
	if (v->clean && (v->findings || v->error[0] || !v->run_count))
		return message_wrong(m, "clean", "but there are findings, or"
				     " an error, or no check ran");
	return true;
}

int vhsm_verdict_decode(struct vhsm_verdict *v, const char *untrusted,
			size_t len, char *why)
{
	json_t *json = message_parse(untrusted, len, "verdict", why);
	const json_t *runs;
	struct message m;
	bool ok;

	memset(v, 0, sizeof(*v));
	ok = json && message_open(&m, json, "verdict", why) &&
	     message_u64(&m, "number", 1, NUMBER_MAX, &v->number) &&
	     message_bool(&m, "clean", &v->clean) &&
	     message_u32(&m, "findings", 0, UINT32_MAX, &v->findings) &&
	     message_u64(&m, "us", 0, NUMBER_MAX, &v->us) &&
	     message_u64(&m, "cpu_us", 0, NUMBER_MAX, &v->cpu_us) &&
	     message_u64(&m, "full_done", 0, NUMBER_MAX, &v->full_done) &&
	     message_text(&m, "error", v->error, sizeof(v->error)) &&
	     message_array(&m, "runs", VHSM_CHECK_RUNS_MAX, &runs) &&
	     message_end(&m);
	if (ok)
		v->run_count = (unsigned)json_array_size(runs);
	for (unsigned i = 0; ok && i < v->run_count; i++)
		ok = decode_run(&v->run[i], json_array_get(runs, i), why);
	ok = ok && runs_agree(&m, v);
	json_decref(json);
	return ok ? 0 : -EPROTO;
}

json_t *vhsm_learned_encode(const struct vhsm_check_info *check,
			    json_t *learned)
{
	return json_pack("{s:s, s:O}", "check", check->name, "learned",
			 learned);
}

static bool text_is_printable(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return true;
}

/* All texts in it are names of this and that, and are shown to people. */
static bool is_printable(const json_t *json, unsigned depth)
{
	const char *text, *name;
	json_t *value;
	size_t i, len;

	if (!depth)
		return false;
	json_object_foreach((json_t *)json, name, value)
		if (!text_is_printable(name, strlen(name)) ||
		    !is_printable(value, depth - 1))
			return false;
	json_array_foreach(json, i, value)
		if (!is_printable(value, depth - 1))
			return false;
	text = json_string_value(json);
	len = json_string_length(json);
	return !text || text_is_printable(text, len);
}

int vhsm_learned_decode(const struct vhsm_check_info **check, json_t **learned,
			const char *untrusted, size_t len, char *why)
{
	json_t *json = message_parse(untrusted, len, "learned", why);
	const json_t *value = NULL;
	struct message m;
	bool ok;

	ok = json && message_open(&m, json, "learned", why) &&
	     take_check(&m, check) &&
	     message_any(&m, "learned", &value) && message_end(&m);
	if (ok && !is_printable(value, LEARNED_DEPTH))
		ok = message_wrong(&m, "learned", "has text that is not "
				   "printable ASCII, or is too deep");
	*learned = ok ? json_incref((json_t *)value) : NULL;
	json_decref(json);
	return ok ? 0 : -EPROTO;
}

/* An object with one line of text. */
static int line_decode(const char *kind, const char *member, char *text,
		       const char *untrusted, size_t len, char *why)
{
	json_t *json = message_parse(untrusted, len, kind, why);
	struct message m;
	bool ok;

	ok = json && message_open(&m, json, kind, why) &&
	     message_text(&m, member, text, VHSM_LOG_TEXT_LEN) &&
	     message_end(&m);
	json_decref(json);
	return ok ? 0 : -EPROTO;
}

json_t *vhsm_log_encode(const char *text)
{
	return json_pack("{s:s}", "text", text);
}

int vhsm_log_decode(char text[VHSM_LOG_TEXT_LEN], const char *untrusted,
		    size_t len, char *why)
{
	return line_decode("log", "text", text, untrusted, len, why);
}

json_t *vhsm_learn_failed_encode(const char *text)
{
	return json_pack("{s:s}", "why", text);
}

int vhsm_learn_failed_decode(char text[VHSM_LOG_TEXT_LEN],
			     const char *untrusted, size_t len, char *why)
{
	return line_decode("learn-failed", "why", text, untrusted, len, why);
}
