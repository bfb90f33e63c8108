/* SPDX-License-Identifier: Apache-2.0 */
/*
 * responder.c - fuzzes the responder's methods, and what their answers wait
 * for: acts, broker and vault that say anything, at any time; domains that come
 * and go; time that passes; a responder that starts again.
 *
 * An input is lines, each a step:
 *
 *   {...     an admin's packet
 *   D5,0,7   web, db and another run under these numbers, 0: not
 *   J.. j..  the act that waits longest ends: with this result (JSON), or
 *            with this code ("j not-yet")
 *   B.. b..  the broker answers what it was asked first, the same way
 *   V.. v..  the vault
 *   M1{...   the latest monitor sends a frame: its type (1 to 9), the rest
 *   T2000    so many ms pass, 1000 if no number stands there
 *   R        the responder ends and starts again
 *
 * Evidence is not kept, and nothing waits for a disk.
 */
#include <config.h>

#include <errno.h>
#include <ftw.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/child.h"
#include "responder/responder.h"

#define MUST(condition)	do { if (!(condition)) abort(); } while (0)
#define LINES_MAX	64
#define ALERTS_MAX	32

static char dir[] = "/tmp/fuzz-responder.XXXXXX";
static struct vhsm_responder r;
static struct vhsm_channel *monitor;	/* its end; NULL: none yet */
static uint8_t chance;			/* in place of random bytes */
static int64_t now_ms;

/* --- what waits --- */

/* A question to broker or vault, or an act. */
struct waiting {
	TAILQ_ENTRY(waiting) link;
	void (*done)(void *arg, json_t *result, const char *code,
		     const char *error);
	void *arg;
	int fd;				/* to be written to; -1: none */
};

TAILQ_HEAD(queue, waiting);

struct vhsm_rpc_async { struct queue calls; };
struct vhsm_job { struct waiting waiting; };

static struct vhsm_rpc_async broker = {
	TAILQ_HEAD_INITIALIZER(broker.calls)
}, vault = {
	TAILQ_HEAD_INITIALIZER(vault.calls)
};
static struct queue acts = TAILQ_HEAD_INITIALIZER(acts);

/* The first is answered, by a line's rest: JSON, or a code; which is also what
 * is written to its file. */
static void answer_first(struct queue *queue, const char *text, bool good)
{
	struct waiting *w = TAILQ_FIRST(queue), was;
	json_t *result = good ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;

	if (w && (result || !good)) {
		TAILQ_REMOVE(queue, w, link);
		was = *w;
		free(w);
		if (was.fd >= 0) {
			MUST(write(was.fd, text, strlen(text)) >= 0);
			close(was.fd);
		}
		if (was.done)
			was.done(was.arg, result, good ? NULL : text,
				 good ? NULL : "as the fuzzer wants it");
	}
	json_decref(result);
}

void vhsm_rpc_async_call(struct vhsm_rpc_async *to, const char *method,
			 json_t *params, int fd, uint32_t timeout_ms,
			 vhsm_rpc_answered *answered, void *arg)
{
	struct waiting *w = calloc(1, sizeof(*w));

	(void)timeout_ms;
	/* Params that could not be packed would be none to the daemon. */
	MUST(w && method && fd >= -1 && json_is_object(params));
	json_decref(params);
	w->done = answered;
	w->arg = arg;
	w->fd = fd < 0 ? -1 : dup(fd);
	TAILQ_INSERT_TAIL(&to->calls, w, link);
}

struct vhsm_job *vhsm_job_start(struct event_base *base, const char *program,
				const char *verb, json_t *params,
				uint32_t timeout_ms, vhsm_job_done *done,
				void *arg)
{
	struct vhsm_job *job = calloc(1, sizeof(*job));

	(void)base;
	(void)program;
	MUST(job && verb && timeout_ms && json_is_object(params));
	json_decref(params);
	job->waiting.done = done;
	job->waiting.fd = -1;
	job->waiting.arg = arg;
	TAILQ_INSERT_TAIL(&acts, &job->waiting, link);
	return job;
}

void vhsm_job_free(struct vhsm_job **job)
{
	if (*job) {
		TAILQ_REMOVE(&acts, &(*job)->waiting, link);
		free(*job);
	}
	*job = NULL;
}

/* --- the world --- */

int vhsm_hypervisor_vcpus(struct vhsm_hypervisor *hv, uint32_t domid,
			  struct vhsm_vcpu *vcpu, unsigned *count, char *why)
{
	(void)hv;
	(void)why;
	memset(vcpu, 0, sizeof(*vcpu));
	vcpu->online = domid % 7 != 0;
	vcpu->cr3 = 0x1000 * domid;
	*count = 1;
	return 0;
}

int vhsm_hypervisor_frames(struct vhsm_hypervisor *hv, uint32_t domid,
			   uint64_t *frames)
{
	(void)hv;
	(void)domid;
	*frames = 1000;
	return 0;
}

int vhsm_hypervisor_last(struct vhsm_hypervisor *hv, uint32_t domid,
			 uint64_t *last)
{
	(void)hv;
	(void)domid;
	*last = 999;
	return 0;
}

int vhsm_hypervisor_pause(struct vhsm_hypervisor *hv, uint32_t domid)
{
	(void)hv;
	MUST(domid);
	return domid % 7 ? 0 : -ESRCH;
}

int vhsm_hypervisor_unpause(struct vhsm_hypervisor *hv, uint32_t domid)
{
	return vhsm_hypervisor_pause(hv, domid);
}

int vhsm_hypervisor_dirty(struct vhsm_hypervisor *hv, struct vhsm_dirty *dirty,
			  uint32_t domid, uint64_t frames, uint8_t *bitmap)
{
	(void)hv;
	(void)domid;
	bitmap[frames / 8 - 1] = 1;
	dirty->on = !dirty->on;
	return !dirty->on;
}

void vhsm_hypervisor_dirty_end(struct vhsm_hypervisor *hv,
			       struct vhsm_dirty *dirty, uint32_t domid)
{
	(void)hv;
	(void)domid;
	*dirty = (struct vhsm_dirty){ 0 };
}

int vhsm_baseline_find(const char *base, const char *uuid,
		       const struct vhsm_boot *boot, char name[],
		       char digest[VHSM_BASELINE_DIGEST_LEN], char *why)
{
	(void)base;
	(void)boot;
	(void)why;
	MUST(strlen(uuid) == UUID_STR_LEN - 1);
	snprintf(name, VHSM_BASELINE_NAME_MAX, "web-6.1");
	snprintf(digest, VHSM_BASELINE_DIGEST_LEN, "d1");
	return 0;
}

int vhsm_boot_decode(struct vhsm_boot *boot, const json_t *json)
{
	memset(boot, 0, sizeof(*boot));
	return json_is_object(json) ? 0 : -EINVAL;
}

static struct vhsm_channel *connect_monitor(uint32_t domid)
{
	int fds[2];

	MUST(domid && !socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
				  SOCK_NONBLOCK, 0, fds));
	if (monitor)
		vhsm_channel_close(&monitor);
	monitor = vhsm_channel_from_socket(fds[1]);
	return vhsm_channel_from_socket(fds[0]);
}

/* What it was told is not looked at. */
static void monitor_speaks(const char *frame)
{
	const void *payload;
	uint32_t type;
	size_t len;

	if (!monitor || !*frame)
		return;
	while (vhsm_channel_recv(monitor, &type, &payload, &len) > 0)
		;
	vhsm_channel_send(monitor, frame[0] - '0', frame + 1,
			  strlen(frame + 1));
	event_base_loop(r.base, EVLOOP_NONBLOCK);
}

/* --- in place of parts --- */

int __wrap_vhsm_bundle_begin(struct vhsm_watched *);
int __wrap_vhsm_bundle_path(struct vhsm_watched *, char *path);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_RAND_bytes(unsigned char *bytes, int len);
ssize_t __wrap_getrandom(void *bytes, size_t len, unsigned flags);
int64_t __wrap_vhsm_now_ms(void);
void __wrap_vhsm_rpc_result(struct vhsm_rpc_call *, json_t *result);
void __real_vhsm_rpc_result(struct vhsm_rpc_call *, json_t *result);

int __wrap_vhsm_bundle_begin(struct vhsm_watched *w)
{
	MUST(w->incident.open && w->incident.uid[0]);
	return 0;
}

int __wrap_vhsm_bundle_path(struct vhsm_watched *w, char *path)
{
	MUST(w->incident.open);
	snprintf(path, PATH_MAX, "/memory.img");
	return 0;
}

int __wrap_fsync(int fd)
{
	return fd < 0 ? -1 : 0;
}

int __wrap_fdatasync(int fd)
{
	return __wrap_fsync(fd);
}

/* An alert's UID is the same whenever an input runs: a later line names it. */
int __wrap_RAND_bytes(unsigned char *bytes, int len)
{
	memset(bytes, chance++, len);
	return 1;
}

ssize_t __wrap_getrandom(void *bytes, size_t len, unsigned flags)
{
	(void)flags;
	__wrap_RAND_bytes(bytes, len);
	return len;
}

int64_t __wrap_vhsm_now_ms(void)
{
	return now_ms;
}

/* None of the methods answers null: that is an answer that cannot be packed,
 * for a text in it is none. */
void __wrap_vhsm_rpc_result(struct vhsm_rpc_call *call, json_t *result)
{
	MUST(json_is_object(result));
	__real_vhsm_rpc_result(call, result);
}

/* --- the responder --- */

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	MUST(f && fputs(text, f) >= 0 && !fclose(f));
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static void clear(void)
{
	vhsm_alerts_close(&r.alerts);
	MUST(!nftw(r.conf.alert_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS));
	unlink(r.conf.alert_file);
}

static void tidy(void)
{
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

#define CFG(name, n, monitor) \
	"name = \"" name "\"\nuuid = \"7a5f3c1e-0b7e-4d43-9c54-6a1d0f2e8b0" n \
	"\"\nvhsm = [ \"keys=a,monitor=" monitor "\" ]\n"

static void once(void)
{
	char path[64];

	MUST(mkdtemp(dir));
	atexit(tidy);
	snprintf(path, sizeof(path), "%s/monitors", dir);
	MUST(!mkdir(path, 0700));
	write_file("web.cfg", CFG("web", "1", "strict"));
	write_file("db.cfg", CFG("db", "2", "lax"));
	write_file("strict.conf", "lease-ms = 1000\nsweep-ms = 100\n"
		   "on critical { reactions = { \"revoke\", \"isolate\" } }\n");
	write_file("lax.conf", "lease-ms = 0\nthrottle-rate = 5\n"
		   "on high { reactions = { \"throttle\" } }\n");
	write_file("dry.conf", "dry-run = true\n");
	r.base = event_base_new();
	r.conf.max_guests = 2;
	r.conf.monitor_start_ms = r.conf.monitor_hang_ms = 1000000;
	r.conf.vhsmd.run_dir = r.conf.vhsmd.policy_dir = dir;
	r.conf.vhsmd.config_dirs[0] = dir;
	r.conf.vhsmd.config_dir_count = 1;
	snprintf(r.conf.act, PATH_MAX, "%s/vhsm-act", dir);
	snprintf(r.conf.alert_dir, PATH_MAX, "%s/alerts", dir);
	snprintf(r.conf.alert_file, PATH_MAX, "%s/alerts.jsonl", dir);
	snprintf(r.conf.incident_dir, PATH_MAX, "%s/incidents", dir);
	snprintf(r.conf.state_file, PATH_MAX, "%s/state.json", dir);
	snprintf(r.conf.baseline_dir, PATH_MAX, "%s/baselines", dir);
	LIST_INIT(&r.guests);
	r.broker = &broker;
	r.vault = &vault;
	r.connect = connect_monitor;
	MUST(r.base && !vhsm_methods_new(&r));
}

static void start(void)
{
	char why[VHSM_ALERT_WHY_LEN];

	if (!r.alerts)
		r.alerts = vhsm_alerts_open(r.conf.alert_dir,
					    r.conf.alert_file, why);
	MUST(r.alerts && !vhsm_state_load(&r));
}

/* Whatever was under way. */
static void stop(void)
{
	while (!LIST_EMPTY(&r.guests))
		vhsm_watched_free(LIST_FIRST(&r.guests));
	MUST(TAILQ_EMPTY(&acts) && !r.guest_count);
	while (!TAILQ_EMPTY(&broker.calls))
		answer_first(&broker.calls, "ended", false);
	while (!TAILQ_EMPTY(&vault.calls))
		answer_first(&vault.calls, "ended", false);
	if (monitor)
		vhsm_channel_close(&monitor);
	free(r.seen);
	r.seen = NULL;
	r.seen_count = 0;
	memset(r.unwatched, 0, sizeof(r.unwatched));
}

/* --- steps --- */

static void domains(const char *numbers)
{
	static const char *const names[] = { "web", "db", "other" };
	struct vhsm_domain_seen seen[3] = { 0 };
	unsigned count = 0;
	char *end;

	for (unsigned i = 0; i < 3; i++) {
		seen[count].domid = strtoul(numbers, &end, 10) % 32752;
		numbers = *end == ',' ? end + 1 : end;
		if (!seen[count].domid)
			continue;
		snprintf(seen[count].uuid, sizeof(seen[count].uuid),
			 "7a5f3c1e-0b7e-4d43-9c54-6a1d0f2e8b0%u", i + 1);
		snprintf(seen[count].name, sizeof(seen[count].name), "%s",
			 names[i]);
		count++;
	}
	vhsm_roster_changed(seen, count, &r);
}

/* The loop's own clock stands still meanwhile. */
static void timer_pass(struct event *timer, long ms)
{
	struct timeval now, at, left;

	if (!timer || !event_pending(timer, EV_TIMEOUT, &at))
		return;
	event_base_gettimeofday_cached(r.base, &now);
	timersub(&at, &now, &left);
	if (left.tv_sec * 1000 + left.tv_usec / 1000 <= ms)
		event_active(timer, EV_TIMEOUT, 0);
}

static void time_passes(const char *text)
{
	long ms = *text ? strtoul(text, NULL, 10) % 1000000 : 1000;
	struct vhsm_watched *w;

	now_ms += ms;

	LIST_FOREACH(w, &r.guests, link) {
		struct event *timers[] = { w->timer, w->retry, w->again,
					   w->later, w->learning.overdue };

		for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++)
			timer_pass(timers[i], ms);
	}
	event_base_loop(r.base, EVLOOP_NONBLOCK);
}

/* What is true whatever came. */
static void check(void)
{
	const struct vhsm_watched *w;
	unsigned count = 0;
	json_t *json;

	LIST_FOREACH(w, &r.guests, link) {
		count++;
		json = vhsm_watched_json(w);
		MUST(json && strlen(w->domain.uuid) == UUID_STR_LEN - 1);
		json_decref(json);
		MUST(!w->incident.open || w->incident.uid[0]);
	}
	MUST(count == r.guest_count && count <= r.conf.max_guests);
}

static void step(const char *line)
{
	switch (*line) {
	case 'D':
		domains(line + 1);
		break;
	case 'J':
	case 'j':
		answer_first(&acts, line + 1, *line == 'J');
		break;
	case 'B':
	case 'b':
		answer_first(&broker.calls, line + 1, *line == 'B');
		break;
	case 'V':
	case 'v':
		answer_first(&vault.calls, line + 1, *line == 'V');
		break;
	case 'M':
		monitor_speaks(line + 1);
		break;
	case 'T':
		time_passes(line + 1);
		break;
	case 'R':
		stop();
		start();
		break;
	default:
		vhsm_rpc_dispatch(r.admin, NULL, line, strlen(line), -1);
	}
	check();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text, *rest, *line;
	json_t *alerts;

	if (!r.base)
		once();
	start();
	chance = 0;
	now_ms = 1000000;
	text = rest = malloc(len + 1);
	MUST(text);
	memcpy(text, data, len);
	text[len] = '\0';
	for (int i = 0; i < LINES_MAX && (line = strsep(&rest, "\n")); i++)
		if (*line)
			step(line);
	free(text);
	stop();
	unlink(r.conf.state_file);
	alerts = vhsm_alerts_list(r.alerts, 0, false, ALERTS_MAX);
	if (json_array_size(alerts))
		clear();
	json_decref(alerts);
	return 0;
}
