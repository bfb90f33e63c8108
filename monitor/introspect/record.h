/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.h - a guest's memory and registers in two files, to be looked at
 * later: FILE, the raw and sparse memory (what vhsm_guest_memory_open_image
 * reads), and FILE.json:
 *
 *   {"format": "vhsm-recording", "version": 1, "domain": "web",
 *    "time": "2026-11-21T12:00:00Z", "paused": false, "frames": 1048576,
 *    "pages": 49160, "unreadable": 0, "sha256": "...",
 *    "vcpus": [null, {"cr0": "0x80050033", "cr3": "0x...", ...}, ...]}
 *
 * A vCPU that is not online is null.  The memory of a guest that was not paused
 * is not of one instant.  sha256 is as image-digest.h has it.
 */
#ifndef VHSM_RECORD_H
#define VHSM_RECORD_H

#include <stdbool.h>

#include "introspect/guest-memory.h"
#include "introspect/kernel.h"

#define VHSM_RECORD_WHY_LEN	256u

struct vhsm_recording {
	char domain[64];		/* its name, printable ASCII, or "" */
	char time[24];			/* when it was begun, UTC */
	bool paused;
	uint64_t frames;
	struct vhsm_memory_stats stats;
	uint8_t sha256[32];
	unsigned vcpu_count;
	struct vhsm_vcpu vcpu[VHSM_VCPUS_MAX];
};

/*
 * Writes both files (0600), neither of which may exist, and makes them last.
 * The caller has set domain, paused and the registers; the rest is set here.
 * 0, or -errno with why (VHSM_RECORD_WHY_LEN) and no file left.
 */
int vhsm_record_write(struct vhsm_recording *, struct vhsm_guest_memory *,
		      const char *path, char *why);

/* The digest of an image, computed anew, to be compared: 0 or -errno with
 * why. */
int vhsm_record_digest(const char *path, uint8_t sha256[32], char *why);

/* Reads FILE.json, which may have been written by anyone: 0, or -errno with
 * why. */
int vhsm_record_read(struct vhsm_recording *, const char *path, char *why);

#endif /* VHSM_RECORD_H */
