/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hypervisor.h - what the hypervisor does for dom0 alone and at once: a guest's
 * registers, its dirty log, pausing.  Milliseconds at most.
 *
 * The dirty log has one reader: what a migration takes, a sweep does not see,
 * and the other way round, which would lose the guest's memory.  So it is not
 * touched while any libxl-save-helper runs, which is what saves and migrates
 * domains; the migration takes the log over, and once it has ended (or failed)
 * it is begun anew.  One that came and went between two readings has ended the
 * log, which the second then cannot be had of.
 */
#ifndef VHSM_HYPERVISOR_H
#define VHSM_HYPERVISOR_H

#include <stdbool.h>
#include <stdint.h>

#include "introspect/kernel.h"

#define VHSM_HYPERVISOR_WHY_LEN VHSM_KERNEL_WHY_LEN

struct vhsm_hypervisor;

/* NULL with errno. */
struct vhsm_hypervisor *vhsm_hypervisor_open(void);
void vhsm_hypervisor_close(struct vhsm_hypervisor **);

/* As domain-vcpus.h says. */
int vhsm_hypervisor_vcpus(struct vhsm_hypervisor *, uint32_t domid,
			  struct vhsm_vcpu *vcpu, unsigned *count, char *why);
/* How many guest frames are looked at, by what the toolstack gave it: 0 or
 * -errno. */
int vhsm_hypervisor_frames(struct vhsm_hypervisor *, uint32_t domid,
			   uint64_t *frames);
/* The highest frame the guest has a page at: it puts it where it likes.  0 or
 * -errno. */
int vhsm_hypervisor_last(struct vhsm_hypervisor *, uint32_t domid,
			 uint64_t *last);
/* 0 or -errno.  Pauses are counted, with those of xl and vhsm-inspect: to each
 * pause of ours belongs one unpause, and it runs again when all have taken
 * back theirs.  Xen's limit is 255. */
int vhsm_hypervisor_pause(struct vhsm_hypervisor *, uint32_t domid);
int vhsm_hypervisor_unpause(struct vhsm_hypervisor *, uint32_t domid);

/* A guest's dirty log; begin with zeros. */
struct vhsm_dirty {
	bool on;			/* the log runs, and is ours */
	bool refused;			/* it cannot be had, for this domain */
};

/*
 * What was written since the last call: 1 with bitmap (a bit a frame, frames
 * rounded up to 64); 0 when that is not known, because the log has only begun
 * now or cannot be had.
 */
int vhsm_hypervisor_dirty(struct vhsm_hypervisor *, struct vhsm_dirty *,
			  uint32_t domid, uint64_t frames, uint8_t *bitmap);
/* No more log. */
void vhsm_hypervisor_dirty_end(struct vhsm_hypervisor *, struct vhsm_dirty *,
			       uint32_t domid);

#endif /* VHSM_HYPERVISOR_H */
