/* SPDX-License-Identifier: Apache-2.0 */
/* The admin's methods: what they refuse, import, and fingerprints. */
#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "unit/vault-fixture.h"
#include "unit/vault-server.h"
#include "vault/traces.h"

static json_t *parse(const char *text)
{
	json_t *json = json_loads(text, 0, NULL);

	ck_assert_msg(json != NULL, "%s", text);
	return json;
}

#define U "\"uuid\":\"" FIXTURE_UUID "\""

static void errors_by_code(void)
{
	static const struct {
		const char *code, *method, *params;
	} cases[] = {
		{ "bad-request", "key.format", "{}" },
		{ "bad-request", "key.generate", "{}" },
		{ "bad-request", "key.generate", "{\"uuid\":7}" },
		{ "bad-request", "key.generate", "{\"uuid\":\"../../etc\"}" },
		{ "bad-request", "key.generate", "{" U "}" },
		{ "bad-request", "key.generate", "{" U ",\"name\":\"a/b\"}" },
		{ "bad-request", "key.generate", "{" U ",\"name\":\"a\"}" },
		{ "bad-request", "key.generate",
		  "{" U ",\"name\":\"a\",\"type\":\"dsa\"}" },
		{ "bad-request", "key.generate",
		  "{" U ",\"name\":\"a\",\"type\":\"aes-128\","
		  "\"usages\":[\"sign\"]}" },
		{ "bad-request", "key.generate",
		  "{" U ",\"name\":\"a\",\"type\":\"aes-128\","
		  "\"usages\":[\"fly\"]}" },
		{ "bad-request", "key.generate",
		  "{" U ",\"name\":\"a\",\"type\":\"aes-128\","
		  "\"usages\":[]}" },
		{ "bad-request", "key.generate",
		  "{" U ",\"name\":\"a\",\"type\":\"ed25519\","
		  "\"caller_nonce\":true}" },
		{ "bad-request", "key.generate",
		  "{" U ",\"name\":\"a\",\"type\":\"aes-128\",\"colour\":1}" },
		{ "exists", "key.generate",
		  "{" U ",\"name\":\"here\",\"type\":\"aes-128\"}" },
		{ "bad-request", "key.import", "{" U ",\"name\":\"a\"}" },
		{ "not-found", "key.show", "{" U ",\"name\":\"absent\"}" },
		{ "not-found", "key.delete", "{" U ",\"name\":\"absent\"}" },
		{ "not-found", "key.list",
		  "{\"uuid\":\"00000000-0000-0000-0000-000000000001\"}" },
		{ "bad-request", "key.set-state",
		  "{" U ",\"name\":\"here\",\"state\":\"destroyed\"}" },
		{ "bad-request", "key.set-state", "{" U ",\"name\":\"here\"}" },
		{ "not-found", "unit.destroy",
		  "{\"uuid\":\"00000000-0000-0000-0000-000000000001\"}" },
		{ "bad-request", "audit.show", "{\"limit\":0}" },
		{ "bad-request", "audit.show", "{\"after\":-1}" },
		{ "bad-request", "audit.show", "{\"last\":1}" },
		{ "bad-request", "unit.list", "{\"limit\":1000000}" },
	};
	size_t i;

	admin_generate("here", "aes-128");
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		admin_refused(cases[i].code, cases[i].method,
			      parse(cases[i].params));
}

static void refusals_recorded(void)
{
	char *text;

	admin_refused("not-found", "key.delete",
		      parse("{" U ",\"name\":\"absent\"}"));
	text = fixture_read(fixture_path("audit/log.jsonl"), NULL);
	ck_assert_ptr_nonnull(strstr(text, "\"admin.refused\""));
	free(text);
}

static void keys_in_pages(void)
{
	char name[16];
	json_t *result;
	int i;

	for (i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "k%d", i);
		admin_generate(name, "aes-128");
	}
	result = admin_call("key.list", parse("{" U ",\"limit\":2}"), -1, NULL);
	ck_assert_uint_eq(json_array_size(json_object_get(result, "keys")), 2);
	ck_assert_str_eq(json_string_value(json_object_get(result, "next")),
			 "k1");
	json_decref(result);
	result = admin_call("key.list", parse("{" U ",\"after\":\"k2\"}"), -1,
			    NULL);
	ck_assert_uint_eq(json_array_size(json_object_get(result, "keys")), 2);
	ck_assert_ptr_null(json_object_get(result, "next"));
	json_decref(result);
}

static int memory_file(const void *bytes, size_t len)
{
	int fd = memfd_create("key", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, len), len);
	return fd;
}

/* The error code, or NULL and *result. */
static const char *import(const char *params, const void *bytes, size_t len,
			  json_t **result)
{
	int fd = memory_file(bytes, len);
	const char *code;

	*result = admin_call("key.import", parse(params), fd, &code);
	close(fd);
	return *result == NULL ? code : NULL;
}

static size_t pem_make(EVP_PKEY *key, const char *password, char *out,
		       size_t room)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long len;

	ck_assert_int_eq(PEM_write_bio_PKCS8PrivateKey(bio, key,
		password ? EVP_aes_128_cbc() : NULL, password,
		password ? (int)strlen(password) : 0, NULL, NULL), 1);
	len = BIO_get_mem_data(bio, &text);
	ck_assert_int_lt(len, room);
	memcpy(out, text, (size_t)len);
	BIO_free(bio);
	return (size_t)len;
}

static void import_of_pem(void)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	BIO *bio = BIO_new(BIO_s_mem());
	char pem[4096], *public;
	json_t *result;
	size_t len;
	long n;

	len = pem_make(key, NULL, pem, sizeof(pem));
	ck_assert_ptr_null(import("{" U ",\"name\":\"a\"}", pem, len, &result));
	ck_assert_str_eq(json_string_value(json_object_get(result, "type")),
			 "ec-p256");
	PEM_write_bio_PUBKEY(bio, key);
	n = BIO_get_mem_data(bio, &public);
	ck_assert_mem_eq(json_string_value(json_object_get(result,
			 "public_key")), public, (size_t)n);
	json_decref(result);
	ck_assert_str_eq(import("{" U ",\"name\":\"b\",\"type\":\"ec-p384\"}",
				pem, len, &result), "bad-request");
	ck_assert_str_eq(import("{" U ",\"name\":\"a\"}", pem, len, &result),
			 "exists");
	len = pem_make(key, "password", pem, sizeof(pem));
	ck_assert_str_eq(import("{" U ",\"name\":\"b\"}", pem, len, &result),
			 "bad-request");
	ck_assert_str_eq(import("{" U ",\"name\":\"b\"}", public, (size_t)n,
				&result), "bad-request");
	BIO_free(bio);
	EVP_PKEY_free(key);
}

static void import_of_kinds_not_served(void)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "secp256k1");
	char pem[4096];
	json_t *result;
	size_t len = pem_make(key, NULL, pem, sizeof(pem));

	ck_assert_str_eq(import("{" U ",\"name\":\"b\"}", pem, len, &result),
			 "bad-request");
	EVP_PKEY_free(key);
	key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
	len = pem_make(key, NULL, pem, sizeof(pem));
	ck_assert_str_eq(import("{" U ",\"name\":\"b\"}", pem, len, &result),
			 "bad-request");
	EVP_PKEY_free(key);
}

static void import_of_raw_bytes(void)
{
	static char big[20000];
	struct vhsm_msg_key keys[2];
	json_t *result;
	int sock;

	ck_assert_ptr_null(import("{" U ",\"name\":\"a\",\"type\":\"aes-128\"}",
				  "0123456789abcdef", 16, &result));
	json_decref(result);
	ck_assert_str_eq(import("{" U ",\"name\":\"b\",\"type\":\"aes-128\"}",
				"0123456789abcde", 15, &result), "bad-request");
	ck_assert_str_eq(import("{" U ",\"name\":\"b\",\"type\":\"hmac\"}",
				big, sizeof(big), &result), "bad-request");
	ck_assert_str_eq(import("{" U ",\"name\":\"b\",\"type\":\"hmac\"}",
				big, 0, &result), "bad-request");
	sock = engine_attach("a");
	ck_assert_uint_eq(engine_load(sock, keys, 2), 1);
	ck_assert_mem_eq(keys[0].material, "0123456789abcdef", 16);
	close(sock);
}

/* A pipe would hang whoever reads it. */
static void import_of_a_pipe(void)
{
	const char *code;
	int pipes[2];

	ck_assert_int_eq(pipe(pipes), 0);
	ck_assert_ptr_null(admin_call("key.import", parse("{" U
		",\"name\":\"a\",\"type\":\"hmac\"}"), pipes[0], &code));
	ck_assert_str_eq(code, "bad-request");
	close(pipes[0]);
	close(pipes[1]);
}

static void fingerprints_of_all(void)
{
	const char *names[] = { "aes-256", "ed25519", "ec-p256", "rsa-2048",
				"hmac" };
	json_t *result, *set;
	char *text;
	size_t i;
	int fd;

	for (i = 0; i < 5; i++)
		admin_generate(names[i], names[i]);
	result = admin_call("key.fingerprints", parse("{" U "}"), -1, NULL);
	set = json_object_get(result, "fingerprints");
	text = json_dumps(set, 0);
	ck_assert_ptr_nonnull(strstr(text, "aes-256/1 schedule +224"));
	ck_assert_ptr_nonnull(strstr(text, "aes-256/1 schedule-swapped +0"));
	ck_assert_ptr_nonnull(strstr(text, "ed25519/1 seed +0"));
	ck_assert_ptr_nonnull(strstr(text, "ed25519/1 scalar +16 reversed"));
	ck_assert_ptr_nonnull(strstr(text, "ec-p256/1 scalar +0"));
	ck_assert_ptr_nonnull(strstr(text, "rsa-2048/1 qinv +"));
	ck_assert_ptr_nonnull(strstr(text, "hmac/1 key +0"));
	free(text);
	json_decref(result);
	fd = memory_file("", 0);
	result = admin_call("key.fingerprints", parse("{" U "}"), fd, NULL);
	ck_assert_int_eq(json_integer_value(json_object_get(result, "keys")),
			 5);
	lseek(fd, 0, SEEK_SET);
	set = json_loadfd(fd, 0, NULL);
	ck_assert_int_eq(json_integer_value(json_object_get(result, "entries")),
			 json_array_size(json_object_get(set, "entries")));
	json_decref(set);
	json_decref(result);
	close(fd);
}

/* What it says with {"unless": keyset}, and how much it writes. */
static json_t *ask_unless(const char *keyset, off_t *written)
{
	int fd = memory_file("", 0);
	json_t *result = admin_call("key.fingerprints",
		json_pack("{s:s, s:s}", "uuid", FIXTURE_UUID, "unless",
			  keyset), fd, NULL);

	ck_assert_ptr_nonnull(result);
	*written = lseek(fd, 0, SEEK_END);
	close(fd);
	return result;
}

static bool unchanged(const char *keyset)
{
	off_t written;
	json_t *result = ask_unless(keyset, &written);
	bool same = json_is_true(json_object_get(result, "unchanged"));

	ck_assert_int_eq(same, written == 0);
	json_decref(result);
	return same;
}

static void keyset_now(char keyset[65])
{
	off_t written;
	json_t *result = ask_unless("", &written);

	snprintf(keyset, 65, "%s", json_string_value(json_object_get(result,
								"keyset")));
	ck_assert_str_ne(keyset, "");
	ck_assert_int_gt(written, 0);
	json_decref(result);
}

static void fingerprints_unless_known(void)
{
	char none[65], one[65], again[65];

	keyset_now(none);
	ck_assert(unchanged(none));
	admin_generate("a", "aes-128");
	ck_assert(!unchanged(none));
	keyset_now(one);
	ck_assert(unchanged(one));
	json_decref(admin_call("key.set-state", parse("{" U ",\"name\":\"a\","
			       "\"state\":\"disabled\"}"), -1, NULL));
	ck_assert(unchanged(one));
	json_decref(admin_call("key.delete", parse("{" U ",\"name\":\"a\"}"),
			       -1, NULL));
	ck_assert(!unchanged(one));
	/* Another key of the same name is another key. */
	admin_generate("a", "aes-128");
	ck_assert(!unchanged(one));
	keyset_now(again);
	ck_assert(unchanged(again));
}

static void verify_over_the_socket(void)
{
	json_t *result;
	char *text, *at;
	size_t len;

	admin_generate("a", "aes-128");
	admin_generate("b", "aes-128");
	result = admin_call("audit.verify", json_object(), -1, NULL);
	ck_assert(json_is_true(json_object_get(result, "ok")));
	json_decref(result);
	text = fixture_read(fixture_path("audit/log.jsonl"), &len);
	at = strstr(text, "\"key\":\"a\"");
	at[7] = 'x';
	fixture_write(fixture_path("audit/log.jsonl"), text, len, 0600);
	free(text);
	result = admin_call("audit.verify", json_object(), -1, NULL);
	ck_assert(json_is_false(json_object_get(result, "ok")));
	ck_assert_int_eq(json_integer_value(json_object_get(result,
							    "broken_seq")), 3);
	json_decref(result);
}

/* The loop serves while a thread makes an RSA key. */
static void loop_lives_on(void)
{
	struct admin_later later;

	admin_later_start(&later, "key.generate", parse("{" U ",\"name\":\"r\","
			  "\"type\":\"rsa-4096\"}"));
	usleep(20000);
	admin_ok("vault.status", json_object());
	ck_assert_int_eq(later.answered, 0);
	json_decref(admin_later_wait(&later));
}

/* FIPS 197 A.1 and A.3: the last round keys. */
START_TEST(aes_schedules_are_those_of_fips_197)
{
	static const uint8_t key128[16] = {
		0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6,
		0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c,
	};
	static const uint8_t last128[16] = {
		0xd0, 0x14, 0xf9, 0xa8, 0xc9, 0xee, 0x25, 0x89,
		0xe1, 0x3f, 0x0c, 0xc8, 0xb6, 0x63, 0x0c, 0xa6,
	};
	static const uint8_t key256[32] = {
		0x60, 0x3d, 0xeb, 0x10, 0x15, 0xca, 0x71, 0xbe,
		0x2b, 0x73, 0xae, 0xf0, 0x85, 0x7d, 0x77, 0x81,
		0x1f, 0x35, 0x2c, 0x07, 0x3b, 0x61, 0x08, 0xd7,
		0x2d, 0x98, 0x10, 0xa3, 0x09, 0x14, 0xdf, 0xf4,
	};
	static const uint8_t last256[16] = {
		0xfe, 0x48, 0x90, 0xd1, 0xe6, 0x18, 0x8d, 0x0b,
		0x04, 0x6d, 0xf3, 0x44, 0x70, 0x6c, 0x63, 0x1e,
	};
	uint8_t schedule[VHSM_AES_SCHEDULE_MAX];
	size_t len;

	ck_assert_int_eq(vhsm_aes_schedule(key128, 16, schedule, &len), 0);
	ck_assert_uint_eq(len, 176);
	ck_assert_mem_eq(schedule + 160, last128, 16);
	ck_assert_int_eq(vhsm_aes_schedule(key256, 32, schedule, &len), 0);
	ck_assert_uint_eq(len, 240);
	ck_assert_mem_eq(schedule + 224, last256, 16);
	ck_assert_int_ne(vhsm_aes_schedule(key256, 24, schedule, &len), 0);
}
END_TEST

#define SERVED(name, body) START_TEST(name) { server_run(body); } END_TEST

SERVED(bad_requests_are_refused_with_their_code, errors_by_code)
SERVED(refused_changes_are_in_the_log, refusals_recorded)
SERVED(lists_come_in_pages, keys_in_pages)
SERVED(pem_key_is_imported_and_wrong_ones_refused, import_of_pem)
SERVED(kinds_of_keys_not_served_are_refused, import_of_kinds_not_served)
SERVED(raw_key_is_imported_with_its_exact_length, import_of_raw_bytes)
SERVED(import_from_a_pipe_is_refused, import_of_a_pipe)
SERVED(fingerprints_cover_every_kind_of_secret, fingerprints_of_all)
SERVED(fingerprints_come_again_only_for_other_keys, fingerprints_unless_known)
SERVED(audit_verify_says_where_it_breaks, verify_over_the_socket)
SERVED(key_generation_does_not_hold_up_others, loop_lives_on)

int main(void)
{
	Suite *suite = suite_create("vault-admin");
	TCase *tc = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, bad_requests_are_refused_with_their_code);
	tcase_add_test(tc, refused_changes_are_in_the_log);
	tcase_add_test(tc, lists_come_in_pages);
	tcase_add_test(tc, pem_key_is_imported_and_wrong_ones_refused);
	tcase_add_test(tc, kinds_of_keys_not_served_are_refused);
	tcase_add_test(tc, raw_key_is_imported_with_its_exact_length);
	tcase_add_test(tc, import_from_a_pipe_is_refused);
	tcase_add_test(tc, fingerprints_cover_every_kind_of_secret);
	tcase_add_test(tc, fingerprints_come_again_only_for_other_keys);
	tcase_add_test(tc, audit_verify_says_where_it_breaks);
	tcase_add_test(tc, key_generation_does_not_hold_up_others);
	tcase_add_test(tc, aes_schedules_are_those_of_fips_197);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
