/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit-read.c - showing records, and proving the chain.  The files are
 * untrusted: that is the point of it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hex.h"
#include "vault/audit-files.h"
#include "vault/events.h"

/* --- verify --- */

struct verify {
	EVP_PKEY *key;
	struct vhsm_audit_head head;
	struct vhsm_audit_report *report;
};

static int broken(struct verify *v, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int broken(struct verify *v, const char *format, ...)
{
	va_list args;

	v->report->broken = true;
	v->report->broken_seq = v->head.seq + 1;
	va_start(args, format);
	vsnprintf(v->report->problem, sizeof(v->report->problem), format, args);
	va_end(args);
	return 1;
}

static int checkpoint_check(struct verify *v, json_t *record)
{
	uint8_t sig[VHSM_AUDIT_SIG_LEN];
	const char *hex = NULL;

	if (json_unpack(record, "{s:{s:s}}", "details", "signature", &hex) ||
	    vhsm_hex_decode(hex, sig, sizeof(sig)) != 0)
		return broken(v, "a checkpoint without signature");
	if (!vhsm_audit_signature_check(v->key, v->head.seq + 1, v->head.hash,
					sig))
		return broken(v, "a checkpoint whose signature is not of this "
			      "log's key over this chain");
	v->report->checkpoints++;
	v->report->signed_seq = v->head.seq + 1;
	return 0;
}

static int record_check(struct verify *v, json_t *record, uint64_t seq)
{
	uint8_t prev[VHSM_AUDIT_HASH_LEN];
	const char *hex = NULL, *event = NULL;

	if (seq != v->head.seq + 1)
		return broken(v, "record %" PRIu64 " stands where record %"
			      PRIu64 " belongs: records were removed, added or "
			      "moved", seq, v->head.seq + 1);
	if (json_unpack(record, "{s:s, s:s}", "prev", &hex, "event", &event) ||
	    vhsm_hex_decode(hex, prev, sizeof(prev)) != 0)
		return broken(v, "it has no hash of the record before it");
	if (memcmp(prev, v->head.hash, sizeof(prev)) != 0)
		return broken(v, "its hash of the record before it does not "
			      "match: record %" PRIu64 " was changed, or this "
			      "one was", v->head.seq);
	if (strcmp(event, VHSM_EV_AUDIT_CHECKPOINT) == 0)
		return checkpoint_check(v, record);
	return 0;
}

static int verify_line(void *arg, const char *line, size_t len, bool whole)
{
	struct verify *v = arg;
	uint64_t seq = 0;
	json_t *record;
	int r;

	if (!whole)
		return broken(v, "an unfinished line");
	record = vhsm_audit_parse(line, len, &seq);
	if (record == NULL)
		return broken(v, "not a record");
	r = record_check(v, record, seq);
	json_decref(record);
	if (r != 0)
		return r;
	v->head.seq = seq;
	v->report->records++;
	v->report->last_seq = seq;
	return vhsm_audit_hash(line, len, v->head.hash);
}

int vhsm_audit_verify(struct vhsm_audit_files *files, EVP_PKEY *public_key,
		      struct vhsm_audit_report *report)
{
	struct verify v = { .key = public_key, .report = report };
	int r;

	memset(report, 0, sizeof(*report));
	r = vhsm_audit_scan(files, verify_line, &v);
	return r < 0 ? r : 0;
}

/* --- show --- */

#define SHOW_BYTES_MAX 98304u		/* of JSON, so that an answer fits */

struct show {
	const struct vhsm_audit_query *query;
	json_t *records;
	size_t bytes;
	bool more;
};

/* "key.deleted" is that event; "key", or "key.", all that begin so. */
static bool event_matches(const char *wanted, const char *event)
{
	size_t len = strlen(wanted);

	if (len == 0)
		return true;
	if (strncmp(wanted, event, len) != 0)
		return false;
	return wanted[len - 1] == '.' || event[len] == '.' ||
	       event[len] == '\0';
}

static bool record_matches(const struct vhsm_audit_query *query,
			   json_t *record, uint64_t seq)
{
	const char *when = NULL, *event = NULL, *domain = "";

	if (json_unpack(record, "{s:s, s:s, s?s}", "time", &when, "event",
			&event, "domain", &domain) != 0)
		return false;
	return seq > query->after && strcmp(when, query->since) >= 0 &&
	       event_matches(query->event, event) &&
	       (query->domain[0] == '\0' ||
		strcmp(domain, query->domain) == 0);
}

/* Makes room at the front when the last records are wanted. */
static int room_make(struct show *s, size_t len)
{
	char *text;

	while (s->bytes + len > SHOW_BYTES_MAX ||
	       json_array_size(s->records) >= s->query->limit) {
		s->more = true;
		if (!s->query->last || json_array_size(s->records) == 0)
			return 1;
		text = json_dumps(json_array_get(s->records, 0), JSON_COMPACT);
		if (text == NULL)
			return -ENOMEM;
		s->bytes -= strlen(text) < s->bytes ? strlen(text) : s->bytes;
		free(text);
		json_array_remove(s->records, 0);
	}
	return 0;
}

static int show_line(void *arg, const char *line, size_t len, bool whole)
{
	struct show *s = arg;
	uint64_t seq;
	json_t *record;
	int r = 0;

	record = whole ? vhsm_audit_parse(line, len, &seq) : NULL;
	if (record == NULL)
		return 0;
	if (record_matches(s->query, record, seq)) {
		r = room_make(s, len);
		if (r == 0 && json_array_append(s->records, record) != 0)
			r = -ENOMEM;
		if (r == 0)
			s->bytes += len;
	}
	json_decref(record);
	return r;
}

int vhsm_audit_show(struct vhsm_audit_files *files,
		    const struct vhsm_audit_query *query, json_t **records,
		    bool *more)
{
	struct show s = { .query = query, .records = json_array() };
	int r;

	*records = NULL;
	if (s.records == NULL)
		return -ENOMEM;
	r = vhsm_audit_scan(files, show_line, &s);
	if (r < 0) {
		json_decref(s.records);
		return r;
	}
	*records = s.records;
	*more = s.more;
	return 0;
}
