/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit-files.h - the files of the log, for the files of the log's code.
 */
#ifndef VHSM_AUDIT_FILES_H
#define VHSM_AUDIT_FILES_H

#include <sys/types.h>

#include "vault/audit-chain.h"

struct vhsm_audit_file {
	int fd;
	off_t len;			/* when it was opened */
};

struct vhsm_audit_files {
	size_t count;
	struct vhsm_audit_file file[];
};

/* The last whole record of a file, and where it ends.  seq 0: there is
 * none. */
struct vhsm_audit_last {
	struct vhsm_audit_head head;
	off_t end;
};

int vhsm_audit_file_last(const struct vhsm_audit_file *,
			 struct vhsm_audit_last *last);

/* The lines of one file; chunk is scratch of 4 * VHSM_AUDIT_LINE_MAX bytes. */
int vhsm_audit_file_scan(const struct vhsm_audit_file *, char *chunk,
			 vhsm_audit_line_handler *, void *arg);

#endif /* VHSM_AUDIT_FILES_H */
