/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handshake.c - fuzzes what turns a frontend's nodes into numbers.
 *
 * Input: lines "NODE=VALUE"; a node that is asked for and has no line does not
 * exist.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/handshake.h"

#define MUST(condition)	do { if (!(condition)) abort(); } while (0)

struct nodes {
	const char *text;
	size_t len;
	unsigned reads;
};

static int read_node(void *arg, const char *node, char *value, size_t room)
{
	struct nodes *nodes = arg;
	const char *at = nodes->text, *end = nodes->text + nodes->len, *eol;
	size_t name_len = strlen(node), len;

	nodes->reads++;
	for (; at < end; at = eol + 1) {
		eol = memchr(at, '\n', (size_t)(end - at));
		if (!eol)
			eol = end;
		if ((size_t)(eol - at) <= name_len || at[name_len] != '=' ||
		    memcmp(at, node, name_len))
			continue;
		len = (size_t)(eol - at) - name_len - 1;
		memcpy(value, at + name_len + 1, len < room ? len : room);
		return (int)len;
	}
	return -ENOENT;
}

static void check_queue(const struct vhsm_msg_connect_xen *m,
			const struct vhsm_msg_queue_xen *q,
			const struct vhsm_handshake_limits *limits)
{
	uint32_t i, pages;

	MUST(q->event_channel > 0);
	MUST(q->pool_pages >= 1 && q->pool_pages <= limits->max_pool_pages);
	pages = (q->pool_pages + VHSM_DIRECTORY_ENTRIES - 1) /
		VHSM_DIRECTORY_ENTRIES;
	for (i = 0; i < 1u << m->ring_order; i++)
		MUST(q->ring_ref[i] > 0);
	for (i = 0; i < pages; i++)
		MUST(q->directory_ref[i] > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct vhsm_handshake_limits limits = { 4, 2, 4096 };
	struct nodes nodes = { (const char *)data, len, 0 };
	static struct vhsm_msg_connect_xen m;
	char why[VHSM_TEXT_MAX] = "";
	uint32_t q;
	int r;

	r = vhsm_handshake_parse(read_node, &nodes, &limits, &m, why);
	MUST(nodes.reads <= 3 + 4 * (2 + 4 + 8));
	if (r) {
		MUST(r == -EINVAL && strnlen(why, sizeof(why)) < sizeof(why));
		for (q = 0; why[q]; q++)
			MUST(why[q] >= ' ' && why[q] <= '~');
		MUST(q > 0);
		return 0;
	}
	MUST(m.version == VHSM_VERSION);
	MUST(m.queues >= 1 && m.queues <= limits.max_queues);
	MUST(m.ring_order <= limits.max_ring_order);
	for (q = 0; q < m.queues; q++)
		check_queue(&m, &m.queue[q], &limits);
	return 0;
}
