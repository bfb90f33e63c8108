/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checks.c - the table of all checks, in the order they run in.
 */
#include "checks/checks.h"

#include <stddef.h>

const struct vhsm_check *const vhsm_checks[] = {
	/* text */
	&vhsm_check_kernel_text,
	&vhsm_check_inline_hook,
	&vhsm_check_kernel_rodata,
	&vhsm_check_trace_hook,

	/* tables */
	&vhsm_check_syscall_table,
	&vhsm_check_cpu_entry,
	&vhsm_check_exec_unknown,
	&vhsm_check_write_exec,
	&vhsm_check_kernel_shadow,
	&vhsm_check_module_unapproved,
	&vhsm_check_module_hidden,

	/* processes */
	&vhsm_check_credentials,
	&vhsm_check_process_hidden,

	/* memory */
	&vhsm_check_yara,
	&vhsm_check_secret_leak,

	NULL
};
