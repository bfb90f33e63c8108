/* SPDX-License-Identifier: Apache-2.0 */
/*
 * domain-vcpus.h - registers of a running domain's vCPUs, in dom0 (the
 * hypervisor keeps them for the control domain).
 */
#ifndef VHSM_DOMAIN_VCPUS_H
#define VHSM_DOMAIN_VCPUS_H

#include <xenctrl.h>

#include "introspect/kernel.h"

/*
 * Registers of all vCPUs of a PVH or HVM domain; each is stopped for a moment,
 * so they are not of one instant.  vcpu: VHSM_VCPUS_MAX of them.  0 with
 * *count; -ENOENT when there is no such domain, -EOPNOTSUPP for a PV guest,
 * -E2BIG for more vCPUs than that, or another -errno; with why
 * (VHSM_KERNEL_WHY_LEN).
 */
int vhsm_vcpus_of_domain(xc_interface *, uint32_t domid,
			 struct vhsm_vcpu *vcpu, unsigned *count, char *why);

#endif /* VHSM_DOMAIN_VCPUS_H */
