/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.c - the device and the key that a command works with.
 */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_DEVICE	"/dev/vhsm0"
#define SMALL_VALUES	16384u	/* names, signatures, a list of keys */

/*
 * The device string with a slice of its own size asked for: the pool is
 * shared by all programs of the guest.  The caller's to free.
 */
static char *sized(const char *device, size_t room)
{
	char *text;

	if (strncmp(device, "/dev/", 5) || strchr(device, '?'))
		return strdup(device);
	if (asprintf(&text, "%s?slice=%zu", device,
		     room + SMALL_VALUES) < 0)
		return NULL;
	return text;
}

static const char *device_name(const struct cli *c)
{
	const char *device = c->device;

	if (!device)
		device = getenv("VHSM_DEVICE");
	return device && *device ? device : DEFAULT_DEVICE;
}

static int tell_open(const char *device, int r)
{
	const char *hint = "";

	if (r == -ENOENT && !strncmp(device, "/dev/", 5))
		hint = ": is xen-vhsmfront loaded, and has the guest a "
			"vhsm= line in its xl.cfg?";
	else if (r == -EACCES)
		hint = ": only root, or the device's group, may use it";
	else if (r == -EINVAL)
		hint = ": see vhsm(1) for what a device is called";
	fprintf(stderr, "vhsm: %s: %s%s\n", device, vhsm_strerror(r), hint);
	return CLI_FAILED;
}

int cli_open(struct cli *c, size_t room)
{
	const char *device = device_name(c);
	char *text = sized(device, room);
	int r = text ? vhsm_open(text, &c->h) : -ENOMEM;

	free(text);
	return r < 0 ? tell_open(device, r) : CLI_OK;
}

int cli_open_key(struct cli *c, size_t room, uint32_t *key,
		 struct vhsm_key_info *info)
{
	char what[VHSM_NAME_MAX + 32];
	int r = cli_open(c, room);

	if (r)
		return r;
	if (c->raw_handle >= 0) {
		snprintf(what, sizeof(what), "raw handle %lld",
			 (long long)c->raw_handle);
		r = vhsm_key_raw(c->h, (uint32_t)c->raw_handle, key);
	} else {
		snprintf(what, sizeof(what), "key '%.*s'", (int)VHSM_NAME_MAX,
			 c->key);
		r = vhsm_key_open(c->h, c->key, key);
	}
	if (r == 0 && info)
		r = vhsm_key_info(c->h, *key, info);
	return r < 0 ? cli_error(what, r) : CLI_OK;
}

uint16_t cli_mechanism(const struct cli *c, uint16_t key_type)
{
	uint16_t mechanism;

	if (c->mechanism) {
		mechanism = vhsm_mechanism_parse(c->mechanism);
		if (!mechanism)
			cli_usage("no mechanism '%s'; vhsm(1) lists them",
				  c->mechanism);
		return mechanism;
	}
	/* Nothing is known of a raw handle; P-256 is the most usual key. */
	if (c->raw_handle >= 0)
		return VHSM_MECH_ECDSA | VHSM_HASH_SHA256;
	mechanism = vhsm_mechanism_default(key_type);
	if (!mechanism)
		cli_usage("a key type that this version does not know; name "
			  "the --mechanism");
	return mechanism;
}

const char *cli_key_name(const struct vhsm_key_info *info, char *name)
{
	size_t i;

	/* Custody's own names are plain; another's might upset a terminal. */
	for (i = 0; i < VHSM_NAME_MAX && info->name[i]; i++)
		name[i] = info->name[i] > ' ' && info->name[i] < 127 ?
			info->name[i] : '?';
	name[i] = '\0';
	return name;
}
