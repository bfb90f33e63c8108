/* SPDX-License-Identifier: Apache-2.0 */
#include "checks/pointer.h"

#include <stdio.h>
#include <string.h>

#include "checks/module-list.h"

uint64_t vhsm_finding_physical(const struct vhsm_kernel *k, uint64_t va)
{
	struct vhsm_mapping at;

	if (vhsm_address_space_translate(&k->space, va, &at))
		return 0;
	return at.physical + (va - at.start);
}

/* The code stands at its own address, the bytes of evidence are the pointer's:
 * so the code is read and disassembled by itself. */
static void add_code(const struct vhsm_kernel *k, struct vhsm_finding *f,
		     uint64_t target)
{
	struct vhsm_finding code = { .address = target,
				     .after_len = sizeof(code.after) };

	if (vhsm_kernel_read(k, target, code.after, code.after_len))
		return;
	vhsm_finding_disassemble(&code);
	memcpy(f->after_code, code.after_code, sizeof(f->after_code));
}

void vhsm_pointer_finding(const struct vhsm_kernel *k, struct vhsm_finding *f,
			  const char *what, uint64_t expected, uint64_t found)
{
	char to[128];

	if (f->address)
		f->physical = vhsm_finding_physical(k, f->address);
	vhsm_kernel_describe(k, expected, f->symbol, sizeof(f->symbol));
	vhsm_module_describe(k, found, to, sizeof(to));
	memcpy(f->before, &expected, sizeof(expected));
	memcpy(f->after, &found, sizeof(found));
	f->before_len = f->after_len = sizeof(found);
	add_code(k, f, found);
	snprintf(f->detail, sizeof(f->detail), "%s leads to %#llx (%s), not to %s",
		 what, (unsigned long long)found,
		 to[0] ? to : "outside kernel and modules",
		 f->symbol[0] ? f->symbol : "where the image says");
}
