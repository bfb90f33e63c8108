/* SPDX-License-Identifier: Apache-2.0 */
/*
 * random.c - bytes from custody's generator.
 */
#include "cli/commands.h"

#include "cli/data-file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CHUNK 65536u

static int put(struct file_out *f, const uint8_t *data, size_t len, bool hex)
{
	size_t i;

	if (!hex)
		return fwrite(data, 1, len, f->stream) == len ? 0 : -1;
	for (i = 0; i < len; i++)
		if (fprintf(f->stream, "%02x", data[i]) != 2)
			return -1;
	return 0;
}

static int generate(struct cli *c, struct file_out *f, bool hex)
{
	uint8_t data[CHUNK];
	uint64_t left;
	size_t some;
	int r = 0;

	for (left = c->count; left && r == 0; left -= some) {
		some = left < CHUNK ? left : CHUNK;
		r = vhsm_random(c->h, data, some);
		if (r == 0 && put(f, data, some, hex) < 0)
			r = -EIO;
	}
	if (r == 0 && hex && fputc('\n', f->stream) < 0)
		r = -EIO;
	explicit_bzero(data, sizeof(data));
	return r;
}

static int run_random(struct cli *c)
{
	const bool hex = c->hex || file_is_terminal(c->out);
	struct file_out f;
	int r = cli_open(c, CHUNK * 2);

	if (r)
		return r;
	r = file_create(&f, c->out);
	if (r < 0)
		return cli_error(c->out, r);
	r = generate(c, &f, hex);
	if (r == 0)
		r = file_commit(&f);
	file_abandon(&f);
	return r < 0 ? cli_error("random", r) : CLI_OK;
}

const struct cli_command cmd_random = {
	"random", "N [-x] [-o FILE]", "N random bytes from custody", "ox",
	1, 1, run_random,
	"  -o, --out FILE  standard output\n"
	"  -x, --hex       as text, as always on a terminal\n",
};
