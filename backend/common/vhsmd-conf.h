/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhsmd-conf.h - vhsmd.conf(5), read once at start.  Every option has a
 * default; a file that says something impossible is refused with its line.
 */
#ifndef VHSMD_CONF_H
#define VHSMD_CONF_H

#include <stdbool.h>
#include <stdint.h>

#define VHSM_CONFIG_FILE SYSCONFDIR "/vhsm/vhsmd.conf"
#define VHSM_POLICY_DIR SYSCONFDIR "/vhsm/monitor.d"	/* policy-dir */
#define VHSM_CONFIG_DIRS_MAX 16u

enum vhsm_xen_use { VHSM_XEN_AUTO, VHSM_XEN_ON, VHSM_XEN_OFF };

struct vhsm_config {
	char *store_dir;
	char *root_key;			/* URI; the vault's */
	char *run_dir;
	char *libexec_dir;
	char *vault_user;		/* "": stay who we are */
	char *engine_user;
	char *local_socket;		/* "": no local transport */
	char *local_monitor;		/* its devices' policy, "": none */
	char *policy_dir;
	char *config_dirs[VHSM_CONFIG_DIRS_MAX];
	unsigned config_dir_count;
	enum vhsm_xen_use xen;
	uint32_t spin_us;
	uint32_t workers;
	uint32_t max_queues;
	uint32_t max_ring_order;
	uint32_t max_pool_pages;
};

/*
 * Reads path.  With may_miss, a file that does not exist means the defaults.
 * 0, or -errno; what is wrong has been written to standard error.
 */
int vhsm_config_read(struct vhsm_config *config, const char *path,
		     bool may_miss);
/* Safe after a failed read. */
void vhsm_config_deinit(struct vhsm_config *config);

#endif /* VHSMD_CONF_H */
