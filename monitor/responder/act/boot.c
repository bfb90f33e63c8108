/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot.c - what the toolstack built a domain from, and whether that is
 * approved.  The files are hashed as they are now: an admin who replaces them
 * between xl create and this sees the guest unapproved.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "act.h"
#include "baseline.h"

static void hex_encode(const uint8_t bytes[32], char text[65])
{
	for (unsigned i = 0; i < 32; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
}

static int hex_decode(const char *text, uint8_t bytes[32])
{
	static const char digits[] = "0123456789abcdef";

	if (!text || strlen(text) != 64)
		return -1;
	for (unsigned i = 0; i < 32; i++) {
		const char *high = strchr(digits, text[2 * i]);
		const char *low = strchr(digits, text[2 * i + 1]);

		if (!high || !low)
			return -1;
		bytes[i] = (high - digits) << 4 | (low - digits);
	}
	return 0;
}

static int measure(struct vhsm_act *act, const libxl_domain_build_info *info)
{
	char kernel[65], ramdisk[65], why[VHSM_BASELINE_WHY_LEN] = "";
	struct vhsm_boot boot;

	if (!info->kernel) {
		act->code = "no-kernel";
		return vhsm_act_fail(act, "the domain's configuration names "
				     "no kernel: it is booted by firmware or a "
				     "boot loader, which is not measured");
	}
	if (vhsm_boot_measure(&boot, info->kernel, info->ramdisk,
			      info->cmdline ? info->cmdline : "", why))
		return vhsm_act_fail(act, "%s", why);
	hex_encode(boot.kernel, kernel);
	hex_encode(boot.ramdisk, ramdisk);
	act->result = json_pack("{s:s,s:s*,s:s}", "kernel", kernel, "ramdisk",
				boot.has_ramdisk ? ramdisk : NULL, "cmdline",
				boot.cmdline);
	return act->result ? 0 : vhsm_act_fail(act, "the command line is not "
					       "UTF-8");
}

int vhsm_act_boot(struct vhsm_act *act)
{
	libxl_domain_config config;
	uint32_t domid;
	int ret;

	if (!vhsm_act_domid(act, "domid", &domid))
		return -1;
	libxl_domain_config_init(&config);
	ret = libxl_retrieve_domain_configuration(act->xl, domid, &config, NULL);
	if (ret) {
		/* libxl writes it at the end of building. */
		act->code = "not-yet";
		ret = vhsm_act_fail(act, "domain %u: its configuration is not "
				    "known (yet): %s", domid,
				    vhsm_act_xl_error(ret));
	} else {
		ret = measure(act, &config.b_info);
	}
	libxl_domain_config_dispose(&config);
	return ret;
}

static int boot_take(json_t *json, struct vhsm_boot *boot)
{
	const char *kernel, *cmdline, *ramdisk = NULL;

	memset(boot, 0, sizeof(*boot));
	if (json_unpack(json, "{s:s,s?s,s:s}", "kernel", &kernel, "ramdisk",
			&ramdisk, "cmdline", &cmdline) ||
	    hex_decode(kernel, boot->kernel) ||
	    (ramdisk && hex_decode(ramdisk, boot->ramdisk)) ||
	    strlen(cmdline) >= sizeof(boot->cmdline))
		return -1;
	boot->has_ramdisk = ramdisk != NULL;
	memcpy(boot->cmdline, cmdline, strlen(cmdline) + 1);
	return 0;
}

int vhsm_act_match(struct vhsm_act *act)
{
	char name[VHSM_BASELINE_NAME_MAX] = "";
	char why[VHSM_BASELINE_WHY_LEN] = "";
	const char *uuid, *dir;
	json_t *manifest = NULL;
	struct vhsm_boot boot;
	int ret;

	if (!vhsm_act_text(act, "uuid", &uuid) ||
	    !vhsm_act_text(act, "dir", &dir))
		return -1;
	if (boot_take(json_object_get(act->params, "boot"), &boot))
		return vhsm_act_fail(act, "boot is not as measured");
	ret = vhsm_baseline_match(dir, uuid, &boot, name, &manifest, why);
	json_decref(manifest);
	if (ret) {
		act->code = "unapproved";
		return vhsm_act_fail(act, "%s", why[0] ? why : strerror(-ret));
	}
	act->result = json_pack("{s:s}", "baseline", name);
	return 0;
}
