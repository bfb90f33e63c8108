/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <xenctrl.h>

#include "responder/hypervisor.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "introspect/domain-frames.h"
#include "introspect/domain-vcpus.h"

#define SAVE_HELPER	"libxl-save-help"	/* comm has 15 characters */
#define BITMAP_PAGE	4096u

struct vhsm_hypervisor {
	xc_interface *xc;
};

struct vhsm_hypervisor *vhsm_hypervisor_open(void)
{
	struct vhsm_hypervisor *hv = calloc(1, sizeof(*hv));

	if (!hv)
		return NULL;
	hv->xc = xc_interface_open(NULL, NULL, 0);
	if (!hv->xc) {
		free(hv);
		return NULL;
	}
	return hv;
}

void vhsm_hypervisor_close(struct vhsm_hypervisor **hv)
{
	if (*hv) {
		xc_interface_close((*hv)->xc);
		free(*hv);
	}
	*hv = NULL;
}

int vhsm_hypervisor_vcpus(struct vhsm_hypervisor *hv, uint32_t domid,
			  struct vhsm_vcpu *vcpu, unsigned *count, char *why)
{
	return vhsm_vcpus_of_domain(hv->xc, domid, vcpu, count, why);
}

int vhsm_hypervisor_frames(struct vhsm_hypervisor *hv, uint32_t domid,
			   uint64_t *frames)
{
	return vhsm_frames_of_domain(hv->xc, domid, frames, NULL);
}

int vhsm_hypervisor_last(struct vhsm_hypervisor *hv, uint32_t domid,
			 uint64_t *last)
{
	return vhsm_frames_of_domain(hv->xc, domid, NULL, last);
}

int vhsm_hypervisor_pause(struct vhsm_hypervisor *hv, uint32_t domid)
{
	return xc_domain_pause(hv->xc, domid) ? -errno : 0;
}

int vhsm_hypervisor_unpause(struct vhsm_hypervisor *hv, uint32_t domid)
{
	/* EINVAL: an admin has taken back ours, too. */
	return xc_domain_unpause(hv->xc, domid) && errno != EINVAL ?
		-errno : 0;
}

/* Whether some domain is being saved or migrated; if that cannot be told,
 * one is. */
static bool saving(void)
{
	DIR *proc = opendir("/proc");
	bool found = !proc;
	struct dirent *entry;

	while (proc && !found && (entry = readdir(proc))) {
		char path[sizeof(entry->d_name) + 16], comm[32] = "";
		int fd;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (read(fd, comm, sizeof(comm) - 1) > 0)
			found = !strncmp(comm, SAVE_HELPER,
					 strlen(SAVE_HELPER));
		close(fd);
	}
	if (proc)
		closedir(proc);
	return found;
}

static int log_begin(struct vhsm_hypervisor *hv, struct vhsm_dirty *dirty,
		     uint32_t domid)
{
	const unsigned op = XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY;
	int ret = xc_shadow_control(hv->xc, domid, op, NULL, 0);

	/* Left on by a migration that failed, or by a former responder. */
	if (ret < 0 && errno == EINVAL) {
		xc_shadow_control(hv->xc, domid, XEN_DOMCTL_SHADOW_OP_OFF,
				  NULL, 0);
		ret = xc_shadow_control(hv->xc, domid, op, NULL, 0);
	}
	dirty->on = ret >= 0;
	dirty->refused = ret < 0;
	return 0;
}

static int log_take(struct vhsm_hypervisor *hv, struct vhsm_dirty *dirty,
		    uint32_t domid, uint64_t frames, uint8_t *bitmap)
{
	size_t len = (frames + 63) / 64 * 8;
	DECLARE_HYPERCALL_BUFFER(uint8_t, buffer);
	xc_shadow_op_stats_t stats;
	long long ret;

	buffer = xc_hypercall_buffer_alloc_pages(hv->xc, buffer,
				(len + BITMAP_PAGE - 1) / BITMAP_PAGE);
	if (!buffer)
		return 0;
	memset(buffer, 0, len);
	ret = xc_logdirty_control(hv->xc, domid, XEN_DOMCTL_SHADOW_OP_CLEAN,
				  HYPERCALL_BUFFER(buffer), frames, 0, &stats);
	if (ret >= 0)
		memcpy(bitmap, buffer, len);
	else
		dirty->on = false;
	xc_hypercall_buffer_free_pages(hv->xc, buffer,
				       (len + BITMAP_PAGE - 1) / BITMAP_PAGE);
	return ret >= 0;
}

int vhsm_hypervisor_dirty(struct vhsm_hypervisor *hv, struct vhsm_dirty *dirty,
			  uint32_t domid, uint64_t frames, uint8_t *bitmap)
{
	if (dirty->refused || !frames)
		return 0;
	if (saving()) {
		dirty->on = false;
		return 0;
	}
	return dirty->on ? log_take(hv, dirty, domid, frames, bitmap) :
		log_begin(hv, dirty, domid);
}

void vhsm_hypervisor_dirty_end(struct vhsm_hypervisor *hv,
			       struct vhsm_dirty *dirty, uint32_t domid)
{
	if (dirty->on && !saving())
		xc_shadow_control(hv->xc, domid, XEN_DOMCTL_SHADOW_OP_OFF,
				  NULL, 0);
	*dirty = (struct vhsm_dirty){ 0 };
}
