/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "responder/responder-conf.h"

#include <confuse.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "baseline/baseline.h"
#include "common/conf-file.h"
#include "responder/alert.h"
#include "responder/evidence.h"

static const struct range {
	const char *name;
	long min;
	long max;
} ranges[] = {
	{ "monitor-memory-mib", 32, 4096 },
	{ "monitor-start-ms", 1000, 3600000 },
	{ "monitor-hang-ms", 1000, 3600000 },
	{ "max-guests", 1, 4096 },
};

#define RANGES (sizeof(ranges) / sizeof(ranges[0]))

static const char *const paths[] = {
	"monitor-kernel", "monitor-ramdisk", "baseline-dir", "alert-dir",
	"alert-file", "incident-dir", "state-file", "vhsmd-conf",
};

static int range_validate(cfg_t *cfg, cfg_opt_t *opt)
{
	long n = cfg_opt_getnint(opt, cfg_opt_size(opt) - 1);

	for (size_t i = 0; i < RANGES; i++) {
		if (strcmp(ranges[i].name, cfg_opt_name(opt)) ||
		    (n >= ranges[i].min && n <= ranges[i].max))
			continue;
		cfg_error(cfg, "%s = %ld: must be %ld to %ld", ranges[i].name,
			  n, ranges[i].min, ranges[i].max);
		return -1;
	}
	return 0;
}

static void path_take(cfg_t *cfg, const char *name, char to[PATH_MAX])
{
	snprintf(to, PATH_MAX, "%s", cfg_getstr(cfg, name));
}

static int conf_take(struct vhsm_responder_conf *conf, cfg_t *cfg)
{
	const char *vhsmd = cfg_getstr(cfg, "vhsmd-conf");
	int ret;

	path_take(cfg, "monitor-kernel", conf->monitor_kernel);
	path_take(cfg, "monitor-ramdisk", conf->monitor_ramdisk);
	path_take(cfg, "baseline-dir", conf->baseline_dir);
	path_take(cfg, "alert-dir", conf->alert_dir);
	path_take(cfg, "alert-file", conf->alert_file);
	path_take(cfg, "incident-dir", conf->incident_dir);
	path_take(cfg, "state-file", conf->state_file);
	conf->monitor_memory_mib = cfg_getint(cfg, "monitor-memory-mib");
	conf->monitor_start_ms = cfg_getint(cfg, "monitor-start-ms");
	conf->monitor_hang_ms = cfg_getint(cfg, "monitor-hang-ms");
	conf->max_guests = cfg_getint(cfg, "max-guests");
	conf->dirty_log = cfg_getbool(cfg, "dirty-log");
	ret = vhsm_config_read(&conf->vhsmd, vhsmd,
			       !strcmp(vhsmd, VHSM_CONFIG_FILE));
	if (!ret)
		snprintf(conf->act, sizeof(conf->act), "%s/vhsm-act",
			 conf->vhsmd.libexec_dir);
	return ret;
}

int vhsm_responder_conf_read(struct vhsm_responder_conf *conf,
			     const char *path, bool may_miss)
{
	cfg_opt_t options[] = {
		CFG_STR("monitor-kernel", "/boot/vmlinuz", CFGF_NONE),
		CFG_STR("monitor-ramdisk", PKGLIBEXECDIR "/monitor.img",
			CFGF_NONE),
		CFG_INT("monitor-memory-mib", 96, CFGF_NONE),
		CFG_INT("monitor-start-ms", 120000, CFGF_NONE),
		CFG_INT("monitor-hang-ms", 10000, CFGF_NONE),
		CFG_STR("baseline-dir", VHSM_BASELINE_DIR, CFGF_NONE),
		CFG_STR("alert-dir", VHSM_ALERT_DIR, CFGF_NONE),
		CFG_STR("alert-file", VHSM_ALERT_FILE, CFGF_NONE),
		CFG_STR("incident-dir", VHSM_EVIDENCE_DIR, CFGF_NONE),
		CFG_STR("state-file", LOCALSTATEDIR "/lib/vhsm/responder.json",
			CFGF_NONE),
		CFG_STR("vhsmd-conf", VHSM_CONFIG_FILE, CFGF_NONE),
		CFG_INT("max-guests", 256, CFGF_NONE),
		CFG_BOOL("dirty-log", cfg_true, CFGF_NONE),
		CFG_END()
	};
	cfg_t *cfg;
	int ret;

	memset(conf, 0, sizeof(*conf));
	cfg = cfg_init(options, CFGF_NONE);
	if (!cfg)
		return -ENOMEM;
	for (size_t i = 0; i < RANGES; i++)
		cfg_set_validate_func(cfg, ranges[i].name, range_validate);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		cfg_set_validate_func(cfg, paths[i], vhsm_conf_path_validate);
	ret = vhsm_conf_parse(cfg, path, may_miss);
	if (!ret)
		ret = conf_take(conf, cfg);
	cfg_free(cfg);
	return ret;
}

void vhsm_responder_conf_deinit(struct vhsm_responder_conf *conf)
{
	vhsm_config_deinit(&conf->vhsmd);
	memset(conf, 0, sizeof(*conf));
}
