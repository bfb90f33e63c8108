/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "common/xlcfg.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <libxlutil.h>
#include <uuid/uuid.h>

#include "common/log.h"

#define FILE_MAX_LEN (1 << 20)		/* no domain's configuration */

static int setting_set(char *to, size_t room, const char *name,
		       const char *value, char *why)
{
	if (strlen(value) >= room) {
		snprintf(why, VHSM_XLCFG_WHY, "%s= is longer than %zu bytes",
			 name, room - 1);
		return -EINVAL;
	}
	memcpy(to, value, strlen(value) + 1);
	return 0;
}

/* "name=value", both without blanks around. */
static int setting_parse(char *text, struct vhsm_xlcfg_device *device,
			 char *why)
{
	char *value = strchr(text, '=');

	if (!value) {
		snprintf(why, VHSM_XLCFG_WHY, "\"%.60s\" is not a setting "
			 "NAME=VALUE", text);
		return -EINVAL;
	}
	*value++ = '\0';
	if (!strcmp(text, "policy"))
		return setting_set(device->policy, sizeof(device->policy),
				   text, value, why);
	if (!strcmp(text, "monitor") && !vhsm_policy_name_check(value)) {
		snprintf(why, VHSM_XLCFG_WHY, "monitor=%.60s: must be the name "
			 "of a policy", value);
		return -EINVAL;
	}
	if (!strcmp(text, "monitor"))
		return setting_set(device->monitor, sizeof(device->monitor),
				   text, value, why);
	if (strcmp(text, "keys")) {
		vhsm_log(LOG_WARNING, "vhsm: unknown setting \"%.60s\" "
			 "ignored", text);
		return 0;
	}
	if (!value[0] || !vhsm_key_list_check(value)) {
		snprintf(why, VHSM_XLCFG_WHY, "keys=%.60s: must be names of "
			 "keys joined by '+'", value);
		return -EINVAL;
	}
	return setting_set(device->keys, sizeof(device->keys), text, value,
			   why);
}

int vhsm_xlcfg_device_parse(const char *text,
			    struct vhsm_xlcfg_device *device, char *why)
{
	char *copy = strdup(text), *rest = copy, *setting;
	int ret = 0;

	memset(device, 0, sizeof(*device));
	if (!copy)
		return -ENOMEM;
	while (!ret && (setting = strsep(&rest, ","))) {
		size_t len;

		setting += strspn(setting, " \t");
		len = strlen(setting);
		while (len && strchr(" \t", setting[len - 1]))
			setting[--len] = '\0';
		if (len)
			ret = setting_parse(setting, device, why);
	}
	free(copy);
	if (ret || !device->policy[0])
		return ret;
	/* Better no device than one without the protection asked for. */
	snprintf(why, VHSM_XLCFG_WHY, "policy=%.60s: this version of vhsmd "
		 "cannot enforce it yet; remove the setting to plug the device "
		 "without", device->policy);
	return -EINVAL;
}

static void devices_read(XLU_Config *xlu, struct vhsm_xlcfg *cfg)
{
	XLU_ConfigList *list;
	int count = 0, ret;

	ret = xlu_cfg_get_list(xlu, "vhsm", &list, &count, 1);
	if (ret == ESRCH)
		return;
	if (ret || count > (int)VHSM_XLCFG_DEVICES_MAX) {
		snprintf(cfg->error, sizeof(cfg->error), "vhsm must be a list "
			 "of at most %u strings: vhsm = [ \"keys=a+b\" ]",
			 VHSM_XLCFG_DEVICES_MAX);
		return;
	}
	for (int i = 0; i < count && !cfg->error[0]; i++) {
		const char *text = xlu_cfg_get_listitem(list, i);

		if (!text)
			snprintf(cfg->error, sizeof(cfg->error),
				 "vhsm: item %d is not a string", i + 1);
		else if (!vhsm_xlcfg_device_parse(text, &cfg->device[i],
						  cfg->error))
			cfg->device_count++;
	}
	if (cfg->error[0])
		cfg->device_count = 0;
}

static int domain_read(XLU_Config *xlu, struct vhsm_xlcfg *cfg)
{
	const char *text;

	if (xlu_cfg_get_string(xlu, "name", &text, 1) ||
	    strlen(text) >= sizeof(cfg->name))
		return -EINVAL;
	snprintf(cfg->name, sizeof(cfg->name), "%s", text);
	if (!xlu_cfg_get_string(xlu, "uuid", &text, 1)) {
		if (uuid_parse(text, cfg->uuid))
			return -EINVAL;
		cfg->has_uuid = true;
	}
	devices_read(xlu, cfg);
	return 0;
}

int vhsm_xlcfg_read(const char *path, struct vhsm_xlcfg *cfg)
{
	XLU_Config *xlu = NULL;
	FILE *report = NULL;
	char *complaint = NULL;
	size_t len = 0;
	struct stat st;
	int ret = -EINVAL;

	memset(cfg, 0, sizeof(*cfg));
	if (stat(path, &st) || !S_ISREG(st.st_mode) ||
	    st.st_size > FILE_MAX_LEN ||
	    strlen(path) >= sizeof(cfg->path))
		return -EINVAL;
	snprintf(cfg->path, sizeof(cfg->path), "%s", path);
	report = open_memstream(&complaint, &len);
	if (!report)
		return -ENOMEM;
	xlu = xlu_cfg_init(report, path);
	if (!xlu) {
		ret = -ENOMEM;
		goto out;
	}
	if (!xlu_cfg_readfile(xlu, path))
		ret = domain_read(xlu, cfg);
out:
	if (xlu)
		xlu_cfg_destroy(xlu);
	fclose(report);
	if (len) {
		complaint[strcspn(complaint, "\n")] = '\0';
		vhsm_log(LOG_DEBUG, "%s", complaint);
	}
	free(complaint);
	return ret;
}

/* How well a file fits: 0 not, 1 by name, 2 by uuid, 3 by both, as when a
 * copy of a file was renamed but for its uuid. */
static int fit(const struct vhsm_xlcfg *cfg, const uint8_t *uuid,
	       const char *name)
{
	bool named = name[0] && !strcmp(cfg->name, name);

	if (uuid && cfg->has_uuid)
		return memcmp(cfg->uuid, uuid, 16) ? 0 : 2 + named;
	return named;
}

static int is_cfg(const struct dirent *entry)
{
	return entry->d_name[0] != '.' &&
		!fnmatch("*.cfg", entry->d_name, 0);
}

struct search {
	const uint8_t *uuid;
	const char *name;
	int best;
	unsigned equals;		/* files that fit as well as the best */
	struct vhsm_xlcfg *found;
};

static void file_try(struct search *search, const char *path)
{
	struct vhsm_xlcfg cfg;
	int fits;

	if (vhsm_xlcfg_read(path, &cfg))
		return;
	fits = fit(&cfg, search->uuid, search->name);
	if (fits && fits == search->best)
		search->equals++;
	if (fits <= search->best)
		return;
	search->best = fits;
	search->equals = 1;
	*search->found = cfg;
}

int vhsm_xlcfg_find(char *const dirs[], unsigned dir_count,
		    const uint8_t *uuid, const char *name,
		    struct vhsm_xlcfg *cfg)
{
	struct search search = { uuid, name, 0, 0, cfg };
	struct dirent **entries;
	char path[PATH_MAX];
	int count;

	for (unsigned i = 0; i < dir_count; i++) {
		count = scandir(dirs[i], &entries, is_cfg, alphasort);
		for (int e = 0; e < count; e++) {
			int len = snprintf(path, sizeof(path), "%s/%s",
					   dirs[i], entries[e]->d_name);

			if (len < (int)sizeof(path))
				file_try(&search, path);
			free(entries[e]);
		}
		if (count >= 0)
			free(entries);
	}
	if (!search.best)
		return -ENOENT;
	return search.equals > 1 ? -EEXIST : 0;
}
