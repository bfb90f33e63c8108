/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module-reference-file.h - the file that module references are; for the files
 * that write and implement module-reference.h only.
 *
 * A header, then tables at offsets that are multiples of 8, in the machine's
 * byte order (x86-64 only).
 */
#ifndef VHSM_MODULE_REFERENCE_FILE_H
#define VHSM_MODULE_REFERENCE_FILE_H

#include "introspect/module-reference.h"

#define MODULES_MAGIC		"VHSMMOD"	/* with its NUL, 8 bytes */
#define MODULES_VERSION		1u
#define MODULES_MAX_LEN		(1u << 30)	/* bytes */
#define MODULES_MAX		0xfff0u

struct modules_table {
	uint64_t at;			/* offset in the file */
	uint64_t count;			/* records */
};

struct modules_header {
	char magic[8];
	uint32_t version;
	uint32_t reserved;
	uint64_t file_len;		/* bytes */
	char release[64];
	struct modules_table modules;	/* modules_record, by name */
	struct modules_table fields;	/* vhsm_module_target */
	struct modules_table sites;	/* vhsm_module_site */
	struct modules_table variants;	/* vhsm_module_variant */
	struct modules_table bytes;	/* of text and variants */
};

struct modules_record {
	char name[VHSM_MODULE_NAME_MAX];
	uint8_t sha256[32];
	uint64_t bytes_at;		/* in the table of bytes */
	uint32_t len;
	uint32_t size;
	uint32_t first_field, field_count;
	uint32_t first_site, site_count;
};

#endif /* VHSM_MODULE_REFERENCE_FILE_H */
