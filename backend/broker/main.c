/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - vhsmd: reads the configuration, starts everything in order (vault,
 * then what brings devices), ends it in reverse.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "admin.h"
#include "broker.h"
#include "child.h"
#include "guest.h"
#include "local.h"
#include "log.h"
#include "rpc.h"
#include "user.h"
#include "vault-child.h"
#include "xen.h"

#define EXIT_USAGE	2
#define STOP_S		8		/* for all that runs to end */

struct options {
	const char *config;
	bool config_given;
	bool check;
	bool verbose;
};

struct daemon {
	struct vhsm_broker broker;	/* first: wake() is given this */
	struct event *signals[2];
	struct event *watchdog;
	struct event *overdue;
	int lock_fd;
	bool notified;
};

static const char help[] =
"Usage: vhsmd [--config FILE] [--check] [--verbose]\n"
"Keeps the keys of Xen's guests outside of them: finds the guests' vhsm\n"
"devices and runs the vault and an engine for each.  Stays in the foreground.\n"
"\n"
"  -c, --config FILE  read FILE instead of " VHSM_CONFIG_FILE "\n"
"  -n, --check        test the configuration and exit: 0 if it is good\n"
"  -v, --verbose      log more\n"
"  -h, --help         this\n"
"  -V, --version      the version\n"
"\n"
"See vhsmd(8), vhsmd.conf(5); vhsmctl(8) talks to it.\n";

static void options_read(struct options *options, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, 'n' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:nvhV", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			options->config = optarg;
			options->config_given = true;
			break;
		case 'n':
			options->check = true;
			break;
		case 'v':
			options->verbose = true;
			break;
		case 'h':
			fputs(help, stdout);
			exit(0);
		case 'V':
			puts("vhsmd " PACKAGE_VERSION);
			exit(0);
		default:
			fputs("See vhsmd --help.\n", stderr);
			exit(EXIT_USAGE);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "vhsmd: unexpected \"%s\"; see vhsmd --help\n",
			argv[optind]);
		exit(EXIT_USAGE);
	}
}

/* What the file cannot say about this machine.  0 or -errno, told. */
static int machine_check(const struct vhsm_config *config)
{
	const char *const users[] = { config->vault_user, config->engine_user };
	static const char *const programs[] = { "vhsm-vault", "vhsm-engine" };
	char path[PATH_MAX];
	int ret = 0;

	for (unsigned i = 0; i < 2; i++) {
		if (geteuid() == 0 && !users[i][0]) {
			fprintf(stderr, "vhsmd: %s must name a user: what "
				"holds keys does not run as root\n",
				i ? "engine-user" : "vault-user");
			ret = -EINVAL;
		}
		if (vhsm_user_is_changed(users[i]) &&
		    !vhsm_user_exists(users[i])) {
			fprintf(stderr, "vhsmd: there is no user %s; "
				"systemd-sysusers makes it\n", users[i]);
			ret = -ENOENT;
		}
		snprintf(path, sizeof(path), "%s/%s", config->libexec_dir,
			 programs[i]);
		if (access(path, X_OK)) {
			fprintf(stderr, "vhsmd: %s: %s\n", path,
				strerror(errno));
			ret = -ENOENT;
		}
	}
	return ret;
}

/* One broker a run directory.  The lock's descriptor, or -errno, logged. */
static int run_dir_take(const char *run_dir)
{
	char path[PATH_MAX];
	int fd;

	if (mkdir(run_dir, 0700) && errno != EEXIST) {
		vhsm_log(LOG_ERR, "run-dir %s: %s", run_dir, strerror(errno));
		return -errno;
	}
	snprintf(path, sizeof(path), "%s/vhsmd.lock", run_dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		vhsm_log(LOG_ERR, "%s: %s", path, strerror(errno));
		return -errno;
	}
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		vhsm_log(LOG_ERR, "another vhsmd runs with run-dir %s",
			 run_dir);
		close(fd);
		return -EBUSY;
	}
	return fd;
}

static void stop_begin(struct daemon *daemon)
{
	const struct timeval wait = { .tv_sec = STOP_S };
	struct vhsm_broker *broker = &daemon->broker;

	if (broker->stopping)
		return;
	broker->stopping = true;
	sd_notify(0, "STOPPING=1");
	vhsm_log(LOG_INFO, "stopping");
	event_add(daemon->overdue, &wait);
	vhsm_rpc_server_free(&broker->admin);
	if (broker->local)
		vhsm_local_stop(broker->local);
	if (broker->xen)
		vhsm_xen_stop(broker->xen);
	vhsm_broker_wake(broker);
}

void vhsm_broker_wake(struct vhsm_broker *broker)
{
	struct daemon *daemon = (struct daemon *)broker;

	if (broker->stopping) {
		/* Engines first: their last counters go to the vault. */
		if (broker->engines)
			return;
		vhsm_vault_stop(broker->vault);
		if (!vhsm_vault_pid(broker->vault))
			event_base_loopbreak(broker->base);
		return;
	}
	if (vhsm_vault_is_ready(broker->vault) && !daemon->notified) {
		daemon->notified = true;
		sd_notify(0, "READY=1");
	}
	if (broker->xen)
		vhsm_xen_wake(broker->xen);
}

static void on_signal(evutil_socket_t signal_number, short what, void *arg)
{
	(void)signal_number;
	(void)what;
	stop_begin(arg);
}

static void on_overdue(evutil_socket_t none, short what, void *arg)
{
	struct daemon *daemon = arg;

	(void)none;
	(void)what;
	vhsm_log(LOG_WARNING, "not everything ended in %d s; killing the rest",
		 STOP_S);
	event_base_loopbreak(daemon->broker.base);
}

static void on_watchdog(evutil_socket_t none, short what, void *arg)
{
	(void)none;
	(void)what;
	(void)arg;
	sd_notify(0, "WATCHDOG=1");
}

static int events_init(struct daemon *daemon)
{
	static const int numbers[] = { SIGTERM, SIGINT };
	struct event_base *base = event_base_new();
	struct timeval beat;
	uint64_t usec;

	if (!base)
		return -ENOMEM;
	daemon->broker.base = base;
	for (unsigned i = 0; i < 2; i++) {
		daemon->signals[i] = evsignal_new(base, numbers[i], on_signal,
						  daemon);
		if (!daemon->signals[i] ||
		    event_add(daemon->signals[i], NULL))
			return -ENOMEM;
	}
	daemon->overdue = evtimer_new(base, on_overdue, daemon);
	daemon->watchdog = event_new(base, -1, EV_PERSIST, on_watchdog, NULL);
	if (!daemon->overdue || !daemon->watchdog)
		return -ENOMEM;
	if (sd_watchdog_enabled(0, &usec) > 0) {
		beat.tv_sec = usec / 2 / 1000000;
		beat.tv_usec = usec / 2 % 1000000;
		event_add(daemon->watchdog, &beat);
	}
	return 0;
}

static int daemon_start(struct daemon *daemon)
{
	struct vhsm_broker *broker = &daemon->broker;
	int ret;

	daemon->lock_fd = run_dir_take(broker->config.run_dir);
	if (daemon->lock_fd < 0)
		return daemon->lock_fd;
	ret = events_init(daemon);
	if (!ret)
		ret = vhsm_guests_new(broker);
	if (!ret)
		ret = vhsm_vault_new(broker);
	if (!ret)
		ret = vhsm_local_new(broker);
	if (!ret)
		ret = vhsm_xen_new(broker);
	if (!ret)
		ret = vhsm_admin_new(broker);
	return ret;
}

static void daemon_deinit(struct daemon *daemon)
{
	struct vhsm_broker *broker = &daemon->broker;

	vhsm_rpc_server_free(&broker->admin);
	vhsm_local_free(&broker->local);
	vhsm_xen_free(&broker->xen);
	vhsm_guests_free(&broker->guests);
	vhsm_vault_free(&broker->vault);
	for (unsigned i = 0; i < 2; i++)
		if (daemon->signals[i])
			event_free(daemon->signals[i]);
	if (daemon->watchdog)
		event_free(daemon->watchdog);
	if (daemon->overdue)
		event_free(daemon->overdue);
	if (broker->base)
		event_base_free(broker->base);
	if (daemon->lock_fd >= 0)
		close(daemon->lock_fd);
	vhsm_config_deinit(&broker->config);
}

int main(int argc, char **argv)
{
	struct options options = { .config = VHSM_CONFIG_FILE };
	struct daemon daemon = { .lock_fd = -1 };
	int ret;

	options_read(&options, argc, argv);
	vhsm_log_init("vhsmd", options.verbose);
	daemon.broker.verbose = options.verbose;
	daemon.broker.started_ms = vhsm_now_ms();
	LIST_INIT(&daemon.broker.devices);
	signal(SIGPIPE, SIG_IGN);
	ret = vhsm_config_read(&daemon.broker.config, options.config,
			       !options.config_given);
	if (!ret)
		ret = machine_check(&daemon.broker.config);
	if (!ret && options.check)
		puts("the configuration is good");
	if (!ret && !options.check)
		ret = daemon_start(&daemon);
	if (!ret && !options.check)
		event_base_dispatch(daemon.broker.base);
	daemon_deinit(&daemon);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}
