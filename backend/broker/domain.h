/* SPDX-License-Identifier: Apache-2.0 */
/*
 * domain.h - from what an admin calls a domain to its UUID, which its keys
 * follow: a running domain by ID, UUID or name, else one of the configuration
 * files by UUID or name.
 */
#ifndef VHSM_DOMAIN_H
#define VHSM_DOMAIN_H

#include <limits.h>

#include "broker/broker.h"

#define VHSM_DOMAIN_WHY 512u

struct vhsm_domain {
	uint8_t uuid[16];
	bool running;
	uint32_t domid;			/* if running */
	char name[80];			/* "" unknown */
	char config[PATH_MAX];		/* its file, "" unknown */
};

/*
 * 0; or -ENOENT with why (VHSM_DOMAIN_WHY) saying what to do about it.  Any
 * UUID resolves, to itself, whether or not anything of that name exists: keys
 * may be made before the domain.
 */
int vhsm_domain_resolve(struct vhsm_broker *broker, const char *who,
			struct vhsm_domain *domain, char *why);

#endif /* VHSM_DOMAIN_H */
