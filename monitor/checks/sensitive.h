/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sensitive.h - the functions that who hides something would attach to.  A
 * built-in list, or the policy's: options = '{"functions": ["name", ...]}'.
 */
#ifndef VHSM_SENSITIVE_H
#define VHSM_SENSITIVE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "introspect/reference.h"

#define VHSM_SENSITIVE_MAX 256u

struct vhsm_sensitive {
	size_t count;
	struct {
		uint64_t va;		/* link address */
		const char *name;	/* the list's, or the options' */
	} function[VHSM_SENSITIVE_MAX];	/* ascending by va */
};

/* options may be NULL.  A built-in function that the image does not have is
 * left out; one that the options name is -EINVAL with why, as is what is no
 * list of names. */
int vhsm_sensitive_init(struct vhsm_sensitive *, const struct vhsm_reference *,
			const json_t *options, char *why);
/* The name of the function that has the link address, or NULL. */
const char *vhsm_sensitive_find(const struct vhsm_sensitive *,
				const struct vhsm_reference *, uint64_t va);

#endif /* VHSM_SENSITIVE_H */
