/* SPDX-License-Identifier: Apache-2.0 */
/*
 * domain-vcpus.c - registers from the records that Xen would save of a domain
 * (public header arch-x86/hvm/save.h).  A vCPU that is down has no record.
 */
#include "introspect/domain-vcpus.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <xen/hvm/save.h>

static void convert(struct vhsm_vcpu *v, const struct hvm_hw_cpu *c)
{
	*v = (struct vhsm_vcpu){
		.cr0 = c->cr0, .cr3 = c->cr3, .cr4 = c->cr4,
		.efer = c->msr_efer,
		.idt_base = c->idtr_base, .idt_limit = c->idtr_limit,
		.online = 1,
		.lstar = c->msr_lstar, .cstar = c->msr_cstar,
		.star = c->msr_star, .sfmask = c->msr_syscall_mask,
		.sysenter_eip = c->sysenter_eip,
		.gs_base = c->gs_base, .kernel_gs_base = c->shadow_gs,
		.rip = c->rip, .rsp = c->rsp,
	};
}

int vhsm_vcpus_of_domain(xc_interface *xch, uint32_t domid,
			 struct vhsm_vcpu *vcpu, unsigned *count, char *why)
{
	struct hvm_hw_cpu context;
	xc_domaininfo_t info;
	unsigned i;
	int r;

	/* Xen gives the next domain's when the one asked for is gone. */
	if (xc_domain_getinfolist(xch, domid, 1, &info) != 1 ||
	    info.domain != domid) {
		snprintf(why, VHSM_KERNEL_WHY_LEN, "there is no domain %u",
			 domid);
		return -ENOENT;
	}
	if (!(info.flags & XEN_DOMINF_hvm_guest)) {
		snprintf(why, VHSM_KERNEL_WHY_LEN, "domain %u is a PV guest; "
			 "only PVH and HVM guests can be looked into", domid);
		return -EOPNOTSUPP;
	}
	if (info.max_vcpu_id >= VHSM_VCPUS_MAX) {
		snprintf(why, VHSM_KERNEL_WHY_LEN, "domain %u has more than %u"
			 " vCPUs", domid, VHSM_VCPUS_MAX);
		return -E2BIG;
	}
	*count = info.max_vcpu_id + 1;
	for (i = 0; i < *count; i++) {
		memset(&context, 0, sizeof(context));
		vcpu[i] = (struct vhsm_vcpu){ 0 };
		if (!xc_domain_hvm_getcontext_partial(xch, domid,
						      HVM_SAVE_CODE(CPU),
						      (uint16_t)i, &context,
						      sizeof(context))) {
			convert(&vcpu[i], &context);
			continue;
		}
		r = -errno;
		if (r == -ENOENT || r == -ENODATA)
			continue;
		snprintf(why, VHSM_KERNEL_WHY_LEN,
			 "registers of vCPU %u of domain %u: %s", i, domid,
			 strerror(-r));
		return r;
	}
	return 0;
}
