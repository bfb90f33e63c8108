/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page-sets.c - see page-sets.h.
 *
 * A page is found by a hash of its number.  One that is asked for in a look and
 * is in no set becomes a small set; when the next look begins, small sets are
 * merged into those that are made anew, which lose what is not used any more.
 */
#include "common/clock.h"
#include "introspect/guest-memory-backend.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SLOTS_MIN	1024u
#define SMALL		(PAGE_SET_LEN / 2)

/* Pages that wait for a set. */
struct waiting {
	uint64_t *gfn;
	unsigned count, room;
};

/* --- which page is where --- */

static unsigned slot_of(const struct page_sets *s, uint64_t gfn)
{
	return (unsigned)((gfn * UINT64_C(0x9e3779b97f4a7c15)) >> 32) &
	       (s->slots - 1);
}

static struct page_set *set_in(const struct page_sets *s, uint32_t value,
			       unsigned *page)
{
	*page = (value - 1) % PAGE_SET_LEN;
	return s->set[(value - 1) / PAGE_SET_LEN];
}

/* The slot of gfn, or the empty one for it. */
static uint32_t *find_slot(const struct page_sets *s, uint64_t gfn)
{
	unsigned i = slot_of(s, gfn), page;
	const struct page_set *set;

	for (; s->slot[i]; i = (i + 1) & (s->slots - 1)) {
		set = set_in(s, s->slot[i], &page);
		if (set->gfn[page] == gfn)
			break;
	}
	return &s->slot[i];
}

/* Puts the pages of a set in; one that is there already is found in this set
 * from now on. */
static void index_set(struct page_sets *s, unsigned number)
{
	const struct page_set *set = s->set[number];
	unsigned i;

	for (i = 0; i < set->count; i++)
		if (set->present[i / 64] >> (i % 64) & 1)
			*find_slot(s, set->gfn[i]) =
				number * PAGE_SET_LEN + i + 1;
}

/* Makes the index anew, with room for half as many pages more. */
static bool index_all(struct page_sets *s)
{
	unsigned i, slots = SLOTS_MIN;

	while (slots < 3 * s->pages)
		slots *= 2;
	if (slots != s->slots) {
		free(s->slot);
		s->slot = malloc(slots * sizeof(*s->slot));
		s->slots = s->slot ? slots : 0;
	}
	if (!s->slot)
		return false;
	memset(s->slot, 0, slots * sizeof(*s->slot));
	for (i = 0; i < s->count; i++)
		index_set(s, i);
	return true;
}

/* --- sets --- */

static void free_set(struct vhsm_guest_memory *m, struct page_set *set)
{
	m->sets.pages -= set->count;
	if (set->bytes)
		m->unload(m, set->bytes, set->count);
	free(set);
}

/* Maps what set->gfn says.  Nothing of it may be there. */
static void load_set(struct vhsm_guest_memory *m, struct page_set *set)
{
	set->bytes = NULL;
	set->made = m->tick;
	set->made_look = m->look;
	memset(set->present, 0, sizeof(set->present));
	if (set->count &&
	    m->load_frames(m, set->gfn, set->count, &set->bytes, set->present))
		memset(set->present, 0, sizeof(set->present));
}

/* One that will not be filled up takes no room for it: there may be thousands,
 * of a page each. */
static struct page_set *new_set(const uint64_t *gfn, unsigned count)
{
	const unsigned room = count < SMALL ? count : PAGE_SET_LEN;
	struct page_set *set = calloc(1, sizeof(*set) +
				      2 * room * sizeof(set->gfn[0]));

	if (!set)
		return NULL;
	set->room = room;
	set->used_look = set->gfn + room;
	set->count = count;
	memcpy(set->gfn, gfn, count * sizeof(*gfn));
	return set;
}

/* A set of these pages, at the end; NULL without memory. */
static struct page_set *add_set(struct vhsm_guest_memory *m,
				const uint64_t *gfn, unsigned count)
{
	struct page_sets *s = &m->sets;
	struct page_set *set, **grown;

	if (s->count == s->room) {
		grown = realloc(s->set, (2 * s->room + 64) * sizeof(*grown));
		if (!grown)
			return NULL;
		s->set = grown;
		s->room = 2 * s->room + 64;
	}
	set = new_set(gfn, count);
	if (!set)
		return NULL;
	load_set(m, set);
	s->set[s->count++] = set;
	s->pages += count;
	return set;
}

static void drop_set(struct vhsm_guest_memory *m, unsigned number)
{
	struct page_sets *s = &m->sets;

	free_set(m, s->set[number]);
	s->set[number] = s->set[--s->count];
}

void page_sets_drop(struct vhsm_guest_memory *m)
{
	struct page_sets *s = &m->sets;

	while (s->count)
		drop_set(m, s->count - 1);
	free(s->set);
	free(s->slot);
	*s = (struct page_sets){ 0 };
}

/* --- merging --- */

static bool wait_for_set(struct waiting *w, uint64_t gfn)
{
	uint64_t *grown;

	if (w->count == w->room) {
		grown = realloc(w->gfn, (2 * w->room + 1024) * sizeof(*grown));
		if (!grown)
			return false;
		w->gfn = grown;
		w->room = 2 * w->room + 1024;
	}
	w->gfn[w->count++] = gfn;
	return true;
}


/* What that look used of small sets waits for another; without memory to wait in
 * it is just asked for again. */
static void take_small(struct vhsm_guest_memory *m, uint64_t look,
		       struct waiting *w)
{
	struct page_sets *s = &m->sets;
	const struct page_set *set;
	unsigned i, page;

	for (i = s->count; i-- > 0;) {
		set = s->set[i];
		if (set->count >= SMALL)
			continue;
		for (page = 0; page < set->count; page++)
			if (set->used_look[page] == look)
				wait_for_set(w, set->gfn[page]);
		drop_set(m, i);
	}
}

/* What waits and has found no room. */
static void load_waiting(struct vhsm_guest_memory *m, uint64_t look,
			 struct waiting *w)
{
	struct page_set *set;
	unsigned i, count;

	while (w->count) {
		count = w->count < PAGE_SET_LEN ? w->count : PAGE_SET_LEN;
		w->count -= count;
		set = add_set(m, w->gfn + w->count, count);
		for (i = 0; set && i < count; i++)
			set->used_look[i] = look;
	}
}

/* --- in a look --- */

static bool is_mapped(const struct page_sets *s, uint64_t gfn)
{
	uint32_t value = *find_slot(s, gfn);
	unsigned page;

	return value && set_in(s, value, &page)->made >= s->fresh;
}

/* How many pages from gfn on to load: more and more of them while they are
 * asked for in order, but none that is mapped already. */
static unsigned load_count(const struct vhsm_guest_memory *m, uint64_t gfn)
{
	const struct page_sets *s = &m->sets;
	unsigned i, most = gfn == s->ahead_gfn ? 2 * s->ahead : 1;

	if (most > PAGE_SET_LEN)
		most = PAGE_SET_LEN;
	for (i = 1; i < most && gfn + i < m->frames; i++)
		if (is_mapped(s, gfn + i))
			break;
	return i;
}

/* In a look that has made many of a page each. */
static void merge_now(struct vhsm_guest_memory *m)
{
	struct waiting w = { 0 };

	take_small(m, m->look, &w);
	load_waiting(m, m->look, &w);
	free(w.gfn);
	if (!index_all(&m->sets))
		page_sets_drop(m);
}

static const uint8_t *load_page(struct vhsm_guest_memory *m, uint64_t gfn)
{
	struct page_sets *s = &m->sets;
	uint64_t gfns[PAGE_SET_LEN];
	struct page_set *set;
	unsigned i, count;

	if (s->count == PAGE_SETS_MAX)
		merge_now(m);
	/* A guest of which so much is used is mapped over and over. */
	if (s->pages + PAGE_SET_LEN > PAGE_SETS_PAGES)
		page_sets_drop(m);
	if (2 * (s->pages + PAGE_SET_LEN) > s->slots && !index_all(s))
		return NULL;
	count = load_count(m, gfn);
	for (i = 0; i < count; i++)
		gfns[i] = gfn + i;
	set = add_set(m, gfns, count);
	if (!set)
		return NULL;
	s->ahead_gfn = gfn + count;
	s->ahead = count;
	if (!(set->present[0] & 1)) {
		/* It may be there the next time. */
		drop_set(m, s->count - 1);
		return NULL;
	}
	index_set(s, s->count - 1);
	set->used_look[0] = m->look;
	return set->bytes;
}

const uint8_t *page_sets_page(struct vhsm_guest_memory *m, uint64_t gfn)
{
	struct page_sets *s = &m->sets;
	struct page_set *set;
	uint32_t value = s->slots ? *find_slot(s, gfn) : 0;
	unsigned page;

	if (!value)
		return load_page(m, gfn);
	set = set_in(s, value, &page);
	if (set->made < s->fresh)
		return load_page(m, gfn);
	set->used_look[page] = m->look;
	return set->bytes + (size_t)page * VHSM_GUEST_PAGE_SIZE;
}

void page_sets_pass_over(struct vhsm_guest_memory *m)
{
	m->sets.fresh = ++m->tick;
}

/* --- between two looks --- */

/* Maps a set anew: what is used of it, and of what waits as much as fits. */
static void renew_set(struct vhsm_guest_memory *m, struct page_set *set,
		      struct waiting *w)
{
	unsigned i, kept = 0;

	if (set->bytes)
		m->unload(m, set->bytes, set->count);
	for (i = 0; i < set->count; i++)
		if (set->used_look[i] == m->look - 1) {
			set->gfn[kept] = set->gfn[i];
			set->used_look[kept++] = set->used_look[i];
		}
	for (; kept < set->room && w->count; kept++) {
		set->gfn[kept] = w->gfn[--w->count];
		set->used_look[kept] = m->look - 1;
	}
	m->sets.pages = m->sets.pages - set->count + kept;
	set->count = kept;
	load_set(m, set);
}

static struct page_set *oldest_set(const struct page_sets *s)
{
	struct page_set *oldest = s->set[0];
	unsigned i;

	for (i = 1; i < s->count; i++)
		if (s->set[i]->made < oldest->made)
			oldest = s->set[i];
	return oldest;
}

static void renew_in_turn(struct vhsm_guest_memory *m, unsigned looks,
			  uint64_t us, struct waiting *w)
{
	struct page_sets *s = &m->sets;
	const uint64_t began = vhsm_now_ns();
	const unsigned count = s->count, least = (count + looks - 1) / looks;
	struct page_set *set;
	unsigned i;

	for (i = 0; i < count; i++) {
		set = oldest_set(s);
		if (i >= least && set->made_look + looks > m->look &&
		    vhsm_now_ns() - began >= (uint64_t)us * 1000)
			break;
		m->tick++;
		renew_set(m, set, w);
	}
	for (i = s->count; i-- > 0;)
		if (!s->set[i]->count)
			drop_set(m, i);
}

void page_sets_renew(struct vhsm_guest_memory *m, unsigned looks, uint64_t us)
{
	struct page_sets *s = &m->sets;
	struct waiting w = { 0 };

	m->tick++;
	s->fresh = 0;
	s->ahead = 0;
	if (!s->slots)
		return;
	take_small(m, m->look - 1, &w);
	renew_in_turn(m, looks, us, &w);
	load_waiting(m, m->look - 1, &w);
	free(w.gfn);
	if (!index_all(s))
		page_sets_drop(m);
}
