// SPDX-License-Identifier: Apache-2.0
/*
 * bench-daemon.c - the product as installed, but from the build tree and in a
 * temporary directory: vhsmd --config FILE, keys made with vhsmctl.
 */
#include <config.h>

#include "bench/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/rpc.h"

#define UUID "5eed5eed-0000-4000-8000-00000000be0c"

struct bench_daemon {
	char dir[64];
	char build[256];		/* where the programs are */
	char device[256];
	pid_t pid;
};

static void write_file(const struct bench_daemon *d, const char *name,
		       const void *bytes, size_t len)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", d->dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || write(fd, bytes, len) != (ssize_t)len)
		bench_die("%s: %s", path, strerror(errno));
	close(fd);
}

static void write_config(const struct bench_daemon *d)
{
	const char *user = geteuid() ? "" : "65534";
	char text[1024];
	uint8_t root[32];
	int n;

	if (getrandom(root, sizeof(root), 0) != sizeof(root))
		bench_die("no random numbers");
	write_file(d, "root.key", root, sizeof(root));
	n = snprintf(text, sizeof(text),
		     "store-dir = \"%s/store\"\nrun-dir = \"%s/run\"\n"
		     "root-key = \"file:%s/root.key\"\n"
		     "libexec-dir = \"%s\"\nlocal-socket = \"%s/socket\"\n"
		     "vault-user = \"%s\"\nengine-user = \"%s\"\nxen = off\n",
		     d->dir, d->dir, d->dir, d->build, d->dir, user, user);
	write_file(d, "vhsmd.conf", text, n);
}

/* Starts a program of ours; its standard output goes to /dev/null. */
static pid_t start(const struct bench_daemon *d, const char *program,
		   const char *const *argv, bool counted)
{
	char path[320], preload[512], counts[128];
	pid_t pid = fork();
	int null;

	if (pid)
		return pid;
	snprintf(path, sizeof(path), "%s/%s", d->build, program);
	if (counted) {
		snprintf(preload, sizeof(preload),
			 "%s/.libs/libbench-count.so", d->build);
		snprintf(counts, sizeof(counts), "%s/counts", d->dir);
		setenv("LD_PRELOAD", preload, 1);
		setenv("VHSM_BENCH_COUNT", counts, 1);
	}
	null = open("/dev/null", O_WRONLY);
	dup2(null, STDOUT_FILENO);
	execv(path, (char *const *)argv);
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
	_exit(127);
}

static int run(const struct bench_daemon *d, const char *program,
	       const char *const *argv)
{
	pid_t pid = start(d, program, argv, false);
	int status = -1;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void make_key(const struct bench_daemon *d, const struct bench_op *op)
{
	char run_dir[128];
	const char *argv[] = {
		"vhsmctl", "key", "generate", "--run-dir", run_dir, "--domain",
		UUID, "--type", op->key_type, op->key, NULL
	};

	snprintf(run_dir, sizeof(run_dir), "%s/run", d->dir);
	if (run(d, "vhsmctl", argv))
		bench_die("cannot make the key %s", op->key);
}

static void make_keys(const struct bench_daemon *d, const struct bench_op *ops,
		      unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		bool made = !ops[i].key;

		for (unsigned j = 0; j < i && !made; j++)
			made = ops[j].key && !strcmp(ops[i].key, ops[j].key);
		if (!made)
			make_key(d, &ops[i]);
	}
}

/* The daemon is up once its vault answers. */
static void await_daemon(const struct bench_daemon *d)
{
	char run_dir[128];
	const char *argv[] = {
		"vhsmctl", "unit", "list", "--run-dir", run_dir, NULL
	};
	struct stat st;

	snprintf(run_dir, sizeof(run_dir), "%s/run", d->dir);
	for (int i = 0; i < 100; i++) {
		char path[160];

		usleep(50000);
		snprintf(path, sizeof(path), "%s/vault.sock", run_dir);
		if (!stat(path, &st) && !run(d, "vhsmctl", argv))
			return;
	}
	bench_die("vhsmd did not come up in 5 s");
}

struct bench_daemon *bench_daemon_new(const struct bench_op *ops,
				      unsigned count)
{
	struct bench_daemon *d = calloc(1, sizeof(*d));
	char config[128], counts[128];
	const char *argv[] = { "vhsmd", "--config", config, NULL };

	if (!d)
		bench_die("out of memory");
	memcpy(d->dir, "/tmp/vhsm-bench-XXXXXX",
	       sizeof("/tmp/vhsm-bench-XXXXXX"));
	if (!mkdtemp(d->dir) || chmod(d->dir, 0755) ||
	    !getcwd(d->build, sizeof(d->build)))
		bench_die("cannot make a directory: %s", strerror(errno));
	write_config(d);
	snprintf(config, sizeof(config), "%s/vhsmd.conf", d->dir);
	snprintf(counts, sizeof(counts), "%s/counts", d->dir);
	mkdir(counts, 0700);
	d->pid = start(d, "vhsmd", argv, true);
	await_daemon(d);
	make_keys(d, ops, count);
	snprintf(d->device, sizeof(d->device),
		 "local:%s/socket?uuid=%s&pool-pages=4096&ring-order=4",
		 d->dir, UUID);
	return d;
}

const char *bench_daemon_device(const struct bench_daemon *d)
{
	return d->device;
}

/* A field of the first device of the broker's answer; -1 if there is none. */
static int64_t device_field(const struct bench_daemon *d, const char *method,
			    const char *field)
{
	json_t *result = NULL, *value;
	char *code = NULL, *error = NULL;
	char path[128];
	int64_t number = -1;

	snprintf(path, sizeof(path), "%s/run/vhsmd.sock", d->dir);
	if (vhsm_rpc_call_sync(path, method, json_object(), -1, &result,
			       &code, &error) == 0) {
		value = json_object_get(json_array_get(
			json_object_get(result, "devices"), 0), field);
		if (json_is_integer(value))
			number = json_integer_value(value);
	}
	json_decref(result);
	free(code);
	free(error);
	return number;
}

int bench_daemon_engine(const struct bench_daemon *d)
{
	return device_field(d, "device.list", "engine_pid");
}

int64_t bench_daemon_maps(const struct bench_daemon *d)
{
	/* The engine brings its statistics up to date every 2 s. */
	sleep(3);
	return device_field(d, "top", "grant_maps_after_connect");
}

int64_t bench_daemon_allocations(const struct bench_daemon *d, int pid)
{
	char path[128];
	uint64_t count;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/counts/%d", d->dir, pid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -1;
	n = read(fd, &count, sizeof(count));
	close(fd);
	return n == sizeof(count) ? (int64_t)count : -1;
}

int64_t bench_resident(int pid)
{
	long pages = 0, resident = 0, shared = 0;
	char path[64];
	FILE *f;
	int n;

	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	f = fopen(path, "r");
	if (!f)
		return -1;
	n = fscanf(f, "%ld %ld %ld", &pages, &resident, &shared);
	fclose(f);
	/* "shared" is files and shared memory: the pool, and program text. */
	return n == 3 ? (int64_t)(resident - shared) * sysconf(_SC_PAGESIZE) :
		-1;
}

void bench_daemon_free(struct bench_daemon **daemon)
{
	struct bench_daemon *d = *daemon;
	const char *argv[] = { "rm", "-rf", d->dir, NULL };
	pid_t pid;

	*daemon = NULL;
	kill(d->pid, SIGTERM);
	waitpid(d->pid, NULL, 0);
	pid = fork();
	if (!pid)
		execv("/bin/rm", (char *const *)argv);
	waitpid(pid, NULL, 0);
	free(d);
}
