/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config-boot.c - what xl would boot a domain with that does not run yet, by
 * its xl.cfg(5).
 */
#include <config.h>

#include "baseline/domain-boot.h"

#include <errno.h>
#include <libxlutil.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "baseline/baseline-internal.h"
#include "common/vhsmd-conf.h"
#include "common/xlcfg.h"

static int find(const char *domain, struct vhsm_xlcfg *cfg, char *why)
{
	struct vhsm_config config;
	uint8_t uuid[16];
	bool by_uuid = !uuid_parse(domain, uuid);
	int r = vhsm_config_read(&config, VHSM_CONFIG_FILE, true);

	if (r)
		return baseline_fail(why, r, "%s cannot be read",
				     VHSM_CONFIG_FILE);
	r = vhsm_xlcfg_find(config.config_dirs, config.config_dir_count,
			    by_uuid ? uuid : NULL, by_uuid ? "" : domain, cfg);
	vhsm_config_deinit(&config);
	if (r == -EEXIST)
		return baseline_fail(why, r, "%.64s: several xl.cfg files could "
				     "be meant; name its kernel with --kernel",
				     domain);
	return r ? baseline_fail(why, r, "%.64s: it does not run, and no "
				 "xl.cfg is its", domain) : 0;
}

static char *setting(XLU_Config *xlu, const char *name)
{
	const char *text;

	return xlu_cfg_get_string(xlu, name, &text, 1) ? NULL : strdup(text);
}

/* As xl puts it together: cmdline, or else root and extra. */
static char *cmdline(XLU_Config *xlu)
{
	char *whole = setting(xlu, "cmdline"), *root, *extra;

	if (whole)
		return whole;
	root = setting(xlu, "root");
	extra = setting(xlu, "extra");
	if (!root)
		whole = strdup(extra ? extra : "");
	else if (asprintf(&whole, "root=%s%s%s", root, extra ? " " : "",
			  extra ? extra : "") < 0)
		whole = NULL;
	free(root);
	free(extra);
	return whole;
}

int vhsm_config_boot(const char *domain, struct vhsm_domain_boot *boot,
		     char *why)
{
	struct vhsm_xlcfg cfg;
	char wrong[VHSM_BASELINE_WHY_LEN];
	XLU_Config *xlu;
	char *loader;
	int r;

	memset(boot, 0, sizeof(*boot));
	r = find(domain, &cfg, why);
	if (r)
		return r;
	xlu = xlu_cfg_init(stderr, cfg.path);
	if (!xlu)
		return baseline_fail(why, -ENOMEM, "no memory");
	if (xlu_cfg_readfile(xlu, cfg.path)) {
		r = baseline_fail(why, -EINVAL, "%s cannot be read", cfg.path);
	} else {
		boot->kernel = setting(xlu, "kernel");
		boot->ramdisk = setting(xlu, "ramdisk");
		boot->cmdline = cmdline(xlu);
		loader = setting(xlu, "bootloader");
		r = vhsm_boot_source_check(loader, boot->kernel, boot->ramdisk,
					   wrong);
		if (r)
			baseline_fail(why, r, "%.64s: %s", cfg.path, wrong);
		else if (!boot->cmdline)
			r = baseline_fail(why, -ENOMEM, "no memory");
		free(loader);
	}
	xlu_cfg_destroy(xlu);
	if (r)
		vhsm_domain_boot_free(boot);
	return r;
}
