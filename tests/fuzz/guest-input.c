/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-input.c - fuzzes what looks at a guest's bytes: ring indices, slots,
 * the pool directory, names.
 *
 * Input: 4 bytes pool pages, 12 bytes indices, 64 bytes a slot, then the
 * beginning of the pool, which also serves as a directory page.  What the
 * header promises of a request that passed is checked here by other means
 * than in the code under test: a map of the pool's bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "transport/guest-input.h"

#define POOL_PAGES_MAX	20u
#define MUST(condition)	do { if (!(condition)) abort(); } while (0)

struct input {
	uint32_t pool_pages;
	uint32_t prod;
	uint32_t cons;
	uint32_t rsp_prod;
	uint8_t slot[64];
};

static void fuzz_ring(const struct input *in)
{
	uint32_t size = 32u << in->pool_pages % 5, count = UINT32_MAX;
	uint32_t rsp = in->cons - in->rsp_prod % (size + 1);
	enum vhsm_violation v;

	v = vhsm_ring_check(in->prod, in->cons, rsp, size, &count);
	MUST(vhsm_violation_text(v));
	if (v != VHSM_VIOLATION_NONE)
		return;
	MUST(count <= size);
	MUST(in->cons + count == in->prod);
	MUST(in->prod - rsp <= size);
}

/* Marks a segment's bytes; none may be marked twice. */
static void mark(uint8_t *map, size_t pool_len, struct vhsm_segment s,
		 uint8_t with, uint8_t may_meet)
{
	uint64_t i;

	MUST((uint64_t)s.offset + s.len <= pool_len);
	for (i = s.offset; i < (uint64_t)s.offset + s.len; i++) {
		MUST((map[i] & ~may_meet) == 0);
		map[i] |= with;
	}
}

static void check_passed(const struct vhsm_request *r, const uint8_t *pool,
			 size_t pool_len)
{
	const struct vhsm_segment *seg = r->u.seg;
	uint8_t *map = calloc(1, pool_len + 1);
	uint8_t copy[VHSM_SIG_MAX];
	bool in_place;
	unsigned i;

	in_place = (r->op == VHSM_OP_ENCRYPT || r->op == VHSM_OP_DECRYPT) &&
		seg[VHSM_SEG_INPUT].offset == seg[VHSM_SEG_OUTPUT].offset;
	for (i = 0; map && i < VHSM_SEGMENTS; i++)
		mark(map, pool_len, seg[i], (uint8_t)(1u << i),
		     i == VHSM_SEG_OUTPUT && in_place ? 1u << VHSM_SEG_INPUT :
		     0);
	free(map);
	MUST(seg[VHSM_SEG_PARAM].len <= VHSM_NAME_MAX);
	MUST(seg[VHSM_SEG_TAG].len <= VHSM_SIG_MAX);
	MUST(seg[VHSM_SEG_AAD].len <= VHSM_AAD_MAX);
	MUST(seg[VHSM_SEG_INPUT].len <= VHSM_INPUT_MAX);
	vhsm_pool_copy(copy, pool, seg[VHSM_SEG_PARAM]);
	if (r->op == VHSM_OP_KEY_OPEN)
		vhsm_name_check((const char *)copy, seg[VHSM_SEG_PARAM].len);
	vhsm_pool_copy(copy, pool, seg[VHSM_SEG_TAG]);
}

static void fuzz_request(const struct input *in, const uint8_t *pool,
			 size_t pool_len)
{
	struct vhsm_request request;
	enum vhsm_status status;
	uint64_t slot[8];
	uint32_t need = 0;

	memcpy(slot, in->slot, sizeof(slot));	/* slots are aligned */
	vhsm_slot_copy(&request, slot);
	MUST(!memcmp(&request, in->slot, sizeof(request)));
	status = vhsm_request_check(&request, pool_len, &need);
	MUST(status == VHSM_S_OK || (status >= 100 && status < 200));
	if (status == VHSM_S_TOO_SMALL)
		MUST(need > request.u.seg[VHSM_SEG_OUTPUT].len);
	if (status == VHSM_S_OK && request.op != VHSM_OP_CANCEL)
		check_passed(&request, pool, pool_len);
}

static void fuzz_directory(const struct input *in, const uint8_t *page)
{
	uint32_t refs[VHSM_DIRECTORY_ENTRIES], bad = 0;
	size_t count = in->prod % (VHSM_DIRECTORY_ENTRIES + 1), i;
	enum vhsm_directory_fault fault;
	uint32_t pages = vhsm_directory_pages(in->pool_pages);

	MUST(pages <= VHSM_MAX_DIRECTORY_PAGES);
	MUST((uint64_t)pages * VHSM_DIRECTORY_ENTRIES >= in->pool_pages ||
	     in->pool_pages > VHSM_MAX_POOL_PAGES);
	vhsm_directory_copy(refs, page, count);
	fault = vhsm_directory_check(refs, count, &bad);
	for (i = 1; fault == VHSM_DIRECTORY_OK && i < count; i++)
		MUST(refs[i - 1] && refs[i - 1] < refs[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input in;
	size_t pool_len;
	uint8_t *pool;

	if (len < sizeof(in))
		return -1;
	memcpy(&in, data, sizeof(in));
	data += sizeof(in);
	len -= sizeof(in);
	pool_len = (1 + in.pool_pages % POOL_PAGES_MAX) * VHSM_PAGE_SIZE;
	pool = calloc(1, pool_len);		/* guarded by the sanitizer */
	if (!pool)
		return -1;
	memcpy(pool, data, len < pool_len ? len : pool_len);
	fuzz_ring(&in);
	fuzz_request(&in, pool, pool_len);
	fuzz_directory(&in, pool);
	free(pool);
	return 0;
}
