/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret-leak.c - a key of custody stands in the guest's memory (ATT&CK
 * T1552.004): proven by its fingerprint, without the monitor having the key.
 *
 * Every frame is searched in the first scan for a set of fingerprints, later
 * those that were written.  What is found is read and judged again before it is
 * reported.  A report never has bytes of it.
 */
#include <endian.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "checks/checks.h"
#include "checks/frame-owner.h"
#include "common/clock.h"
#include "introspect/search.h"

#define SEAM		(VHSM_WINDOW_LEN - 1)
#define HITS_MAX	64u		/* of one slice */
#define BETWEEN_LOOKS	64u		/* frames between looks at the clock */

struct secret_leak {
	struct vhsm_fingerprints *set;
	bool told;			/* what the set is to be */
	bool whole;			/* memory was searched for it */
	struct vhsm_search *search;
	struct vhsm_confirmer *confirmer;
	struct vhsm_filter_key key;
	uint64_t next;			/* frame the next slice begins with */
	unsigned hits;			/* of this slice */
	struct {
		size_t entry;
		uint64_t address;
	} hit[HITS_MAX];
};

static void secret_leak_close(void *state)
{
	struct secret_leak *s = state;

	if (!s)
		return;
	vhsm_search_free(&s->search);
	vhsm_confirmer_free(&s->confirmer);
	vhsm_fingerprints_free(&s->set);
	free(s);
}

static int note_hit(size_t entry, uint64_t address, void *arg)
{
	struct secret_leak *s = arg;

	if (s->hits < HITS_MAX) {
		s->hit[s->hits].entry = entry;
		s->hit[s->hits].address = address;
		s->hits++;
	}
	return 0;
}

/* Searches for this set from now on, which is taken: 0 or -ENOMEM. */
static int take(struct secret_leak *s, struct vhsm_fingerprints *set)
{
	struct vhsm_search *search = vhsm_search_new(set, note_hit, s);
	struct vhsm_confirmer *confirmer = vhsm_confirmer_new(set);

	if (!search || !confirmer) {
		vhsm_search_free(&search);
		vhsm_confirmer_free(&confirmer);
		vhsm_fingerprints_free(&set);
		return -ENOMEM;
	}
	vhsm_search_free(&s->search);
	vhsm_confirmer_free(&s->confirmer);
	vhsm_fingerprints_free(&s->set);
	s->search = search;
	s->confirmer = confirmer;
	s->set = set;
	vhsm_fingerprints_filter_key(set, &s->key);
	s->whole = false;
	s->next = 0;
	return 0;
}

static int secret_leak_fingerprints(void *state, struct vhsm_fingerprints *set,
				    char *why)
{
	struct secret_leak *s = state;
	int r = take(s, set);

	s->told = !r;
	if (r)
		snprintf(why, VHSM_CHECK_WHY_LEN, "not enough memory for the "
			 "fingerprints of keys");
	return r;
}

/* The set it begins with: the baseline's, or one of nothing, until it is told.
 * By that OpenSSL has all it needs before it may open no file any more. */
static int first_set(const struct vhsm_check_setup *setup,
		     struct vhsm_fingerprints **set, char *why)
{
	char path[4096];

	if (setup->fingerprints_told) {
		*set = vhsm_fingerprints_new();
		return *set ? 0 : -ENOMEM;
	}
	if (!setup->baseline_dir)
		return -ENOENT;
	snprintf(path, sizeof(path), "%s/fingerprints.json",
		 setup->baseline_dir);
	return vhsm_fingerprints_read(set, path, why);
}

static int secret_leak_open(const struct vhsm_check_setup *setup, void **state,
			    char *why)
{
	char reason[VHSM_FINGERPRINT_WHY_LEN] = "not enough memory";
	struct vhsm_fingerprints *set = NULL;
	struct secret_leak *s;
	int r;

	*state = NULL;
	s = calloc(1, sizeof(*s));
	r = s ? first_set(setup, &set, reason) : -ENOMEM;
	if (!r)
		r = take(s, set);
	if (r) {
		snprintf(why, VHSM_CHECK_WHY_LEN, "%.*s",
			 (int)VHSM_CHECK_WHY_LEN - 1, reason);
		secret_leak_close(s);
		return r;
	}
	s->told = !setup->fingerprints_told;
	*state = s;
	return 0;
}

static bool wanted(const struct secret_leak *s, const struct vhsm_sweep *sweep,
		   uint64_t gfn, uint64_t frames)
{
	if (gfn >= frames)
		return false;
	return !s->whole || !sweep->dirty ||
		sweep->dirty[gfn / 8] >> (gfn % 8) & 1;
}

/*
 * Searches one frame, and its seams with neighbours that are not searched
 * themselves.  0 or -EIO.
 */
static int search_frame(struct secret_leak *s, struct vhsm_sweep *sweep,
			uint64_t gfn, uint64_t frames)
{
	struct vhsm_guest_memory *memory = sweep->kernel->memory;
	uint64_t at = gfn * VHSM_GUEST_PAGE_SIZE;
	const uint8_t *page;
	uint8_t seam[SEAM];
	int r = 0;

	if (gfn && !wanted(s, sweep, gfn - 1, frames) &&
	    vhsm_guest_memory_next(memory, gfn - 1) == gfn - 1 &&
	    !vhsm_guest_memory_read(memory, at - SEAM, seam, SEAM))
		r = vhsm_search_feed(s->search, at - SEAM, seam, SEAM);
	page = vhsm_guest_memory_page(memory, gfn);
	if (!page)
		return 0;
	sweep->objects++;
	if (!r)
		r = vhsm_search_feed(s->search, at, page, VHSM_GUEST_PAGE_SIZE);
	at += VHSM_GUEST_PAGE_SIZE;
	if (!r && !wanted(s, sweep, gfn + 1, frames) && gfn + 1 < frames &&
	    vhsm_guest_memory_next(memory, gfn + 1) == gfn + 1 &&
	    !vhsm_guest_memory_read(memory, at, seam, SEAM))
		r = vhsm_search_feed(s->search, at, seam, SEAM);
	OPENSSL_cleanse(seam, sizeof(seam));
	return r;
}

/* Whether the window still stands there. */
static bool still_there(struct secret_leak *s, struct vhsm_sweep *sweep,
			size_t entry, uint64_t address)
{
	uint8_t window[VHSM_WINDOW_LEN];
	uint64_t low, high;
	size_t found;
	bool there;

	if (vhsm_guest_memory_read(sweep->kernel->memory, address, window,
				   sizeof(window)))
		return false;
	memcpy(&low, window, sizeof(low));
	memcpy(&high, window + sizeof(low), sizeof(high));
	there = vhsm_confirmer_find(s->confirmer,
				    vhsm_filter_hash(&s->key, le64toh(low),
						     le64toh(high)),
				    window, &found) == 1 && found == entry;
	OPENSSL_cleanse(window, sizeof(window));
	return there;
}

/* "web-tls/1 ec-scalar +16 reversed" is of "web-tls/1 ec-scalar". */
static int name_length(const char *label)
{
	const char *plus = strstr(label, " +");

	return (int)(plus ? (size_t)(plus - label) : strlen(label));
}

static void report(struct secret_leak *s, struct vhsm_sweep *sweep, size_t entry,
		   uint64_t address)
{
	const char *label = vhsm_fingerprints_label(s->set, entry);
	struct vhsm_finding f = {
		.check = VHSM_CHECK_SECRET_LEAK,
		.physical = address,
		.confidence = 100,
	};
	struct vhsm_frame_owner owner;
	char where[48] = "memory that no process maps";

	vhsm_frame_owner(sweep->kernel, address / VHSM_GUEST_PAGE_SIZE, &owner);
	if (owner.pid) {
		f.pid = owner.pid;
		f.address = owner.va + address % VHSM_GUEST_PAGE_SIZE;
		memcpy(f.comm, owner.comm, sizeof(f.comm));
		snprintf(where, sizeof(where), "process %u (%s)", owner.pid,
			 owner.comm);
	}
	if (owner.pid)
		snprintf(f.object, sizeof(f.object), "key %.*s in pid %u",
			 name_length(label) > 64 ? 64 : name_length(label),
			 label, owner.pid);
	else
		snprintf(f.object, sizeof(f.object), "key %.*s",
			 name_length(label) > 80 ? 80 : name_length(label),
			 label);
	snprintf(f.detail, sizeof(f.detail), "Custody's key %s stands in the"
		 " guest's memory, in %s, at guest-physical address 0x%llx.",
		 label, where, (unsigned long long)address);
	sweep->report(sweep, &f);
}

static int secret_leak_run(void *state, struct vhsm_sweep *sweep, char *why)
{
	struct secret_leak *s = state;
	uint64_t frames = vhsm_guest_memory_frames(sweep->kernel->memory);
	unsigned i, searched = 0;
	uint64_t there;
	int r = 0;

	if (!s->told) {
		snprintf(why, VHSM_CHECK_WHY_LEN, "it was not told what the "
			 "guest's keys look like");
		return -ENODATA;
	}
	s->hits = 0;
	/* Of a guest without keys, none could leak. */
	if (!vhsm_fingerprints_count(s->set))
		s->next = frames;
	for (; s->next < frames; s->next++) {
		if (!wanted(s, sweep, s->next, frames))
			continue;
		there = vhsm_guest_memory_next(sweep->kernel->memory, s->next);
		if (searched++ % BETWEEN_LOOKS == BETWEEN_LOOKS - 1 &&
		    vhsm_now_ns() >= sweep->deadline_ns)
			break;
		if (there != s->next) {
			s->next = there - 1;	/* it may not be wanted */
			if (vhsm_now_ns() < sweep->deadline_ns)
				continue;
			s->next++;
			break;
		}
		r = search_frame(s, sweep, s->next, frames);
		if (r) {
			snprintf(why, VHSM_CHECK_WHY_LEN,
				 "OpenSSL cannot make a digest");
			s->next = 0;
			return r;
		}
	}
	for (i = 0; i < s->hits; i++)
		if (still_there(s, sweep, s->hit[i].entry, s->hit[i].address))
			report(s, sweep, s->hit[i].entry, s->hit[i].address);
	if (s->next < frames)
		return VHSM_CHECK_MORE;
	s->next = 0;
	s->whole = true;
	return 0;
}

const struct vhsm_check vhsm_check_secret_leak = {
	.number = VHSM_CHECK_SECRET_LEAK,
	.open = secret_leak_open,
	.run = secret_leak_run,
	.fingerprints = secret_leak_fingerprints,
	.close = secret_leak_close,
};
