/* SPDX-License-Identifier: Apache-2.0 */
/* All patch sites of an image: what overlaps is put together. */
#include "kernel-image/site-op.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* A trampoline that returns is in the table of returns as well, and the static
 * call's values are all that it can have. */
static void drop_trampolines(struct vhsm_site_ops *ops, const uint64_t *tramp,
			     size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < ops->count; i++)
		if (ops->op[i].kind != VHSM_SITE_RETURN || !count ||
		    !bsearch(&ops->op[i].va, tramp, count, sizeof(*tramp),
			     by_value))
			ops->op[kept++] = ops->op[i];
	ops->count = kept;
}

static int add_clusters(struct vhsm_builder *builder,
			const struct vhsm_site_image *site,
			const struct vhsm_site_ops *ops, char *why)
{
	int error = 0;

	for (size_t i = 0, n; i < ops->count && !error; i += n) {
		uint64_t end = ops->op[i].va + ops->op[i].len;

		for (n = 1; i + n < ops->count && ops->op[i + n].va < end; n++)
			if (ops->op[i + n].va + ops->op[i + n].len > end)
				end = ops->op[i + n].va + ops->op[i + n].len;
		error = vhsm_site_add_cluster(builder, site, ops->op + i, n,
					      why);
	}
	return error;
}

int vhsm_builder_add_sites(struct vhsm_builder *builder,
			   const struct vhsm_image *image, char *why)
{
	struct vhsm_site_image site;
	struct vhsm_site_ops ops = { 0 };
	uint64_t *tramp = NULL;
	size_t count = 0;
	int error = vhsm_site_image_init(&site, image, why);

	if (error)
		return error;
	*why = '\0';
	error = vhsm_site_ops_read(&ops, &site, why);
	if (!error)
		error = vhsm_site_add_runtime(builder, &site, &tramp, &count,
					      why);
	if (!error) {
		drop_trampolines(&ops, tramp, count);
		error = add_clusters(builder, &site, &ops, why);
	}
	if (error && !*why)
		snprintf(why, VHSM_BUILDER_WHY_LEN, "patch sites: %s",
			 strerror(-error));
	free(tramp);
	vhsm_site_ops_free(&ops);
	return error;
}
