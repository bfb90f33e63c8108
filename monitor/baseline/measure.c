/* SPDX-License-Identifier: Apache-2.0 */
/* measure.c - what a domain is booted with. */
#include <errno.h>
#include <string.h>

#include "baseline-internal.h"

int baseline_measure_rest(struct vhsm_boot *boot, const char *ramdisk,
			  const char *cmdline, char *why)
{
	size_t len = strlen(cmdline);

	memset(boot, 0, sizeof(*boot));
	if (len >= sizeof(boot->cmdline))
		return baseline_fail(why, -E2BIG,
				     "the command line is longer than %u bytes",
				     VHSM_CMDLINE_MAX - 1);
	memcpy(boot->cmdline, cmdline, len + 1);
	boot->has_ramdisk = ramdisk != NULL;
	return ramdisk ? baseline_hash_file(ramdisk, boot->ramdisk, why) : 0;
}

int vhsm_boot_measure(struct vhsm_boot *boot, const char *kernel,
		      const char *ramdisk, const char *cmdline, char *why)
{
	int r = baseline_measure_rest(boot, ramdisk, cmdline, why);

	return r ? r : baseline_hash_file(kernel, boot->kernel, why);
}
