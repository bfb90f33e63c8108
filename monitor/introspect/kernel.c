/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel.c - reading a kernel that was found.
 */
#include "introspect/kernel.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int vhsm_kernel_set_vcpus(struct vhsm_kernel *k, const struct vhsm_vcpu *vcpu,
			  unsigned vcpu_count)
{
	if (!vcpu_count || vcpu_count > VHSM_VCPUS_MAX)
		return -EINVAL;
	memcpy(k->vcpu, vcpu, vcpu_count * sizeof(*vcpu));
	k->vcpu_count = vcpu_count;
	return 0;
}

int vhsm_kernel_symbol(const struct vhsm_kernel *k, const char *name,
		       uint64_t *va)
{
	int r = vhsm_reference_symbol(k->reference, name, va);

	if (!r)
		*va += k->slide;
	return r;
}

void vhsm_kernel_describe(const struct vhsm_kernel *k, uint64_t va, char *text,
			  size_t size)
{
	const char *name = NULL;
	uint64_t distance;

	if (va >= k->image_start && va < k->image_end)
		name = vhsm_reference_symbol_at(k->reference, va - k->slide,
						&distance);
	if (name)
		snprintf(text, size, "%s+%#" PRIx64, name, distance);
	else if (size)
		*text = '\0';
}

bool vhsm_kernel_in_text(const struct vhsm_kernel *k, uint64_t va)
{
	return va >= k->image_start && va < k->text_end;
}

int vhsm_kernel_read(const struct vhsm_kernel *k, uint64_t va, void *buf,
		     size_t len)
{
	return vhsm_address_space_read(&k->space, va, buf, len);
}

int vhsm_kernel_read_u64(const struct vhsm_kernel *k, uint64_t va,
			 uint64_t *value)
{
	return vhsm_address_space_read(&k->space, va, value, sizeof(*value));
}

int vhsm_kernel_read_u32(const struct vhsm_kernel *k, uint64_t va,
			 uint32_t *value)
{
	return vhsm_address_space_read(&k->space, va, value, sizeof(*value));
}

int vhsm_kernel_read_member(const struct vhsm_kernel *k, uint64_t va,
			    enum vhsm_layout member, uint64_t *value)
{
	struct vhsm_member m = vhsm_reference_layout(k->reference, member);

	*value = 0;
	if (m.offset == VHSM_NO_MEMBER)
		return -ENOENT;
	if (m.size != 1 && m.size != 2 && m.size != 4 && m.size != 8)
		return -EINVAL;
	/* of a little-endian machine, as the guest is */
	return vhsm_address_space_read(&k->space, va + m.offset, value, m.size);
}

int vhsm_kernel_read_text(const struct vhsm_kernel *k, uint64_t va, char *text,
			  size_t size)
{
	size_t len = 0, part, i;
	int r;

	if (!size)
		return 0;
	*text = '\0';
	while (len < size - 1) {
		part = VHSM_GUEST_PAGE_SIZE - va % VHSM_GUEST_PAGE_SIZE;
		if (part > size - 1 - len)
			part = size - 1 - len;
		r = vhsm_address_space_read(&k->space, va, text + len, part);
		if (r) {
			*text = '\0';
			return r;
		}
		for (i = 0; i < part; i++, len++) {
			if (!text[len])
				return 0;
			if (text[len] < 0x20 || text[len] > 0x7e)
				text[len] = '?';
		}
		va += part;
	}
	text[len] = '\0';
	return 0;
}
