// SPDX-License-Identifier: GPL-2.0-only
/*
 * hostile-pool.c - attacks on shared pages while the backend uses them.
 */
#include <linux/kthread.h>
#include <linux/string.h>

#include "hostile.h"

#define FLIP_ROUNDS	200
#define FLIP_LEN	(16 * VHSM_PAGE_SIZE)

/*
 * Revokes grants the backend has mapped.  The hypervisor keeps a mapping that
 * is in use; the backend must neither notice nor mind.
 */
static bool pool_revoked_late(struct hostile *h, char *said)
{
	unsigned int i, busy = 0;
	bool alive;

	for (i = 0; i < HOSTILE_POOL_PAGES; i++) {
		get_page(h->pool[i]);
		vhsm_grant_end(h->pool_refs[i], h->pool[i]);
		busy += page_count(h->pool[i]) > 1;
		h->pool_refs[i] = 0;
	}
	alive = hostile_alive(h);
	snprintf(said, HOSTILE_SAID_LEN, "%s with %u of %u grants revoked in use",
		 alive ? "status 0" : "nothing", busy, HOSTILE_POOL_PAGES);
	return alive;
}

/* Changes bytes all over the first pages until told to stop. */
static int flipper(void *data)
{
	struct hostile *h = data;
	unsigned int i = 0;
	u8 *page;

	while (!kthread_should_stop()) {
		page = page_address(h->pool[i % 16]);
		page[(i * 7) % VHSM_PAGE_SIZE] ^= 0xff;
		if (!(++i & 0xff))
			cond_resched();
	}
	return 0;
}

/* Asks FLIP_ROUNDS times while the bytes change; how many were answered. */
static unsigned int ask_flipping(struct hostile *h,
				 const struct vhsm_request *request,
				 unsigned int *ok)
{
	struct vhsm_response response;
	struct task_struct *task;
	unsigned int i, answers = 0;

	*ok = 0;
	task = kthread_run(flipper, h, "vhsm-flipper");
	if (IS_ERR(task))
		return 0;
	for (i = 0; i < FLIP_ROUNDS; i++) {
		if (hostile_ask(h, request, &response))
			break;
		answers++;
		*ok += response.status == VHSM_S_OK;
	}
	kthread_stop(task);
	return answers;
}

/* The name changes between the backend's looks at it. */
static bool flip_name(struct hostile *h, char *said)
{
	struct vhsm_request request = { .op = VHSM_OP_KEY_OPEN };
	unsigned int answers, ok;

	memset(page_address(h->pool[0]), 'a', VHSM_PAGE_SIZE);
	request.u.seg[VHSM_SEG_PARAM].len = VHSM_NAME_MAX;
	request.u.seg[VHSM_SEG_OUTPUT].offset = 20 * VHSM_PAGE_SIZE;
	request.u.seg[VHSM_SEG_OUTPUT].len = sizeof(struct vhsm_key_info);
	answers = ask_flipping(h, &request, &ok);
	snprintf(said, HOSTILE_SAID_LEN, "%u answers to %u names, %u of them OK",
		 answers, FLIP_ROUNDS, ok);
	return answers == FLIP_ROUNDS && !ok && hostile_alive(h);
}

static u32 key_open(struct hostile *h, const char *name)
{
	struct vhsm_request request = { .op = VHSM_OP_KEY_OPEN };
	struct vhsm_response response;
	u32 len = min_t(size_t, strlen(name), VHSM_NAME_MAX);

	memcpy(page_address(h->pool[0]), name, len);
	request.u.seg[VHSM_SEG_PARAM].len = len;
	request.u.seg[VHSM_SEG_OUTPUT].offset = VHSM_PAGE_SIZE;
	request.u.seg[VHSM_SEG_OUTPUT].len = sizeof(struct vhsm_key_info);
	if (hostile_ask(h, &request, &response) ||
	    response.status != VHSM_S_OK)
		return 0;
	return response.key;
}

/* The plaintext changes while it is encrypted: an answer about a mixture. */
static bool flip_input(struct hostile *h, char *said)
{
	struct vhsm_request request = { .op = VHSM_OP_ENCRYPT,
					.mechanism = VHSM_MECH_AES_GCM };
	unsigned int answers, ok;

	request.key = key_open(h, hostile_key);
	if (!request.key) {
		snprintf(said, HOSTILE_SAID_LEN, "no: it has no key \"%s\" here (parameter key=)",
			 hostile_key);
		return false;
	}
	request.u.seg[VHSM_SEG_INPUT].len = FLIP_LEN;
	request.u.seg[VHSM_SEG_OUTPUT].offset = FLIP_LEN;
	request.u.seg[VHSM_SEG_OUTPUT].len = FLIP_LEN;
	request.u.seg[VHSM_SEG_PARAM].offset = 2 * FLIP_LEN;
	request.u.seg[VHSM_SEG_PARAM].len = VHSM_NONCE_LEN;
	request.u.seg[VHSM_SEG_TAG].offset = 2 * FLIP_LEN + 64;
	request.u.seg[VHSM_SEG_TAG].len = VHSM_TAG_LEN;
	answers = ask_flipping(h, &request, &ok);
	snprintf(said, HOSTILE_SAID_LEN, "%u answers to %u requests, %u of them OK",
		 answers, FLIP_ROUNDS, ok);
	return answers == FLIP_ROUNDS && ok == answers && hostile_alive(h);
}

const struct hostile_attack hostile_pool_attacks[] = {
	{ "pool-revoked-late", true, pool_revoked_late },
	{ "flip-name", true, flip_name },
	{ "flip-input", true, flip_input },
	{ }
};
