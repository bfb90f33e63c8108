/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file.h - small files that must be whole or absent after a crash.
 */
#ifndef VHSM_FILE_H
#define VHSM_FILE_H

#include <stddef.h>
#include <sys/types.h>

/* Writes path through a temporary file beside it, synchronised, then renamed:
 * after a crash path is the old file or the new.  0 or -errno. */
int vhsm_file_replace(const char *path, const void *bytes, size_t len,
		      mode_t mode);

/* Makes path, which must not exist, with the same promise.  0 or -errno
 * (EEXIST). */
int vhsm_file_make(const char *path, const void *bytes, size_t len,
		   mode_t mode);

/* Writes all bytes.  0 or -errno. */
int vhsm_file_write_all(int fd, const void *bytes, size_t len);

/* fsync of the directory, so that a rename or unlink in it lasts. */
int vhsm_file_sync_dir(const char *dir);

/* Makes dir (0700) if it is not there.  0 or -errno. */
int vhsm_file_make_dir(const char *dir);

#endif /* VHSM_FILE_H */
