// SPDX-License-Identifier: GPL-2.0-only
/*
 * hostile-nodes.c - attacks with xenstore nodes and states: each has to be
 * refused at connect, with an error that says why.
 */
#include <linux/delay.h>

#include "hostile.h"

/* Publishes the nodes; whether the backend closes, showing an error. */
static bool refused(struct hostile *h, const struct hostile_nodes *nodes,
		    char *said)
{
	bool good;

	if (hostile_publish(h, nodes)) {
		snprintf(said, HOSTILE_SAID_LEN, "nothing: cannot publish");
		return false;
	}
	good = hostile_wait_state(h, XenbusStateClosing, XenbusStateClosed,
				  HOSTILE_PARDON);
	hostile_say_state(h, said);
	return good && !strstr(said, "error none");
}

#define NODE_ATTACK(_name, ...)						\
static bool _name(struct hostile *h, char *said)			\
{									\
	static const struct hostile_nodes nodes = { __VA_ARGS__ };	\
									\
	return refused(h, &nodes, said);				\
}

NODE_ATTACK(bad_ring_ref, .ring_ref = "2147483647")
NODE_ATTACK(no_ring_ref, .ring_ref = "")
NODE_ATTACK(not_a_number, .ring_ref = "12x")
NODE_ATTACK(negative, .pool_pages = "-1")
NODE_ATTACK(leading_zero, .pool_pages = "0064")
NODE_ATTACK(beyond_64_bits, .pool_pages = "18446744073709551680")
NODE_ATTACK(pool_absurd, .pool_pages = "4294967295")
NODE_ATTACK(pool_none, .pool_pages = "0")
NODE_ATTACK(queues_absurd, .queues = "4000000000")
NODE_ATTACK(queues_none, .queues = "0")
NODE_ATTACK(order_absurd, .ring_order = "31")
NODE_ATTACK(version_unknown, .version = "9")

/* Taken up, but never offered. */
static bool feature_unknown(struct hostile *h, char *said)
{
	static const struct hostile_nodes nodes = {};
	bool good;

	if (xenbus_printf(XBT_NIL, h->xdev->nodename, "feature-teleport",
			  "%d", 1))
		return false;
	good = refused(h, &nodes, said);
	xenbus_rm(XBT_NIL, h->xdev->nodename, "feature-teleport");
	return good;
}

NODE_ATTACK(bad_port, .port = "4294967295")
NODE_ATTACK(bad_directory_ref, .directory_ref = "2147483647")

static void all_the_same(struct hostile *h, __le32 *entries)
{
	unsigned int i;

	for (i = 1; i < HOSTILE_POOL_PAGES; i++)
		entries[i] = entries[0];
}

static void garbage(struct hostile *h, __le32 *entries)
{
	unsigned int i;

	for (i = 0; i < HOSTILE_POOL_PAGES; i++)
		entries[i] = cpu_to_le32(0x7fa50000 + i);
}

/* Aliases hurt their owner only: refused, or served without harm. */
static bool directory_duplicates(struct hostile *h, char *said)
{
	static const struct hostile_nodes nodes = {
		.directory = all_the_same,
	};

	if (hostile_publish(h, &nodes) ||
	    !hostile_wait_state(h, XenbusStateConnected, XenbusStateClosed,
				HOSTILE_PARDON))
		return false;
	hostile_say_state(h, said);
	return READ_ONCE(h->backend) == XenbusStateClosed || hostile_alive(h);
}

NODE_ATTACK(directory_garbage, .directory = garbage)

/* Grants ended between publishing and mapping. */
static void revoked(struct hostile *h, __le32 *entries)
{
	unsigned int i;

	for (i = 0; i < HOSTILE_POOL_PAGES; i++) {
		get_page(h->pool[i]);
		vhsm_grant_end(h->pool_refs[i], h->pool[i]);
		h->pool_refs[i] = 0;
	}
}

NODE_ATTACK(pool_revoked_early, .directory = revoked)

/*
 * Any state at any time, ending in Closed: the backend may answer as it likes,
 * but a proper connection must work afterwards.
 */
static bool states_out_of_order(struct hostile *h, char *said)
{
	static const int states[] = { 4, 1, 3, 6, 2, 99, 0, 5, 3, 4, 4, 1 };
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(states); i++) {
		xenbus_printf(XBT_NIL, h->xdev->nodename, "state", "%d",
			      states[i]);
		msleep(100);
	}
	xenbus_write(XBT_NIL, h->xdev->nodename, "state", "rubbish");
	msleep(300);
	hostile_say_state(h, said);
	err = hostile_connect(h);
	return !err && hostile_alive(h);
}

const struct hostile_attack hostile_node_attacks[] = {
	{ "bad-ring-ref", false, bad_ring_ref },
	{ "no-ring-ref", false, no_ring_ref },
	{ "not-a-number", false, not_a_number },
	{ "negative", false, negative },
	{ "leading-zero", false, leading_zero },
	{ "beyond-64-bits", false, beyond_64_bits },
	{ "pool-absurd", false, pool_absurd },
	{ "pool-none", false, pool_none },
	{ "queues-absurd", false, queues_absurd },
	{ "queues-none", false, queues_none },
	{ "order-absurd", false, order_absurd },
	{ "version-unknown", false, version_unknown },
	{ "feature-unknown", false, feature_unknown },
	{ "bad-port", false, bad_port },
	{ "bad-directory-ref", false, bad_directory_ref },
	{ "directory-duplicates", false, directory_duplicates },
	{ "directory-garbage", false, directory_garbage },
	{ "pool-revoked-early", false, pool_revoked_early },
	{ "states-out-of-order", false, states_out_of_order },
	{ }
};
