/* SPDX-License-Identifier: Apache-2.0 */
/*
 * responder-rig.h - the responder with everything around it played by us: a
 * broker and a vault, a toolstack of a few lines of shell, a hypervisor, and
 * the monitor's end of a socket, for the test to speak through.
 */
#ifndef VHSM_RESPONDER_RIG_H
#define VHSM_RESPONDER_RIG_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/child.h"
#include "common/clock.h"
#include "responder/responder.h"

#define UUID "7a5f3c1e-0b7e-4d43-9c54-6a1d0f2e8b01"	/* web */
#define OTHER "7a5f3c1e-0b7e-4d43-9c54-6a1d0f2e8b02"
#define THIRD "7a5f3c1e-0b7e-4d43-9c54-6a1d0f2e8b03"
#define FOURTH "7a5f3c1e-0b7e-4d43-9c54-6a1d0f2e8b04"

extern char dir[64];			/* of this test */
extern struct vhsm_responder r;
extern struct vhsm_channel *monitor;	/* the monitor's end; NULL: none yet */
extern int monitor_fd;			/* the same, below the frames */
extern unsigned paused, unpaused;
/* What broker and vault were told last, and how often. */
extern char level[16], gate_uuid[40];
extern json_int_t valid_ms, gates, revokes, releases;
extern uint64_t rig_frames, rig_last;	/* looked at, and there */
extern bool rig_all_written;		/* else one chunk but the first */
extern json_int_t unconfirmed;		/* what the vault says of engines */
extern bool broker_silent;		/* it fails, then */
extern bool vault_broken;		/* it fails, whatever it is asked */
extern const char *vault_keyset;	/* the keys there are */
extern unsigned vault_entries;		/* fingerprints of them */
extern const char *vault_writes;	/* instead of these */
extern unsigned vault_asked;		/* for them, how often */
extern bool vault_holds;		/* it answers the next time it is asked
					 * for them when it is told to: */
void vault_answers(void);
extern void (*releasing)(void);		/* what happens before it answers */
extern bool broker_unaware;		/* it knows of no such domain */
extern const char *broker_lease;	/* what it says of the lease */
/* Of the latest order: -1 is null. */
extern json_int_t valid_until, gate_domid;
extern bool gate_unwatched;
void broker_start(void);
void broker_stop(void);
/* Both, around each test: begin and end do it. */
void custody_start(void);
void custody_stop(void);
/* What the monitor was told its guest's keys look like. */
#define RIG_SALT "00"
extern struct rig_told {
	unsigned sets;			/* whole ones */
	unsigned next_part;
	size_t entries;			/* of the last */
} rig_told;
extern unsigned looked;			/* at approvals and manifests */

/* Around each test: the world, with a guest "web" under a policy "strict". */
void begin(void);
void end(void);
void responder_start(void);
void responder_stop(void);
void write_file(const char *name, const char *text, mode_t mode);
/* What the store says of web from now on; "": nothing is approved.  MATCHED is
 * the same at the beginning, as the toolstack says it. */
#define MATCHED "{\"result\":{\"baseline\":\"web-6.1\",\"manifest\":\"d1\"}}"
void approved(const char *as, const char *digest);
/* The same with the file of approvals as it was. */
void approved_is(const char *as, const char *digest);
/* What the toolstack answers to match and monitor-start. */
void act_is(const char *match, const char *start);
bool acted(const char *verb);		/* it was asked to */
unsigned act_count(const char *verb);
/* It begins, but does not answer before it is let go. */
void act_hold(const char *verb, bool hold);

/* Runs the loop until the condition holds. */
#define until(condition) do { \
	int64_t give_up_ = vhsm_now_ms() + 8000; \
	const struct timeval beat_ = { 0, 5000 }; \
	while (!(condition)) { \
		ck_assert_msg(vhsm_now_ms() < give_up_, "never: " #condition); \
		event_base_loopexit(r.base, &beat_); \
		event_base_loop(r.base, 0); \
	} \
} while (0)

void run_for(int64_t ms);

/* web runs as domid, alone; 0: nothing does. */
void domain_runs(uint32_t domid);
struct vhsm_watched *web(void);
bool in_state(enum vhsm_watch_state state);
/* Those that name the check; a new array. */
json_t *alerts_of(const char *check);
size_t alert_count(const char *check);

/* The monitor speaks. */
void say(uint32_t type, json_t *json);
void hello(void);
struct vhsm_verdict verdict_of(uint64_t number, bool clean);
void verdict(uint64_t number, bool clean);
void finding(enum vhsm_check_number check, const char *object);
/* The next order to sweep; *dirty counts the chunks before it. */
uint64_t sweep_await(unsigned *dirty);
extern bool rig_logged;			/* by the order that was awaited */
/* Up to the first order; a whole clean sweep. */
void to_sweep(void);
void to_clean(void);
/* It broke the protocol: an alert, and it is remade. */
void broken_expect(void);

/* An admin's call, answered; the result is the caller's. */
void call(const char *method, json_t *params, json_t **result, char *code);
/* One whose answer is waited for later. */
void ask(const char *method, json_t *params);
bool answered(void);
void answer(json_t **result, char *code);

#endif /* VHSM_RESPONDER_RIG_H */
