/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-sweep.h - the one guest a monitor looks at: its memory, its approved
 * baseline and the checks that compare the two.
 */
#ifndef VHSM_GUEST_SWEEP_H
#define VHSM_GUEST_SWEEP_H

#include "channel/messages.h"
#include "fingerprint/fingerprint.h"

#define GUEST_WHY_LEN	256u

struct guest;

struct guest_setup {
	const char *baseline_dir;
	const char *image;		/* file instead of a domain, or NULL */
	uint32_t confirm_ms;
	uint32_t boot_ms;		/* for so long a kernel may boot */
	/* A confirmed finding. */
	void (*found)(void *arg, const struct vhsm_finding *);
	void *arg;
};

/* Everything a sweep needs is opened here; NULL with why (GUEST_WHY_LEN). */
struct guest *guest_open(const struct guest_setup *,
			 const struct vhsm_configure *, char *why);
void guest_close(struct guest **);

/*
 * Sweeps with these registers and fills the verdict.  *found is set when the
 * kernel was not known before this sweep and is now.  A kernel that is not
 * there, or registers that make no sense, are the verdict's error.
 */
void guest_sweep(struct guest *, const struct vhsm_sweep_order *,
		 struct vhsm_verdict *, bool *found);
/* Of the kernel that was found. */
void guest_describe(const struct guest *, struct vhsm_found *);

/* What was written since the last sweep: frames from first, a bit each; and,
 * when nobody told, that nobody knows. */
void guest_written(struct guest *, uint64_t first, const uint8_t *bits,
		   size_t bytes);
void guest_written_unknown(struct guest *);

/* What its keys look like in memory from now on; the set is taken, also by an
 * error: 0, or -errno with why. */
int guest_fingerprints(struct guest *, struct vhsm_fingerprints *, char *why);

/* Works on a full scan for as long as was configured.  Nothing to do without a
 * kernel. */
void guest_slice(struct guest *);

/* 0 with *learned (the caller's), or -errno with why. */
int guest_learn(struct guest *, json_t **learned, char *why);

#endif /* VHSM_GUEST_SWEEP_H */
