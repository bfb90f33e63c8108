/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign.c - signatures and MACs, made and checked.
 */
#include "cli/commands.h"

#include "cli/data-file.h"
#include "cli/digest.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define SIGNATURE_FILE_MAX 65536u

/* The room a message asks for, up to what a request can take at all. */
static size_t room_for(const struct cli *c)
{
	size_t len = file_len(c->in);

	return len < VHSM_INPUT_MAX ? len : VHSM_INPUT_MAX;
}

static int put_hex(const char *path, const uint8_t *data, size_t len)
{
	char text[VHSM_SIG_MAX * 2 + 2];
	size_t i;

	for (i = 0; i < len; i++)
		snprintf(text + 2 * i, 3, "%02x", data[i]);
	text[2 * len] = '\n';
	return file_put(path, text, 2 * len + 1);
}

static int put_value(const struct cli *c, const uint8_t *data, size_t len)
{
	if (c->hex || file_is_terminal(c->out))
		return put_hex(c->out, data, len);
	return file_put(c->out, data, len);
}

/* What to call the key in a message. */
static const char *key_text(const struct cli *c)
{
	return c->raw_handle >= 0 ? "raw handle" : c->key;
}

static int run_sign(struct cli *c)
{
	struct vhsm_key_info info = { .type = 0 };
	struct digest_input in = { .data = NULL };
	uint8_t sig[VHSM_SIG_MAX];
	size_t len = sizeof(sig);
	uint16_t mechanism;
	uint32_t key;
	int r = cli_open_key(c, room_for(c), &key, &info);

	if (r)
		return r;
	mechanism = cli_mechanism(c, info.type);
	if (!mechanism)
		return CLI_USAGE;
	r = digest_input(c, mechanism, &in);
	if (r == CLI_OK) {
		r = vhsm_sign(c->h, key, mechanism, in.flags, in.data, in.len,
			      sig, &len);
		r = r < 0 ? cli_error(key_text(c), r) :
			put_value(c, sig, len);
	}
	free(in.data);
	return r;
}

static int tell_verdict(const struct cli *c, int err)
{
	json_t *root;

	if (err && err != -VHSM_E_BAD_SIGNATURE)
		return cli_error(c->key, err);
	if (c->json) {
		root = json_pack("{s:b}", "valid", err == 0);
		json_dumpf(root, stdout, 0);
		putchar('\n');
		json_decref(root);
	} else if (err) {
		fprintf(stderr, "vhsm: the signature is NOT of key '%s' for "
			"%s\n", c->key, file_name(c->in, "standard input"));
	} else {
		printf("the signature is right\n");
	}
	return err ? CLI_NO : CLI_OK;
}

static int run_verify(struct cli *c)
{
	struct vhsm_key_info info;
	struct digest_input in = { .data = NULL };
	uint8_t *sig = NULL;
	uint16_t mechanism;
	uint32_t key;
	size_t len;
	int r;

	if (!c->signature)
		return cli_usage("verify: say which --signature FILE");
	r = cli_open_key(c, room_for(c), &key, &info);
	if (r)
		return r;
	mechanism = cli_mechanism(c, info.type);
	if (!mechanism)
		return CLI_USAGE;
	r = file_read(c->signature, SIGNATURE_FILE_MAX, &sig, &len);
	if (r < 0)
		return cli_error(c->signature, r);
	r = digest_input(c, mechanism, &in);
	/* What no signature can be is a wrong one, not a failure. */
	if (r == CLI_OK && (len == 0 || len > VHSM_SIG_MAX))
		r = tell_verdict(c, -VHSM_E_BAD_SIGNATURE);
	else if (r == CLI_OK && VHSM_MECH_FAMILY(mechanism) == VHSM_MECH_HMAC)
		r = tell_verdict(c, vhsm_mac_verify(c->h, key, mechanism,
						    in.data, in.len, sig,
						    len));
	else if (r == CLI_OK)
		r = tell_verdict(c, vhsm_verify(c->h, key, mechanism, in.flags,
						in.data, in.len, sig, len));
	free(in.data);
	free(sig);
	return r;
}

static int run_mac(struct cli *c)
{
	struct vhsm_key_info info;
	uint8_t *data, mac[64];
	size_t len, mac_len = sizeof(mac);
	uint16_t mechanism;
	uint32_t key;
	int r = cli_open_key(c, room_for(c), &key, &info);

	if (r)
		return r;
	mechanism = cli_mechanism(c, info.type);
	if (!mechanism)
		return CLI_USAGE;
	r = file_read(c->in, VHSM_INPUT_MAX, &data, &len);
	if (r < 0)
		return cli_error(file_name(c->in, "standard input"), r);
	r = vhsm_mac(c->h, key, mechanism, data, len, mac, &mac_len);
	free(data);
	return r < 0 ? cli_error(c->key, r) : put_value(c, mac, mac_len);
}

const struct cli_command cmd_sign = {
	"sign", "KEY [FILE] [-o FILE]", "Sign a file or standard input",
	"iomDxr", 1, 2, run_sign,
	"  -i, --in FILE      what to sign; standard input\n"
	"  -o, --out FILE     the signature; standard output\n"
	"  -m, --mechanism M  ecdsa-sha256, rsa-pss-sha384, ...; by key type\n"
	"  --digest           the input is the digest\n"
	"  -x, --hex          the signature as text, as always on a terminal\n"
	"  --raw-handle N     instead of KEY: a handle of the wire, unchecked\n",
};

const struct cli_command cmd_verify = {
	"verify", "KEY [FILE] -s SIGNATURE",
	"Check a signature or MAC in custody", "imsD", 1, 2, run_verify,
	"  -i, --in FILE         what was signed; standard input\n"
	"  -s, --signature FILE  its signature\n"
	"  -m, --mechanism M     by key type\n"
	"  --digest              the input is the digest\n",
};

const struct cli_command cmd_mac = {
	"mac", "KEY [FILE] [-o FILE]", "Authenticate a file with a secret key",
	"iomx", 1, 2, run_mac,
	"  -i, --in FILE      standard input\n"
	"  -o, --out FILE     standard output\n"
	"  -m, --mechanism M  hmac-sha256 (default), -sha384, -sha512\n"
	"  -x, --hex          as text, as always on a terminal\n",
};
