/* SPDX-License-Identifier: Apache-2.0 */
/*
 * args.c - options and arguments, one table for all commands; a command says
 * which of them it takes.
 */
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Taken by every command. */
#define GLOBAL_OPTIONS "djhV"

static const struct option options[] = {
	{ "device", required_argument, NULL, 'd' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ "in", required_argument, NULL, 'i' },
	{ "out", required_argument, NULL, 'o' },
	{ "mechanism", required_argument, NULL, 'm' },
	{ "signature", required_argument, NULL, 's' },
	{ "aad", required_argument, NULL, 'a' },
	{ "digest", no_argument, NULL, 'D' },
	{ "hex", no_argument, NULL, 'x' },
	{ "pem", no_argument, NULL, 'P' },
	{ "der", no_argument, NULL, 'R' },
	{ "raw-handle", required_argument, NULL, 'r' },
	{ "quick", no_argument, NULL, 'q' },
	{ "depth", required_argument, NULL, 'p' },
	{ "op", required_argument, NULL, 'O' },
	{ "key", required_argument, NULL, 'k' },
	{ "size", required_argument, NULL, 'z' },
	{ NULL, 0, NULL, 0 }
};

static int parse_number(const char *name, const char *text, uint64_t max,
			uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 0);
	if (*text < '0' || *text > '9' || errno || *end || *value > max)
		return cli_usage("%s: '%s' is not a number up to %llu", name,
				 text, (unsigned long long)max);
	return 0;
}

static int number_option(int letter, const char *text, struct cli *c)
{
	uint64_t value;
	int r;

	r = parse_number(letter == 'r' ? "--raw-handle" :
			 letter == 'p' ? "--depth" : "--size", text,
			 letter == 'p' ? 512 : UINT32_MAX, &value);
	if (r)
		return r;
	if (letter == 'r')
		c->raw_handle = (int64_t)value;
	else if (letter == 'p')
		c->depth = (int64_t)value;
	else
		c->size = (int64_t)value;
	return 0;
}

static int set_option(int letter, const char *value, struct cli *c)
{
	switch (letter) {
	case 'd': c->device = value; return 0;
	case 'j': c->json = true; return 0;
	case 'i': c->in = value; return 0;
	case 'o': c->out = value; return 0;
	case 'm': c->mechanism = value; return 0;
	case 's': c->signature = value; return 0;
	case 'a': c->aad = value; return 0;
	case 'O': c->op = value; return 0;
	case 'k': c->key = value; return 0;
	case 'D': c->digest = true; return 0;
	case 'x': c->hex = true; return 0;
	case 'R': c->der = true; return 0;
	case 'P': c->der = false; return 0;
	case 'q': c->quick = true; return 0;
	default: return number_option(letter, value, c);
	}
}

static void command_help(const struct cli_command *command)
{
	printf("usage: vhsm %s %s\n%s.\n%s", command->name,
	       command->arguments, command->what, command->help);
	printf("\n  --device DEV   $VHSM_DEVICE, or /dev/vhsm0\n"
	       "  --json         answers for programs\n"
	       "Details: man vhsm\n");
}

static int take_arguments(struct cli *c, const struct cli_command *command,
			  int count, char **args)
{
	unsigned min = command->min;
	int r = 0;

	/* A raw handle stands in for the key. */
	if (c->raw_handle >= 0 && min)
		min--;
	if ((unsigned)count < min)
		return cli_usage("%s: say which: vhsm %s %s", command->name,
				 command->name, command->arguments);
	if ((unsigned)count > command->max)
		return cli_usage("%s: too many arguments, from '%s' on",
				 command->name, args[command->max]);
	if (!strcmp(command->name, "random"))
		return parse_number("random", args[0], 1u << 30, &c->count);
	if (count && (c->raw_handle < 0 || count == 2)) {
		c->key = *args++;
		count--;
	}
	if (count && c->in)
		r = cli_usage("%s: the file is given twice", command->name);
	else if (count)
		c->in = *args;
	return r;
}

int cli_parse(struct cli *c, const struct cli_command *command, int argc,
	      char **argv, bool *done)
{
	int letter, r;

	optind = 1;
	while ((letter = getopt_long(argc, argv, "d:jhVi:o:m:s:a:x", options,
				     NULL)) != -1) {
		if (letter == 'h') {
			command_help(command);
			*done = true;
			return 0;
		}
		if (letter == '?' || (!strchr(GLOBAL_OPTIONS, letter) &&
				      !strchr(command->options, letter)))
			return cli_usage("%s: an option that it does not "
					 "take; see vhsm %s --help",
					 command->name, command->name);
		r = set_option(letter, optarg, c);
		if (r)
			return r;
	}
	return take_arguments(c, command, argc - optind, argv + optind);
}

void cli_help(void)
{
	const struct cli_command *const *command;

	printf("usage: vhsm [--device DEV] [--json] [COMMAND ...]\n"
	       "Uses keys that this guest cannot read.  "
	       "Without a command: the device's state and its keys.\n\n");
	for (command = cli_commands; *command; command++)
		printf("  %-8s %s\n", (*command)->name, (*command)->what);
	printf("\n  --device DEV   $VHSM_DEVICE, or /dev/vhsm0\n"
	       "  --json         answers for programs\n"
	       "  --version\n"
	       "Exit status: 0 done, 1 the answer is no (signature, tag), "
	       "2 wrong usage, 3 failed.\n"
	       "vhsm COMMAND --help says more; man vhsm says all.\n");
}
