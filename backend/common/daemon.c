/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "common/daemon.h"

#include <errno.h>
#include <event2/event.h>
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

#include "common/log.h"

void vhsm_daemon_options_read(struct vhsm_daemon_options *options,
			      const char *name, const char *help, int argc,
			      char **argv)
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
			printf("%s " PACKAGE_VERSION "\n", name);
			exit(0);
		default:
			fprintf(stderr, "See %s --help.\n", name);
			exit(VHSM_EXIT_USAGE);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "%s: unexpected \"%s\"; see %s --help\n",
			name, argv[optind], name);
		exit(VHSM_EXIT_USAGE);
	}
}

int vhsm_daemon_dir_make(const char *path)
{
	int e;

	if (!mkdir(path, 0700) || errno == EEXIST)
		return 0;
	e = errno;
	vhsm_log(LOG_ERR, "%s: %s", path, strerror(e));
	return -e;
}

int vhsm_daemon_run_dir_take(const char *run_dir, const char *lock,
			     const char *name)
{
	char path[PATH_MAX];
	int fd, ret = vhsm_daemon_dir_make(run_dir);

	if (ret)
		return ret;
	snprintf(path, sizeof(path), "%s/%s", run_dir, lock);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		ret = -errno;
		vhsm_log(LOG_ERR, "%s: %s", path, strerror(-ret));
		return ret;
	}
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		vhsm_log(LOG_ERR, "another %s runs with run-dir %s", name,
			 run_dir);
		close(fd);
		return -EBUSY;
	}
	return fd;
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
	const struct vhsm_daemon_events *events = arg;

	(void)number;
	(void)what;
	events->stop(events->arg);
}

static void on_watchdog(evutil_socket_t none, short what, void *arg)
{
	(void)none;
	(void)what;
	(void)arg;
	sd_notify(0, "WATCHDOG=1");
}

int vhsm_daemon_events_init(struct vhsm_daemon_events *events,
			    void (*stop)(void *arg), void *arg)
{
	static const int numbers[] = { SIGTERM, SIGINT };
	struct timeval beat;
	uint64_t usec;

	*events = (struct vhsm_daemon_events){ .stop = stop, .arg = arg };
	events->base = event_base_new();
	if (!events->base)
		return -ENOMEM;
	for (unsigned i = 0; i < 2; i++) {
		events->signals[i] = evsignal_new(events->base, numbers[i],
						  on_signal, events);
		if (!events->signals[i] || event_add(events->signals[i], NULL))
			return -ENOMEM;
	}
	events->watchdog = event_new(events->base, -1, EV_PERSIST, on_watchdog,
				     NULL);
	if (!events->watchdog)
		return -ENOMEM;
	if (sd_watchdog_enabled(0, &usec) > 0) {
		beat.tv_sec = usec / 2 / 1000000;
		beat.tv_usec = usec / 2 % 1000000;
		event_add(events->watchdog, &beat);
	}
	return 0;
}

void vhsm_daemon_events_deinit(struct vhsm_daemon_events *events)
{
	for (unsigned i = 0; i < 2; i++)
		if (events->signals[i])
			event_free(events->signals[i]);
	if (events->watchdog)
		event_free(events->watchdog);
	if (events->base)
		event_base_free(events->base);
	*events = (struct vhsm_daemon_events){ 0 };
}
