/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disks.c - a guest's disks as they are to come back.  libxl's list of them is
 * of xenstore, which has neither format nor script: without these no disk can
 * be plugged.  The domain's configuration has both.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "responder/act/act.h"

static const libxl_device_disk *configured(const libxl_domain_config *config,
					   const char *vdev)
{
	for (int i = 0; vdev && i < config->num_disks; i++)
		if (config->disks[i].vdev &&
		    !strcmp(config->disks[i].vdev, vdev))
			return &config->disks[i];
	return NULL;
}

static json_t *disk_json(struct vhsm_act *act, const libxl_device_disk *disk)
{
	char *text = libxl_device_disk_to_json(act->xl,
					       (libxl_device_disk *)disk);
	json_t *json = text ? json_loads(text, 0, NULL) : NULL;

	free(text);
	return json;
}

bool vhsm_act_disks(struct vhsm_act *act, uint32_t domid, json_t *list)
{
	int count = 0, ret;
	libxl_device_disk *disks = libxl_device_disk_list(act->xl, domid,
							  &count);
	const libxl_device_disk *disk;
	libxl_domain_config config;

	libxl_domain_config_init(&config);
	ret = libxl_retrieve_domain_configuration(act->xl, domid, &config,
						  NULL);
	for (int i = 0; i < count; i++) {
		disk = ret ? NULL : configured(&config, disks[i].vdev);
		json_array_append_new(list, disk_json(act, disk ? disk :
						      &disks[i]));
	}
	libxl_domain_config_dispose(&config);
	if (disks)
		libxl_device_disk_list_free(disks, count);
	return !ret;
}
