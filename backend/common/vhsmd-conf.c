/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "common/vhsmd-conf.h"

#include <confuse.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf-file.h"
#include "vhsmif.h"

/* The broker's ceiling for an adaptive poll: longer is a busy loop. */
#define SPIN_US_MAX 10000

struct range {
	const char *name;
	long min;
	long max;
};

static const struct range ranges[] = {
	{ "spin-us", 0, SPIN_US_MAX },
	{ "workers", 1, 16 },
	{ "max-queues", 1, VHSM_MAX_QUEUES },
	{ "max-ring-page-order", 0, VHSM_MAX_RING_ORDER },
	{ "max-pool-pages", 1, VHSM_MAX_POOL_PAGES },
};

static int range_validate(cfg_t *cfg, cfg_opt_t *opt)
{
	long n = cfg_opt_getnint(opt, cfg_opt_size(opt) - 1);

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		if (strcmp(ranges[i].name, cfg_opt_name(opt)) ||
		    (n >= ranges[i].min && n <= ranges[i].max))
			continue;
		cfg_error(cfg, "%s = %ld: must be %ld to %ld",
			  ranges[i].name, n, ranges[i].min, ranges[i].max);
		return -1;
	}
	return 0;
}

static int optional_path_validate(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *path = cfg_opt_getnstr(opt, cfg_opt_size(opt) - 1);

	return path && !path[0] ? 0 : vhsm_conf_path_validate(cfg, opt);
}

static int xen_parse(const char *text, enum vhsm_xen_use *use)
{
	static const char *const names[] = { "auto", "on", "off" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(text, names[i])) {
			*use = i;
			return 0;
		}
	}
	return -EINVAL;
}

static int xen_validate(cfg_t *cfg, cfg_opt_t *opt)
{
	enum vhsm_xen_use use;
	const char *text = cfg_opt_getnstr(opt, 0);

	if (text && !xen_parse(text, &use))
		return 0;
	cfg_error(cfg, "xen = \"%s\": must be auto, on or off",
		  text ? text : "");
	return -1;
}

static int dirs_validate(cfg_t *cfg, cfg_opt_t *opt)
{
	if (cfg_opt_size(opt) <= VHSM_CONFIG_DIRS_MAX)
		return vhsm_conf_path_validate(cfg, opt);
	cfg_error(cfg, "config-dirs: at most %u", VHSM_CONFIG_DIRS_MAX);
	return -1;
}

static void validators_set(cfg_t *cfg)
{
	static const char *const paths[] = {
		"store-dir", "run-dir", "libexec-dir", "policy-dir",
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		cfg_set_validate_func(cfg, ranges[i].name, range_validate);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		cfg_set_validate_func(cfg, paths[i], vhsm_conf_path_validate);
	cfg_set_validate_func(cfg, "local-socket", optional_path_validate);
	cfg_set_validate_func(cfg, "config-dirs", dirs_validate);
	cfg_set_validate_func(cfg, "xen", xen_validate);
}

/* 0, or -ENOMEM. */
static int strings_take(struct vhsm_config *config, cfg_t *cfg)
{
	const struct {
		char **to;
		const char *name;
	} strings[] = {
		{ &config->store_dir, "store-dir" },
		{ &config->root_key, "root-key" },
		{ &config->run_dir, "run-dir" },
		{ &config->libexec_dir, "libexec-dir" },
		{ &config->vault_user, "vault-user" },
		{ &config->engine_user, "engine-user" },
		{ &config->local_socket, "local-socket" },
		{ &config->local_monitor, "local-monitor" },
		{ &config->policy_dir, "policy-dir" },
	};

	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		*strings[i].to = strdup(cfg_getstr(cfg, strings[i].name));
		if (!*strings[i].to)
			return -ENOMEM;
	}
	for (unsigned i = 0; i < cfg_size(cfg, "config-dirs"); i++) {
		config->config_dirs[i] =
			strdup(cfg_getnstr(cfg, "config-dirs", i));
		if (!config->config_dirs[i])
			return -ENOMEM;
		config->config_dir_count++;
	}
	return 0;
}

static int config_take(struct vhsm_config *config, cfg_t *cfg)
{
	xen_parse(cfg_getstr(cfg, "xen"), &config->xen);
	config->spin_us = cfg_getint(cfg, "spin-us");
	config->workers = cfg_getint(cfg, "workers");
	config->max_queues = cfg_getint(cfg, "max-queues");
	config->max_ring_order = cfg_getint(cfg, "max-ring-page-order");
	config->max_pool_pages = cfg_getint(cfg, "max-pool-pages");
	return strings_take(config, cfg);
}

int vhsm_config_read(struct vhsm_config *config, const char *path,
		     bool may_miss)
{
	cfg_opt_t options[] = {
		CFG_STR("store-dir", LOCALSTATEDIR "/lib/vhsm", CFGF_NONE),
		CFG_STR("root-key", "file:" SYSCONFDIR "/vhsm/root.key",
			CFGF_NONE),
		CFG_STR("run-dir", RUNDIR "/vhsm", CFGF_NONE),
		CFG_STR("libexec-dir", PKGLIBEXECDIR, CFGF_NONE),
		CFG_STR("vault-user", "vhsm-vault", CFGF_NONE),
		CFG_STR("engine-user", "vhsm-engine", CFGF_NONE),
		CFG_STR("local-socket", "", CFGF_NONE),
		CFG_STR("local-monitor", "", CFGF_NONE),
		CFG_STR("policy-dir", VHSM_POLICY_DIR, CFGF_NONE),
		CFG_STR_LIST("config-dirs", "{\"/etc/xen\"}", CFGF_NONE),
		CFG_STR("xen", "auto", CFGF_NONE),
		CFG_INT("spin-us", 50, CFGF_NONE),
		CFG_INT("workers", 2, CFGF_NONE),
		CFG_INT("max-queues", 4, CFGF_NONE),
		CFG_INT("max-ring-page-order", VHSM_MAX_RING_ORDER, CFGF_NONE),
		CFG_INT("max-pool-pages", 4096, CFGF_NONE),
		CFG_END()
	};
	cfg_t *cfg;
	int ret;

	memset(config, 0, sizeof(*config));
	cfg = cfg_init(options, CFGF_NONE);
	if (!cfg)
		return -ENOMEM;
	validators_set(cfg);
	ret = vhsm_conf_parse(cfg, path, may_miss);
	if (!ret)
		ret = config_take(config, cfg);
	cfg_free(cfg);
	return ret;
}

void vhsm_config_deinit(struct vhsm_config *config)
{
	free(config->store_dir);
	free(config->root_key);
	free(config->run_dir);
	free(config->libexec_dir);
	free(config->vault_user);
	free(config->engine_user);
	free(config->local_socket);
	free(config->local_monitor);
	free(config->policy_dir);
	for (unsigned i = 0; i < config->config_dir_count; i++)
		free(config->config_dirs[i]);
	memset(config, 0, sizeof(*config));
}
