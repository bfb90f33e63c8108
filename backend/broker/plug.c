/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "broker/plug.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Others may be writing too; a conflict is tried again, but not for ever. */
#define TRIES 32u

struct node {
	const char *name;
	const char *value;		/* NULL: number */
	uint32_t number;
};

#define NODES(nodes) (nodes), sizeof(nodes) / sizeof((nodes)[0])

static int nodes_write(struct vhsm_store *store, xs_transaction_t t,
		       const char *dir, const struct node *nodes, size_t count)
{
	char path[VHSM_STORE_PATH + 64];
	int ret = 0;

	for (size_t i = 0; !ret && i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, nodes[i].name);
		ret = nodes[i].value ?
			vhsm_store_write(store, t, path, nodes[i].value) :
			vhsm_store_write_u32(store, t, path, nodes[i].number);
	}
	return ret;
}

/* A directory of owner's that reader may read. */
static int dir_make(struct vhsm_store *store, xs_transaction_t t,
		    const char *path, uint32_t owner, uint32_t reader)
{
	struct xs_permissions perms[2] = {
		{ .id = owner, .perms = XS_PERM_NONE },
		{ .id = reader, .perms = XS_PERM_READ },
	};

	if (!xs_mkdir(store->xs, t, path) ||
	    !xs_set_permissions(store->xs, t, path, perms, 2))
		return -errno;
	return 0;
}

/* Whether path is there, in the transaction. */
static bool exists(struct vhsm_store *store, xs_transaction_t t,
		   const char *path)
{
	unsigned len;
	void *value = xs_read(store->xs, t, path, &len);

	free(value);
	return value != NULL;
}

static int make_in(struct vhsm_store *store, xs_transaction_t t,
		   const struct vhsm_identity *id)
{
	char front[VHSM_STORE_PATH], back[VHSM_STORE_PATH];
	const struct node front_nodes[] = {
		{ VHSM_NODE_BACKEND, back, 0 },
		{ VHSM_NODE_BACKEND_ID, NULL, store->self },
		{ VHSM_NODE_HANDLE, NULL, id->device },
		{ VHSM_NODE_STATE, NULL, VHSM_XENBUS_INITIALISING },
	};
	const struct node back_nodes[] = {
		{ VHSM_NODE_FRONTEND, front, 0 },
		{ VHSM_NODE_FRONTEND_ID, NULL, id->domid },
		{ VHSM_NODE_HANDLE, NULL, id->device },
		{ VHSM_NODE_DOMAIN, id->domain, 0 },
		{ VHSM_NODE_KEYS, id->keys, 0 },
		{ VHSM_NODE_MONITOR, id->monitor, 0 },
		{ VHSM_NODE_ONLINE, NULL, 1 },
		{ VHSM_NODE_STATE, NULL, VHSM_XENBUS_INITIALISING },
	};
	int ret;

	vhsm_store_path(front, VHSM_PATH_FRONTEND, id->domid, id->device);
	vhsm_store_path(back, VHSM_PATH_BACKEND, store->self, id->domid,
			id->device);
	if (exists(store, t, back) || exists(store, t, front))
		return -EEXIST;
	ret = dir_make(store, t, back, store->self, id->domid);
	if (!ret)
		ret = dir_make(store, t, front, id->domid, store->self);
	if (!ret)
		ret = nodes_write(store, t, back, NODES(back_nodes));
	if (!ret)
		ret = nodes_write(store, t, front, NODES(front_nodes));
	return ret;
}

static int offer_in(struct vhsm_store *store, xs_transaction_t t,
		    const struct vhsm_identity *id,
		    const struct vhsm_config *config)
{
	char back[VHSM_STORE_PATH], versions[16];
	const struct node nodes[] = {
		{ VHSM_NODE_VERSIONS, versions, 0 },
		{ VHSM_NODE_MULTI_QUEUE_MAX_QUEUES, NULL, config->max_queues },
		{ VHSM_NODE_MAX_RING_PAGE_ORDER, NULL, config->max_ring_order },
		{ VHSM_NODE_MAX_POOL_PAGES, NULL, config->max_pool_pages },
		{ VHSM_NODE_STATE, NULL, VHSM_XENBUS_INIT_WAIT },
	};

	vhsm_store_path(back, VHSM_PATH_BACKEND, store->self, id->domid,
			id->device);
	snprintf(versions, sizeof(versions), "%u", VHSM_VERSION);
	return nodes_write(store, t, back, NODES(nodes));
}

/* Makes the nodes, or with a config offers. */
static int transact(struct vhsm_store *store, const struct vhsm_identity *id,
		    const struct vhsm_config *config)
{
	xs_transaction_t t;
	int ret = -EAGAIN;

	for (unsigned i = 0; ret == -EAGAIN && i < TRIES; i++) {
		t = xs_transaction_start(store->xs);
		if (t == XBT_NULL)
			return -errno;
		ret = config ? offer_in(store, t, id, config) :
			make_in(store, t, id);
		if (!xs_transaction_end(store->xs, t, ret != 0) && !ret)
			ret = -errno;
	}
	return ret;
}

int vhsm_plug_make(struct vhsm_store *store, const struct vhsm_identity *id)
{
	return transact(store, id, NULL);
}

int vhsm_plug_offer(struct vhsm_store *store, const struct vhsm_identity *id,
		    const struct vhsm_config *config)
{
	return transact(store, id, config);
}

void vhsm_plug_remove(struct vhsm_store *store,
		      const struct vhsm_identity *id, bool domain_gone)
{
	char path[VHSM_STORE_PATH];

	vhsm_store_path(path, VHSM_PATH_BACKEND, store->self, id->domid,
			id->device);
	xs_rm(store->xs, XBT_NULL, path);
	if (domain_gone)
		return;
	vhsm_store_path(path, VHSM_PATH_FRONTEND, id->domid, id->device);
	xs_rm(store->xs, XBT_NULL, path);
}
