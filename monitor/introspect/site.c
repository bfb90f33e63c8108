/* SPDX-License-Identifier: Apache-2.0 */
/* Patch sites of a reference; the file was checked when it was opened. */
#include "site.h"

#include <string.h>

#include "reference-file.h"

const struct vhsm_site *vhsm_reference_sites(const struct vhsm_reference *r,
					     size_t *count)
{
	*count = r->header->sites.count;
	return r->site;
}

const struct vhsm_site *vhsm_reference_site_at(const struct vhsm_reference *r,
					       uint64_t va)
{
	size_t low = 0, high = r->header->sites.count;

	/* The first site that begins after va. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (r->site[middle].va <= va)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || va - r->site[low - 1].va >= r->site[low - 1].len)
		return NULL;
	return &r->site[low - 1];
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
