/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xlcfg.h - the line that plugs a device into a domain, in the domain's own
 * xl.cfg(5), which xl itself accepts and ignores:
 *
 *   vhsm = [ "keys=web-tls+web-data" ]
 *
 * One string a device; in it, comma separated: keys=, names or globs joined by
 * '+'; monitor=, the name of a policy; and, not obeyed yet and so
 * refused, policy=.
 *
 * libxl keeps no trace of it, so the file is found again: by its uuid, or by
 * its name if it has no uuid of its own that says otherwise.
 */
#ifndef VHSM_XLCFG_H
#define VHSM_XLCFG_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/key-list.h"
#include "common/policy-name.h"

#define VHSM_XLCFG_DEVICES_MAX 8u
#define VHSM_XLCFG_WHY 256u

struct vhsm_xlcfg_device {
	char keys[VHSM_KEY_LIST_LEN];
	char policy[80];		/* "" not given */
	char monitor[VHSM_POLICY_NAME_MAX];
};

struct vhsm_xlcfg {
	char path[PATH_MAX];
	char name[80];
	bool has_uuid;
	uint8_t uuid[16];
	unsigned device_count;
	struct vhsm_xlcfg_device device[VHSM_XLCFG_DEVICES_MAX];
	char error[VHSM_XLCFG_WHY];	/* what is wrong with its vhsm line; a
					 * file with one has no devices */
};

/* One device's string.  0 or -EINVAL with why; unknown settings are logged. */
int vhsm_xlcfg_device_parse(const char *text,
			    struct vhsm_xlcfg_device *device, char *why);

/* Reads one file: 0; -EINVAL when it is no configuration of a domain. */
int vhsm_xlcfg_read(const char *path, struct vhsm_xlcfg *cfg);

/*
 * Finds the configuration of a domain in the *.cfg files of dirs, in their
 * order and by file name.  uuid may be NULL, name may be "".  0, -ENOENT, or
 * -EEXIST when several files could be meant, which cfg then holds one of.
 */
int vhsm_xlcfg_find(char *const dirs[], unsigned dir_count,
		    const uint8_t *uuid, const char *name,
		    struct vhsm_xlcfg *cfg);

#endif /* VHSM_XLCFG_H */
