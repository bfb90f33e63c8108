/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slice.c - the allocator of slice.h.
 *
 * Invariants: (1) the extents cover the slice exactly, in order; (2) no two
 * free neighbours; (3) every length is a multiple of VHSM_SLICE_ALIGN.
 * There are as many extents as buffers in use, twice at most, so a linear
 * search is short; the list grows by doubling and never shrinks, so the steady
 * state allocates nothing.
 */
#include "lib/slice.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/monotonic.h"

#define EXTENTS_AT_FIRST 64

int vhsm_slice_init(struct vhsm_slice *s, uint8_t *base, size_t len)
{
	pthread_condattr_t attr;

	s->base = base;
	s->len = len - len % VHSM_SLICE_ALIGN;
	s->extents = calloc(EXTENTS_AT_FIRST, sizeof(*s->extents));
	if (!s->extents)
		return -ENOMEM;
	s->extent_room = EXTENTS_AT_FIRST;
	s->extents[0] = (struct vhsm_extent) { .len = s->len };
	s->extent_count = 1;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->freed, &attr);
	pthread_condattr_destroy(&attr);
	return 0;
}

void vhsm_slice_deinit(struct vhsm_slice *s)
{
	size_t i;

	for (i = 0; i < s->extent_count; i++)
		if (s->extents[i].used)
			explicit_bzero(s->base + s->extents[i].offset,
				       s->extents[i].len);
	free(s->extents);
	s->extents = NULL;
	s->extent_count = 0;
}

static int make_room(struct vhsm_slice *s)
{
	size_t room = s->extent_room * 2;
	struct vhsm_extent *more;

	if (s->extent_count < s->extent_room)
		return 0;
	more = reallocarray(s->extents, room, sizeof(*more));
	if (!more)
		return -ENOMEM;
	s->extents = more;
	s->extent_room = room;
	return 0;
}

/* Splits extent i so that its first len bytes stand alone. */
static int split(struct vhsm_slice *s, size_t i, size_t len)
{
	struct vhsm_extent *e;

	if (s->extents[i].len == len)
		return 0;
	if (make_room(s) < 0)
		return -ENOMEM;
	e = &s->extents[i];
	memmove(e + 2, e + 1, (s->extent_count - i - 1) * sizeof(*e));
	s->extent_count++;
	e[1].offset = e->offset + len;
	e[1].len = e->len - len;
	e[1].used = false;
	e->len = len;
	return 0;
}

/* Joins extent i + 1 to extent i if both are free. */
static void join(struct vhsm_slice *s, size_t i)
{
	struct vhsm_extent *e = &s->extents[i];

	if (i + 1 >= s->extent_count || e->used || e[1].used)
		return;
	e->len += e[1].len;
	memmove(e + 1, e + 2, (s->extent_count - i - 2) * sizeof(*e));
	s->extent_count--;
}

static void *take(struct vhsm_slice *s, size_t len)
{
	size_t i;

	for (i = 0; i < s->extent_count; i++) {
		if (s->extents[i].used || s->extents[i].len < len)
			continue;
		if (split(s, i, len) < 0)
			return NULL;
		s->extents[i].used = true;
		return s->base + s->extents[i].offset;
	}
	return NULL;
}

void *vhsm_slice_alloc(struct vhsm_slice *s, size_t len, unsigned wait_ms)
{
	struct timespec deadline;
	void *p;

	if (!len || len > s->len)
		return NULL;
	len = (len + VHSM_SLICE_ALIGN - 1) & ~(size_t)(VHSM_SLICE_ALIGN - 1);
	pthread_mutex_lock(&s->lock);
	p = take(s, len);
	if (!p && wait_ms) {
		deadline = vhsm_deadline_in(wait_ms);
		while (!p && pthread_cond_timedwait(&s->freed, &s->lock,
						    &deadline) == 0)
			p = take(s, len);
	}
	pthread_mutex_unlock(&s->lock);
	return p;
}

/* The index of the extent in use that begins at p; extent_count if none. */
static size_t find(const struct vhsm_slice *s, const void *p)
{
	size_t low = 0, high = s->extent_count, mid, offset;

	if ((uintptr_t)p < (uintptr_t)s->base ||
	    (uintptr_t)p - (uintptr_t)s->base >= s->len)
		return s->extent_count;
	offset = (uintptr_t)p - (uintptr_t)s->base;
	while (low < high) {
		mid = low + (high - low) / 2;
		if (s->extents[mid].offset == offset)
			return s->extents[mid].used ? mid : s->extent_count;
		if (s->extents[mid].offset < offset)
			low = mid + 1;
		else
			high = mid;
	}
	return s->extent_count;
}

void vhsm_slice_free(struct vhsm_slice *s, void *p)
{
	size_t i, len = 0;

	pthread_mutex_lock(&s->lock);
	i = find(s, p);
	if (i < s->extent_count)
		len = s->extents[i].len;
	pthread_mutex_unlock(&s->lock);
	if (!len)
		return;
	/* Still the caller's, so that a long wipe holds up nobody. */
	explicit_bzero(p, len);

	pthread_mutex_lock(&s->lock);
	i = find(s, p);
	if (i < s->extent_count) {
		s->extents[i].used = false;
		join(s, i);
		if (i > 0)
			join(s, i - 1);
		pthread_cond_broadcast(&s->freed);
	}
	pthread_mutex_unlock(&s->lock);
}
