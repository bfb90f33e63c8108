/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-memory-xen.c - the memory of a running domain, through Xen's foreign
 * mappings, a batch of frames at a time.
 *
 * A PVH or HVM guest has a sparse space of guest frames: RAM from 0, a few
 * special pages below 4 GiB, a million empty frames between.  Each try at an
 * empty frame costs a hypercall, so the likely places come first, and the rest
 * only while fewer pages were seen than Xen says the guest has.
 *
 * A PV guest's pseudo-physical frames are translated by the table that the
 * guest keeps.  It is the guest's word: a frame it hides from the table is not
 * seen (and shows as unreadable), a frame that is not its own Xen refuses.  PV
 * guests have no pages by number here: no kernel is looked for in one.
 */
#include <xenctrl.h>
#include <xenguest.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "introspect/domain-frames.h"
#include "introspect/guest-memory-foreign.h"

#define BATCH		1024u		/* frames mapped at once */
#define SPECIAL_START	0xfe000u	/* special pages stand here .. */
#define SPECIAL_END	0x100000u	/* .. up to 4 GiB */

struct domain {
	struct foreign foreign;
	xc_interface *xch;
};

/* One walk. */
struct walk {
	struct domain *domain;
	vhsm_memory_visit *visit;
	void *arg;
	struct vhsm_memory_stats *stats;
	uint64_t want;			/* pages the domain has */
	char *why;
	xen_pfn_t frame[BATCH];
	int error[BATCH];
};

/* The domain's own facts.  Xen gives the next domain's when the one asked for
 * is gone. */
static int domain_info(const struct domain *d, xc_domaininfo_t *info, char *why)
{
	if (xc_domain_getinfolist(d->xch, d->foreign.domid, 1, info) == 1 &&
	    info->domain == d->foreign.domid)
		return 0;
	snprintf(why, VHSM_MEMORY_WHY_LEN,
		 "there is no domain %u (xl list shows those there are)",
		 d->foreign.domid);
	return -ENOENT;
}

/* Visits the runs of mapped pages among count frames at bytes. */
static int visit_runs(struct walk *w, uint64_t pfn, const uint8_t *bytes,
		      unsigned count)
{
	unsigned start = 0, end;
	int r = 0;

	while (!r && start < count) {
		while (start < count && w->error[start])
			start++;
		for (end = start; end < count && !w->error[end];)
			end++;
		if (end == start)
			break;
		w->stats->pages += end - start;
		r = w->visit((pfn + start) * VHSM_GUEST_PAGE_SIZE,
			     bytes + (size_t)start * VHSM_GUEST_PAGE_SIZE,
			     (size_t)(end - start) * VHSM_GUEST_PAGE_SIZE,
			     w->arg);
		start = end;
	}
	return r;
}

/* Maps and visits the frames in w->frame, which stand at pfn. */
static int visit_batch(struct walk *w, uint64_t pfn, unsigned count)
{
	uint8_t *bytes;
	int r;

	bytes = xenforeignmemory_map(w->domain->foreign.fmem, w->domain->foreign.domid,
				     PROT_READ, count, w->frame, w->error);
	if (!bytes) {
		r = -errno;
		snprintf(w->why, VHSM_MEMORY_WHY_LEN,
			 "mapping frames of domain %u from %#llx: %s",
			 w->domain->foreign.domid, (unsigned long long)pfn,
			 strerror(-r));
		return r;
	}
	r = visit_runs(w, pfn, bytes, count);
	xenforeignmemory_unmap(w->domain->foreign.fmem, bytes, count);
	return r;
}

/*
 * Frames first..end-1, which are their own numbers.  Ends at the first batch
 * without any once the domain's pages have all been seen, or, if so asked, at
 * the first at all.  Never within a run: Xen's own pages (grant table, shared
 * info) count too where the guest has put them.  *next is where it ended.
 */
static int walk_range(struct walk *w, uint64_t first, uint64_t end,
		      bool until_empty, uint64_t *next)
{
	uint64_t before;
	unsigned count, i;
	int r = 0;

	while (!r && first < end) {
		count = end - first < BATCH ? (unsigned)(end - first) : BATCH;
		for (i = 0; i < count; i++)
			w->frame[i] = first + i;
		before = w->stats->pages;
		r = visit_batch(w, first, count);
		first += count;
		if (w->stats->pages == before &&
		    (until_empty || w->stats->pages >= w->want))
			break;
	}
	*next = first;
	return r;
}

static int walk_translated(struct walk *w)
{
	uint64_t next, unused, last, frames;
	int r = vhsm_frames_of_domain(w->domain->xch, w->domain->foreign.domid,
				      &frames, &last);

	if (r) {
		snprintf(w->why, VHSM_MEMORY_WHY_LEN,
			 "asking for the last frame of domain %u: %s",
			 w->domain->foreign.domid, strerror(-r));
		return r;
	}
	/* Pages that the guest put beyond are counted as not read. */
	if (last > frames - 1)
		last = frames - 1;
	r = walk_range(w, 0, last + 1, true, &next);
	if (!r && next <= SPECIAL_START && last >= SPECIAL_START) {
		r = walk_range(w, SPECIAL_START, SPECIAL_END, false, &unused);
		if (!r && w->stats->pages < w->want)
			r = walk_range(w, next, SPECIAL_START, false, &unused);
		next = SPECIAL_END;
	}
	if (!r && w->stats->pages < w->want)
		r = walk_range(w, next, last + 1, false, &unused);
	return r;
}

static bool frame_is_valid(xen_pfn_t type)
{
	type &= XEN_DOMCTL_PFINFO_LTAB_MASK;
	return type != XEN_DOMCTL_PFINFO_XTAB &&
	       type != XEN_DOMCTL_PFINFO_XALLOC &&
	       type != XEN_DOMCTL_PFINFO_BROKEN;
}

/* The machine frame of pfn in the table of a guest of either word width. */
static xen_pfn_t machine_frame(const struct xc_domain_meminfo *info, size_t pfn)
{
	if (info->guest_width == 4)
		return ((const uint32_t *)info->p2m_table)[pfn];
	return ((const uint64_t *)info->p2m_table)[pfn];
}

static int walk_table(struct walk *w, const struct xc_domain_meminfo *info)
{
	unsigned count = 0;
	size_t pfn;
	int r = 0;

	for (pfn = 0; !r && pfn < info->p2m_size; pfn++) {
		if (frame_is_valid(info->pfn_type[pfn]))
			w->frame[count++] = machine_frame(info, pfn);
		else if (count) {
			r = visit_batch(w, pfn - count, count);
			count = 0;
		}
		if (!r && count == BATCH) {
			r = visit_batch(w, pfn + 1 - count, count);
			count = 0;
		}
	}
	if (!r && count)
		r = visit_batch(w, pfn - count, count);
	return r;
}

static int walk_pv(struct walk *w)
{
	struct xc_domain_meminfo info = { 0 };
	int r;

	if (xc_map_domain_meminfo(w->domain->xch, w->domain->foreign.domid, &info)) {
		r = errno ? -errno : -EIO;
		snprintf(w->why, VHSM_MEMORY_WHY_LEN,
			 "mapping the frame table of domain %u, a PV guest: %s",
			 w->domain->foreign.domid, strerror(-r));
		return r;
	}
	r = walk_table(w, &info);
	xc_unmap_domain_meminfo(w->domain->xch, &info);
	return r;
}

static int domain_walk(struct vhsm_guest_memory *memory,
		       vhsm_memory_visit *visit, void *arg,
		       struct vhsm_memory_stats *stats, char *why)
{
	struct walk *w = calloc(1, sizeof(*w));
	xc_domaininfo_t info;
	int r = -ENOMEM;

	if (!w) {
		snprintf(why, VHSM_MEMORY_WHY_LEN, "out of memory");
		goto out;
	}
	w->domain = (struct domain *)memory;
	w->visit = visit;
	w->arg = arg;
	w->stats = stats;
	w->why = why;
	r = domain_info(w->domain, &info, why);
	if (r)
		goto out;
	w->want = info.tot_pages;
	r = info.flags & XEN_DOMINF_hvm_guest ? walk_translated(w) : walk_pv(w);
	if (w->want > stats->pages)
		stats->unreadable = w->want - stats->pages;
out:
	free(w);
	return r;
}

static void domain_close(struct vhsm_guest_memory *memory)
{
	struct domain *d = (struct domain *)memory;

	guest_memory_foreign_deinit(&d->foreign);
	if (d->xch)
		xc_interface_close(d->xch);
	free(d);
}

/* What the domain's kind and size make of the page accessor. */
static int domain_init(struct domain *d, uint32_t domid, char *why)
{
	xc_domaininfo_t info;
	uint64_t last, frames;
	int r;

	r = guest_memory_foreign_init(&d->foreign, domid, 0,
				      GUEST_CHUNK_COUNT_MAX, why);
	if (r)
		return r;
	d->xch = xc_interface_open(NULL, NULL, 0);
	if (!d->xch) {
		r = -errno;
		snprintf(why, VHSM_MEMORY_WHY_LEN,
			 "opening Xen's privileged interface: %s (is this dom0,"
			 " root, with xen-privcmd loaded?)", strerror(-r));
		return r;
	}
	r = domain_info(d, &info, why);
	if (r)
		return r;
	if (!(info.flags & XEN_DOMINF_hvm_guest))
		d->foreign.base.chunk_pages = 0;
	else if (!vhsm_frames_of_domain(d->xch, domid, &frames, &last))
		d->foreign.base.frames = last < frames ? last + 1 : frames;
	return 0;
}

struct vhsm_guest_memory *vhsm_guest_memory_open_domain(uint32_t domid,
							char *why)
{
	struct domain *d = calloc(1, sizeof(*d));
	struct vhsm_guest_memory *m = (struct vhsm_guest_memory *)d;

	if (!d) {
		snprintf(why, VHSM_MEMORY_WHY_LEN, "out of memory");
		return NULL;
	}
	m->walk = domain_walk;
	m->close = domain_close;
	if (domain_init(d, domid, why))
		vhsm_guest_memory_close(&m);
	return m;
}
