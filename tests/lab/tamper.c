/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tamper.c - uses a key without a pause, does something to the guest, and sees
 * for how long the key goes on answering.
 *
 *   tamper KEY SECONDS COMMAND [ARG...]
 *
 * Runs in a lab guest.  Signs with KEY for one second, then runs COMMAND and
 * signs on until the key is refused, or for SECONDS.  Prints one JSON object:
 *
 *   tampered_ms  wall clock just before COMMAND was started
 *   exit         its exit status, once it ended; null: it still runs
 *   before       signatures made before
 *   after        signatures made after
 *   last_ms      from there to the last answer that was a signature
 *   denied_ms    from there to the first refusal; null: there was none
 *   error        what that said
 *   slowest_ms   the longest that one signature took
 *
 * Exits 0 when the key was refused, 3 when it was not, 1 when it cannot begin.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vhsm/vhsm.h"

/* The lab's one processor is also that of the monitor that is to see it. */
#define PAUSE_US	10000u
#define LEAD_NS 1000000000ull

struct run {
	struct vhsm *device;
	uint32_t key;
	uint16_t mechanism;
	uint64_t tampered;		/* CLOCK_MONOTONIC, ns */
	uint64_t last;			/* of the last signature */
	uint64_t denied;		/* 0: not yet */
	uint64_t slowest;
	uint64_t before;
	uint64_t after;
	int error;
	pid_t pid;			/* of the command; 0: ended */
	int status;
};

static uint64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static int begin(struct run *run, const char *name)
{
	struct vhsm_key_info info;
	int r = vhsm_open(NULL, &run->device);

	if (!r)
		r = vhsm_key_open(run->device, name, &run->key);
	if (!r)
		r = vhsm_key_info(run->device, run->key, &info);
	if (!r)
		run->mechanism = vhsm_mechanism_default(info.type);
	if (r)
		fprintf(stderr, "tamper: %s: %s\n", name, vhsm_strerror(r));
	return r;
}

/* One signature; false when it was refused. */
static bool sign(struct run *run)
{
	uint8_t signature[VHSM_SIG_MAX];
	size_t len = sizeof(signature);
	uint64_t start = now_ns(CLOCK_MONOTONIC), end;

	run->error = vhsm_sign(run->device, run->key, run->mechanism, 0,
			       "tamper", 6, signature, &len);
	end = now_ns(CLOCK_MONOTONIC);
	if (run->error) {
		run->denied = end;
		return false;
	}
	if (end - start > run->slowest)
		run->slowest = end - start;
	run->last = end;
	run->after += run->tampered != 0;
	run->before += !run->tampered;
	usleep(PAUSE_US);
	return true;
}

static int command_start(struct run *run, char **argv)
{
	run->pid = fork();
	if (run->pid < 0)
		return -errno;
	if (!run->pid) {
		/* Standard output is for our object alone. */
		dup2(2, 1);
		execvp(argv[0], argv);
		fprintf(stderr, "tamper: %s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	return 0;
}

static void command_look(struct run *run, int flags)
{
	if (run->pid && waitpid(run->pid, &run->status, flags) == run->pid)
		run->pid = 0;
}

static void ms_print(const char *name, uint64_t from, uint64_t to, bool known)
{
	if (known)
		printf(", \"%s\": %.1f", name, (to - from) / 1e6);
	else
		printf(", \"%s\": null", name);
}

static void report(const struct run *run, uint64_t wall)
{
	printf("{\"tampered_ms\": %" PRIu64 ", \"exit\": ", wall / 1000000);
	if (run->pid)
		printf("null");
	else
		printf("%d", WIFEXITED(run->status) ?
		       WEXITSTATUS(run->status) : 128 + WTERMSIG(run->status));
	printf(", \"before\": %" PRIu64 ", \"after\": %" PRIu64, run->before,
	       run->after);
	ms_print("last_ms", run->tampered, run->last, run->after > 0);
	ms_print("denied_ms", run->tampered, run->denied, run->denied);
	ms_print("slowest_ms", 0, run->slowest, true);
	printf(", \"error\": \"%s\"}\n", run->denied ?
	       vhsm_strerror(run->error) : "");
}

int main(int argc, char **argv)
{
	struct run run = { 0 };
	uint64_t start, limit, wall;

	if (argc < 4) {
		fputs("usage: tamper KEY SECONDS COMMAND [ARG...]\n", stderr);
		return 2;
	}
	limit = strtoul(argv[2], NULL, 10) * 1000000000ull;
	if (begin(&run, argv[1]))
		return 1;
	start = now_ns(CLOCK_MONOTONIC);
	while (now_ns(CLOCK_MONOTONIC) - start < LEAD_NS)
		if (!sign(&run)) {
			fprintf(stderr, "tamper: refused before anything was "
				"done: %s\n", vhsm_strerror(run.error));
			return 1;
		}
	wall = now_ns(CLOCK_REALTIME);
	run.tampered = now_ns(CLOCK_MONOTONIC);
	if (command_start(&run, argv + 3))
		return 1;
	while (now_ns(CLOCK_MONOTONIC) - run.tampered < limit && sign(&run))
		command_look(&run, WNOHANG);
	/* What ends by itself is waited for. */
	for (unsigned i = 0; i < 50 && run.pid; i++, usleep(20000))
		command_look(&run, WNOHANG);
	report(&run, wall);
	vhsm_close(&run.device);
	return run.denied ? 0 : 3;
}
