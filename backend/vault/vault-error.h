/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault-error.h - how an operation of custody can fail in ways its caller tells
 * apart.  0 is success, negative is -errno, positive is one of these.
 */
#ifndef VHSM_VAULT_ERROR_H
#define VHSM_VAULT_ERROR_H

#define VHSM_WHY_LEN 256		/* room for a reason for people */

enum vhsm_vault_e {
	VHSM_E_NOT_FOUND = 1,
	VHSM_E_EXISTS,
	VHSM_E_BAD_REQUEST,		/* the caller's parameters */
	VHSM_E_DENIED,			/* permissions of a file, of a caller */
	VHSM_E_CORRUPT,			/* does not authenticate or parse */
	VHSM_E_WRONG_ROOT,		/* not this store's root key */
	VHSM_E_FULL,			/* a limit is reached */
	VHSM_E_BUSY,			/* another process has it */
};

/* The error code an admin's answer carries ("not-found"), for any of the
 * above or -errno. */
const char *vhsm_vault_error_code(int error);
/* The same for people, when nothing better is known. */
const char *vhsm_vault_error_text(int error);

/* Writes a reason and returns error, so that "return fail(...)" reads well.
 * why has room for VHSM_WHY_LEN bytes, or is NULL. */
int vhsm_vault_fail(char *why, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif /* VHSM_VAULT_ERROR_H */
