// SPDX-License-Identifier: GPL-2.0-only
/*
 * selftest.c - the wire's layout, checked when compiled and, byte for byte
 * with a golden request and response, when loaded: a module built wrong does
 * not load.
 */
#include <linux/build_bug.h>
#include <linux/printk.h>
#include <linux/string.h>

#include "vhsmfront.h"

static_assert(PAGE_SIZE == VHSM_PAGE_SIZE);
static_assert(sizeof(struct vhsm_request) == 64);
static_assert(sizeof(struct vhsm_response) == 64);
static_assert(sizeof(union vhsm_sring_entry) == 64);
static_assert(offsetof(struct vhsm_sring, ring) == 64);
static_assert(offsetof(struct vhsm_request, op) == 8);
static_assert(offsetof(struct vhsm_request, key) == 16);
static_assert(offsetof(struct vhsm_request, u) == 24);
static_assert(offsetof(struct vhsm_response, status) == 10);
static_assert(offsetof(struct vhsm_response, out_len) == 12);
static_assert(offsetof(struct vhsm_response, key_version) == 20);
static_assert(sizeof(struct vhsm_key_info) == 96);
static_assert(sizeof(struct vhsm_ioc_info) == 88);
static_assert(sizeof(struct vhsm_ioc_key_open) == 168);
static_assert(sizeof(struct vhsm_ioc_enter) == 32);
static_assert(VHSM_CALL_OUTPUT >= sizeof(struct vhsm_key_info));

static const struct vhsm_request request = {
	.id = 0x1122334455667788ull,
	.op = VHSM_OP_ENCRYPT,
	.mechanism = VHSM_MECH_AES_GCM,
	.flags = VHSM_F_CALLER_NONCE,
	.key = 7,
	.key_version = 3,
	.u.seg[VHSM_SEG_PARAM] = { 0x1000, 12 },
	.u.seg[VHSM_SEG_AAD] = { 0x1010, 5 },
	.u.seg[VHSM_SEG_INPUT] = { 0x2000, 0x100 },
	.u.seg[VHSM_SEG_OUTPUT] = { 0x3000, 0x100 },
	.u.seg[VHSM_SEG_TAG] = { 0x4000, 16 },
};

static const u8 golden_request[64] = {
	0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
	0x12, 0x00, 0x00, 0x01, 0x02, 0x00, 0x00, 0x00,
	0x07, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00,
	0x00, 0x10, 0x00, 0x00, 0x0c, 0x00, 0x00, 0x00,
	0x10, 0x10, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00,
	0x00, 0x20, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00,
	0x00, 0x30, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00,
	0x00, 0x40, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00,
};

static const struct vhsm_response response = {
	.id = 0x0102030405060708ull,
	.op = VHSM_OP_KEY_OPEN,
	.status = VHSM_S_NO_KEY,
	.out_len = 0x60,
	.key = 0x0a0b0c0d,
	.key_version = 9,
};

static const u8 golden_response[64] = {
	0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01,
	0x01, 0x00, 0xc8, 0x00, 0x60, 0x00, 0x00, 0x00,
	0x0d, 0x0c, 0x0b, 0x0a, 0x09, 0x00, 0x00, 0x00,
};

int vhsm_selftest(void)
{
	if (memcmp(&request, golden_request, sizeof(request)) ||
	    memcmp(&response, golden_response, sizeof(response))) {
		pr_err("vhsm: slots are not laid out as the wire wants them\n");
		return -EINVAL;
	}
	return 0;
}
