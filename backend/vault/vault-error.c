/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault-error.c - the vault's own errors as codes for programs and text for
 * people.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "vault/vault-error.h"

static const struct {
	const char *code;
	const char *text;
} errors[] = {
	[VHSM_E_NOT_FOUND] = { "not-found", "there is none" },
	[VHSM_E_EXISTS] = { "exists", "there is one already" },
	[VHSM_E_BAD_REQUEST] = { "bad-request", "the request is not valid" },
	[VHSM_E_DENIED] = { "denied", "not permitted" },
	[VHSM_E_CORRUPT] = { "corrupt", "the store does not authenticate" },
	[VHSM_E_WRONG_ROOT] = { "denied", "not this store's root key" },
	[VHSM_E_FULL] = { "full", "a limit is reached" },
	[VHSM_E_BUSY] = { "busy", "in use by another process" },
};

const char *vhsm_vault_error_code(int error)
{
	if (error > 0 && (size_t)error < sizeof(errors) / sizeof(errors[0]))
		return errors[error].code;
	return "internal";
}

const char *vhsm_vault_error_text(int error)
{
	if (error > 0 && (size_t)error < sizeof(errors) / sizeof(errors[0]))
		return errors[error].text;
	return strerror(-error);
}

int vhsm_vault_fail(char *why, int error, const char *format, ...)
{
	va_list args;

	if (why != NULL) {
		va_start(args, format);
		vsnprintf(why, VHSM_WHY_LEN, format, args);
		va_end(args);
	}
	return error;
}
