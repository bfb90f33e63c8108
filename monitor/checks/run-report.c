/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run-report.c - what checks report: taken over into bounded room, each object
 * once, with texts that are safe to print; and which findings were told.
 */
#include "checks/runner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void vhsm_finding_clean_text(char *text, size_t size)
{
	size_t i;

	for (i = 0; i < size - 1 && text[i]; i++)
		if (text[i] < ' ' || text[i] > '~')
			text[i] = '?';
	memset(text + i, 0, size - i);
}

/* Disassembly has lines. */
static void clean_code(char *text, size_t size)
{
	size_t i;

	for (i = 0; i < size - 1 && text[i]; i++)
		if (text[i] != '\n' && (text[i] < ' ' || text[i] > '~'))
			text[i] = '?';
	memset(text + i, 0, size - i);
}

int reports_init(struct reports *r)
{
	r->finding = calloc(VHSM_RUNNER_REPORTS_MAX, sizeof(*r->finding));
	return r->finding ? 0 : -ENOMEM;
}

void reports_free(struct reports *r)
{
	free(r->finding);
	r->finding = NULL;
}

void reports_begin(struct reports *r, const struct vhsm_check *check)
{
	r->count = 0;
	r->overflow = false;
	r->check = check->number;
}

static bool reports_has(const struct reports *r, const struct vhsm_finding *f)
{
	unsigned i;

	for (i = 0; i < r->count; i++)
		if (!strcmp(r->finding[i].object, f->object))
			return true;
	return false;
}

static void clean(struct vhsm_finding *f)
{
	vhsm_finding_clean_text(f->object, sizeof(f->object));
	vhsm_finding_clean_text(f->symbol, sizeof(f->symbol));
	vhsm_finding_clean_text(f->comm, sizeof(f->comm));
	vhsm_finding_clean_text(f->detail, sizeof(f->detail));
	clean_code(f->before_code, sizeof(f->before_code));
	clean_code(f->after_code, sizeof(f->after_code));
	if (f->before_len > VHSM_EVIDENCE_MAX)
		f->before_len = VHSM_EVIDENCE_MAX;
	if (f->after_len > VHSM_EVIDENCE_MAX)
		f->after_len = VHSM_EVIDENCE_MAX;
	if (f->confidence < 1 || f->confidence > 100)
		f->confidence = f->confidence ? 100 : 1;
}

void reports_take(struct vhsm_sweep *sweep, const struct vhsm_finding *finding)
{
	struct reports *r = sweep->arg;
	struct vhsm_finding f = *finding;

	f.check = r->check;
	clean(&f);
	if (reports_has(r, &f))
		return;
	if (r->count == VHSM_RUNNER_REPORTS_MAX) {
		r->overflow = true;
		return;
	}
	r->finding[r->count++] = f;
}

/* --- seen at an earlier look of this sweep --- */

static uint64_t page_of(const struct vhsm_finding *f)
{
	return f->address / VHSM_GUEST_PAGE_SIZE;
}

static bool seen_before(const struct vhsm_runner *r,
			const struct vhsm_check *check,
			const struct vhsm_finding *f)
{
	const struct seen *seen;
	unsigned i;

	for (i = 0; i < r->seen_count; i++) {
		seen = &r->seen[i];
		if (seen->look == r->look)
			continue;
		if (seen->check == f->check && !strcmp(seen->object, f->object))
			return true;
		if (check->region && f->address &&
		    seen->region == check->region && seen->page == page_of(f))
			return true;
	}
	return false;
}

/* There is room for what every look but the last may bring. */
static void see(struct vhsm_runner *r, const struct vhsm_check *check,
		const struct vhsm_finding *f)
{
	struct seen *seen = &r->seen[r->seen_count];

	if (r->seen_count == RUNNER_SEEN_MAX)
		return;
	r->seen_count++;
	seen->check = f->check;
	seen->look = r->look;
	seen->region = f->address ? check->region : 0;
	seen->page = page_of(f);
	memcpy(seen->object, f->object, sizeof(seen->object));
}

void runner_judge(struct vhsm_runner *r, struct slot *slot)
{
	const struct reports *now = &r->reports;
	const struct vhsm_finding *f;
	const struct known *known;
	unsigned i;

	slot->loose = 0;
	for (i = 0; i < now->count; i++) {
		f = &now->finding[i];
		known = runner_known(r, f);
		/* Told already in this sweep. */
		if (known && known->sweep == r->number)
			continue;
		if (known || seen_before(r, slot->check, f)) {
			r->confirmed++;
			runner_tell(r, slot, f);
		} else {
			slot->loose++;
			see(r, slot->check, f);
		}
	}
}

/* --- told --- */

struct known *runner_known(struct vhsm_runner *r, const struct vhsm_finding *f)
{
	unsigned i;

	for (i = 0; i < KNOWN_MAX; i++)
		if (r->known[i].check == f->check &&
		    !strcmp(r->known[i].object, f->object))
			return &r->known[i];
	return NULL;
}

static struct known *free_known(struct vhsm_runner *r)
{
	unsigned i;

	for (i = 0; i < KNOWN_MAX; i++)
		if (!r->known[i].check)
			return &r->known[i];
	i = r->next_known;
	r->next_known = (i + 1) % KNOWN_MAX;
	return &r->known[i];
}

void runner_tell(struct vhsm_runner *r, struct slot *slot,
		 const struct vhsm_finding *f)
{
	struct known *known = runner_known(r, f);
	unsigned share = VHSM_FINDINGS_MAX / r->slots;
	bool again = known;

	if (again)
		known->sweep = r->number;
	/* Half of it is for what is new; what has no room is new again in the
	 * next sweep. */
	if (slot->told >= (again ? share / 2 : share))
		return;
	slot->told++;
	if (!known) {
		known = free_known(r);
		known->check = f->check;
		memcpy(known->object, f->object, sizeof(known->object));
	}
	known->sweep = r->number;
	if (r->setup.found)
		r->setup.found(r->setup.arg, f, again);
}

void runner_forget(struct vhsm_runner *r, uint64_t sweep)
{
	const struct vhsm_check_info *info;
	unsigned i;

	for (i = 0; i < KNOWN_MAX; i++) {
		if (!r->known[i].check || r->known[i].sweep == sweep)
			continue;
		info = vhsm_check_by_number(r->known[i].check);
		if (!info || info->cadence == VHSM_CADENCE_QUICK)
			r->known[i].check = 0;
	}
}
