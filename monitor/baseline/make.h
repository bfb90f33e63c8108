/* SPDX-License-Identifier: Apache-2.0 */
/*
 * make.h - makes a baseline from the files a domain is booted with.  Apart
 * from baseline.h, because it needs all that reads kernels and modules.
 */
#ifndef VHSM_BASELINE_MAKE_H
#define VHSM_BASELINE_MAKE_H

#include "baseline/baseline.h"

struct vhsm_baseline_parts {
	const char *name;
	const char *kernel;		/* path, as for the rest */
	const char *guest_kernel;	/* what kernel, a boot loader, starts;
					 * NULL: it is the guest's kernel */
	const char *ramdisk;		/* NULL: none */
	const char *cmdline;
	const char *const *modules;	/* files, and folders with files */
	size_t module_count;
	const char *rules;		/* NULL: none; refused unless a monitor
					 * would take them */
	/* Told what begins; may be NULL. */
	void (*progress)(const char *step, void *arg);
	void *arg;
};

/*
 * Makes dir/name: 0 with *manifest (the caller's) and its digest; -EEXIST when
 * there is one; another -errno with why.  Nothing is left behind then.
 */
int vhsm_baseline_make(const char *dir, const struct vhsm_baseline_parts *,
		       json_t **manifest, uint8_t digest[32], char *why);

#endif /* VHSM_BASELINE_MAKE_H */
