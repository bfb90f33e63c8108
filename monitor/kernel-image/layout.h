/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layout.h - where the members of structures are (layout.def), from the BTF of
 * an image (Documentation/bpf/btf.rst).
 */
#ifndef VHSM_LAYOUT_H
#define VHSM_LAYOUT_H

#include "kernel-image/image.h"

/*
 * Fills member[VHSM_LAYOUT_COUNT].  0; -ENOENT when there is no BTF, or in it
 * no type or member that must be there; -EBADMSG when it is damaged; with why
 * (VHSM_IMAGE_WHY_LEN).
 */
int layout_read(const struct vhsm_image *, struct vhsm_member *member,
		char *why);

#endif /* VHSM_LAYOUT_H */
