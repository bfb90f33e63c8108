/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox.c - the first step, taken by every process that sees keys: it leaves
 * no copy of its memory behind and gives up what it was started with.
 *
 * As root, what cannot be had is an error.  Started by anyone else (tests, a
 * developer), locking all memory may be more than the user's limit allows:
 * then a warning says so and the secure heap alone is locked.
 */
#include <config.h>

#include "common/sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <openssl/crypto.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/crypto-memory.h"
#include "common/log.h"

#define WHY_LEN 200

static int failed(char *why, const char *what, int error)
{
	snprintf(why, WHY_LEN, "%s: %s", what, strerror(error));
	return -error;
}

/* The kernel forgets both when a process changes its uid. */
static int set_process_flags(char *why)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return failed(why, "cannot become undumpable", errno);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
		return failed(why, "cannot tie life to the parent", errno);
	return 0;
}

/*
 * With MCL_FUTURE and a finite limit every later mmap past it fails, so
 * without an unlimited RLIMIT_MEMLOCK locking everything would only make the
 * process fail later.
 */
static int lock_memory(char *why)
{
#ifdef VHSM_SANITIZED
	(void)why;
	vhsm_log(LOG_NOTICE, "sanitizer build: memory is not locked");
	return 0;
#else
	static const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	if (setrlimit(RLIMIT_MEMLOCK, &all) == 0 &&
	    mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0)
		return 0;
	if (geteuid() == 0 && errno != EPERM)
		return failed(why, "cannot lock memory", errno);
	vhsm_log(LOG_WARNING, "cannot lock memory (%s): only the secure heap "
		 "is kept from swap; allow CAP_IPC_LOCK and an unlimited "
		 "RLIMIT_MEMLOCK", strerror(errno));
	return 0;
#endif
}

static int make_secure_heap(size_t size, char *why)
{
	if (CRYPTO_secure_malloc_initialized())
		return 0;
	/* OpenSSL would abort. */
	if (size < 4096 || (size & (size - 1))) {
		snprintf(why, WHY_LEN, "a secure heap of %zu bytes: not a "
			 "power of 2, or under 4096", size);
		return -EINVAL;
	}
	switch (CRYPTO_secure_malloc_init(size, 32)) {
	case 1:
		return 0;
	case 2:		/* made, but not every protection took */
		vhsm_log(LOG_WARNING, "the secure heap of %zu bytes is not "
			 "fully protected: raise RLIMIT_MEMLOCK", size);
		return 0;
	default:
		snprintf(why, WHY_LEN, "cannot make a secure heap of %zu "
			 "bytes", size);
		return -ENOMEM;
	}
}

int vhsm_sandbox_harden(size_t secure_heap, char *why)
{
	static const struct rlimit none = { 0, 0 };
	int r;

	if (setrlimit(RLIMIT_CORE, &none))
		return failed(why, "cannot forbid core dumps", errno);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return failed(why, "cannot forbid new privileges", errno);
	if (vhsm_crypto_memory_init() < 0)
		vhsm_log(LOG_WARNING, "OpenSSL was used before the process "
			 "was hardened: what it frees is not wiped");
	r = set_process_flags(why);
	if (r == 0)
		r = lock_memory(why);
	if (r == 0)
		r = make_secure_heap(secure_heap, why);
	return r;
}

/* "UID" or "UID:GID" in decimal; UID alone is its own group. */
static bool parse_ids(const char *user, uid_t *uid, gid_t *gid)
{
	unsigned long u, g;
	char *end;

	if (*user < '0' || *user > '9')
		return false;
	u = g = strtoul(user, &end, 10);
	if (end[0] == ':' && end[1] >= '0' && end[1] <= '9')
		g = strtoul(end + 1, &end, 10);
	*uid = u;
	*gid = g;
	return *end == '\0' && u < (uid_t)-1 && g < (gid_t)-1;
}

/* Numbers are not looked up: that would load the name service's libraries
 * into a process that is to stay small. */
static int find_user(const char *user, uid_t *uid, gid_t *gid, char *why)
{
	const struct passwd *pw;

	if (parse_ids(user, uid, gid))
		return 0;
	pw = getpwnam(user);
	if (!pw) {
		snprintf(why, WHY_LEN, "no user \"%.60s\": create it, or "
			 "configure another", user);
		return -ENOENT;
	}
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
	return 0;
}

/* The bounding set first, while we still may; it matters only to execve, so
 * a container that forbids this takes nothing from us. */
static int drop_capabilities(capng_select_t set, char *why)
{
	capng_clear(set);
	if (capng_apply(set) == 0)
		return 0;
	if (set == CAPNG_SELECT_BOUNDS) {
		vhsm_log(LOG_NOTICE, "cannot empty the capability bounding "
			 "set");
		return 0;
	}
	snprintf(why, WHY_LEN, "cannot give up capabilities");
	return -EPERM;
}

static int change_user(uid_t uid, gid_t gid, char *why)
{
	if (setgroups(0, NULL))
		return failed(why, "cannot leave supplementary groups", errno);
	if (setresgid(gid, gid, gid))
		return failed(why, "cannot change the group", errno);
	if (setresuid(uid, uid, uid))
		return failed(why, "cannot change the user", errno);
	return 0;
}

/* Believe nothing: what was given up must not come back. */
static int check_dropped(uid_t uid, gid_t gid, char *why)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	getresuid(&ruid, &euid, &suid);
	getresgid(&rgid, &egid, &sgid);
	capng_get_caps_process();
	if (ruid == uid && euid == uid && suid == uid && rgid == gid &&
	    egid == gid && sgid == gid && setuid(0) && seteuid(0) &&
	    setgid(0) && getgroups(0, NULL) == 0 &&
	    capng_have_capabilities(CAPNG_SELECT_CAPS) == CAPNG_NONE)
		return 0;
	snprintf(why, WHY_LEN, "privileges given up for uid %u are still there",
		 (unsigned)uid);
	return -EPERM;
}

int vhsm_sandbox_drop(const char *user, char *why)
{
	uid_t uid;
	gid_t gid;
	int r;

	if (!user && geteuid() != 0)
		return 0;
	if (!user) {
		snprintf(why, WHY_LEN, "will not keep running as root: "
			 "configure a user to run as");
		return -EINVAL;
	}
	r = find_user(user, &uid, &gid, why);
	if (r < 0)
		return r;
	if (geteuid() != 0) {
		if (uid == geteuid())
			return 0;
		snprintf(why, WHY_LEN, "cannot become user \"%.60s\" unless "
			 "started as root", user);
		return -EPERM;
	}
	if (uid == 0 || gid == 0) {
		snprintf(why, WHY_LEN, "user \"%.60s\" is root, or of its "
			 "group: name an unprivileged one", user);
		return -EINVAL;
	}
	r = drop_capabilities(CAPNG_SELECT_BOUNDS, why);
	if (r == 0)
		r = change_user(uid, gid, why);
	if (r == 0)
		r = drop_capabilities(CAPNG_SELECT_CAPS, why);
	if (r == 0)
		r = check_dropped(uid, gid, why);
	if (r == 0)
		r = set_process_flags(why);
	return r;
}
