/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file-read.h - small files, and files with secrets that must not be open to
 * others.
 */
#ifndef VHSM_FILE_READ_H
#define VHSM_FILE_READ_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Reads at most *len bytes of a regular file into bytes; *len = its size.
 * With secret, a file that group or others may read or write, or that is not
 * ours or root's, is refused.  0, -errno (EFBIG: longer), VHSM_E_DENIED with
 * why.
 */
int vhsm_file_read(const char *path, bool secret, void *bytes, size_t *len,
		   char *why);

#endif /* VHSM_FILE_READ_H */
