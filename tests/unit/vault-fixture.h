/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault-fixture.h - a scratch directory, a root key and small files for the
 * vault's tests.
 */
#ifndef VHSM_VAULT_FIXTURE_H
#define VHSM_VAULT_FIXTURE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

extern const uint8_t fixture_uuid[16];
extern const uint8_t fixture_other_uuid[16];
#define FIXTURE_UUID "11111111-2222-3333-4444-555555555555"
extern uint8_t fixture_root[64];
extern char fixture_dir[64];

/* Checked fixtures: a new directory before, gone after. */
void fixture_setup(void);
void fixture_teardown(void);

/* fixture_dir/name; one of a few static buffers. */
const char *fixture_path(const char *name);
void fixture_write(const char *path, const void *bytes, size_t len,
		   mode_t mode);
/* The whole file, NUL terminated; the caller frees. */
char *fixture_read(const char *path, size_t *len);
/* Runs SQL on a closed unit's file, as somebody with the disk would. */
void fixture_sql(const char *path, const char *sql);

#endif /* VHSM_VAULT_FIXTURE_H */
