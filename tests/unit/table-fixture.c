/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/table-fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checks/gates.h"

#define MEMORY (UINT64_C(160) << 20)

uint64_t table_fixture_symbol(const struct table_fixture *f, const char *name)
{
	uint64_t va;

	ck_assert_msg(!vhsm_kernel_symbol(&f->kernel, name, &va), "%s", name);
	return va;
}

/* What boot does with the tables of gates. */
static void fill_gates(struct table_fixture *f, uint64_t slide)
{
	struct vhsm_gates gates;

	ck_assert_msg(!vhsm_gates_derive(&gates, f->reference, f->why), "%s",
		      f->why);
	for (unsigned v = 0; v < VHSM_VECTORS; v++) {
		const struct vhsm_gate *g = &gates.gate[v];
		uint64_t handler = g->handler + slide;

		guest_fixture_poke_u64(&f->guest, f->guest.vcpu.idt_base +
				       16 * v, (handler & 0xffff) |
				       (uint64_t)g->segment << 16 |
				       (uint64_t)g->bits << 32 |
				       (handler >> 16 & 0xffff) << 48);
		guest_fixture_poke_u64(&f->guest, f->guest.vcpu.idt_base +
				       16 * v + 8, handler >> 32);
	}
}

void table_fixture_init(struct table_fixture *f,
			struct vhsm_reference *reference, uint64_t slide)
{
	uint64_t idt;

	memset(f, 0, sizeof(*f));
	f->reference = reference;
	snprintf(f->dir, sizeof(f->dir), "/tmp/test-baseline.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(f->dir));
	guest_fixture_init(&f->guest, MEMORY, false);
	guest_fixture_load_kernel(&f->guest, reference, slide, 0);
	ck_assert_int_eq(vhsm_reference_symbol(reference, "idt_table", &idt), 0);
	f->guest.vcpu.idt_base = idt + slide;
	f->guest.vcpu.idt_limit = 0xfff;
	ck_assert_int_eq(vhsm_page_key_init(&f->page_key), 0);
	fill_gates(f, slide);
	ck_assert_msg(!vhsm_kernel_find(&f->kernel, f->guest.memory, reference,
					&f->guest.vcpu, 1, f->why), "%s",
		      f->why);
}

void table_fixture_deinit(struct table_fixture *f)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/modules", f->dir);
	unlink(path);
	rmdir(f->dir);
	guest_fixture_deinit(&f->guest);
}

/* The kernel's top table has its own entries; those below it are shared. */
void table_fixture_page(struct table_fixture *f, uint64_t va, unsigned flags)
{
	uint64_t top = f->kernel.space.root, at = 8 * (va >> 39 & 511);

	guest_fixture_map(&f->guest, va, guest_fixture_page(&f->guest),
			  GUEST_PAGE, flags, GUEST_PAGE);
	guest_fixture_write_u64(&f->guest, top + at,
				guest_fixture_read_u64(&f->guest,
						       f->guest.root + at));
}

static void take(struct vhsm_sweep *sweep, const struct vhsm_finding *finding)
{
	struct table_fixture *f = sweep->arg;

	ck_assert_uint_lt(f->count, TABLE_FINDINGS);
	f->found[f->count++] = *finding;
}

void *table_fixture_open(struct table_fixture *f, const struct vhsm_check *check)
{
	struct vhsm_check_setup setup = {
		.reference = f->reference, .baseline_dir = f->dir,
		.page_key = &f->page_key,
	};
	void *state = NULL;

	ck_assert_msg(!check->open(&setup, &state, f->why), "%s", f->why);
	return state;
}

int table_fixture_rerun(struct table_fixture *f, const struct vhsm_check *check,
			void *state)
{
	struct vhsm_sweep sweep = { .kernel = &f->kernel, .report = take,
				    .arg = f };
	int rc;

	f->count = 0;
	f->why[0] = 0;
	rc = check->run(state, &sweep, f->why);
	f->explained = sweep.explained;
	return rc;
}

int table_fixture_run(struct table_fixture *f, const struct vhsm_check *check)
{
	void *state = table_fixture_open(f, check);
	int rc = table_fixture_rerun(f, check, state);

	check->close(state);
	return rc;
}
