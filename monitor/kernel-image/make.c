/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "kernel-image/builder.h"

int vhsm_reference_make(const char *kernel, const char *path,
			struct vhsm_builder_counts *counts, char *why)
{
	struct vhsm_image *image = vhsm_image_open(kernel, why);
	struct vhsm_builder *builder = NULL;
	int r = -EINVAL;

	if (image)
		builder = vhsm_builder_new(image, why);
	if (builder)
		r = vhsm_builder_add_sites(builder, image, why);
	if (!r)
		r = vhsm_builder_write(builder, path, why);
	if (!r && counts)
		vhsm_builder_counts(builder, counts);
	vhsm_builder_free(&builder);
	vhsm_image_free(&image);
	return r;
}
