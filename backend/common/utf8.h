/* SPDX-License-Identifier: Apache-2.0 */
/*
 * utf8.h - text that goes into JSON, which takes UTF-8 only: what a message
 * quotes may be none, and what was cut to fit may end inside a character.
 */
#ifndef VHSM_UTF8_H
#define VHSM_UTF8_H

/* Replaces each byte that belongs to no character (RFC 3629) by '?'.
 * Returns text. */
char *vhsm_utf8_mend(char *text);

#endif /* VHSM_UTF8_H */
