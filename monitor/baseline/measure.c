/* SPDX-License-Identifier: Apache-2.0 */
/* measure.c - what a domain is booted with, and its JSON. */
#include <errno.h>
#include <string.h>

#include "baseline/baseline-internal.h"
#include "common/hex.h"

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

int vhsm_boot_source_check(const char *bootloader, const char *kernel,
			   const char *ramdisk, char *why)
{
	/* It is run even where there is a kernel, which it then takes for a
	 * path on the guest's disk. */
	if (bootloader && bootloader[0])
		return baseline_fail(why, -ENOTSUP,
			"bootloader=%.30s takes its kernel from the guest's own disk; boot one of this host with kernel= alone, or GRUB's PVH image with it inside, see vhsm-baseline(5)",
			bootloader);
	if (!kernel || !kernel[0])
		return baseline_fail(why, -ENOTSUP,
			"firmware chooses its kernel; boot one of this host with kernel=, or GRUB's PVH image with it inside, see vhsm-baseline(5)");
	if (kernel[0] != '/' || (ramdisk && ramdisk[0] != '/'))
		return baseline_fail(why, -EINVAL,
			"%.80s: which file that is depends on where xl was started; give kernel= and ramdisk= whole paths, from /",
			kernel[0] != '/' ? kernel : ramdisk);
	return 0;
}

int vhsm_boot_measure(struct vhsm_boot *boot, const char *kernel,
		      const char *ramdisk, const char *cmdline, char *why)
{
	int r = baseline_measure_rest(boot, ramdisk, cmdline, why);

	return r ? r : baseline_hash_file(kernel, boot->kernel, why);
}

json_t *vhsm_boot_encode(const struct vhsm_boot *boot)
{
	char kernel[BASELINE_HEX_LEN], ramdisk[BASELINE_HEX_LEN];

	vhsm_hex_encode(boot->kernel, 32, kernel);
	vhsm_hex_encode(boot->ramdisk, 32, ramdisk);
	return json_pack("{s:s,s:s*,s:s}", "kernel", kernel, "ramdisk",
			 boot->has_ramdisk ? ramdisk : NULL, "cmdline",
			 boot->cmdline);
}

int vhsm_boot_decode(struct vhsm_boot *boot, const json_t *untrusted)
{
	const char *kernel, *cmdline, *ramdisk = NULL;

	memset(boot, 0, sizeof(*boot));
	if (json_unpack((json_t *)untrusted, "{s:s,s?s,s:s!}", "kernel",
			&kernel, "ramdisk", &ramdisk, "cmdline", &cmdline) ||
	    vhsm_hex_decode_lower(kernel, boot->kernel, 32) ||
	    (ramdisk && vhsm_hex_decode_lower(ramdisk, boot->ramdisk, 32)) ||
	    strlen(cmdline) >= sizeof(boot->cmdline))
		return -EINVAL;
	boot->has_ramdisk = ramdisk != NULL;
	memcpy(boot->cmdline, cmdline, strlen(cmdline) + 1);
	return 0;
}
