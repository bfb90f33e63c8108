/* SPDX-License-Identifier: Apache-2.0 */
/*
 * domain-boot.h - what the toolstack booted a running domain with, as libxl
 * keeps it, or would boot one with.
 */
#ifndef VHSM_DOMAIN_BOOT_H
#define VHSM_DOMAIN_BOOT_H

#include "baseline/baseline.h"

struct vhsm_domain_boot {
	char *kernel;			/* path */
	char *ramdisk;			/* path, or NULL */
	char *cmdline;			/* may be "" */
};

/* domain: its name, number or UUID.  0 with *boot; -ENOENT when there is no
 * such domain; as vhsm_boot_source_check when its kernel is no file of this
 * host; another -errno; with why (VHSM_BASELINE_WHY_LEN). */
int vhsm_domain_boot(const char *domain, struct vhsm_domain_boot *boot,
		     char *why);
/* The same of a domain that does not run, by name or UUID: what its xl.cfg says.
 * -ENOENT: there is none; -EEXIST: several could be meant. */
int vhsm_config_boot(const char *domain, struct vhsm_domain_boot *boot,
		     char *why);
void vhsm_domain_boot_free(struct vhsm_domain_boot *);

#endif /* VHSM_DOMAIN_BOOT_H */
