/* SPDX-License-Identifier: Apache-2.0 */
/* key-list.h - the keys of a device: keys= of its vhsm line. */
#ifndef VHSM_KEY_LIST_H
#define VHSM_KEY_LIST_H

#include <stdbool.h>

#define VHSM_KEY_LIST_LEN	1024u	/* with its NUL */

/* Returns true if text is names or globs of keys joined by '+', or "", which
 * means all keys. */
bool vhsm_key_list_check(const char *text);

#endif /* VHSM_KEY_LIST_H */
