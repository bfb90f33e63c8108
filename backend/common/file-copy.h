/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file-copy.h - copies of large sparse files, such as images of memory.
 */
#ifndef VHSM_FILE_COPY_H
#define VHSM_FILE_COPY_H

/* Copies the whole of the regular file in to the empty file out, and waits
 * until it is on the disk.  Holes are neither read nor written, and blocks of
 * zeros become holes.  0 or -errno (EINVAL: in is no regular file). */
int vhsm_file_copy(int in, int out);

#endif /* VHSM_FILE_COPY_H */
