/* SPDX-License-Identifier: Apache-2.0 */
/*
 * methods-audit.c - audit.show and audit.verify.  Reading a long log takes
 * seconds, so a thread does it, on descriptors taken before.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/admin-request.h"
#include "vault/methods.h"

#define SHOW_DEFAULT	100u
#define SHOW_MAX	1000u

struct reading {
	struct vhsm_audit_files *files;
	struct vhsm_audit_query query;
	json_t *records;
	bool more;
	EVP_PKEY *key;
	struct vhsm_audit_report report;
	uint64_t committed;		/* what the log must reach at least */
};

static void reading_free(struct reading *reading)
{
	vhsm_audit_files_close(&reading->files);
	json_decref(reading->records);
	EVP_PKEY_free(reading->key);
	free(reading);
}

/* Whatever waits is committed first, so that it is seen. */
static struct reading *reading_new(struct vhsm_admin_request *request)
{
	struct reading *reading = calloc(1, sizeof(*reading));
	int r = -ENOMEM;

	if (reading != NULL) {
		r = vhsm_vault_commit(request->vault);
		if (r == 0)
			r = vhsm_audit_files_open(&reading->files,
						  request->vault->audit_dir);
		if (r == 0)
			return reading;
		reading_free(reading);
	}
	vhsm_request_fail(request, r, "the audit log cannot be read: %s",
			  vhsm_vault_error_text(r));
	return NULL;
}

static void reading_start(struct vhsm_admin_request *request,
			  struct reading *reading,
			  void (*run)(struct vhsm_job *),
			  void (*done)(struct vhsm_job *, bool))
{
	request->state = reading;
	request->job.run = run;
	request->job.done = done;
	if (vhsm_jobs_add(request->vault->jobs, &request->job) == 0)
		return;
	reading_free(reading);
	vhsm_request_fail(request, VHSM_E_BUSY, "too much is under way; try "
			  "again");
}

/* Common to both: false when there is nothing to answer with. */
static bool reading_check(struct vhsm_admin_request *request, bool cancelled)
{
	if (!cancelled && request->error == 0)
		return true;
	reading_free(request->state);
	if (cancelled)
		vhsm_request_fail(request, VHSM_E_BUSY, "the vault is ending");
	else
		vhsm_request_fail(request, request->error,
				  "the audit log cannot be read: %s",
				  vhsm_vault_error_text(request->error));
	return false;
}

static void show_run(struct vhsm_job *job)
{
	struct vhsm_admin_request *request = (struct vhsm_admin_request *)job;
	struct reading *reading = request->state;

	request->error = vhsm_audit_show(reading->files, &reading->query,
					 &reading->records, &reading->more);
}

static void show_done(struct vhsm_job *job, bool cancelled)
{
	struct vhsm_admin_request *request = (struct vhsm_admin_request *)job;
	struct reading *reading = request->state;
	json_t *result, *last;
	size_t count;

	if (!reading_check(request, cancelled))
		return;
	count = json_array_size(reading->records);
	result = json_pack("{s:O}", "records", reading->records);
	if (reading->more && !reading->query.last && count > 0) {
		last = json_array_get(reading->records, count - 1);
		json_object_set(result, "next", json_object_get(last, "seq"));
	}
	reading_free(reading);
	vhsm_request_answer(request, result);
}

static bool query_take(struct vhsm_admin_request *request,
		       struct vhsm_audit_query *query)
{
	uint64_t limit = SHOW_DEFAULT;

	if (!vhsm_request_take_text(request, "since", query->since,
				    sizeof(query->since)) ||
	    !vhsm_request_take_text(request, "domain", query->domain,
				    sizeof(query->domain)) ||
	    !vhsm_request_take_text(request, "event", query->event,
				    sizeof(query->event)) ||
	    !vhsm_request_take_number(request, "after", 0, INT64_MAX,
				      &query->after) ||
	    !vhsm_request_take_number(request, "limit", 1, SHOW_MAX, &limit) ||
	    !vhsm_request_take_bool(request, "last", &query->last))
		return false;
	query->limit = (uint32_t)limit;
	return true;
}

void vhsm_method_audit_show(struct vhsm_admin_request *request)
{
	struct vhsm_audit_query query = { 0 };
	struct reading *reading;

	if (!query_take(request, &query))
		return;
	reading = reading_new(request);
	if (reading == NULL)
		return;
	reading->query = query;
	reading_start(request, reading, show_run, show_done);
}

static void verify_run(struct vhsm_job *job)
{
	struct vhsm_admin_request *request = (struct vhsm_admin_request *)job;
	struct reading *reading = request->state;

	request->error = vhsm_audit_verify(reading->files, reading->key,
					   &reading->report);
}

/* A log whole in itself, but without records that we know we wrote. */
static void end_check(struct reading *reading)
{
	struct vhsm_audit_report *report = &reading->report;

	if (report->broken || report->last_seq >= reading->committed)
		return;
	report->broken = true;
	report->broken_seq = report->last_seq + 1;
	snprintf(report->problem, sizeof(report->problem),
		 "the log ends here, but more was written");
}

static void verify_done(struct vhsm_job *job, bool cancelled)
{
	struct vhsm_admin_request *request = (struct vhsm_admin_request *)job;
	struct reading *reading = request->state;
	struct vhsm_audit_report *report;
	json_t *result;

	if (!reading_check(request, cancelled))
		return;
	report = &reading->report;
	end_check(reading);
	result = json_pack("{s:b, s:I, s:I, s:I, s:I}", "ok", !report->broken,
			   "records", (json_int_t)report->records,
			   "checkpoints", (json_int_t)report->checkpoints,
			   "last_seq", (json_int_t)report->last_seq,
			   "signed_seq", (json_int_t)report->signed_seq);
	if (report->broken) {
		json_object_set_new(result, "broken_seq", json_integer(
					(json_int_t)report->broken_seq));
		json_object_set_new(result, "problem",
				    json_string(report->problem));
	}
	reading_free(reading);
	vhsm_request_answer(request, result);
}

void vhsm_method_audit_verify(struct vhsm_admin_request *request)
{
	struct reading *reading = reading_new(request);

	if (reading == NULL)
		return;
	reading->key = vhsm_audit_public_key(request->vault->audit);
	reading->committed = vhsm_audit_seq(request->vault->audit);
	reading_start(request, reading, verify_run, verify_done);
}
