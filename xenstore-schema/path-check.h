/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path-check.h - whether xenstore holds what vhsm.paths says.
 */
#ifndef VHSM_PATH_CHECK_H
#define VHSM_PATH_CHECK_H

enum vhsm_path_verdict {
	VHSM_PATH_OK = 0,
	VHSM_PATH_UNKNOWN = 1,		/* no such path in the schema */
	VHSM_PATH_BAD_VALUE = 2,	/* the value is not of its type */
};

/*
 * Judges one node.  path is absolute (or a special watch, @...); value is a
 * string, anyone's.  With expected not NULL, *expected becomes the type the
 * schema gives the path ("INTEGER 1..VHSM_MAX_QUEUES"; static), NULL for an
 * unknown one.  A verdict, or -ENOMEM.  For tests, which hold what reads the
 * nodes to it: it is not fast.
 */
int vhsm_path_check(const char *path, const char *value, const char **expected);

#endif /* VHSM_PATH_CHECK_H */
