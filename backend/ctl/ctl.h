/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl.h - what the families of vhsmctl's commands share: arguments, calls,
 * tables.
 */
#ifndef VHSM_CTL_H
#define VHSM_CTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum ctl_exit {
	CTL_OK = 0,
	CTL_FAILED = 1,
	CTL_USAGE = 2,
	CTL_UNREACHABLE = 3,
	CTL_NOT_VERIFIED = 4,
};

/* Every option there is; a command names those it takes. */
struct ctl_args {
	bool json;
	bool yes;
	bool once;
	bool caller_nonce;
	bool approve;
	const char *run_dir;
	const char *domain;
	const char *name;
	const char *type;
	const char *usages;
	const char *keys;
	const char *monitor;
	const char *in;
	const char *device;
	const char *since;
	const char *event;
	const char *limit;
	const char *interval;
	const char *note;
	const char *policy;
	const char *reason;
	const char *out;
	const char *key;
	bool all;
	const char *store;
	const char *libexec_dir;
	const char *kernel;
	const char *guest_kernel;
	const char *ramdisk;
	const char *cmdline;
	const char *modules;
	const char *rules;
	const char *operand;		/* what is no option; at most one, but */
	const char *operand_b;		/* two where a command names two */
};

struct ctl_command {
	const char *family;
	const char *name;		/* NULL: the family is the command */
	const char *options;		/* long names, blanks around each */
	const char *operand;		/* its name in usage; NULL: none; "A B":
					 * two */
	const char *help;		/* usage line, blank line, text */
	enum ctl_exit (*run)(const struct ctl_args *);
};

/* Each file's commands; a NULL family ends them. */
extern const struct ctl_command ctl_key_commands[];
extern const struct ctl_command ctl_device_commands[];
extern const struct ctl_command ctl_status_commands[];
extern const struct ctl_command ctl_audit_commands[];
extern const struct ctl_command ctl_unit_commands[];
extern const struct ctl_command ctl_baseline_commands[];
extern const struct ctl_command ctl_alert_commands[];
extern const struct ctl_command ctl_monitor_commands[];

/* --- args.c --- */

/* Options may stand anywhere.  CTL_OK, or CTL_USAGE having said why; *help:
 * --help was there. */
enum ctl_exit ctl_args_parse(const struct ctl_command *command, int argc,
			     char **argv, struct ctl_args *args, bool *help);
/* How many of the arguments, from the first, are options and their values. */
int ctl_options_leading(int argc, char **argv);
/* A number of an option: text, or when NULL what it is then.  false, having
 * said so, when it is none or out of range. */
bool ctl_number(const char *option, const char *text, long min, long max,
		long absent, long *value);

/* --- call.c --- */

enum ctl_daemon { CTL_BROKER, CTL_VAULT, CTL_RESPONDER };

/* params is stolen.  CTL_OK with *result, the caller's; or what to exit with,
 * having said why. */
enum ctl_exit ctl_call(const struct ctl_args *args, enum ctl_daemon daemon,
		       const char *method, json_t *params, json_t **result);
enum ctl_exit ctl_call_fd(const struct ctl_args *args, enum ctl_daemon daemon,
			  const char *method, json_t *params, int fd,
			  json_t **result);
/* Of a daemon that need not run: CTL_OK with a NULL *result if it does not. */
enum ctl_exit ctl_call_if_up(const struct ctl_args *args,
			     enum ctl_daemon daemon, const char *method,
			     json_t *params, json_t **result);
/* A folder of responder.conf, which a running vhsm-responder's status has as
 * member; usual where none runs.  path has PATH_MAX bytes. */
void ctl_responder_dir(const struct ctl_args *args, const char *member,
		       const char *usual, char *path);
/* All pages of a list: the arrays result[list] joined. */
enum ctl_exit ctl_call_pages(const struct ctl_args *args,
			     enum ctl_daemon daemon, const char *method,
			     json_t *params, const char *list,
			     json_t **joined);
/* --domain to {"uuid": ...}, for the vault. */
enum ctl_exit ctl_domain_params(const struct ctl_args *args, json_t **params);

/* Prints as JSON and frees.  CTL_OK, or CTL_FAILED when out of room. */
enum ctl_exit ctl_print_json(json_t *json);

/* "" for what is no string. */
const char *ctl_text(const json_t *object, const char *member);
json_int_t ctl_int(const json_t *object, const char *member);

/* --- gate.c --- */

/* Adds to each device of the broker's list what a person reads of its gate:
 * "level_text", "lease_text". */
void ctl_gate_texts_add(json_t *devices);
/* Adds to each of the broker's devices whose guest is revoked in the vault's
 * engines "withheld", and to its level_text. */
void ctl_gate_withheld_add(json_t *devices, const json_t *engines);

/* --- table.c --- */

struct ctl_column {
	const char *title;
	const char *member;		/* of each row's object */
	bool right;
};

/* Strings, numbers, and arrays of strings joined by ','. */
void ctl_table_print(const struct ctl_column *columns, size_t count,
		     const json_t *rows);

#endif /* VHSM_CTL_H */
