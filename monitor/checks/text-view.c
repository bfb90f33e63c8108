/* SPDX-License-Identifier: Apache-2.0 */
#include "checks/text-view.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks/covered.h"
#include "checks/module-function.h"
#include "checks/text-explain.h"

#define PAGE		VHSM_GUEST_PAGE_SIZE
#define PAGE_MASK	(~(uint64_t)(PAGE - 1))
#define TABLES_MAX	4096u		/* page tables of one segment */
#define SITE_MAX	256u
#define INT3		0xccu
#define MOVES_MAX	4u		/* of a site while it is judged */
#define READ_AGAIN_MAX	8u		/* of the guest's lists, in one look */
#define UNEXPLAINED_MAX	4096u		/* bytes of one look; the rest is not
					 * looked at, it is bad enough */
#define JOIN		4u		/* equal bytes within one difference */

struct page_state {
	uint64_t hash;
	uint32_t explained;		/* differences in it */
	bool known;			/* hash is of an explained page */
	bool now;			/* by what may change */
};

struct vhsm_text_view {
	struct vhsm_text_view *next;
	unsigned users;
	const struct vhsm_reference *reference;
	const struct vhsm_page_key *key;
	struct vhsm_module_functions *functions;
	enum vhsm_segment_kind kind;
	uint64_t slide, root;		/* that the pages were seen with */
	struct page_state *page;	/* of all segments, in order */
	size_t pages;
	uint64_t sweep;			/* that the differences are of */
	unsigned seen;			/* bit per reader who has them */
	uint64_t explained;
	size_t differences;
	bool cut;			/* there are more */
	struct vhsm_difference difference[VHSM_DIFFERENCES_MAX];
};

/* Views in use, so that checks of one scanner find each other's. */
static struct vhsm_text_view *views;

static uint64_t first_page(const struct vhsm_reference_segment *s)
{
	return s->start & PAGE_MASK;
}

static size_t page_count(const struct vhsm_reference_segment *s)
{
	return s->len ? ((s->start + s->len - 1 - first_page(s)) / PAGE) + 1 :
	       0;
}

/* --- life --- */

static struct vhsm_text_view *view_new(const struct vhsm_check_setup *setup,
				       enum vhsm_segment_kind kind)
{
	struct vhsm_text_view *v = calloc(1, sizeof(*v));
	size_t count;
	const struct vhsm_reference_segment *s =
		vhsm_reference_segments(setup->reference, &count);

	if (!v)
		return NULL;
	v->reference = setup->reference;
	v->key = setup->page_key;
	v->kind = kind;
	for (size_t i = 0; i < count; i++)
		if (s[i].kind == kind)
			v->pages += page_count(&s[i]);
	v->page = calloc(v->pages + 1, sizeof(*v->page));
	if (!v->page) {
		free(v);
		return NULL;
	}
	if (kind == VHSM_SEGMENT_TEXT)
		v->functions = vhsm_module_functions_open(setup->baseline_dir);
	v->next = views;
	views = v;
	return v;
}

int vhsm_text_view_open(const struct vhsm_check_setup *setup,
			enum vhsm_segment_kind kind,
			struct vhsm_text_view **view, char *why)
{
	struct vhsm_text_view *v = views;

	if (!setup->reference) {
		snprintf(why, VHSM_CHECK_WHY_LEN,
			 "the baseline has no reference");
		return -ENOENT;
	}
	while (v && (v->reference != setup->reference ||
		     v->key != setup->page_key || v->kind != kind))
		v = v->next;
	if (!v)
		v = view_new(setup, kind);
	if (!v) {
		snprintf(why, VHSM_CHECK_WHY_LEN, "not enough memory");
		return -ENOMEM;
	}
	v->users++;
	*view = v;
	return 0;
}

void vhsm_text_view_close(struct vhsm_text_view **view)
{
	struct vhsm_text_view *v = *view, **at = &views;

	*view = NULL;
	if (!v || --v->users)
		return;
	while (*at && *at != v)
		at = &(*at)->next;
	if (*at)
		*at = v->next;
	vhsm_module_functions_close(&v->functions);
	free(v->page);
	free(v);
}

bool vhsm_text_view_shared(const struct vhsm_text_view *v)
{
	return v->users > 1;
}

/* --- one page --- */

struct look {
	struct vhsm_text_view *view;
	const struct vhsm_kernel *kernel;
	struct vhsm_probe_list probes;
	bool have_probes;
	unsigned read_again;
	unsigned unexplained;		/* bytes */
	const struct vhsm_reference_segment *segment;
	size_t base;			/* the segment's first page state */
	size_t site;			/* near which the next one is */
	uint64_t next;			/* guest address that comes next */
	char *why;
	int error;
};

/* The lists are read when something has to be explained, once in a look. */
static const struct vhsm_probe_list *probes(struct look *look)
{
	if (!look->have_probes && !look->error) {
		look->error = vhsm_probe_list_read(look->kernel, &look->probes,
						   look->why);
		look->probes.functions = look->view->functions;
		look->have_probes = true;
	}
	return &look->probes;
}

/* A site is explained by the lists as they are, or, when it is patched at this
 * moment, by lists that are newer than it. */
static enum vhsm_explained explain_site(struct look *look,
					const struct vhsm_site *site,
					const uint8_t *found)
{
	enum vhsm_explained how = vhsm_text_explain_site(
		look->kernel, probes(look), site, found);

	if (how != VHSM_UNEXPLAINED || found[0] != INT3 || look->error ||
	    look->read_again == READ_AGAIN_MAX)
		return how;
	look->read_again++;
	vhsm_probe_list_deinit(&look->probes);
	look->have_probes = false;
	return vhsm_text_explain_site(look->kernel, probes(look), site, found);
}

static void add_difference(struct look *look, uint64_t va, uint64_t len)
{
	struct vhsm_text_view *v = look->view;
	struct vhsm_difference *last = v->differences ?
		&v->difference[v->differences - 1] : NULL;

	if (last && va - (last->va + last->len) <= JOIN) {
		last->len = va + len - last->va;
	} else if (v->differences < VHSM_DIFFERENCES_MAX) {
		v->difference[v->differences++] =
			(struct vhsm_difference){ va, len };
	} else {
		v->cut = true;
	}
}

/* The site's bytes: of the copied page where it is all in it, else read anew,
 * and then they may be the image's by now.  False: they cannot be had. */
static bool site_bytes(const struct look *look, const struct vhsm_site *site,
		       uint64_t page, const uint8_t *copy, uint8_t *found,
		       bool *own)
{
	const struct vhsm_kernel *k = look->kernel;
	uint8_t expected[SITE_MAX];

	*own = false;
	if (site->len > SITE_MAX)
		return false;
	if (site->va >= page && site->va + site->len <= page + PAGE) {
		memcpy(found, copy + (site->va - page), site->len);
		return true;
	}
	if (vhsm_kernel_read(k, site->va + k->slide, found, site->len) ||
	    vhsm_reference_expected(k->reference, site->va, k->slide, expected,
				    site->len))
		return false;
	*own = !memcmp(expected, found, site->len);
	return true;
}

/* Whether the site has other bytes by now than those found, which they become:
 * what decides about a site that is patched may have moved on with it. */
static bool site_moved(const struct look *look, const struct vhsm_site *site,
		       uint8_t *found, bool *own)
{
	const struct vhsm_kernel *k = look->kernel;
	uint8_t now[SITE_MAX], expected[SITE_MAX];

	if (vhsm_kernel_read(k, site->va + k->slide, now, site->len) ||
	    !memcmp(now, found, site->len))
		return false;
	memcpy(found, now, site->len);
	*own = !vhsm_reference_expected(k->reference, site->va, k->slide,
					expected, site->len) &&
		!memcmp(expected, now, site->len);
	return true;
}

static enum vhsm_explained explain_moving(struct look *look,
					  const struct vhsm_site *site,
					  uint8_t *found, bool own)
{
	enum vhsm_explained how = own ? VHSM_EXPLAINED_NOW :
		explain_site(look, site, found);

	for (unsigned i = 0; i < MOVES_MAX && how == VHSM_UNEXPLAINED &&
	     site_moved(look, site, found, &own); i++)
		if (own || explain_site(look, site, found) != VHSM_UNEXPLAINED)
			how = VHSM_EXPLAINED_NOW;
	return how;
}

/* Explains the difference at link address va of a page that was copied: the
 * bytes that are explained from there on, or 0. */
static uint64_t explain(struct look *look, uint64_t va, const uint8_t *copy,
			bool *now)
{
	const struct vhsm_kernel *k = look->kernel;
	const struct vhsm_site *site;
	uint8_t found[SITE_MAX];
	unsigned len;
	bool own;

	if (look->view->kind == VHSM_SEGMENT_RODATA &&
	    vhsm_covered(k->reference, va))
		return 1;
	site = vhsm_reference_site_at(k->reference, va, &look->site);
	if (site &&
	    site_bytes(look, site, va & PAGE_MASK, copy, found, &own)) {
		enum vhsm_explained how = explain_moving(look, site, found,
							 own);

		*now |= how == VHSM_EXPLAINED_NOW;
		if (how != VHSM_UNEXPLAINED)
			return site->va + site->len - va;
	}
	if (look->view->kind != VHSM_SEGMENT_TEXT)
		return 0;
	len = vhsm_text_explain_probe(k, probes(look), va + k->slide);
	*now |= len != 0;
	return len;
}

/* The first byte from i on that differs. */
static uint64_t next_difference(const uint8_t *a, const uint8_t *b, uint64_t i,
				uint64_t len)
{
	uint64_t x, y;

	for (; i + sizeof(x) <= len; i += sizeof(x)) {
		memcpy(&x, a + i, sizeof(x));
		memcpy(&y, b + i, sizeof(y));
		if (x != y)
			return i + (uint64_t)__builtin_ctzll(x ^ y) / 8;
	}
	while (i < len && a[i] == b[i])
		i++;
	return i;
}

/* What should be there, relocated into room; NULL: not in the segment. */
static const uint8_t *expected_bytes(const struct look *look, uint64_t from,
				     uint64_t len, uint8_t *room)
{
	if (!look->kernel->slide)
		return look->segment->bytes + (from - look->segment->start);
	return vhsm_reference_expected(look->kernel->reference, from,
				       look->kernel->slide, room, len) ?
	       NULL : room;
}

/* Compares what the segment has of a page; false: not all is explained. */
static bool compare(struct look *look, uint64_t link, const uint8_t *found,
		    struct page_state *state)
{
	const struct vhsm_reference_segment *s = look->segment;
	uint64_t from = link < s->start ? s->start : link;
	uint64_t end = link + PAGE;
	uint8_t room[PAGE];
	bool good = true;

	if (end > s->start + s->len)
		end = s->start + s->len;
	state->explained = 0;
	state->now = false;
	const uint8_t *expected = expected_bytes(look, from, end - from, room);

	if (!expected)
		return false;
	const uint8_t *part = found + (from - link);
	uint64_t all = end - from;

	for (uint64_t i = next_difference(part, expected, 0, all), len; i < all;
	     i = next_difference(part, expected, i + len, all)) {
		len = explain(look, from + i, found, &state->now);
		if (len) {
			state->explained++;
			continue;
		}
		if (look->unexplained++ >= UNEXPLAINED_MAX) {
			look->view->cut = true;
			return false;
		}
		add_difference(look, from + i + look->kernel->slide, 1);
		good = false;
		len = 1;
	}
	return good;
}

static int look_at(struct look *look, uint64_t va, uint64_t physical)
{
	struct vhsm_text_view *v = look->view;
	uint64_t link = va - look->kernel->slide;
	struct page_state *state = &v->page[look->base +
		(link - first_page(look->segment)) / PAGE];
	const uint8_t *page = vhsm_guest_memory_page(look->kernel->memory,
						     physical / PAGE);
	uint8_t copy[PAGE];

	if (!page)
		return -EFAULT;
	if (!state->known || state->now ||
	    vhsm_page_hash(v->key, page) != state->hash) {
		memcpy(copy, page, PAGE);
		state->known = compare(look, link, copy, state);
		state->hash = vhsm_page_hash(v->key, copy);
	}
	v->explained += state->explained;
	return look->error;
}

static int visit(const struct vhsm_mapping *m, void *arg)
{
	struct look *look = arg;
	const struct vhsm_reference_segment *s = look->segment;
	uint64_t end = first_page(s) + page_count(s) * PAGE +
		       look->kernel->slide;
	int error = 0;

	/* What comes earlier was seen; what comes later leaves a hole. */
	if (m->start > look->next)
		return -EFAULT;
	while (!error && look->next < end && look->next - m->start < m->len) {
		error = look_at(look, look->next,
				m->physical + (look->next - m->start));
		look->next += PAGE;
	}
	return error;
}

/* --- all of it --- */

static int look_at_segment(struct look *look)
{
	const struct vhsm_reference_segment *s = look->segment;
	uint64_t end = first_page(s) + page_count(s) * PAGE +
		       look->kernel->slide;

	look->next = first_page(s) + look->kernel->slide;
	int error = vhsm_address_space_walk(&look->kernel->space, look->next,
					    end - 1, TABLES_MAX, visit, look);

	if (!error && look->next < end)
		error = -EFAULT;
	if (error && !look->error)
		snprintf(look->why, VHSM_CHECK_WHY_LEN,
			 "the kernel's page at %#llx cannot be read: %s",
			 (unsigned long long)look->next, strerror(-error));
	return error;
}

static int refresh(struct vhsm_text_view *v, const struct vhsm_kernel *k,
		   char *why)
{
	struct look look = { .view = v, .kernel = k, .why = why };
	size_t count;
	const struct vhsm_reference_segment *s =
		vhsm_reference_segments(v->reference, &count);
	int error = 0;

	if (v->slide != k->slide || v->root != k->space.root)
		memset(v->page, 0, v->pages * sizeof(*v->page));
	v->slide = k->slide;
	v->root = k->space.root;
	v->explained = 0;
	v->differences = 0;
	v->cut = false;
	vhsm_module_functions_forget(v->functions);
	for (size_t i = 0; i < count && !error; i++) {
		if (s[i].kind != v->kind || !s[i].len)
			continue;
		look.segment = &s[i];
		error = look_at_segment(&look);
		look.base += page_count(&s[i]);
	}
	vhsm_probe_list_deinit(&look.probes);
	return error;
}

int vhsm_text_view_update(struct vhsm_text_view *v, unsigned reader,
			  struct vhsm_sweep *sweep,
			  const struct vhsm_difference **difference,
			  size_t *count, char *why)
{
	unsigned bit = 1u << (reader & 1);

	if (!v->seen || v->sweep != sweep->number || v->seen & bit) {
		v->seen = 0;
		int error = refresh(v, sweep->kernel, why);

		if (error)
			return error;
		v->sweep = sweep->number;
	}
	v->seen |= bit;
	sweep->objects += v->pages;
	sweep->explained += v->explained;
	sweep->cut |= v->cut;
	*difference = v->difference;
	*count = v->differences;
	return 0;
}
