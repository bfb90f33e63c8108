/* SPDX-License-Identifier: Apache-2.0 */
/*
 * data-file.h - whole files in, files out that exist complete or not at all.
 */
#ifndef VHSM_DATA_FILE_H
#define VHSM_DATA_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * All of a file (NULL or "-": standard input) up to max bytes.  *data is the
 * caller's to free.  0, -EFBIG if there is more, or -errno.
 */
int file_read(const char *path, size_t max, uint8_t **data, size_t *len);

/* How long path is; 0 if that cannot be known (a pipe). */
size_t file_len(const char *path);

/* What to call path in a message. */
const char *file_name(const char *path, const char *standard);

/*
 * A file being written: beside its final place under another name, readable
 * by its owner only, until file_commit().  path NULL or "-": standard output,
 * written straight.
 */
struct file_out {
	FILE *stream;
	const char *path;
	char *temporary;		/* NULL: standard output */
};

int file_create(struct file_out *f, const char *path);
/* Flushes, syncs, renames.  0 or -errno, and then nothing is left. */
int file_commit(struct file_out *f);
/* Removes what was written; after file_commit() does nothing. */
void file_abandon(struct file_out *f);

/* Create, write, commit.  Says what went wrong; an exit status. */
int file_put(const char *path, const void *data, size_t len);

/* Whether path is a terminal, which bytes would only upset. */
bool file_is_terminal(const char *path);

#endif /* VHSM_DATA_FILE_H */
