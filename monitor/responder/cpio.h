/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpio.h - an archive in the "newc" format, which Linux unpacks as an initial
 * RAM file system (Documentation/driver-api/early-userspace/buffer-format.rst):
 * archives may follow each other, each at a multiple of four bytes, and later
 * ones add to or replace the files of earlier ones.
 */
#ifndef VHSM_CPIO_H
#define VHSM_CPIO_H

#include <stdint.h>

struct vhsm_cpio {
	int fd;				/* borrowed; written from where it is */
	uint64_t written;		/* since begin */
	uint32_t files;
};

/* Pads what stands before with zeros, from offset on, to a multiple of four.
 * All return 0 or -errno. */
int vhsm_cpio_begin(struct vhsm_cpio *, int fd, uint64_t offset);
/* name without a leading '/'; its directories were added before. */
int vhsm_cpio_add_dir(struct vhsm_cpio *, const char *name);
/* A regular file's bytes from the start; -EFBIG from 4 GiB on, -EIO when the
 * file becomes shorter meanwhile.  Mode 0400. */
int vhsm_cpio_add_file(struct vhsm_cpio *, const char *name, int file_fd);
int vhsm_cpio_end(struct vhsm_cpio *);

#endif /* VHSM_CPIO_H */
