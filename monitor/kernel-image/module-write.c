/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "kernel-image/module-internal.h"

static uint64_t place(struct modules_table *t, const struct pool *p,
		      uint64_t at)
{
	t->at = at;
	t->count = p->count;
	return (at + p->count * p->record_len + 7) & ~7ull;
}

static void put(uint8_t *file, const struct modules_table *t,
		const struct pool *p)
{
	if (p->count)
		memcpy(file + t->at, p->bytes, p->count * p->record_len);
}

int module_write(struct vhsm_modules_builder *b, const char *path,
		 struct vhsm_modules_counts *counts, char *why)
{
	struct modules_header h = { .magic = MODULES_MAGIC,
				    .version = MODULES_VERSION };
	uint64_t at = sizeof(h), text = 0;
	uint8_t *file;
	int rc;

	snprintf(h.release, sizeof(h.release), "%s",
		 vhsm_reference_release(b->reference));
	at = place(&h.modules, &b->record, at);
	at = place(&h.fields, &b->field, at);
	at = place(&h.sites, &b->site, at);
	at = place(&h.variants, &b->variant, at);
	h.file_len = place(&h.bytes, &b->bytes, at);
	file = h.file_len <= MODULES_MAX_LEN ? calloc(1, h.file_len) : NULL;
	if (!file) {
		snprintf(why, VHSM_MODULE_WHY_LEN,
			 "%.150s: no memory for %llu bytes, or too many", path,
			 (unsigned long long)h.file_len);
		return -ENOMEM;
	}
	memcpy(file, &h, sizeof(h));
	put(file, &h.modules, &b->record);
	put(file, &h.fields, &b->field);
	put(file, &h.sites, &b->site);
	put(file, &h.variants, &b->variant);
	put(file, &h.bytes, &b->bytes);
	rc = vhsm_file_replace(path, file, h.file_len, 0644);
	if (rc)
		snprintf(why, VHSM_MODULE_WHY_LEN, "%.150s: %s", path,
			 strerror(-rc));
	free(file);
	for (size_t i = 0; i < b->record.count; i++)
		text += ((struct modules_record *)b->record.bytes)[i].len;
	if (counts)
		*counts = (struct vhsm_modules_counts){
			.modules = b->record.count, .text_len = text,
			.fields = b->field.count, .sites = b->site.count,
			.variants = b->variant.count,
			.unresolved = b->unresolved, .file_len = h.file_len,
		};
	return rc;
}
