/* SPDX-License-Identifier: Apache-2.0 */
/*
 * baseline.c - vhsmctl baseline: approved configurations.  The store's files
 * are worked on here, under its lock, so that what is approved does not depend
 * on a daemon; only what is learned from a running guest goes through the
 * responder.
 */
#include <config.h>

#include "ctl/baseline-ctl.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "baseline/baseline-store.h"
#include "ctl/prompt.h"

#define MAKE_PROGRAM "vhsm-baseline-make"

const char *ctl_baseline_store(const struct ctl_args *args)
{
	static char dir[PATH_MAX];

	if (args->store)
		return args->store;
	if (!dir[0])
		ctl_responder_dir(args, "baseline_dir", VHSM_BASELINE_DIR,
				  dir);
	return dir;
}

enum ctl_exit ctl_baseline_failed(int error, const char *why)
{
	fprintf(stderr, "vhsmctl: %s\n", why);
	return error == -EBADMSG ? CTL_NOT_VERIFIED : CTL_FAILED;
}

/* The program's arguments are made of what was given here. */
static enum ctl_exit make(const struct ctl_args *args)
{
	const struct {
		const char *option, *value;
	} options[] = {
		{ "--store", ctl_baseline_store(args) },
		{ "--name", args->name }, { "--kernel", args->kernel },
		{ "--guest-kernel", args->guest_kernel },
		{ "--ramdisk", args->ramdisk }, { "--cmdline", args->cmdline },
		{ "--domain", args->domain }, { "--modules", args->modules },
		{ "--rules", args->rules },
	};
	const char *argv[24] = { MAKE_PROGRAM };
	char path[PATH_MAX];
	size_t i, n = 1;

	if (!args->name || (!args->kernel && !args->domain)) {
		fputs("vhsmctl: say how to call it, and what to make it of: "
		      "--name, and --kernel or --domain\n", stderr);
		return CTL_USAGE;
	}
	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (!options[i].value)
			continue;
		argv[n++] = options[i].option;
		argv[n++] = options[i].value;
	}
	if (args->json)
		argv[n++] = "--json";
	argv[n] = NULL;
	snprintf(path, sizeof(path), "%s/%s", args->libexec_dir ?
		 args->libexec_dir : PKGLIBEXECDIR, MAKE_PROGRAM);
	execv(path, (char *const *)argv);
	fprintf(stderr, "vhsmctl: %s: %s\n", path, strerror(errno));
	return CTL_FAILED;
}

/* --domain as a UUID in lower case. */
static enum ctl_exit domain_uuid(const struct ctl_args *args, json_t **params)
{
	if (!args->domain) {
		fputs("vhsmctl: say for which domain: --domain NAME, ID or "
		      "UUID\n", stderr);
		return CTL_USAGE;
	}
	return ctl_domain_params(args, params);
}

static bool has_name(const struct ctl_args *args)
{
	if (!args->operand)
		fputs("vhsmctl: say which baseline\n", stderr);
	return args->operand != NULL;
}

static void learned_print(const struct ctl_args *args, const json_t *result)
{
	if (!json_is_true(json_object_get(result, "changed")))
		printf("%s tells nothing that %s does not say already\n",
		       args->domain, args->operand);
	else
		printf("learned from %s into %s\n", args->domain,
		       args->operand);
	if (json_is_true(json_object_get(result, "approved")))
		printf("%s approved for %s\n", args->operand, args->domain);
	else if (json_is_true(json_object_get(result, "changed")))
		printf("%s thereby wants approval: vhsmctl baseline approve "
		       "--domain %s %s\n", args->operand, args->domain,
		       args->operand);
}

static enum ctl_exit learn(const struct ctl_args *args)
{
	enum ctl_exit ret;
	json_t *result;

	if (!has_name(args) || !args->domain) {
		if (!args->domain)
			fputs("vhsmctl: say from which domain: --domain\n",
			      stderr);
		return CTL_USAGE;
	}
	ret = ctl_call(args, CTL_RESPONDER, "baseline.learn",
		       json_pack("{s:s,s:s,s:b}", "domain", args->domain,
				 "baseline", args->operand, "approve",
				 args->approve), &result);
	if (ret)
		return ret;
	if (args->json)
		return ctl_print_json(result);
	learned_print(args, result);
	json_decref(result);
	return CTL_OK;
}

static enum ctl_exit approve_one(const struct ctl_args *args)
{
	char why[VHSM_BASELINE_WHY_LEN] = "";
	enum ctl_exit ret;
	json_t *params;
	int r;

	if (!has_name(args))
		return CTL_USAGE;
	ret = domain_uuid(args, &params);
	if (ret)
		return ret;
	r = vhsm_baseline_approve(ctl_baseline_store(args),
				  ctl_text(params, "uuid"), args->operand,
				  why);
	if (r && r != -EALREADY)
		ret = ctl_baseline_failed(r, why);
	else if (args->json)
		ret = ctl_print_json(json_pack("{s:s,s:s,s:b}", "baseline",
					       args->operand, "uuid",
					       ctl_text(params, "uuid"),
					       "changed", r == 0));
	else if (r)
		printf("%s\n", why);
	else
		printf("%s approved for %s\n", args->operand,
		       ctl_text(params, "uuid"));
	json_decref(params);
	return ret;
}

static enum ctl_exit revoke_one(const struct ctl_args *args)
{
	char why[VHSM_BASELINE_WHY_LEN] = "";
	enum ctl_exit ret;
	json_t *params;
	int r;

	ret = domain_uuid(args, &params);
	if (ret)
		return ret;
	r = vhsm_baseline_revoke(ctl_baseline_store(args),
				 ctl_text(params, "uuid"), args->operand, why);
	if (r)
		ret = ctl_baseline_failed(r, why);
	else if (args->json)
		ret = ctl_print_json(json_pack("{s:s?,s:s}", "baseline",
					       args->operand, "uuid",
					       ctl_text(params, "uuid")));
	else
		printf("%s approved no longer for %s, from its next check on\n",
		       args->operand ? args->operand : "nothing is",
		       ctl_text(params, "uuid"));
	json_decref(params);
	return ret;
}

static enum ctl_exit remove_one(const struct ctl_args *args)
{
	char why[VHSM_BASELINE_WHY_LEN] = "";
	enum ctl_exit ret;
	int r;

	if (!has_name(args))
		return CTL_USAGE;
	ret = ctl_confirm(args, "domains that run under it become unapproved");
	if (ret)
		return ret;
	r = vhsm_baseline_remove(ctl_baseline_store(args), args->operand, why);
	if (r)
		return ctl_baseline_failed(r, why);
	if (args->json)
		return ctl_print_json(json_pack("{s:s}", "baseline",
						args->operand));
	printf("%s removed\n", args->operand);
	return CTL_OK;
}

const struct ctl_command ctl_baseline_commands[] = {
	{ "baseline", "make",
	  " store libexec-dir name kernel guest-kernel ramdisk cmdline domain modules rules json ",
	  NULL,
	  "baseline make --name NAME (--kernel FILE | --domain DOMAIN) ...\n\n"
	  "Makes a baseline: of a domain as it was booted, or as its xl.cfg would\n"
	  "boot it, or of files.\n"
	  "  --guest-kernel FILE  the kernel, where that which --domain or --kernel\n"
	  "                    boots is a boot loader with the kernel inside\n"
	  "  --ramdisk FILE    of those that --domain or --kernel boots\n"
	  "  --cmdline TEXT    the kernel's command line, exactly\n"
	  "  --modules PATHS   modules that may be loaded: files, and folders of\n"
	  "                    them, separated by ','\n"
	  "  --rules FILE      YARA rules to search memory with\n"
	  "Nothing runs under it until it is approved.\n", make },
	{ "baseline", "learn", " domain approve run-dir json ", "NAME",
	  "baseline learn --domain DOMAIN [--approve] NAME\n\n"
	  "Adds to a baseline what can only be learned from a running guest,\n"
	  "which must have been booted as the baseline says, be watched, and be\n"
	  "clean.  If that changes the baseline it wants approval again, and guests\n"
	  "that run under it are unapproved until then.\n"
	  "  --approve   approve it for this domain at once\n", learn },
	{ "baseline", "list", " store json ", NULL,
	  "baseline list [--json]\n\n"
	  "Lists the baselines, and for whom they are approved.\n",
	  ctl_baseline_list },
	{ "baseline", "show", " store json ", "NAME",
	  "baseline show NAME [--json]\n\n"
	  "Checks a baseline's files and shows what it says.\n",
	  ctl_baseline_show },
	{ "baseline", "diff", " store json ", "A B",
	  "baseline diff A B [--json]\n\n"
	  "Says what differs between two baselines.  Exit status 1 if any.\n",
	  ctl_baseline_diff },
	{ "baseline", "approve", " store domain run-dir json ", "NAME",
	  "baseline approve --domain DOMAIN NAME\n\n"
	  "Lets a domain run under a baseline, as the baseline is now.\n",
	  approve_one },
	{ "baseline", "revoke", " store domain run-dir json ", "NAME",
	  "baseline revoke --domain DOMAIN [NAME]\n\n"
	  "Takes back a domain's approval of a baseline, or all it has.\n",
	  revoke_one },
	{ "baseline", "remove", " store yes json ", "NAME",
	  "baseline remove NAME [--yes] [--json]\n\n"
	  "Removes a baseline.\n", remove_one },
	{ 0 }
};
