/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch.h - the state of one watched guest, as a function: what has happened
 * goes in, what is to be done comes out.  Nothing here does anything, waits or
 * asks the time, so every path can be walked by a test.
 *
 *              guest came
 *   ABSENT ------------------> MEASURING <---. what did the toolstack boot?
 *     ^                          |   '-------' not known yet: again
 *     |                          v
 *     |      .------------> MATCHING ---> UNAPPROVED   alert, no lease
 *     |      |                   |             '---> again after recheck_ms
 *     |      |                   v
 *     |      |   .---------> STARTING ----------------------. cannot be made
 *     |      |   |               |  monitor domain made     |
 *     |      |   |               v                          |
 *     |      |   |           CONNECTING --- start_ms -----. |
 *     |      |   |               |  HELLO                 | |
 *     |      |   |               v                        | |
 *     |      |   |   .------> SWEEPING --- hang_ms -----. | |
 *     |      |   |   |           |  VERDICT             | | |
 *     |      |   |   '------- RESTING                   | | |
 *     |      |   |  sweep_ms     |                      v v |
 *     |      |   |               '-- gone, broken -> STOPPING
 *     |      |   |                                     |    |
 *     |      |   '------------- BACKOFF <--------------+----'
 *     |      '--- came again ---------------------------|
 *     '---------- guest gone ---------------------------'
 *
 * When what is approved changes while there is a monitor, that is removed, and
 * MATCHING comes next.
 *
 * The guest may go, or come again under another domid, in any state; a monitor
 * that is there, or being made, is removed first.  So a monitor is never left
 * behind, and never serves another boot than the one that was measured.
 *
 * Findings and reactions are beside this (ladder.h): a guest that was found
 * tampered with is swept on.
 */
#ifndef VHSM_WATCH_H
#define VHSM_WATCH_H

#include <stdbool.h>
#include <stdint.h>

enum vhsm_watch_state {
	VHSM_WATCH_ABSENT,
	VHSM_WATCH_MEASURING,
	VHSM_WATCH_MATCHING,
	VHSM_WATCH_UNAPPROVED,
	VHSM_WATCH_STARTING,
	VHSM_WATCH_CONNECTING,
	VHSM_WATCH_SWEEPING,
	VHSM_WATCH_RESTING,
	VHSM_WATCH_STOPPING,
	VHSM_WATCH_BACKOFF,
};

const char *vhsm_watch_state_name(enum vhsm_watch_state);

enum vhsm_watch_happened {
	VHSM_CAME,			/* the guest, under a domid not had */
	VHSM_GONE,
	VHSM_MEASURED,			/* ok: its boot is known */
	VHSM_MATCHED,			/* ok: to an approved baseline */
	VHSM_STARTED,			/* ok: the monitor domain runs */
	VHSM_HELLO,			/* the monitor said it */
	VHSM_VERDICT,			/* ok: it renews the lease */
	VHSM_BLIND,			/* a verdict without one check: while
					 * the guest has no kernel yet */
	VHSM_BROKEN,			/* the monitor broke the protocol */
	VHSM_LOST,			/* the channel or its domain ended */
	VHSM_STOPPED,			/* the monitor domain is no more */
	VHSM_CHANGED,			/* what is approved; ok: the guest
					 * still is, as another baseline */
	VHSM_TICK,			/* perhaps it is time for something */
};

/* What to do, as a set; do it in this order. */
#define VHSM_DO_HANG_UP		0x001u	/* close the channel */
#define VHSM_DO_STOP		0x002u	/* then VHSM_STOPPED */
#define VHSM_DO_GATE		0x004u	/* tell the broker anew */
#define VHSM_DO_MEASURE		0x008u	/* then VHSM_MEASURED */
#define VHSM_DO_MATCH		0x010u	/* then VHSM_MATCHED */
#define VHSM_DO_START		0x020u	/* then VHSM_STARTED */
#define VHSM_DO_CONNECT		0x040u	/* try, if not connected */
#define VHSM_DO_CONFIGURE	0x080u
#define VHSM_DO_SWEEP		0x100u	/* sweep number watch->sweep */
#define VHSM_ALERT_UNAPPROVED	0x200u
#define VHSM_ALERT_LOST		0x400u
#define VHSM_ALERT_BROKEN	0x800u

/* Milliseconds. */
struct vhsm_watch_times {
	uint32_t sweep_ms;		/* between two sweeps */
	uint32_t hang_ms;		/* longest wait for a verdict */
	uint32_t start_ms;		/* for HELLO, and the first verdict */
};

#define VHSM_WATCH_RETRY_MS	500u	/* measuring */
#define VHSM_WATCH_RECHECK_MS	2000u	/* for an approval */
#define VHSM_WATCH_CONNECT_MS	200u	/* between tries */
#define VHSM_WATCH_BACKOFF_MIN	500u
#define VHSM_WATCH_BACKOFF_MAX	30000u
#define VHSM_WATCH_GOOD_MS	60000u	/* a monitor that lived so long does
					 * not count as a failure */

struct vhsm_watch {
	enum vhsm_watch_state state;
	bool present;			/* the guest is there... */
	bool again;			/* ...as another than was measured */
	bool rematch;			/* ...by what is approved now */
	bool told_unapproved;		/* of this boot */
	bool told_lost;			/* since the last verdict */
	bool swept;			/* this monitor gave a verdict that was
					 * not blind */
	uint64_t sweep;			/* number of the last ordered */
	uint64_t ordered_ms;		/* when */
	uint64_t clean_ms;		/* when the last that renewed the lease
					 * was ordered; 0: none in this boot */
	uint64_t started_ms;		/* this monitor */
	uint32_t backoff_ms;
	uint64_t deadline_ms;		/* when a TICK is due; 0: none */
	uint64_t give_up_ms;		/* CONNECTING: until when */
	uint32_t restarts;		/* of monitors, in all */
};

/* now_ms never goes back and is not 0.  ok: where the event has one. */
uint32_t vhsm_watch_step(struct vhsm_watch *, const struct vhsm_watch_times *,
			 enum vhsm_watch_happened, bool ok, uint64_t now_ms);

#endif /* VHSM_WATCH_H */
