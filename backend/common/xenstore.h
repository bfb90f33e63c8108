/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xenstore.h - xenstore as our daemons use it: paths from the schema, values of
 * bounded length, guests' values never believed to be text.
 */
#ifndef VHSM_STORE_H
#define VHSM_STORE_H

#include <stddef.h>
#include <stdint.h>
#include <xenstore.h>

#include "common/xenbus.h"
#include "vhsm-paths.h"

#define VHSM_STORE_PATH 192u		/* any path of ours, with its NUL */

struct vhsm_store {
	struct xs_handle *xs;
	uint32_t self;			/* our own domain's ID */
};

/* Formats a path of vhsm-paths.h into a char [VHSM_STORE_PATH]. */
#define vhsm_store_path(path, ...) \
	snprintf(path, VHSM_STORE_PATH, __VA_ARGS__)

/* The value's whole length, of which at most room bytes are copied, not
 * terminated; or -errno. */
int vhsm_store_read(struct vhsm_store *store, const char *path, char *value,
		    size_t room);
/* As text for people: escaped, terminated.  0 or -errno. */
int vhsm_store_read_text(struct vhsm_store *store, const char *path,
			 char *text, size_t room);
int vhsm_store_read_u32(struct vhsm_store *store, const char *path,
			uint32_t *value);
/* UNKNOWN for a missing node or what is not a state. */
enum vhsm_xenbus_state vhsm_store_read_state(struct vhsm_store *store,
					     const char *path);
/* The numbers among a directory's entries.  How many there are, of which at
 * most max are copied; or -errno. */
int vhsm_store_list(struct vhsm_store *store, const char *path,
		    uint32_t *numbers, unsigned max);

/* In transaction t or XBT_NULL.  0 or -errno. */
int vhsm_store_write(struct vhsm_store *store, xs_transaction_t t,
		     const char *path, const char *value);
int vhsm_store_write_u32(struct vhsm_store *store, xs_transaction_t t,
			 const char *path, uint32_t value);

#endif /* VHSM_STORE_H */
