/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reference.c - fuzzes the reader of references: a file that opens must answer
 * every question.  What would stop every input at once (length, version, the
 * layout it was made with) is put right first.
 */
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "introspect/reference-file.h"

#define MUST(condition)	do { if (!(condition)) abort(); } while (0)
#define LEN_MAX	65536u

static void ask_segment(const struct vhsm_reference *reference,
			const struct vhsm_reference_segment *s)
{
	size_t len = s->len < 4096 ? (size_t)s->len : 4096;
	uint8_t bytes[4096];
	uint64_t distance;
	int r;

	r = vhsm_reference_expected(reference, s->start, 0x1000000, bytes,
				    len);
	MUST((r == 0) == (s->bytes != NULL));
	r = vhsm_reference_expected(reference, s->start + s->len - len,
				    0x1000000, bytes, len);
	MUST((r == 0) == (s->bytes != NULL));
	if (vhsm_reference_symbol_at(reference, s->start, &distance))
		MUST(distance <= s->start);
	vhsm_reference_is_function(reference, s->start);
}

static void ask_sites(const struct vhsm_reference *reference)
{
	const struct vhsm_site *site;
	uint8_t bytes[256];
	size_t i, count, near = 0, far;
	unsigned v;

	site = reference->site;
	count = reference->header->sites.count;
	for (i = 0; i < count; i++, site++) {
		far = i % 3 ? count - i : 0;
		MUST(vhsm_reference_site_at(reference, site->va, &near) ==
		     site);
		MUST(vhsm_reference_site_at(reference, site->va, &far) == site);
		for (v = 0; v < site->variant_count; v++)
			vhsm_reference_variant(reference, site, v, 0x1000000,
					       bytes);
	}
}

static void ask(const struct vhsm_reference *reference)
{
	const struct vhsm_reference_segment *s;
	size_t i, count;
	uint64_t va;

	s = vhsm_reference_segments(reference, &count);
	for (i = 0; i < count; i++)
		ask_segment(reference, &s[i]);
	ask_sites(reference);
	for (i = 0; i < reference->header->symbols.count && i < 64; i++)
		MUST(vhsm_reference_symbol(reference, reference->string +
					   reference->symbol[i].name,
					   &va) <= 0);
	vhsm_reference_layout(reference, 0);
	MUST(strlen(vhsm_reference_release(reference)) <
	     REFERENCE_RELEASE_LEN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static int fd = -1;
	static uint8_t file[LEN_MAX];
	struct reference_header *header = (struct reference_header *)file;
	char path[64], why[VHSM_REFERENCE_WHY_LEN] = "";
	struct vhsm_reference *reference;

	if (fd < 0)
		fd = memfd_create("reference", 0);
	if (len < sizeof(*header) || len > sizeof(file))
		return 0;
	memcpy(file, data, len);
	memcpy(header->magic, REFERENCE_MAGIC, sizeof(header->magic));
	header->version = REFERENCE_VERSION;
	header->header_len = sizeof(*header);
	header->file_len = len;
	header->layout_id = reference_layout_id();
	header->layout.count = VHSM_LAYOUT_COUNT;
	MUST(fd >= 0 && ftruncate(fd, (off_t)len) == 0 &&
	     pwrite(fd, file, len, 0) == (ssize_t)len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	reference = vhsm_reference_open(path, why);
	MUST(reference || *why);
	if (reference)
		ask(reference);
	vhsm_reference_close(&reference);
	return 0;
}
