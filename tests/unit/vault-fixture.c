/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/vault-fixture.h"

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const uint8_t fixture_uuid[16] = {
	0x11, 0x11, 0x11, 0x11, 0x22, 0x22, 0x33, 0x33,
	0x44, 0x44, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55,
};
const uint8_t fixture_other_uuid[16] = { 0x99 };
uint8_t fixture_root[64];
char fixture_dir[64];

void fixture_setup(void)
{
	size_t i;

	for (i = 0; i < sizeof(fixture_root); i++)
		fixture_root[i] = (uint8_t)(i * 7 + 1);
	snprintf(fixture_dir, sizeof(fixture_dir), "%s",
		 "/tmp/vhsm-vault-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(fixture_dir));
}

static int entry_remove(const char *path, const struct stat *st, int type,
			struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void fixture_teardown(void)
{
	nftw(fixture_dir, entry_remove, 16, FTW_DEPTH | FTW_PHYS);
}

const char *fixture_path(const char *name)
{
	static char paths[4][256];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", fixture_dir, name);
	return path;
}

void fixture_write(const char *path, const void *bytes, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, len), len);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

char *fixture_read(const char *path, size_t *len)
{
	FILE *file = fopen(path, "r");
	char *bytes;
	long size;

	ck_assert_ptr_nonnull(file);
	fseek(file, 0, SEEK_END);
	size = ftell(file);
	rewind(file);
	bytes = calloc(1, (size_t)size + 1);
	ck_assert_int_eq(fread(bytes, 1, (size_t)size, file), size);
	fclose(file);
	if (len != NULL)
		*len = (size_t)size;
	return bytes;
}

void fixture_sql(const char *path, const char *sql)
{
	sqlite3 *db;
	char *error = NULL;

	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_exec(db, sql, NULL, NULL, &error);
	ck_assert_msg(error == NULL, "%s: %s", sql, error);
	sqlite3_close(db);
}
