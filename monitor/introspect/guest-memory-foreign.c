/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-memory-foreign.c - a PVH or HVM guest's frames, mapped by who may map
 * them and nothing else.
 *
 * A mapped frame stays mapped whatever the guest does with it, so nothing that
 * the guest does makes an access fault.
 */
#include <xenctrl.h>

#include "introspect/guest-memory-foreign.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

_Static_assert(sizeof(xen_pfn_t) == sizeof(uint64_t), "frames as Xen has them");

/* A monitor domain has little memory, of which each mapped page takes 64 bytes.
 * Its looks use none of these chunks, and its scans one after the other. */
#define TARGET_CHUNKS		16u

static int foreign_load_frames(struct vhsm_guest_memory *m, const uint64_t *gfn,
			       unsigned count, uint8_t **bytes,
			       uint64_t *present)
{
	struct foreign *f = (struct foreign *)m;
	int error[GUEST_CHUNK_PAGES_MAX] = { 0 };
	unsigned i, there = 0;

	*bytes = xenforeignmemory_map(f->fmem, f->domid, PROT_READ, count, gfn,
				      error);
	if (!*bytes)
		return -errno;
	for (i = 0; i < count; i++) {
		if (error[i])
			continue;
		present[i / 64] |= UINT64_C(1) << (i % 64);
		there++;
	}
	if (!there) {
		xenforeignmemory_unmap(f->fmem, *bytes, count);
		*bytes = NULL;
	}
	return 0;
}

static int foreign_load(struct vhsm_guest_memory *m, uint64_t first,
			unsigned count, uint8_t **bytes, uint64_t *present)
{
	uint64_t gfn[GUEST_CHUNK_PAGES_MAX];
	unsigned i;

	for (i = 0; i < count; i++)
		gfn[i] = first + i;
	return foreign_load_frames(m, gfn, count, bytes, present);
}

static void foreign_unload(struct vhsm_guest_memory *m, uint8_t *bytes,
			   unsigned count)
{
	xenforeignmemory_unmap(((struct foreign *)m)->fmem, bytes, count);
}

static bool foreign_appeared(struct vhsm_guest_memory *m, uint64_t gfn)
{
	uint64_t present[GUEST_CHUNK_PAGES_MAX / 64] = { 0 };
	uint8_t *bytes = NULL;

	if (foreign_load(m, gfn, 1, &bytes, present) || !bytes)
		return false;
	foreign_unload(m, bytes, 1);
	return true;
}

int guest_memory_foreign_init(struct foreign *f, uint32_t domid,
			      uint64_t frames, unsigned chunks, char *why)
{
	int r;

	f->domid = domid;
	f->base.load = foreign_load;
	f->base.load_frames = foreign_load_frames;
	f->base.unload = foreign_unload;
	f->base.appeared = foreign_appeared;
	f->base.frames = frames;
	f->base.chunk_pages = GUEST_CHUNK_PAGES_MAX;
	f->base.chunk_max = chunks;
	r = guest_memory_init(&f->base);
	if (r) {
		snprintf(why, VHSM_MEMORY_WHY_LEN, "out of memory");
		return r;
	}
	f->fmem = xenforeignmemory_open(NULL, 0);
	if (f->fmem)
		return 0;
	r = -errno;
	snprintf(why, VHSM_MEMORY_WHY_LEN,
		 "opening Xen's privileged interface: %s (root, on Xen, with"
		 " xen-privcmd loaded?)", strerror(-r));
	return r;
}

void guest_memory_foreign_deinit(struct foreign *f)
{
	if (f->fmem)
		xenforeignmemory_close(f->fmem);
}

static void target_close(struct vhsm_guest_memory *m)
{
	guest_memory_foreign_deinit((struct foreign *)m);
	free(m);
}

struct vhsm_guest_memory *vhsm_guest_memory_open_target(uint32_t domid,
							uint64_t frames,
							char *why)
{
	struct foreign *f = calloc(1, sizeof(*f));
	struct vhsm_guest_memory *m = (struct vhsm_guest_memory *)f;

	if (!f) {
		snprintf(why, VHSM_MEMORY_WHY_LEN, "out of memory");
		return NULL;
	}
	m->close = target_close;
	if (guest_memory_foreign_init(f, domid, frames, TARGET_CHUNKS, why))
		vhsm_guest_memory_close(&m);
	return m;
}
