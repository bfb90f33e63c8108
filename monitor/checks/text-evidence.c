/* SPDX-License-Identifier: Apache-2.0 */
/* What a difference between guest and image looks like to a person. */
#include <stdio.h>
#include <string.h>

#include "checks/code.h"
#include "checks/text-view.h"

#define CONTEXT 16u			/* bytes of code shown at least */

static uint32_t evidence_len(uint64_t start, const struct vhsm_difference *d,
			     bool code)
{
	uint64_t len = d->va + d->len - start;

	if (code && len < CONTEXT)
		len = CONTEXT;
	return len < VHSM_EVIDENCE_MAX ? (uint32_t)len : VHSM_EVIDENCE_MAX;
}

void vhsm_text_evidence(const struct vhsm_kernel *k,
			const struct vhsm_difference *d, bool code,
			struct vhsm_finding *f)
{
	uint64_t start = code ? vhsm_code_boundary(k, d->va) : d->va;
	uint32_t len = evidence_len(start, d, code);
	struct vhsm_mapping at;
	char name[64];

	f->address = start;
	if (!vhsm_address_space_translate(&k->space, start, &at))
		f->physical = at.physical + (start - at.start);
	vhsm_kernel_describe(k, d->va, f->symbol, sizeof(f->symbol));
	vhsm_kernel_describe(k, d->va, name, sizeof(name));
	snprintf(f->object, sizeof(f->object), "%s, %llu byte%s", name,
		 (unsigned long long)d->len, d->len == 1 ? "" : "s");
	/* At the end of a segment there is less to show. */
	while (len && vhsm_reference_expected(k->reference, start - k->slide,
					      k->slide, f->before, len))
		len--;
	f->before_len = len;
	if (!vhsm_kernel_read(k, start, f->after, len))
		f->after_len = len;
	if (code)
		vhsm_finding_disassemble(f);
}
