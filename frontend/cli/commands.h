/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands.h - the commands, as commands.c lists them.
 */
#ifndef VHSM_CLI_COMMANDS_H
#define VHSM_CLI_COMMANDS_H

#include "cli/cli.h"

extern const struct cli_command cmd_list;
extern const struct cli_command cmd_info;
extern const struct cli_command cmd_pubkey;
extern const struct cli_command cmd_sign;
extern const struct cli_command cmd_verify;
extern const struct cli_command cmd_mac;
extern const struct cli_command cmd_encrypt;
extern const struct cli_command cmd_decrypt;
extern const struct cli_command cmd_random;
extern const struct cli_command cmd_bench;

#endif /* VHSM_CLI_COMMANDS_H */
