/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot.c - what the toolstack built a domain from, whether that is approved,
 * and what is learned from one that is.  The files are hashed as they are now:
 * an admin who replaces them between xl create and this sees the guest
 * unapproved.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "baseline/baseline-store.h"
#include "responder/act/act.h"

/* Where it is, or where it once was. */
static const char *bootloader(const libxl_domain_build_info *info)
{
	if (info->bootloader || info->type != LIBXL_DOMAIN_TYPE_PV)
		return info->bootloader;
	return info->u.pv.bootloader;
}

static int measure(struct vhsm_act *act, const libxl_domain_build_info *info)
{
	char why[VHSM_BASELINE_WHY_LEN] = "";
	struct vhsm_boot boot;

	if (vhsm_boot_source_check(bootloader(info), info->kernel,
				   info->ramdisk, why)) {
		act->code = "no-kernel";
		return vhsm_act_fail(act, "%s", why);
	}
	if (vhsm_boot_measure(&boot, info->kernel, info->ramdisk,
			      info->cmdline ? info->cmdline : "", why))
		return vhsm_act_fail(act, "%s", why);
	act->result = vhsm_boot_encode(&boot);
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

static bool boot_param(struct vhsm_act *act, struct vhsm_boot *boot)
{
	if (!vhsm_boot_decode(boot, json_object_get(act->params, "boot")))
		return true;
	vhsm_act_fail(act, "boot is not as measured");
	return false;
}

int vhsm_act_match(struct vhsm_act *act)
{
	char name[VHSM_BASELINE_NAME_MAX] = "";
	char digest[VHSM_BASELINE_DIGEST_LEN] = "";
	char why[VHSM_BASELINE_WHY_LEN] = "";
	const char *uuid, *dir;
	json_t *manifest = NULL;
	struct vhsm_boot boot;
	int ret;

	if (!vhsm_act_text(act, "uuid", &uuid) ||
	    !vhsm_act_text(act, "dir", &dir) || !boot_param(act, &boot))
		return -1;
	ret = vhsm_baseline_match(dir, uuid, &boot, name, digest, &manifest,
				  why);
	json_decref(manifest);
	if (ret) {
		act->code = "unapproved";
		return vhsm_act_fail(act, "%s", why[0] ? why : strerror(-ret));
	}
	act->result = json_pack("{s:s,s:s}", "baseline", name, "manifest",
				digest);
	return 0;
}

int vhsm_act_learn(struct vhsm_act *act)
{
	const char *uuid, *dir, *name;
	char why[VHSM_BASELINE_WHY_LEN] = "";
	struct vhsm_boot boot;
	bool approve, changed = false;
	int ret;

	if (!vhsm_act_text(act, "uuid", &uuid) ||
	    !vhsm_act_text(act, "dir", &dir) ||
	    !vhsm_act_text(act, "baseline", &name) || !boot_param(act, &boot))
		return -1;
	approve = json_is_true(json_object_get(act->params, "approve"));
	ret = vhsm_baseline_set_learned(dir, name, uuid, &boot,
					json_object_get(act->params,
							"learned"),
					&changed, why);
	if (!ret && approve)
		ret = vhsm_baseline_approve(dir, uuid, name, why);
	if (ret && ret != -EALREADY)
		return vhsm_act_fail(act, "%s", why[0] ? why : strerror(-ret));
	act->result = json_pack("{s:s,s:b,s:b}", "baseline", name, "changed",
				changed, "approved", approve);
	return 0;
}
