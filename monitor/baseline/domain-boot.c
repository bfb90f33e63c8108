/* SPDX-License-Identifier: Apache-2.0 */
#include "baseline/domain-boot.h"

#include <errno.h>
#include <libxl.h>
#include <libxl_utils.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>
#include <xentoollog.h>

#include "baseline/baseline-internal.h"

static int find_domain(libxl_ctx *ctx, const char *domain, uint32_t *domid)
{
	libxl_dominfo *list;
	uint8_t bytes[16];
	int i, count, r = -ENOENT;

	if (uuid_parse(domain, bytes))
		return libxl_domain_qualifier_to_domid(ctx, domain, domid) ?
		       -ENOENT : 0;
	list = libxl_list_domain(ctx, &count);
	for (i = 0; list && i < count; i++) {
		if (memcmp(libxl_uuid_bytearray(&list[i].uuid), bytes,
			   sizeof(bytes)))
			continue;
		*domid = list[i].domid;
		r = 0;
	}
	if (list)
		libxl_dominfo_list_free(list, count);
	return r;
}

/* Where it is, or where it once was. */
static const char *bootloader(const libxl_domain_build_info *info)
{
	if (info->bootloader || info->type != LIBXL_DOMAIN_TYPE_PV)
		return info->bootloader;
	return info->u.pv.bootloader;
}

static int copy(const libxl_domain_build_info *info, const char *domain,
		struct vhsm_domain_boot *boot, char *why)
{
	char wrong[VHSM_BASELINE_WHY_LEN];
	int r = vhsm_boot_source_check(bootloader(info), info->kernel,
				       info->ramdisk, wrong);

	if (r)
		return baseline_fail(why, r, "%.64s: %s", domain, wrong);
	boot->kernel = strdup(info->kernel);
	boot->ramdisk = info->ramdisk ? strdup(info->ramdisk) : NULL;
	boot->cmdline = strdup(info->cmdline ? info->cmdline : "");
	if (boot->kernel && boot->cmdline && !boot->ramdisk == !info->ramdisk)
		return 0;
	vhsm_domain_boot_free(boot);
	return baseline_fail(why, -ENOMEM, "no memory");
}

static int ask(libxl_ctx *ctx, const char *domain,
	       struct vhsm_domain_boot *boot, char *why)
{
	libxl_domain_config config;
	uint32_t domid;
	int r = find_domain(ctx, domain, &domid);

	if (r)
		return baseline_fail(why, r, "%.64s: no such domain runs",
				     domain);
	libxl_domain_config_init(&config);
	if (libxl_retrieve_domain_configuration(ctx, domid, &config, NULL))
		r = baseline_fail(why, -EIO,
				  "%.64s: libxl does not know its configuration",
				  domain);
	else
		r = copy(&config.b_info, domain, boot, why);
	libxl_domain_config_dispose(&config);
	return r;
}

int vhsm_domain_boot(const char *domain, struct vhsm_domain_boot *boot,
		     char *why)
{
	xentoollog_logger_stdiostream *logger;
	libxl_ctx *ctx = NULL;
	int r;

	memset(boot, 0, sizeof(*boot));
	logger = xtl_createlogger_stdiostream(stderr, XTL_ERROR, 0);
	if (!logger)
		return baseline_fail(why, -ENOMEM, "no memory");
	if (libxl_ctx_alloc(&ctx, LIBXL_VERSION, 0,
			    (xentoollog_logger *)logger))
		r = baseline_fail(why, -EIO,
				  "Xen cannot be asked (is this dom0, and are you root?)");
	else
		r = ask(ctx, domain, boot, why);
	libxl_ctx_free(ctx);
	xtl_logger_destroy((xentoollog_logger *)logger);
	return r;
}

void vhsm_domain_boot_free(struct vhsm_domain_boot *boot)
{
	free(boot->kernel);
	free(boot->ramdisk);
	free(boot->cmdline);
	memset(boot, 0, sizeof(*boot));
}
