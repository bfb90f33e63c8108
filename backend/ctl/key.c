/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key.c - vhsmctl key ...: straight to the vault, so that the broker sees no
 * key and no name of one.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "ctl/key-import.h"
#include "ctl/prompt.h"

/* {"uuid", "name"} of --domain and NAME, as operand or --name. */
static enum ctl_exit key_params(const struct ctl_args *args, json_t **params)
{
	const char *name = args->operand ? args->operand : args->name;
	enum ctl_exit ret;

	if (!name || (args->operand && args->name)) {
		fputs("vhsmctl: say which key, once: NAME\n", stderr);
		return CTL_USAGE;
	}
	ret = ctl_domain_params(args, params);
	if (ret)
		return ret;
	if (!json_object_set_new(*params, "name", json_string(name)))
		return CTL_OK;
	fputs("vhsmctl: NAME is not text\n", stderr);
	json_decref(*params);
	return CTL_USAGE;
}

/* "sign,verify" to ["sign", "verify"]. */
static void usages_add(json_t *params, const char *usages)
{
	json_t *list = json_array();
	const char *end;

	for (; usages; usages = *end ? end + 1 : NULL) {
		end = usages + strcspn(usages, ",");
		json_array_append_new(list, json_stringn(usages,
							 end - usages));
	}
	json_object_set_new(params, "usages", list);
}

static void attributes_add(const struct ctl_args *args, json_t *params)
{
	if (args->type)
		json_object_set_new(params, "type", json_string(args->type));
	if (args->usages)
		usages_add(params, args->usages);
	if (args->caller_nonce)
		json_object_set_new(params, "caller_nonce", json_true());
}

static enum ctl_exit key_made(const struct ctl_args *args, json_t *key,
			      const char *done)
{
	if (args->json)
		return ctl_print_json(key);
	printf("key %s (%s) %s\n", ctl_text(key, "name"),
	       ctl_text(key, "type"), done);
	json_decref(key);
	return CTL_OK;
}

static enum ctl_exit generate(const struct ctl_args *args)
{
	json_t *params, *key;
	enum ctl_exit ret;

	if (!args->type) {
		fputs("vhsmctl: say what key to make: --type\n", stderr);
		return CTL_USAGE;
	}
	ret = key_params(args, &params);
	if (ret)
		return ret;
	attributes_add(args, params);
	ret = ctl_call(args, CTL_VAULT, "key.generate", params, &key);
	return ret ? ret : key_made(args, key, "generated");
}

static enum ctl_exit import(const struct ctl_args *args)
{
	json_t *params, *key;
	enum ctl_exit ret;
	int fd;

	if (!args->in) {
		fputs("vhsmctl: say where the key is: --in FILE, or - for "
		      "standard input\n", stderr);
		return CTL_USAGE;
	}
	ret = key_params(args, &params);
	if (ret)
		return ret;
	attributes_add(args, params);
	fd = ctl_key_file_seal(args->in);
	if (fd < 0) {
		fprintf(stderr, "vhsmctl: %s: %s\n", args->in, strerror(-fd));
		json_decref(params);
		return CTL_FAILED;
	}
	ret = ctl_call_fd(args, CTL_VAULT, "key.import", params, fd, &key);
	close(fd);
	return ret ? ret : key_made(args, key, "imported");
}

/* A key whose guest is revoked is, whatever its own state. */
static void withheld_show(json_t *key)
{
	if (ctl_text(key, "withheld")[0])
		json_object_set_new(key, "state",
				    json_string("revoked (guest)"));
}

static enum ctl_exit list(const struct ctl_args *args)
{
	static const struct ctl_column columns[] = {
		{ "NAME", "name", false },
		{ "TYPE", "type", false },
		{ "STATE", "state", false },
		{ "VERSION", "version", true },
		{ "USAGES", "usages", false },
	};
	json_t *params, *keys, *key;
	enum ctl_exit ret = ctl_domain_params(args, &params);
	size_t i;

	if (!ret)
		ret = ctl_call_pages(args, CTL_VAULT, "key.list", params,
				     "keys", &keys);
	if (ret)
		return ret;
	if (args->json)
		return ctl_print_json(json_pack("{s:o}", "keys", keys));
	json_array_foreach(keys, i, key)
		withheld_show(key);
	ctl_table_print(columns, sizeof(columns) / sizeof(columns[0]), keys);
	json_decref(keys);
	return CTL_OK;
}

static void key_print(const json_t *key)
{
	static const struct ctl_column columns[] = {
		{ "VERSION", "version", true },
		{ "STATE", "state", false },
		{ "CREATED", "created", false },
		{ "LOADS", "loads", true },
	};
	const json_t *counters = json_object_get(key, "counters");
	const json_t *usage;
	size_t i;

	printf("name       %s\ndomain     %s\ntype       %s\nstate      %s\n",
	       ctl_text(key, "name"), ctl_text(key, "uuid"),
	       ctl_text(key, "type"), ctl_text(key, "state"));
	if (ctl_text(key, "withheld")[0])
		printf("withheld   the guest is revoked: %s\n",
		       ctl_text(key, "withheld"));
	printf("created    %s\nusages    ", ctl_text(key, "created"));
	json_array_foreach(json_object_get(key, "usages"), i, usage)
		printf(" %s", json_string_value(usage) ?
		       json_string_value(usage) : "?");
	printf("\nengines    %" JSON_INTEGER_FORMAT
	       "\nused       %" JSON_INTEGER_FORMAT " times, %"
	       JSON_INTEGER_FORMAT " failed, %" JSON_INTEGER_FORMAT
	       " bytes\n\n", ctl_int(key, "engines"),
	       ctl_int(counters, "operations"), ctl_int(counters, "failures"),
	       ctl_int(counters, "bytes"));
	ctl_table_print(columns, sizeof(columns) / sizeof(columns[0]),
			json_object_get(key, "versions"));
	if (ctl_text(key, "public_key")[0])
		printf("\n%s", ctl_text(key, "public_key"));
}

static enum ctl_exit show(const struct ctl_args *args)
{
	json_t *params, *key;
	enum ctl_exit ret = key_params(args, &params);

	if (!ret)
		ret = ctl_call(args, CTL_VAULT, "key.show", params, &key);
	if (ret)
		return ret;
	if (args->json)
		return ctl_print_json(key);
	key_print(key);
	json_decref(key);
	return CTL_OK;
}

/* What delete and set-state answer. */
static enum ctl_exit changed(const struct ctl_args *args, json_t *result)
{
	json_int_t unconfirmed = ctl_int(result, "unconfirmed");

	if (unconfirmed)
		fprintf(stderr, "vhsmctl: warning: %" JSON_INTEGER_FORMAT
			" of the engines that have the key did not confirm "
			"in time\n", unconfirmed);
	if (args->json)
		return ctl_print_json(result);
	printf("key %s %s\n", ctl_text(result, "name"),
	       ctl_text(result, "state"));
	json_decref(result);
	return CTL_OK;
}

static enum ctl_exit delete(const struct ctl_args *args)
{
	json_t *params, *result;
	enum ctl_exit ret = key_params(args, &params);
	char what[200];

	if (ret)
		return ret;
	snprintf(what, sizeof(what), "key %s and all it encrypted is lost",
		 ctl_text(params, "name"));
	ret = ctl_confirm(args, what);
	if (ret) {
		json_decref(params);
		return ret;
	}
	ret = ctl_call(args, CTL_VAULT, "key.delete", params, &result);
	return ret ? ret : changed(args, result);
}

static enum ctl_exit state_set(const struct ctl_args *args, const char *state)
{
	json_t *params, *result;
	enum ctl_exit ret = key_params(args, &params);

	if (ret)
		return ret;
	json_object_set_new(params, "state", json_string(state));
	ret = ctl_call(args, CTL_VAULT, "key.set-state", params, &result);
	return ret ? ret : changed(args, result);
}

static enum ctl_exit key_disable(const struct ctl_args *args)
{
	return state_set(args, "disabled");
}

static enum ctl_exit key_enable(const struct ctl_args *args)
{
	return state_set(args, "enabled");
}

static enum ctl_exit key_revoke(const struct ctl_args *args)
{
	return state_set(args, "revoked");
}

static enum ctl_exit file_print(int fd)
{
	char buf[65536];
	ssize_t len;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return CTL_FAILED;
	while ((len = read(fd, buf, sizeof(buf))) > 0)
		if (fwrite(buf, 1, len, stdout) != (size_t)len)
			break;
	if (!len && !fflush(stdout))
		return CTL_OK;
	perror("vhsmctl: standard output");
	return CTL_FAILED;
}

static enum ctl_exit fingerprints(const struct ctl_args *args)
{
	json_t *params, *result = NULL;
	enum ctl_exit ret = ctl_domain_params(args, &params);
	int fd;

	if (ret)
		return ret;
	fd = memfd_create("vhsm-fingerprints", MFD_CLOEXEC);
	if (fd < 0) {
		perror("vhsmctl: memfd_create");
		json_decref(params);
		return CTL_FAILED;
	}
	/* A set may be longer than a packet: the vault writes it here. */
	ret = ctl_call_fd(args, CTL_VAULT, "key.fingerprints", params, fd,
			  &result);
	if (!ret)
		ret = file_print(fd);
	json_decref(result);
	close(fd);
	return ret;
}

const struct ctl_command ctl_key_commands[] = {
	{ "key", "generate",
	  " domain name type usages caller-nonce json ", "NAME",
	  "key generate --domain DOMAIN --type TYPE [--usages USAGE,...]"
	  " [--caller-nonce] NAME\n\n"
	  "Makes a key that never leaves custody.\n\n"
	  "TYPE    aes-128 aes-256 chacha20 hmac ec-p256 ec-p384 ed25519\n"
	  "        rsa-2048 rsa-3072 rsa-4096\n"
	  "USAGE   sign verify encrypt decrypt mac mac-verify caller-nonce;\n"
	  "        default: all that the type can do, without the last\n"
	  "--caller-nonce  lets the guest choose nonces itself: one used\n"
	  "        twice breaks AES-GCM\n", generate },
	{ "key", "import",
	  " domain name type usages caller-nonce in json ", "NAME",
	  "key import --domain DOMAIN --in FILE [--type TYPE]"
	  " [--usages USAGE,...] [--caller-nonce] NAME\n\n"
	  "Takes in a key made elsewhere: PKCS#8 in PEM or DER, or with a\n"
	  "symmetric --type its raw bytes.  FILE - is standard input.\n",
	  import },
	{ "key", "list", " domain json ", NULL,
	  "key list --domain DOMAIN [--json]\n\n"
	  "Lists the domain's keys.\n", list },
	{ "key", "show", " domain name json ", "NAME",
	  "key show --domain DOMAIN NAME [--json]\n\n"
	  "Prints all that is known of a key but its secret, with the public\n"
	  "key in PEM if it has one.\n", show },
	{ "key", "delete", " domain name yes json ", "NAME",
	  "key delete --domain DOMAIN NAME [--yes]\n\n"
	  "Destroys a key for ever, in the store and in running engines.\n",
	  delete },
	{ "key", "disable", " domain name json ", "NAME",
	  "key disable --domain DOMAIN NAME\n\n"
	  "Stops the key's use, at once, until it is enabled.\n",
	  key_disable },
	{ "key", "enable", " domain name json ", "NAME",
	  "key enable --domain DOMAIN NAME\n\n"
	  "Allows a disabled key's use again.\n", key_enable },
	{ "key", "revoke", " domain name json ", "NAME",
	  "key revoke --domain DOMAIN NAME\n\n"
	  "Stops the key's use, at once; engines forget it.\n",
	  key_revoke },
	{ "key", "fingerprints", " domain json ", NULL,
	  "key fingerprints --domain DOMAIN\n\n"
	  "Prints, as JSON, salted fingerprints of the domain's secret keys,\n"
	  "by which vhsm-memsearch(8) finds them in memory.  They hold no\n"
	  "key; yet keep them from others.\n", fingerprints },
	{ 0 }
};
