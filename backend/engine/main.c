// SPDX-License-Identifier: Apache-2.0
/*
 * vhsm-engine - keeps one guest's keys and answers its rings.
 *
 * Started by the broker (protocol.h), never by hand.  In this order, so that
 * nothing of the guest's is looked at with more rights than needed: harden,
 * fetch algorithms and run their self-tests, open the transport (as root),
 * give up root; then keys, connection, threads, the system call filter; only
 * then the first byte of the guest's.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "common/sandbox.h"
#include "engine/control.h"

/* Room for VHSM_MAX_KEYS RSA-4096 keys and their contexts; untouched pages
 * cost nothing. */
#define SECURE_HEAP (16u << 20)
#define EXIT_USAGE 2

struct options {
	const struct vhsm_transport_ops *transport;
	const char *user;
	bool verbose;
};

static const char help[] =
"Usage: vhsm-engine --transport xen|local [--user NAME] [--verbose]\n"
"\n"
"Keeps one guest's keys and answers its requests.  vhsmd starts one for each\n"
"attached guest, with its sockets as descriptors 3 and 4, its statistics as\n"
"5 and its guest's gate as 6; it is not for use by hand.\n"
"\n"
"  --transport xen|local   how the guest is reached\n"
"  --user NAME             who to be once the transport is open\n"
"  --verbose               log more\n"
"  --help, --version\n"
"\n"
"Exit status: 0 told to stop; 1 failure; 2 usage; 3 the guest broke the ring.\n";

static const struct vhsm_transport_ops *transport_named(const char *name)
{
	if (!strcmp(name, vhsm_transport_xen.name))
		return &vhsm_transport_xen;
	if (!strcmp(name, vhsm_transport_local.name))
		return &vhsm_transport_local;
	return NULL;
}

/* Returns -1 to go on, else the exit status. */
static int parse(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{ "transport", required_argument, NULL, 't' },
		{ "user", required_argument, NULL, 'u' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (c) {
		case 't':
			options->transport = transport_named(optarg);
			break;
		case 'u':
			options->user = optarg;
			break;
		case 'v':
			options->verbose = true;
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_SUCCESS;
		case 'V':
			puts("vhsm-engine " PACKAGE_VERSION);
			return EXIT_SUCCESS;
		default:
			return EXIT_USAGE;
		}
	}
	if (optind == argc && options->transport)
		return -1;
	fputs("vhsm-engine: say --transport xen or --transport local; see --help\n",
	      stderr);
	return EXIT_USAGE;
}

static int map_stats(struct vhsm_engine *engine, char *why)
{
	struct stat st;
	void *p;

	if (fstat(VHSM_FD_STATS, &st) ||
	    st.st_size < (off_t)sizeof(*engine->stats)) {
		snprintf(why, VHSM_TEXT_MAX,
			 "descriptor %d is not a memfd of %zu bytes: is this started by vhsmd?",
			 VHSM_FD_STATS, sizeof(*engine->stats));
		return -EINVAL;
	}
	p = mmap(NULL, sizeof(*engine->stats), PROT_READ | PROT_WRITE,
		 MAP_SHARED, VHSM_FD_STATS, 0);
	if (p == MAP_FAILED) {
		snprintf(why, VHSM_TEXT_MAX, "cannot map the statistics: %s",
			 strerror(errno));
		return -errno;
	}
	engine->stats = p;
	engine->stats->pid = getpid();
	return 0;
}

static int take_descriptors(struct vhsm_engine *engine, char *why)
{
	int flags = fcntl(VHSM_FD_VAULT, F_GETFL);

	engine->broker = VHSM_FD_BROKER;
	engine->vault = VHSM_FD_VAULT;
	engine->control_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (engine->control_fd < 0 || flags < 0 ||
	    fcntl(VHSM_FD_VAULT, F_SETFL, flags | O_NONBLOCK)) {
		snprintf(why, VHSM_TEXT_MAX,
			 "descriptors %d and %d are not sockets: is this started by vhsmd?",
			 VHSM_FD_BROKER, VHSM_FD_VAULT);
		return -EBADF;
	}
	if (vhsm_guard_open(&engine->guard, VHSM_FD_GATE, why))
		return -EINVAL;
	close(VHSM_FD_GATE);
	return map_stats(engine, why);
}

/* Everything that needs rights which are then given up. */
static int prepare(struct vhsm_engine *engine, const struct options *options,
		   char *why)
{
	const char *what = "";
	int r;

	r = vhsm_sandbox_harden(SECURE_HEAP, why);
	if (r)
		return r;
	if (vhsm_ops_init(&what)) {
		snprintf(why, VHSM_TEXT_MAX,
			 "self-test failed, will not serve: %s", what);
		return -EIO;
	}
	r = take_descriptors(engine, why);
	if (r)
		return r;
	engine->ops = options->transport;
	engine->transport = engine->ops->open();
	if (!engine->transport) {
		snprintf(why, VHSM_TEXT_MAX, "cannot open the %s transport: %s",
			 engine->ops->name, strerror(errno));
		return -errno;
	}
	r = vhsm_sandbox_drop(options->user, why);
	if (r)
		return r;
	vhsm_epoch_init(&engine->epoch);
	vhsm_refusals_init(&engine->refusals, engine->vault);
	r = vhsm_keys_init(&engine->keys, &engine->epoch);
	if (r)
		snprintf(why, VHSM_TEXT_MAX, "no random numbers: %s",
			 strerror(-r));
	return r;
}

int main(int argc, char **argv)
{
	static struct vhsm_engine engine;
	struct options options = { 0 };
	char why[VHSM_TEXT_MAX] = "";
	bool threads_left = false;
	int status = parse(argc, argv, &options);

	if (status >= 0)
		return status;
	signal(SIGPIPE, SIG_IGN);	/* of the log, on standard error */
	vhsm_log_init("vhsm-engine", options.verbose);
	if (prepare(&engine, &options, why)) {
		vhsm_log(LOG_ERR, "%s", why);
		return EXIT_FAILURE;
	}
	status = vhsm_control_run(&engine, &threads_left);
	if (threads_left)
		_exit(status);
	vhsm_keys_deinit(&engine.keys);
	vhsm_refusals_deinit(&engine.refusals);
	engine.ops->close(&engine.transport);
	vhsm_ops_deinit();
	return status;
}
