/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - vhsmctl: finds the command, reads its arguments, runs it.
 */
#include <config.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "ctl/ctl.h"

static const struct ctl_command *const families[] = {
	ctl_status_commands, ctl_key_commands, ctl_device_commands,
	ctl_audit_commands, ctl_unit_commands, ctl_alert_commands,
	ctl_baseline_commands, ctl_monitor_commands,
};

#define FAMILIES (sizeof(families) / sizeof(families[0]))

static void help_print(FILE *out)
{
	fputs("Usage: vhsmctl [COMMAND] [OPTION...]\n"
	      "Manages the keys of Xen's guests.  Without a command: status.\n"
	      "\n", out);
	for (size_t f = 0; f < FAMILIES; f++)
		for (const struct ctl_command *c = families[f]; c->family; c++)
			fprintf(out, "  vhsmctl %.*s\n",
				(int)strcspn(c->help, "\n"), c->help);
	fputs("\n"
	      "  --run-dir DIR  where vhsmd's sockets are, if not " RUNDIR
	      "/vhsm\n"
	      "  --help         of a command: what it does\n"
	      "  --version\n"
	      "\n"
	      "Exit status: 0 done; 1 failed; 2 not understood; 3 the "
	      "daemon cannot be\nreached; 4 the audit log, a bundle of "
	      "evidence or a\nbaseline does not verify.\n", out);
}

static const struct ctl_command *command_find(const char *family,
					      const char *name)
{
	for (size_t f = 0; f < FAMILIES; f++)
		for (const struct ctl_command *c = families[f]; c->family; c++)
			if (!strcmp(c->family, family) &&
			    (!c->name || (name && !strcmp(c->name, name))))
				return c;
	return NULL;
}

/* There is no such command: what of its family is there? */
static enum ctl_exit command_unknown(const char *family, const char *name)
{
	bool known = false;

	if (name && strcmp(name, "--help") && strcmp(name, "-h"))
		fprintf(stderr, "vhsmctl: no command \"%s %s\"\n", family,
			name);
	for (size_t f = 0; f < FAMILIES; f++)
		for (const struct ctl_command *c = families[f]; c->family; c++)
			if (!strcmp(c->family, family)) {
				fprintf(stderr, "  vhsmctl %.*s\n",
					(int)strcspn(c->help, "\n"), c->help);
				known = true;
			}
	if (!known)
		fprintf(stderr, "vhsmctl: no command \"%s\"; see vhsmctl "
			"--help\n", family);
	return CTL_USAGE;
}

static enum ctl_exit command_run(const struct ctl_command *command, int argc,
				 char **argv)
{
	struct ctl_args args = { 0 };
	bool help = false;
	enum ctl_exit ret = ctl_args_parse(command, argc, argv, &args, &help);

	if (help) {
		printf("Usage: vhsmctl %s", command->help);
		return CTL_OK;
	}
	if (!ret)
		ret = command->run(&args);
	if (ret == CTL_USAGE)
		fprintf(stderr, "Usage: vhsmctl %.*s\n",
			(int)strcspn(command->help, "\n"), command->help);
	return ret;
}

/* Takes options before the command as if they stood behind it. */
static void options_move(int argc, char **argv)
{
	int leading = ctl_options_leading(argc, argv);
	int words = argc - leading < 2 ? argc - leading : 2;
	char *moved[2] = { NULL, NULL };

	if (words == 2 && command_find(argv[leading], NULL))
		words = 1;
	for (int i = 0; i < words; i++)
		moved[i] = argv[leading + i];
	memmove(argv + words, argv, leading * sizeof(*argv));
	for (int i = 0; i < words; i++)
		argv[i] = moved[i];
}

int main(int argc, char **argv)
{
	static char status[] = "status";
	const struct ctl_command *command;
	const char *family = argc > 1 ? argv[1] : status;

	signal(SIGPIPE, SIG_IGN);	/* a write that fails says so */
	if (!strcmp(family, "--help") || !strcmp(family, "-h")) {
		help_print(stdout);
		return CTL_OK;
	}
	if (!strcmp(family, "--version")) {
		puts("vhsmctl " PACKAGE_VERSION);
		return CTL_OK;
	}
	if (argc > 1)
		options_move(argc - 1, argv + 1);
	/* Options without a command are those of status. */
	if (argc < 2 || !strncmp(argv[1], "--", 2))
		return command_run(command_find(status, NULL), argc - 1,
				   argv + 1);
	family = argv[1];
	command = command_find(family, argc > 2 ? argv[2] : NULL);
	if (!command)
		return command_unknown(family, argc > 2 ? argv[2] : NULL);
	return command_run(command, argc - (command->name ? 3 : 2),
			   argv + (command->name ? 3 : 2));
}
