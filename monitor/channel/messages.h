/* SPDX-License-Identifier: Apache-2.0 */
/*
 * messages.h - what a monitor and the responder say, and its JSON.
 *
 *   monitor    HELLO ............................ FOUND ... FINDING* VERDICT
 *   responder         CONFIGURE FINGERPRINTS* SWEEP(1) ......... DIRTY* SWEEP(2)
 *
 * The responder asks for every sweep and gives the registers with it, so the
 * age of a verdict is counted from when the sweep was asked for, by the
 * responder's own clock.  One sweep is under way at a time.  Slices of the full
 * checks run between sweeps; their findings count in the next verdict.
 *
 * After LEARN, the next clean VERDICT is followed by LEARNED frames, one a
 * check, and LEARN_DONE; or, when nothing can be learned, by LEARN_FAILED
 * alone.
 *
 * The DIRTY frames before a SWEEP tell what was written since those before; a
 * guest frame in none of them was not written.  They come when a full scan may
 * begin, not with every SWEEP, for a guest pays for each reading of the log
 * with a fault for every page that it writes afterwards.  A SWEEP says whether
 * the log is whole: if not, all is taken as written.
 *
 * The FINGERPRINTS frames tell what the guest's keys would look like in memory,
 * a set in parts, in order.  A set takes the place of the one before when its
 * last part has come; it comes again when the guest has got other keys.
 *
 * Every decoder takes untrusted bytes: unknown members, wrong types, values out
 * of range and text that is not printable ASCII are refused (-EPROTO with why).
 */
#ifndef VHSM_MESSAGES_H
#define VHSM_MESSAGES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channel/channel.h"
#include "findings/finding.h"
#include "introspect/kernel.h"

#define VHSM_CHANNEL_VERSION	1u
#define VHSM_MESSAGE_WHY_LEN	200u
#define VHSM_CHECK_RUNS_MAX	32u
#define VHSM_FINDINGS_MAX	128u	/* between two verdicts; more break the
					 * protocol */
#define VHSM_LOG_TEXT_LEN	256u
#define VHSM_PART_ENTRIES	256u	/* fingerprints in a part: they fit a
					 * frame, whatever they say */
#define VHSM_PARTS_MAX		64u	/* of VHSM_FINGERPRINTS_MAX */
#define VHSM_DOMID_MAX		32751u
#define VHSM_DIRTY_FRAMES	(8u * (VHSM_FRAME_MAX - 8u))
#define VHSM_FRAMES_MAX		(UINT64_C(1) << 36)	/* 256 TiB */

enum vhsm_frame_type {
	/* monitor to responder */
	VHSM_FRAME_HELLO = 1,		/* struct vhsm_hello */
	VHSM_FRAME_FOUND,		/* the kernel was found: vhsm_found */
	VHSM_FRAME_FINDING,		/* a confirmed finding */
	VHSM_FRAME_VERDICT,		/* a sweep is over */
	VHSM_FRAME_LEARNED,		/* {"check": name, "learned": ...} */
	VHSM_FRAME_LEARN_DONE,		/* all of them sent; no payload */
	VHSM_FRAME_LOG,			/* {"text": ...}, rate-limited by both */
	VHSM_FRAME_LEARN_FAILED,	/* nothing is learned: {"why": ...} */
	/* responder to monitor */
	VHSM_FRAME_CONFIGURE = 64,	/* struct vhsm_configure */
	VHSM_FRAME_SWEEP,		/* struct vhsm_sweep_order */
	VHSM_FRAME_DIRTY,		/* binary: u64 first frame, a multiple of
					 * 8, then a bitmap; little endian */
	VHSM_FRAME_LEARN,		/* learn, with the next sweep */
	VHSM_FRAME_FINGERPRINTS,	/* struct vhsm_fingerprints_part */
};

struct vhsm_hello {
	uint32_t version;		/* VHSM_CHANNEL_VERSION */
	char program[32];		/* "0.1.0" */
};

struct vhsm_configure {
	uint32_t domid;			/* of the guest */
	uint64_t frames;		/* guest frames there may be */
	uint32_t full_ms;		/* least time between two full scans; 0:
					 * none is made */
	uint32_t slice_ms;		/* of full work between two sweeps */
	json_t *checks;			/* object: name of each check to run,
					 * its options or null; owned */
};

struct vhsm_found {
	uint64_t slide;
	char release[64];
};

struct vhsm_sweep_order {
	uint64_t number;		/* ascending */
	bool logged;			/* what was written is told, or will
					 * be with a later order */
	unsigned vcpu_count;
	struct vhsm_vcpu vcpu[VHSM_VCPUS_MAX];
};

struct vhsm_fingerprints_part {
	uint32_t part;			/* from 0 */
	uint32_t parts;			/* of this set, 1 to VHSM_PARTS_MAX */
	json_t *set;			/* as fingerprint.h has it, with this
					 * part's entries alone; owned */
};

/* One check's run in a sweep. */
struct vhsm_check_run {
	enum vhsm_check_number check;
	bool finished;			/* false: it failed (error says why) */
	uint64_t objects;
	uint64_t explained;
	uint64_t us;			/* CPU time */
	char error[96];
};

struct vhsm_verdict {
	uint64_t number;		/* of the sweep */
	bool clean;			/* every quick check ran, nothing found
					 * in this sweep or since the last */
	uint32_t findings;		/* confirmed, in this sweep */
	uint64_t us;			/* elapsed */
	uint64_t cpu_us;		/* used by the monitor since it started */
	uint64_t full_done;		/* full scans finished */
	char error[160];		/* why no check could run; "" they ran */
	unsigned run_count;
	struct vhsm_check_run run[VHSM_CHECK_RUNS_MAX];
};

/* Encoders: a new reference, NULL without memory.  Decoders: 0 or -EPROTO with
 * why (VHSM_MESSAGE_WHY_LEN).  "untrusted" bytes as vhsm_channel_recv gives. */
json_t *vhsm_hello_encode(const struct vhsm_hello *);
int vhsm_hello_decode(struct vhsm_hello *, const char *untrusted, size_t len,
		      char *why);
json_t *vhsm_configure_encode(const struct vhsm_configure *);
int vhsm_configure_decode(struct vhsm_configure *, const char *untrusted,
			  size_t len, char *why);
json_t *vhsm_found_encode(const struct vhsm_found *);
int vhsm_found_decode(struct vhsm_found *, const char *untrusted, size_t len,
		      char *why);
json_t *vhsm_sweep_order_encode(const struct vhsm_sweep_order *);
int vhsm_sweep_order_decode(struct vhsm_sweep_order *, const char *untrusted,
			    size_t len, char *why);
/* The set's own form is not looked at here. */
json_t *vhsm_fingerprints_part_encode(const struct vhsm_fingerprints_part *);
int vhsm_fingerprints_part_decode(struct vhsm_fingerprints_part *,
				  const char *untrusted, size_t len, char *why);
json_t *vhsm_finding_encode(const struct vhsm_finding *);
int vhsm_finding_decode(struct vhsm_finding *, const char *untrusted,
			size_t len, char *why);
json_t *vhsm_verdict_encode(const struct vhsm_verdict *);
int vhsm_verdict_decode(struct vhsm_verdict *, const char *untrusted,
			size_t len, char *why);
json_t *vhsm_learned_encode(const struct vhsm_check_info *check,
			    json_t *learned);
int vhsm_learned_decode(const struct vhsm_check_info **check, json_t **learned,
			const char *untrusted, size_t len, char *why);
/* text: printable ASCII, or the decoder refuses it. */
json_t *vhsm_log_encode(const char *text);
int vhsm_log_decode(char text[VHSM_LOG_TEXT_LEN], const char *untrusted,
		    size_t len, char *why);
/* The same of why nothing was learned. */
json_t *vhsm_learn_failed_encode(const char *text);
int vhsm_learn_failed_decode(char text[VHSM_LOG_TEXT_LEN],
			     const char *untrusted, size_t len, char *why);

/* A DIRTY frame of the guest frames from first (a multiple of 8), at bits[0]:
 * its length.  As many of the frames as fit; at most VHSM_DIRTY_FRAMES. */
size_t vhsm_dirty_encode(uint8_t payload[VHSM_FRAME_MAX], uint64_t first,
			 const uint8_t *bits, uint64_t frames);
/* Bytes of that frame's payload. */
size_t vhsm_dirty_len(uint64_t frames);
/* *bits points into untrusted; frames: the guest has so many. */
int vhsm_dirty_decode(uint64_t *first, const uint8_t **bits, size_t *len,
		      uint64_t frames, const uint8_t *untrusted,
		      size_t untrusted_len, char *why);

#endif /* VHSM_MESSAGES_H */
