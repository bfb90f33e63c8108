/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container.c - fuzzes the file format of vhsm encrypt, with a toy cipher in
 * custody's place: its tag is a checksum of all that an AEAD authenticates.
 *
 * Input: 8 bytes of choices, then a file.  The file is read as a container;
 * then it is taken for a plaintext, put into a container, changed in one byte
 * or cut off as the choices say, and must be refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/container.h"

#define MUST(condition)	do { if (!(condition)) abort(); } while (0)
#define OUT_MAX	(1u << 16)

struct choices {
	uint16_t chunk_len;
	uint16_t at;			/* which byte is changed ... */
	uint8_t change;			/* ... and how; 0: the file is cut */
	uint8_t aad;
	uint8_t spare[2];
};

/* FNV-1a: no two inputs that differ in one byte alone have the same sum. */
static uint64_t sum(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;

	h = (h ^ len) * UINT64_C(0x100000001b3);
	while (len--)
		h = (h ^ *p++) * UINT64_C(0x100000001b3);
	return h;
}

static void make_tag(const uint8_t *aad, size_t aad_len, const uint8_t *data,
		     size_t len, const struct vhsm_aead *aead, uint8_t *tag)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	h = sum(h, aad, aad_len);
	h = sum(h, data, len);
	h = sum(h, aead->nonce, sizeof(aead->nonce));
	h = sum(h, &aead->key_version, sizeof(aead->key_version));
	memcpy(tag, &h, 8);
	memcpy(tag + 8, &h, 8);
}

static int toy_seal(void *arg, const uint8_t *aad, size_t aad_len,
		    uint8_t *data, size_t len, struct vhsm_aead *aead)
{
	uint64_t *nonce = arg;

	memset(aead->nonce, 0, sizeof(aead->nonce));
	memcpy(aead->nonce, nonce, sizeof(*nonce));
	(*nonce)++;
	aead->key_version = 1;
	make_tag(aad, aad_len, data, len, aead, aead->tag);
	return 0;
}

static int toy_open(void *arg, const uint8_t *aad, size_t aad_len,
		    uint8_t *data, size_t len, const struct vhsm_aead *aead)
{
	uint8_t tag[VHSM_TAG_LEN];

	(void)arg;
	make_tag(aad, aad_len, data, len, aead, tag);
	return memcmp(tag, aead->tag, sizeof(tag)) ? -VHSM_E_BAD_TAG : 0;
}

static uint64_t nonce;
static const struct container_cipher cipher = { toy_seal, toy_open, &nonce };

/* Reads bytes as a container into out: its length, or a negative error. */
static long read_container(const uint8_t *bytes, size_t len, const char *aad,
			   uint8_t *out)
{
	FILE *in = fmemopen((void *)bytes, len, "r");
	FILE *to = fmemopen(out, OUT_MAX, "w");
	struct container_header header;
	long r;

	MUST(in && to);
	r = container_read_header(in, &header);
	if (!r)
		r = container_decrypt(&cipher, &header, aad, in, to);
	fflush(to);
	if (!r)
		r = ftell(to);
	fclose(in);
	fclose(to);
	return r;
}

static size_t write_container(const struct choices *c, const char *aad,
			      const uint8_t *bytes, size_t len, uint8_t *out)
{
	struct container_header header = {
		.mechanism = VHSM_MECH_AES_GCM,
		.chunk_len = CONTAINER_CHUNK_MIN + c->chunk_len % 4096,
		.id = { 1, 2, 3 },
	};
	FILE *in = len ? fmemopen((void *)bytes, len, "r") :
		fopen("/dev/null", "r");
	FILE *to = fmemopen(out, OUT_MAX, "w");
	long written;

	MUST(in && to);
	MUST(!container_encrypt(&cipher, &header, aad, in, to));
	fflush(to);
	written = ftell(to);
	MUST(written >= (long)(CONTAINER_HEADER_LEN + CONTAINER_HEAD_LEN +
			       len));
	fclose(in);
	fclose(to);
	return (size_t)written;
}

static void fuzz_round_trip(const struct choices *c, const uint8_t *bytes,
			    size_t len)
{
	static uint8_t made[OUT_MAX], back[OUT_MAX];
	const char *aad = c->aad & 1 ? "file" : NULL;
	size_t made_len, at;

	made_len = write_container(c, aad, bytes, len, made);
	MUST(read_container(made, made_len, aad, back) == (long)len);
	MUST(!memcmp(back, bytes, len));
	MUST(read_container(made, made_len, "another", back) < 0);
	at = c->at % made_len;
	made[at] ^= c->change;
	if (!c->change)
		made_len = at ? at : 1;
	MUST(read_container(made, made_len, aad, back) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t out[OUT_MAX];
	struct choices c;

	if (len <= sizeof(c) || len > 4096)
		return -1;
	memcpy(&c, data, sizeof(c));
	data += sizeof(c);
	len -= sizeof(c);
	nonce = 0;
	read_container(data, len, NULL, out);
	fuzz_round_trip(&c, data, len);
	return 0;
}
