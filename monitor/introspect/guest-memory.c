/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-memory.c - the chunks of a guest's memory that are kept, over whatever
 * kind of memory was opened.
 *
 * A chunk is found by a hash of its number; the one longest unused makes room.
 * That a chunk has no frame at all is kept in a map of its own: a PVH guest's
 * frames end below 4 GiB whatever its size, and the holes between must not
 * push out what is there.
 *
 * A mapping outlives what the guest does with the frame: one that it gave back
 * stays allocated, one that it exchanged is seen as it was.  So a program that
 * keeps a guest open for long maps again the pages that it uses (page-sets.c),
 * and forgets a part of the others at each of its rounds.
 */
#include "introspect/guest-memory-backend.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEXT_LOADS 4u			/* system calls of one search for the
					 * next frame */

int guest_memory_init(struct vhsm_guest_memory *m)
{
	m->chunk = calloc(m->chunk_max ? m->chunk_max : 1, sizeof(*m->chunk));
	memset(m->bucket, 0xff, sizeof(m->bucket));
	if (m->chunk_pages)
		m->hole_len = m->frames / m->chunk_pages / 8 + 1;
	m->hole = calloc(1, m->hole_len + 1);
	return m->chunk && m->hole ? 0 : -ENOMEM;
}

uint64_t vhsm_guest_frames_max(uint64_t pages, uint64_t host_pages)
{
	const uint64_t more = VHSM_FRAMES_HOLE + VHSM_FRAMES_SLACK;

	if (pages > host_pages)
		pages = host_pages;
	return pages > UINT64_MAX - more ? UINT64_MAX : pages + more;
}

static bool is_hole(const struct vhsm_guest_memory *m, uint64_t number)
{
	return m->hole[number / 8] >> (number % 8) & 1;
}

static unsigned bucket_of(uint64_t number)
{
	return (unsigned)((number * UINT64_C(0x9e3779b97f4a7c15)) >> 54) %
	       GUEST_BUCKETS;
}

static struct guest_chunk *find_chunk(struct vhsm_guest_memory *m,
				      uint64_t number)
{
	uint16_t i = m->bucket[bucket_of(number)];

	while (i != GUEST_CHUNK_NONE && m->chunk[i].number != number)
		i = m->chunk[i].next;
	return i == GUEST_CHUNK_NONE ? NULL : &m->chunk[i];
}

/* The place that refers to chunk i, which is in its bucket. */
static uint16_t *link_to(struct vhsm_guest_memory *m, uint16_t i)
{
	uint16_t *link = &m->bucket[bucket_of(m->chunk[i].number)];

	while (*link != i)
		link = &m->chunk[*link].next;
	return link;
}

/* Unloads chunk i; the last in use takes its place. */
static void drop_chunk(struct vhsm_guest_memory *m, uint16_t i)
{
	uint16_t last = (uint16_t)(m->chunk_count - 1);

	*link_to(m, i) = m->chunk[i].next;
	if (m->chunk[i].bytes)
		m->unload(m, m->chunk[i].bytes, m->chunk_pages);
	if (i != last) {
		*link_to(m, last) = i;
		m->chunk[i] = m->chunk[last];
	}
	m->chunk_count--;
}

static void drop_chunks(struct vhsm_guest_memory *m)
{
	while (m->chunk_count)
		drop_chunk(m, (uint16_t)(m->chunk_count - 1));
}

/* The chunk of the lowest tick, of use or of making; there is one. */
static uint16_t oldest_chunk(const struct vhsm_guest_memory *m, bool made)
{
	const struct guest_chunk *c = m->chunk;
	unsigned i, oldest = 0;

	for (i = 1; i < m->chunk_count; i++)
		if (made ? c[i].made < c[oldest].made :
			   c[i].used < c[oldest].used)
			oldest = i;
	return (uint16_t)oldest;
}

static struct guest_chunk *load_chunk(struct vhsm_guest_memory *m,
				      uint64_t number)
{
	struct guest_chunk *c;
	uint16_t *bucket = &m->bucket[bucket_of(number)];

	if (m->chunk_count == m->chunk_max)
		drop_chunk(m, oldest_chunk(m, false));
	c = &m->chunk[m->chunk_count];
	memset(c, 0, sizeof(*c));
	if (m->load(m, number * m->chunk_pages, m->chunk_pages, &c->bytes,
		    c->present))
		return NULL;
	if (!c->bytes && !m->zeros) {
		m->hole[number / 8] |= (uint8_t)(1u << (number % 8));
		return NULL;
	}
	c->number = number;
	c->made = m->tick;
	c->made_look = m->look;
	c->next = *bucket;
	*bucket = (uint16_t)m->chunk_count++;
	return c;
}

static bool is_present(const struct guest_chunk *c, unsigned page)
{
	return c->bytes && c->present[page / 64] >> (page % 64) & 1;
}

/* The page of a chunk that is kept. */
static const uint8_t *page_of(const struct vhsm_guest_memory *m,
			      struct guest_chunk *c, unsigned page)
{
	static const uint8_t zero_page[VHSM_GUEST_PAGE_SIZE];

	c->used = m->tick;
	if (is_present(c, page) || (m->zeros && c->bytes))
		return c->bytes + (size_t)page * VHSM_GUEST_PAGE_SIZE;
	return m->zeros ? zero_page : NULL;
}

const uint8_t *vhsm_guest_memory_page(struct vhsm_guest_memory *m, uint64_t gfn)
{
	struct guest_chunk *c;
	uint64_t number;
	unsigned page;

	if (gfn >= m->frames || !m->chunk_pages)
		return NULL;
	m->tick++;
	if (m->looking && m->load_frames)
		return page_sets_page(m, gfn);
	page = (unsigned)(gfn % m->chunk_pages);
	number = gfn / m->chunk_pages;
	c = find_chunk(m, number);
	if (c && m->look - c->made_look >= VHSM_MAPPING_LOOKS) {
		drop_chunk(m, (uint16_t)(c - m->chunk));
		c = load_chunk(m, number);
	}
	if (c && (is_present(c, page) || !m->appeared))
		return page_of(m, c, page);
	if ((c || is_hole(m, number)) &&
	    (!m->appeared || !m->appeared(m, gfn)))
		return NULL;
	if (c)
		drop_chunk(m, (uint16_t)(c - m->chunk));
	m->hole[number / 8] &= (uint8_t)~(1u << (number % 8));
	c = load_chunk(m, number);
	return c ? page_of(m, c, page) : NULL;
}

uint64_t vhsm_guest_memory_next(struct vhsm_guest_memory *m, uint64_t gfn)
{
	unsigned page, loads = 0;
	struct guest_chunk *c;

	while (m->chunk_pages && gfn < m->frames && loads < NEXT_LOADS) {
		m->tick++;
		c = find_chunk(m, gfn / m->chunk_pages);
		if (!c && !is_hole(m, gfn / m->chunk_pages)) {
			c = load_chunk(m, gfn / m->chunk_pages);
			loads++;
		}
		if (c)
			c->used = m->tick;
		page = (unsigned)(gfn % m->chunk_pages);
		for (; c && c->bytes && page < m->chunk_pages &&
		       gfn < m->frames; page++, gfn++)
			if (m->zeros || is_present(c, page))
				return gfn;
		if (!c || !c->bytes)
			gfn += m->chunk_pages - page;
	}
	return gfn < m->frames ? gfn : m->frames;
}

int vhsm_guest_memory_read(struct vhsm_guest_memory *m, uint64_t address,
			   void *buf, size_t len)
{
	uint8_t *to = buf;
	const uint8_t *page;
	size_t offset, part;

	while (len) {
		offset = address % VHSM_GUEST_PAGE_SIZE;
		part = VHSM_GUEST_PAGE_SIZE - offset;
		if (part > len)
			part = len;
		page = vhsm_guest_memory_page(m,
					      address / VHSM_GUEST_PAGE_SIZE);
		if (!page)
			return -EFAULT;
		memcpy(to, page + offset, part);
		to += part;
		address += part;
		len -= part;
	}
	return 0;
}

void vhsm_guest_memory_look_begin(struct vhsm_guest_memory *m, uint64_t us)
{
	m->look++;
	m->looking = true;
	if (m->load_frames)
		page_sets_renew(m, VHSM_MAPPING_LOOKS, us);
	else
		drop_chunks(m);
}

void vhsm_guest_memory_look_again(struct vhsm_guest_memory *m)
{
	if (m->looking && m->load_frames)
		page_sets_pass_over(m);
	else
		drop_chunks(m);
}

void vhsm_guest_memory_look_end(struct vhsm_guest_memory *m)
{
	m->looking = false;
}

uint64_t vhsm_guest_memory_frames(const struct vhsm_guest_memory *m)
{
	return m->frames;
}

void vhsm_guest_memory_forget(struct vhsm_guest_memory *m)
{
	drop_chunks(m);
	page_sets_drop(m);
	memset(m->hole, 0, m->hole_len);
}

void vhsm_guest_memory_forget_oldest(struct vhsm_guest_memory *m,
				     unsigned share)
{
	unsigned count = (m->chunk_count + share - 1) / share;

	while (count--)
		drop_chunk(m, oldest_chunk(m, true));
	for (count = m->hole_len / share + 1; count; count--) {
		m->hole[m->hole_at] = 0;
		m->hole_at = (m->hole_at + 1) % (m->hole_len + 1);
	}
}

/* Visits the runs of pages that are there among count at bytes. */
static int visit_runs(uint64_t first, const uint8_t *bytes, unsigned count,
		      const struct guest_chunk *c, vhsm_memory_visit *visit,
		      void *arg, struct vhsm_memory_stats *stats)
{
	unsigned start = 0, end;
	int r = 0;

	while (!r) {
		while (start < count && !is_present(c, start))
			start++;
		for (end = start; end < count && is_present(c, end);)
			end++;
		if (end == start)
			break;
		stats->pages += end - start;
		r = visit((first + start) * VHSM_GUEST_PAGE_SIZE,
			  bytes + (size_t)start * VHSM_GUEST_PAGE_SIZE,
			  (size_t)(end - start) * VHSM_GUEST_PAGE_SIZE, arg);
		start = end;
	}
	return r;
}

static int walk_chunks(struct vhsm_guest_memory *m, vhsm_memory_visit *visit,
		       void *arg, struct vhsm_memory_stats *stats, char *why)
{
	struct guest_chunk c;
	uint64_t first;
	int r = 0;

	for (first = 0; !r && first < m->frames; first += m->chunk_pages) {
		memset(&c, 0, sizeof(c));
		r = m->load(m, first, m->chunk_pages, &c.bytes, c.present);
		if (r) {
			snprintf(why, VHSM_MEMORY_WHY_LEN,
				 "reading frames from %#llx: %s",
				 (unsigned long long)first, strerror(-r));
			return r;
		}
		if (!c.bytes)
			continue;
		r = visit_runs(first, c.bytes, m->chunk_pages, &c, visit, arg,
			       stats);
		m->unload(m, c.bytes, m->chunk_pages);
	}
	return r;
}

int vhsm_guest_memory_walk(struct vhsm_guest_memory *memory,
			   vhsm_memory_visit *visit, void *arg,
			   struct vhsm_memory_stats *stats, char *why)
{
	*stats = (struct vhsm_memory_stats){ 0 };
	return (memory->walk ? memory->walk : walk_chunks)(memory, visit, arg,
							   stats, why);
}

void vhsm_guest_memory_close(struct vhsm_guest_memory **memory)
{
	if (!*memory)
		return;
	vhsm_guest_memory_forget(*memory);
	free((*memory)->chunk);
	free((*memory)->hole);
	(*memory)->close(*memory);
	*memory = NULL;
}
