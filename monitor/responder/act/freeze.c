/* SPDX-License-Identifier: Apache-2.0 */
/*
 * freeze.c - a paused guest's memory and registers into files, and the seal on
 * what is kept of an incident.
 */
#include <config.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <xenctrl.h>

#include "introspect/domain-vcpus.h"
#include "introspect/record.h"
#include "responder/act/act.h"
#include "responder/evidence.h"

#define RESERVE	(UINT64_C(64) << 20)

static int record(struct vhsm_act *act, xc_interface *xc, uint32_t domid,
		  const char *name, const char *path)
{
	static struct vhsm_recording recording;
	char why[VHSM_RECORD_WHY_LEN] = "";
	struct vhsm_guest_memory *memory;
	int ret;

	snprintf(recording.domain, sizeof(recording.domain), "%s", name);
	recording.paused = true;
	if (vhsm_vcpus_of_domain(xc, domid, recording.vcpu,
				 &recording.vcpu_count, why))
		return vhsm_act_fail(act, "registers: %s", why);
	memory = vhsm_guest_memory_open_domain(domid, why);
	if (!memory)
		return vhsm_act_fail(act, "memory: %s", why);
	ret = vhsm_record_write(&recording, memory, path, why);
	vhsm_guest_memory_close(&memory);
	if (ret)
		return vhsm_act_fail(act, "memory image: %s", why);
	act->result = json_pack("{s:I,s:s}", "pages",
				(json_int_t)recording.stats.pages, "path",
				path);
	return 0;
}

/* A second freeze in one incident keeps the first image, if it is whole: its
 * registers are written last. */
static bool kept(struct vhsm_act *act, const char *path)
{
	static struct vhsm_recording recording;
	char why[VHSM_RECORD_WHY_LEN];

	if (access(path, F_OK) || vhsm_record_read(&recording, path, why))
		return false;
	act->result = json_pack("{s:I,s:s}", "pages",
				(json_int_t)recording.stats.pages, "path",
				path);
	return true;
}

/* What a freeze that was killed has left. */
static void partial_remove(const char *path)
{
	char json[PATH_MAX];

	if (snprintf(json, sizeof(json), "%s.json", path) <
	    (int)sizeof(json))
		unlink(json);
	unlink(path);
}

/* dom0 lives on the same disk, its vault and its audit log, too. */
static int room_check(struct vhsm_act *act, xc_interface *xc, uint32_t domid,
		      const char *path)
{
	uint64_t need, room;
	char dir[PATH_MAX];
	struct statvfs fs;
	xc_dominfo_t info;

	snprintf(dir, sizeof(dir), "%s", path);
	if (strrchr(dir, '/'))
		*strrchr(dir, '/') = '\0';
	if (xc_domain_getinfo(xc, domid, 1, &info) != 1 ||
	    info.domid != domid)
		return vhsm_act_fail(act, "there is no domain %u", domid);
	if (statvfs(dir, &fs))
		return vhsm_act_fail(act, "%s: %s", dir, strerror(errno));
	need = info.nr_pages * UINT64_C(4096) + RESERVE;
	room = (uint64_t)fs.f_bavail * fs.f_frsize;
	return room >= need ? 0 :
		vhsm_act_fail(act, "no memory image: it needs %llu MiB in %s, "
			      "with %u in reserve, and %llu are free",
			      (unsigned long long)need >> 20, dir,
			      (unsigned)(RESERVE >> 20),
			      (unsigned long long)room >> 20);
}

int vhsm_act_freeze(struct vhsm_act *act)
{
	const char *name, *path;
	xc_interface *xc;
	uint32_t domid;
	int ret;

	if (!vhsm_act_domid(act, "domid", &domid) ||
	    !vhsm_act_text(act, "name", &name) ||
	    !vhsm_act_text(act, "path", &path))
		return -1;
	if (kept(act, path))
		return 0;
	partial_remove(path);
	xc = xc_interface_open(NULL, NULL, 0);
	if (!xc)
		return vhsm_act_fail(act, "the hypervisor: %s",
				     strerror(errno));
	ret = room_check(act, xc, domid, path);
	if (!ret)
		ret = record(act, xc, domid, name, path);
	xc_interface_close(xc);
	return ret;
}

int vhsm_act_seal(struct vhsm_act *act)
{
	char why[VHSM_EVIDENCE_WHY_LEN] = "";
	const char *bundle, *keys;
	char path[PATH_MAX];

	if (!vhsm_act_text(act, "bundle", &bundle) ||
	    !vhsm_act_text(act, "keys", &keys))
		return -1;
	/* No seal says of half an image that it is evidence. */
	if (snprintf(path, sizeof(path), "%s/memory.img", bundle) <
	    (int)sizeof(path) && !kept(act, path))
		partial_remove(path);
	json_decref(act->result);
	act->result = NULL;
	if (vhsm_evidence_seal(bundle, keys, why))
		return vhsm_act_fail(act, "%s", why);
	return 0;
}
