/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/fake-memory.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE VHSM_GUEST_PAGE_SIZE

static int fake_load(struct vhsm_guest_memory *m, uint64_t first,
		     unsigned count, uint8_t **bytes, uint64_t *present)
{
	struct fake *f = (struct fake *)m;
	unsigned i;

	f->loads++;
	if (f->slow)
		usleep(2000);
	if (first >= f->hole && first + count <= f->hole_end)
		return 0;
	*bytes = calloc(count, PAGE);
	for (i = 0; i < count; i++) {
		uint64_t gfn = first + i;

		memcpy(*bytes + i * PAGE, &gfn, sizeof(gfn));
		memcpy(*bytes + i * PAGE + sizeof(gfn), &f->version,
		       sizeof(f->version));
		if (gfn != f->missing &&
		    (gfn < f->hole || gfn >= f->hole_end))
			present[i / 64] |= UINT64_C(1) << (i % 64);
	}
	if (++f->loaded > f->loaded_most)
		f->loaded_most = f->loaded;
	return 0;
}

static bool is_there(const struct fake *f, uint64_t gfn)
{
	return gfn != f->missing && (gfn < f->hole || gfn >= f->hole_end);
}

static int fake_load_frames(struct vhsm_guest_memory *m, const uint64_t *gfn,
			    unsigned count, uint8_t **bytes, uint64_t *present)
{
	struct fake *f = (struct fake *)m;
	unsigned i, there = 0;

	f->loads++;
	f->made += count;
	if (f->slow)
		usleep(2000);
	*bytes = calloc(count, PAGE);
	for (i = 0; i < count; i++) {
		ck_assert_uint_lt(gfn[i], f->base.frames);
		if (!is_there(f, gfn[i]))
			continue;
		there++;
		present[i / 64] |= UINT64_C(1) << (i % 64);
		if (f->blank)
			continue;
		memcpy(*bytes + i * PAGE, &gfn[i], sizeof(gfn[i]));
		memcpy(*bytes + i * PAGE + sizeof(gfn[i]), &f->version,
		       sizeof(f->version));
	}
	if (!there) {
		free(*bytes);
		*bytes = NULL;
		return 0;
	}
	if (++f->loaded > f->loaded_most)
		f->loaded_most = f->loaded;
	f->pages += count;
	if (f->pages > f->pages_most)
		f->pages_most = f->pages;
	return 0;
}

static void fake_unload(struct vhsm_guest_memory *m, uint8_t *bytes,
			unsigned count)
{
	struct fake *f = (struct fake *)m;

	f->loaded--;
	if (f->base.load_frames)
		f->pages -= count;
	free(bytes);
}

static bool fake_appeared(struct vhsm_guest_memory *m, uint64_t gfn)
{
	return is_there((struct fake *)m, gfn);
}

static void fake_close(struct vhsm_guest_memory *m)
{
	(void)m;
}

struct vhsm_guest_memory *fake_open(struct fake *f)
{
	*f = (struct fake){ .missing = UINT64_MAX };
	f->base.load = fake_load;
	f->base.unload = fake_unload;
	f->base.appeared = fake_appeared;
	f->base.close = fake_close;
	f->base.frames = 1000;
	f->base.chunk_pages = 4;
	f->base.chunk_max = 8;
	ck_assert_int_eq(guest_memory_init(&f->base), 0);
	return &f->base;
}

struct vhsm_guest_memory *fake_open_live(struct fake *f, uint64_t frames)
{
	struct vhsm_guest_memory *m = fake_open(f);

	f->base.frames = frames;
	f->base.load_frames = fake_load_frames;
	return m;
}

uint64_t number_at(struct vhsm_guest_memory *m, uint64_t gfn)
{
	const uint8_t *page = vhsm_guest_memory_page(m, gfn);
	uint64_t number;

	ck_assert_ptr_nonnull(page);
	memcpy(&number, page, sizeof(number));
	return number;
}
