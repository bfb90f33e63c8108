/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "unit/responder-rig.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/child.h"
#include "common/clock.h"
#include "common/log.h"

char dir[64];
struct vhsm_responder r;
struct vhsm_channel *monitor;
int monitor_fd;
unsigned paused, unpaused;
unsigned looked;
struct rig_told rig_told;

static const char *approved_as, *approved_digest;

/* --- what is Xen's --- */

struct vhsm_hypervisor { int nothing; };
static struct vhsm_hypervisor hypervisor;

int vhsm_hypervisor_vcpus(struct vhsm_hypervisor *hv, uint32_t domid,
			  struct vhsm_vcpu *vcpu, unsigned *count, char *why)
{
	(void)hv;
	(void)why;
	memset(vcpu, 0, sizeof(*vcpu));
	vcpu->online = 1;
	vcpu->cr3 = 0x1000 * domid;
	*count = 1;
	return 0;
}

uint64_t rig_frames, rig_last;
bool rig_logged;
bool rig_all_written;

int vhsm_hypervisor_frames(struct vhsm_hypervisor *hv, uint32_t domid,
			   uint64_t *frames)
{
	(void)hv;
	(void)domid;
	*frames = rig_frames;
	return 0;
}

int vhsm_hypervisor_last(struct vhsm_hypervisor *hv, uint32_t domid,
			 uint64_t *last)
{
	(void)hv;
	(void)domid;
	*last = rig_last;
	return 0;
}

int vhsm_hypervisor_pause(struct vhsm_hypervisor *hv, uint32_t domid)
{
	(void)hv;
	(void)domid;
	paused++;
	return 0;
}

int vhsm_hypervisor_unpause(struct vhsm_hypervisor *hv, uint32_t domid)
{
	(void)hv;
	(void)domid;
	unpaused++;
	return 0;
}

int vhsm_hypervisor_dirty(struct vhsm_hypervisor *hv, struct vhsm_dirty *dirty,
			  uint32_t domid, uint64_t frames, uint8_t *bitmap)
{
	(void)hv;
	(void)domid;
	if (!dirty->on) {
		dirty->on = true;
		return 0;
	}
	if (rig_all_written)
		memset(bitmap, 0xff, frames / 8);
	bitmap[frames / 8 - 1] = 1;
	return 1;
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
	ck_assert_str_eq(base, r.conf.baseline_dir);
	ck_assert(!strcmp(uuid, UUID) || !strcmp(uuid, OTHER));
	ck_assert_uint_eq(boot->kernel[0], 0xaa);
	looked++;
	if (!approved_as[0]) {
		snprintf(why, VHSM_BASELINE_WHY_LEN, "withdrawn");
		return -ENOENT;
	}
	snprintf(name, VHSM_BASELINE_NAME_MAX, "%s", approved_as);
	snprintf(digest, VHSM_BASELINE_DIGEST_LEN, "%s", approved_digest);
	return 0;
}

int vhsm_boot_decode(struct vhsm_boot *boot, const json_t *json)
{
	memset(boot, 0, sizeof(*boot));
	boot->kernel[0] = 0xaa;
	return json_is_string(json_object_get(json, "kernel")) ? 0 : -EINVAL;
}

void approved_is(const char *as, const char *digest)
{
	approved_as = as;
	approved_digest = digest;
}

void approved(const char *as, const char *digest)
{
	approved_is(as, digest);
	write_file("baselines/approved/" UUID ".json", as, 0600);
}

static struct vhsm_channel *connect_monitor(uint32_t domid)
{
	int fds[2];

	ck_assert_uint_eq(domid, 9);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		       fds))
		return NULL;
	if (monitor)
		vhsm_channel_close(&monitor);
	monitor_fd = fds[1];
	monitor = vhsm_channel_from_socket(fds[1]);
	return vhsm_channel_from_socket(fds[0]);
}

/* --- the world --- */

void write_file(const char *name, const char *text, mode_t mode)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	chmod(path, mode);
}

void act_is(const char *match, const char *start)
{
	char text[1600];

	snprintf(text, sizeof(text), "#!/bin/sh\ncd %s\necho $1 >> acts\n"
		 "while [ -e hold-$1 ]; do sleep 0.05; done\n"
		 "case $1 in\n"
		 "boot) echo '{\"result\":{\"kernel\":\"k\",\"cmdline\":\"\"}}'"
		 " >&4;;\n"
		 "match) echo '%s' >&4;;\n"
		 "monitor-start) echo '%s' >&4;;\n"
		 "devices) cat devices >&4;;\n"
		 "isolate) cat isolated >&4;;\n"
		 "destroy) cat destroyed >&4;;\n"
		 "rejoin) cat <&3 > rejoin; echo '{\"result\":null}' >&4;;\n"
		 "freeze) echo '{\"result\":{\"pages\":5}}' >&4;;\n"
		 "learn) cat <&3 > learn; echo '{\"result\":{"
		 "\"changed\":true}}' >&4;;\n"
		 "*) echo '{\"result\":null}' >&4;;\n"
		 "esac\n", dir, match, start);
	write_file("vhsm-act", text, 0700);
}

unsigned act_count(const char *verb)
{
	char path[128], line[64];
	unsigned count = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/acts", dir);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f))
		count += !strncmp(line, verb, strlen(verb)) &&
			line[strlen(verb)] == '\n';
	fclose(f);
	return count;
}

void act_hold(const char *verb, bool hold)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/hold-%s", dir, verb);
	if (hold)
		fclose(fopen(path, "w"));
	else
		ck_assert_int_eq(unlink(path), 0);
}

bool acted(const char *verb)
{
	char command[160];

	snprintf(command, sizeof(command), "grep -qx %s %s/acts", verb, dir);
	return !system(command);
}

static void path_set(char *to, const char *name)
{
	snprintf(to, PATH_MAX, "%s/%s", dir, name);
}

static void conf_fill(void)
{
	char path[128];

	r.conf.max_guests = 4;
	r.conf.monitor_start_ms = 2000;
	r.conf.monitor_hang_ms = 5000;	/* on a slow machine, too */
	r.conf.monitor_memory_mib = 96;
	r.conf.dirty_log = true;
	r.conf.vhsmd.run_dir = strdup(dir);
	r.conf.vhsmd.policy_dir = strdup(dir);
	r.conf.vhsmd.config_dirs[0] = strdup(dir);
	r.conf.vhsmd.config_dir_count = 1;
	path_set(r.conf.act, "vhsm-act");
	path_set(r.conf.alert_dir, "alerts");
	path_set(r.conf.alert_file, "alerts.jsonl");
	path_set(r.conf.incident_dir, "incidents");
	path_set(r.conf.state_file, "state.json");
	path_set(r.conf.baseline_dir, "baselines");
	snprintf(path, sizeof(path), "%s/monitors", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
}

void responder_start(void)
{
	char path[128], why[VHSM_ALERT_WHY_LEN];

	r.hypervisor = &hypervisor;
	r.connect = connect_monitor;
	LIST_INIT(&r.guests);
	r.alerts = vhsm_alerts_open(r.conf.alert_dir, r.conf.alert_file, why);
	ck_assert_msg(r.alerts != NULL, "%s", why);
	snprintf(path, sizeof(path), "%s/vhsmd.sock", dir);
	r.broker = vhsm_rpc_async_new(r.base, path, vhsm_keys_again, &r);
	snprintf(path, sizeof(path), "%s/vault.sock", dir);
	r.vault = vhsm_rpc_async_new(r.base, path, NULL, NULL);
}

void responder_stop(void)
{
	while (!LIST_EMPTY(&r.guests))
		vhsm_watched_free(LIST_FIRST(&r.guests));
	vhsm_rpc_async_free(&r.broker);
	vhsm_rpc_async_free(&r.vault);
	vhsm_alerts_close(&r.alerts);
	free(r.seen);
	r.seen = NULL;
	if (monitor)
		vhsm_channel_close(&monitor);
}

void begin(void)
{
	char path[128];

	snprintf(dir, sizeof(dir), "/tmp/vhsm-responder-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	memset(&r, 0, sizeof(r));
	r.base = event_base_new();
	conf_fill();
	write_file("web.cfg", "name = \"web\"\nuuid = \"" UUID "\"\n"
		   "vhsm = [ \"keys=a,monitor=strict\" ]\n", 0600);
	write_file("strict.conf", "lease-ms = 1000\nsweep-ms = 100\n"
		   "on critical { reactions = { \"revoke\", \"isolate\" } }\n"
		   "check boot-unapproved { reactions = { \"record\" } }\n"
		   "check monitor-lost { reactions = { \"record\" } }\n"
		   "check monitor-broken { reactions = { \"record\" } }\n"
		   "check yara { reactions = { \"record\" } }\n", 0600);
	act_is(MATCHED, "{\"result\":{\"domid\":9}}");
	write_file("acts", "", 0600);
	snprintf(path, sizeof(path), "%s/baselines", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/baselines/approved", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	approved("web-6.1", "d1");
	write_file("devices", "{\"result\":{\"nics\":[{\"devid\":0}],"
		   "\"disks\":[],\"built\":true,\"stays\":\"pci\"}}", 0600);
	write_file("destroyed", "{\"result\":{\"ran\":true}}", 0600);
	write_file("isolated", "{\"result\":{\"nics\":[{\"devid\":0}],"
		   "\"disks\":[],\"moved\":0,\"note\":\"\"}}", 0600);
	custody_start();
	paused = unpaused = looked = 0;
	rig_told = (struct rig_told){ 0 };
	rig_frames = 100000;		/* no multiple of 64 */
	rig_last = rig_frames - 1;
	rig_all_written = false;
	vhsm_log_init("test", false);
	responder_start();
}

void end(void)
{
	char command[128];

	responder_stop();
	custody_stop();
	event_base_free(r.base);
	vhsm_responder_conf_deinit(&r.conf);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	/* An act that was ended may have a child that still writes there. */
	for (unsigned i = 0; system(command) && i < 50; i++)
		usleep(100000);
	ck_assert_int_ne(access(dir, F_OK), 0);
}

void run_for(int64_t ms)
{
	int64_t over = vhsm_now_ms() + ms;

	until(vhsm_now_ms() >= over);
}

void domain_runs(uint32_t domid)
{
	struct vhsm_domain_seen seen = { .domid = domid, .uuid = UUID,
					 .name = "web" };

	vhsm_roster_changed(&seen, domid ? 1 : 0, &r);
}

struct vhsm_watched *web(void)
{
	return vhsm_watched_find(&r, UUID);
}

bool in_state(enum vhsm_watch_state state)
{
	return web() && web()->watch.state == state;
}

json_t *alerts_of(const char *check)
{
	json_t *all = vhsm_alerts_list(r.alerts, 0, false, 1000), *alert;
	json_t *some = json_array();
	size_t i;

	json_array_foreach(all, i, alert) {
		char *text = json_dumps(alert, 0);

		if (strstr(text, check))
			json_array_append(some, alert);
		free(text);
	}
	json_decref(all);
	return some;
}

size_t alert_count(const char *check)
{
	json_t *some = alerts_of(check);
	size_t count = json_array_size(some);

	json_decref(some);
	return count;
}

/* --- the monitor --- */

void say(uint32_t type, json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT);

	ck_assert_int_eq(vhsm_channel_send(monitor, type, text, strlen(text)),
			 0);
	free(text);
	json_decref(json);
}

void hello(void)
{
	const struct vhsm_hello h = { VHSM_CHANNEL_VERSION, "test" };

	say(VHSM_FRAME_HELLO, vhsm_hello_encode(&h));
}

static void fingerprints_take(const void *bytes, size_t len)
{
	struct vhsm_fingerprints_part part;
	char why[VHSM_MESSAGE_WHY_LEN];

	ck_assert_msg(!vhsm_fingerprints_part_decode(&part, bytes, len, why),
		      "%s", why);
	ck_assert_uint_eq(part.part, rig_told.next_part);
	ck_assert_str_eq(json_string_value(json_object_get(part.set, "salt")),
			 RIG_SALT);
	if (!part.part)
		rig_told.entries = 0;
	rig_told.entries += json_array_size(json_object_get(part.set,
							    "entries"));
	rig_told.next_part++;
	if (rig_told.next_part == part.parts) {
		rig_told.sets++;
		rig_told.next_part = 0;
	}
	json_decref(part.set);
}

/* The next order to sweep; what comes before it is looked at. */
uint64_t sweep_await(unsigned *dirty)
{
	struct vhsm_sweep_order order;
	char why[VHSM_MESSAGE_WHY_LEN];
	const void *bytes;
	uint32_t type = 0;
	size_t len;
	int ret;

	for (;;) {
		until((ret = vhsm_channel_recv(monitor, &type, &bytes, &len)));
		ck_assert_int_eq(ret, 1);
		if (type == VHSM_FRAME_SWEEP)
			break;
		if (type == VHSM_FRAME_DIRTY) {
			const uint8_t *bits;
			uint64_t first;

			ck_assert_msg(!vhsm_dirty_decode(&first, &bits, &len,
				      rig_frames, bytes, len, why), "%s", why);
			if (dirty)
				(*dirty)++;
		} else if (type == VHSM_FRAME_CONFIGURE) {
			struct vhsm_configure c;

			ck_assert_int_eq(vhsm_configure_decode(&c, bytes, len,
							       why), 0);
			ck_assert_uint_eq(c.domid, web()->domain.domid);
			json_decref(c.checks);
		} else if (type == VHSM_FRAME_FINGERPRINTS) {
			fingerprints_take(bytes, len);
		}
	}
	ck_assert_msg(!vhsm_sweep_order_decode(&order, bytes, len, why), "%s",
		      why);
	ck_assert_uint_eq(order.vcpu[0].cr3, 0x1000 * web()->domain.domid);
	rig_logged = order.logged;
	return order.number;
}

struct vhsm_verdict verdict_of(uint64_t number, bool clean)
{
	struct vhsm_verdict v = { .number = number, .clean = clean,
				  .findings = !clean, .run_count = 1 };

	v.run[0].check = VHSM_CHECK_KERNEL_TEXT;
	v.run[0].finished = true;
	return v;
}

void verdict(uint64_t number, bool clean)
{
	struct vhsm_verdict v = verdict_of(number, clean);

	say(VHSM_FRAME_VERDICT, vhsm_verdict_encode(&v));
}

void finding(enum vhsm_check_number check, const char *object)
{
	struct vhsm_finding f = { .check = check, .confidence = 90 };

	snprintf(f.object, sizeof(f.object), "%s", object);
	snprintf(f.detail, sizeof(f.detail), "differs");
	say(VHSM_FRAME_FINDING, vhsm_finding_encode(&f));
}

void to_sweep(void)
{
	domain_runs(5);
	until(monitor);
	hello();
	until(in_state(VHSM_WATCH_SWEEPING));
}

/* One whole clean sweep. */
void to_clean(void)
{
	to_sweep();
	verdict(sweep_await(NULL), true);
	until(valid_ms > 0);
}

void broken_expect(void)
{
	until(alert_count("monitor-broken") == 1);
	until(acted("monitor-stop"));
	/* It is remade, and its word counts again only then. */
	until(in_state(VHSM_WATCH_CONNECTING));
	ck_assert(!web()->incident.open);
}

/* --- the admin --- */

static struct {
	struct vhsm_rpc_async *client;
	bool answered;
	json_t *result;
	char code[32];
} admin;

static void on_answered(void *arg, json_t *result, const char *code,
			const char *error)
{
	(void)arg;
	(void)error;
	admin.answered = true;
	admin.result = json_incref(result);
	snprintf(admin.code, sizeof(admin.code), "%s", code ? code : "");
}

void ask(const char *method, json_t *params)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/responder.sock", dir);
	/* A job that is just being started may still have the last socket. */
	until(!vhsm_methods_new(&r));
	admin.answered = false;
	admin.client = vhsm_rpc_async_new(r.base, path, NULL, NULL);
	vhsm_rpc_async_call(admin.client, method, params, -1, 8000,
			    on_answered, NULL);
}

bool answered(void)
{
	return admin.answered;
}

void answer(json_t **result, char *code)
{
	until(admin.answered);
	*result = admin.result;
	snprintf(code, 32, "%s", admin.code);
	vhsm_rpc_async_free(&admin.client);
	vhsm_methods_free(&r);
}

void call(const char *method, json_t *params, json_t **result, char *code)
{
	ask(method, params);
	answer(result, code);
}
