/* SPDX-License-Identifier: Apache-2.0 */
/* Patch sites of a reference; the file was checked when it was opened. */
#include "introspect/site.h"

#include <string.h>

#include "introspect/reference-file.h"

#define NEAR	8u			/* sites looked through */

static bool covers(const struct vhsm_site *site, uint64_t va)
{
	return va - site->va < site->len;
}

/* The number of sites that begin at or before va. */
static size_t count_up_to(const struct vhsm_reference *r, uint64_t va)
{
	size_t low = 0, high = r->header->sites.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (r->site[middle].va <= va)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct vhsm_site *vhsm_reference_site_at(const struct vhsm_reference *r,
					       uint64_t va, size_t *near)
{
	size_t count = r->header->sites.count, i = *near, steps = 0;

	for (; steps < NEAR && i < count && r->site[i].va <= va; i++)
		steps++;
	/* Before it, or far from it. */
	if (!steps || steps == NEAR)
		i = count_up_to(r, va);
	*near = i ? i - 1 : 0;
	return i && covers(&r->site[i - 1], va) ? &r->site[i - 1] : NULL;
}

const struct vhsm_site_variant *
vhsm_reference_site_variant(const struct vhsm_reference *r,
			    const struct vhsm_site *site, unsigned i)
{
	return &r->variant[site->first_variant + i];
}

void vhsm_reference_variant(const struct vhsm_reference *r,
			    const struct vhsm_site *site, unsigned i,
			    uint64_t slide, uint8_t *bytes)
{
	const struct vhsm_site_variant *variant =
		vhsm_reference_site_variant(r, site, i);
	uint32_t operand;

	memcpy(bytes, r->variant_bytes + variant->bytes_at, site->len);
	if (variant->slide_at == VHSM_NO_SLIDE)
		return;
	memcpy(&operand, bytes + variant->slide_at, sizeof(operand));
	operand += (uint32_t)slide;
	memcpy(bytes + variant->slide_at, &operand, sizeof(operand));
}
