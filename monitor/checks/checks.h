/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checks.h - the checks there are, by the names of their files; checks.c has
 * the table of them all.
 */
#ifndef VHSM_CHECKS_H
#define VHSM_CHECKS_H

#include "checks/check.h"

extern const struct vhsm_check vhsm_check_kernel_text;
extern const struct vhsm_check vhsm_check_kernel_rodata;
extern const struct vhsm_check vhsm_check_syscall_table;
extern const struct vhsm_check vhsm_check_cpu_entry;
extern const struct vhsm_check vhsm_check_inline_hook;
extern const struct vhsm_check vhsm_check_trace_hook;
extern const struct vhsm_check vhsm_check_kernel_shadow;
extern const struct vhsm_check vhsm_check_module_unapproved;
extern const struct vhsm_check vhsm_check_module_hidden;
extern const struct vhsm_check vhsm_check_exec_unknown;
extern const struct vhsm_check vhsm_check_write_exec;
extern const struct vhsm_check vhsm_check_process_hidden;
extern const struct vhsm_check vhsm_check_credentials;
extern const struct vhsm_check vhsm_check_yara;
extern const struct vhsm_check vhsm_check_secret_leak;

#endif /* VHSM_CHECKS_H */
