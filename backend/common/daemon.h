/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon.h - how a daemon of dom0 starts: its options, its run directory, and
 * the signals and the watchdog of who started it (systemd.service(5),
 * sd_watchdog_enabled(3)).
 */
#ifndef VHSM_DAEMON_H
#define VHSM_DAEMON_H

#include <stdbool.h>

struct event;
struct event_base;

#define VHSM_EXIT_USAGE	2

struct vhsm_daemon_options {
	const char *config;		/* set to the default before */
	bool config_given;
	bool check;			/* test the configuration and exit */
	bool verbose;
};

/* --config, --check, --verbose.  Does not return from --help (0), --version
 * (0), nor from what is no option of these (VHSM_EXIT_USAGE, told). */
void vhsm_daemon_options_read(struct vhsm_daemon_options *, const char *name,
			      const char *help, int argc, char **argv);

/* A directory for its owner alone, which may be there.  0 or -errno, logged. */
int vhsm_daemon_dir_make(const char *path);

/*
 * Makes run_dir and holds the lock of that name in it: one such daemon a
 * directory.  The lock's descriptor, which the caller closes in the end; or
 * -errno, logged, -EBUSY for another one that runs.
 */
int vhsm_daemon_run_dir_take(const char *run_dir, const char *lock,
			     const char *name);

struct vhsm_daemon_events {
	struct event_base *base;
	struct event *signals[2];
	struct event *watchdog;
	void (*stop)(void *arg);
	void *arg;
};

/* A loop of events, in which SIGTERM and SIGINT call stop(arg) and the watchdog
 * is fed.  0 or -ENOMEM; deinit frees what there is in both cases. */
int vhsm_daemon_events_init(struct vhsm_daemon_events *,
			    void (*stop)(void *arg), void *arg);
void vhsm_daemon_events_deinit(struct vhsm_daemon_events *);

#endif /* VHSM_DAEMON_H */
