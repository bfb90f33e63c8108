/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "common/user.h"

#include <errno.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int user_find(const char *user, uid_t *uid, gid_t *gid)
{
	const struct passwd *entry = getpwnam(user);
	char *end;
	unsigned long n;

	if (entry) {
		*uid = entry->pw_uid;
		*gid = entry->pw_gid;
		return 0;
	}
	errno = 0;
	n = strtoul(user, &end, 10);
	if (errno || *end || user[0] < '0' || user[0] > '9' ||
	    n > UINT32_MAX - 1)
		return -ENOENT;
	*uid = *gid = n;
	return 0;
}

bool vhsm_user_is_changed(const char *user)
{
	return user[0] && geteuid() == 0;
}

bool vhsm_user_exists(const char *user)
{
	uid_t uid;
	gid_t gid;

	return !user[0] || !user_find(user, &uid, &gid);
}

const char *vhsm_user_numbers(const char *user, char *out, size_t out_len)
{
	uid_t uid;
	gid_t gid;

	if (user_find(user, &uid, &gid))
		snprintf(out, out_len, "%s", user);
	else
		snprintf(out, out_len, "%u:%u", (unsigned)uid, (unsigned)gid);
	return out;
}

int vhsm_user_own(const char *user, const char *path)
{
	uid_t uid;
	gid_t gid;
	int ret = user_find(user, &uid, &gid);

	if (ret)
		return ret;
	return lchown(path, uid, gid) ? -errno : 0;
}
