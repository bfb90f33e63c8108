/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox.h - what each process may do, in one place.  Two steps: harden()
 * first of all; then, once everything is open, the process's own lock(), which
 * says for each permission it keeps why.
 */
#ifndef VHSM_SANDBOX_H
#define VHSM_SANDBOX_H

#include <stddef.h>

/*
 * For every process that sees keys, before it has any: no core dumps, not
 * dumpable or traceable, dies with its parent, memory locked as it is touched
 * (never swapped), OpenSSL's secure heap of secure_heap bytes (a power of 2),
 * what OpenSSL frees wiped (crypto-memory.h).  First of all, before OpenSSL is
 * used.
 * 0 or -errno with why (at least 200 bytes).
 */
int vhsm_sandbox_harden(size_t secure_heap, char *why);

/* Gives up root for user (a name, "UID" or "UID:GID"; numbers need no entry in
 * the password file), all capabilities and supplementary groups, for good.  Not root and user NULL or oneself: nothing
 * to do.  0 or -errno with why. */
int vhsm_sandbox_drop(const char *user, char *why);

/* seccomp filters: allow lists; anything else kills the process. */
int vhsm_sandbox_lock_engine(char *why);	/* after connect and threads */
int vhsm_sandbox_lock_vault(char *why);		/* after the store is open */

#endif /* VHSM_SANDBOX_H */
