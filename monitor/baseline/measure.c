/* SPDX-License-Identifier: Apache-2.0 */
/* measure.c - what a domain is booted with. */
#include <errno.h>
#include <string.h>

#include "baseline-internal.h"

int vhsm_boot_measure(struct vhsm_boot *boot, const char *kernel,
		      const char *ramdisk, const char *cmdline, char *why)
{
	size_t len = strlen(cmdline);
	int r;

	memset(boot, 0, sizeof(*boot));
	if (len >= sizeof(boot->cmdline))
		return baseline_fail(why, -E2BIG,
				     "the command line is longer than %u bytes",
				     VHSM_CMDLINE_MAX - 1);
	memcpy(boot->cmdline, cmdline, len + 1);
	r = baseline_hash_file(kernel, boot->kernel, why);
	if (!r && ramdisk) {
		boot->has_ramdisk = true;
		r = baseline_hash_file(ramdisk, boot->ramdisk, why);
	}
	return r;
}
