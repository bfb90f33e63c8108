/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inspect-record.c - vhsm-inspect record.
 */
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "inspect/inspect.h"
#include "introspect/record.h"

/* Nothing that can be caught ends the program while the guest stands still. */
static void hold_signals(int how)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(how, &all, NULL);
}

static int set_paused(const struct source *s, bool paused, char *why)
{
	int r = paused ? xc_domain_pause(s->xch, s->domid) :
			 xc_domain_unpause(s->xch, s->domid);

	if (!r)
		return 0;
	r = -errno;
	snprintf(why, VHSM_RECORD_WHY_LEN, "%s domain %u: %s",
		 paused ? "pausing" : "unpausing", s->domid, strerror(-r));
	return r;
}

/* With the registers as they are while the guest stands still. */
static int record_paused(struct source *s, struct vhsm_recording *recording,
			 const char *path, char *why)
{
	char wrong[VHSM_RECORD_WHY_LEN];
	int r, resumed;

	hold_signals(SIG_BLOCK);
	r = set_paused(s, true, why);
	if (r)
		goto out;
	r = source_refresh(s, why);
	if (!r) {
		recording->vcpu_count = s->vcpu_count;
		memcpy(recording->vcpu, s->vcpu, sizeof(s->vcpu));
		r = vhsm_record_write(recording, s->memory, path, why);
	}
	resumed = set_paused(s, false, wrong);
	if (resumed && !r) {
		snprintf(why, VHSM_RECORD_WHY_LEN, "%s", wrong);
		r = resumed;
	}
out:
	hold_signals(SIG_UNBLOCK);
	return r;
}

static void name_domain(struct vhsm_recording *recording, const char *name)
{
	size_t i;

	snprintf(recording->domain, sizeof(recording->domain), "%s", name);
	for (i = 0; recording->domain[i]; i++)
		if (recording->domain[i] < 0x20 || recording->domain[i] > 0x7e)
			recording->domain[i] = '?';
}

static void recorded_print(const struct options *o,
			   const struct vhsm_recording *recording)
{
	json_t *json;

	if (!o->json) {
		printf("%s: %llu pages of %s, %llu unreadable; registers of %u"
		       " vCPUs in %s.json\n", o->out,
		       (unsigned long long)recording->stats.pages,
		       recording->domain,
		       (unsigned long long)recording->stats.unreadable,
		       recording->vcpu_count, o->out);
		return;
	}
	json = json_pack("{s:s, s:s, s:I, s:I, s:i, s:b}", "out", o->out,
			 "domain", recording->domain, "pages",
			 (json_int_t)recording->stats.pages, "unreadable",
			 (json_int_t)recording->stats.unreadable, "vcpus",
			 (int)recording->vcpu_count, "paused",
			 recording->paused);
	inspect_print_json(json);
}

enum exit_code inspect_record(const struct options *o)
{
	char why[INSPECT_WHY_LEN] = "";
	struct vhsm_recording recording = { 0 };
	struct source source;
	int r;

	r = source_open(&source, o, why);
	if (r)
		goto out;
	name_domain(&recording, o->domain);
	recording.paused = o->pause;
	recording.vcpu_count = source.vcpu_count;
	memcpy(recording.vcpu, source.vcpu, sizeof(source.vcpu));
	if (o->pause)
		r = record_paused(&source, &recording, o->out, why);
	else
		r = vhsm_record_write(&recording, source.memory, o->out, why);
	if (!r)
		recorded_print(o, &recording);
	source_close(&source);
out:
	if (r)
		fprintf(stderr, "vhsm-inspect: %s\n", *why ? why :
			strerror(-r));
	return r ? EXIT_FAILED : EXIT_CLEAN;
}
