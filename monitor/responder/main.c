/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - vhsm-responder: reads the configuration, starts everything in
 * order, ends it in reverse.  The monitors stay when it ends, and are replaced
 * when it starts again: meanwhile leases run out.
 */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "common/child.h"
#include "common/clock.h"
#include "common/daemon.h"
#include "common/log.h"
#include "responder/responder-check.h"
#include "responder/responder.h"

#define SWEEPER_MS	60000u
#define NICENESS	(-10)

struct daemon {
	struct vhsm_responder responder;
	struct vhsm_daemon_events events;
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

/* For the images of monitors, without those that a former responder's starts
 * left. */
static int monitors_dir_make(const char *run_dir)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir;
	int ret;

	snprintf(path, sizeof(path), "%s/monitors", run_dir);
	ret = vhsm_daemon_dir_make(path);
	if (ret)
		return ret;
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	return 0;
}

static void stop(void *arg)
{
	const struct daemon *daemon = arg;

	sd_notify(0, "STOPPING=1");
	event_base_loopbreak(daemon->events.base);
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

	daemon->lock_fd = vhsm_daemon_run_dir_take(r->conf.vhsmd.run_dir,
						   "responder.lock",
						   "vhsm-responder");
	if (daemon->lock_fd < 0)
		return daemon->lock_fd;
	ret = monitors_dir_make(r->conf.vhsmd.run_dir);
	if (!ret)
		ret = vhsm_daemon_events_init(&daemon->events, stop, daemon);
	if (ret)
		return ret;
	r->base = daemon->events.base;
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
	vhsm_daemon_events_deinit(&daemon->events);
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
	struct vhsm_daemon_options options = { .config = VHSM_RESPONDER_CONF };
	struct daemon daemon = { .lock_fd = -1 };
	struct vhsm_responder *r = &daemon.responder;
	int ret;

	vhsm_daemon_options_read(&options, "vhsm-responder", help, argc, argv);
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
