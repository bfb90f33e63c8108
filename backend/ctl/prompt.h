/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prompt.h - asks before what cannot be undone.
 */
#ifndef VHSM_PROMPT_H
#define VHSM_PROMPT_H

#include "ctl/ctl.h"

/* CTL_OK: go on, as --yes or the person said; else what to exit with. */
enum ctl_exit ctl_confirm(const struct ctl_args *args, const char *what);

#endif /* VHSM_PROMPT_H */
