/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yara.c - YARA rules over the guest's memory (ATT&CK T1587.001), from the
 * baseline's rules.yar.
 *
 * Physical memory is read in windows of neighbouring frames, with a little of
 * the frames before and behind, so that what lies across a border is found as
 * long as its pages are neighbours.  A window is copied first: YARA never reads
 * what changes.  Pages of zeros and, after the first scan, pages that were not
 * written are left out.
 *
 * Options: {"scope": "all" | "processes" | "kernel"}; kernel is what no process
 * maps, as the guest's page tables say when a scan begins.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "checks/checks.h"
#include "checks/frame-owner.h"
#include "checks/tasks.h"
#include "checks/yara-rules.h"
#include "common/clock.h"

#define WINDOW_FRAMES	16u
#define MARGIN		512u		/* of a neighbour, on either side */
#define BUFFER_LEN	(WINDOW_FRAMES * VHSM_GUEST_PAGE_SIZE + 2 * MARGIN)

enum scope { SCOPE_ALL, SCOPE_PROCESSES, SCOPE_KERNEL };


struct yara {
	struct vhsm_yara *rules;
	enum scope scope;
	uint64_t next;			/* frame the next slice begins with */
	uint8_t *user;			/* bit per frame a process maps */
	uint64_t user_frames;
	/* the window */
	uint8_t buffer[BUFFER_LEN];
	uint64_t address;		/* of its first byte */
	size_t len;
	struct vhsm_sweep *sweep;
};

/* --- opening --- */

static int read_options(struct yara *y, const json_t *options, char *why)
{
	const char *key, *scope = "all";
	json_t *value;

	json_object_foreach((json_t *)options, key, value) {
		if (strcmp(key, "scope") || !json_is_string(value)) {
			snprintf(why, VHSM_CHECK_WHY_LEN, "option \"%.40s\" is"
				 " not known, or not a text (there is"
				 " \"scope\")", key);
			return -EINVAL;
		}
		scope = json_string_value(value);
	}
	if (!strcmp(scope, "all"))
		y->scope = SCOPE_ALL;
	else if (!strcmp(scope, "processes"))
		y->scope = SCOPE_PROCESSES;
	else if (!strcmp(scope, "kernel"))
		y->scope = SCOPE_KERNEL;
	else {
		snprintf(why, VHSM_CHECK_WHY_LEN, "scope \"%.40s\" is not one"
			 " of all, processes, kernel", scope);
		return -EINVAL;
	}
	return 0;
}

static void yara_close(void *state)
{
	struct yara *y = state;

	if (!y)
		return;
	vhsm_yara_close(&y->rules);
	free(y->user);
	free(y);
}

static int yara_open(const struct vhsm_check_setup *setup, void **state,
		     char *why)
{
	char reason[VHSM_YARA_WHY_LEN] = "", path[4096];
	struct yara *y;
	int r;

	*state = NULL;
	if (!setup->baseline_dir)
		return -ENOENT;
	y = calloc(1, sizeof(*y));
	if (!y) {
		snprintf(why, VHSM_CHECK_WHY_LEN, "not enough memory");
		return -ENOMEM;
	}
	r = read_options(y, setup->options, why);
	if (!r) {
		snprintf(path, sizeof(path), "%s/rules.yar",
			 setup->baseline_dir);
		r = vhsm_yara_open(&y->rules, path, reason);
		if (r)
			snprintf(why, VHSM_CHECK_WHY_LEN, "%s", reason);
	}
	if (r) {
		yara_close(y);
		return r;
	}
	*state = y;
	return 0;
}

/* --- which frames --- */

/* Marks what processes map, when that matters. */
static int begin_scan(struct yara *y, uint64_t frames, char *why)
{
	int r;

	if (y->scope == SCOPE_ALL)
		return 0;
	if (y->user_frames != frames) {
		free(y->user);
		y->user = calloc(1, frames / 8 + 1);
		y->user_frames = y->user ? frames : 0;
	} else {
		memset(y->user, 0, frames / 8 + 1);
	}
	if (!y->user)
		return -ENOMEM;
	r = vhsm_user_frames(y->sweep->kernel, y->user, frames, why);
	return r == -E2BIG ? 0 : r;
}

static bool bit(const uint8_t *map, uint64_t i)
{
	return map[i / 8] >> (i % 8) & 1;
}

static bool wanted(const struct yara *y, uint64_t gfn)
{
	if (y->sweep->dirty && !bit(y->sweep->dirty, gfn))
		return false;
	if (y->scope == SCOPE_ALL)
		return true;
	return bit(y->user, gfn) == (y->scope == SCOPE_PROCESSES);
}

static bool is_zero(const uint8_t *page)
{
	return page[0] == 0 &&
		!memcmp(page, page + 1, VHSM_GUEST_PAGE_SIZE - 1);
}

/* --- a window --- */

/*
 * Copies frames from gfn on, as long as they are wanted and there, and some of
 * their neighbours.  The number of frames that the window deals with, at least
 * one; y->len is 0 when there is nothing to scan in them.
 */
static uint64_t take_window(struct yara *y, uint64_t gfn, uint64_t frames)
{
	struct vhsm_guest_memory *memory = y->sweep->kernel->memory;
	const uint8_t *page;
	uint64_t n = 0;

	y->len = 0;
	y->address = gfn * VHSM_GUEST_PAGE_SIZE;
	if (gfn && vhsm_guest_memory_next(memory, gfn - 1) == gfn - 1 &&
	    !vhsm_guest_memory_read(memory, y->address - MARGIN, y->buffer,
				    MARGIN)) {
		y->len = MARGIN;
		y->address -= MARGIN;
	}
	for (; n < WINDOW_FRAMES && gfn + n < frames; n++) {
		if (!wanted(y, gfn + n) ||
		    vhsm_guest_memory_next(memory, gfn + n) != gfn + n)
			break;
		page = vhsm_guest_memory_page(memory, gfn + n);
		if (!page || is_zero(page))
			break;
		memcpy(y->buffer + y->len, page, VHSM_GUEST_PAGE_SIZE);
		y->len += VHSM_GUEST_PAGE_SIZE;
	}
	if (!n) {
		y->len = 0;
		return 1;
	}
	y->sweep->objects += n;
	if (gfn + n < frames &&
	    vhsm_guest_memory_next(memory, gfn + n) == gfn + n &&
	    !vhsm_guest_memory_read(memory, (gfn + n) * VHSM_GUEST_PAGE_SIZE,
				    y->buffer + y->len, MARGIN))
		y->len += MARGIN;
	return n;
}

/* "process 47 (evil)" */
static void tell_where(struct vhsm_finding *f,
		       const struct vhsm_frame_owner *owner, uint64_t address,
		       char *where, size_t size)
{
	if (!owner->pid) {
		snprintf(where, size, "memory that no process maps");
		return;
	}
	f->pid = owner->pid;
	f->address = owner->va + address % VHSM_GUEST_PAGE_SIZE;
	memcpy(f->comm, owner->comm, sizeof(f->comm));
	snprintf(where, size, "process %u (%s)", owner->pid, owner->comm);
}

static int found_match(const struct vhsm_yara_match *match, void *arg)
{
	struct yara *y = arg;
	struct vhsm_finding f = { .check = VHSM_CHECK_YARA, .confidence = 80 };
	struct vhsm_frame_owner owner;
	uint64_t address = y->address + match->offset;
	size_t len = match->len < VHSM_EVIDENCE_MAX ? match->len :
						      VHSM_EVIDENCE_MAX;
	char where[48];

	if (match->offset > y->len || len > y->len - match->offset)
		return 0;
	/* Is it still there? */
	if (vhsm_guest_memory_read(y->sweep->kernel->memory, address, f.after,
				   len) ||
	    memcmp(f.after, y->buffer + match->offset, len))
		return 0;
	f.after_len = (uint32_t)len;
	f.physical = address;
	vhsm_frame_owner(y->sweep->kernel, address / VHSM_GUEST_PAGE_SIZE,
			 &owner);
	tell_where(&f, &owner, address, where, sizeof(where));
	if (owner.pid)
		snprintf(f.object, sizeof(f.object), "rule %.60s in pid %u",
			 match->rule, owner.pid);
	else
		snprintf(f.object, sizeof(f.object), "rule %.80s", match->rule);
	snprintf(f.detail, sizeof(f.detail), "YARA rule %.60s matches (%.40s,"
		 " %zu bytes) in %s%s%.100s", match->rule,
		 match->string[0] ? match->string : "no string", match->len,
		 where, match->description[0] ? ": " : ".",
		 match->description);
	y->sweep->report(y->sweep, &f);
	return 0;
}

static int yara_run(void *state, struct vhsm_sweep *sweep, char *why)
{
	uint64_t frames = vhsm_guest_memory_frames(sweep->kernel->memory);
	struct yara *y = state;
	unsigned turns = 0;
	uint64_t there;
	int r = 0;

	y->sweep = sweep;
	if (!y->next)
		r = begin_scan(y, frames, why);
	else if (y->scope != SCOPE_ALL && y->user_frames != frames)
		r = -ESTALE;
	while (!r && y->next < frames) {
		if (!wanted(y, y->next)) {
			y->next++;
			continue;
		}
		there = vhsm_guest_memory_next(sweep->kernel->memory, y->next);
		y->len = 0;
		if (there != y->next)
			y->next = there;	/* it may not be wanted */
		else
			y->next += take_window(y, y->next, frames);
		if (y->len)
			r = vhsm_yara_scan(y->rules, y->buffer, y->len,
					   found_match, y);
		if ((y->len || there == y->next || ++turns % 64 == 0) &&
		    vhsm_now_ns() >= sweep->deadline_ns)
			break;
	}
	if (!r && y->next < frames)
		return VHSM_CHECK_MORE;
	y->next = 0;
	if (r && !why[0])
		snprintf(why, VHSM_CHECK_WHY_LEN, "YARA cannot scan: %s",
			 strerror(-r));
	return r;
}

const struct vhsm_check vhsm_check_yara = {
	.number = VHSM_CHECK_YARA,
	.open = yara_open,
	.run = yara_run,
	.close = yara_close,
};
