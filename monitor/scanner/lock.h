/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock.h - what vhsm-monitor gives up, for it reads the memory of a guest that
 * may be hostile and should have nothing more to lose than that guest.
 */
#ifndef VHSM_SCANNER_LOCK_H
#define VHSM_SCANNER_LOCK_H

/*
 * Once guest, baseline and channel are open: root and all capabilities (as user
 * 65534; nothing to do if it is not root), processes and files to write, and
 * all system calls but those of a sweep; what is mapped can only be read, but
 * for the process's own memory.  A call that is not allowed kills the process;
 * an attempt to open a file fails.  0 or -errno with why (200 bytes).
 */
int monitor_lock(char *why);

#endif /* VHSM_SCANNER_LOCK_H */
