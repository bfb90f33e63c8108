/* SPDX-License-Identifier: Apache-2.0 */
/*
 * freeze.c - a paused guest's memory and registers into files, and the seal on
 * what is kept of an incident.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xenctrl.h>

#include "act.h"
#include "domain-vcpus.h"
#include "evidence.h"
#include "record.h"

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
	/* A second freeze in one incident keeps the first image. */
	if (!access(path, F_OK)) {
		act->result = json_pack("{s:I,s:s}", "pages", (json_int_t)0,
					"path", path);
		return 0;
	}
	xc = xc_interface_open(NULL, NULL, 0);
	if (!xc)
		return vhsm_act_fail(act, "the hypervisor: %s",
				     strerror(errno));
	ret = record(act, xc, domid, name, path);
	xc_interface_close(xc);
	return ret;
}

int vhsm_act_seal(struct vhsm_act *act)
{
	char why[VHSM_EVIDENCE_WHY_LEN] = "";
	const char *bundle, *keys;

	if (!vhsm_act_text(act, "bundle", &bundle) ||
	    !vhsm_act_text(act, "keys", &keys))
		return -1;
	if (vhsm_evidence_seal(bundle, keys, why))
		return vhsm_act_fail(act, "%s", why);
	return 0;
}
