/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unpack.c - takes the kernel's ELF file out of a bzImage.
 *
 * Documentation/arch/x86/boot.rst: the setup header begins at 0x1f1; its
 * payload_offset counts from the protected-mode code, which follows the boot
 * sector and setup_sects sectors.  The payload is one compressed stream; four
 * bytes of its size may follow, and are ignored.  What it unpacks to is bounded
 * by VHSM_IMAGE_MAX_LEN, whatever it claims.
 */
#include <errno.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "kernel-image/image-internal.h"

#define SETUP_SECTS		0x1f1u
#define HEADER_MAGIC		0x202u
#define HEADER_VERSION		0x206u
#define PAYLOAD_OFFSET		0x248u
#define PAYLOAD_LENGTH		0x24cu
#define HEADER_END		0x250u
#define VERSION_WITH_PAYLOAD	0x0208u
#define SECTOR			512u
#define XZ_MEMORY_MAX		(256ull << 20)

struct span {
	const uint8_t *in;
	size_t in_len;
	uint8_t *out;
	size_t out_len;
};

enum step { STEP_MORE, STEP_END, STEP_ERROR };

/* Each takes from in and adds to out as much as goes, and moves both on. */
struct codec {
	const char *name;
	uint8_t magic[6];
	size_t magic_len;
	void *(*open)(void);
	enum step (*step)(void *state, struct span *);
	void (*close)(void *state);
};

static void *xz_open(void)
{
	static const lzma_stream empty = LZMA_STREAM_INIT;
	lzma_stream *xz = malloc(sizeof(*xz));

	if (!xz)
		return NULL;
	*xz = empty;
	if (lzma_stream_decoder(xz, XZ_MEMORY_MAX, 0) == LZMA_OK)
		return xz;
	free(xz);
	return NULL;
}

static enum step xz_step(void *state, struct span *span)
{
	lzma_stream *xz = state;
	lzma_ret r;

	xz->next_in = span->in;
	xz->avail_in = span->in_len;
	xz->next_out = span->out;
	xz->avail_out = span->out_len;
	r = lzma_code(xz, LZMA_RUN);
	*span = (struct span){ xz->next_in, xz->avail_in, xz->next_out,
			       xz->avail_out };
	if (r == LZMA_STREAM_END)
		return STEP_END;
	return r == LZMA_OK ? STEP_MORE : STEP_ERROR;
}

static void xz_close(void *state)
{
	lzma_end(state);
	free(state);
}

static void *gzip_open(void)
{
	z_stream *z = calloc(1, sizeof(*z));

	if (z && inflateInit2(z, 16 + MAX_WBITS) == Z_OK)
		return z;
	free(z);
	return NULL;
}

static enum step gzip_step(void *state, struct span *span)
{
	z_stream *z = state;
	int r;

	/* All lengths are below VHSM_IMAGE_MAX_LEN and so fit. */
	z->next_in = (Bytef *)span->in;
	z->avail_in = (uInt)span->in_len;
	z->next_out = span->out;
	z->avail_out = (uInt)span->out_len;
	r = inflate(z, Z_NO_FLUSH);
	*span = (struct span){ z->next_in, z->avail_in, z->next_out,
			       z->avail_out };
	if (r == Z_STREAM_END)
		return STEP_END;
	return r == Z_OK || r == Z_BUF_ERROR ? STEP_MORE : STEP_ERROR;
}

static void gzip_close(void *state)
{
	inflateEnd(state);
	free(state);
}

static void *zstd_open(void)
{
	return ZSTD_createDStream();
}

static enum step zstd_step(void *state, struct span *span)
{
	ZSTD_inBuffer in = { span->in, span->in_len, 0 };
	ZSTD_outBuffer out = { span->out, span->out_len, 0 };
	size_t r = ZSTD_decompressStream(state, &out, &in);

	span->in += in.pos;
	span->in_len -= in.pos;
	span->out += out.pos;
	span->out_len -= out.pos;
	if (ZSTD_isError(r))
		return STEP_ERROR;
	return r == 0 ? STEP_END : STEP_MORE;
}

static void zstd_close(void *state)
{
	ZSTD_freeDStream(state);
}

static const struct codec codecs[] = {
	{ "xz", { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6,
	  xz_open, xz_step, xz_close },
	{ "gzip", { 0x1f, 0x8b, 8 }, 3, gzip_open, gzip_step, gzip_close },
	{ "zstd", { 0x28, 0xb5, 0x2f, 0xfd }, 4,
	  zstd_open, zstd_step, zstd_close },
};

/* Doubles the room for what comes out. */
static int grow(uint8_t **out, size_t *room, char *why)
{
	size_t more = *room * 2 < VHSM_IMAGE_MAX_LEN ?
		      *room * 2 : VHSM_IMAGE_MAX_LEN;
	uint8_t *moved;

	if (*room == VHSM_IMAGE_MAX_LEN)
		return image_fail(why, -EFBIG,
				  "the kernel unpacks to more than %u MiB",
				  VHSM_IMAGE_MAX_LEN >> 20);
	moved = realloc(*out, more);
	if (!moved)
		return image_fail(why, -ENOMEM, "no memory for the kernel");
	*out = moved;
	*room = more;
	return 0;
}

static int run_codec(const struct codec *codec, void *state,
		     const uint8_t *payload, size_t payload_len, uint8_t **out,
		     size_t *out_len, char *why)
{
	struct span span = { .in = payload, .in_len = payload_len };
	enum step step = STEP_MORE;
	size_t room = 1u << 20;
	int r;

	*out = NULL;
	*out_len = 0;
	while (step == STEP_MORE) {
		size_t in_before = span.in_len, out_before;

		r = *out_len < room && *out ? 0 : grow(out, &room, why);
		if (r)
			return r;
		span.out = *out + *out_len;
		span.out_len = room - *out_len;
		out_before = span.out_len;
		step = codec->step(state, &span);
		*out_len = room - span.out_len;
		if (step == STEP_ERROR)
			return image_fail(why, -EBADMSG,
					  "the %s stream in it is damaged",
					  codec->name);
		if (step == STEP_MORE && span.in_len == in_before &&
		    span.out_len == out_before)
			return image_fail(why, -EBADMSG,
					  "the %s stream in it has no end",
					  codec->name);
	}
	return 0;
}

int image_decompress(const uint8_t *payload, size_t payload_len, uint8_t **out,
		     size_t *out_len, char *why)
{
	const struct codec *codec = codecs;
	void *state;
	int r;

	*out = NULL;
	while (payload_len < codec->magic_len ||
	       memcmp(payload, codec->magic, codec->magic_len))
		if (++codec == codecs + sizeof(codecs) / sizeof(codecs[0]))
			return image_fail(why, -ENOTSUP,
					  "its payload is none of xz, gzip and zstd");
	state = codec->open();
	if (!state)
		return image_fail(why, -ENOMEM, "no memory to unpack");
	r = run_codec(codec, state, payload, payload_len, out, out_len, why);
	codec->close(state);
	return r;
}

static uint32_t get_u32(const uint8_t *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

static int find_payload(const uint8_t *bytes, size_t len,
			const uint8_t **payload, size_t *payload_len,
			char *why)
{
	uint64_t start, sects;
	unsigned version;

	if (len < HEADER_END || memcmp(bytes + HEADER_MAGIC, "HdrS", 4))
		return image_fail(why, -ENOEXEC,
				  "neither a bzImage nor an ELF file");
	version = bytes[HEADER_VERSION] | bytes[HEADER_VERSION + 1] << 8;
	if (version < VERSION_WITH_PAYLOAD)
		return image_fail(why, -ENOEXEC,
				  "boot protocol %u.%02u, 2.08 at least is needed",
				  version >> 8, version & 0xff);
	sects = bytes[SETUP_SECTS] ? bytes[SETUP_SECTS] : 4;
	start = (sects + 1) * SECTOR + get_u32(bytes + PAYLOAD_OFFSET);
	*payload_len = get_u32(bytes + PAYLOAD_LENGTH);
	if (start > len || *payload_len > len - start)
		return image_fail(why, -EBADMSG,
				  "the file is cut short: its payload ends at %llu, the file at %zu",
				  (unsigned long long)start + *payload_len,
				  len);
	*payload = bytes + start;
	return 0;
}

int image_unpack(uint8_t **bytes, size_t *len, char *why)
{
	const uint8_t *payload = NULL;
	size_t payload_len = 0, out_len = 0;
	uint8_t *out = NULL;
	int r;

	if (*len >= 4 && !memcmp(*bytes, "\177ELF", 4))
		return 0;
	r = find_payload(*bytes, *len, &payload, &payload_len, why);
	if (!r)
		r = image_decompress(payload, payload_len, &out, &out_len,
				     why);
	if (r) {
		free(out);
		return r;
	}
	free(*bytes);
	*bytes = out;
	*len = out_len;
	return 0;
}
