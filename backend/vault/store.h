/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.h - the units of all domains: DIR/units/UUID.db.
 *
 * A unit is opened when it is first asked for and stays open while it is in
 * use; when many are open, the one not used for longest is closed.  So a unit
 * got from here is good until the next one is got.
 */
#ifndef VHSM_STORE_H
#define VHSM_STORE_H

#include "vault/unit.h"

#define VHSM_STORE_OPEN_MAX	64u	/* units open at once, default */

struct vhsm_store;

/* *new: dir holds no store yet, so a root key may be made for it.  Makes
 * nothing.  0, -errno, or VHSM_E_CORRUPT: there are units, but no root.json. */
int vhsm_store_is_new(const char *dir, bool *new, char *why);

/* Takes dir for this process, before anything in it is touched: a descriptor
 * that holds it, or -errno, -EWOULDBLOCK when another has it, with why. */
int vhsm_store_lock(const char *dir, char *why);

/*
 * Opens the store, which is locked.  handler gets the notes of changes
 * that a crash kept from the audit log (see unit.h); what a crash left half
 * destroyed is removed.  Units that do not open are logged and left alone.
 * 0 or -errno with why.
 */
int vhsm_store_open(struct vhsm_store **store, const char *dir,
		    const uint8_t *root_key, unsigned open_max,
		    vhsm_unit_note_handler *handler, void *arg, char *why);
void vhsm_store_close(struct vhsm_store **store);

/* The unit of a domain.  0 or as vhsm_unit_open. */
int vhsm_store_unit(struct vhsm_store *, const uuid_t uuid,
		    bool create, struct vhsm_unit **unit, char *why);

/* Erases a unit that vhsm_unit_destroy has destroyed. */
int vhsm_store_erase(struct vhsm_store *, const uuid_t uuid);

/* Writes counters of all open units. */
void vhsm_store_flush(struct vhsm_store *);

/* Domains that have a unit, as text, sorted; the caller's array. */
int vhsm_store_list(struct vhsm_store *, json_t **uuids);

#endif /* VHSM_STORE_H */
