/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct option_row {
	const char *name;
	size_t offset;			/* of its member */
	bool takes_value;
};

#define FLAG(name, member) { name, offsetof(struct ctl_args, member), false }
#define VALUE(name, member) { name, offsetof(struct ctl_args, member), true }

static const struct option_row rows[] = {
	FLAG("json", json),
	FLAG("yes", yes),
	FLAG("once", once),
	FLAG("caller-nonce", caller_nonce),
	VALUE("run-dir", run_dir),
	VALUE("domain", domain),
	VALUE("name", name),
	VALUE("type", type),
	VALUE("usages", usages),
	VALUE("keys", keys),
	VALUE("monitor", monitor),
	VALUE("in", in),
	VALUE("device", device),
	VALUE("since", since),
	VALUE("event", event),
	VALUE("limit", limit),
	VALUE("interval", interval),
	VALUE("note", note),
	VALUE("policy", policy),
	VALUE("reason", reason),
	VALUE("out", out),
	VALUE("key", key),
	VALUE("store", store),
	VALUE("libexec-dir", libexec_dir),
	VALUE("kernel", kernel),
	VALUE("guest-kernel", guest_kernel),
	VALUE("ramdisk", ramdisk),
	VALUE("cmdline", cmdline),
	VALUE("modules", modules),
	VALUE("rules", rules),
	FLAG("all", all),
	FLAG("approve", approve),
};

static bool command_takes(const struct ctl_command *command, const char *name,
			  size_t len)
{
	const char *at = command->options;

	while ((at = strstr(at, name))) {
		if (at[-1] == ' ' && at[len] == ' ')
			return true;
		at += len;
	}
	return false;
}

/* The row of "name" or "name=value", if the command takes it. */
static const struct option_row *row_find(const struct ctl_command *command,
					 const char *text)
{
	size_t len = strcspn(text, "=");

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strlen(rows[i].name) == len &&
		    !strncmp(rows[i].name, text, len) &&
		    (!strcmp(rows[i].name, "run-dir") ||
		     command_takes(command, rows[i].name, len)))
			return &rows[i];
	return NULL;
}

int ctl_options_leading(int argc, char **argv)
{
	int i = 0;

	while (i < argc && !strncmp(argv[i], "--", 2) && argv[i][2]) {
		const char *text = argv[i++] + 2;

		for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++)
			if (rows[r].takes_value && !strcmp(rows[r].name, text))
				i++;
	}
	return i < argc ? i : argc;
}

/* argv[*i] is an option. */
static enum ctl_exit option_parse(const struct ctl_command *command, int argc,
				  char **argv, int *i, struct ctl_args *args)
{
	const char *text = argv[*i] + 2, *value = strchr(text, '=');
	const struct option_row *row = row_find(command, text);
	void *member;

	if (!row) {
		fprintf(stderr, "vhsmctl: %s takes no option %s\n",
			command->family, argv[*i]);
		return CTL_USAGE;
	}
	member = (char *)args + row->offset;
	if (!row->takes_value) {
		if (value) {
			fprintf(stderr, "vhsmctl: --%s takes no value\n",
				row->name);
			return CTL_USAGE;
		}
		*(bool *)member = true;
		return CTL_OK;
	}
	if (value)
		value++;
	else if (*i + 1 < argc)
		value = argv[++*i];
	if (!value) {
		fprintf(stderr, "vhsmctl: --%s needs a value\n", row->name);
		return CTL_USAGE;
	}
	*(const char **)member = value;
	return CTL_OK;
}

enum ctl_exit ctl_args_parse(const struct ctl_command *command, int argc,
			     char **argv, struct ctl_args *args, bool *help)
{
	bool options_end = false;
	enum ctl_exit ret;

	for (int i = 0; i < argc; i++) {
		if (!options_end && !strcmp(argv[i], "--")) {
			options_end = true;
		} else if (!options_end && (!strcmp(argv[i], "--help") ||
					    !strcmp(argv[i], "-h"))) {
			*help = true;
		} else if (!options_end && !strncmp(argv[i], "--", 2)) {
			ret = option_parse(command, argc, argv, &i, args);
			if (ret)
				return ret;
		} else if (args->operand && !args->operand_b &&
			   strchr(command->operand, ' ')) {
			args->operand_b = argv[i];
		} else if (!command->operand || args->operand) {
			fprintf(stderr, "vhsmctl: unexpected \"%s\"\n",
				argv[i]);
			return CTL_USAGE;
		} else {
			args->operand = argv[i];
		}
	}
	return CTL_OK;
}

bool ctl_number(const char *option, const char *text, long min, long max,
		long absent, long *value)
{
	char *end;

	*value = absent;
	if (!text)
		return true;
	errno = 0;
	*value = strtol(text, &end, 10);
	if (!errno && end != text && !*end && *value >= min && *value <= max)
		return true;
	fprintf(stderr, "vhsmctl: --%s must be a number from %ld to %ld\n",
		option, min, max);
	return false;
}
