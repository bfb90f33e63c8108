/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alert-export.c - a bundle that the responder made is copied as it is; where
 * there is none, one is made of what vhsmctl may ask for.
 */
#include <config.h>

#include "ctl/alert-export.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file-copy.h"
#include "responder/alert.h"
#include "responder/evidence.h"

#define AUDIT_LAST	1000		/* records of a bundle */

static enum ctl_exit failed(const char *what, const char *why)
{
	fprintf(stderr, "vhsmctl: %s: %s\n", what, why);
	return CTL_FAILED;
}

static int copy_file(int from, int to, const char *name)
{
	int in = openat(from, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW |
			O_NONBLOCK);
	int out = in < 0 ? -1 : openat(to, name, O_WRONLY | O_CREAT | O_EXCL |
				       O_CLOEXEC, 0600);
	int r = in < 0 || out < 0 ? -errno : vhsm_file_copy(in, out);

	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return r;
}

static enum ctl_exit copy(const char *bundle, const char *to)
{
	int from = open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int dir = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *names = from < 0 ? NULL : fdopendir(dup(from));
	struct dirent *entry;
	int r = !names || dir < 0 ? -errno : 0;

	while (!r && (entry = readdir(names)))
		if (entry->d_name[0] != '.')
			r = copy_file(from, dir, entry->d_name);
	if (names)
		closedir(names);
	if (from >= 0)
		close(from);
	if (dir >= 0)
		close(dir);
	return r ? failed(to, strerror(-r)) : CTL_OK;
}

/* The last records about the guest's keys; none where the vault is away, for
 * an alert must be had all the same. */
static json_t *audit_records(const struct ctl_args *args, const char *uuid)
{
	json_t *params = json_pack("{s:s, s:i, s:b}", "domain", uuid, "limit",
				   AUDIT_LAST, "last", true);
	json_t *result = NULL, *records = NULL;

	if (!ctl_call(args, CTL_VAULT, "audit.show", params, &result))
		records = json_incref(json_object_get(result, "records"));
	else
		fputs("vhsmctl: the bundle is without audit records\n",
		      stderr);
	json_decref(result);
	return records;
}

static enum ctl_exit make(const struct ctl_args *args, const json_t *alert,
			  const char *keys)
{
	const json_t *guest = json_array_get(json_object_get(alert,
		"resources"), 0);
	char why[VHSM_EVIDENCE_WHY_LEN] = "";
	json_t *records = audit_records(args, ctl_text(guest, "uid"));
	int r = vhsm_evidence_add(args->out, "alert.json", alert, why);

	if (!r && records)
		r = vhsm_evidence_add_lines(args->out, "audit.jsonl", records,
					    why);
	if (!r)
		r = vhsm_evidence_seal(args->out, keys, why);
	json_decref(records);
	return r ? failed(args->out, why) : CTL_OK;
}

static enum ctl_exit verify(const struct ctl_args *args, const char *bundle,
			    const char *public_pem)
{
	char why[VHSM_EVIDENCE_WHY_LEN] = "";
	const json_t *files, *file;
	json_t *report;
	size_t i;
	int r = vhsm_evidence_verify(bundle, public_pem, &report, why);

	if (r) {
		fprintf(stderr, "vhsmctl: %s\n", why);
		return r == -EBADMSG ? CTL_NOT_VERIFIED : CTL_FAILED;
	}
	if (args->json)
		return ctl_print_json(report);
	files = json_object_get(report, "files");
	json_array_foreach((json_t *)files, i, file)
		printf("%12" JSON_INTEGER_FORMAT "  %s  %s\n",
		       ctl_int(file, "bytes"), ctl_text(file, "sha256"),
		       ctl_text(file, "name"));
	printf("whole, and signed by key %.16s...\n",
	       ctl_text(report, "signer"));
	json_decref(report);
	return CTL_OK;
}

enum ctl_exit ctl_alert_export(const struct ctl_args *args,
			       const json_t *shown)
{
	const char *bundle = ctl_text(shown, "bundle");
	const char *keys = ctl_text(shown, "keys");
	bool sealed = json_is_true(json_object_get(shown, "sealed"));
	char public_pem[PATH_MAX];
	enum ctl_exit ret;

	if (mkdir(args->out, 0700))
		return failed(args->out, strerror(errno));
	if (bundle[0] && !sealed)
		fprintf(stderr, "vhsmctl: %s is not sealed yet: this bundle is "
			"without what is there; export again when it is\n",
			bundle);
	ret = sealed ? copy(bundle, args->out) :
		make(args, json_object_get(shown, "alert"), keys);
	snprintf(public_pem, sizeof(public_pem), "%s/evidence.pub", keys);
	return ret ? ret : verify(args, args->out, public_pem);
}

enum ctl_exit ctl_evidence_verify(const struct ctl_args *args,
				  const char *bundle)
{
	char dir[PATH_MAX], public_pem[PATH_MAX + 16];

	if (args->key)
		return verify(args, bundle, args->key);
	ctl_responder_dir(args, "alert_dir", VHSM_ALERT_DIR, dir);
	snprintf(public_pem, sizeof(public_pem), "%s/evidence.pub", dir);
	return verify(args, bundle, public_pem);
}
