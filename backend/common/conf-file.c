/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "common/conf-file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

int vhsm_conf_parse(cfg_t *cfg, const char *path, bool may_miss)
{
	int ret;

	errno = 0;
	switch (cfg_parse(cfg, path)) {
	case CFG_SUCCESS:
		return 0;
	case CFG_FILE_ERROR:
		ret = errno ? -errno : -EIO;
		if (ret == -ENOENT && may_miss)
			return 0;
		fprintf(stderr, "%s: %s\n", path, strerror(-ret));
		return ret;
	default:
		return -EINVAL;		/* confuse has said where */
	}
}

int vhsm_conf_path_validate(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *path = cfg_opt_getnstr(opt, cfg_opt_size(opt) - 1);

	if (path && path[0] == '/' && strlen(path) < PATH_MAX)
		return 0;
	cfg_error(cfg, "%s = \"%.80s\": must be an absolute path",
		  cfg_opt_name(opt), path ? path : "");
	return -1;
}
