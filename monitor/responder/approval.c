/* SPDX-License-Identifier: Apache-2.0 */
/*
 * approval.c - whether a guest still is what it was matched to.  An admin may
 * withdraw an approval, or change or remove a baseline, while the guest runs:
 * the files are looked at before every sweep, and read when they changed.
 *
 * What is read are approvals and manifests; the files of a baseline, which are
 * large, were checked when the guest was matched, and the monitor has them.
 */
#include <config.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "responder/responder.h"

static void stamp_take(struct vhsm_file_stamp *stamp, const char *dir,
		       const char *name, const char *suffix)
{
	char path[PATH_MAX];
	struct stat st;

	*stamp = (struct vhsm_file_stamp){ 0 };
	if (snprintf(path, sizeof(path), "%s/%s%s", dir, name, suffix) >=
	    (int)sizeof(path) || stat(path, &st))
		return;
	stamp->inode = st.st_ino;
	stamp->time_ns = st.st_mtim.tv_sec * INT64_C(1000000000) +
		st.st_mtim.tv_nsec;
	stamp->len = st.st_size;
}

static void approved_stamp(const struct vhsm_watched *w,
			   struct vhsm_file_stamp *stamp)
{
	char name[sizeof("approved/") + sizeof(w->domain.uuid)];

	snprintf(name, sizeof(name), "approved/%s", w->domain.uuid);
	stamp_take(stamp, w->responder->conf.baseline_dir, name, ".json");
}

static bool same(const struct vhsm_file_stamp *a,
		 const struct vhsm_file_stamp *b)
{
	return a->inode == b->inode && a->time_ns == b->time_ns &&
		a->len == b->len;
}

bool vhsm_approval_changed(struct vhsm_watched *w)
{
	struct vhsm_file_stamp now;

	approved_stamp(w, &now);
	if (same(&now, &w->approvals))
		return false;
	w->approvals = now;
	return true;
}

/* 0; 1: as another baseline, or another state of it; -1: no longer, with why
 * (VHSM_BASELINE_WHY_LEN). */
static int look(const struct vhsm_watched *w, char *why)
{
	char name[VHSM_BASELINE_NAME_MAX], digest[VHSM_BASELINE_DIGEST_LEN];
	struct vhsm_boot boot;

	if (vhsm_boot_decode(&boot, w->measured)) {
		snprintf(why, VHSM_BASELINE_WHY_LEN, "its boot is not known");
		return -1;
	}
	if (vhsm_baseline_find(w->responder->conf.baseline_dir, w->domain.uuid,
			       &boot, name, digest, why))
		return -1;
	return strcmp(name, w->baseline) || strcmp(digest, w->manifest);
}

bool vhsm_approval_holds(struct vhsm_watched *w)
{
	char why[VHSM_BASELINE_WHY_LEN] = "";
	struct vhsm_file_stamp manifest;
	bool changed;
	int ret;

	/* What we change ourselves is looked at when it is done, and what an
	 * admin changes meanwhile. */
	if (w->learning.job)
		return true;
	changed = vhsm_approval_changed(w);
	stamp_take(&manifest, w->responder->conf.baseline_dir, w->baseline,
		   "/manifest.json");
	if (!changed && same(&manifest, &w->manifest_file))
		return true;
	w->manifest_file = manifest;
	ret = look(w, why);
	if (!ret)
		return true;
	if (ret < 0)
		vhsm_watched_problem(w, "approved no longer: %s", why);
	/* It is matched anew. */
	w->approvals = (struct vhsm_file_stamp){ 0 };
	w->baseline[0] = '\0';
	vhsm_watched_step(w, VHSM_CHANGED, ret > 0);
	return false;
}
