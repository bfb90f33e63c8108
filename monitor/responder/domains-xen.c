/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "responder/domains.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/xenstore.h"

#define DOMAINS_MAX	4096u		/* that we look at */

struct vhsm_domains {
	struct vhsm_store store;
	struct event *readable;
	vhsm_domains_changed *changed;
	void *arg;
	uint32_t numbers[DOMAINS_MAX];
	struct vhsm_domain_seen seen[DOMAINS_MAX];
};

/* false: it is gone again, or not complete; then another event follows. */
static bool domain_read(struct vhsm_domains *domains, uint32_t domid,
			struct vhsm_domain_seen *seen)
{
	char path[VHSM_STORE_PATH], vm[64];
	uint8_t uuid[16];

	seen->domid = domid;
	vhsm_store_path(path, VHSM_PATH_DOMAIN_VM, domid);
	if (vhsm_store_read_text(&domains->store, path, vm, sizeof(vm)) ||
	    strncmp(vm, "/vm/", 4) || uuid_parse(vm + 4, uuid))
		return false;
	uuid_unparse_lower(uuid, seen->uuid);
	vhsm_store_path(path, VHSM_PATH_DOMAIN_NAME, domid);
	return !vhsm_store_read_text(&domains->store, path, seen->name,
				     sizeof(seen->name));
}

static void look(struct vhsm_domains *domains)
{
	unsigned used = 0;
	int count = vhsm_store_list(&domains->store, VHSM_PATH_DOMAINS,
				    domains->numbers, DOMAINS_MAX);

	for (int i = 0; i < count && i < (int)DOMAINS_MAX; i++)
		if (domains->numbers[i] &&
		    domain_read(domains, domains->numbers[i],
				&domains->seen[used]))
			used++;
	if (count >= 0)
		domains->changed(domains->seen, used, domains->arg);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct vhsm_domains *domains = arg;
	bool any = false;
	char **event;

	(void)fd;
	(void)what;
	while ((event = xs_check_watch(domains->store.xs))) {
		free(event);
		any = true;
	}
	if (any)
		look(domains);
}

struct vhsm_domains *vhsm_domains_new(struct event_base *base,
				      vhsm_domains_changed *changed, void *arg)
{
	struct vhsm_domains *domains = calloc(1, sizeof(*domains));
	struct xs_handle *xs;
	int err;

	if (!domains)
		return NULL;
	domains->changed = changed;
	domains->arg = arg;
	xs = xs_open(0);
	if (!xs)
		goto err;
	domains->store.xs = xs;
	if (!xs_watch(xs, VHSM_PATH_INTRODUCE, "introduce") ||
	    !xs_watch(xs, VHSM_PATH_RELEASE, "release"))
		goto err;
	domains->readable = event_new(base, xs_fileno(xs),
				      EV_READ | EV_PERSIST, on_readable,
				      domains);
	if (domains->readable && !event_add(domains->readable, NULL))
		return domains;
	errno = ENOMEM;
err:
	err = errno;
	vhsm_domains_free(&domains);
	errno = err;
	return NULL;
}

void vhsm_domains_free(struct vhsm_domains **domains)
{
	struct vhsm_domains *d = *domains;

	*domains = NULL;
	if (!d)
		return;
	if (d->readable)
		event_free(d->readable);
	if (d->store.xs)
		xs_close(d->store.xs);
	free(d);
}
