/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitor-checks.c - the quick checks, once a round, on a recording.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench-monitor.h"
#include "bench/harness.h"
#include "checks/run.h"
#include "introspect/record.h"
#include "kernel-image/builder.h"

#define ROUNDS_MAX	64u

static unsigned found;

static void count_finding(void *arg, const struct vhsm_finding *f, bool again)
{
	(void)arg;
	(void)f;
	(void)again;
	found++;
}

static struct vhsm_reference *open_reference(const struct bench_monitor *b)
{
	char path[] = "/tmp/vhsm-bench.XXXXXX", name[512];
	char why[VHSM_BUILDER_WHY_LEN] = "";
	struct vhsm_reference *reference;
	int fd;

	if (b->baseline) {
		snprintf(name, sizeof(name), "%s/reference", b->baseline);
		reference = vhsm_reference_open(name, why);
	} else {
		fd = mkstemp(path);
		if (fd < 0)
			bench_die("no temporary file");
		close(fd);
		if (vhsm_reference_make(b->kernel, path, NULL, why))
			bench_die("%s: %s", b->kernel, why);
		reference = vhsm_reference_open(path, why);
		unlink(path);
	}
	if (!reference)
		bench_die("%s", why);
	return reference;
}

static struct vhsm_runner *open_runner(const struct bench_monitor *b,
				       const struct vhsm_reference *reference)
{
	struct vhsm_runner_setup setup = {
		.reference = reference, .baseline_dir = b->baseline,
		.found = count_finding,
	};
	char why[VHSM_RUNNER_WHY_LEN] = "";
	struct vhsm_runner *runner = vhsm_runner_open(&setup, why);

	if (!runner)
		bench_die("%s", why);
	return runner;
}

static void find_kernel(const struct bench_monitor *b,
			const struct vhsm_reference *reference,
			struct vhsm_guest_memory *memory,
			struct vhsm_kernel *kernel)
{
	static struct vhsm_recording recording;
	char why[VHSM_RECORD_WHY_LEN] = "";
	uint64_t start;

	if (vhsm_record_read(&recording, b->image, why))
		bench_die("%s", why);
	start = bench_now();
	if (vhsm_kernel_find(kernel, memory, reference, recording.vcpu,
			     recording.vcpu_count, why))
		bench_die("%s: %s", b->image, why);
	printf(b->json ? "" : "kernel found in %.1f ms\n",
	       (double)(bench_now() - start) / 1e6);
}

static void sweep_rounds(struct bench_monitor *b, struct vhsm_runner *runner,
			 const struct vhsm_kernel *kernel)
{
	static struct vhsm_verdict verdict;
	static double each[VHSM_CHECK_RUNS_MAX][ROUNDS_MAX];
	double ms[ROUNDS_MAX], first;
	unsigned i, c;

	vhsm_runner_sweep(runner, kernel, 1, &verdict);
	first = (double)verdict.us / 1e3;
	for (i = 0; i < b->rounds; i++) {
		vhsm_runner_sweep(runner, kernel, i + 2, &verdict);
		ms[i] = (double)verdict.us / 1e3;
		for (c = 0; c < verdict.run_count; c++)
			each[c][i] = (double)verdict.run[c].us / 1e3;
	}
	bench_row(b, "quick checks, first", first, 0,
		  "with the first reads (target below 50 ms)");
	bench_row(b, "quick checks", bench_median(ms, b->rounds), 0,
		  "(target below 50 ms)");
	for (c = 0; c < verdict.run_count; c++)
		bench_row(b, vhsm_check_by_number(verdict.run[c].check)->name,
			  bench_median(each[c], b->rounds), 0,
			  verdict.run[c].error);
	if (found)
		fprintf(stderr, "%u findings: not a healthy guest\n", found);
}

void bench_checks(struct bench_monitor *b)
{
	static struct vhsm_kernel kernel;
	char why[VHSM_MEMORY_WHY_LEN] = "";
	struct vhsm_reference *reference = open_reference(b);
	struct vhsm_runner *runner = open_runner(b, reference);
	struct vhsm_guest_memory *memory;

	memory = vhsm_guest_memory_open_image(b->image, why);
	if (!memory)
		bench_die("%s", why);
	find_kernel(b, reference, memory, &kernel);
	sweep_rounds(b, runner, &kernel);
	vhsm_runner_close(&runner);
	vhsm_guest_memory_close(&memory);
	vhsm_reference_close(&reference);
}
