/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan-session.h - a monitor's talk with the responder, from HELLO until the
 * channel ends: waits for CONFIGURE, answers every SWEEP with a VERDICT, and
 * works on full scans in between.
 *
 *   start --CONFIGURE--> idle --SWEEP--> (sweep, VERDICT, a slice) --> idle
 *
 * A frame that the responder should not have sent then ends the session, as
 * does one that cannot be read.  Nothing waits for the responder to read.
 */
#ifndef VHSM_SCAN_SESSION_H
#define VHSM_SCAN_SESSION_H

#include "scanner/guest-sweep.h"

struct session_setup {
	struct vhsm_channel *channel;	/* borrowed */
	const char *baseline_dir;
	const char *image;		/* file instead of a domain, or NULL */
	uint32_t confirm_ms;
	uint32_t boot_ms;		/* see guest.h */
	/* Gives up what is not needed once everything is open: 0 or -errno
	 * with why (GUEST_WHY_LEN). */
	int (*lock)(char *why);
};

/* Returns when the channel has ended: 0 when the responder closed it, or -errno
 * with why (GUEST_WHY_LEN), of which the responder was told. */
int session_run(const struct session_setup *, char *why);

#endif /* VHSM_SCAN_SESSION_H */
