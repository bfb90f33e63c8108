/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inline-hook.h - whether a difference in text is a hook of a function: it lies
 * in the function's first bytes and leads out of the function.  So kernel-text
 * and inline-hook agree whose finding it is.
 */
#ifndef VHSM_INLINE_HOOK_H
#define VHSM_INLINE_HOOK_H

#include "checks/code.h"
#include "checks/text-view.h"

#define VHSM_PROLOGUE_LEN 16u		/* bytes */

bool vhsm_inline_hook(const struct vhsm_kernel *, const struct vhsm_difference *,
		      struct vhsm_code_branch *branch);

#endif /* VHSM_INLINE_HOOK_H */
