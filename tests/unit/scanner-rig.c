/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "unit/scanner-rig.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS	30000
#define SKIP		77

char baseline[] = "/tmp/test-scanner.XXXXXX";
struct guest_fixture guest;
struct vhsm_channel *channel;
int raw = -1;			/* the socket below channel */
pid_t pid;
/* The made-up kernel has no process. */
const char *boot_ms = "0";

/* --- the monitor --- */

void start(const char *image)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				    pair), 0);
	pid = fork();
	if (pid == 0) {
		dup2(pair[1], 9);
		execl("./vhsm-monitor", "vhsm-monitor", "--channel-fd", "9",
		      "--baseline", baseline, "--image", image, "--confirm-ms",
		      "1", "--boot-ms", boot_ms, (char *)NULL);
		_exit(127);
	}
	ck_assert_int_gt(pid, 0);
	close(pair[1]);
	raw = dup(pair[0]);
	channel = vhsm_channel_from_socket(pair[0]);
	ck_assert_ptr_nonnull(channel);
}

/* The next frame, of any type; false when the monitor has gone. */
bool receive(uint32_t *type, const void **payload, size_t *len)
{
	struct pollfd fd = { .fd = vhsm_channel_fd(channel), .events = POLLIN };
	int r;

	while (!(r = vhsm_channel_recv(channel, type, payload, len)))
		ck_assert_int_eq(poll(&fd, 1, PATIENCE_MS), 1);
	ck_assert(r == 1 || r == -EPIPE);
	return r == 1;
}

/* The next frame, which is of that type. */
const char *expect(uint32_t type, size_t *len)
{
	const void *payload;
	uint32_t got;

	ck_assert(receive(&got, &payload, len));
	ck_assert_msg(got == type, "frame %u instead of %u: %.200s", got, type,
		      (const char *)payload);
	return payload;
}

void send_json(uint32_t type, json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT);

	ck_assert_int_eq(vhsm_channel_send(channel, type, text, strlen(text)),
			 0);
	free(text);
	json_decref(json);
}

static void configure(const char *checks)
{
	struct vhsm_configure c = { .frames = GUEST_LEN / 4096, .slice_ms = 5,
				    .full_ms = 1000 };

	c.checks = json_loads(checks, 0, NULL);
	send_json(VHSM_FRAME_CONFIGURE, vhsm_configure_encode(&c));
	json_decref(c.checks);
}

void order(uint64_t number)
{
	struct vhsm_sweep_order *o = calloc(1, sizeof(*o));

	o->number = number;
	o->vcpu_count = 1;
	o->vcpu[0] = guest.vcpu;
	o->vcpu[0].online = 1;
	send_json(VHSM_FRAME_SWEEP, vhsm_sweep_order_encode(o));
	free(o);
}

void expect_verdict(struct vhsm_verdict *v, uint64_t number)
{
	char why[VHSM_MESSAGE_WHY_LEN];
	const char *text;
	size_t len;

	text = expect(VHSM_FRAME_VERDICT, &len);
	ck_assert_msg(!vhsm_verdict_decode(v, text, len, why), "%s", why);
	ck_assert_uint_eq(v->number, number);
}

/* Waits for its end, and gives its exit status. */
int exit_status(void)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	pid = 0;
	ck_assert_msg(WIFEXITED(status), "killed by signal %d",
		      WTERMSIG(status));
	return WEXITSTATUS(status);
}

/* It says why it ends, and ends as failed. */
void expect_refusal(const char *text)
{
	const void *payload;
	uint32_t type;
	size_t len;

	do
		ck_assert(receive(&type, &payload, &len));
	while (type != VHSM_FRAME_LOG);
	ck_assert_msg(strstr(payload, text), "%s", (const char *)payload);
	while (receive(&type, &payload, &len))
		;
	ck_assert_int_eq(exit_status(), 1);
}

/* --- its guest --- */

static void set_up(void)
{
	struct vhsm_reference *reference;
	char path[64];

	ck_assert_ptr_nonnull(mkdtemp(baseline));
	chmod(baseline, 0755);
	guest_fixture_init(&guest, GUEST_LEN, false);
	if (!guest_fixture_kernel())
		return;
	snprintf(path, sizeof(path), "%s/reference", baseline);
	guest_fixture_reference_file(path);
	reference = guest_fixture_reference();
	guest_fixture_load_kernel(&guest, reference, SLIDE, 0);
	vhsm_reference_close(&reference);
}

static void tear_down(void)
{
	char path[64];

	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	vhsm_channel_close(&channel);
	if (raw >= 0)
		close(raw);
	guest_fixture_deinit(&guest);
	snprintf(path, sizeof(path), "%s/reference", baseline);
	unlink(path);
	rmdir(baseline);
}

/* Up to CONFIGURE. */
void begin(const char *checks)
{
	struct vhsm_hello hello;
	char why[VHSM_MESSAGE_WHY_LEN];
	const char *text;
	size_t len;

	start(guest.path);
	text = expect(VHSM_FRAME_HELLO, &len);
	ck_assert_int_eq(vhsm_hello_decode(&hello, text, len, why), 0);
	ck_assert_uint_eq(hello.version, VHSM_CHANNEL_VERSION);
	configure(checks);
}

/* Up to the first verdict, which is clean. */
void begin_clean(const char *checks)
{
	struct vhsm_verdict v;
	struct vhsm_found found;
	char why[VHSM_MESSAGE_WHY_LEN];
	const char *text;
	size_t len;

	begin(checks);
	order(1);
	text = expect(VHSM_FRAME_FOUND, &len);
	ck_assert_int_eq(vhsm_found_decode(&found, text, len, why), 0);
	ck_assert_uint_eq(found.slide, SLIDE);
	expect_verdict(&v, 1);
	ck_assert_msg(v.clean, "%s %s", v.error, v.run[0].error);
	ck_assert_uint_ge(v.run_count, 1);
	ck_assert_uint_gt(v.run[0].objects, 0);
}

int scanner_run(TCase *tests)
{
	Suite *suite = suite_create("scanner");
	SRunner *runner;
	int failed;

	signal(SIGPIPE, SIG_IGN);
	tcase_set_timeout(tests, 120);
	tcase_add_checked_fixture(tests, set_up, tear_down);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	if (failed)
		return EXIT_FAILURE;
	if (guest_fixture_kernel())
		return EXIT_SUCCESS;
	puts("SKIP: no kernel for most of it (VHSM_TEST_KERNEL)");
	return SKIP;
}
