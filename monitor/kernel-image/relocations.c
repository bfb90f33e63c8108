/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relocations.c - the list of relocations behind the ELF file, which the
 * kernel's own loader applies (handle_relocations in
 * arch/x86/boot/compressed/misc.c; arch/x86/tools/relocs.c writes it).
 *
 * Signed 32-bit words, sign-extended to link addresses:
 *
 *   0, 64-bit relocations, 0, inverse 32-bit ones, 0, 32-bit ones
 *
 * read from the end backwards.  Inverse ones are references from the kernel to
 * per-CPU symbols, which do not move when the kernel does.  One inside the
 * per-CPU section is given by the place where that section is loaded from
 * (__per_cpu_load), not by its address in it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-image/image-internal.h"

static int64_t word_before(const struct vhsm_image *image, size_t end)
{
	int32_t word;

	memcpy(&word, image->bytes + end - sizeof(word), sizeof(word));
	return word;
}

static int compare(const void *a, const void *b)
{
	const struct vhsm_relocation *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

/* Reads one list backwards from *end to the zero before it, which is taken. */
static int read_list(struct vhsm_image *image, size_t *end,
		     enum vhsm_relocation_kind kind, char *why)
{
	while (*end >= image->elf_len + sizeof(int32_t)) {
		int64_t at = word_before(image, *end);

		*end -= sizeof(int32_t);
		if (at == 0)
			return 0;
		image->relocation[image->relocation_count++] =
			(struct vhsm_relocation){ .at = (uint64_t)at,
						  .kind = kind };
	}
	return image_fail(why, -EBADMSG,
			  "the relocations behind the kernel are damaged: a list has no beginning");
}

int image_read_relocations(struct vhsm_image *image, char *why)
{
	size_t end = image->len;
	size_t room = (image->len - image->elf_len) / sizeof(int32_t);
	int r;

	/* A kernel that is not relocatable has none. */
	if (room == 0)
		return 0;
	image->relocation = calloc(room, sizeof(*image->relocation));
	if (!image->relocation)
		return image_fail(why, -ENOMEM, "no memory");
	r = read_list(image, &end, VHSM_RELOCATION_32, why);
	if (!r)
		r = read_list(image, &end, VHSM_RELOCATION_32_NEG, why);
	if (!r)
		r = read_list(image, &end, VHSM_RELOCATION_64, why);
	if (r)
		return r;
	if (end - image->elf_len >= 2 * sizeof(int32_t))
		return image_fail(why, -EBADMSG,
				  "the relocations behind the kernel are damaged: %zu bytes before them are not theirs",
				  end - image->elf_len);
	qsort(image->relocation, image->relocation_count,
	      sizeof(*image->relocation), compare);
	return 0;
}

const struct vhsm_relocation *
vhsm_image_relocations(const struct vhsm_image *image, size_t *count)
{
	*count = image->relocation_count;
	return image->relocation;
}

enum vhsm_relocation_kind
vhsm_image_relocation_at(const struct vhsm_image *image, uint64_t va)
{
	const struct vhsm_relocation key = { .at = va }, *found;

	if (!image->relocation_count)
		return 0;
	found = bsearch(&key, image->relocation, image->relocation_count,
			sizeof(key), compare);
	return found ? (enum vhsm_relocation_kind)found->kind : 0;
}
