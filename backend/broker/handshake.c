/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "broker/handshake.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/decimal.h"
#include "common/log.h"

struct reader {
	vhsm_handshake_read *read;
	void *arg;
	char *why;
};

int vhsm_handshake_features(char *const *untrusted_names, unsigned count,
			    char *why)
{
	static const char prefix[] = "feature-";
	char shown[64];

	for (unsigned i = 0; i < count; i++) {
		const char *name = untrusted_names[i];

		if (strncmp(name, prefix, strlen(prefix)))
			continue;
		snprintf(why, VHSM_TEXT_MAX, "%s: not a feature that was offered",
			 vhsm_log_escape(shown, sizeof(shown), name,
					 strlen(name)));
		return -EINVAL;
	}
	return 0;
}

static int node_read(const struct reader *reader, const char *node,
		     uint32_t min, uint32_t max, uint32_t *out)
{
	char untrusted[VHSM_DECIMAL_ROOM], shown[64];
	int len = reader->read(reader->arg, node, untrusted,
			       sizeof(untrusted));

	if (len < 0) {
		snprintf(reader->why, VHSM_TEXT_MAX, "%s: %s", node,
			 len == -ENOENT ? "missing" : strerror(-len));
		return -EINVAL;
	}
	if ((size_t)len <= sizeof(untrusted) &&
	    !vhsm_decimal_parse(untrusted, len, out) &&
	    *out >= min && *out <= max)
		return 0;
	if ((size_t)len > sizeof(untrusted))
		len = sizeof(untrusted);
	snprintf(reader->why, VHSM_TEXT_MAX,
		 "%s: \"%s\" is not a number from %u to %u", node,
		 vhsm_log_escape(shown, sizeof(shown), untrusted, len),
		 min, max);
	return -EINVAL;
}

/* "queue-Q/NAME" or, with i >= 0, "queue-Q/NAMEi". */
static int queue_node_read(const struct reader *reader, unsigned q,
			   const char *name, int i, uint32_t max,
			   uint32_t *out)
{
	char node[64];

	if (i < 0)
		snprintf(node, sizeof(node), "queue-%u/%s", q, name);
	else
		snprintf(node, sizeof(node), "queue-%u/%s%d", q, name, i);
	return node_read(reader, node, 1, max, out);
}

static int queue_read(const struct reader *reader, unsigned q,
		      uint32_t ring_order, uint32_t max_pool_pages,
		      struct vhsm_msg_queue_xen *out)
{
	unsigned directories;
	int ret;

	for (unsigned i = 0; i < 1u << ring_order; i++) {
		ret = queue_node_read(reader, q, "ring-ref", i, UINT32_MAX,
				      &out->ring_ref[i]);
		if (ret)
			return ret;
	}
	ret = queue_node_read(reader, q, "event-channel", -1, UINT32_MAX,
			      &out->event_channel);
	if (ret)
		return ret;
	ret = queue_node_read(reader, q, "pool-pages", -1, max_pool_pages,
			      &out->pool_pages);
	if (ret)
		return ret;
	directories = (out->pool_pages + VHSM_DIRECTORY_ENTRIES - 1) /
		VHSM_DIRECTORY_ENTRIES;
	for (unsigned i = 0; i < directories; i++) {
		ret = queue_node_read(reader, q, "pool-directory-ref", i,
				      UINT32_MAX, &out->directory_ref[i]);
		if (ret)
			return ret;
	}
	return 0;
}

int vhsm_handshake_parse(vhsm_handshake_read *read, void *arg,
			 const struct vhsm_handshake_limits *limits,
			 struct vhsm_msg_connect_xen *out, char *why)
{
	const struct reader reader = { read, arg, why };
	int ret;

	memset(out, 0, sizeof(*out));
	out->hdr.type = VHSM_MSG_CONNECT_XEN;
	out->hdr.len = sizeof(*out);
	ret = node_read(&reader, "version", VHSM_VERSION, VHSM_VERSION,
			&out->version);
	if (!ret)
		ret = node_read(&reader, "multi-queue-num-queues", 1,
				limits->max_queues, &out->queues);
	if (!ret)
		ret = node_read(&reader, "ring-page-order", 0,
				limits->max_ring_order, &out->ring_order);
	for (unsigned q = 0; !ret && q < out->queues; q++)
		ret = queue_read(&reader, q, out->ring_order,
				 limits->max_pool_pages, &out->queue[q]);
	return ret;
}
