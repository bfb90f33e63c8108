/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-lib-session.c - keys, blocking calls and buffers against a fake engine.
 */
#include "unit/fake-engine.h"

#include "vhsm/vhsm.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct fake_engine engine;
static struct vhsm *h;
static uint32_t key;

static void setup(void)
{
	fake_engine_start(&engine, "");
	ck_assert_int_eq(vhsm_open(engine.device, &h), 0);
	ck_assert_int_eq(vhsm_key_open(h, "tls", &key), 0);
}

static void teardown(void)
{
	vhsm_close(&h);
	fake_engine_stop(&engine);
}

START_TEST(open_names_what_is_wrong_with_a_device)
{
	struct vhsm *other;

	ck_assert_int_eq(vhsm_open("nonsense", &other), -EINVAL);
	ck_assert_int_eq(vhsm_open("local:", &other), -EINVAL);
	ck_assert_int_eq(vhsm_open("local:/x?uuid=12", &other), -EINVAL);
	ck_assert_int_eq(vhsm_open("local:/x?colour=red", &other), -EINVAL);
	ck_assert_int_eq(vhsm_open("local:/x?ring-order=9", &other), -EINVAL);
	ck_assert_int_eq(vhsm_open("local:/x?pool-pages=0", &other), -EINVAL);
	ck_assert_int_eq(vhsm_open("local:/nowhere/at/all", &other), -ENOENT);
	ck_assert_int_eq(vhsm_open("/dev/vhsm99", &other), -ENOENT);
	ck_assert_int_eq(vhsm_open("/dev/null", &other), -ENODEV);
	ck_assert_int_eq(vhsm_open("/dev/null?slice=x", &other), -EINVAL);
	ck_assert_ptr_null(other);
}
END_TEST

START_TEST(open_takes_the_device_from_the_environment)
{
	struct vhsm *other;

	setenv("VHSM_DEVICE", engine.device, 1);
	ck_assert_int_eq(vhsm_open(NULL, &other), 0);
	vhsm_close(&other);
	unsetenv("VHSM_DEVICE");
}
END_TEST

START_TEST(open_passes_on_why_the_daemon_refused)
{
	struct vhsm *other;

	fake_engine_sin(&engine, FAKE_REFUSE);
	ck_assert_int_eq(vhsm_open(engine.device, &other), -EACCES);
	fake_engine_sin(&engine, FAKE_RUDE);
	ck_assert_int_eq(vhsm_open(engine.device, &other), -EPROTO);
}
END_TEST

START_TEST(hello_says_whose_keys_and_seals_the_memory)
{
	const uint8_t uuid[16] = {
		0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
		0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
	};
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

	ck_assert_mem_eq(engine.hello.uuid, uuid, 16);
	ck_assert_str_eq(engine.hello.keys, "data+tls");
	ck_assert_int_eq(fcntl(engine.memfd, F_GET_SEALS) & seals, seals);
}
END_TEST

START_TEST(a_key_that_is_not_there_is_said_to_be_missing)
{
	uint32_t other = 9;

	ck_assert_int_eq(vhsm_key_open(h, "nope", &other), -VHSM_E_NO_KEY);
	ck_assert_int_eq(vhsm_key_open(h, "", &other), -VHSM_E_BAD_NAME);
	ck_assert_uint_eq(other, 0);
}
END_TEST

START_TEST(a_closed_key_cannot_be_used)
{
	uint8_t sig[VHSM_SIG_MAX];
	size_t len = sizeof(sig);
	struct vhsm_key_info info;

	ck_assert_int_eq(vhsm_key_info(h, key, &info), 0);
	ck_assert_str_eq(info.name, "tls");
	ck_assert_int_eq(vhsm_key_close(h, key), 0);
	ck_assert_int_eq(vhsm_key_close(h, key), -VHSM_E_BAD_HANDLE);
	ck_assert_int_eq(vhsm_key_info(h, key, &info), -VHSM_E_BAD_HANDLE);
	ck_assert_int_eq(vhsm_sign(h, key, VHSM_MECH_EDDSA, 0, "x", 1, sig,
				   &len), -VHSM_E_BAD_HANDLE);
}
END_TEST

START_TEST(many_keys_have_numbers_of_their_own)
{
	uint32_t more[20], i, j;

	for (i = 0; i < 20; i++) {
		ck_assert_int_eq(vhsm_key_open(h, "data", &more[i]), 0);
		ck_assert_uint_ne(more[i], key);
		for (j = 0; j < i; j++)
			ck_assert_uint_ne(more[i], more[j]);
	}
}
END_TEST

START_TEST(the_list_comes_in_pieces_and_ends)
{
	struct vhsm_key_info list[8];

	ck_assert_int_eq(vhsm_key_list(h, NULL, list, 8), 5);
	ck_assert_str_eq(list[0].name, "data");
	ck_assert_str_eq(list[4].name, "tls");
	ck_assert_int_eq(vhsm_key_list(h, NULL, list, 2), 2);
	ck_assert_int_eq(vhsm_key_list(h, list[1].name, list, 8), 3);
	ck_assert_str_eq(list[0].name, "mac");
	ck_assert_int_eq(vhsm_key_list(h, "tls", list, 8), 0);
}
END_TEST

START_TEST(a_signature_verifies_and_a_changed_one_does_not)
{
	uint8_t sig[VHSM_SIG_MAX];
	size_t len = sizeof(sig);

	ck_assert_int_eq(vhsm_sign(h, key, VHSM_MECH_EDDSA, 0, "hello", 5,
				   sig, &len), 0);
	ck_assert_uint_eq(len, 16);
	ck_assert_int_eq(vhsm_verify(h, key, VHSM_MECH_EDDSA, 0, "hello", 5,
				     sig, len), 0);
	sig[3] ^= 1;
	ck_assert_int_eq(vhsm_verify(h, key, VHSM_MECH_EDDSA, 0, "hello", 5,
				     sig, len), -VHSM_E_BAD_SIGNATURE);
	ck_assert_int_eq(vhsm_verify(h, key, VHSM_MECH_EDDSA, 0, "hello", 5,
				     sig, 0), -VHSM_E_BAD_SIGNATURE);
}
END_TEST

START_TEST(a_short_output_tells_the_length_it_needs)
{
	uint8_t out[8];
	size_t len = sizeof(out);

	ck_assert_int_eq(vhsm_mac(h, key, VHSM_MECH_HMAC, "x", 1, out, &len),
			 -VHSM_E_TOO_SMALL);
	ck_assert_uint_eq(len, 16);
	len = 0;
	ck_assert_int_eq(vhsm_key_public(h, key, out, &len),
			 -VHSM_E_TOO_SMALL);
	ck_assert_uint_eq(len, 91);
}
END_TEST

START_TEST(what_was_encrypted_decrypts_and_a_change_is_noticed)
{
	char text[1000], out[1000], back[1000] = "untouched";
	struct vhsm_aead aead;

	memset(text, 'q', sizeof(text));
	ck_assert_int_eq(vhsm_encrypt(h, key, VHSM_MECH_AES_GCM, 0, "aad", 3,
				      text, out, sizeof(text), &aead), 0);
	ck_assert_uint_eq(aead.key_version, 3);
	ck_assert_mem_ne(text, out, sizeof(text));
	ck_assert_int_eq(vhsm_decrypt(h, key, VHSM_MECH_AES_GCM, "aaD", 3,
				      out, back, sizeof(text), &aead),
			 -VHSM_E_BAD_TAG);
	ck_assert_str_eq(back, "untouched");
	ck_assert_int_eq(vhsm_decrypt(h, key, VHSM_MECH_AES_GCM, "aad", 3,
				      out, back, sizeof(text), &aead), 0);
	ck_assert_mem_eq(text, back, sizeof(text));
}
END_TEST

START_TEST(an_empty_message_can_be_encrypted)
{
	struct vhsm_aead aead;

	ck_assert_int_eq(vhsm_encrypt(h, key, VHSM_MECH_AES_GCM, 0, NULL, 0,
				      NULL, NULL, 0, &aead), 0);
	ck_assert_int_eq(vhsm_decrypt(h, key, VHSM_MECH_AES_GCM, NULL, 0,
				      NULL, NULL, 0, &aead), 0);
}
END_TEST

START_TEST(the_callers_nonce_is_used_when_asked_for)
{
	struct vhsm_aead aead = { .nonce = "elevenbytes" }, made;
	char out[4];

	made = aead;
	ck_assert_int_eq(vhsm_encrypt(h, key, VHSM_MECH_AES_GCM,
				      VHSM_F_CALLER_NONCE, NULL, 0, "text",
				      out, 4, &aead), 0);
	ck_assert_mem_eq(aead.nonce, made.nonce, VHSM_NONCE_LEN);
	ck_assert_int_eq(vhsm_encrypt(h, key, VHSM_MECH_AES_GCM, 0, NULL, 0,
				      "text", out, 4, &aead), 0);
	ck_assert_mem_ne(aead.nonce, made.nonce, VHSM_NONCE_LEN);
}
END_TEST

START_TEST(a_message_beyond_the_slice_is_refused)
{
	size_t len = 5u << 20;
	uint8_t *big = calloc(1, len), sig[VHSM_SIG_MAX];
	size_t sig_len = sizeof(sig);

	ck_assert_int_eq(vhsm_sign(h, key, VHSM_MECH_EDDSA, 0, big, len, sig,
				   &sig_len), -VHSM_E_NO_SPACE);
	ck_assert_int_eq(vhsm_sign(h, key, VHSM_MECH_EDDSA, 0, big,
				   SIZE_MAX - 3, sig, &sig_len),
			 -VHSM_E_NO_SPACE);
	free(big);
}
END_TEST

START_TEST(random_takes_as_many_requests_as_it_needs)
{
	uint8_t *out = calloc(1, 200001);

	ck_assert_int_eq(vhsm_random(h, out, 200000), 0);
	ck_assert_uint_eq(out[0], 0x77);
	ck_assert_uint_eq(out[199999], 0x77);
	ck_assert_uint_eq(out[200000], 0);
	free(out);
}
END_TEST

START_TEST(a_buffer_is_named_by_its_place_in_the_slice)
{
	uint8_t *p = vhsm_buffer_alloc(h, 256);
	struct vhsm_segment whole, part;

	ck_assert_int_eq(vhsm_buffer_segment(h, p, 256, &whole), 0);
	ck_assert_int_eq(vhsm_buffer_segment(h, p + 10, 5, &part), 0);
	ck_assert_uint_eq(part.offset, whole.offset + 10);
	ck_assert_uint_eq(part.len, 5);
	ck_assert_int_eq(vhsm_buffer_segment(h, &part, 4, &whole), -EINVAL);
	ck_assert_int_eq(vhsm_buffer_segment(h, p, 1u << 30, &whole),
			 -EINVAL);
	ck_assert_int_eq(vhsm_buffer_segment(h, NULL, 0, &whole), 0);
	ck_assert_ptr_null(vhsm_buffer_alloc(h, 0));
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_ptr_null(vhsm_buffer_alloc(h, 1u << 30));
	ck_assert_int_eq(errno, ENOMEM);
	vhsm_buffer_free(h, p);
}
END_TEST

START_TEST(a_call_works_on_buffers_without_a_copy)
{
	uint8_t *p = vhsm_buffer_alloc(h, 64);
	struct vhsm_segment in, out;
	struct vhsm_request r;
	struct vhsm_response result;

	memcpy(p, "message", 7);
	vhsm_buffer_segment(h, p, 7, &in);
	vhsm_buffer_segment(h, p + 16, 16, &out);
	vhsm_request_sign(&r, 0, key, VHSM_MECH_EDDSA, 0, in, out);
	ck_assert_int_eq(vhsm_call(h, &r, &result), 0);
	ck_assert_uint_eq(result.out_len, 16);
	vhsm_request_verify(&r, 0, key, VHSM_MECH_EDDSA, 0, in, out);
	ck_assert_int_eq(vhsm_call(h, &r, NULL), 0);
	p[0] ^= 1;
	ck_assert_int_eq(vhsm_call(h, &r, NULL), -VHSM_E_BAD_SIGNATURE);
	r = (struct vhsm_request) { .op = VHSM_OP_KEY_OPEN };
	ck_assert_int_eq(vhsm_call(h, &r, NULL), -EINVAL);
	vhsm_buffer_free(h, p);
}
END_TEST

START_TEST(a_freed_buffer_is_wiped)
{
	uint8_t *p = vhsm_buffer_alloc(h, 64);

	memset(p, 0xee, 64);
	vhsm_buffer_free(h, p);
	ck_assert_uint_eq(p[0], 0);
	ck_assert_uint_eq(p[63], 0);
}
END_TEST

START_TEST(a_forked_child_is_told_and_can_open_its_own)
{
	struct vhsm *own;
	uint32_t k;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (vhsm_key_open(h, "tls", &k) != -VHSM_E_FORKED)
			_exit(1);
		if (vhsm_buffer_alloc(h, 8) || errno != EPERM)
			_exit(2);
		if (vhsm_random(h, &k, 4) != -VHSM_E_FORKED)
			_exit(3);
		if (vhsm_fd(h) != -VHSM_E_FORKED)
			_exit(4);
		vhsm_close(&h);
		if (vhsm_open(engine.device, &own))
			_exit(5);
		if (vhsm_key_open(own, "tls", &k))
			_exit(6);
		vhsm_close(&own);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

START_TEST(a_forked_childs_close_leaves_the_parents_session_alone)
{
	uint8_t *p = vhsm_buffer_alloc(h, 64), byte;
	int status;
	pid_t pid;

	p[5] = 42;
	pid = fork();
	if (pid == 0) {
		vhsm_close(&h);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	ck_assert_uint_eq(p[5], 42);
	ck_assert_int_eq(vhsm_random(h, &byte, 1), 0);
	ck_assert_uint_eq(engine.connections, 1);
}
END_TEST

START_TEST(descriptors_are_closed_on_exec)
{
	bool before[64];
	struct vhsm *other;
	int fd, flags, seen = 0;

	for (fd = 0; fd < 64; fd++)
		before[fd] = fcntl(fd, F_GETFD) >= 0;
	ck_assert_int_eq(vhsm_open(engine.device, &other), 0);
	for (fd = 0; fd < 64; fd++) {
		flags = fcntl(fd, F_GETFD);
		if (flags < 0 || before[fd])
			continue;
		ck_assert_msg(flags & FD_CLOEXEC, "fd %d survives exec", fd);
		seen++;
	}
	ck_assert_int_ge(seen, 6);
	vhsm_close(&other);
}
END_TEST

START_TEST(busy_is_tried_again)
{
	uint8_t byte;

	fake_engine_sin(&engine, FAKE_BUSY);
	ck_assert_int_eq(vhsm_random(h, &byte, 1), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("session");
	TCase *t = tcase_create("session");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 20);
	tcase_add_test(t, open_names_what_is_wrong_with_a_device);
	tcase_add_test(t, open_takes_the_device_from_the_environment);
	tcase_add_test(t, open_passes_on_why_the_daemon_refused);
	tcase_add_test(t, hello_says_whose_keys_and_seals_the_memory);
	tcase_add_test(t, a_key_that_is_not_there_is_said_to_be_missing);
	tcase_add_test(t, a_closed_key_cannot_be_used);
	tcase_add_test(t, many_keys_have_numbers_of_their_own);
	tcase_add_test(t, the_list_comes_in_pieces_and_ends);
	tcase_add_test(t, a_signature_verifies_and_a_changed_one_does_not);
	tcase_add_test(t, a_short_output_tells_the_length_it_needs);
	tcase_add_test(t, what_was_encrypted_decrypts_and_a_change_is_noticed);
	tcase_add_test(t, an_empty_message_can_be_encrypted);
	tcase_add_test(t, the_callers_nonce_is_used_when_asked_for);
	tcase_add_test(t, a_message_beyond_the_slice_is_refused);
	tcase_add_test(t, random_takes_as_many_requests_as_it_needs);
	tcase_add_test(t, a_buffer_is_named_by_its_place_in_the_slice);
	tcase_add_test(t, a_call_works_on_buffers_without_a_copy);
	tcase_add_test(t, a_freed_buffer_is_wiped);
	tcase_add_test(t, a_forked_child_is_told_and_can_open_its_own);
	tcase_add_test(t,
		a_forked_childs_close_leaves_the_parents_session_alone);
	tcase_add_test(t, descriptors_are_closed_on_exec);
	tcase_add_test(t, busy_is_tried_again);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
