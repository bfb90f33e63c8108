/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key-json.c - keys as JSON.  The public half is derived from the material
 * each time: it is asked for rarely, and cannot then disagree with it.
 */
#include <string.h>

#include <openssl/bio.h>
#include <openssl/pem.h>

#include "common/log.h"
#include "ops/ops.h"
#include "vault/engine-channel.h"
#include "vault/key-json.h"
#include "vault/names.h"

#define PUBLIC_MAX 2048u

static json_t *pem_encode(const uint8_t *der, size_t len)
{
	BIO *bio = BIO_new(BIO_s_mem());
	json_t *pem = NULL;
	char *text;
	long n;

	if (bio != NULL &&
	    PEM_write_bio(bio, "PUBLIC KEY", "", der, (long)len) > 0) {
		n = BIO_get_mem_data(bio, &text);
		pem = json_stringn(text, (size_t)n);
	}
	BIO_free(bio);
	return pem;
}

static json_t *public_encode(struct vhsm_unit *unit, const struct vhsm_key *key)
{
	const struct vhsm_family *family = vhsm_family_of_type(key->type);
	struct vhsm_material material = { .type = key->type };
	struct vhsm_secret secret;
	uint8_t der[PUBLIC_MAX];
	size_t len = sizeof(der);
	json_t *pem = NULL;
	int r;

	if (family == NULL || family->public_key == NULL)
		return NULL;
	if (vhsm_secret_init(&secret, VHSM_MATERIAL_MAX) != 0)
		return NULL;
	r = vhsm_unit_unseal(unit, key,
			     vhsm_key_version_find(key, key->primary),
			     secret.bytes, &secret.len);
	material.bytes = secret.bytes;
	material.len = secret.len;
	if (r == 0)
		r = family->public_key(&material, der, &len);
	if (r == 0)
		pem = pem_encode(der, len);
	else
		vhsm_log(LOG_ERR, "key %s: its public half: %s", key->name,
			 vhsm_vault_error_text(r));
	vhsm_secret_deinit(&secret);
	return pem;
}

json_t *vhsm_key_encode_short(const struct vhsm_unit *unit,
			      const struct vhsm_key *key)
{
	return json_pack("{s:s, s:s, s:s, s:o, s:I, s:s*}", "name", key->name,
			 "type", vhsm_key_type_name(key->type), "state",
			 vhsm_key_state_name(key->state), "usages",
			 vhsm_usages_encode(key->usages), "version",
			 (json_int_t)key->primary, "withheld",
			 vhsm_unit_revoked(unit));
}

static json_t *versions_encode(const struct vhsm_key *key)
{
	const struct vhsm_key_version *v;
	json_t *array = json_array();
	unsigned i;

	for (i = 0; i < key->version_count; i++) {
		v = &key->versions[i];
		json_array_append_new(array,
			json_pack("{s:I, s:s, s:o, s:I}", "version",
				  (json_int_t)v->version, "state",
				  vhsm_key_state_name(v->state), "created",
				  vhsm_time_encode(v->created), "loads",
				  (json_int_t)v->nonce_fixed));
	}
	return array;
}

json_t *vhsm_key_encode(struct vhsm_vault *vault, struct vhsm_unit *unit,
			const struct vhsm_key *key)
{
	char uuid[UUID_STR_LEN];

	uuid_unparse_lower(vhsm_unit_uuid(unit), uuid);
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:I, s:o, s:o*, s:I,"
			 " s:s*, s:{s:I, s:I, s:I}}",
			 "uuid", uuid, "name", key->name,
			 "type", vhsm_key_type_name(key->type),
			 "state", vhsm_key_state_name(key->state),
			 "usages", vhsm_usages_encode(key->usages),
			 "created", vhsm_time_encode(key->created),
			 "primary", (json_int_t)key->primary,
			 "versions", versions_encode(key),
			 "public_key", public_encode(unit, key),
			 "engines", (json_int_t)vhsm_channels_count(vault,
				vhsm_unit_uuid(unit), key->name),
			 "withheld", vhsm_unit_revoked(unit),
			 "counters", "operations", (json_int_t)key->operations,
			 "failures", (json_int_t)key->failures,
			 "bytes", (json_int_t)key->bytes);
}
