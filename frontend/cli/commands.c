/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands.c - every command there is, in the order that --help shows.
 */
#include "cli/commands.h"

#include <stddef.h>

const struct cli_command *const cli_commands[] = {
	&cmd_list, &cmd_info, &cmd_pubkey, &cmd_sign, &cmd_verify, &cmd_mac,
	&cmd_encrypt, &cmd_decrypt, &cmd_random, &cmd_bench, NULL
};
