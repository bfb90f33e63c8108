// SPDX-License-Identifier: Apache-2.0
/*
 * guest-input.c - copy once, check everything; see guest-input.h.
 *
 * What an op takes is a row of a table, so a new op is a row and not a branch.
 * Invariants:
 *  1. Nothing is read from shared memory twice.
 *  2. A request that passes names no byte outside its pool, and no byte twice,
 *     but INPUT and OUTPUT of an op that may run in place.
 *  3. Every sum of guest values is done in 64 bits or by subtraction from a
 *     trusted value, so none can wrap.
 */
#include "transport/guest-input.h"

#include <stdlib.h>
#include <string.h>

#define ANY UINT32_MAX			/* bounded by the pool alone */

/* What an op does with a segment: takes it or not, and of what length. */
struct segment_rule {
	bool used;
	uint32_t min;
	uint32_t max;
	enum vhsm_status over;		/* when longer than max */
};

struct op_rule {
	uint16_t op;
	bool key;			/* uses one */
	bool mechanism;			/* names one */
	bool in_place;			/* OUTPUT may start where INPUT does */
	bool output_holds_input;	/* OUTPUT is at least INPUT's length */
	uint32_t flags;			/* those it takes */
	struct segment_rule seg[VHSM_SEGMENTS];
};

#define SEG(lo, hi, status) { true, (lo), (hi), (status) }
#define EXACTLY(n)	SEG(n, n, VHSM_S_BAD_LENGTH)
#define NAME(lo)	SEG(lo, VHSM_NAME_MAX, VHSM_S_BAD_NAME)
#define BULK(hi)	SEG(0, hi, VHSM_S_TOO_LARGE)
#define ROOM		SEG(0, ANY, VHSM_S_TOO_LARGE)
#define CHECKED(hi)	SEG(1, hi, VHSM_S_BAD_LENGTH)

#define AEAD_SEGMENTS {						\
	[VHSM_SEG_PARAM] = EXACTLY(VHSM_NONCE_LEN),		\
	[VHSM_SEG_AAD] = BULK(VHSM_AAD_MAX),			\
	[VHSM_SEG_INPUT] = BULK(VHSM_INPUT_MAX),		\
	[VHSM_SEG_OUTPUT] = ROOM,				\
	[VHSM_SEG_TAG] = EXACTLY(VHSM_TAG_LEN) }

static const struct op_rule op_rules[] = {
	{ .op = VHSM_OP_NOP },
	{ .op = VHSM_OP_KEY_OPEN, .seg = {
		[VHSM_SEG_PARAM] = NAME(1),
		[VHSM_SEG_OUTPUT] = EXACTLY(sizeof(struct vhsm_key_info)) } },
	{ .op = VHSM_OP_KEY_LIST, .seg = {
		[VHSM_SEG_PARAM] = NAME(0),
		[VHSM_SEG_OUTPUT] = SEG(sizeof(struct vhsm_key_info), ANY,
					VHSM_S_TOO_LARGE) } },
	{ .op = VHSM_OP_KEY_PUBLIC, .key = true, .seg = {
		[VHSM_SEG_OUTPUT] = ROOM } },
	{ .op = VHSM_OP_SIGN, .key = true, .mechanism = true,
	  .flags = VHSM_F_DIGEST, .seg = {
		[VHSM_SEG_INPUT] = BULK(VHSM_INPUT_MAX),
		[VHSM_SEG_OUTPUT] = ROOM } },
	{ .op = VHSM_OP_VERIFY, .key = true, .mechanism = true,
	  .flags = VHSM_F_DIGEST, .seg = {
		[VHSM_SEG_INPUT] = BULK(VHSM_INPUT_MAX),
		[VHSM_SEG_TAG] = CHECKED(VHSM_SIG_MAX) } },
	{ .op = VHSM_OP_ENCRYPT, .key = true, .mechanism = true,
	  .in_place = true, .output_holds_input = true,
	  .flags = VHSM_F_CALLER_NONCE, .seg = AEAD_SEGMENTS },
	{ .op = VHSM_OP_DECRYPT, .key = true, .mechanism = true,
	  .in_place = true, .output_holds_input = true, .seg = AEAD_SEGMENTS },
	{ .op = VHSM_OP_MAC, .key = true, .mechanism = true, .seg = {
		[VHSM_SEG_INPUT] = BULK(VHSM_INPUT_MAX),
		[VHSM_SEG_OUTPUT] = ROOM } },
	{ .op = VHSM_OP_MAC_VERIFY, .key = true, .mechanism = true, .seg = {
		[VHSM_SEG_INPUT] = BULK(VHSM_INPUT_MAX),
		[VHSM_SEG_TAG] = CHECKED(64) } },
	{ .op = VHSM_OP_RANDOM, .seg = {
		[VHSM_SEG_OUTPUT] = SEG(1, VHSM_RANDOM_MAX,
					VHSM_S_TOO_LARGE) } },
	{ .op = VHSM_OP_CANCEL },
};

/* Row of op_rules plus one for each op, so that finding one is a load. */
static const uint8_t op_row[VHSM_OP_CANCEL + 1] = {
	[VHSM_OP_NOP] = 1, [VHSM_OP_KEY_OPEN] = 2, [VHSM_OP_KEY_LIST] = 3,
	[VHSM_OP_KEY_PUBLIC] = 4, [VHSM_OP_SIGN] = 5, [VHSM_OP_VERIFY] = 6,
	[VHSM_OP_ENCRYPT] = 7, [VHSM_OP_DECRYPT] = 8, [VHSM_OP_MAC] = 9,
	[VHSM_OP_MAC_VERIFY] = 10, [VHSM_OP_RANDOM] = 11,
	[VHSM_OP_CANCEL] = 12,
};

_Static_assert(sizeof(struct vhsm_request) == 64, "a slot is 64 bytes");
_Static_assert(sizeof(struct vhsm_segment) == 8, "a segment is 8 bytes");

const char *vhsm_violation_text(unsigned violation)
{
	static const char *const text[VHSM_VIOLATION_COUNT] = {
		[VHSM_VIOLATION_NONE] = "none",
		[VHSM_VIOLATION_PRODUCER_BACKWARDS] =
			"the request producer index ran backwards",
		[VHSM_VIOLATION_PRODUCER_JUMP] =
			"the request producer index jumped over the ring",
		[VHSM_VIOLATION_OVERFLOW] =
			"requests were put into slots whose answers are due",
	};

	return violation < VHSM_VIOLATION_COUNT ? text[violation] : "unknown";
}

enum vhsm_violation vhsm_ring_check(uint32_t untrusted_prod, uint32_t cons,
				    uint32_t rsp_prod, uint32_t size,
				    uint32_t *count)
{
	uint32_t ahead = untrusted_prod - cons;

	/* Indices run freely through 2^32; a distance is what has meaning. */
	if (ahead > INT32_MAX)
		return VHSM_VIOLATION_PRODUCER_BACKWARDS;
	if (ahead > size)
		return VHSM_VIOLATION_PRODUCER_JUMP;
	if (untrusted_prod - rsp_prod > size)
		return VHSM_VIOLATION_OVERFLOW;
	*count = ahead;
	return VHSM_VIOLATION_NONE;
}

void vhsm_slot_copy(struct vhsm_request *private_copy,
		    const volatile void *untrusted_slot)
{
	const volatile uint64_t *from = untrusted_slot;
	uint64_t words[sizeof(*private_copy) / sizeof(uint64_t)];

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		words[i] = from[i];
	memcpy(private_copy, words, sizeof(words));
}

void vhsm_pool_copy(void *private_copy, const volatile uint8_t *untrusted_pool,
		    struct vhsm_segment segment)
{
	/* One pass; the compiler may not read again what it was told once. */
	memcpy(private_copy, (const uint8_t *)untrusted_pool + segment.offset,
	       segment.len);
	__asm__ volatile("" : : "r"(private_copy) : "memory");
}

bool vhsm_name_check(const char *name, size_t len)
{
	if (len < 1 || len > VHSM_NAME_MAX || name[0] == '.' || name[0] == '-')
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = name[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		      (c >= '0' && c <= '9') || c == '.' || c == '_' ||
		      c == '-'))
			return false;
	}
	return true;
}

size_t vhsm_digest_len(unsigned hash)
{
	switch (hash) {
	case VHSM_HASH_SHA256:
		return 32;
	case VHSM_HASH_SHA384:
		return 48;
	case VHSM_HASH_SHA512:
		return 64;
	default:
		return 0;
	}
}

static bool in_pool(struct vhsm_segment s, size_t pool_len)
{
	return s.len <= pool_len && s.offset <= pool_len - s.len;
}

static enum vhsm_status check_segment(struct vhsm_segment s,
				      const struct segment_rule *rule,
				      size_t pool_len)
{
	if (!rule->used)
		return s.offset || s.len ? VHSM_S_BAD_SEGMENT : VHSM_S_OK;
	if (!in_pool(s, pool_len))
		return VHSM_S_BAD_SEGMENT;
	if (s.len < rule->min)
		return VHSM_S_BAD_LENGTH;
	if (s.len > rule->max)
		return rule->over;
	return VHSM_S_OK;
}

static bool overlap(struct vhsm_segment a, struct vhsm_segment b)
{
	return a.len && b.len &&
	       a.offset < (uint64_t)b.offset + b.len &&
	       b.offset < (uint64_t)a.offset + a.len;
}

static bool any_overlap(const struct vhsm_segment *seg, bool in_place)
{
	for (unsigned a = 0; a < VHSM_SEGMENTS; a++) {
		for (unsigned b = a + 1; b < VHSM_SEGMENTS; b++) {
			if (in_place && a == VHSM_SEG_INPUT &&
			    b == VHSM_SEG_OUTPUT &&
			    seg[a].offset == seg[b].offset)
				continue;
			if (overlap(seg[a], seg[b]))
				return true;
		}
	}
	return false;
}

static enum vhsm_status check_segments(const struct vhsm_request *request,
				       const struct op_rule *rule,
				       size_t pool_len, uint32_t *need)
{
	const struct vhsm_segment *seg = request->u.seg;

	for (unsigned i = 0; i < VHSM_SEGMENTS; i++) {
		enum vhsm_status status = check_segment(seg[i], &rule->seg[i],
							pool_len);

		if (status)
			return status;
	}
	if (any_overlap(seg, rule->in_place))
		return VHSM_S_OVERLAP;
	if (rule->output_holds_input &&
	    seg[VHSM_SEG_OUTPUT].len < seg[VHSM_SEG_INPUT].len) {
		*need = seg[VHSM_SEG_INPUT].len;
		return VHSM_S_TOO_SMALL;
	}
	return VHSM_S_OK;
}

/* With F_DIGEST, INPUT is a digest of the mechanism's hash. */
static enum vhsm_status check_digest(const struct vhsm_request *request)
{
	unsigned hash = VHSM_MECH_HASH(request->mechanism);

	if (!(request->flags & VHSM_F_DIGEST))
		return VHSM_S_OK;
	if (hash == VHSM_HASH_NONE)
		return VHSM_S_BAD_FLAGS;
	if (!vhsm_digest_len(hash))
		return VHSM_S_BAD_MECHANISM;
	if (request->u.seg[VHSM_SEG_INPUT].len != vhsm_digest_len(hash))
		return VHSM_S_BAD_LENGTH;
	return VHSM_S_OK;
}

static bool cancel_reserved_is_zero(const struct vhsm_request *request)
{
	for (size_t i = 0; i < 4; i++)
		if (request->u.cancel.reserved[i])
			return false;
	return true;
}

enum vhsm_status vhsm_request_check(const struct vhsm_request *request,
				    size_t pool_len, uint32_t *need)
{
	const struct op_rule *rule;
	enum vhsm_status status;

	if (request->op > VHSM_OP_CANCEL || !op_row[request->op])
		return VHSM_S_BAD_OP;
	rule = &op_rules[op_row[request->op] - 1];
	if (request->flags & ~rule->flags)
		return VHSM_S_BAD_FLAGS;
	if (rule->mechanism != (request->mechanism != 0))
		return VHSM_S_BAD_MECHANISM;
	if (!rule->key && (request->key || request->key_version))
		return VHSM_S_BAD_RESERVED;
	if (request->op == VHSM_OP_CANCEL)
		return cancel_reserved_is_zero(request) ?
			VHSM_S_OK : VHSM_S_BAD_RESERVED;
	status = check_segments(request, rule, pool_len, need);
	return status ? status : check_digest(request);
}

uint32_t vhsm_directory_pages(uint32_t pool_pages)
{
	if (!pool_pages || pool_pages > VHSM_MAX_POOL_PAGES)
		return 0;
	return (pool_pages + VHSM_DIRECTORY_ENTRIES - 1) /
		VHSM_DIRECTORY_ENTRIES;
}

void vhsm_directory_copy(uint32_t *refs, const volatile void *untrusted_page,
			 size_t count)
{
	const volatile uint32_t *from = untrusted_page;

	if (count > VHSM_DIRECTORY_ENTRIES)
		count = VHSM_DIRECTORY_ENTRIES;
	for (size_t i = 0; i < count; i++)
		refs[i] = from[i];
}

static int compare_refs(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

enum vhsm_directory_fault vhsm_directory_check(uint32_t *refs, size_t count,
					       uint32_t *bad_ref)
{
	qsort(refs, count, sizeof(*refs), compare_refs);
	*bad_ref = 0;
	if (count && !refs[0])
		return VHSM_DIRECTORY_ZERO;
	for (size_t i = 1; i < count; i++) {
		if (refs[i] == refs[i - 1]) {
			*bad_ref = refs[i];
			return VHSM_DIRECTORY_DUPLICATE;
		}
	}
	return VHSM_DIRECTORY_OK;
}
