/* SPDX-License-Identifier: Apache-2.0 */
/*
 * domains.h - which domains run: looked at anew on every @introduceDomain and
 * @releaseDomain.
 */
#ifndef VHSM_DOMAINS_H
#define VHSM_DOMAINS_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include <uuid/uuid.h>

struct vhsm_domain_seen {
	uint32_t domid;
	char uuid[UUID_STR_LEN];
	char name[80];			/* printable */
};

/* All that run but dom0, and count; of the callee until it returns. */
typedef void vhsm_domains_changed(const struct vhsm_domain_seen *list,
				  unsigned count, void *arg);

struct vhsm_domains;

/* NULL with errno; ENOENT: no xenstore here. */
struct vhsm_domains *vhsm_domains_new(struct event_base *,
				      vhsm_domains_changed *, void *arg);
void vhsm_domains_free(struct vhsm_domains **);

#endif /* VHSM_DOMAINS_H */
