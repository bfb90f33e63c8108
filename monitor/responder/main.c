/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - vhsm-responder: reads the configuration, starts everything in
 * order, ends it in reverse.  The monitors stay when it ends, and are replaced
 * when it starts again: meanwhile leases run out.
 */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "child.h"
#include "log.h"
#include "responder.h"
#include "responder-check.h"

#define EXIT_USAGE	2
#define SWEEPER_MS	60000u
#define NICENESS	(-10)

struct options {
	const char *config;
	bool config_given;
	bool check;
	bool verbose;
};

struct daemon {
	struct vhsm_responder responder;
	struct event *signals[2];
	struct event *watchdog;
	int lock_fd;
};

static const char help[] =
"Usage: vhsm-responder [--config FILE] [--check] [--verbose]\n"
"Watches Xen's guests: gives each a monitor domain, raises alerts, and does\n"
"what the guest's policy says about what is found.  Stays in the foreground.\n"
"\n"
"  -c, --config FILE  read FILE instead of " VHSM_RESPONDER_CONF "\n"
"  -n, --check        test the configuration and every monitor policy, say\n"
"                     what is wrong and exit: 0 if nothing is\n"
"  -v, --verbose      log more\n"
"  -h, --help         this\n"
"  -V, --version      the version\n"
"\n"
"See vhsm-responder(8), responder.conf(5), vhsm-policy(5); vhsmctl(8) talks to\n"
"it.\n";

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
			puts("vhsm-responder " PACKAGE_VERSION);
			exit(0);
		default:
			fputs("See vhsm-responder --help.\n", stderr);
			exit(EXIT_USAGE);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "vhsm-responder: unexpected \"%s\"; see "
			"vhsm-responder --help\n", argv[optind]);
		exit(EXIT_USAGE);
	}
}

static int dir_make(const char *path)
{
	if (!mkdir(path, 0700) || errno == EEXIST)
		return 0;
	vhsm_log(LOG_ERR, "%s: %s", path, strerror(errno));
	return -errno;
}

/* Images that a former responder's starts left. */
static void monitors_clean(const char *path)
{
	struct dirent *entry;
	DIR *dir = opendir(path);

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
}

/* One responder a run directory. */
static int run_dir_take(const char *run_dir)
{
	char path[PATH_MAX];
	int fd, ret = dir_make(run_dir);

	snprintf(path, sizeof(path), "%s/monitors", run_dir);
	if (!ret)
		ret = dir_make(path);
	if (ret)
		return ret;
	snprintf(path, sizeof(path), "%s/responder.lock", run_dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		vhsm_log(LOG_ERR, "%s: %s", path, strerror(errno));
		return -errno;
	}
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		vhsm_log(LOG_ERR, "another vhsm-responder runs with run-dir "
			 "%s", run_dir);
		close(fd);
		return -EBUSY;
	}
	snprintf(path, sizeof(path), "%s/monitors", run_dir);
	monitors_clean(path);
	return fd;
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
	(void)number;
	(void)what;
	sd_notify(0, "STOPPING=1");
	event_base_loopbreak(arg);
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
	daemon->responder.base = base;
	for (unsigned i = 0; i < 2; i++) {
		daemon->signals[i] = evsignal_new(base, numbers[i], on_signal,
						  base);
		if (!daemon->signals[i] ||
		    event_add(daemon->signals[i], NULL))
			return -ENOMEM;
	}
	daemon->watchdog = event_new(base, -1, EV_PERSIST, on_watchdog, NULL);
	if (!daemon->watchdog)
		return -ENOMEM;
	if (sd_watchdog_enabled(0, &usec) > 0) {
		beat.tv_sec = usec / 2 / 1000000;
		beat.tv_usec = usec / 2 % 1000000;
		event_add(daemon->watchdog, &beat);
	}
	return 0;
}

static struct vhsm_rpc_async *client_new(struct vhsm_responder *r,
					 const char *name,
					 vhsm_rpc_connected *connected)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", r->conf.vhsmd.run_dir, name);
	return vhsm_rpc_async_new(r->base, path, connected, r);
}

/* Monitors that a former responder left are gone: now domains are looked at. */
static void on_swept(void *arg, json_t *result, const char *code,
		     const char *error)
{
	struct vhsm_responder *r = arg;

	(void)result;
	(void)code;
	r->sweeper = NULL;
	if (error)
		vhsm_log(LOG_WARNING, "monitors of a former responder: %s",
			 error);
	r->domains = vhsm_domains_new(r->base, vhsm_roster_changed, r);
	if (!r->domains) {
		vhsm_log(LOG_ERR, "xenstore: %s", strerror(errno));
		event_base_loopbreak(r->base);
		return;
	}
	sd_notify(0, "READY=1");
}

static int sweeper_start(struct vhsm_responder *r)
{
	r->sweeper = vhsm_job_start(r->base, r->conf.act, "monitor-stop",
				    json_pack("{s:s}", "prefix",
					      VHSM_MONITOR_PREFIX),
				    SWEEPER_MS, on_swept, r);
	return r->sweeper ? 0 : -errno;
}

static int daemon_start(struct daemon *daemon)
{
	struct vhsm_responder *r = &daemon->responder;
	char why[VHSM_ALERT_WHY_LEN] = "";
	int ret;

	daemon->lock_fd = run_dir_take(r->conf.vhsmd.run_dir);
	if (daemon->lock_fd < 0)
		return daemon->lock_fd;
	ret = events_init(daemon);
	if (ret)
		return ret;
	r->hypervisor = vhsm_hypervisor_open();
	if (!r->hypervisor) {
		vhsm_log(LOG_ERR, "the hypervisor: %s (Xen's dom0, as root?)",
			 strerror(errno));
		return -ENODEV;
	}
	r->alerts = vhsm_alerts_open(r->conf.alert_dir, r->conf.alert_file,
				     why);
	if (!r->alerts) {
		vhsm_log(LOG_ERR, "%s", why);
		return -EIO;
	}
	r->broker = client_new(r, "vhsmd.sock", vhsm_keys_again);
	r->vault = client_new(r, "vault.sock", NULL);
	if (!r->broker || !r->vault)
		return -ENOMEM;
	ret = vhsm_state_load(r);
	if (!ret)
		ret = vhsm_methods_new(r);
	return ret ? ret : sweeper_start(r);
}

static void daemon_deinit(struct daemon *daemon)
{
	struct vhsm_responder *r = &daemon->responder;

	vhsm_job_free(&r->sweeper);
	vhsm_domains_free(&r->domains);
	while (!LIST_EMPTY(&r->guests))
		vhsm_watched_free(LIST_FIRST(&r->guests));
	vhsm_methods_free(r);
	vhsm_rpc_async_free(&r->broker);
	vhsm_rpc_async_free(&r->vault);
	vhsm_alerts_close(&r->alerts);
	vhsm_hypervisor_close(&r->hypervisor);
	for (unsigned i = 0; i < 2; i++)
		if (daemon->signals[i])
			event_free(daemon->signals[i]);
	if (daemon->watchdog)
		event_free(daemon->watchdog);
	if (r->base)
		event_base_free(r->base);
	free(r->seen);
	if (daemon->lock_fd >= 0)
		close(daemon->lock_fd);
	vhsm_responder_conf_deinit(&r->conf);
}

/* All that is wrong is told, not only the first. */
static int configuration_check(const struct vhsm_responder_conf *conf)
{
	int files = vhsm_responder_check_files(conf);
	int policies = vhsm_responder_check_policies(conf);

	if (!files && !policies)
		puts("the configuration is good");
	return files ? files : policies;
}

int main(int argc, char **argv)
{
	struct options options = { .config = VHSM_RESPONDER_CONF };
	struct daemon daemon = { .lock_fd = -1 };
	struct vhsm_responder *r = &daemon.responder;
	int ret;

	options_read(&options, argc, argv);
	vhsm_log_init("vhsm-responder", options.verbose);
	r->started_ms = vhsm_now_ms();
	r->connect = vhsm_channel_connect_vchan;
	LIST_INIT(&r->guests);
	signal(SIGPIPE, SIG_IGN);
	/* Its leases must be renewed while engines keep the processor busy; it
	 * asks for little.  Without the privilege all is as it was. */
	if (setpriority(PRIO_PROCESS, 0, NICENESS))
		vhsm_log(LOG_DEBUG, "setpriority: %s", strerror(errno));
	ret = vhsm_responder_conf_read(&r->conf, options.config,
				       !options.config_given);
	if (!ret)
		ret = options.check ? configuration_check(&r->conf) :
			vhsm_responder_check_files(&r->conf);
	if (!ret && !options.check)
		ret = daemon_start(&daemon);
	if (!ret && !options.check)
		event_base_dispatch(r->base);
	daemon_deinit(&daemon);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}
