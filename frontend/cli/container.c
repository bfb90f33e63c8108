/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container.c - the format of container.h, read and written chunk by chunk in
 * constant memory.  Knows nothing of keys and devices.
 */
#include "cli/container.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT_VERSION 1

static const uint8_t magic[8] = {
	0x89, 'V', 'H', 'S', 'M', 0x0d, 0x0a, 0x1a,
};

/* One pass over a file: its buffers, and where it is. */
struct stream {
	const struct container_cipher *cipher;
	uint8_t aad[CONTAINER_HEADER_LEN + 9 + CONTAINER_AAD_MAX];
	size_t aad_len;
	uint8_t *chunk;			/* head, then data */
	size_t chunk_len;
	uint64_t index;
	FILE *in;
	FILE *out;
};

static void put_le(uint8_t *at, uint64_t value, unsigned bytes)
{
	for (; bytes; bytes--, value >>= 8)
		*at++ = (uint8_t)value;
}

static uint64_t get_le(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | at[bytes];
	return value;
}

static void encode_header(const struct container_header *h,
			  uint8_t bytes[CONTAINER_HEADER_LEN])
{
	memset(bytes, 0, CONTAINER_HEADER_LEN);
	memcpy(bytes, magic, sizeof(magic));
	put_le(bytes + 8, FORMAT_VERSION, 2);
	put_le(bytes + 10, h->mechanism, 2);
	put_le(bytes + 12, h->chunk_len, 4);
	memcpy(bytes + 24, h->id, sizeof(h->id));
}

int container_read_header(FILE *in, struct container_header *h)
{
	uint8_t untrusted[CONTAINER_HEADER_LEN];

	if (fread(untrusted, 1, sizeof(untrusted), in) != sizeof(untrusted))
		return ferror(in) ? -EIO : -VHSM_E_BAD_TAG;
	h->mechanism = (uint16_t)get_le(untrusted + 10, 2);
	h->chunk_len = (uint32_t)get_le(untrusted + 12, 4);
	memcpy(h->id, untrusted + 24, sizeof(h->id));
	if (memcmp(untrusted, magic, sizeof(magic)) ||
	    get_le(untrusted + 8, 2) != FORMAT_VERSION ||
	    get_le(untrusted + 16, 8) != 0 ||
	    h->chunk_len < CONTAINER_CHUNK_MIN ||
	    h->chunk_len > CONTAINER_CHUNK_MAX)
		return -VHSM_E_BAD_TAG;
	return 0;
}

static int stream_init(struct stream *s, const struct container_cipher *cipher,
		       const struct container_header *header,
		       const char *aad, FILE *in, FILE *out)
{
	size_t own = aad ? strlen(aad) : 0;

	memset(s, 0, sizeof(*s));
	if (own > CONTAINER_AAD_MAX)
		return -VHSM_E_TOO_LARGE;
	s->cipher = cipher;
	s->chunk_len = header->chunk_len;
	s->in = in;
	s->out = out;
	encode_header(header, s->aad);
	s->aad_len = CONTAINER_HEADER_LEN + 9 + own;
	if (own)
		memcpy(s->aad + CONTAINER_HEADER_LEN + 9, aad, own);
	s->chunk = malloc(CONTAINER_HEAD_LEN + s->chunk_len);
	return s->chunk ? 0 : -ENOMEM;
}

static void stream_deinit(struct stream *s)
{
	if (s->chunk)
		explicit_bzero(s->chunk, CONTAINER_HEAD_LEN + s->chunk_len);
	free(s->chunk);
	s->chunk = NULL;
}

/* Says which chunk it is to the additional data. */
static void place(struct stream *s, bool last)
{
	put_le(s->aad + CONTAINER_HEADER_LEN, s->index, 8);
	s->aad[CONTAINER_HEADER_LEN + 8] = last;
	s->index++;
}

/* Reads up to want bytes; *last: nothing follows them. */
static int read_some(struct stream *s, uint8_t *at, size_t want, size_t *len,
		     bool *last)
{
	int c;

	*len = fread(at, 1, want, s->in);
	c = getc(s->in);
	if (ferror(s->in))
		return -EIO;
	*last = c == EOF;
	if (c != EOF)
		ungetc(c, s->in);
	return 0;
}

static int write_all(FILE *out, const void *data, size_t len)
{
	return fwrite(data, 1, len, out) == len ? 0 : -errno;
}

static int encrypt_chunk(struct stream *s, bool *last)
{
	uint8_t *data = s->chunk + CONTAINER_HEAD_LEN;
	struct vhsm_aead aead = { .key_version = 0 };
	size_t len;
	int r = read_some(s, data, s->chunk_len, &len, last);

	if (r < 0)
		return r;
	place(s, *last);
	r = s->cipher->seal(s->cipher->arg, s->aad, s->aad_len, data, len,
			    &aead);
	if (r < 0)
		return r;
	put_le(s->chunk, aead.key_version, 4);
	memcpy(s->chunk + 4, aead.nonce, VHSM_NONCE_LEN);
	memcpy(s->chunk + 16, aead.tag, VHSM_TAG_LEN);
	return write_all(s->out, s->chunk, CONTAINER_HEAD_LEN + len);
}

static int decrypt_chunk(struct stream *s, bool *last)
{
	uint8_t *data = s->chunk + CONTAINER_HEAD_LEN;
	struct vhsm_aead aead;
	size_t len;
	int r = read_some(s, s->chunk, CONTAINER_HEAD_LEN + s->chunk_len, &len,
			  last);

	if (r < 0)
		return r;
	if (len < CONTAINER_HEAD_LEN)
		return -VHSM_E_BAD_TAG;
	len -= CONTAINER_HEAD_LEN;
	place(s, *last);
	aead.key_version = (uint32_t)get_le(s->chunk, 4);
	memcpy(aead.nonce, s->chunk + 4, VHSM_NONCE_LEN);
	memcpy(aead.tag, s->chunk + 16, VHSM_TAG_LEN);
	r = s->cipher->open(s->cipher->arg, s->aad, s->aad_len, data, len,
			    &aead);
	return r < 0 ? r : write_all(s->out, data, len);
}

int container_encrypt(const struct container_cipher *cipher,
		      const struct container_header *header, const char *aad,
		      FILE *in, FILE *out)
{
	struct stream s;
	bool last = false;
	int r = stream_init(&s, cipher, header, aad, in, out);

	if (r == 0)
		r = write_all(out, s.aad, CONTAINER_HEADER_LEN);
	while (r == 0 && !last)
		r = encrypt_chunk(&s, &last);
	stream_deinit(&s);
	return r;
}

int container_decrypt(const struct container_cipher *cipher,
		      const struct container_header *header, const char *aad,
		      FILE *in, FILE *out)
{
	struct stream s;
	bool last = false;
	int r = stream_init(&s, cipher, header, aad, in, out);

	while (r == 0 && !last)
		r = decrypt_chunk(&s, &last);
	stream_deinit(&s);
	return r;
}
