/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xen.c - which domains run, and which devices they are to have.
 *
 * Two kinds of watch: @introduceDomain and @releaseDomain, on which all
 * domains are looked at anew; and each device's frontend state.  A domain
 * seen for the first time gets the devices of its configuration, unless this
 * backend's directory for it is there already: then an earlier broker has been
 * here, the devices are as it and the admin left them, and are adopted.
 * Directories of domains that are gone are removed.
 *
 * A domain is known by its ID and UUID: an ID that comes back with another
 * UUID is another domain.
 */
#include <config.h>

#include "broker/xen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/plug.h"
#include "broker/xen-device.h"
#include "common/log.h"
#include "common/xenstore.h"
#include "common/xlcfg.h"

#define DOMAINS_MAX	32752u		/* as Xen has it */
#define DEVICES_MAX	64u		/* of a domain */

struct domain {
	LIST_ENTRY(domain) link;
	uint32_t domid;
	uint8_t uuid[16];
	bool seen;			/* in the latest look */
};

struct vhsm_xen {
	struct vhsm_broker *broker;
	struct vhsm_store store;
	struct event *readable;
	LIST_HEAD(, domain) domains;
	struct vhsm_xen_device_list devices;
	bool look_again;		/* a domain waits for another's end */
};

static int uuid_read(struct vhsm_xen *xen, uint32_t domid, uint8_t uuid[16])
{
	char path[VHSM_STORE_PATH], vm[64];
	int ret;

	vhsm_store_path(path, VHSM_PATH_DOMAIN_VM, domid);
	ret = vhsm_store_read_text(&xen->store, path, vm, sizeof(vm));
	if (ret)
		return ret;
	return strncmp(vm, "/vm/", 4) || uuid_parse(vm + 4, uuid) ? -EINVAL : 0;
}

static void name_read(struct vhsm_xen *xen, uint32_t domid, char name[80])
{
	char path[VHSM_STORE_PATH];

	vhsm_store_path(path, VHSM_PATH_DOMAIN_NAME, domid);
	if (vhsm_store_read_text(&xen->store, path, name, 80))
		name[0] = '\0';
}

static void identity_set(struct vhsm_xen *xen, struct vhsm_identity *identity,
			 const struct domain *domain, uint32_t device,
			 const char *keys, const char *monitor)
{
	memset(identity, 0, sizeof(*identity));
	memcpy(identity->uuid, domain->uuid, sizeof(identity->uuid));
	uuid_unparse_lower(identity->uuid, identity->uuid_text);
	identity->domid = domain->domid;
	identity->device = device;
	name_read(xen, domain->domid, identity->domain);
	snprintf(identity->keys, sizeof(identity->keys), "%s", keys);
	snprintf(identity->monitor, sizeof(identity->monitor), "%s", monitor);
}

static struct vhsm_xen_device *device_find(struct vhsm_xen *xen,
					   uint32_t domid, uint32_t number)
{
	struct vhsm_xen_device *device;

	LIST_FOREACH(device, &xen->devices, link)
		if (device->device.identity.domid == domid &&
		    device->device.identity.device == number)
			return device;
	return NULL;
}

/* -errno, with why where there is more to say than that.  One whose policy
 * cannot be read is not plugged: nobody could tell what it demands. */
static int device_plug(struct vhsm_xen *xen, const struct domain *domain,
		       uint32_t number, const char *keys, const char *monitor,
		       char *why)
{
	struct vhsm_identity identity;
	bool demand;
	int ret;

	why[0] = '\0';
	identity_set(xen, &identity, domain, number, keys, monitor);
	if (vhsm_monitor_read(xen->broker->config.policy_dir, monitor, &demand,
			      why))
		return -EINVAL;
	ret = vhsm_plug_make(&xen->store, &identity);
	if (ret)
		return ret;
	if (!vhsm_xen_device_new(xen->broker, &xen->store, &identity, demand,
				 false, &xen->devices))
		return -errno;
	vhsm_log(LOG_INFO, "domain %s (%s, ID %u): device %u plugged, keys %s%s%s",
		 identity.uuid_text, identity.domain, identity.domid, number,
		 keys[0] ? keys : "all", monitor[0] ? ", monitor " : "",
		 monitor);
	return 0;
}

static void devices_plug(struct vhsm_xen *xen, const struct domain *domain,
			 const struct vhsm_xlcfg *cfg)
{
	for (unsigned i = 0; i < cfg->device_count; i++) {
		char why[VHSM_TEXT_MAX];
		int ret = device_plug(xen, domain, i, cfg->device[i].keys,
				      cfg->device[i].monitor, why);

		if (ret)
			vhsm_log(LOG_ERR, "domain %s (ID %u): cannot plug "
				 "device %u: %s", cfg->name, domain->domid, i,
				 why[0] ? why : strerror(-ret));
	}
}

/* A domain not seen before: what does its configuration say? */
static void domain_plan(struct vhsm_xen *xen, const struct domain *domain)
{
	const struct vhsm_config *config = &xen->broker->config;
	char name[80], uuid_text[UUID_STR_LEN];
	struct vhsm_xlcfg cfg;
	int ret;

	name_read(xen, domain->domid, name);
	uuid_unparse_lower(domain->uuid, uuid_text);
	ret = vhsm_xlcfg_find(config->config_dirs, config->config_dir_count,
			      domain->uuid, name, &cfg);
	if (ret == -EEXIST) {
		vhsm_log(LOG_WARNING, "domain %s (%s): several configurations "
			 "could be its, %s among them; not plugged: give each "
			 "a uuid line", uuid_text, name, cfg.path);
		return;
	}
	if (ret)
		return;
	if (cfg.error[0])
		vhsm_log(LOG_ERR, "%s: not plugged: %s", cfg.path, cfg.error);
	if (cfg.device_count && !cfg.has_uuid)
		vhsm_log(LOG_WARNING, "%s has no uuid line: the domain's UUID, "
			 "and with it its keys, is another each time it is "
			 "created; to keep this one add: uuid = \"%s\"",
			 cfg.path, uuid_text);
	devices_plug(xen, domain, &cfg);
}

/* "" where an earlier version wrote none.  What is there and is no name of a
 * policy is taken for one that cannot be read. */
static void monitor_read(struct vhsm_xen *xen, uint32_t domid, uint32_t number,
			 char *monitor)
{
	char path[VHSM_STORE_PATH];
	int ret;

	vhsm_store_path(path, VHSM_PATH_BACKEND_MONITOR, xen->store.self,
			domid, number);
	ret = vhsm_store_read_text(&xen->store, path, monitor,
				   VHSM_POLICY_NAME_MAX);
	if (ret)
		snprintf(monitor, VHSM_POLICY_NAME_MAX, "%s",
			 ret == -ENOENT ? "" : "?");
}

static void device_adopt(struct vhsm_xen *xen, const struct domain *domain,
			 uint32_t number, const char *keys)
{
	char monitor[VHSM_POLICY_NAME_MAX], why[VHSM_TEXT_MAX];
	struct vhsm_identity identity;
	bool demand;

	monitor_read(xen, domain->domid, number, monitor);
	identity_set(xen, &identity, domain, number, keys, monitor);
	if (vhsm_monitor_read(xen->broker->config.policy_dir, monitor, &demand,
			      why))
		vhsm_log(LOG_ERR, "domain %s (%s), device %u: %s; its keys "
			 "wait for a lease", identity.uuid_text,
			 identity.domain, number, why);
	if (vhsm_xen_device_new(xen->broker, &xen->store, &identity, demand,
				true, &xen->devices))
		vhsm_log(LOG_INFO, "domain %s (%s, ID %u): device %u found",
			 identity.uuid_text, identity.domain, identity.domid,
			 number);
}

static void devices_adopt(struct vhsm_xen *xen, const struct domain *domain,
			  const uint32_t *numbers, unsigned count)
{
	char path[VHSM_STORE_PATH], keys[1024];

	for (unsigned i = 0; i < count; i++) {
		vhsm_store_path(path, VHSM_PATH_BACKEND_KEYS, xen->store.self,
				domain->domid, numbers[i]);
		if (vhsm_store_read_text(&xen->store, path, keys,
					 sizeof(keys)) ||
		    !vhsm_key_list_check(keys)) {
			vhsm_log(LOG_ERR, "%s: not as we write it; the device "
				 "is left alone", path);
			continue;
		}
		device_adopt(xen, domain, numbers[i], keys);
	}
}

static void domain_new(struct vhsm_xen *xen, uint32_t domid,
		       const uint8_t uuid[16])
{
	struct domain *domain = calloc(1, sizeof(*domain));
	uint32_t numbers[DEVICES_MAX];
	char path[VHSM_STORE_PATH];
	int count;

	if (!domain)
		return;
	domain->domid = domid;
	domain->seen = true;
	memcpy(domain->uuid, uuid, sizeof(domain->uuid));
	LIST_INSERT_HEAD(&xen->domains, domain, link);
	vhsm_store_path(path, VHSM_PATH_BACKEND_GUEST, xen->store.self, domid);
	count = vhsm_store_list(&xen->store, path, numbers, DEVICES_MAX);
	if (count < 0)
		domain_plan(xen, domain);
	else
		devices_adopt(xen, domain, numbers,
			      count < (int)DEVICES_MAX ? count : DEVICES_MAX);
}

static void domain_gone(struct vhsm_xen *xen, struct domain *domain)
{
	struct vhsm_xen_device *device, *next;
	char path[VHSM_STORE_PATH];
	bool any = false;

	for (device = LIST_FIRST(&xen->devices); device; device = next) {
		next = LIST_NEXT(device, link);
		if (device->device.identity.domid != domain->domid)
			continue;
		any = true;
		vhsm_xen_device_domain_gone(device);
	}
	if (any)
		vhsm_log(LOG_INFO, "domain ID %u is gone", domain->domid);
	/* The engines may take a moment; the nodes need not. */
	vhsm_store_path(path, VHSM_PATH_BACKEND_GUEST, xen->store.self,
			domain->domid);
	xs_rm(xen->store.xs, XBT_NULL, path);
	LIST_REMOVE(domain, link);
	free(domain);
}

/* Whether devices of an earlier domain of this ID still wait for their
 * engines: their nodes and watches are those a new one's would have. */
static bool is_ending(const struct vhsm_xen *xen, uint32_t domid)
{
	const struct vhsm_xen_device *device;

	LIST_FOREACH(device, &xen->devices, link)
		if (device->device.identity.domid == domid)
			return true;
	return false;
}

static void domain_look(struct vhsm_xen *xen, uint32_t domid)
{
	struct domain *domain;
	uint8_t uuid[16];

	if (domid == xen->store.self ||
	    !xs_is_domain_introduced(xen->store.xs, domid) ||
	    uuid_read(xen, domid, uuid))
		return;
	LIST_FOREACH(domain, &xen->domains, link)
		if (domain->domid == domid)
			break;
	if (domain && memcmp(domain->uuid, uuid, sizeof(uuid))) {
		domain_gone(xen, domain);
		domain = NULL;
	}
	if (domain)
		domain->seen = true;
	else if (is_ending(xen, domid))
		xen->look_again = true;
	else
		domain_new(xen, domid, uuid);
}

static void domains_look(struct vhsm_xen *xen)
{
	uint32_t *domids = calloc(DOMAINS_MAX, sizeof(*domids));
	struct domain *domain, *next;
	int count;

	if (!domids)
		return;
	count = vhsm_store_list(&xen->store, VHSM_PATH_DOMAINS, domids,
				DOMAINS_MAX);
	LIST_FOREACH(domain, &xen->domains, link)
		domain->seen = false;
	for (int i = 0; i < count && i < (int)DOMAINS_MAX; i++)
		domain_look(xen, domids[i]);
	for (domain = LIST_FIRST(&xen->domains); domain; domain = next) {
		next = LIST_NEXT(domain, link);
		if (count >= 0 && !domain->seen)
			domain_gone(xen, domain);
	}
	free(domids);
}

/* Directories that an earlier broker left, of domains that went meanwhile. */
static void stale_remove(struct vhsm_xen *xen)
{
	uint32_t *domids = calloc(DOMAINS_MAX, sizeof(*domids));
	char path[VHSM_STORE_PATH];
	struct domain *domain;
	int count;

	if (!domids)
		return;
	vhsm_store_path(path, VHSM_PATH_BACKENDS, xen->store.self);
	count = vhsm_store_list(&xen->store, path, domids, DOMAINS_MAX);
	for (int i = 0; i < count && i < (int)DOMAINS_MAX; i++) {
		LIST_FOREACH(domain, &xen->domains, link)
			if (domain->domid == domids[i])
				break;
		if (domain || xs_is_domain_introduced(xen->store.xs, domids[i]))
			continue;
		vhsm_store_path(path, VHSM_PATH_BACKEND_GUEST, xen->store.self,
				domids[i]);
		xs_rm(xen->store.xs, XBT_NULL, path);
		vhsm_log(LOG_INFO, "%s removed: the domain is gone", path);
	}
	free(domids);
}

static void watch_event(struct vhsm_xen *xen, const char *path,
			const char *token)
{
	struct vhsm_xen_device *device;
	unsigned domid, number;

	if (!strcmp(token, VHSM_PATH_INTRODUCE) ||
	    !strcmp(token, VHSM_PATH_RELEASE)) {
		domains_look(xen);
		return;
	}
	(void)path;
	if (sscanf(token, "device/%u/%u", &domid, &number) != 2)
		return;
	device = device_find(xen, domid, number);
	if (device)
		vhsm_xen_device_event(device);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct vhsm_xen *xen = arg;
	char **event;

	(void)fd;
	(void)what;
	while (!xen->broker->stopping &&
	       (event = xs_check_watch(xen->store.xs))) {
		watch_event(xen, event[XS_WATCH_PATH], event[XS_WATCH_TOKEN]);
		free(event);
	}
}

static int store_open(struct vhsm_xen *xen)
{
	struct vhsm_store *store = &xen->store;

	store->xs = xs_open(0);
	if (!store->xs)
		return -errno;
	if (vhsm_store_read_u32(store, "domid", &store->self))
		store->self = 0;
	if (!xs_watch(store->xs, VHSM_PATH_INTRODUCE, VHSM_PATH_INTRODUCE) ||
	    !xs_watch(store->xs, VHSM_PATH_RELEASE, VHSM_PATH_RELEASE))
		return -errno;
	xen->readable = event_new(xen->broker->base, xs_fileno(store->xs),
				  EV_READ | EV_PERSIST, on_readable, xen);
	if (!xen->readable || event_add(xen->readable, NULL))
		return -ENOMEM;
	return 0;
}

int vhsm_xen_new(struct vhsm_broker *broker)
{
	struct vhsm_xen *xen;
	int ret;

	if (broker->config.xen == VHSM_XEN_OFF)
		return 0;
	xen = calloc(1, sizeof(*xen));
	if (!xen)
		return -ENOMEM;
	xen->broker = broker;
	LIST_INIT(&xen->domains);
	LIST_INIT(&xen->devices);
	ret = store_open(xen);
	if (ret) {
		vhsm_xen_free(&xen);
		if (broker->config.xen == VHSM_XEN_AUTO) {
			vhsm_log(LOG_INFO, "no xenstore (%s): no Xen devices",
				 strerror(-ret));
			return 0;
		}
		vhsm_log(LOG_ERR, "xenstore: %s; does xenstored run?",
			 strerror(-ret));
		return ret;
	}
	broker->xen = xen;
	domains_look(xen);
	stale_remove(xen);
	return 0;
}

void vhsm_xen_stop(struct vhsm_xen *xen)
{
	struct vhsm_xen_device *device;

	LIST_FOREACH(device, &xen->devices, link)
		vhsm_xen_device_suspend(device);
}

void vhsm_xen_free(struct vhsm_xen **xen)
{
	struct vhsm_xen *x = *xen;
	struct vhsm_xen_device *device;
	struct domain *domain;

	*xen = NULL;
	if (!x)
		return;
	while ((device = LIST_FIRST(&x->devices)))
		vhsm_xen_device_free(&device);
	while ((domain = LIST_FIRST(&x->domains))) {
		LIST_REMOVE(domain, link);
		free(domain);
	}
	if (x->readable)
		event_free(x->readable);
	if (x->store.xs)
		xs_close(x->store.xs);
	free(x);
}

void vhsm_xen_wake(struct vhsm_xen *xen)
{
	struct vhsm_xen_device *device, *next;

	for (device = LIST_FIRST(&xen->devices); device; device = next) {
		next = LIST_NEXT(device, link);
		vhsm_xen_device_walk(device);
	}
	if (xen->look_again) {
		xen->look_again = false;
		domains_look(xen);
	}
}

int vhsm_xen_attach(struct vhsm_xen *xen, const struct vhsm_domain *domain,
		    const char *keys, const char *monitor, uint32_t *number,
		    char *why)
{
	struct domain *record;
	int ret = -ENOSPC;

	LIST_FOREACH(record, &xen->domains, link)
		if (record->domid == domain->domid)
			break;
	if (!record) {
		snprintf(why, VHSM_TEXT_MAX, "the domain is gone");
		return -ENOENT;
	}
	for (*number = 0; *number < DEVICES_MAX; (*number)++) {
		if (device_find(xen, record->domid, *number))
			continue;
		ret = device_plug(xen, record, *number, keys, monitor, why);
		if (ret != -EEXIST)
			break;
	}
	if (ret == -ENOSPC)
		why[0] = '\0';
	if (ret && !why[0])
		snprintf(why, VHSM_TEXT_MAX, "cannot make the device's "
			 "xenstore nodes: %s", strerror(-ret));
	return ret;
}

int vhsm_xen_detach(struct vhsm_xen *xen, uint32_t domid, uint32_t number)
{
	struct vhsm_xen_device *device = device_find(xen, domid, number);

	if (!device)
		return -ENOENT;
	vhsm_xen_device_unplug(device);
	return 0;
}

int vhsm_xen_domain_find(struct vhsm_xen *xen, const char *name,
			 const uint32_t *domid, const uint8_t *uuid,
			 struct vhsm_domain *found)
{
	struct domain *domain;
	char its_name[80];

	LIST_FOREACH(domain, &xen->domains, link) {
		name_read(xen, domain->domid, its_name);
		if ((name && strcmp(name, its_name)) ||
		    (domid && *domid != domain->domid) ||
		    (uuid && memcmp(uuid, domain->uuid, 16)))
			continue;
		memcpy(found->uuid, domain->uuid, sizeof(found->uuid));
		found->running = true;
		found->domid = domain->domid;
		snprintf(found->name, sizeof(found->name), "%s", its_name);
		return 0;
	}
	return -ENOENT;
}
