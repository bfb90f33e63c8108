/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error.c - what errors are called and what a person can do about them.
 *
 * One row per error; statuses come from the closed list of vhsmif.h.
 */
#include "lib/error.h"
#include "vhsm/vhsm.h"

#include <stdlib.h>
#include <string.h>

struct error_text {
	int number;
	const char *text;
};

struct status_row {
	uint16_t status;
	const char *name;
};

#define STATUS(s) { VHSM_S_##s, "VHSM_S_" #s }

static const struct status_row statuses[] = {
	STATUS(OK),
	STATUS(BAD_OP), STATUS(BAD_MECHANISM), STATUS(BAD_FLAGS),
	STATUS(BAD_RESERVED), STATUS(BAD_SEGMENT), STATUS(OVERLAP),
	STATUS(BAD_LENGTH), STATUS(TOO_LARGE), STATUS(TOO_SMALL),
	STATUS(BAD_NAME),
	STATUS(NO_KEY), STATUS(BAD_HANDLE), STATUS(NOT_PERMITTED),
	STATUS(WRONG_TYPE), STATUS(DISABLED), STATUS(REVOKED),
	STATUS(BAD_SIGNATURE), STATUS(BAD_TAG), STATUS(QUOTA),
	STATUS(NOT_FOUND), STATUS(NO_VERSION), STATUS(UNAPPROVED),
	STATUS(LEASE_STALE), STATUS(VERIFY_ONLY),
	STATUS(BUSY), STATUS(CANCELLED), STATUS(GONE),
	STATUS(THROTTLED),
	STATUS(INTERNAL),
};

static const struct error_text texts[] = {
	{ VHSM_E_BAD_OP, "the device does not offer this operation: "
		"library and backend are of different versions" },
	{ VHSM_E_BAD_MECHANISM, "no such mechanism, or not for this "
		"operation: choose one that fits the key's type" },
	{ VHSM_E_BAD_FLAGS, "a flag that this operation does not take" },
	{ VHSM_E_BAD_RESERVED, "a reserved field of the request is not 0" },
	{ VHSM_E_BAD_SEGMENT, "the request names bytes outside its buffers: "
		"use vhsm_buffer_segment()" },
	{ VHSM_E_OVERLAP, "the request's buffers overlap: only input and "
		"output of a cipher may be the same" },
	{ VHSM_E_BAD_LENGTH, "an input, digest, nonce or tag does not have "
		"the length that the mechanism takes" },
	{ VHSM_E_TOO_LARGE, "larger than the device takes in one request: "
		"split it, or sign its digest" },
	{ VHSM_E_TOO_SMALL, "the output buffer is too small: repeat with the "
		"length returned" },
	{ VHSM_E_BAD_NAME, "not a key's name: use 1 to 64 letters, digits, "
		"'.', '_' or '-', and begin with a letter, digit or '_'" },
	{ VHSM_E_NO_KEY, "this guest has no such key: see 'vhsm list', or "
		"have the administrator add it to the guest's vhsm= line" },
	{ VHSM_E_BAD_HANDLE, "not a key handle of this session: open the key by "
		"name" },
	{ VHSM_E_NOT_PERMITTED, "the key's policy forbids this use: ask the "
		"administrator for a key that allows it" },
	{ VHSM_E_WRONG_TYPE, "the key's type does not fit the mechanism: see "
		"'vhsm info KEY'" },
	{ VHSM_E_DISABLED, "the key is disabled or retired: only the "
		"administrator can enable it" },
	{ VHSM_E_REVOKED, "the key, or this guest, is revoked: ask the "
		"administrator why" },
	{ VHSM_E_BAD_SIGNATURE, "the signature or MAC does not match: the "
		"data, the signature or the key is not the right one" },
	{ VHSM_E_BAD_TAG, "authentication failed: the data was changed, or "
		"the key or the additional data is not the right one" },
	{ VHSM_E_QUOTA, "the key's limit of use is reached: wait, or have the "
		"administrator raise it or rotate the key" },
	{ VHSM_E_NOT_FOUND, "nothing to cancel: it has been answered, or has "
		"started" },
	{ VHSM_E_NO_VERSION, "the key has no such version: it was retired, "
		"or the data belongs to another key" },
	{ VHSM_E_UNAPPROVED, "revoked: guest not approved: only the "
		"administrator can release it" },
	{ VHSM_E_LEASE_STALE, "integrity lease is stale: the guest's monitor "
		"has not confirmed it recently" },
	{ VHSM_E_VERIFY_ONLY, "this guest may only verify and decrypt for now: "
		"its integrity is in doubt; ask the administrator" },
	{ VHSM_E_BUSY, "no room for more work at present: try again" },
	{ VHSM_E_CANCELLED, "the request was cancelled" },
	{ VHSM_E_GONE, "the device is away: try again; if it stays away, is "
		"vhsmd running in the control domain?" },
	{ VHSM_E_THROTTLED, "the rate at which this guest may use keys is "
		"limited for now: try again later, or less often" },
	{ VHSM_E_INTERNAL, "the backend failed: its log in the control "
		"domain says why" },
	{ VHSM_E_FORKED, "the handle belongs to the parent process: open the "
		"device again after fork()" },
	{ VHSM_E_PROTOCOL, "the device broke the protocol and is not trusted "
		"any more: close it and look into the backend" },
	{ VHSM_E_NO_SPACE, "does not fit the session's shared memory, or all "
		"of it is in use: free buffers, or open with a larger slice" },
};

const char *vhsm_strerror(int err)
{
	size_t i;

	err = abs(err);
	if (err == 0)
		return "no error";
	if (err < 1000)
		return strerrordesc_np(err) ? strerrordesc_np(err) :
			"unknown system error";
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].number == err)
			return texts[i].text;
	return "unknown error: library and program are of different versions";
}

static const struct status_row *find_status(uint16_t status)
{
	size_t i;

	for (i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (statuses[i].status == status)
			return &statuses[i];
	return NULL;
}

bool vhsm_status_known(uint16_t status)
{
	return find_status(status) != NULL;
}

const char *vhsm_status_name(uint16_t status)
{
	const struct status_row *row = find_status(status);

	return row ? row->name : "VHSM_S_?";
}

int vhsm_status_error(uint16_t status)
{
	return status == VHSM_S_OK ? 0 : -VHSM_E_STATUS(status);
}
