/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitor.c - makes and removes a guest's monitor domain.
 *
 * The domain is PV, has no device but its console and a disk that cannot be
 * written, and may map the one guest that is its target and nothing else: the
 * hypervisor gives it that by XEN_DOMCTL_set_target, and its own kernel refuses
 * all others once it finds ~/target, for which it looks when its privcmd driver
 * is loaded.  So both are set before it runs.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>
#include <libxl_utils.h>
#include <xenctrl.h>
#include <xenstore.h>

#include "baseline/baseline.h"
#include "responder/act/act.h"
#include "responder/act/disk.h"
#include "responder/cpio.h"
#include "vhsm-paths.h"

/*
 * ramfs: the other kind takes half of the memory for files, no more.  The rest
 * saves memory, and takes away what the domain has no use for: locked down, the
 * kernel has no tracing files, which alone are 8 MiB.
 */
#define CMDLINE "console=hvc0 loglevel=4 panic=1 rootfstype=ramfs nr_cpus=1 " \
		"lockdown=confidentiality cgroup_disable=memory audit=0 " \
		"apparmor=0 ipv6.disable=1"
#define WEIGHT	1024			/* of the scheduler; others have 256 */

/* Larger than all the rest, and the monitor's disk: what it has read of it, it
 * can give up again. */
#define REFERENCE "reference"

/* In the monitor below /baseline; where it comes from. */
static const struct {
	const char *name;
	bool needed;
} files[] = {
	{ "modules", false },
	{ "manifest.json", true },
	{ "rules.yar", false },
};

struct start {
	uint32_t guest;
	const char *name;
	const char *kernel;
	const char *ramdisk;		/* the appliance */
	const char *baseline;		/* folder */
	const char *manifest;		/* its, that is approved: SHA-256 */
	const char *work;		/* folder for the image */
	uint64_t memory_kib;
	char image[PATH_MAX];		/* what it boots */
	struct act_disk disk;		/* its reference */
};

static int file_add(struct vhsm_act *act, struct vhsm_cpio *cpio,
		    const char *path, const char *name, bool needed)
{
	char to[NAME_MAX];
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return errno == ENOENT && !needed ? 0 :
			vhsm_act_fail(act, "%s: %s", path, strerror(errno));
	snprintf(to, sizeof(to), "baseline/%s", name);
	ret = vhsm_cpio_add_file(cpio, to, fd);
	close(fd);
	return ret ? vhsm_act_fail(act, "%s: %s", path, strerror(-ret)) : 0;
}

static int baseline_append(struct vhsm_act *act, const struct start *start,
			   int fd, uint64_t offset)
{
	struct vhsm_cpio cpio;
	char path[PATH_MAX];
	int ret = vhsm_cpio_begin(&cpio, fd, offset);

	if (!ret)
		ret = vhsm_cpio_add_dir(&cpio, "baseline");
	if (ret)
		return vhsm_act_fail(act, "%s: %s", start->image,
				     strerror(-ret));
	for (size_t i = 0; !ret && i < sizeof(files) / sizeof(files[0]); i++) {
		if (snprintf(path, sizeof(path), "%s/%s", start->baseline,
			     files[i].name) >= (int)sizeof(path))
			return vhsm_act_fail(act, "baseline: name too long");
		ret = file_add(act, &cpio, path, files[i].name,
			       files[i].needed);
	}
	if (ret)
		return ret;
	ret = vhsm_cpio_end(&cpio);
	return ret ? vhsm_act_fail(act, "%s: %s", start->image,
				   strerror(-ret)) : 0;
}

/* The appliance, and behind it what this guest is measured by. */
static int image_make(struct vhsm_act *act, const struct start *start)
{
	int in = open(start->ramdisk, O_RDONLY | O_CLOEXEC), out = -1;
	int ret = -1;
	off_t at = 0;
	struct stat st;

	if (in < 0 || fstat(in, &st)) {
		vhsm_act_fail(act, "%s: %s", start->ramdisk, strerror(errno));
		goto out;
	}
	out = open(start->image, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC |
		   O_NOFOLLOW, 0600);
	if (out < 0) {
		vhsm_act_fail(act, "%s: %s", start->image, strerror(errno));
		goto out;
	}
	while (at < st.st_size)
		if (sendfile(out, in, &at, st.st_size - at) <= 0) {
			vhsm_act_fail(act, "%s: %s", start->image,
				      strerror(errno));
			goto out;
		}
	ret = baseline_append(act, start, out, st.st_size);
out:
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return ret;
}

static void config_fill(libxl_domain_config *config, const struct start *start)
{
	libxl_domain_create_info *create = &config->c_info;
	libxl_domain_build_info *build = &config->b_info;

	create->type = LIBXL_DOMAIN_TYPE_PV;
	create->name = strdup(start->name);
	libxl_uuid_generate(&create->uuid);
	libxl_domain_build_info_init_type(build, LIBXL_DOMAIN_TYPE_PV);
	build->max_vcpus = 1;
	build->max_memkb = start->memory_kib;
	build->target_memkb = start->memory_kib;
	build->kernel = strdup(start->kernel);
	build->ramdisk = strdup(start->image);
	build->cmdline = strdup(CMDLINE);
	/* It never moves to another host, so that its look at the clock need
	 * not trap into the hypervisor. */
	build->tsc_mode = LIBXL_TSC_MODE_NATIVE;
	/* A busy guest must not starve the one that looks at it, which asks
	 * for little: four times what a domain has otherwise. */
	build->sched_params.weight = WEIGHT;
	libxl_defbool_set(&build->claim_mode, false);
	config->disks = calloc(1, sizeof(*config->disks));
	if (config->disks) {
		config->num_disks = 1;
		act_disk_describe(&start->disk, config->disks);
	}
	config->on_poweroff = LIBXL_ACTION_ON_SHUTDOWN_DESTROY;
	config->on_reboot = LIBXL_ACTION_ON_SHUTDOWN_DESTROY;
	config->on_watchdog = LIBXL_ACTION_ON_SHUTDOWN_DESTROY;
	config->on_crash = LIBXL_ACTION_ON_SHUTDOWN_DESTROY;
	config->on_soft_reset = LIBXL_ACTION_ON_SHUTDOWN_DESTROY;
}

/* Its one right, in the hypervisor and in its own kernel. */
static int target_set(struct vhsm_act *act, uint32_t domid, uint32_t guest)
{
	xc_interface *xc = xc_interface_open(NULL, NULL, 0);
	struct xs_handle *xs = xs_open(0);
	char path[64], value[16];
	int ret = 0;

	snprintf(path, sizeof(path), VHSM_PATH_MONITOR_TARGET, domid);
	snprintf(value, sizeof(value), "%u", guest);
	if (!xc || xc_domain_set_target(xc, domid, guest))
		ret = vhsm_act_fail(act, "domain %u cannot be the target of a "
				    "monitor: %s (it must be PVH or HVM)",
				    guest, strerror(errno));
	else if (!xs || !xs_write(xs, XBT_NULL, path, value, strlen(value)))
		ret = vhsm_act_fail(act, "%s: %s", path, strerror(errno));
	if (xs)
		xs_close(xs);
	if (xc)
		xc_interface_close(xc);
	return ret;
}

static int domain_make(struct vhsm_act *act, const struct start *start)
{
	libxl_domain_config config;
	uint32_t domid = 0;
	int ret;

	libxl_domain_config_init(&config);
	config_fill(&config, start);
	ret = libxl_domain_create_new(act->xl, &config, &domid, NULL, NULL);
	libxl_domain_config_dispose(&config);
	if (ret)
		return vhsm_act_fail(act, "%s cannot be created: %s",
				     start->name, vhsm_act_xl_error(ret));
	ret = target_set(act, domid, start->guest);
	if (!ret)
		ret = act_disk_join(act, &start->disk, domid);
	if (!ret && libxl_domain_unpause(act->xl, domid, NULL))
		ret = vhsm_act_fail(act, "%s cannot be unpaused", start->name);
	if (ret)
		libxl_domain_destroy(act->xl, domid, NULL);
	else
		act->result = json_pack("{s:I}", "domid", (json_int_t)domid);
	return ret;
}

/* Destroys every domain whose name is, or begins with, this. */
static int domains_destroy(struct vhsm_act *act, const char *name, bool prefix)
{
	int count = 0, ret = 0, err;
	libxl_dominfo *list = libxl_list_domain(act->xl, &count);

	for (int i = 0; list && i < count; i++) {
		char *is = libxl_domid_to_name(act->xl, list[i].domid);

		if (list[i].domid && is && !(prefix ?
		    strncmp(is, name, strlen(name)) : strcmp(is, name))) {
			err = libxl_domain_destroy(act->xl, list[i].domid,
						   NULL);
			if (err && err != ERROR_DOMAIN_NOTFOUND)
				ret = vhsm_act_fail(act, "%s cannot be "
					"destroyed: %s", is,
					vhsm_act_xl_error(err));
		}
		free(is);
	}
	if (!list)
		return vhsm_act_fail(act, "the domains cannot be listed");
	libxl_dominfo_list_free(list, count);
	return ret;
}

static int start_make(struct vhsm_act *act, struct start *start)
{
	char path[PATH_MAX], why[VHSM_BASELINE_WHY_LEN] = "";
	int ret;

	if (snprintf(path, sizeof(path), "%s/" REFERENCE, start->baseline) >=
	    (int)sizeof(path))
		return vhsm_act_fail(act, "baseline: name too long");
	ret = act_disk_open(act, &start->disk, path);
	if (ret)
		return ret;
	ret = image_make(act, start);
	/* Some time has passed since it was matched; now it was read. */
	if (!ret && vhsm_baseline_still(start->baseline, start->manifest, why))
		ret = vhsm_act_fail(act, "%s", why);
	if (!ret)
		ret = domain_make(act, start);
	unlink(start->image);
	act_disk_close(&start->disk);
	return ret;
}

int vhsm_act_monitor_start(struct vhsm_act *act)
{
	struct start start = { 0 };
	json_int_t mib;
	int ret;

	if (!vhsm_act_domid(act, "guest", &start.guest) ||
	    !vhsm_act_text(act, "name", &start.name) ||
	    !vhsm_act_text(act, "kernel", &start.kernel) ||
	    !vhsm_act_text(act, "ramdisk", &start.ramdisk) ||
	    !vhsm_act_text(act, "baseline", &start.baseline) ||
	    !vhsm_act_text(act, "manifest", &start.manifest) ||
	    !vhsm_act_text(act, "work", &start.work))
		return -1;
	mib = json_integer_value(json_object_get(act->params, "memory_mib"));
	if (mib < 32 || mib > 4096)
		return vhsm_act_fail(act, "memory_mib must be 32 to 4096");
	start.memory_kib = mib * UINT64_C(1024);
	if (snprintf(start.image, sizeof(start.image), "%s/%s.img", start.work,
		     start.name) >= (int)sizeof(start.image))
		return vhsm_act_fail(act, "work: name too long");
	/* One that a start which was given up has left. */
	ret = domains_destroy(act, start.name, false);
	if (!ret)
		ret = start_make(act, &start);
	return ret;
}

int vhsm_act_monitor_stop(struct vhsm_act *act)
{
	const char *prefix = json_string_value(json_object_get(act->params,
							       "prefix"));
	const char *name;

	if (prefix && strlen(prefix) > 4)
		return domains_destroy(act, prefix, true);
	if (!vhsm_act_text(act, "name", &name))
		return -1;
	return domains_destroy(act, name, false);
}
