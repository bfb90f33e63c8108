/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key-import.h - a key's file as a descriptor to send.
 */
#ifndef VHSM_CTL_KEY_IMPORT_H
#define VHSM_CTL_KEY_IMPORT_H

#include "ctl/ctl.h"

/* The file's bytes in a sealed memfd; path "-" is standard input.  The
 * descriptor, the caller's, or -errno. */
int ctl_key_file_seal(const char *path);

#endif /* VHSM_CTL_KEY_IMPORT_H */
