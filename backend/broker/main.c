/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - vhsmd: reads the configuration, starts everything in order (vault,
 * then what brings devices), ends it in reverse.
 */
#include <config.h>

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "broker/admin.h"
#include "broker/broker.h"
#include "broker/guest.h"
#include "broker/local-device.h"
#include "broker/vault-child.h"
#include "broker/xen.h"
#include "common/child.h"
#include "common/clock.h"
#include "common/daemon.h"
#include "common/log.h"
#include "common/rpc.h"
#include "common/user.h"

#define STOP_S		8		/* for all that runs to end */

struct daemon {
	struct vhsm_broker broker;	/* first: wake() is given this */
	struct vhsm_daemon_events events;
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

static void stop_begin(void *arg)
{
	const struct timeval wait = { .tv_sec = STOP_S };
	struct daemon *daemon = arg;
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

static void on_overdue(evutil_socket_t none, short what, void *arg)
{
	struct daemon *daemon = arg;

	(void)none;
	(void)what;
	vhsm_log(LOG_WARNING, "not everything ended in %d s; killing the rest",
		 STOP_S);
	event_base_loopbreak(daemon->broker.base);
}

static int events_init(struct daemon *daemon)
{
	int ret = vhsm_daemon_events_init(&daemon->events, stop_begin, daemon);

	if (ret)
		return ret;
	daemon->broker.base = daemon->events.base;
	daemon->overdue = evtimer_new(daemon->broker.base, on_overdue, daemon);
	return daemon->overdue ? 0 : -ENOMEM;
}

static int daemon_start(struct daemon *daemon)
{
	struct vhsm_broker *broker = &daemon->broker;
	int ret;

	daemon->lock_fd = vhsm_daemon_run_dir_take(broker->config.run_dir,
						   "vhsmd.lock", "vhsmd");
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
	if (daemon->overdue)
		event_free(daemon->overdue);
	vhsm_daemon_events_deinit(&daemon->events);
	if (daemon->lock_fd >= 0)
		close(daemon->lock_fd);
	vhsm_config_deinit(&broker->config);
}

int main(int argc, char **argv)
{
	struct vhsm_daemon_options options = { .config = VHSM_CONFIG_FILE };
	struct daemon daemon = { .lock_fd = -1 };
	int ret;

	vhsm_daemon_options_read(&options, "vhsmd", help, argc, argv);
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
