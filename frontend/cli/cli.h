/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli.h - what the commands of vhsm share: arguments, exit statuses, the
 * session, and how errors are told.
 */
#ifndef VHSM_CLI_H
#define VHSM_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vhsm/vhsm.h"

/* Exit statuses, as vhsm(1) documents them. */
enum cli_exit {
	CLI_OK = 0,
	CLI_NO = 1,		/* the answer is no: signature, tag */
	CLI_USAGE = 2,
	CLI_FAILED = 3		/* device, key, file */
};

struct cli {
	/* Global options. */
	const char *device;
	bool json;

	/* A command's own; NULL, false or -1 where not given. */
	const char *key;		/* first argument, if it takes one */
	const char *in;			/* second, or --in; NULL: stdin */
	const char *out;		/* NULL: stdout */
	const char *mechanism;
	const char *signature;
	const char *aad;
	const char *op;			/* bench */
	bool digest, hex, der, quick;
	int64_t raw_handle;
	int64_t depth;
	int64_t size;
	uint64_t count;			/* random's argument */

	struct vhsm *h;
};

struct cli_command {
	const char *name;
	const char *arguments;		/* for the usage line */
	const char *what;		/* for the list of commands */
	const char *options;		/* the short letters it takes */
	unsigned min, max;		/* arguments */
	int (*run)(struct cli *c);
	const char *help;		/* its own options, a line each */
};

extern const struct cli_command *const cli_commands[];

/* args.c: 0, or CLI_USAGE once it said why; *done: --help or --version. */
int cli_parse(struct cli *c, const struct cli_command *command, int argc,
	      char **argv, bool *done);
void cli_help(void);

/*
 * Opens the device with room for at least "room" bytes beside an operation's
 * small values, if the device gives as much.  CLI_OK or CLI_FAILED.
 */
int cli_open(struct cli *c, size_t room);
/* Opens the device and c->key, or --raw-handle.  info may be NULL. */
int cli_open_key(struct cli *c, size_t room, uint32_t *key,
		 struct vhsm_key_info *info);

/* "vhsm: WHAT: why"; gives the exit status that err deserves. */
int cli_error(const char *what, int err);
int cli_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
void cli_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The mechanism asked for, or the type's own.  0 once it said why not. */
uint16_t cli_mechanism(const struct cli *c, uint16_t key_type);

/* A key's name with a NUL; name has VHSM_NAME_MAX + 1 bytes. */
const char *cli_key_name(const struct vhsm_key_info *info, char *name);

int cli_status(struct cli *c);

#endif /* VHSM_CLI_H */
