/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.c - a guest's program for the integration tests.
 *
 *	client DEVICE sign KEY MESSAGE SIGNATURE
 *	client DEVICE public KEY DER
 *	client DEVICE seal KEY MESSAGE		encrypts, decrypts, compares
 *	client DEVICE load KEY SECONDS		signs and verifies all the while
 *	client DEVICE until KEY SECONDS STATUS	signs until it is refused so
 *						(VHSM_S_*), and not once after
 *
 * Exit status: 0; 1 with the library's error on standard error; 3 when an
 * answer was wrong, which nothing excuses.  "load" tolerates what may be tried
 * again, prints "N answered, M retried", and fails if none of its last tries
 * was answered.  "until" prints "serving" after 100 answers; then when it asked for
 * the last answer it had and when it had it, in nanoseconds of CLOCK_MONOTONIC,
 * and how many it had.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vhsm/vhsm.h"

#define WRONG 3

static int say(const char *what, int err)
{
	fprintf(stderr, "client: %s: %s\n", what, vhsm_strerror(err));
	return EXIT_FAILURE;
}

static int file_write(const char *path, const void *bytes, size_t len)
{
	FILE *f = fopen(path, "w");
	int bad = !f || fwrite(bytes, 1, len, f) != len;

	if (f)
		bad |= fclose(f);
	return bad ? -EIO : 0;
}

static int file_read(const char *path, uint8_t *bytes, size_t *len)
{
	FILE *f = fopen(path, "r");

	if (!f)
		return -errno;
	*len = fread(bytes, 1, *len, f);
	fclose(f);
	return 0;
}

static uint16_t mechanism_of(struct vhsm *h, uint32_t key)
{
	struct vhsm_key_info info;

	return vhsm_key_info(h, key, &info) ? 0 :
		vhsm_mechanism_default(info.type);
}

static int do_sign(struct vhsm *h, uint32_t key, char **argv)
{
	uint8_t message[65536], sig[VHSM_SIG_MAX];
	size_t len = sizeof(message), sig_len = sizeof(sig);
	int ret = file_read(argv[0], message, &len);

	if (!ret)
		ret = vhsm_sign(h, key, mechanism_of(h, key), 0, message, len,
				sig, &sig_len);
	if (!ret)
		ret = file_write(argv[1], sig, sig_len);
	return ret ? say("sign", ret) : EXIT_SUCCESS;
}

static int do_public(struct vhsm *h, uint32_t key, char **argv)
{
	uint8_t der[1024];
	size_t len = sizeof(der);
	int ret = vhsm_key_public(h, key, der, &len);

	if (!ret)
		ret = file_write(argv[0], der, len);
	return ret ? say("public", ret) : EXIT_SUCCESS;
}

static int do_seal(struct vhsm *h, uint32_t key, char **argv)
{
	static uint8_t plain[65536], sealed[65536], opened[65536];
	size_t len = sizeof(plain);
	struct vhsm_aead aead;
	uint16_t mechanism = mechanism_of(h, key);
	int ret = file_read(argv[0], plain, &len);

	if (!ret)
		ret = vhsm_encrypt(h, key, mechanism, 0, "aad", 3, plain,
				   sealed, len, &aead);
	if (!ret)
		ret = vhsm_decrypt(h, key, mechanism, "aad", 3, sealed, opened,
				   len, &aead);
	if (ret)
		return say("seal", ret);
	if (memcmp(plain, opened, len) || !memcmp(plain, sealed, len))
		return WRONG;
	aead.tag[0] ^= 1;
	ret = vhsm_decrypt(h, key, mechanism, "aad", 3, sealed, opened, len,
			   &aead);
	return ret == -VHSM_E_BAD_TAG ? EXIT_SUCCESS : WRONG;
}

/* Errors after which a caller may simply try again. */
static int is_retryable(int err)
{
	return err == -VHSM_E_GONE || err == -VHSM_E_BUSY ||
		err == -ECONNREFUSED || err == -EAGAIN || err == -ETIMEDOUT;
}

/* One signature, checked: 0, the error, or 1 when it is wrong. */
static int once(struct vhsm *h, uint32_t key, uint16_t mechanism,
		uint64_t number)
{
	uint8_t sig[VHSM_SIG_MAX];
	size_t sig_len = sizeof(sig);
	int ret = vhsm_sign(h, key, mechanism, 0, &number, sizeof(number), sig,
			    &sig_len);

	if (!ret)
		ret = vhsm_verify(h, key, mechanism, 0, &number,
				  sizeof(number), sig, sig_len);
	return ret == -VHSM_E_BAD_SIGNATURE ? 1 : ret;
}

static int do_load(struct vhsm *h, uint32_t key, char **argv)
{
	uint16_t mechanism = mechanism_of(h, key);
	time_t end = time(NULL) + atoi(argv[0]);
	uint64_t answered = 0, retried = 0;
	int ret = 0;

	vhsm_set_retry(h, 1000);
	while (time(NULL) < end) {
		ret = once(h, key, mechanism, answered);
		if (ret == 1)
			return WRONG;
		if (ret && !is_retryable(ret))
			return say("load", ret);
		answered += !ret;
		retried += ret != 0;
		if (ret)
			usleep(10000);
	}
	printf("%llu answered, %llu retried\n", (unsigned long long)answered,
	       (unsigned long long)retried);
	return ret || !answered ? say("load, at its end", ret) : EXIT_SUCCESS;
}

static unsigned long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void serving_print(unsigned long long answered)
{
	if (answered != 100)
		return;
	puts("serving");
	fflush(stdout);
}

static int do_until(struct vhsm *h, uint32_t key, char **argv)
{
	uint16_t mechanism = mechanism_of(h, key);
	int wanted = -VHSM_E_STATUS(atoi(argv[1])), ret = 0;
	unsigned long long end, answered = 0, last = 0;
	unsigned long long asked = 0, asking;
	uint8_t sig[VHSM_SIG_MAX];
	size_t sig_len;

	for (end = now_ns() + atoi(argv[0]) * 1000000000ull;
	     !ret && now_ns() < end; answered += !ret) {
		sig_len = sizeof(sig);
		asking = now_ns();
		ret = vhsm_sign(h, key, mechanism, 0, &answered,
				sizeof(answered), sig, &sig_len);
		if (!ret) {
			asked = asking;
			last = now_ns();
			serving_print(answered + 1);
		}
	}
	if (ret != wanted || !answered)
		return say("until", ret);
	for (int i = 0; i < 1000; i++) {
		sig_len = sizeof(sig);
		if (!vhsm_sign(h, key, mechanism, 0, &i, sizeof(i), sig,
			       &sig_len))
			return WRONG;
	}
	printf("%llu %llu %llu\n", asked, last, answered);
	return EXIT_SUCCESS;
}

static int run(struct vhsm *h, int argc, char **argv)
{
	static const struct {
		const char *name;
		int operands;
		int (*run)(struct vhsm *, uint32_t, char **);
	} commands[] = {
		{ "sign", 2, do_sign },
		{ "public", 1, do_public },
		{ "seal", 1, do_seal },
		{ "load", 1, do_load },
		{ "until", 2, do_until },
	};
	uint32_t key;
	int ret = vhsm_key_open(h, argv[3], &key);

	if (ret)
		return say(argv[3], ret);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].name, argv[2]) &&
		    argc == 4 + commands[i].operands)
			return commands[i].run(h, key, argv + 4);
	fputs("client: see its source for its arguments\n", stderr);
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct vhsm *h;
	int ret;

	if (argc < 4)
		return EXIT_FAILURE;
	ret = vhsm_open(argv[1], &h);
	if (ret)
		return say(argv[1], ret);
	ret = run(h, argc, argv);
	vhsm_close(&h);
	return ret;
}
