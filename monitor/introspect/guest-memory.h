/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-memory.h - a guest's memory, page by page, read-only: of a running
 * domain, or of an image file.
 *
 * What is read is the guest's and may change while it is looked at.
 */
#ifndef VHSM_GUEST_MEMORY_H
#define VHSM_GUEST_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#define VHSM_GUEST_PAGE_SIZE	4096u
#define VHSM_MEMORY_WHY_LEN	200u

struct vhsm_guest_memory;

struct vhsm_memory_stats {
	uint64_t pages;			/* read */
	uint64_t unreadable;		/* the guest has them; we could not */
};

/*
 * A run of bytes at a guest-physical address (an image: the offset in the
 * file), whole pages (zeros after an image's end), valid until the return.
 * Anything but 0 ends the walk, which returns it.
 */
typedef int vhsm_memory_visit(uint64_t address, const uint8_t *bytes,
			      size_t len, void *arg);

/*
 * A running domain, by its number.  PVH and HVM guests are read by guest frame
 * number; PV guests through their own table of frames, which the guest wrote:
 * Xen refuses a frame that is not the guest's.  Needs the control domain's
 * privilege, or the target's.  NULL with why (VHSM_MEMORY_WHY_LEN).
 */
struct vhsm_guest_memory *vhsm_guest_memory_open_domain(uint32_t domid,
							char *why);

/* A raw, maybe sparse image of memory: guest-physical address = offset.  A hole
 * reads as zeros and is not visited by a walk.  NULL with why. */
struct vhsm_guest_memory *vhsm_guest_memory_open_image(const char *path,
						       char *why);

/*
 * A running domain, by who may map it and nothing else (a monitor domain, whose
 * target it is): frames is the guest's number of frames, as the toolstack says.
 * NULL with why.
 */
struct vhsm_guest_memory *vhsm_guest_memory_open_target(uint32_t domid,
							uint64_t frames,
							char *why);

/*
 * How many guest frames are looked at in a PVH or HVM guest that may have so
 * many pages, on a host with so many: its memory, the hole below 4 GiB, and
 * VHSM_FRAMES_SLACK for what the toolstack adds (256 MiB).  A guest may put
 * pages beyond, and then they are not looked at.
 */
#define VHSM_FRAMES_HOLE	(UINT64_C(1) << 20)
#define VHSM_FRAMES_SLACK	(UINT64_C(1) << 16)
uint64_t vhsm_guest_frames_max(uint64_t pages, uint64_t host_pages);

/* One more than the highest guest frame number there may be; 0 for a PV guest,
 * which has no pages by number. */
uint64_t vhsm_guest_memory_frames(const struct vhsm_guest_memory *);

/*
 * The page of a guest frame, of VHSM_GUEST_PAGE_SIZE bytes, good until the next
 * call of this function; NULL where the guest has none.  Its bytes change while
 * they are read: what decides something is copied first.  Mapped pages are
 * kept, in a number that is bounded whatever the guest's size; no system call
 * for a page that is kept.
 */
const uint8_t *vhsm_guest_memory_page(struct vhsm_guest_memory *, uint64_t gfn);

/*
 * The first frame from gfn on that the guest has, or the number of frames when
 * none follows: for who reads them all, since asking Xen for each frame of a
 * hole takes longer than the memory.  A long hole is crossed in several calls:
 * what is returned is then beyond gfn and may be no frame that is there, but
 * none before it is.  A frame that came to be in what is kept mapped, or in a
 * hole, may be passed over until that part is forgotten.
 */
uint64_t vhsm_guest_memory_next(struct vhsm_guest_memory *, uint64_t gfn);

/* Copies len bytes from a guest-physical address; 0, or -EFAULT when not all
 * are there (buf is then undefined). */
int vhsm_guest_memory_read(struct vhsm_guest_memory *, uint64_t address,
			   void *buf, size_t len);

/*
 * Around every look at a guest that stays open, for a mapping shows the frame
 * that was there when it was made, and a guest may put another in its place.
 * Begin maps anew what the look before used, what was mapped longest ago first:
 * at least 1 / VHSM_MAPPING_LOOKS of it, and on until us microseconds are over
 * (of an image, all is read anew).
 * And no page is handed out, in a look or between two, whose mapping was made
 * VHSM_MAPPING_LOOKS or more looks ago.
 */
#define VHSM_MAPPING_LOOKS	8u
void vhsm_guest_memory_look_begin(struct vhsm_guest_memory *, uint64_t us);
/* What differs is looked at again through mappings made from now on: what is
 * reported is there now, and not what was there when a page was mapped. */
void vhsm_guest_memory_look_again(struct vhsm_guest_memory *);
void vhsm_guest_memory_look_end(struct vhsm_guest_memory *);

/* Unmaps what is kept, so that frames which the guest gave back can go, and
 * ones that it exchanged (or an image that was written) are seen as they are. */
void vhsm_guest_memory_forget(struct vhsm_guest_memory *);
/* The same for the part 1 / share of it that was mapped longest ago: called at
 * every round, no mapping is older than about share rounds. */
void vhsm_guest_memory_forget_oldest(struct vhsm_guest_memory *,
				     unsigned share);

/*
 * Visits everything readable; neighbouring pages come in ascending order.  0,
 * -errno with why, or what visit returned.  *stats counts what was visited,
 * whatever the result.
 */
int vhsm_guest_memory_walk(struct vhsm_guest_memory *, vhsm_memory_visit *,
			   void *arg, struct vhsm_memory_stats *stats,
			   char *why);

void vhsm_guest_memory_close(struct vhsm_guest_memory **);

#endif /* VHSM_GUEST_MEMORY_H */
