/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.c - vhsm-policy(5) to struct vhsm_policy.  libconfuse does the syntax;
 * what a value may be is judged here, with the file's line, and a file with
 * anything wrong in it is no policy at all: a guest is better not watched, and
 * without keys, than watched by half a policy.
 */
#include <config.h>

#include "policy/policy.h"

#include <confuse.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX_LEN	(1 << 20)

static const char *const reaction_names[VHSM_REACTIONS] = {
	"record", "throttle", "verify-only", "revoke", "isolate", "freeze",
	"destroy",
};

static const struct {
	const char *name;
	unsigned severity;		/* OCSF severity_id */
	uint32_t reactions;		/* by default */
} severities[] = {
	{ "informational", 1, 0 },
	{ "low", 2, 0 },
	{ "medium", 3, 0 },
	{ "high", 4, 1u << VHSM_REACT_REVOKE },
	{ "critical", 5, 1u << VHSM_REACT_REVOKE },
	{ "fatal", 6, 1u << VHSM_REACT_REVOKE },
};

#define SEVERITIES (sizeof(severities) / sizeof(severities[0]))

/* zero: 0 is allowed as well. */
static const struct range {
	const char *name;
	long min;
	long max;
	bool zero;
} ranges[] = {
	{ "lease-ms", 500, 3600000, true },
	{ "sweep-ms", 100, 60000, false },
	{ "full-ms", 1000, 86400000, true },
	{ "slice-ms", 5, 1000, false },
	{ "throttle-rate", 1, 1000000, false },
};

/* Where the first complaint about the file being read goes: libconfuse hands
 * its error function nothing of the caller's. */
static char *complaint;

static void __attribute__((format(printf, 2, 0)))
on_error(cfg_t *cfg, const char *format, va_list args)
{
	char text[160];

	if (!complaint || complaint[0])
		return;
	vsnprintf(text, sizeof(text), format, args);
	snprintf(complaint, VHSM_POLICY_WHY_LEN, "%.80s:%d: %s",
		 cfg->filename ? cfg->filename : "", cfg->line, text);
}

const char *vhsm_reaction_name(enum vhsm_reaction reaction)
{
	return (unsigned)reaction < VHSM_REACTIONS ? reaction_names[reaction] :
		NULL;
}

int vhsm_reaction_by_name(const char *name)
{
	for (unsigned i = 0; i < VHSM_REACTIONS; i++)
		if (!strcmp(reaction_names[i], name))
			return i;
	return -1;
}

static int range_validate(cfg_t *cfg, cfg_opt_t *opt)
{
	long n = cfg_opt_getnint(opt, cfg_opt_size(opt) - 1);

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		const struct range *r = &ranges[i];

		if (strcmp(r->name, cfg_opt_name(opt)) ||
		    (n >= r->min && n <= r->max) || (!n && r->zero))
			continue;
		cfg_error(cfg, "%s = %ld: must be %s%ld to %ld", r->name, n,
			  r->zero ? "0, or " : "", r->min, r->max);
		return -1;
	}
	return 0;
}

static const char *last_string(cfg_opt_t *opt)
{
	const char *text = cfg_opt_getnstr(opt, cfg_opt_size(opt) - 1);

	return text ? text : "";
}

static int bridge_validate(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *name = last_string(opt);

	if (!name[0] || (vhsm_policy_name_check(name) &&
			 strlen(name) < sizeof(((struct vhsm_policy *)0)
					       ->quarantine_bridge)))
		return 0;
	cfg_error(cfg, "quarantine-bridge = \"%.40s\": must be the name of a "
		  "bridge, at most 15 characters", name);
	return -1;
}

static int command_validate(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *path = last_string(opt);

	if (!path[0] || (path[0] == '/' &&
			 strlen(path) < sizeof(((struct vhsm_policy *)0)
					       ->command)))
		return 0;
	cfg_error(cfg, "command = \"%.80s\": must be an absolute path of at "
		  "most 255 bytes", path);
	return -1;
}

/* A check the monitor makes or, with of_responder, the responder itself. */
static const struct vhsm_check_info *check_find(const char *name,
						bool of_responder)
{
	const struct vhsm_check_info *info = vhsm_check_by_name(name);

	return info && (of_responder || info->cadence != VHSM_CADENCE_NONE) ?
		info : NULL;
}

static int checks_validate(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *name = last_string(opt);

	if (!strcmp(name, "all") || check_find(name, false))
		return 0;
	cfg_error(cfg, "checks: there is no check \"%.40s\"", name);
	return -1;
}

static int reactions_validate(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *name = last_string(opt);

	if (vhsm_reaction_by_name(name) >= 0)
		return 0;
	cfg_error(cfg, "reactions: there is no reaction \"%.40s\"", name);
	return -1;
}

static int options_validate(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *text = last_string(opt);
	json_error_t error;
	json_t *json;
	bool good;

	if (!text[0])
		return 0;
	json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	good = json_is_object(json) &&
		strlen(text) < sizeof(((struct vhsm_policy *)0)
				      ->check[0].options);
	json_decref(json);
	if (good)
		return 0;
	cfg_error(cfg, "options: %s", json ?
		  "must be a JSON object of at most 511 bytes" : error.text);
	return -1;
}

static int severity_validate(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *title =
		cfg_title(cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1));

	for (size_t i = 0; i < SEVERITIES; i++)
		if (!strcmp(severities[i].name, title))
			return 0;
	cfg_error(cfg, "on %.40s: there is no such severity", title);
	return -1;
}

static int check_validate(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *title =
		cfg_title(cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1));

	if (check_find(title, true))
		return 0;
	cfg_error(cfg, "check %.40s: there is no such check", title);
	return -1;
}

static void validators_set(cfg_t *cfg)
{
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		cfg_set_validate_func(cfg, ranges[i].name, range_validate);
	cfg_set_validate_func(cfg, "quarantine-bridge", bridge_validate);
	cfg_set_validate_func(cfg, "command", command_validate);
	cfg_set_validate_func(cfg, "checks", checks_validate);
	cfg_set_validate_func(cfg, "on", severity_validate);
	cfg_set_validate_func(cfg, "on|reactions", reactions_validate);
	cfg_set_validate_func(cfg, "check", check_validate);
	cfg_set_validate_func(cfg, "check|reactions", reactions_validate);
	cfg_set_validate_func(cfg, "check|options", options_validate);
}

static uint32_t reactions_take(cfg_t *section)
{
	uint32_t set = 1u << VHSM_REACT_RECORD;

	for (unsigned i = 0; i < cfg_size(section, "reactions"); i++)
		set |= 1u << vhsm_reaction_by_name(
			cfg_getnstr(section, "reactions", i));
	return set;
}

static uint64_t checks_take(cfg_t *cfg)
{
	const struct vhsm_check_info *info;
	uint64_t set = 0;

	for (unsigned i = 0; i < cfg_size(cfg, "checks"); i++) {
		const char *name = cfg_getnstr(cfg, "checks", i);

		for (unsigned row = 0; (info = vhsm_check_row(row)); row++)
			if (info->cadence != VHSM_CADENCE_NONE &&
			    (!strcmp(name, "all") || !strcmp(name, info->name)))
				set |= UINT64_C(1) << info->number;
	}
	return set;
}

static void severities_take(struct vhsm_policy *policy, cfg_t *cfg)
{
	for (size_t i = 0; i < SEVERITIES; i++) {
		cfg_t *section = cfg_gettsec(cfg, "on", severities[i].name);

		policy->on_severity[severities[i].severity] = section ?
			reactions_take(section) :
			1u << VHSM_REACT_RECORD | severities[i].reactions;
	}
}

/* Of a check that has none, options would only be thought to be obeyed. */
static bool options_suit(unsigned number, const char *options)
{
	json_t *json;
	bool none;

	if (!options[0] || number == VHSM_CHECK_YARA ||
	    number == VHSM_CHECK_TRACE_HOOK)
		return true;
	json = json_loads(options, 0, NULL);
	none = !json_object_size(json);
	json_decref(json);
	return none;
}

static int check_sections_take(struct vhsm_policy *policy, cfg_t *cfg)
{
	for (unsigned i = 0; i < cfg_size(cfg, "check"); i++) {
		cfg_t *section = cfg_getnsec(cfg, "check", i);
		unsigned number = check_find(cfg_title(section), true)->number;

		if (!options_suit(number, cfg_getstr(section, "options"))) {
			cfg_error(section, "check %s: has no options",
				  cfg_title(section));
			return -EINVAL;
		}

		/* A section with options alone leaves the severity's. */
		policy->check[number].given =
			cfg_size(section, "reactions") > 0;
		policy->check[number].reactions = reactions_take(section);
		snprintf(policy->check[number].options,
			 sizeof(policy->check[number].options), "%s",
			 cfg_getstr(section, "options"));
	}
	return 0;
}

/* Without one no sweep could say that the guest is as approved. */
static bool has_quick(const struct vhsm_policy *policy)
{
	const struct vhsm_check_info *info;

	for (unsigned row = 0; (info = vhsm_check_row(row)); row++)
		if (info->cadence == VHSM_CADENCE_QUICK &&
		    (policy->checks >> info->number & 1))
			return true;
	return false;
}

static int policy_take(struct vhsm_policy *policy, cfg_t *cfg)
{
	policy->lease_ms = cfg_getint(cfg, "lease-ms");
	policy->sweep_ms = cfg_getint(cfg, "sweep-ms");
	policy->full_ms = cfg_getint(cfg, "full-ms");
	policy->slice_ms = cfg_getint(cfg, "slice-ms");
	policy->dry_run = cfg_getbool(cfg, "dry-run");
	policy->throttle_rate = cfg_getint(cfg, "throttle-rate");
	policy->isolate_disks = cfg_getbool(cfg, "isolate-disks");
	policy->syslog = cfg_getbool(cfg, "syslog");
	snprintf(policy->quarantine_bridge, sizeof(policy->quarantine_bridge),
		 "%s", cfg_getstr(cfg, "quarantine-bridge"));
	snprintf(policy->command, sizeof(policy->command), "%s",
		 cfg_getstr(cfg, "command"));
	policy->checks = checks_take(cfg);
	severities_take(policy, cfg);
	if (check_sections_take(policy, cfg))
		return -EINVAL;
	if (policy->lease_ms && policy->lease_ms <= 2 * policy->sweep_ms) {
		cfg_error(cfg, "lease-ms = %u: must be 0 or more than twice "
			  "sweep-ms = %u, or keys stop between two sweeps",
			  policy->lease_ms, policy->sweep_ms);
		return -EINVAL;
	}
	if (!has_quick(policy)) {
		cfg_error(cfg, "checks: none is named that every sweep makes");
		return -EINVAL;
	}
	return 0;
}

static int file_parse(struct vhsm_policy *policy, const char *path)
{
	cfg_opt_t on[] = {
		CFG_STR_LIST("reactions", "{}", CFGF_NONE),
		CFG_END()
	};
	cfg_opt_t check[] = {
		CFG_STR_LIST("reactions", "{}", CFGF_NONE),
		CFG_STR("options", "", CFGF_NONE),
		CFG_END()
	};
	cfg_opt_t options[] = {
		CFG_INT("lease-ms", 5000, CFGF_NONE),
		CFG_INT("sweep-ms", 1000, CFGF_NONE),
		CFG_INT("full-ms", 30000, CFGF_NONE),
		CFG_INT("slice-ms", 50, CFGF_NONE),
		CFG_BOOL("dry-run", cfg_false, CFGF_NONE),
		CFG_STR_LIST("checks", "{\"all\"}", CFGF_NONE),
		CFG_INT("throttle-rate", 10, CFGF_NONE),
		CFG_STR("quarantine-bridge", "", CFGF_NONE),
		CFG_BOOL("isolate-disks", cfg_true, CFGF_NONE),
		CFG_STR("command", "", CFGF_NONE),
		CFG_BOOL("syslog", cfg_false, CFGF_NONE),
		CFG_SEC("on", on, CFGF_MULTI | CFGF_TITLE |
			CFGF_NO_TITLE_DUPES),
		CFG_SEC("check", check, CFGF_MULTI | CFGF_TITLE |
			CFGF_NO_TITLE_DUPES),
		CFG_END()
	};
	cfg_t *cfg = cfg_init(options, CFGF_NONE);
	int ret;

	if (!cfg)
		return -ENOMEM;
	cfg_set_error_function(cfg, on_error);
	validators_set(cfg);
	ret = cfg_parse(cfg, path);
	if (ret == CFG_FILE_ERROR)
		ret = errno ? -errno : -EIO;
	else if (ret != CFG_SUCCESS)
		ret = -EINVAL;
	else
		ret = policy_take(policy, cfg);
	cfg_free(cfg);
	return ret;
}

int vhsm_policy_read(struct vhsm_policy *policy, const char *dir,
		     const char *name, char *why)
{
	char path[PATH_MAX];
	struct stat st;
	int ret = 0;

	memset(policy, 0, sizeof(*policy));
	why[0] = '\0';
	if (!vhsm_policy_name_check(name)) {
		snprintf(why, VHSM_POLICY_WHY_LEN, "a policy's name is 1 to %u "
			 "letters, digits, '.', '_' or '-'",
			 VHSM_POLICY_NAME_MAX - 1);
		return -EINVAL;
	}
	if (snprintf(path, sizeof(path), "%s/%s.conf", dir, name) >=
	    (int)sizeof(path))
		ret = -ENAMETOOLONG;
	else if (stat(path, &st))
		ret = -errno;
	else if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX_LEN)
		ret = -EINVAL;
	if (!ret) {
		errno = 0;
		complaint = why;
		ret = file_parse(policy, path);
		complaint = NULL;
	}
	if (ret && !why[0])
		snprintf(why, VHSM_POLICY_WHY_LEN, "%.180s: %s", path,
			 ret == -EINVAL ? "is not a policy file" :
			 strerror(-ret));
	if (ret)
		memset(policy, 0, sizeof(*policy));
	else
		snprintf(policy->name, sizeof(policy->name), "%s", name);
	return ret;
}

uint32_t vhsm_policy_reactions(const struct vhsm_policy *policy,
			       enum vhsm_check_number check)
{
	const struct vhsm_check_info *info = vhsm_check_by_number(check);
	const uint32_t record = 1u << VHSM_REACT_RECORD;

	if (!info)
		return record;
	if (policy->check[info->number].given)
		return policy->check[info->number].reactions | record;
	return policy->on_severity[info->severity] | record;
}

uint32_t vhsm_policy_lease(const struct vhsm_policy *policy)
{
	return policy->dry_run ? 0 : policy->lease_ms;
}
