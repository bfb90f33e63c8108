/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "responder/responder-check.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "policy/policy.h"

#define SUFFIX ".conf"

static int missing(const char *option, const char *path, const char *todo)
{
	int error = errno;

	fprintf(stderr, "vhsm-responder: %s%s%s: %s: %s\n", option,
		option[0] ? " " : "", path, strerror(error), todo);
	return -ENOENT;
}

/* The kernel that runs here is as good as any, if it can be found. */
static void kernel_todo(char *todo, size_t room)
{
	char path[PATH_MAX] = "";
	struct utsname here;

	if (!uname(&here))
		snprintf(path, sizeof(path), "/boot/vmlinuz-%s", here.release);
	snprintf(todo, room, "name the kernel of the monitor domains in "
		 "responder.conf(5), as monitor-kernel = \"%s\"",
		 path[0] && !access(path, R_OK) ? path : "/boot/vmlinuz-...");
}

int vhsm_responder_check_files(const struct vhsm_responder_conf *conf)
{
	char todo[PATH_MAX + 160];
	int ret = 0;

	if (access(conf->act, X_OK))
		ret = missing("", conf->act, "is libexec-dir of vhsmd.conf(5) "
			      "where xen-vhsm was installed?");
	if (access(conf->monitor_kernel, R_OK)) {
		int error = errno;

		kernel_todo(todo, sizeof(todo));
		errno = error;
		ret = missing("monitor-kernel", conf->monitor_kernel, todo);
	}
	if (access(conf->monitor_ramdisk, R_OK)) {
		int error = errno;

		snprintf(todo, sizeof(todo), "make it: " PKGDATADIR
			 "/appliance/build --out %s", conf->monitor_ramdisk);
		errno = error;
		ret = missing("monitor-ramdisk", conf->monitor_ramdisk, todo);
	}
	return ret;
}

static int is_policy(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name), end = strlen(SUFFIX);

	return entry->d_name[0] != '.' && len > end &&
		!strcmp(entry->d_name + len - end, SUFFIX);
}

static int policy_check(const char *dir, const char *file)
{
	char name[NAME_MAX + 1], why[VHSM_POLICY_WHY_LEN];
	static struct vhsm_policy policy;

	snprintf(name, sizeof(name), "%.*s",
		 (int)(strlen(file) - strlen(SUFFIX)), file);
	if (!vhsm_policy_read(&policy, dir, name, why)) {
		printf("monitor policy %s is good\n", name);
		return 0;
	}
	fprintf(stderr, "vhsm-responder: monitor policy %s: %s: a guest with "
		"monitor=%s gets no keys\n", name, why, name);
	return -EINVAL;
}

int vhsm_responder_check_policies(const struct vhsm_responder_conf *conf)
{
	const char *dir = conf->vhsmd.policy_dir;
	struct dirent **files;
	int count = scandir(dir, &files, is_policy, alphasort), ret = 0;

	if (count < 0) {
		ret = -errno;
		fprintf(stderr, "vhsm-responder: policy-dir %s: %s\n", dir,
			strerror(errno));
		return ret;
	}
	for (int i = 0; i < count; i++) {
		if (policy_check(dir, files[i]->d_name))
			ret = -EINVAL;
		free(files[i]);
	}
	free(files);
	return ret;
}
