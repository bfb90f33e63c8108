/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "broker/domain.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "broker/handshake.h"
#include "broker/xen.h"
#include "common/decimal.h"
#include "common/xlcfg.h"

static void config_fill(const struct vhsm_broker *broker,
			struct vhsm_domain *domain)
{
	struct vhsm_xlcfg cfg;

	if (vhsm_xlcfg_find(broker->config.config_dirs,
			    broker->config.config_dir_count, domain->uuid,
			    domain->name, &cfg))
		return;
	snprintf(domain->config, sizeof(domain->config), "%s", cfg.path);
	if (!domain->name[0])
		snprintf(domain->name, sizeof(domain->name), "%s", cfg.name);
}

static bool running_find(struct vhsm_broker *broker, const char *who,
			 const uint8_t *uuid, struct vhsm_domain *domain)
{
	uint32_t domid;

	if (!broker->xen)
		return false;
	if (uuid)
		return !vhsm_xen_domain_find(broker->xen, NULL, NULL, uuid,
					     domain);
	/* As xl does: what looks like an ID is one. */
	if (!vhsm_decimal_parse(who, strlen(who), &domid))
		return !vhsm_xen_domain_find(broker->xen, NULL, &domid, NULL,
					     domain);
	return !vhsm_xen_domain_find(broker->xen, who, NULL, NULL, domain);
}

/* A line to paste: RFC 9562 version 4. */
static void uuid_line(char *line, size_t room)
{
	char text[UUID_STR_LEN];
	uint8_t uuid[16] = { 0 };

	if (getrandom(uuid, sizeof(uuid), 0) != sizeof(uuid)) {
		snprintf(line, room, "uuid = \"(output of uuidgen)\"");
		return;
	}
	uuid[6] = (uuid[6] & 0x0f) | 0x40;
	uuid[8] = (uuid[8] & 0x3f) | 0x80;
	uuid_unparse_lower(uuid, text);
	snprintf(line, room, "uuid = \"%s\"", text);
}

static int by_config(struct vhsm_broker *broker, const char *who,
		     struct vhsm_domain *domain, char *why)
{
	struct vhsm_xlcfg cfg;
	char line[64];
	int ret = vhsm_xlcfg_find(broker->config.config_dirs,
				  broker->config.config_dir_count, NULL, who,
				  &cfg);

	if (ret == -EEXIST) {
		snprintf(why, VHSM_DOMAIN_WHY, "several configurations name "
			 "the domain %.79s, %.200s among them; say which by "
			 "its UUID", who, cfg.path);
		return -ENOENT;
	}
	if (ret) {
		snprintf(why, VHSM_DOMAIN_WHY, "no running domain, and no "
			 "*.cfg in the config-dirs of vhsmd.conf, is named "
			 "%.79s", who);
		return -ENOENT;
	}
	if (!cfg.has_uuid) {
		uuid_line(line, sizeof(line));
		snprintf(why, VHSM_DOMAIN_WHY, "%.200s has no uuid line, so "
			 "the domain gets a new UUID, and none of its keys, "
			 "each time it is created; add to it:\n%s", cfg.path,
			 line);
		return -ENOENT;
	}
	memcpy(domain->uuid, cfg.uuid, sizeof(domain->uuid));
	snprintf(domain->name, sizeof(domain->name), "%s", cfg.name);
	snprintf(domain->config, sizeof(domain->config), "%s", cfg.path);
	return 0;
}

int vhsm_domain_resolve(struct vhsm_broker *broker, const char *who,
			struct vhsm_domain *domain, char *why)
{
	bool is_uuid;

	memset(domain, 0, sizeof(*domain));
	is_uuid = !uuid_parse(who, domain->uuid);
	if (running_find(broker, who, is_uuid ? domain->uuid : NULL, domain) ||
	    is_uuid) {
		config_fill(broker, domain);
		return 0;
	}
	return by_config(broker, who, domain, why);
}
