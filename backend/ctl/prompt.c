/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/prompt.h"

enum ctl_exit ctl_confirm(const struct ctl_args *args, const char *what)
{
	char answer[16];

	if (args->yes)
		return CTL_OK;
	if (!isatty(STDIN_FILENO)) {
		fprintf(stderr, "vhsmctl: this cannot be undone: %s; confirm "
			"with --yes\n", what);
		return CTL_USAGE;
	}
	fprintf(stderr, "This cannot be undone: %s.  Type yes: ", what);
	if (fgets(answer, sizeof(answer), stdin) && !strcmp(answer, "yes\n"))
		return CTL_OK;
	fputs("vhsmctl: nothing done\n", stderr);
	return CTL_FAILED;
}
