/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.h - the main thread: what the broker and the vault ask for.
 */
#ifndef VHSM_CONTROL_H
#define VHSM_CONTROL_H

#include "engine/engine.h"

/*
 * Takes the first keys, connects when told to, serves until told to stop, a
 * sibling is gone, or the guest breaks the ring.  Returns the process's exit
 * status: 0, EXIT_FAILURE, or VHSM_EXIT_VIOLATION.  *threads_left says that
 * some thread could not be ended, so nothing may be freed.
 */
int vhsm_control_run(struct vhsm_engine *, bool *threads_left);

#endif /* VHSM_CONTROL_H */
