// SPDX-License-Identifier: GPL-2.0-only
/*
 * hostile-request.c - attacks with single requests: each has to be refused
 * with the status that vhsmif.h names, and the connection to go on.
 */
#include <linux/string.h>

#include "hostile.h"

#define POOL_BYTES (HOSTILE_POOL_PAGES * VHSM_PAGE_SIZE)

/* Asks, and whether the status is the one wanted and the backend lives on. */
static bool refused(struct hostile *h, const struct vhsm_request *request,
		    u16 wanted, char *said)
{
	struct vhsm_response response;
	int err = hostile_ask(h, request, &response);

	if (err) {
		snprintf(said, HOSTILE_SAID_LEN, "nothing (error %d)", err);
		return false;
	}
	snprintf(said, HOSTILE_SAID_LEN, "status %u, %u wanted",
		 response.status, wanted);
	return response.status == wanted && hostile_alive(h);
}

static bool random_with(struct hostile *h, u32 offset, u32 len, u16 wanted,
			char *said)
{
	struct vhsm_request request = { .op = VHSM_OP_RANDOM };

	request.u.seg[VHSM_SEG_OUTPUT].offset = offset;
	request.u.seg[VHSM_SEG_OUTPUT].len = len;
	return refused(h, &request, wanted, said);
}

static bool segment_outside(struct hostile *h, char *said)
{
	return random_with(h, POOL_BYTES - 8, 16, VHSM_S_BAD_SEGMENT, said) &&
	       random_with(h, POOL_BYTES, 16, VHSM_S_BAD_SEGMENT, said);
}

static bool segment_wraps(struct hostile *h, char *said)
{
	return random_with(h, 0xfffffff0, 0x20, VHSM_S_BAD_SEGMENT, said) &&
	       random_with(h, 0x10, 0xfffffff8, VHSM_S_BAD_SEGMENT, said);
}

static bool segment_unused(struct hostile *h, char *said)
{
	struct vhsm_request request = { .op = VHSM_OP_NOP };

	request.u.seg[VHSM_SEG_AAD].len = 16;
	return refused(h, &request, VHSM_S_BAD_SEGMENT, said);
}

static bool segment_overlap(struct hostile *h, char *said)
{
	struct vhsm_request request = { .op = VHSM_OP_KEY_OPEN };

	request.u.seg[VHSM_SEG_PARAM].offset = 64;
	request.u.seg[VHSM_SEG_PARAM].len = 8;
	request.u.seg[VHSM_SEG_OUTPUT].offset = 0;
	request.u.seg[VHSM_SEG_OUTPUT].len = sizeof(struct vhsm_key_info);
	return refused(h, &request, VHSM_S_OVERLAP, said);
}

static bool length_absurd(struct hostile *h, char *said)
{
	return random_with(h, 0, VHSM_RANDOM_MAX + 1, VHSM_S_TOO_LARGE, said);
}

static bool op_unknown(struct hostile *h, char *said)
{
	struct vhsm_request request = { .op = 0x7777 };

	return refused(h, &request, VHSM_S_BAD_OP, said);
}

static bool flag_unknown(struct hostile *h, char *said)
{
	struct vhsm_request request = { .op = VHSM_OP_NOP,
					.flags = 0x80000000 };

	return refused(h, &request, VHSM_S_BAD_FLAGS, said);
}

static bool mechanism_unknown(struct hostile *h, char *said)
{
	struct vhsm_request request = { .op = VHSM_OP_NOP,
					.mechanism = 0x0100 };

	return refused(h, &request, VHSM_S_BAD_MECHANISM, said);
}

static bool reserved_set(struct hostile *h, char *said)
{
	struct vhsm_request request = { .op = VHSM_OP_CANCEL };

	request.u.cancel.id = 1;
	request.u.cancel.reserved[3] = 1;
	return refused(h, &request, VHSM_S_BAD_RESERVED, said);
}

static bool cancel_unknown(struct hostile *h, char *said)
{
	struct vhsm_request request = { .op = VHSM_OP_CANCEL };

	request.u.cancel.id = 0x1234567890abcdefull;
	return refused(h, &request, VHSM_S_NOT_FOUND, said);
}

static void name_request(struct hostile *h, struct vhsm_request *request,
			 const char *name, u32 len)
{
	memset(request, 0, sizeof(*request));
	request->op = VHSM_OP_KEY_OPEN;
	memcpy(page_address(h->pool[0]), name, len);
	request->u.seg[VHSM_SEG_PARAM].len = len;
	request->u.seg[VHSM_SEG_OUTPUT].offset = VHSM_PAGE_SIZE;
	request->u.seg[VHSM_SEG_OUTPUT].len = sizeof(struct vhsm_key_info);
}

static bool name_bad(struct hostile *h, char *said)
{
	struct vhsm_request request;

	name_request(h, &request, "../../etc/shadow", 16);
	return refused(h, &request, VHSM_S_BAD_NAME, said);
}

static bool name_of_another(struct hostile *h, char *said)
{
	struct vhsm_request request;

	name_request(h, &request, hostile_victim,
		     min_t(size_t, strlen(hostile_victim), VHSM_NAME_MAX));
	return refused(h, &request, VHSM_S_NO_KEY, said);
}

static u16 handle_try(struct hostile *h, u32 handle)
{
	struct vhsm_request request = { .op = VHSM_OP_KEY_PUBLIC,
					.key = handle };
	struct vhsm_response response;

	request.u.seg[VHSM_SEG_OUTPUT].len = VHSM_PAGE_SIZE;
	return hostile_ask(h, &request, &response) ? VHSM_S_GONE :
						     response.status;
}

/* No key is open on this connection: every handle is another's or nobody's. */
static bool handle_sweep(struct hostile *h, char *said)
{
	u32 i, good = 0, tried = 0;

	for (i = 0; i < 1024; i++) {
		good += handle_try(h, i) == VHSM_S_BAD_HANDLE;
		good += handle_try(h, i << 16 | 1) == VHSM_S_BAD_HANDLE;
		tried += 2;
	}
	snprintf(said, HOSTILE_SAID_LEN, "BAD_HANDLE %u times of %u", good,
		 tried);
	return good == tried && hostile_alive(h);
}

const struct hostile_attack hostile_request_attacks[] = {
	{ "segment-outside", true, segment_outside },
	{ "segment-wraps", true, segment_wraps },
	{ "segment-unused", true, segment_unused },
	{ "segment-overlap", true, segment_overlap },
	{ "length-absurd", true, length_absurd },
	{ "op-unknown", true, op_unknown },
	{ "flag-unknown", true, flag_unknown },
	{ "mechanism-unknown", true, mechanism_unknown },
	{ "reserved-set", true, reserved_set },
	{ "cancel-unknown", true, cancel_unknown },
	{ "name-bad", true, name_bad },
	{ "name-of-another", true, name_of_another },
	{ "handle-sweep", true, handle_sweep },
	{ }
};
