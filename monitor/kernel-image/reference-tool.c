/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reference-tool.c - vhsm-reference: makes the reference of a kernel image, and
 * those of its modules, and says what is in them; for those who work on this,
 * and for tests.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "kernel-image/builder.h"
#include "kernel-image/module.h"

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void print(const struct vhsm_reference *reference,
		  const struct vhsm_builder_counts *counts)
{
	printf("release        %s\n", vhsm_reference_release(reference));
	printf("text           %zu bytes\n", counts->text_len);
	printf("rodata         %zu bytes\n", counts->rodata_len);
	printf("ro-after-init  %zu bytes\n", counts->ro_after_init_len);
	printf("relocations    %zu\n", counts->relocations);
	printf("symbols        %zu\n", counts->symbols);
	printf("sites          %zu with %zu variants\n", counts->sites,
	       counts->variants);
	printf("file           %zu bytes\n", counts->file_len);
}

/* path[0]: the file to make; then the modules, or their folders. */
static int make_modules(const struct vhsm_reference *reference, char **path,
			int count)
{
	struct vhsm_modules_builder *b = vhsm_modules_builder_new(reference);
	char why[VHSM_MODULE_WHY_LEN] = "no memory";
	struct vhsm_modules_counts counts;
	double start = seconds();
	int r = b ? 0 : -1;

	for (int i = 1; i < count && !r; i++)
		r = vhsm_modules_builder_add(b, path[i], why);
	if (!r)
		r = vhsm_modules_builder_write(b, path[0], &counts, why);
	vhsm_modules_builder_free(&b);
	if (r) {
		fprintf(stderr, "vhsm-reference: %s\n", why);
		return 1;
	}
	printf("modules        %zu, %zu bytes of text\n", counts.modules,
	       counts.text_len);
	printf("               %zu fields, %zu unresolved, %zu sites\n",
	       counts.fields, counts.unresolved, counts.sites);
	printf("               %zu bytes, made in %.2f s\n", counts.file_len,
	       seconds() - start);
	return 0;
}

int main(int argc, char **argv)
{
	char why[VHSM_BUILDER_WHY_LEN] = "";
	struct vhsm_builder_counts counts;
	struct vhsm_reference *reference;
	double start = seconds(), made;
	int r;

	if (argc < 3 || argc == 4 || argv[1][0] == '-') {
		fprintf(stderr, "usage: vhsm-reference KERNEL FILE "
			"[MODULES-FILE MODULE...]\n\n"
			"Makes the reference FILE of the kernel image KERNEL "
			"(vmlinuz or vmlinux), and\nMODULES-FILE of its "
			"modules, or of all that are in a folder.\n");
		return argc == 2 && !strcmp(argv[1], "--help") ? 0 : 2;
	}
	if (vhsm_reference_make(argv[1], argv[2], &counts, why)) {
		fprintf(stderr, "vhsm-reference: %s: %s\n", argv[1], why);
		return 1;
	}
	made = seconds();
	reference = vhsm_reference_open(argv[2], why);
	if (!reference) {
		fprintf(stderr, "vhsm-reference: %s\n", why);
		return 1;
	}
	print(reference, &counts);
	printf("made in        %.2f s, opened in %.3f s\n", made - start,
	       seconds() - made);
	r = argc > 4 ? make_modules(reference, argv + 3, argc - 3) : 0;
	vhsm_reference_close(&reference);
	return r;
}
