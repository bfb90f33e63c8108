/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module-text.h - is a loaded module's text what its approved file says?
 *
 * The text is made as the loader would make it where the module lies, and
 * compared.  What differs must lie in a site, and be one of the values the
 * kernel puts there; a call whose target is chosen at run time must lead where
 * calls of its kind lead.
 */
#ifndef VHSM_MODULE_TEXT_H
#define VHSM_MODULE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "checks/exec-owner.h"
#include "introspect/kernel.h"
#include "introspect/module-reference.h"

#define VHSM_MODULE_TEXT_MAX (64u << 20)	/* bytes */

/* What targets are counted from. */
struct vhsm_module_where {
	const struct vhsm_kernel *kernel;
	const struct vhsm_modules *modules;
	const uint64_t *base;		/* of each module of the file, by its
					 * number; 0: not loaded */
	const struct vhsm_owners *owners;	/* of executable memory */
};

struct vhsm_module_difference {
	uint32_t at;			/* offset of the first byte, */
	uint32_t len;			/* and the length of the run */
};

/* The text module number i has when it lies at base[i], text->len bytes (the
 * caller's, to be freed); NULL without memory. */
uint8_t *vhsm_module_expected(const struct vhsm_module_where *, size_t i);

/*
 * Compares len bytes of memory with those expected.  Differences that a site
 * explains are counted in *explained.  0, or 1 with the first that none does.
 */
int vhsm_module_compare(const struct vhsm_module_where *, size_t i,
			const uint8_t *expected, const uint8_t *is,
			uint64_t *explained,
			struct vhsm_module_difference *difference);

#endif /* VHSM_MODULE_TEXT_H */
