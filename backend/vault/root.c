/* SPDX-License-Identifier: Apache-2.0 */
/*
 * root.c - from a URI to the root key, and DIR/root.json.
 *
 * root.json: {"version":1, "source":"file", "check":"<hex>", "params":{...}}.
 * The check value is derived from the root key with a label of its own, so it
 * tells nothing about any other key.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "common/file.h"
#include "common/hex.h"
#include "vault/root.h"

#define CHECK_LEN 32

static const struct vhsm_root_source *const sources[] = {
	&vhsm_root_file,
	&vhsm_root_passphrase,
};

static const struct vhsm_root_source *source_find(const char *uri,
						  const char **location)
{
	size_t i, n;

	for (i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		n = strlen(sources[i]->scheme);
		if (strncmp(uri, sources[i]->scheme, n) == 0 && uri[n] == ':') {
			*location = uri + n + 1;
			return sources[i];
		}
	}
	return NULL;
}

static int params_load(const char *path, const char *scheme, json_t **root,
		       char *why)
{
	json_error_t error;
	const char *source = NULL, *check = NULL;
	json_t *params = NULL;
	int version = 0;

	*root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	if (*root == NULL)
		return vhsm_vault_fail(why, VHSM_E_CORRUPT,
			"%s: %s; restore it from a backup", path, error.text);
	if (json_unpack(*root, "{s:i, s:s, s:s, s:o}", "version", &version,
			"source", &source, "check", &check, "params",
			&params) != 0 || version != 1 ||
	    !json_is_object(params) || strlen(check) != 2 * CHECK_LEN)
		return vhsm_vault_fail(why, VHSM_E_CORRUPT,
			"%s: not a description of a root key (version 1)", path);
	if (strcmp(source, scheme) != 0)
		return vhsm_vault_fail(why, VHSM_E_WRONG_ROOT,
			"this store's root key is a %s: one, not %s: (see %s)",
			source, scheme, path);
	return 0;
}

static int params_store(const char *path, json_t *root, char *why)
{
	char *text = json_dumps(root, JSON_INDENT(2));
	int r = -ENOMEM;

	if (text != NULL)
		r = vhsm_file_replace(path, text, strlen(text), 0444);
	free(text);
	if (r < 0)
		return vhsm_vault_fail(why, r, "%s: %s", path, strerror(-r));
	return 0;
}

/* Compares with the check value, or, for a new store, makes it. */
static int check_key(const uint8_t *key, bool fresh, json_t *root,
		     const char *path, char *why)
{
	uint8_t check[CHECK_LEN], expected[CHECK_LEN];
	char hex[2 * CHECK_LEN + 1];
	const char *text;
	int r;

	r = vhsm_seal_derive(key, VHSM_ROOT_KEY_LEN, "vhsm root check", NULL, 0,
			     check, sizeof(check));
	if (r < 0)
		return r;
	if (fresh) {
		vhsm_hex_encode(check, sizeof(check), hex);
		return json_object_set_new(root, "check", json_string(hex)) ?
		       -ENOMEM : 0;
	}
	text = json_string_value(json_object_get(root, "check"));
	if (vhsm_hex_decode(text, expected, sizeof(expected)) != 0)
		return vhsm_vault_fail(why, VHSM_E_CORRUPT,
			"%s: its check value is not hexadecimal", path);
	if (CRYPTO_memcmp(check, expected, sizeof(check)) != 0)
		return vhsm_vault_fail(why, VHSM_E_WRONG_ROOT,
			"wrong root key or passphrase: it is not the one this "
			"store was made with");
	return 0;
}

static int key_read(const struct vhsm_root_source *source, const char *location,
		    bool fresh, json_t *params, uint8_t *key, char *why)
{
	uint8_t *secret = OPENSSL_secure_malloc(VHSM_ROOT_SECRET_MAX);
	size_t len = 0;
	int r;

	if (secret == NULL)
		return vhsm_vault_fail(why, -ENOMEM, "out of secure memory");
	r = source->read(location, fresh, params, secret, &len, why);
	if (r == 0)
		r = vhsm_seal_derive(secret, len, "vhsm root key", NULL, 0,
				     key, VHSM_ROOT_KEY_LEN);
	OPENSSL_secure_clear_free(secret, VHSM_ROOT_SECRET_MAX);
	return r;
}

int vhsm_root_open(const char *uri, const char *dir, bool fresh, uint8_t *key,
		   char *why)
{
	const struct vhsm_root_source *source;
	const char *location;
	char path[4096];
	json_t *root = NULL;
	int r;

	source = source_find(uri, &location);
	if (source == NULL)
		return vhsm_vault_fail(why, VHSM_E_BAD_REQUEST,
			"%s: not a root key this build knows; use file:/PATH "
			"or passphrase:/PATH", uri);
	if (snprintf(path, sizeof(path), "%s/root.json", dir) >=
	    (int)sizeof(path))
		return vhsm_vault_fail(why, -ENAMETOOLONG, "%s: too long", dir);
	if (fresh)
		root = json_pack("{s:i, s:s, s:s, s:{}}", "version", 1,
				 "source", source->scheme, "check", "",
				 "params");
	r = fresh ? (root == NULL ? -ENOMEM : 0) :
	    params_load(path, source->scheme, &root, why);
	if (r == 0)
		r = key_read(source, location, fresh,
			     json_object_get(root, "params"), key, why);
	if (r == 0)
		r = check_key(key, fresh, root, path, why);
	if (r == 0 && fresh)
		r = params_store(path, root, why);
	json_decref(root);
	return r;
}
