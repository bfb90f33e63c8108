/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xen.h - devices of Xen's domains: found, plugged, walked through their
 * states, unplugged.
 */
#ifndef VHSM_XEN_H
#define VHSM_XEN_H

#include "broker/broker.h"
#include "broker/domain.h"

/* Connects to xenstore as config.xen says.  0, also when there is no Xen and
 * there need not be; or -errno, logged. */
int vhsm_xen_new(struct vhsm_broker *broker);
/* Begins an orderly end of every device; they come back with the next
 * broker. */
void vhsm_xen_stop(struct vhsm_xen *xen);
void vhsm_xen_free(struct vhsm_xen **xen);

/* Looks at every device again: something they wait for may have come. */
void vhsm_xen_wake(struct vhsm_xen *xen);

/* Plugs a device into a running domain.  0 with its number; -errno with why
 * (VHSM_TEXT_MAX), as when its monitor policy (monitor.h) cannot be read. */
int vhsm_xen_attach(struct vhsm_xen *xen, const struct vhsm_domain *domain,
		    const char *keys, const char *monitor, uint32_t *device,
		    char *why);
/* Begins to unplug one.  0 or -ENOENT. */
int vhsm_xen_detach(struct vhsm_xen *xen, uint32_t domid, uint32_t device);

/* The running domain so named, numbered or with that UUID (whichever is not
 * NULL).  0 or -ENOENT. */
int vhsm_xen_domain_find(struct vhsm_xen *xen, const char *name,
			 const uint32_t *domid, const uint8_t *uuid,
			 struct vhsm_domain *domain);

#endif /* VHSM_XEN_H */
