/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list.c - what there is: the device's state, its keys, one key, its public
 * half.
 */
#include "cli/commands.h"

#include "cli/data-file.h"

#include <errno.h>
#include <jansson.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#define PAGE 32u		/* keys asked for at once */

static const char *const usages[] = {
	"sign", "verify", "encrypt", "decrypt", "mac", "mac-verify",
	NULL, NULL, "caller-nonce",
};

#define USAGE_COUNT (sizeof(usages) / sizeof(usages[0]))

static const char *type_name(const struct vhsm_key_info *info)
{
	const char *name = vhsm_key_type_name(info->type);

	return name ? name : "unknown";
}

static const char *state_name(uint16_t state)
{
	static const char *const names[] = {
		[VHSM_KEY_ENABLED] = "enabled",
		[VHSM_KEY_DISABLED] = "disabled",
		[VHSM_KEY_REVOKED] = "revoked",
		[VHSM_KEY_DESTROYED] = "destroyed",
	};

	if (state >= sizeof(names) / sizeof(names[0]) || !names[state])
		return "unknown";
	return names[state];
}

static json_t *key_json(const struct vhsm_key_info *info)
{
	char name[VHSM_NAME_MAX + 1];
	json_t *uses = json_array();
	size_t i;

	for (i = 0; i < USAGE_COUNT; i++)
		if (usages[i] && info->usages & 1u << i)
			json_array_append_new(uses, json_string(usages[i]));
	return json_pack("{s:s, s:s, s:s, s:i, s:o}",
			 "name", cli_key_name(info, name),
			 "type", type_name(info),
			 "state", state_name(info->state),
			 "version", (int)info->version, "usages", uses);
}

static void key_line(const struct vhsm_key_info *info)
{
	char name[VHSM_NAME_MAX + 1];
	const char *comma = "";
	size_t i;

	printf("%-20s %-9s %-9s %4u  ", cli_key_name(info, name),
	       type_name(info), state_name(info->state), info->version);
	for (i = 0; i < USAGE_COUNT; i++) {
		if (!usages[i] || !(info->usages & 1u << i))
			continue;
		printf("%s%s", comma, usages[i]);
		comma = ",";
	}
	putchar('\n');
}

static int print_json(json_t *root)
{
	int r = json_dumpf(root, stdout, JSON_INDENT(2));

	putchar('\n');
	json_decref(root);
	return r ? CLI_FAILED : CLI_OK;
}

/* Every key: onto array, or as lines.  How many, or an error. */
static int each_key(struct cli *c, json_t *array)
{
	struct vhsm_key_info page[PAGE];
	char after[VHSM_NAME_MAX + 1] = "";
	int n, i, total = 0;

	do {
		n = vhsm_key_list(c->h, after, page, PAGE);
		for (i = 0; i < n; i++) {
			if (array)
				json_array_append_new(array,
						      key_json(&page[i]));
			else if (!total++)
				printf("%-20s %-9s %-9s %4s  %s\n", "NAME",
				       "TYPE", "STATE", "VERS", "MAY");
			if (!array)
				key_line(&page[i]);
		}
		if (n > 0) {
			memcpy(after, page[n - 1].name, VHSM_NAME_MAX);
			after[VHSM_NAME_MAX] = '\0';
		}
	} while (n == (int)PAGE);
	return n < 0 ? n : total;
}

static int run_list(struct cli *c)
{
	json_t *array = NULL;
	int r = cli_open(c, 0);

	if (r)
		return r;
	if (c->json)
		array = json_array();
	r = each_key(c, array);
	if (r < 0) {
		json_decref(array);
		return cli_error("the list of keys", r);
	}
	if (array)
		return print_json(array);
	if (!r)
		cli_note("this guest has no keys: the administrator makes "
			 "them with vhsmctl key generate");
	return CLI_OK;
}

int cli_status(struct cli *c)
{
	struct vhsm_info info;
	json_t *root, *keys;
	int r = cli_open(c, 0);

	if (r)
		return r;
	r = vhsm_info(c->h, &info);
	if (r < 0)
		return cli_error("the device's state", r);
	if (!c->json) {
		printf("device %s, connected %u time%s; %llu requests, "
		       "%llu notifications sent, %llu received\n\n",
		       info.connected ? "connected" : "away",
		       info.connections, info.connections == 1 ? "" : "s",
		       (unsigned long long)info.requests,
		       (unsigned long long)info.notifications_sent,
		       (unsigned long long)info.interrupts);
		vhsm_set_retry(c->h, info.connected ? 10000 : 0);
		r = each_key(c, NULL);
		return r < 0 ? cli_error("the list of keys", r) : CLI_OK;
	}
	keys = json_array();
	r = info.connected ? each_key(c, keys) : 0;
	root = json_pack("{s:b, s:i, s:I, s:I, s:I, s:o}",
			 "connected", info.connected,
			 "connections", (int)info.connections,
			 "requests", (json_int_t)info.requests,
			 "notifications_sent",
			 (json_int_t)info.notifications_sent,
			 "interrupts", (json_int_t)info.interrupts,
			 "keys", keys);
	return print_json(root) || r < 0 ? CLI_FAILED : CLI_OK;
}

static int run_info(struct cli *c)
{
	struct vhsm_key_info info;
	const char *mechanism;
	uint32_t key;
	json_t *root;
	int r;

	if (!c->key)
		return cli_status(c);
	r = cli_open_key(c, 0, &key, &info);
	if (r)
		return r;
	mechanism = vhsm_mechanism_name(vhsm_mechanism_default(info.type));
	if (c->json) {
		root = key_json(&info);
		json_object_set_new(root, "mechanism",
				    json_string(mechanism ? mechanism : ""));
		return print_json(root);
	}
	key_line(&info);
	if (mechanism)
		printf("usual mechanism: %s\n", mechanism);
	return CLI_OK;
}

/* RFC 7468. */
static int put_pem(const char *path, const uint8_t *der, size_t len)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long text_len;
	int r;

	if (!bio || PEM_write_bio(bio, PEM_STRING_PUBLIC, "", der,
				  (long)len) <= 0) {
		BIO_free(bio);
		return cli_error("the public key", -ENOMEM);
	}
	text_len = BIO_get_mem_data(bio, &text);
	r = file_put(path, text, (size_t)text_len);
	BIO_free(bio);
	return r;
}

static int run_pubkey(struct cli *c)
{
	uint8_t der[1024];
	size_t len = sizeof(der);
	uint32_t key;
	int r = cli_open_key(c, 0, &key, NULL);

	if (r)
		return r;
	r = vhsm_key_public(c->h, key, der, &len);
	if (r < 0)
		return cli_error(c->key, r);
	if (c->der && file_is_terminal(c->out))
		return cli_usage("DER is not for terminals: use -o FILE");
	return c->der ? file_put(c->out, der, len) :
		put_pem(c->out, der, len);
}

const struct cli_command cmd_list = {
	"list", "", "The keys this guest may use", "", 0, 0, run_list, "",
};

const struct cli_command cmd_info = {
	"info", "[KEY]", "What a key is and may do; without one, the device",
	"", 0, 1, run_info, "",
};

const struct cli_command cmd_pubkey = {
	"pubkey", "KEY [--pem|--der] [-o FILE]", "A key's public half",
	"oPR", 1, 1, run_pubkey,
	"  --pem          text (RFC 7468), the default\n"
	"  --der          bytes (RFC 5280)\n"
	"  -o, --out FILE\n",
};
