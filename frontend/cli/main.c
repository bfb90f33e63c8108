/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - vhsm, the guest's command line: finds the command, runs it.
 *
 * Holds no key and needs no privilege but access to the device.
 */
#include "cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <config.h>

int cli_usage(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "vhsm: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return CLI_USAGE;
}

void cli_note(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "vhsm: note: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

int cli_error(const char *what, int err)
{
	fprintf(stderr, "vhsm: %s: %s\n", what, vhsm_strerror(err));
	return err == -VHSM_E_BAD_SIGNATURE || err == -VHSM_E_BAD_TAG ?
		CLI_NO : CLI_FAILED;
}

static const struct cli_command *find(const char *name)
{
	const struct cli_command *const *command;

	for (command = cli_commands; *command; command++)
		if (!strcmp((*command)->name, name))
			return *command;
	return NULL;
}

/*
 * Options before the command.  How many words they are; -1 once --help or
 * --version was answered.
 */
static int global_options(struct cli *c, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "--json")) {
			c->json = true;
		} else if (!strcmp(argv[i], "--device") && i + 1 < argc) {
			c->device = argv[++i];
		} else if (!strncmp(argv[i], "--device=", 9)) {
			c->device = argv[i] + 9;
		} else if (!strcmp(argv[i], "--help") ||
			   !strcmp(argv[i], "-h")) {
			cli_help();
			return -1;
		} else if (!strcmp(argv[i], "--version")) {
			printf("vhsm (%s) %s\n", PACKAGE_NAME,
			       PACKAGE_VERSION);
			return -1;
		} else {
			break;
		}
	}
	return i;
}

static int dispatch(struct cli *c, int argc, char **argv)
{
	const struct cli_command *command;
	bool done = false;
	int at = global_options(c, argc, argv), r;

	if (at < 0)
		return CLI_OK;
	if (at == argc)
		return cli_status(c);
	command = find(argv[at]);
	if (!command)
		return cli_usage("no command '%s'; see vhsm --help", argv[at]);
	r = cli_parse(c, command, argc - at, argv + at, &done);
	return r || done ? r : command->run(c);
}

int main(int argc, char **argv)
{
	struct cli c = { .raw_handle = -1, .depth = -1, .size = -1 };
	int r;

	/* A reader that went away is an error to tell of, not to die of. */
	signal(SIGPIPE, SIG_IGN);
	r = dispatch(&c, argc, argv);
	vhsm_close(&c.h);
	if (fflush(stdout) && r == CLI_OK)
		r = cli_error("standard output", -EIO);
	return r;
}
