/* SPDX-License-Identifier: Apache-2.0 */
/*
 * baseline-ctl.h - what vhsmctl's baseline commands share.
 */
#ifndef CTL_BASELINE_CTL_H
#define CTL_BASELINE_CTL_H

#include "ctl/ctl.h"

/* The store: --store, or that of the running vhsm-responder, or the usual
 * one. */
const char *ctl_baseline_store(const struct ctl_args *args);

/* Says why, and what to exit with for error (-errno). */
enum ctl_exit ctl_baseline_failed(int error, const char *why);

enum ctl_exit ctl_baseline_list(const struct ctl_args *args);
enum ctl_exit ctl_baseline_show(const struct ctl_args *args);
enum ctl_exit ctl_baseline_diff(const struct ctl_args *args);

#endif /* CTL_BASELINE_CTL_H */
