/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confirm.h - asks before what cannot be undone.
 */
#ifndef VHSM_CTL_CONFIRM_H
#define VHSM_CTL_CONFIRM_H

#include "ctl.h"

/* CTL_OK: go on, as --yes or the person said; else what to exit with. */
enum ctl_exit ctl_confirm(const struct ctl_args *args, const char *what);

#endif /* VHSM_CTL_CONFIRM_H */
