/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-cli-container.c - the format of encrypted files: what was written is
 * read again, and whatever was done to it in between is noticed.
 */
#include "cli/container.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK	64u
#define RECORD	(CONTAINER_HEAD_LEN + CHUNK)

/* A toy cipher: a keyed sum over everything is the tag. */
static void sum(uint8_t tag[VHSM_TAG_LEN], const uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		tag[i % VHSM_TAG_LEN] = (uint8_t)(tag[i % VHSM_TAG_LEN] * 31 +
						  p[i] + i / VHSM_TAG_LEN);
}

static void tag_of(uint8_t tag[VHSM_TAG_LEN], uint8_t key, const uint8_t *aad,
		   size_t aad_len, const uint8_t *data, size_t len,
		   const struct vhsm_aead *a)
{
	memset(tag, key, VHSM_TAG_LEN);
	sum(tag, a->nonce, VHSM_NONCE_LEN);
	sum(tag, aad, aad_len);
	sum(tag, data, len);
	sum(tag, (const uint8_t *)&a->key_version, sizeof(a->key_version));
}

static int toy_seal(void *arg, const uint8_t *aad, size_t aad_len,
		    uint8_t *data, size_t len, struct vhsm_aead *a)
{
	static uint8_t counter;

	memset(a->nonce, ++counter, VHSM_NONCE_LEN);
	a->key_version = 9;
	tag_of(a->tag, *(uint8_t *)arg, aad, aad_len, data, len, a);
	return 0;
}

static int toy_open(void *arg, const uint8_t *aad, size_t aad_len,
		    uint8_t *data, size_t len, const struct vhsm_aead *a)
{
	uint8_t tag[VHSM_TAG_LEN];

	tag_of(tag, *(uint8_t *)arg, aad, aad_len, data, len, a);
	return memcmp(tag, a->tag, sizeof(tag)) ? -VHSM_E_BAD_TAG : 0;
}

static uint8_t toy_key = 0x33;
static const struct container_cipher toy = { toy_seal, toy_open, &toy_key };

static uint8_t text[1024], file[4096], back[4096];
static size_t file_len, back_len;

/* Encrypts len bytes of text into file, as file number id. */
static void encrypt(size_t len, uint8_t id, const char *aad)
{
	struct container_header header = {
		.mechanism = VHSM_MECH_AES_GCM, .chunk_len = CHUNK,
		.id = { id },
	};
	FILE *in = tmpfile(), *out = tmpfile();
	size_t i;

	for (i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * 7);
	fwrite(text, 1, len, in);
	rewind(in);
	ck_assert_int_eq(container_encrypt(&toy, &header, aad, in, out), 0);
	rewind(out);
	file_len = fread(file, 1, sizeof(file), out);
	fclose(in);
	fclose(out);
}

static int decrypt(const char *aad)
{
	struct container_header header;
	FILE *in = tmpfile(), *out = tmpfile();
	int r;

	fwrite(file, 1, file_len, in);
	rewind(in);
	r = container_read_header(in, &header);
	if (r == 0)
		r = container_decrypt(&toy, &header, aad, in, out);
	rewind(out);
	back_len = fread(back, 1, sizeof(back), out);
	fclose(in);
	fclose(out);
	return r;
}

static uint8_t *record(unsigned i)
{
	return file + CONTAINER_HEADER_LEN + i * RECORD;
}

static const size_t lengths[] = { 0, 1, 63, 64, 65, 128, 200, 1024 };

START_TEST(what_was_encrypted_is_decrypted)
{
	const size_t len = lengths[_i];

	encrypt(len, 1, "aad");
	ck_assert_int_eq(decrypt("aad"), 0);
	ck_assert_uint_eq(back_len, len);
	ck_assert_mem_eq(back, text, len);
	ck_assert_uint_eq(file_len, CONTAINER_HEADER_LEN + len +
			  CONTAINER_HEAD_LEN * (len ? (len + CHUNK - 1) /
						CHUNK : 1));
}
END_TEST

START_TEST(every_changed_bit_is_noticed)
{
	size_t at;

	encrypt(200, 1, NULL);
	for (at = 0; at < file_len; at++) {
		file[at] ^= 1;
		ck_assert_msg(decrypt(NULL) < 0, "byte %zu", at);
		file[at] ^= 1;
	}
	ck_assert_int_eq(decrypt(NULL), 0);
}
END_TEST

START_TEST(every_cut_is_noticed)
{
	size_t whole;

	encrypt(200, 1, NULL);
	whole = file_len;
	for (file_len = 0; file_len < whole; file_len++)
		ck_assert_int_eq(decrypt(NULL), -VHSM_E_BAD_TAG);
}
END_TEST

START_TEST(bytes_added_at_the_end_are_noticed)
{
	encrypt(200, 1, NULL);
	file[file_len++] = 0;
	ck_assert_int_eq(decrypt(NULL), -VHSM_E_BAD_TAG);
	encrypt(128, 1, NULL);
	memcpy(file + file_len, record(1), RECORD);
	file_len += RECORD;
	ck_assert_int_eq(decrypt(NULL), -VHSM_E_BAD_TAG);
}
END_TEST

START_TEST(chunks_out_of_order_are_noticed)
{
	uint8_t keep[RECORD];

	encrypt(1000, 1, NULL);
	memcpy(keep, record(1), RECORD);
	memcpy(record(1), record(2), RECORD);
	memcpy(record(2), keep, RECORD);
	ck_assert_int_eq(decrypt(NULL), -VHSM_E_BAD_TAG);
	ck_assert_uint_eq(back_len, CHUNK);	/* the genuine first one */
}
END_TEST

START_TEST(a_chunk_left_out_is_noticed)
{
	encrypt(1000, 1, NULL);
	memmove(record(1), record(2),
		file_len - CONTAINER_HEADER_LEN - 2 * RECORD);
	file_len -= RECORD;
	ck_assert_int_eq(decrypt(NULL), -VHSM_E_BAD_TAG);
}
END_TEST

START_TEST(a_chunk_of_another_file_is_noticed)
{
	uint8_t other[RECORD];

	encrypt(1000, 2, NULL);
	memcpy(other, record(3), RECORD);
	encrypt(1000, 1, NULL);
	memcpy(record(3), other, RECORD);
	ck_assert_int_eq(decrypt(NULL), -VHSM_E_BAD_TAG);
}
END_TEST

START_TEST(another_key_or_aad_is_noticed)
{
	encrypt(200, 1, "one");
	ck_assert_int_eq(decrypt("two"), -VHSM_E_BAD_TAG);
	ck_assert_int_eq(decrypt(NULL), -VHSM_E_BAD_TAG);
	toy_key ^= 1;
	ck_assert_int_eq(decrypt("one"), -VHSM_E_BAD_TAG);
	toy_key ^= 1;
	ck_assert_int_eq(decrypt("one"), 0);
}
END_TEST

START_TEST(chunk_lengths_out_of_bounds_are_refused)
{
	static const uint8_t lens[][4] = {
		{ 0, 0, 0, 0 }, { 15, 0, 0, 0 }, { 1, 0, 16, 0 },
		{ 255, 255, 255, 255 },
	};

	encrypt(10, 1, NULL);
	memcpy(file + 12, lens[_i], 4);
	ck_assert_int_eq(decrypt(NULL), -VHSM_E_BAD_TAG);
}
END_TEST

START_TEST(too_much_aad_is_refused)
{
	char *aad = calloc(1, CONTAINER_AAD_MAX + 2);

	memset(aad, 'a', CONTAINER_AAD_MAX);
	encrypt(10, 1, aad);
	ck_assert_int_eq(decrypt(aad), 0);
	aad[CONTAINER_AAD_MAX] = 'a';
	ck_assert_int_eq(decrypt(aad), -VHSM_E_TOO_LARGE);
	free(aad);
}
END_TEST

START_TEST(a_full_disk_is_told)
{
	struct container_header header = { .chunk_len = CHUNK };
	FILE *in = tmpfile(), *out = fopen("/dev/full", "w");

	setvbuf(out, NULL, _IONBF, 0);
	ck_assert_int_eq(container_encrypt(&toy, &header, NULL, in, out),
			 -ENOSPC);
	fclose(in);
	fclose(out);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("container");
	TCase *t = tcase_create("container");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 30);
	tcase_add_loop_test(t, what_was_encrypted_is_decrypted, 0,
			    sizeof(lengths) / sizeof(lengths[0]));
	tcase_add_test(t, every_changed_bit_is_noticed);
	tcase_add_test(t, every_cut_is_noticed);
	tcase_add_test(t, bytes_added_at_the_end_are_noticed);
	tcase_add_test(t, chunks_out_of_order_are_noticed);
	tcase_add_test(t, a_chunk_left_out_is_noticed);
	tcase_add_test(t, a_chunk_of_another_file_is_noticed);
	tcase_add_test(t, another_key_or_aad_is_noticed);
	tcase_add_loop_test(t, chunk_lengths_out_of_bounds_are_refused, 0, 4);
	tcase_add_test(t, too_much_aad_is_refused);
	tcase_add_test(t, a_full_disk_is_told);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
