/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Killed, or out of disk, at any point: each operation is done or not done,
 * and no record of a finished one is lost.
 *
 * A child makes and deletes keys through the whole vault (store and audit log)
 * and says on a pipe which operation it begins and which it has finished.  It
 * is killed at a random moment; then the store is opened again.
 */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "unit/vault-fixture.h"
#include "vault/events.h"
#include "vault/vault.h"

#define ROUNDS	60
#define NAMES	4
#define GUEST	(NAMES - 1)	/* no key: whether the guest is revoked */

static char why[VHSM_WHY_LEN];

struct progress {			/* what the child says */
	uint32_t number;
	uint8_t name, finished, exists;
};

static void vault_open(struct vhsm_vault *vault, struct event_base *base)
{
	struct vhsm_vault_config config = {
		.store = fixture_dir,
		.root_uri = "test",
		.units_max = 4,
		.audit_file_max = 16384,
	};
	int r;

	why[0] = '\0';
	r = vhsm_vault_open(vault, base, &config, fixture_root, why);
	ck_assert_msg(r == 0, "%s", why);
}

static int unit_change(struct vhsm_unit *unit, const char *name, bool make,
		       uint8_t byte, const struct vhsm_unit_note *note)
{
	uint8_t material[600];

	memset(material, byte, sizeof(material));
	if (name[1] - '0' == GUEST)
		return make ? vhsm_unit_revoke(unit, "why", note) :
			vhsm_unit_release(unit, note);
	return make ? vhsm_unit_add(unit, name, VHSM_KEY_RSA_2048, 3, material,
				    sizeof(material), note) :
		vhsm_unit_remove(unit, name, note);
}

/* One change, in the order the methods make it. */
static int change(struct vhsm_vault *vault, const char *name, bool make,
		  uint32_t number)
{
	struct vhsm_unit_note note = {
		make ? VHSM_EV_KEY_GENERATED : VHSM_EV_KEY_DELETED, NULL
	};
	struct vhsm_unit *unit;
	char id[17];
	int r;

	snprintf(id, sizeof(id), "%016x", number);
	note.details = json_pack("{s:s, s:s}", "change", id, "key", name);
	r = vhsm_store_unit(vault->store, fixture_uuid, true, &unit, why);
	if (r == 0)
		r = unit_change(unit, name, make, (uint8_t)number, &note);
	if (r == 0) {
		r = vhsm_vault_record(vault, note.event, fixture_uuid,
				      json_incref(note.details));
		if (r == 0)
			r = vhsm_vault_commit(vault);
		if (r == 0)
			vhsm_unit_notes_done(unit);
	}
	json_decref(note.details);
	return r;
}

static void child_run(int out, uint32_t number, uint8_t *exists)
{
	struct progress p = { 0 };
	struct vhsm_vault vault;
	char name[8];

	vault_open(&vault, event_base_new());
	for (;; number++) {
		p.number = number;
		p.name = (uint8_t)(rand() % NAMES);
		p.exists = !exists[p.name];
		p.finished = 0;
		snprintf(name, sizeof(name), "k%u", p.name);
		if (write(out, &p, sizeof(p)) != sizeof(p) ||
		    change(&vault, name, p.exists, number) != 0)
			_exit(1);
		exists[p.name] = p.exists;
		p.finished = 1;
		if (write(out, &p, sizeof(p)) != sizeof(p))
			_exit(1);
	}
}

struct counted {
	const char *text, *also;
	int count;
};

static int line_count(void *arg, const char *line, size_t len, bool whole)
{
	struct counted *c = arg;

	(void)whole;
	c->count += memmem(line, len, c->text, strlen(c->text)) != NULL &&
		    memmem(line, len, c->also, strlen(c->also)) != NULL;
	return 0;
}

/* Records that hold both. */
static int log_count(const char *text, const char *also)
{
	struct counted c = { text, also, 0 };
	struct vhsm_audit_files *files;

	ck_assert_int_eq(vhsm_audit_files_open(&files, fixture_path("audit")),
			 0);
	ck_assert_int_eq(vhsm_audit_scan(files, line_count, &c), 0);
	vhsm_audit_files_close(&files);
	return c.count;
}

static void log_check(struct vhsm_vault *vault)
{
	EVP_PKEY *key = vhsm_audit_public_key(vault->audit);
	struct vhsm_audit_report report;
	struct vhsm_audit_files *files;

	ck_assert_int_eq(vhsm_audit_files_open(&files, vault->audit_dir), 0);
	ck_assert_int_eq(vhsm_audit_verify(files, key, &report), 0);
	ck_assert_msg(!report.broken, "record %lu: %s",
		      (unsigned long)report.broken_seq, report.problem);
	vhsm_audit_files_close(&files);
	EVP_PKEY_free(key);
}

static bool key_exists(struct vhsm_vault *vault, int name)
{
	struct vhsm_unit *unit;
	char text[16];
	int r;

	r = vhsm_store_unit(vault->store, fixture_uuid, false, &unit, why);
	if (r == VHSM_E_NOT_FOUND)
		return false;
	ck_assert_msg(r == 0, "%s", why);
	if (name == GUEST)
		return vhsm_unit_revoked(unit) != NULL;
	snprintf(text, sizeof(text), "k%d", name);
	return vhsm_unit_key_find(unit, text) != NULL;
}

/* What the store holds after a crash is what the child had finished, with the
 * one operation it was in the middle of done or not; and a done one is in the
 * log exactly once. */
static void aftermath_check(uint8_t *exists, const struct progress *last)
{
	struct event_base *base = event_base_new();
	struct vhsm_vault vault;
	char id[40];
	bool done;
	int i;

	vault_open(&vault, base);
	for (i = 0; i < NAMES; i++)
		if (last->finished || i != last->name)
			ck_assert_int_eq(key_exists(&vault, i), exists[i]);
	if (last->number != 0) {
		done = key_exists(&vault, last->name) == last->exists;
		ck_assert(done || !last->finished);
		exists[last->name] = key_exists(&vault, last->name);
		snprintf(id, sizeof(id), "\"change\":\"%016x\"", last->number);
		ck_assert_int_eq(log_count(id, ""), done);
	}
	log_check(&vault);
	vhsm_vault_close(&vault, "done");
	event_base_free(base);
}

static struct progress child_kill(uint32_t number, uint8_t *exists)
{
	struct timespec pause = { 0, (rand() % 60000) * 1000 };
	struct progress p, last = { 0 };
	int pipes[2];
	pid_t child;

	ck_assert_int_eq(pipe(pipes), 0);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0)
		child_run(pipes[1], number, exists);
	close(pipes[1]);
	nanosleep(&pause, NULL);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	while (read(pipes[0], &p, sizeof(p)) == sizeof(p)) {
		last = p;
		if (p.finished)
			exists[p.name] = p.exists;
	}
	close(pipes[0]);
	return last;
}

START_TEST(kill_at_any_point_leaves_each_operation_done_or_not)
{
	uint8_t exists[NAMES] = { 0 };
	struct progress last;
	uint32_t number = 1, total = 0;
	time_t end = time(NULL) + 10;
	int i;

	srand((unsigned)time(NULL));
	for (i = 0; i < ROUNDS && time(NULL) < end; i++) {
		last = child_kill(number, exists);
		aftermath_check(exists, &last);
		if (last.number >= number) {
			total += last.number - number;
			number = last.number + 1;
		}
	}
	/* Or it would have proven nothing. */
	ck_assert_uint_gt(total, 5);
}
END_TEST

/* The disk is full after so many bytes: files cannot grow. */
static void disk_limit(rlim_t bytes)
{
	struct rlimit limit = { bytes, RLIM_INFINITY };

	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

START_TEST(full_disk_fails_cleanly_and_loses_nothing)
{
	struct event_base *base = event_base_new();
	struct vhsm_vault vault;
	uint32_t number = 1;
	rlim_t bytes;
	int failed = 0;

	signal(SIGXFSZ, SIG_IGN);
	vault_open(&vault, base);
	ck_assert_int_eq(change(&vault, "k0", true, number++), 0);
	for (bytes = 4096; bytes < 65536; bytes += 3000) {
		disk_limit(bytes);
		failed += change(&vault, "k1", true, number++) != 0;
		failed += change(&vault, "k1", false, number++) != 0;
		disk_limit(RLIM_INFINITY);
		/* Either way it serves, and what it holds is whole. */
		ck_assert(key_exists(&vault, 0));
		if (key_exists(&vault, 1))
			ck_assert_int_eq(change(&vault, "k1", false, number++),
					 0);
	}
	ck_assert_int_gt(failed, 3);
	ck_assert_int_eq(vhsm_vault_commit(&vault), 0);
	log_check(&vault);
	vhsm_vault_close(&vault, "done");
	event_base_free(base);
}
END_TEST

START_TEST(change_without_its_record_gets_it_at_the_next_start)
{
	struct event_base *base = event_base_new();
	struct vhsm_unit_note note = { VHSM_EV_KEY_GENERATED, NULL };
	struct vhsm_vault vault;
	struct vhsm_unit *unit;
	pid_t child = fork();

	if (child == 0) {
		vault_open(&vault, base);
		note.details = json_pack("{s:s}", "change", "feedfeedfeedfeed");
		vhsm_store_unit(vault.store, fixture_uuid, true, &unit, why);
		vhsm_unit_add(unit, "k0", VHSM_KEY_RSA_2048, 3,
			      (const uint8_t *)"material", 8, &note);
		_exit(0);		/* without a word to the log */
	}
	waitpid(child, NULL, 0);
	ck_assert_int_eq(log_count("feedfeedfeedfeed", ""), 0);
	vault_open(&vault, base);
	ck_assert_int_eq(log_count("feedfeedfeedfeed", "\"recovered\":true"),
			 1);
	vhsm_vault_close(&vault, "done");
	event_base_free(base);
}
END_TEST

START_TEST(second_vault_on_a_store_is_refused_and_changes_nothing)
{
	struct event_base *base = event_base_new();
	struct vhsm_vault_config config = {
		.store = fixture_dir, .root_uri = "test", .units_max = 4,
		.audit_file_max = 16384,
	};
	struct vhsm_vault vault, second;

	vault_open(&vault, base);
	ck_assert_int_eq(change(&vault, "k0", true, 1), 0);
	ck_assert_int_eq(vhsm_vault_open(&second, base, &config, fixture_root,
					 why), -EWOULDBLOCK);
	vhsm_vault_close(&second, "it could not start");
	ck_assert_int_eq(change(&vault, "k1", true, 2), 0);
	log_check(&vault);
	vhsm_vault_close(&vault, "done");
	event_base_free(base);
}
END_TEST

START_TEST(units_without_root_json_are_not_a_new_store)
{
	struct event_base *base = event_base_new();
	struct vhsm_vault vault;
	bool new;

	ck_assert_int_eq(vhsm_store_is_new(fixture_dir, &new, why), 0);
	ck_assert(new);
	vault_open(&vault, base);
	ck_assert_int_eq(change(&vault, "k0", true, 1), 0);
	vhsm_vault_close(&vault, "done");
	event_base_free(base);
	ck_assert_int_eq(vhsm_store_is_new(fixture_dir, &new, why),
			 VHSM_E_CORRUPT);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vault-crash");
	TCase *tc = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, kill_at_any_point_leaves_each_operation_done_or_not);
	tcase_add_test(tc, full_disk_fails_cleanly_and_loses_nothing);
	tcase_add_test(tc, change_without_its_record_gets_it_at_the_next_start);
	tcase_add_test(tc,
		       second_vault_on_a_store_is_refused_and_changes_nothing);
	tcase_add_test(tc, units_without_root_json_are_not_a_new_store);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
