/* SPDX-License-Identifier: Apache-2.0 */
/*
 * responder.h - what the parts of vhsm-responder share: one event loop, one
 * thread, one of each of these; and a record for every guest that is watched.
 *
 *   roster.c    which guests are watched, and under which policy
 *   watched.c   a guest's state (watch.h): does what it says is to be done
 *   approval.c  what was approved may be so no longer
 *   link.c      frames from a monitor, every one of them untrusted
 *   sweep.c     frames to it: configuration, registers, dirty pages
 *   fingerprints.c  what its guest's keys would look like in memory
 *   learn.c     what a monitor learned, into a baseline
 *   blinded.c   what a guest keeps its monitor from seeing
 *   findings.c  from a finding to an alert and an incident
 *   notify.c    a policy's sinks are told of alerts
 *   reactions.c what is done about it; slow.c what of it takes time;
 *               release.c undoes it; bundle.c keeps it
 *   keys.c      what the broker and the vault are told
 *   state.c     what outlives this process
 *   methods.c   the admin's calls
 */
#ifndef VHSM_RESPONDER_H
#define VHSM_RESPONDER_H

#include <event2/event.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "baseline/baseline.h"
#include "channel/channel.h"
#include "channel/messages.h"
#include "common/log.h"
#include "common/rpc-async.h"
#include "common/rpc.h"
#include "policy/policy.h"
#include "responder/alert.h"
#include "responder/domains.h"
#include "responder/hypervisor.h"
#include "responder/incident.h"
#include "responder/job.h"
#include "responder/ladder.h"
#include "responder/responder-conf.h"
#include "responder/watch.h"

#define VHSM_MONITOR_PREFIX	"vhsm-monitor-"
#define VHSM_MONITOR_NAME_LEN	(sizeof(VHSM_MONITOR_PREFIX) + 80)
#define VHSM_WHY_LEN		300u
#define VHSM_NOTIFY_MAX		64u

struct vhsm_responder {
	struct event_base *base;
	struct vhsm_responder_conf conf;
	struct vhsm_hypervisor *hypervisor;
	struct vhsm_domains *domains;
	struct vhsm_alerts *alerts;
	struct vhsm_rpc_async *broker;
	struct vhsm_rpc_async *vault;
	struct vhsm_rpc_server *admin;
	int admin_fd;			/* it listens on; with it */
	struct vhsm_job *sweeper;	/* of monitors a former one left */
	/* To a monitor: vhsm_channel_connect_vchan but for tests. */
	struct vhsm_channel *(*connect)(uint32_t domid);
	LIST_HEAD(vhsm_watched_list, vhsm_watched) guests;
	unsigned guest_count;
	struct vhsm_domain_seen *seen;	/* that run, as last told */
	unsigned seen_count;
	/* Domains whose configuration names no policy, by number: it is not
	 * looked for again. */
	uint8_t unwatched[32768 / 8];
	int64_t started_ms;
	uint64_t notify_ms;		/* notify.c */
	bool notify_waits;
};

/* A guest's monitor and what came from it. */
struct vhsm_monitor {
	uint32_t domid;			/* 0: none */
	bool runs;			/* as the list of domains last said */
	struct vhsm_channel *channel;
	struct event *readable;
	struct vhsm_dirty dirty;
	uint64_t log_due_ms;		/* the next reading of the log; 0: now */
	uint64_t frames;		/* of the guest */
	uint64_t found;			/* set of checks, since a verdict */
	unsigned findings;		/* since a verdict */
	int64_t credit;			/* of bytes it may say, now... */
	uint64_t credit_ms;		/* ...which was then */
	struct event *resume;		/* it is heard again */
	bool told_kernel;		/* FOUND, since a verdict */
	struct vhsm_log_limit log_limit;
	char broke[VHSM_WHY_LEN];	/* how it broke the protocol */
	struct vhsm_found kernel;
	struct vhsm_verdict verdict;	/* the last */
	bool has_verdict;
};

/* A file as it was; all 0: there was none. */
struct vhsm_file_stamp {
	uint64_t inode;
	int64_t time_ns;		/* since the epoch */
	int64_t len;			/* bytes */
};

/* Learning a baseline that an admin waits for. */
struct vhsm_learning {
	struct vhsm_rpc_call *call;	/* NULL: none waits */
	bool owed;			/* the monitor's answer; also one that
					 * nobody waits for any more */
	bool approve;
	char baseline[VHSM_BASELINE_NAME_MAX];
	json_t *learned;
	size_t bytes;			/* of frames, in learned */
	struct event *overdue;		/* the answer is */
	struct vhsm_job *job;		/* writes it down */
};

/* What its keys would look like in its memory. */
struct vhsm_fingerprints_known {
	json_t *set;			/* fingerprint.h; NULL: not asked yet */
	char keyset[65];		/* the vault's name for it */
	bool asked;			/* whether there is another */
	uint64_t due_ms;		/* to be asked again */
};

/* How long a guest has kept its monitor from seeing it. */
struct vhsm_blinded {
	unsigned boot;			/* all this is of */
	unsigned score;			/* sweeps that showed nothing, less
					 * those that showed it approved */
	bool kernel;			/* it was seen to have one */
	bool told;			/* since the score was 0 */
	bool told_beyond;
};

struct vhsm_watched {
	LIST_ENTRY(vhsm_watched) link;
	struct vhsm_responder *responder;
	struct vhsm_domain_seen domain;	/* domid 0: does not run */
	bool by_admin;			/* watch.start gave the policy */
	bool stopped;			/* watch.stop, or unnamed; until the
					 * domain goes */
	bool unnamed;			/* its configuration named no policy, as
					 * far as it could be read */
	uint32_t stopped_domid;		/* by a former responder; 0: not */
	struct vhsm_policy policy;
	bool mixed;			/* its devices name several: none is
					 * obeyed, and its keys are shut */
	bool lease_refused;		/* a device demands one, the policy
					 * gives none */
	struct vhsm_watch watch;
	struct vhsm_watch_times times;
	struct event *timer;
	struct { enum vhsm_watch_happened happened; bool ok; } queue[8];
	unsigned queued;
	bool stepping;

	unsigned boot;			/* answers for an earlier are dropped */
	json_t *measured;
	char baseline[VHSM_BASELINE_NAME_MAX];
	char manifest[VHSM_BASELINE_DIGEST_LEN];	/* of the baseline */
	struct vhsm_file_stamp approvals;	/* as last read, */
	struct vhsm_file_stamp manifest_file;	/* zeros: not since matched */
	char problem[VHSM_WHY_LEN];	/* the last, for people */
	struct vhsm_job *job;		/* measure, match, start or stop */
	unsigned job_boot;
	struct event *retry;		/* of a stop that failed, or of the
					 * vault before a start */
	unsigned vault_tries;
	struct vhsm_monitor monitor;
	uint64_t ordered_wall_ms;	/* as watch.ordered_ms, since the */
	uint64_t clean_wall_ms;		/* epoch; for alerts */
	struct vhsm_learning learning;
	struct vhsm_fingerprints_known fingerprints;
	struct vhsm_blinded blinded;

	struct vhsm_incident incident;
	int64_t came_ms;		/* this domain, or we */
	struct vhsm_job *reaction;	/* or what undoes or seals */
	enum vhsm_reaction reacting;	/* RECORD: neither of them */
	uint32_t reacting_domid;	/* on whom */
	uint32_t held;			/* pending reactions, until later */
	struct event *later;
	char stays[64];			/* devices that isolation leaves */
	bool bundled;			/* this incident's evidence is sealed */
	unsigned gate_busy;		/* reactions the broker is told of */
	bool vault_busy;
	bool vault_told;		/* of the revocation, and engines
					 * confirmed it */
	unsigned unconfirmed;		/* answers of the vault that they did
					 * not */
	uint64_t vault_after_ms;	/* it is asked again then */
	struct event *again;		/* tell them again */
	char unnotified[VHSM_NOTIFY_MAX][VHSM_ALERT_UID_LEN];
	unsigned unnotified_count;
	uint64_t alerts_ms;		/* findings.c: of the new ones */
	struct vhsm_rpc_call *releaser;	/* waits for release to be done */
	char release_reason[160];
	uint32_t undone;		/* by this release */
	bool spoilt;			/* more was found since it began */
};

/* --- roster.c --- */

vhsm_domains_changed vhsm_roster_changed;
struct vhsm_watched *vhsm_watched_find(struct vhsm_responder *,
				       const char *uuid);
/* A guest that is watched, by name, UUID or domid: NULL with errno (ENOTUNIQ:
 * another is called so, too). */
struct vhsm_watched *vhsm_watched_resolve(struct vhsm_responder *,
					  const char *who);
/* A record for a guest, which may not run; NULL with errno (EUSERS: too
 * many). */
struct vhsm_watched *vhsm_watched_new(struct vhsm_responder *,
				      const struct vhsm_domain_seen *,
				      const struct vhsm_policy *);
void vhsm_watched_free(struct vhsm_watched *);
/* It is watched by that policy from now on. */
void vhsm_watched_obey(struct vhsm_watched *, const struct vhsm_policy *);
/* An admin starts a watch; as roster.c finds a domain.  0 or -errno with
 * why (VHSM_WHY_LEN). */
int vhsm_roster_start(struct vhsm_responder *, const char *who,
		      const char *policy, struct vhsm_watched **, char *why);
int vhsm_roster_stop(struct vhsm_watched *, char *why);

/* --- watched.c --- */

/* Something has happened. */
void vhsm_watched_step(struct vhsm_watched *, enum vhsm_watch_happened,
		       bool ok);
void vhsm_watched_problem(struct vhsm_watched *, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* What vhsm_fingerprints_start was asked for is there; or why not. */
void vhsm_watched_start(struct vhsm_watched *, const char *why);

/* --- approval.c --- */

/* Whether the guest's approvals were written since this was asked last. */
bool vhsm_approval_changed(struct vhsm_watched *);
/* Before a sweep: whether the guest is approved as it was matched.  If not,
 * VHSM_CHANGED has happened. */
bool vhsm_approval_holds(struct vhsm_watched *);

/* --- link.c --- */

int vhsm_link_open(struct vhsm_watched *);
void vhsm_link_close(struct vhsm_watched *);

/* --- sweep.c --- */

void vhsm_sweep_configure(struct vhsm_watched *);
void vhsm_sweep_order(struct vhsm_watched *);
int vhsm_sweep_learn(struct vhsm_watched *);

/* --- fingerprints.c --- */

/* For a monitor that is to be started; vhsm_watched_start is called. */
void vhsm_fingerprints_start(struct vhsm_watched *);
/* To the monitor, which was just configured. */
void vhsm_fingerprints_tell(struct vhsm_watched *);
/* Before a sweep: if it is time, what there is else is told to the monitor. */
void vhsm_fingerprints_look(struct vhsm_watched *);

/* --- learn.c --- */

/* Begins, or answers with an error. */
void vhsm_learn_begin(struct vhsm_watched *, struct vhsm_rpc_call *,
		      const char *baseline, bool approve);
/* LEARNED, LEARN_FAILED, LEARN_DONE from the monitor: NULL, or how it thereby
 * broke the protocol. */
const char *vhsm_learn_take(struct vhsm_watched *, const char *untrusted,
			    size_t len);
const char *vhsm_learn_failed(struct vhsm_watched *, const char *untrusted,
			      size_t len);
const char *vhsm_learn_done(struct vhsm_watched *, size_t len);
/* The monitor is gone; the guest's record goes. */
void vhsm_learn_end(struct vhsm_watched *);
void vhsm_learn_free(struct vhsm_watched *);

/* --- blinded.c --- */

/* A verdict; good: it renews the lease. */
void vhsm_blinded_verdict(struct vhsm_watched *, const struct vhsm_verdict *,
			  bool good);
/* The highest frame the guest has, before each sweep. */
void vhsm_blinded_frames(struct vhsm_watched *, uint64_t last);

/* --- findings.c --- */

void vhsm_findings_add(struct vhsm_watched *, const struct vhsm_finding *);
/* One of the responder's own. */
void vhsm_findings_own(struct vhsm_watched *, enum vhsm_check_number,
		       const char *object, const char *detail);

/* --- reactions.c --- */

/* Begins each of a set of reactions; the incident is opened, or is open. */
void vhsm_reactions_begin(struct vhsm_watched *, uint32_t set,
			  const char *uid);
/* What waits may go on. */
void vhsm_reactions_pump(struct vhsm_watched *);
/* The guest came, perhaps as another domain: what was done about the former is
 * done about this one. */
void vhsm_reactions_follow(struct vhsm_watched *);
void vhsm_reactions_acted(struct vhsm_watched *, const char *uid,
			  enum vhsm_reaction, bool done, const char *format,
			  ...) __attribute__((format(printf, 5, 6)));
void vhsm_incident_open(struct vhsm_watched *, const char *uid,
			const char *reason);

/* --- notify.c --- */

/* Of a new alert, when it is known what was done about it. */
void vhsm_notify_later(struct vhsm_watched *, const char *uid);
/* It is known now. */
void vhsm_notify(struct vhsm_watched *);

/* --- slow.c --- */

/* Begins a pending reaction; what comes of it goes to the incident. */
void vhsm_slow_start(struct vhsm_watched *, enum vhsm_reaction);
/* Stops a guest that is to be frozen; true: it stands. */
bool vhsm_slow_pause(struct vhsm_watched *);
/* The event that ends held. */
void vhsm_slow_later(evutil_socket_t, short, void *watched);

/* --- bundle.c --- */

/* Starts keeping evidence: 0; or -errno, and it is to be tried again. */
int vhsm_bundle_begin(struct vhsm_watched *);
/* Where the memory image goes: 0 with path (PATH_MAX) or -errno. */
int vhsm_bundle_path(struct vhsm_watched *, char *path);

/* --- release.c --- */

void vhsm_release_begin(struct vhsm_watched *, struct vhsm_rpc_call *,
			const char *reason);

/* --- keys.c --- */

/*
 * A question to broker or vault about a guest, whose record may be gone when
 * the answer comes: open gives the argument of vhsm_rpc_async_call, close the
 * record or NULL, and what open was given.  uid may be NULL.
 */
void *vhsm_asked_open(struct vhsm_watched *, const char *uid,
		      uint32_t reactions);
struct vhsm_watched *vhsm_asked_close(void *asked,
				      char uid[VHSM_ALERT_UID_LEN],
				      uint32_t *reactions);

/* What the keys may do now. */
void vhsm_keys_decide(struct vhsm_key_gate *, const struct vhsm_watched *);
/* Tells the broker; the answer goes to the alert uid
 * as that of the reactions, unless uid is NULL. */
void vhsm_keys_gate(struct vhsm_watched *, const char *uid,
		    uint32_t reactions);
/* Tells the vault of a revocation, until it has heard. */
void vhsm_keys_revoke(struct vhsm_watched *, const char *uid);
/* What the vault was told counts no more. */
void vhsm_keys_untold(struct vhsm_watched *);
/* The broker is there again and has forgotten. */
vhsm_rpc_connected vhsm_keys_again;

/* --- state.c --- */

void vhsm_state_save(struct vhsm_responder *);
/* 0, also when there is no file; -errno, told. */
int vhsm_state_load(struct vhsm_responder *);

/* --- methods.c --- */

int vhsm_methods_new(struct vhsm_responder *);
void vhsm_methods_free(struct vhsm_responder *);
/* A guest, for watch.list and status. */
json_t *vhsm_watched_json(const struct vhsm_watched *);

#endif /* VHSM_RESPONDER_H */
