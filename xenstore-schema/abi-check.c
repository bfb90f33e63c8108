/* SPDX-License-Identifier: MIT */
/*
 * abi-check.c - the layout and the numbers of vhsmif.h, said a second time.
 *
 * Compiling it is the test.  It is built into the user-space programs and
 * included by the kernel module, so both sides are known to have compiled the
 * same bytes.  A released number never changes: an assertion here is only
 * ever added to.
 */
#include "vhsmif.h"

#ifdef __KERNEL__
#include <linux/build_bug.h>
#include <linux/stddef.h>
#else
#include <stddef.h>
#ifndef __cplusplus
#define static_assert _Static_assert
#endif
#endif

#define ABI_SIZE(type, size) \
	static_assert(sizeof(type) == (size), #type " changed size")
#define ABI_OFFSET(type, field, offset) \
	static_assert(offsetof(type, field) == (offset), \
		      #type "." #field " moved")
#define ABI_VALUE(constant, value) \
	static_assert((constant) == (value), #constant " changed")

ABI_SIZE(struct vhsm_segment, 8);
ABI_OFFSET(struct vhsm_segment, offset, 0);
ABI_OFFSET(struct vhsm_segment, len, 4);

ABI_SIZE(struct vhsm_request, 64);
ABI_OFFSET(struct vhsm_request, id, 0);
ABI_OFFSET(struct vhsm_request, op, 8);
ABI_OFFSET(struct vhsm_request, mechanism, 10);
ABI_OFFSET(struct vhsm_request, flags, 12);
ABI_OFFSET(struct vhsm_request, key, 16);
ABI_OFFSET(struct vhsm_request, key_version, 20);
ABI_OFFSET(struct vhsm_request, u.seg, 24);
ABI_OFFSET(struct vhsm_request, u.cancel.id, 24);
ABI_OFFSET(struct vhsm_request, u.cancel.reserved, 32);

ABI_SIZE(struct vhsm_response, 64);
ABI_OFFSET(struct vhsm_response, id, 0);
ABI_OFFSET(struct vhsm_response, op, 8);
ABI_OFFSET(struct vhsm_response, status, 10);
ABI_OFFSET(struct vhsm_response, out_len, 12);
ABI_OFFSET(struct vhsm_response, key, 16);
ABI_OFFSET(struct vhsm_response, key_version, 20);
ABI_OFFSET(struct vhsm_response, reserved, 24);

ABI_SIZE(struct vhsm_key_info, 96);
ABI_OFFSET(struct vhsm_key_info, name, 0);
ABI_OFFSET(struct vhsm_key_info, version, 64);
ABI_OFFSET(struct vhsm_key_info, type, 68);
ABI_OFFSET(struct vhsm_key_info, state, 70);
ABI_OFFSET(struct vhsm_key_info, usages, 72);
ABI_OFFSET(struct vhsm_key_info, reserved, 76);

#ifndef VHSMIF_NO_RING
/* A slot is 64 bytes and 64 bytes of indices come first, so a page has 32. */
ABI_SIZE(union vhsm_sring_entry, 64);
ABI_OFFSET(struct vhsm_sring, ring, 64);
ABI_VALUE(__CONST_RING_SIZE(vhsm, VHSM_PAGE_SIZE), 32);
ABI_VALUE(__CONST_RING_SIZE(vhsm, VHSM_PAGE_SIZE << VHSM_MAX_RING_ORDER), 512);
#endif

ABI_VALUE(VHSM_VERSION, 1);
ABI_VALUE(VHSM_PAGE_SIZE, 4096);
ABI_VALUE(VHSM_MAX_QUEUES, 8);
ABI_VALUE(VHSM_MAX_RING_ORDER, 4);
ABI_VALUE(VHSM_DIRECTORY_ENTRIES, 1024);
ABI_VALUE(VHSM_MAX_DIRECTORY_PAGES, 8);
ABI_VALUE(VHSM_MAX_POOL_PAGES, 8192);
ABI_VALUE(VHSM_NAME_MAX, 64);
ABI_VALUE(VHSM_NONCE_LEN, 12);
ABI_VALUE(VHSM_TAG_LEN, 16);
ABI_VALUE(VHSM_SIG_MAX, 512);
ABI_VALUE(VHSM_RANDOM_MAX, 65536);
ABI_VALUE(VHSM_AAD_MAX, 65536);
ABI_VALUE(VHSM_INPUT_MAX, 16777216);

ABI_VALUE(VHSM_SEG_PARAM, 0);
ABI_VALUE(VHSM_SEG_AAD, 1);
ABI_VALUE(VHSM_SEG_INPUT, 2);
ABI_VALUE(VHSM_SEG_OUTPUT, 3);
ABI_VALUE(VHSM_SEG_TAG, 4);
ABI_VALUE(VHSM_SEGMENTS, 5);

ABI_VALUE(VHSM_OP_NOP, 0);
ABI_VALUE(VHSM_OP_KEY_OPEN, 1);
ABI_VALUE(VHSM_OP_KEY_LIST, 2);
ABI_VALUE(VHSM_OP_KEY_PUBLIC, 3);
ABI_VALUE(VHSM_OP_SIGN, 16);
ABI_VALUE(VHSM_OP_VERIFY, 17);
ABI_VALUE(VHSM_OP_ENCRYPT, 18);
ABI_VALUE(VHSM_OP_DECRYPT, 19);
ABI_VALUE(VHSM_OP_MAC, 20);
ABI_VALUE(VHSM_OP_MAC_VERIFY, 21);
ABI_VALUE(VHSM_OP_RANDOM, 22);
ABI_VALUE(VHSM_OP_CANCEL, 32);

ABI_VALUE(VHSM_HASH_NONE, 0x00);
ABI_VALUE(VHSM_HASH_SHA256, 0x01);
ABI_VALUE(VHSM_HASH_SHA384, 0x02);
ABI_VALUE(VHSM_HASH_SHA512, 0x03);
ABI_VALUE(VHSM_MECH_AES_GCM, 0x0100);
ABI_VALUE(VHSM_MECH_CHACHA20_POLY1305, 0x0200);
ABI_VALUE(VHSM_MECH_HMAC, 0x0300);
ABI_VALUE(VHSM_MECH_ECDSA, 0x0400);
ABI_VALUE(VHSM_MECH_EDDSA, 0x0500);
ABI_VALUE(VHSM_MECH_RSA_PKCS1, 0x0600);
ABI_VALUE(VHSM_MECH_RSA_PSS, 0x0700);
ABI_VALUE(VHSM_MECH_FAMILY(0x0402), 0x0400);
ABI_VALUE(VHSM_MECH_HASH(0x0402), 0x02);

ABI_VALUE(VHSM_F_DIGEST, 1);
ABI_VALUE(VHSM_F_CALLER_NONCE, 2);

ABI_VALUE(VHSM_S_OK, 0);
ABI_VALUE(VHSM_S_BAD_OP, 100);
ABI_VALUE(VHSM_S_BAD_MECHANISM, 101);
ABI_VALUE(VHSM_S_BAD_FLAGS, 102);
ABI_VALUE(VHSM_S_BAD_RESERVED, 103);
ABI_VALUE(VHSM_S_BAD_SEGMENT, 104);
ABI_VALUE(VHSM_S_OVERLAP, 105);
ABI_VALUE(VHSM_S_BAD_LENGTH, 106);
ABI_VALUE(VHSM_S_TOO_LARGE, 107);
ABI_VALUE(VHSM_S_TOO_SMALL, 108);
ABI_VALUE(VHSM_S_BAD_NAME, 109);
ABI_VALUE(VHSM_S_NO_KEY, 200);
ABI_VALUE(VHSM_S_BAD_HANDLE, 201);
ABI_VALUE(VHSM_S_NOT_PERMITTED, 202);
ABI_VALUE(VHSM_S_WRONG_TYPE, 203);
ABI_VALUE(VHSM_S_DISABLED, 204);
ABI_VALUE(VHSM_S_REVOKED, 205);
ABI_VALUE(VHSM_S_BAD_SIGNATURE, 206);
ABI_VALUE(VHSM_S_BAD_TAG, 207);
ABI_VALUE(VHSM_S_QUOTA, 208);
ABI_VALUE(VHSM_S_NOT_FOUND, 209);
ABI_VALUE(VHSM_S_NO_VERSION, 210);
ABI_VALUE(VHSM_S_UNAPPROVED, 211);
ABI_VALUE(VHSM_S_LEASE_STALE, 212);
ABI_VALUE(VHSM_S_VERIFY_ONLY, 213);
ABI_VALUE(VHSM_S_BUSY, 300);
ABI_VALUE(VHSM_S_CANCELLED, 301);
ABI_VALUE(VHSM_S_GONE, 302);
ABI_VALUE(VHSM_S_THROTTLED, 303);
ABI_VALUE(VHSM_S_INTERNAL, 400);

ABI_VALUE(VHSM_KEY_AES_128, 1);
ABI_VALUE(VHSM_KEY_AES_256, 2);
ABI_VALUE(VHSM_KEY_CHACHA20, 3);
ABI_VALUE(VHSM_KEY_HMAC, 4);
ABI_VALUE(VHSM_KEY_EC_P256, 16);
ABI_VALUE(VHSM_KEY_EC_P384, 17);
ABI_VALUE(VHSM_KEY_ED25519, 18);
ABI_VALUE(VHSM_KEY_RSA_2048, 32);
ABI_VALUE(VHSM_KEY_RSA_3072, 33);
ABI_VALUE(VHSM_KEY_RSA_4096, 34);

ABI_VALUE(VHSM_USE_SIGN, 0x01);
ABI_VALUE(VHSM_USE_VERIFY, 0x02);
ABI_VALUE(VHSM_USE_ENCRYPT, 0x04);
ABI_VALUE(VHSM_USE_DECRYPT, 0x08);
ABI_VALUE(VHSM_USE_MAC, 0x10);
ABI_VALUE(VHSM_USE_MAC_VERIFY, 0x20);
ABI_VALUE(VHSM_USE_CALLER_NONCE, 0x100);
ABI_VALUE(VHSM_USE_ALL, 0x13f);

ABI_VALUE(VHSM_KEY_ENABLED, 1);
ABI_VALUE(VHSM_KEY_DISABLED, 2);
ABI_VALUE(VHSM_KEY_REVOKED, 3);
ABI_VALUE(VHSM_KEY_DESTROYED, 4);
