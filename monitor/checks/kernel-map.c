/* SPDX-License-Identifier: Apache-2.0 */
#include "checks/kernel-map.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks/check.h"

#define ENTRIES		512u
#define PRESENT		0x001ull
#define WRITE		0x002ull
#define USER		0x004ull
#define LARGE		0x080ull		/* in levels 2 and 3 */
#define NX		(1ull << 63)
#define FRAME		0x000ffffffffff000ull

/* Tables that cannot be executed through, by address and level. */
struct seen {
	uint64_t *key;			/* 0: free */
	size_t size;			/* power of two */
	size_t used;
};

struct walk {
	const struct vhsm_kernel *kernel;
	struct vhsm_kernel_map *map;
	struct seen dead;
	size_t room;
	uint64_t budget;
	uint64_t end;			/* of the last run */
};

static uint64_t seen_key(uint64_t table, unsigned level)
{
	return table | level;
}

static size_t seen_slot(const struct seen *s, uint64_t key)
{
	size_t i = (key * 0x9e3779b97f4a7c15ull) >> 20 & (s->size - 1);

	while (s->key[i] && s->key[i] != key)
		i = (i + 1) & (s->size - 1);
	return i;
}

static int seen_grow(struct seen *s)
{
	struct seen more = { .size = s->size ? s->size * 2 : 1024 };

	more.key = calloc(more.size, sizeof(*more.key));
	if (!more.key)
		return -ENOMEM;
	for (size_t i = 0; i < s->size; i++) {
		if (!s->key[i])
			continue;
		more.key[seen_slot(&more, s->key[i])] = s->key[i];
		more.used++;
	}
	free(s->key);
	*s = more;
	return 0;
}

static int seen_add(struct seen *s, uint64_t key)
{
	int rc = s->used * 2 >= s->size ? seen_grow(s) : 0;

	if (rc == 0) {
		s->key[seen_slot(s, key)] = key;
		s->used++;
	}
	return rc;
}

static bool seen_has(const struct seen *s, uint64_t key)
{
	return s->size && s->key[seen_slot(s, key)] == key;
}

static int add_run(struct walk *w, uint64_t va, uint64_t len, uint64_t entry,
		   unsigned flags)
{
	struct vhsm_kernel_map *map = w->map;
	struct vhsm_mapping *last = map->count ? &map->run[map->count - 1] : NULL;

	if (last && w->end == va && last->flags == flags) {
		last->len += len;
		w->end = va + len;
		return 0;
	}
	if (map->count == VHSM_KERNEL_MAP_RUNS_MAX)
		return -E2BIG;
	if (map->count == w->room) {
		size_t room = w->room ? w->room * 2 : 64;
		void *run = reallocarray(map->run, room, sizeof(*map->run));

		if (!run)
			return -ENOMEM;
		map->run = run;
		w->room = room;
	}
	map->run[map->count++] = (struct vhsm_mapping){
		.start = va, .len = len, .flags = flags,
		.physical = entry & FRAME & ~(len - 1),
	};
	w->end = va + len;
	return 0;
}

/* Whether anything of a table may be executable. */
static bool live(const uint64_t table[ENTRIES])
{
	uint64_t any = 0;

	for (unsigned i = 0; i < ENTRIES; i++)
		any |= table[i] & ~(table[i] >> 63) & PRESENT;
	return any;
}

static int walk_table(struct walk *w, uint64_t table, unsigned level,
		      uint64_t base, unsigned flags, unsigned first);

static int walk_entry(struct walk *w, uint64_t entry, unsigned level,
		      uint64_t va, unsigned flags)
{
	uint64_t len = 1ull << (12 + 9 * (level - 1));

	if (!(entry & PRESENT) || (entry & NX))
		return 0;
	if (!(entry & WRITE))
		flags &= ~VHSM_MAP_WRITE;
	if (!(entry & USER))
		flags &= ~VHSM_MAP_USER;
	if (level == 1 || (level < 4 && (entry & LARGE)))
		return add_run(w, va, len, entry, flags);
	return walk_table(w, entry & FRAME, level - 1, va, flags, 0);
}

/* first: entry to begin at. */
static int walk_table(struct walk *w, uint64_t table, unsigned level,
		      uint64_t base, unsigned flags, unsigned first)
{
	uint64_t entry[ENTRIES], len = 1ull << (12 + 9 * (level - 1));
	size_t runs = w->map->count;
	uint64_t end = w->end;
	int rc = 0;

	if (seen_has(&w->dead, seen_key(table, level)))
		return 0;
	if (w->map->tables++ == w->budget)
		return -E2BIG;
	/* A copy: the entries are looked at twice. */
	if (vhsm_guest_memory_read(w->kernel->memory, table, entry,
				   sizeof(entry)))
		return first ? -EFAULT : 0;
	if (live(entry)) {
		for (unsigned i = first; i < ENTRIES && rc == 0; i++)
			rc = walk_entry(w, entry[i], level, base + i * len,
					flags);
	}
	if (rc == 0 && runs == w->map->count && end == w->end)
		rc = seen_add(&w->dead, seen_key(table, level));
	return rc;
}

int vhsm_kernel_map_read(const struct vhsm_kernel *k,
			 struct vhsm_kernel_map *map, char *why)
{
	unsigned level = k->space.five_levels ? 5 : 4;
	/* Bit 63 down to the top level's own sign. */
	uint64_t base = ~0ull << (12 + 9 * level);
	struct walk w = {
		.kernel = k, .map = map,
		/* Memory mapped thrice in single pages, and some. */
		.budget = 8192 + vhsm_guest_memory_frames(k->memory) / 512 * 3,
	};
	int rc;

	memset(map, 0, sizeof(*map));
	rc = walk_table(&w, k->space.root & FRAME, level, base,
			VHSM_MAP_EXEC | VHSM_MAP_WRITE | VHSM_MAP_USER,
			ENTRIES / 2);
	free(w.dead.key);
	if (rc == -E2BIG)
		snprintf(why, VHSM_CHECK_WHY_LEN,
			 "page tables: over %u executable runs, or over %llu tables",
			 VHSM_KERNEL_MAP_RUNS_MAX,
			 (unsigned long long)w.budget);
	else if (rc < 0)
		snprintf(why, VHSM_CHECK_WHY_LEN, "page tables: %s",
			 strerror(-rc));
	if (rc < 0)
		vhsm_kernel_map_deinit(map);
	return rc;
}

void vhsm_kernel_map_deinit(struct vhsm_kernel_map *map)
{
	free(map->run);
	memset(map, 0, sizeof(*map));
}
