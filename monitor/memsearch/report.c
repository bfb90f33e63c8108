/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.c - collects hits and prints them: at most HITS_KEPT with their
 * addresses, all of them counted.
 */
#include "memsearch/report.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#define HITS_KEPT	1024u

struct hit {
	size_t entry;
	uint64_t address;
};

struct report {
	const struct vhsm_fingerprints *set;
	size_t secrets;
	struct vhsm_memory_stats stats;
	uint64_t hits;			/* of secrets */
	size_t kept;
	struct hit hit[HITS_KEPT];
	uint64_t *control_hits;		/* by control */
};

static size_t controls(const struct report *r)
{
	return vhsm_fingerprints_count(r->set) - r->secrets;
}

struct report *report_new(const struct vhsm_fingerprints *set, size_t secrets)
{
	struct report *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->set = set;
	r->secrets = secrets;
	r->control_hits = calloc(controls(r) + 1, sizeof(*r->control_hits));
	if (!r->control_hits) {
		free(r);
		r = NULL;
	}
	return r;
}

void report_free(struct report **r)
{
	if (!*r)
		return;
	free((*r)->control_hits);
	free(*r);
	*r = NULL;
}

int report_found(size_t entry, uint64_t address, void *arg)
{
	struct report *r = arg;

	if (entry >= r->secrets) {
		r->control_hits[entry - r->secrets]++;
		return 0;
	}
	r->hits++;
	if (r->kept < HITS_KEPT)
		r->hit[r->kept++] = (struct hit){ entry, address };
	return 0;
}

struct vhsm_memory_stats *report_stats(struct report *r)
{
	return &r->stats;
}

uint64_t report_hits(const struct report *r)
{
	return r->hits;
}

bool report_sighted(const struct report *r)
{
	size_t i;

	for (i = 0; i < controls(r); i++)
		if (!r->control_hits[i])
			return false;
	return true;
}

static void print_text(const struct report *r, FILE *out)
{
	size_t i;

	fprintf(out, "searched %" PRIu64 " pages for %zu fingerprints, %"
		PRIu64 " pages unreadable\n", r->stats.pages, r->secrets,
		r->stats.unreadable);
	for (i = 0; i < controls(r); i++)
		fprintf(out, "control %zu: %s\n", i + 1, r->control_hits[i] ?
			"found" : "NOT FOUND: the search proves nothing");
	for (i = 0; i < r->kept; i++)
		fprintf(out, "FOUND %s at %#" PRIx64 "\n",
			vhsm_fingerprints_label(r->set, r->hit[i].entry),
			r->hit[i].address);
	if (r->hits > r->kept)
		fprintf(out, "... and %" PRIu64 " more\n", r->hits - r->kept);
	if (!r->hits)
		fprintf(out, "no secret found\n");
}

static json_t *hits_json(const struct report *r)
{
	json_t *list = json_array();
	char address[24];
	size_t i;

	for (i = 0; i < r->kept; i++) {
		snprintf(address, sizeof(address), "%#" PRIx64,
			 r->hit[i].address);
		json_array_append_new(list, json_pack("{s:s, s:s}", "label",
			vhsm_fingerprints_label(r->set, r->hit[i].entry),
			"address", address));
	}
	return list;
}

static json_t *controls_json(const struct report *r)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < controls(r); i++)
		json_array_append_new(list, json_integer(
			(json_int_t)r->control_hits[i]));
	return list;
}

static int print_json(const struct report *r, FILE *out)
{
	json_t *json;
	int status;

	json = json_pack("{s:I, s:I, s:I, s:o, s:I, s:o}",
			 "pages", (json_int_t)r->stats.pages,
			 "unreadable", (json_int_t)r->stats.unreadable,
			 "fingerprints", (json_int_t)r->secrets,
			 "controls", controls_json(r),
			 "found", (json_int_t)r->hits,
			 "hits", hits_json(r));
	if (!json)
		return -ENOMEM;
	status = json_dumpf(json, out, JSON_COMPACT);
	json_decref(json);
	fputc('\n', out);
	return status ? -EIO : 0;
}

int report_print(const struct report *r, FILE *out, bool as_json)
{
	int status = 0;

	if (as_json)
		status = print_json(r, out);
	else
		print_text(r, out);
	if (!status && fflush(out))
		status = -EIO;
	return status;
}
