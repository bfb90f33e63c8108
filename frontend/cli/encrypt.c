/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encrypt.c - files of any size, encrypted and decrypted (container.h).
 *
 * To a file: all or nothing.  Decrypting to standard output, each chunk is
 * written once it is known to be genuine; if a later one is not, the status
 * says so and the reader must throw away what it got.
 */
#include "cli/commands.h"

#include "cli/container.h"
#include "cli/data-file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROOM (2 * CONTAINER_CHUNK_MAX)

struct file_cipher {
	struct vhsm *h;
	uint32_t key;
	uint16_t mechanism;
};

static int seal(void *arg, const uint8_t *aad, size_t aad_len, uint8_t *data,
		size_t len, struct vhsm_aead *aead)
{
	const struct file_cipher *f = arg;

	return vhsm_encrypt(f->h, f->key, f->mechanism, 0, aad, aad_len, data,
			    data, len, aead);
}

static int open_chunk(void *arg, const uint8_t *aad, size_t aad_len,
		      uint8_t *data, size_t len, const struct vhsm_aead *aead)
{
	const struct file_cipher *f = arg;

	return vhsm_decrypt(f->h, f->key, f->mechanism, aad, aad_len, data,
			    data, len, aead);
}

static int open_input(const struct cli *c, FILE **in)
{
	*in = stdin;
	if (c->in && strcmp(c->in, "-"))
		*in = fopen(c->in, "rbe");
	return *in ? CLI_OK : cli_error(c->in, -errno);
}

static int tell(const struct cli *c, int err, bool decrypting)
{
	if (err < 0 && decrypting && (!c->out || !strcmp(c->out, "-")))
		cli_note("throw away what was written: it is not the whole "
			 "file");
	return err < 0 ? cli_error(file_name(c->in, "standard input"), err) :
		CLI_OK;
}

/* Encrypts or decrypts between two open ends.  0 or a negative error. */
static int convert(struct cli *c, struct file_cipher *f, bool decrypting,
		   FILE *in, FILE *out)
{
	const struct container_cipher cipher = { seal, open_chunk, f };
	struct container_header header = { .chunk_len = CONTAINER_CHUNK_LEN };
	int r;

	if (decrypting) {
		r = container_read_header(in, &header);
		f->mechanism = header.mechanism;
		return r < 0 ? r : container_decrypt(&cipher, &header, c->aad,
						     in, out);
	}
	header.mechanism = f->mechanism;
	r = vhsm_random(c->h, header.id, sizeof(header.id));
	return r < 0 ? r : container_encrypt(&cipher, &header, c->aad, in,
					     out);
}

static int run(struct cli *c, bool decrypting)
{
	struct file_cipher f = { .h = NULL };
	struct vhsm_key_info info;
	struct file_out out;
	FILE *in = NULL;
	int r;

	if (!decrypting && file_is_terminal(c->out))
		return cli_usage("a ciphertext is not for terminals: use "
				 "-o FILE, or -o - if you must");
	r = cli_open_key(c, ROOM, &f.key, &info);
	if (r)
		return r;
	f.h = c->h;
	f.mechanism = decrypting ? 1 : cli_mechanism(c, info.type);
	if (!f.mechanism)
		return CLI_USAGE;
	r = open_input(c, &in);
	if (r)
		return r;
	r = file_create(&out, c->out);
	if (r < 0) {
		r = cli_error(c->out, r);
		goto out_close;
	}
	r = convert(c, &f, decrypting, in, out.stream);
	if (r == 0)
		r = file_commit(&out);
	file_abandon(&out);
	r = tell(c, r, decrypting);
out_close:
	if (in != stdin)
		fclose(in);
	return r;
}

static int run_encrypt(struct cli *c)
{
	return run(c, false);
}

static int run_decrypt(struct cli *c)
{
	return run(c, true);
}

#define OPTIONS_HELP \
	"  -i, --in FILE   standard input\n" \
	"  -o, --out FILE  standard output; a file appears only if all went " \
	"well\n" \
	"  -a, --aad TEXT  authenticated with the file and not stored; the " \
	"same for both\n"

const struct cli_command cmd_encrypt = {
	"encrypt", "KEY [FILE] [-o FILE] [--aad TEXT]",
	"Encrypt a file of any size", "ioam", 1, 2, run_encrypt,
	OPTIONS_HELP
	"  -m, --mechanism M  aes-gcm, chacha20-poly1305; by key type\n",
};

const struct cli_command cmd_decrypt = {
	"decrypt", "KEY [FILE] [-o FILE] [--aad TEXT]",
	"Decrypt what encrypt wrote", "ioa", 1, 2, run_decrypt, OPTIONS_HELP,
};
