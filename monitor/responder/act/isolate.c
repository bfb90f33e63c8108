/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isolate.c - takes network devices and disks from a guest, or moves the
 * former to a bridge for such guests, and gives them back.  Forcibly: the
 * guest, which may be the attacker's, is not asked.
 *
 * What was taken is written down as libxl writes it, so that it comes back as
 * it was: the same numbers, MAC addresses, bridges and images.
 */
#include <config.h>

#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxl_utils.h>

#include "responder/act/act.h"

static json_t *parsed(char *text)
{
	json_t *json = text ? json_loads(text, 0, NULL) : NULL;

	free(text);
	return json;
}

/* What became of the network devices. */
struct moves {
	const char *bridge;		/* "": they are unplugged */
	json_int_t moved;
	char note[160];			/* why some were not */
};

/* A script that knows of no bridge would plug the device where it was. */
static bool script_bridges(const char *script)
{
	const char *name = script ? strrchr(script, '/') : NULL;

	name = name ? name + 1 : script;
	return name && (!strcmp(name, "vif-bridge") ||
			!strcmp(name, "vif-openvswitch"));
}

/* 0 or libxl's error. */
static int nic_plug(struct vhsm_act *act, uint32_t domid,
		    libxl_device_nic *nic, const char *bridge)
{
	free(nic->bridge);
	nic->bridge = strdup(bridge);
	if (!script_bridges(nic->script)) {
		free(nic->script);
		nic->script = NULL;	/* Xen's own */
	}
	return nic->bridge ? libxl_device_nic_add(act->xl, domid, nic, NULL) :
		ERROR_NOMEM;
}

/* What plugging it in vain may have left.  0 or libxl's error. */
static int nic_unplug_half(struct vhsm_act *act, uint32_t domid, int devid)
{
	libxl_device_nic half;
	int ret = 0;

	libxl_device_nic_init(&half);
	if (!libxl_devid_to_device_nic(act->xl, domid, devid, &half))
		ret = libxl_device_nic_destroy(act->xl, domid, &half, NULL);
	libxl_device_nic_dispose(&half);
	return ret;
}

/* One that cannot be moved stays unplugged: that isolates, too. */
static int nic_move(struct vhsm_act *act, uint32_t domid,
		    libxl_device_nic *nic, struct moves *moves)
{
	int ret = libxl_device_nic_destroy(act->xl, domid, nic, NULL);

	if (ret)
		return vhsm_act_fail(act, "network device %d cannot be "
				     "unplugged: %s", nic->devid,
				     vhsm_act_xl_error(ret));
	if (!moves->bridge[0])
		return 0;
	/* libxl would wait for its script to fail.  What a driver domain has
	 * only libxl can tell. */
	if (!nic->backend_domid && !if_nametoindex(moves->bridge)) {
		snprintf(moves->note, sizeof(moves->note),
			 "there is no bridge %.15s", moves->bridge);
		return 0;
	}
	ret = nic_plug(act, domid, nic, moves->bridge);
	if (!ret) {
		moves->moved++;
		return 0;
	}
	snprintf(moves->note, sizeof(moves->note), "device %d cannot be "
		 "plugged to %.15s: %.60s", nic->devid, moves->bridge,
		 vhsm_act_xl_error(ret));
	ret = nic_unplug_half(act, domid, nic->devid);
	return !ret ? 0 :
		vhsm_act_fail(act, "%s, and is not unplugged: %s", moves->note,
			      vhsm_act_xl_error(ret));
}

/* Those on the quarantine bridge already are as they should be. */
static int nics_take(struct vhsm_act *act, uint32_t domid,
		     struct moves *moves, json_t *taken)
{
	int count = 0, ret = 0;
	libxl_device_nic *nics = libxl_device_nic_list(act->xl, domid, &count);

	for (int i = 0; i < count; i++) {
		if (moves->bridge[0] && nics[i].bridge &&
		    !strcmp(nics[i].bridge, moves->bridge))
			continue;
		json_array_append_new(taken, parsed(
			libxl_device_nic_to_json(act->xl, &nics[i])));
		if (nic_move(act, domid, &nics[i], moves))
			ret = -1;
	}
	if (nics)
		libxl_device_nic_list_free(nics, count);
	return ret;
}

static int disks_take(struct vhsm_act *act, uint32_t domid, json_t *taken)
{
	int count = 0, ret = 0, err;
	libxl_device_disk *disks = libxl_device_disk_list(act->xl, domid,
							  &count);

	vhsm_act_disks(act, domid, taken);
	for (int i = 0; i < count; i++) {
		err = libxl_device_disk_destroy(act->xl, domid, &disks[i],
						NULL);
		if (err)
			ret = vhsm_act_fail(act, "disk %s cannot be unplugged: "
					    "%s", disks[i].vdev,
					    vhsm_act_xl_error(err));
	}
	if (disks)
		libxl_device_disk_list_free(disks, count);
	return ret;
}

int vhsm_act_isolate(struct vhsm_act *act)
{
	json_t *nics = json_array(), *disks = json_array();
	struct moves moves = { .bridge = "" };
	uint32_t domid;
	int ret = -1;

	if (vhsm_act_domid(act, "domid", &domid) &&
	    vhsm_act_text(act, "bridge", &moves.bridge)) {
		ret = nics_take(act, domid, &moves, nics);
		if (json_is_true(json_object_get(act->params, "disks")) &&
		    disks_take(act, domid, disks))
			ret = -1;
	}
	/* An error still tells what was taken, for rejoin. */
	act->result = json_pack("{s:o,s:o,s:I,s:s,s:s*}", "nics", nics,
				"disks", disks, "moved", moves.moved, "note",
				moves.note, "error", ret ? act->why : NULL);
	return act->result ? 0 : -1;
}

static int nic_return(struct vhsm_act *act, uint32_t domid, const char *text)
{
	libxl_device_nic nic, now;
	int ret;

	libxl_device_nic_init(&nic);
	libxl_device_nic_init(&now);
	ret = libxl_device_nic_from_json(act->xl, &nic, text);
	if (!ret && !libxl_devid_to_device_nic(act->xl, domid, nic.devid,
					       &now) &&
	    (!now.bridge || !nic.bridge || strcmp(now.bridge, nic.bridge)))
		ret = libxl_device_nic_destroy(act->xl, domid, &now, NULL);
	else if (!ret && now.bridge)
		goto out;		/* is back already */
	if (!ret)
		ret = libxl_device_nic_add(act->xl, domid, &nic, NULL);
out:
	libxl_device_nic_dispose(&nic);
	libxl_device_nic_dispose(&now);
	return ret ? vhsm_act_fail(act, "network device: %s",
				   vhsm_act_xl_error(ret)) : 0;
}

static int disk_return(struct vhsm_act *act, uint32_t domid, const char *text)
{
	libxl_device_disk disk, now;
	int ret;

	libxl_device_disk_init(&disk);
	libxl_device_disk_init(&now);
	ret = libxl_device_disk_from_json(act->xl, &disk, text);
	if (!ret && libxl_vdev_to_device_disk(act->xl, domid, disk.vdev, &now))
		ret = libxl_device_disk_add(act->xl, domid, &disk, NULL);
	libxl_device_disk_dispose(&disk);
	libxl_device_disk_dispose(&now);
	return ret ? vhsm_act_fail(act, "disk: %s", vhsm_act_xl_error(ret)) : 0;
}

static int each_return(struct vhsm_act *act, uint32_t domid, const char *list,
		       int (*back)(struct vhsm_act *, uint32_t, const char *))
{
	const json_t *array = json_object_get(act->params, list);
	const json_t *device;
	int ret = 0;
	size_t i;

	json_array_foreach(array, i, device) {
		char *text = json_dumps(device, JSON_COMPACT);

		if (!text || back(act, domid, text))
			ret = -1;
		free(text);
	}
	return ret;
}

int vhsm_act_rejoin(struct vhsm_act *act)
{
	uint32_t domid;
	int disks, nics;

	if (!vhsm_act_domid(act, "domid", &domid))
		return -1;
	disks = each_return(act, domid, "disks", disk_return);
	nics = each_return(act, domid, "nics", nic_return);
	return disks || nics ? -1 : 0;
}
