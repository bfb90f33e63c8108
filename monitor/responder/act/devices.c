/* SPDX-License-Identifier: Apache-2.0 */
/*
 * devices.c - what isolating a guest would take from it, to be written down
 * before it is taken; and what it would not.
 */
#include <config.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenstore.h>

#include "responder/act/act.h"

/* Kinds of devices that are not taken: "pci", "9pfs"...  Those that cannot
 * reach outside are left out. */
#define TOOLSTACK	"/libxl/%u/device"
static const char *const harmless[] = {
	"vif", "vbd", "console", "vhsm", "vkbd", "vfb", "suspend",
};

static bool is_harmless(const char *kind)
{
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		if (!strcmp(kind, harmless[i]))
			return true;
	return false;
}

static void stays_list(uint32_t domid, char *text, size_t room)
{
	struct xs_handle *xs = xs_open(0);
	char path[64], **kinds = NULL;
	unsigned count = 0;
	size_t len = 0;

	snprintf(path, sizeof(path), TOOLSTACK, domid);
	if (xs)
		kinds = xs_directory(xs, XBT_NULL, path, &count);
	for (unsigned i = 0; kinds && i < count && len < room; i++)
		if (!is_harmless(kinds[i]))
			len += snprintf(text + len, room - len, "%s%.20s",
					len ? ", " : "", kinds[i]);
	free(kinds);
	if (xs)
		xs_close(xs);
}

static json_t *parsed(char *text)
{
	json_t *json = text ? json_loads(text, 0, NULL) : NULL;

	free(text);
	return json;
}

static void nics_list(struct vhsm_act *act, uint32_t domid, const char *bridge,
		      json_t *list)
{
	int count = 0;
	libxl_device_nic *nics = libxl_device_nic_list(act->xl, domid, &count);

	for (int i = 0; i < count; i++)
		if (!bridge[0] || !nics[i].bridge ||
		    strcmp(nics[i].bridge, bridge))
			json_array_append_new(list, parsed(
				libxl_device_nic_to_json(act->xl, &nics[i])));
	if (nics)
		libxl_device_nic_list_free(nics, count);
}

int vhsm_act_devices(struct vhsm_act *act)
{
	json_t *nics, *disks;
	const char *bridge;
	char stays[64] = "";
	uint32_t domid;
	bool built;

	if (!vhsm_act_domid(act, "domid", &domid) ||
	    !vhsm_act_text(act, "bridge", &bridge))
		return -1;
	nics = json_array();
	disks = json_array();
	/* libxl writes a domain's configuration when it has plugged its
	 * devices; what it plugs after we looked makes it not built. */
	built = vhsm_act_disks(act, domid, disks);
	if (!json_is_true(json_object_get(act->params, "disks")))
		json_array_clear(disks);
	nics_list(act, domid, bridge, nics);
	stays_list(domid, stays, sizeof(stays));
	act->result = json_pack("{s:o,s:o,s:b,s:s}", "nics", nics, "disks",
				disks, "built", built, "stays", stays);
	return act->result ? 0 : vhsm_act_fail(act, "out of memory");
}
