/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inspect-info.c - vhsm-inspect info: whether the guest runs the kernel of a
 * reference, where, and how much of it can be read.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "inspect/inspect.h"
#include "introspect/record.h"

#define MODULES_MAX	4096u
#define TASKS_MAX	(1u << 20)
#define TABLES_MAX	(1u << 16)

struct counts {
	uint64_t modules, tasks;
	uint64_t mapped_len, exec_len;	/* bytes of the kernel's half */
};

static int count_node(uint64_t va, void *arg)
{
	(void)va;
	++*(uint64_t *)arg;
	return 0;
}

static int count_mapping(const struct vhsm_mapping *m, void *arg)
{
	struct counts *c = arg;

	c->mapped_len += m->len;
	if (m->flags & VHSM_MAP_EXEC)
		c->exec_len += m->len;
	return 0;
}

/* A list of the kernel, by its head's symbol. */
static int count_list(const struct vhsm_kernel *k, const char *symbol,
		      uint32_t offset, unsigned limit, uint64_t *count,
		      char *why)
{
	uint64_t head;
	int r;

	r = vhsm_kernel_symbol(k, symbol, &head);
	if (!r)
		r = vhsm_kernel_walk_list(k, head + offset, 0, limit,
					  count_node, count);
	if (r)
		snprintf(why, INSPECT_WHY_LEN, "the list at %s: %s", symbol,
			 strerror(-r));
	return r;
}

static int count(const struct vhsm_kernel *k, struct counts *c, char *why)
{
	int r;

	r = count_list(k, "modules", 0, MODULES_MAX, &c->modules, why);
	if (!r)
		r = count_list(k, "init_task", vhsm_reference_layout(
				k->reference, VHSM_L_task_struct__tasks).offset,
			       TASKS_MAX, &c->tasks, why);
	if (r)
		return r;
	r = vhsm_address_space_walk(&k->space, UINT64_C(1) << 63, UINT64_MAX,
				    TABLES_MAX, count_mapping, c);
	if (r)
		snprintf(why, INSPECT_WHY_LEN, "the kernel's page tables: %s",
			 strerror(-r));
	return r;
}

static int print_json(const struct vhsm_kernel *k, const struct counts *c)
{
	char slide[20], root[20];
	json_t *json;
	int r;

	snprintf(slide, sizeof(slide), "%#" PRIx64, k->slide);
	snprintf(root, sizeof(root), "%#" PRIx64, k->space.root);
	json = json_pack("{s:s, s:s, s:s, s:I, s:i, s:I, s:I, s:I, s:I}",
			 "release", vhsm_reference_release(k->reference),
			 "slide", slide, "root", root, "frames", (json_int_t)
			 vhsm_guest_memory_frames(k->memory),
			 "vcpus", (int)k->vcpu_count,
			 "modules", (json_int_t)c->modules,
			 "tasks", (json_int_t)c->tasks,
			 "mapped_bytes", (json_int_t)c->mapped_len,
			 "executable_bytes", (json_int_t)c->exec_len);
	r = json ? json_dumpf(json, stdout, 0) : -1;
	json_decref(json);
	if (!r)
		putchar('\n');
	return r;
}

static int print(const struct vhsm_kernel *k, const struct counts *c, bool json)
{
	if (json)
		return print_json(k, c);
	printf("kernel      %s\n"
	       "slide       %#" PRIx64 "\n"
	       "top table   %#" PRIx64 " (physical), %d levels\n"
	       "vCPUs       %u\n"
	       "tasks       %" PRIu64 " (without threads and idle)\n"
	       "modules     %" PRIu64 "\n"
	       "mapped      %" PRIu64 " KiB, executable %" PRIu64 " KiB\n",
	       vhsm_reference_release(k->reference), k->slide, k->space.root,
	       k->space.five_levels ? 5 : 4, k->vcpu_count, c->tasks,
	       c->modules, c->mapped_len >> 10, c->exec_len >> 10);
	return 0;
}

/* Whether a recording is what was recorded. */
static int recording_check(const struct source *s, const char *path, char *why)
{
	uint8_t sha256[32];
	int r = vhsm_record_digest(path, sha256, why);

	if (!r && memcmp(sha256, s->sha256, sizeof(sha256))) {
		snprintf(why, INSPECT_WHY_LEN, "%.160s is not as it was "
			 "recorded: its SHA-256 is not that of its .json",
			 path);
		r = -EBADMSG;
	}
	return r;
}

enum exit_code inspect_info(const struct options *o)
{
	char why[INSPECT_WHY_LEN] = "";
	struct vhsm_reference *reference;
	struct counts counts = { 0 };
	struct source source = { 0 };
	struct vhsm_kernel kernel;
	int r = -EIO;

	reference = source_reference(o, why);
	if (!reference)
		goto out;
	r = source_open(&source, o, why);
	if (!r && o->image)
		r = recording_check(&source, o->image, why);
	if (!r)
		r = vhsm_kernel_find(&kernel, source.memory, reference,
				     source.vcpu, source.vcpu_count, why);
	if (!r)
		r = count(&kernel, &counts, why);
	if (!r)
		r = print(&kernel, &counts, o->json);
out:
	if (r)
		fprintf(stderr, "vhsm-inspect: %s\n", *why ? why :
			strerror(-r));
	source_close(&source);
	vhsm_reference_close(&reference);
	return r ? EXIT_FAILED : EXIT_CLEAN;
}
