/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-memory-foreign.h - frames of another domain through Xen's foreign
 * mappings; for the files that implement guest-memory.h only.
 */
#ifndef VHSM_GUEST_MEMORY_FOREIGN_H
#define VHSM_GUEST_MEMORY_FOREIGN_H

#include <xenforeignmemory.h>

#include "introspect/guest-memory-backend.h"

struct foreign {
	struct vhsm_guest_memory base;
	xenforeignmemory_handle *fmem;
	uint32_t domid;
};

/* Opens the handle and sets the page accessor of base: 0, or -errno with why.
 * On an error, too, guest_memory_foreign_deinit. */
int guest_memory_foreign_init(struct foreign *, uint32_t domid, uint64_t frames,
			      unsigned chunks, char *why);
void guest_memory_foreign_deinit(struct foreign *);

#endif /* VHSM_GUEST_MEMORY_FOREIGN_H */
