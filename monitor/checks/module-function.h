/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module-function.h - functions of approved modules, which the kernel's own
 * text may call: a module that puts a probe on a tracepoint becomes the target
 * of a static call.
 */
#ifndef VHSM_MODULE_FUNCTION_H
#define VHSM_MODULE_FUNCTION_H

#include <stdbool.h>
#include <stdint.h>

#include "introspect/kernel.h"

struct vhsm_module_functions;

/* Of the baseline in dir; NULL when it has no modules, or they cannot be used:
 * then no module has functions to call. */
struct vhsm_module_functions *vhsm_module_functions_open(const char *dir);
void vhsm_module_functions_close(struct vhsm_module_functions **);

/*
 * Whether va is where a function begins, of a module in the guest's list that
 * has an approved one's name and, all of it, the text that one's file makes.  A
 * function is one that ftrace can trace, which nearly all of C are; functions
 * may be NULL.
 */
bool vhsm_module_function_at(struct vhsm_module_functions *,
			     const struct vhsm_kernel *, uint64_t va);
/* What was found right of the guest may have changed since. */
void vhsm_module_functions_forget(struct vhsm_module_functions *);

#endif /* VHSM_MODULE_FUNCTION_H */
