/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module-unapproved.c - every module in the list is one of the baseline's, and
 * its text is what its file says (module-text.h).
 *
 * A module that is not the baseline's is reported whatever its state.  The text
 * of one that is being loaded or removed is not what it will be or was, so it
 * is looked at when the module is live; but not to be in between for ever is
 * part of the bargain: after VHSM_GRACE_MS it is looked at anyway.
 *
 * Making a text and comparing it costs a hundred times what reading it does.
 * So pages that were found right are known again by their fingerprints, for as
 * long as the same modules lie at the same addresses.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checks/check.h"
#include "checks/checks.h"
#include "checks/grace.h"
#include "checks/module-text.h"
#include "checks/pointer.h"

#define PAGE		4096ull
#define REPORTS_MAX	64u
#define TABLES_MAX	64u		/* read to see what is executable */

/* The text of a module as it was found right. */
struct known {
	uint64_t *hash;			/* of each page; NULL: it was not yet */
	uint64_t explained;
};

struct state {
	struct vhsm_modules *modules;	/* NULL: none is approved */
	size_t count;			/* of them */
	const struct vhsm_page_key *page_key;	/* NULL: none is known again */
	struct vhsm_grace grace;	/* of those in between */
	/* by number in the file: */
	uint64_t *base;			/* 0: not loaded */
	uint64_t *last_base;		/* at the last run */
	struct known *known;
};

struct run {
	struct state *state;
	struct vhsm_sweep *sweep;
	struct vhsm_module_where where;
	unsigned reports;
};

static int find(const struct state *s, const char *name)
{
	return s->modules ? vhsm_modules_find(s->modules, name) : -ENOENT;
}

static void report(struct run *r, const struct vhsm_module *m,
		   struct vhsm_finding *f)
{
	if (r->reports++ >= REPORTS_MAX) {
		r->sweep->cut = true;
		return;
	}
	f->check = VHSM_CHECK_MODULE_UNAPPROVED;
	snprintf(f->object, sizeof(f->object), "module %s", m->name);
	f->physical = vhsm_finding_physical(r->sweep->kernel, f->address);
	r->sweep->report(r->sweep, f);
}

static void report_unknown(struct run *r, const struct vhsm_module *m)
{
	struct vhsm_finding f = { .address = m->base, .confidence = 100,
				  .after_len = sizeof(f.after) };

	if (!m->text_size ||
	    vhsm_kernel_read(r->sweep->kernel, m->base, f.after, f.after_len))
		f.after_len = 0;
	else
		vhsm_finding_disassemble(&f);
	snprintf(f.detail, sizeof(f.detail),
		 "module %s at %#" PRIx64 " (%u bytes, %u of text) is not in the baseline",
		 m->name, m->base, m->size, m->text_size);
	report(r, m, &f);
}

static void report_shape(struct run *r, const struct vhsm_module *m,
			 const struct vhsm_module_text *text)
{
	struct vhsm_finding f = { .address = m->base, .confidence = 100 };

	snprintf(f.detail, sizeof(f.detail),
		 "module %s claims %u bytes of text of %u in all at %#" PRIx64
		 "; its file makes %u of at least %u", m->name, m->text_size,
		 m->size, m->base, text->len, text->size);
	report(r, m, &f);
}

static void report_changed(struct run *r, const struct vhsm_module *m,
			   const uint8_t *expected, const uint8_t *is,
			   uint32_t len, const struct vhsm_module_difference *d)
{
	struct vhsm_finding f = { .address = m->base + d->at,
				  .confidence = 100 };

	f.before_len = len - d->at < sizeof(f.before) ? len - d->at :
		(uint32_t)sizeof(f.before);
	f.after_len = f.before_len;
	memcpy(f.before, expected + d->at, f.before_len);
	memcpy(f.after, is + d->at, f.after_len);
	snprintf(f.symbol, sizeof(f.symbol), "%s+%#x", m->name, d->at);
	vhsm_finding_disassemble(&f);
	snprintf(f.detail, sizeof(f.detail),
		 "%u bytes of the text of module %s at %#" PRIx64
		 " are not what its approved file makes there", d->len, m->name,
		 f.address);
	report(r, m, &f);
}

static void report_tail(struct run *r, const struct vhsm_module *m,
			const struct vhsm_module_text *text)
{
	struct vhsm_finding f = { .address = m->base + text->len,
				  .confidence = 100 };

	snprintf(f.detail, sizeof(f.detail),
		 "something is behind the text of module %s, in its last page",
		 m->name);
	report(r, m, &f);
}

/* What is behind the text in its last page is executable, too. */
static bool tail_is_zero(const uint8_t *text, size_t len, size_t all)
{
	while (len < all)
		if (text[len++])
			return false;
	return true;
}

/* Whether the pages are those that were found right. */
static bool is_known(const struct state *s, const struct known *k,
		     const uint8_t *is, size_t pages)
{
	if (!k->hash)
		return false;
	for (size_t i = 0; i < pages; i++)
		if (vhsm_page_hash(s->page_key, is + i * PAGE) != k->hash[i])
			return false;
	return true;
}

/* Without memory it is just not known again. */
static void remember(const struct state *s, struct known *k, const uint8_t *is,
		     size_t pages, uint64_t explained)
{
	if (!s->page_key)
		return;
	if (!k->hash)
		k->hash = calloc(pages, sizeof(*k->hash));
	for (size_t i = 0; k->hash && i < pages; i++)
		k->hash[i] = vhsm_page_hash(s->page_key, is + i * PAGE);
	k->explained = explained;
}

static void forget_all(struct state *s)
{
	for (size_t i = 0; i < s->count; i++) {
		free(s->known[i].hash);
		s->known[i].hash = NULL;
	}
}

/* Compares a copy of the text, all bytes of whole pages: 0 or -ENOMEM. */
static int compare(struct run *r, const struct vhsm_module *m, size_t number,
		   const struct vhsm_module_text *text, const uint8_t *is,
		   size_t all)
{
	struct known *k = &r->state->known[number];
	struct vhsm_module_difference d;
	uint64_t explained = 0;
	uint8_t *expected;

	if (is_known(r->state, k, is, all / PAGE)) {
		r->sweep->explained += k->explained;
		return 0;
	}
	expected = vhsm_module_expected(&r->where, number);
	if (!expected)
		return -ENOMEM;
	if (vhsm_module_compare(&r->where, number, expected, is, &explained,
				&d))
		report_changed(r, m, expected, is, text->len, &d);
	else if (!tail_is_zero(is, text->len, all))
		report_tail(r, m, text);
	else
		remember(r->state, k, is, all / PAGE, explained);
	r->sweep->explained += explained;
	free(expected);
	return 0;
}

static int check_text(struct run *r, const struct vhsm_module *m, size_t number,
		      char *why)
{
	struct vhsm_module_text text;
	uint8_t *is;
	uint64_t all;
	int rc;

	if (vhsm_modules_text(r->state->modules, number, &text))
		return -EINVAL;
	all = (text.len + PAGE - 1) & ~(PAGE - 1);
	if (m->text_size != all || m->size < text.size || m->base % PAGE) {
		report_shape(r, m, &text);
		return 0;
	}
	is = malloc(all + 1);
	rc = is ? vhsm_kernel_read(r->sweep->kernel, m->base, is, all) :
		-ENOMEM;
	if (rc == 0)
		rc = compare(r, m, number, &text, is, all);
	if (rc)
		snprintf(why, VHSM_CHECK_WHY_LEN, "text of module %s: %s",
			 m->name, strerror(-rc));
	free(is);
	return rc;
}

static int note_executable(const struct vhsm_mapping *mapping, void *arg)
{
	(void)arg;
	return mapping->flags & VHSM_MAP_EXEC ? 1 : 0;
}

/* Any of the text, or more than can be looked at. */
static bool is_executable(const struct run *r, const struct vhsm_module *m)
{
	const uint64_t last = m->base + m->text_size - 1;

	return m->text_size && (last < m->base ||
		vhsm_address_space_walk(&r->sweep->kernel->space, m->base,
					last, TABLES_MAX, note_executable,
					NULL));
}

/*
 * Whether what the module has for text is to be what its file makes: not while
 * it comes or goes, for the time that may take; and not before it can be
 * executed, which is when the kernel has finished it (complete_formation), for
 * a guest that is busy may take as long as it likes until then.
 */
static bool is_whole(struct run *r, const struct vhsm_module *m)
{
	if (m->state == VHSM_MODULE_LIVE)
		return true;
	return vhsm_grace_over(&r->state->grace, r->sweep->kernel, m->va) &&
		(m->state != VHSM_MODULE_UNFORMED || is_executable(r, m));
}

static int check_module(struct run *r, const struct vhsm_module *m, char *why)
{
	int number = find(r->state, m->name);

	r->sweep->objects++;
	if (number < 0) {
		report_unknown(r, m);
		return 0;
	}
	if (!is_whole(r, m))
		return 0;
	/* Two of a name: the second is an impostor, or the first was. */
	if (r->state->base[number] != m->base) {
		report_unknown(r, m);
		return 0;
	}
	return check_text(r, m, (size_t)number, why);
}

static int check_list(struct run *r, const struct vhsm_module_list *list,
		      char *why)
{
	struct state *s = r->state;
	size_t len = s->count * sizeof(*s->base);
	int rc = 0;

	memset(s->base, 0, len);
	for (size_t i = 0; i < list->count; i++) {
		int n = find(s, list->module[i].name);

		if (n >= 0 && !s->base[n])
			s->base[n] = list->module[i].base;
	}
	/* Text refers to other modules by their addresses. */
	if (memcmp(s->base, s->last_base, len)) {
		forget_all(s);
		memcpy(s->last_base, s->base, len);
	}
	for (size_t i = 0; i < list->count; i++) {
		int e = check_module(r, &list->module[i], why);

		if (rc == 0)
			rc = e;
	}
	vhsm_grace_end(&s->grace);
	return rc;
}

static int run(void *state, struct vhsm_sweep *sweep, char *why)
{
	struct state *s = state;
	struct vhsm_module_list list = { 0 };
	struct vhsm_owners owners = { 0 };
	struct run r = {
		.state = s, .sweep = sweep,
		.where = { .kernel = sweep->kernel, .modules = s->modules,
			   .base = s->base, .owners = &owners },
	};
	int rc = vhsm_module_list_read(sweep->kernel, &list, why);

	if (rc == 0)
		rc = vhsm_owners_read(sweep->kernel, &list, &owners, why);
	if (rc == 0)
		rc = check_list(&r, &list, why);
	vhsm_owners_deinit(&owners);
	vhsm_module_list_deinit(&list);
	return rc;
}

static void close_check(void *state)
{
	struct state *s = state;

	if (!s)
		return;
	if (s->known)
		forget_all(s);
	vhsm_modules_close(&s->modules);
	free(s->base);
	free(s->last_base);
	free(s->known);
	free(s);
}

/* A baseline that was made without modules has no file of them: then a module
 * in the guest is one too many. */
static int open_modules(struct state *s, const struct vhsm_check_setup *setup,
			char *why)
{
	char path[4096];

	if ((size_t)snprintf(path, sizeof(path), "%s/modules",
			     setup->baseline_dir) >= sizeof(path)) {
		snprintf(why, VHSM_CHECK_WHY_LEN, "the baseline's path is too long");
		return -ENAMETOOLONG;
	}
	if (access(path, F_OK) && errno == ENOENT)
		return 0;
	s->modules = vhsm_modules_open(path, why);
	if (!s->modules)
		return -EINVAL;
	if (strcmp(vhsm_modules_release(s->modules),
		   vhsm_reference_release(setup->reference))) {
		snprintf(why, VHSM_CHECK_WHY_LEN,
			 "the baseline's modules are of another kernel (%.60s)",
			 vhsm_modules_release(s->modules));
		return -EINVAL;
	}
	s->count = vhsm_modules_count(s->modules);
	return 0;
}

static int make_room(struct state *s, char *why)
{
	s->base = calloc(s->count + 1, sizeof(*s->base));
	s->last_base = calloc(s->count + 1, sizeof(*s->last_base));
	s->known = calloc(s->count + 1, sizeof(*s->known));
	if (s->base && s->last_base && s->known)
		return 0;
	snprintf(why, VHSM_CHECK_WHY_LEN, "no memory");
	return -ENOMEM;
}

static int open_check(const struct vhsm_check_setup *setup, void **state,
		      char *why)
{
	struct state *s;
	int rc;

	if (!setup->reference || !setup->baseline_dir) {
		snprintf(why, VHSM_CHECK_WHY_LEN,
			 "the baseline has no reference or no modules");
		return -ENOENT;
	}
	s = calloc(1, sizeof(*s));
	if (!s) {
		snprintf(why, VHSM_CHECK_WHY_LEN, "no memory");
		return -ENOMEM;
	}
	s->page_key = setup->page_key;
	rc = open_modules(s, setup, why);
	if (rc == 0)
		rc = make_room(s, why);
	if (rc) {
		close_check(s);
		return rc;
	}
	*state = s;
	return 0;
}

const struct vhsm_check vhsm_check_module_unapproved = {
	.number = VHSM_CHECK_MODULE_UNAPPROVED,
	.open = open_check, .run = run, .close = close_check,
};
