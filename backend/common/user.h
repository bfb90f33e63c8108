/* SPDX-License-Identifier: Apache-2.0 */
/*
 * user.h - the users our children run as, by name or number.
 */
#ifndef VHSM_USER_H
#define VHSM_USER_H

#include <stdbool.h>
#include <stddef.h>

/* Whether a child is to become user: one is named, and we are root. */
bool vhsm_user_is_changed(const char *user);
/* Whether there is such a user; "" is ourselves. */
bool vhsm_user_exists(const char *user);
/* "UID:GID" of user, so that a child need not look it up; user itself when it
 * is unknown.  Returns out. */
const char *vhsm_user_numbers(const char *user, char *out, size_t out_len);
/* Gives path to user and its group.  0 or -errno. */
int vhsm_user_own(const char *user, const char *path);

#endif /* VHSM_USER_H */
