/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit-seal.c - what each secret of a unit is sealed with.
 *
 * Associated data is a sequence of fields of fixed size, or led by their
 * length, after a label of its own for each kind of record; so no two
 * different sets of attributes ever read as the same bytes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "common/protocol.h"
#include "common/secret.h"
#include "vault/unit-private.h"

/* A bounded writer; what does not fit marks it overflown. */
struct writer {
	uint8_t *bytes;
	size_t len, room;
	bool overflown;
};

static void put(struct writer *w, const void *bytes, size_t len)
{
	if (w->overflown || len > w->room - w->len) {
		w->overflown = true;
		return;
	}
	memcpy(w->bytes + w->len, bytes, len);
	w->len += len;
}

static void put_number(struct writer *w, uint64_t n)
{
	uint8_t bytes[8];
	int i;

	for (i = 7; i >= 0; i--, n >>= 8)
		bytes[i] = (uint8_t)n;
	put(w, bytes, sizeof(bytes));
}

static void put_text(struct writer *w, const char *text)
{
	put_number(w, strlen(text));
	put(w, text, strlen(text));
}

static void put_version(struct writer *w, const struct vhsm_unit *unit,
			const struct vhsm_key *key,
			const struct vhsm_key_version *v)
{
	put_text(w, "vhsm key version");
	put(w, unit->uuid, sizeof(unit->uuid));
	put_number(w, key->id);
	put_text(w, key->name);
	put_number(w, key->type);
	put_number(w, key->usages);
	put_number(w, key->state);
	put_number(w, (uint64_t)key->created);
	put_number(w, key->primary);
	put_number(w, v->version);
	put_number(w, v->state);
	put_number(w, (uint64_t)v->created);
	put_number(w, v->nonce_fixed);
	put_number(w, v->record);
}

#define VERSION_AD_MAX 256u

int vhsm_unit_seal(struct vhsm_unit *unit, const struct vhsm_key *key,
		   struct vhsm_key_version *v, const uint8_t *material,
		   size_t len)
{
	uint8_t ad[VERSION_AD_MAX];
	struct writer w = { ad, 0, sizeof(ad), false };
	uint8_t *sealed;
	int r;

	if (len == 0 || len > VHSM_MATERIAL_MAX)
		return -EINVAL;
	sealed = malloc(len + VHSM_SEAL_OVERHEAD);
	if (sealed == NULL)
		return -ENOMEM;
	v->record = ++unit->last_record;
	put_version(&w, unit, key, v);
	r = w.overflown ? -EINVAL :
	    vhsm_sealer_seal(unit->sealer, ad, w.len, material, len, sealed);
	if (r != 0) {
		free(sealed);
		return r;
	}
	free(v->sealed);
	v->sealed = sealed;
	v->sealed_len = len + VHSM_SEAL_OVERHEAD;
	return 0;
}

int vhsm_unit_unseal(struct vhsm_unit *unit, const struct vhsm_key *key,
		     const struct vhsm_key_version *v, uint8_t *out,
		     size_t *len)
{
	uint8_t ad[VERSION_AD_MAX];
	struct writer w = { ad, 0, sizeof(ad), false };

	put_version(&w, unit, key, v);
	if (w.overflown || v->sealed_len <= VHSM_SEAL_OVERHEAD ||
	    v->sealed_len > VHSM_MATERIAL_MAX + VHSM_SEAL_OVERHEAD)
		return VHSM_E_CORRUPT;
	*len = v->sealed_len - VHSM_SEAL_OVERHEAD;
	return vhsm_sealer_open(unit->sealer, ad, w.len, v->sealed,
				v->sealed_len, out);
}

/* The sealer of the unit's wrapping key, derived from the root key. */
static struct vhsm_sealer *root_sealer(const struct vhsm_unit *unit,
				       const uint8_t *root_key)
{
	struct vhsm_sealer *sealer = NULL;
	struct vhsm_secret key;

	if (vhsm_secret_init(&key, VHSM_SEAL_KEY_LEN) != 0)
		return NULL;
	if (vhsm_seal_derive(root_key, VHSM_SEAL_KEY_LEN, "vhsm unit",
			     unit->uuid, sizeof(unit->uuid), key.bytes,
			     VHSM_SEAL_KEY_LEN) == 0)
		sealer = vhsm_sealer_new(key.bytes);
	vhsm_secret_deinit(&key);
	return sealer;
}

static void put_wrapping(struct writer *w, const struct vhsm_unit *unit)
{
	put_text(w, "vhsm unit wrapping key");
	put(w, unit->uuid, sizeof(unit->uuid));
}

int vhsm_unit_wrapping_make(struct vhsm_unit *unit, const uint8_t *root_key,
			    uint8_t sealed[UNIT_WRAPPED_LEN])
{
	struct vhsm_sealer *root = root_sealer(unit, root_key);
	struct vhsm_secret key = VHSM_SECRET_NONE;
	uint8_t ad[64];
	struct writer w = { ad, 0, sizeof(ad), false };
	int r = -ENOMEM;

	put_wrapping(&w, unit);
	if (root == NULL || vhsm_secret_init(&key, VHSM_SEAL_KEY_LEN) != 0)
		goto out;
	r = -EIO;
	if (RAND_priv_bytes(key.bytes, VHSM_SEAL_KEY_LEN) != 1)
		goto out;
	r = vhsm_sealer_seal(root, ad, w.len, key.bytes, VHSM_SEAL_KEY_LEN,
			     sealed);
	if (r == 0) {
		unit->sealer = vhsm_sealer_new(key.bytes);
		r = unit->sealer == NULL ? -ENOMEM : 0;
	}
out:
	vhsm_secret_deinit(&key);
	vhsm_sealer_free(&root);
	return r;
}

int vhsm_unit_wrapping_open(struct vhsm_unit *unit, const uint8_t *root_key,
			    const uint8_t *sealed, size_t sealed_len)
{
	struct vhsm_sealer *root = root_sealer(unit, root_key);
	struct vhsm_secret key = VHSM_SECRET_NONE;
	uint8_t ad[64];
	struct writer w = { ad, 0, sizeof(ad), false };
	int r = -ENOMEM;

	put_wrapping(&w, unit);
	if (root == NULL || vhsm_secret_init(&key, VHSM_SEAL_KEY_LEN) != 0)
		goto out;
	r = VHSM_E_CORRUPT;
	if (sealed_len == UNIT_WRAPPED_LEN)
		r = vhsm_sealer_open(root, ad, w.len, sealed, sealed_len,
				     key.bytes);
	if (r == 0) {
		unit->sealer = vhsm_sealer_new(key.bytes);
		r = unit->sealer == NULL ? -ENOMEM : 0;
	}
out:
	vhsm_secret_deinit(&key);
	vhsm_sealer_free(&root);
	return r;
}

/* Every record of the unit by name and number, and whether its guest is
 * revoked; the caller frees. */
static uint8_t *manifest_list(const struct vhsm_unit *unit, size_t *len)
{
	const struct vhsm_key *key;
	struct writer w = { NULL, 0, 128 + VHSM_UNIT_REASON_LEN, false };
	size_t i, j;

	for (i = 0; i < unit->key_count; i++)
		w.room += 3 * 8 + VHSM_NAME_MAX +
			  unit->keys[i]->version_count * 2 * 8;
	w.bytes = malloc(w.room);
	if (w.bytes == NULL)
		return NULL;
	put_text(&w, "vhsm unit manifest");
	put(&w, unit->uuid, sizeof(unit->uuid));
	for (i = 0; i < unit->key_count; i++) {
		key = unit->keys[i];
		put_number(&w, key->id);
		put_text(&w, key->name);
		put_number(&w, key->version_count);
		for (j = 0; j < key->version_count; j++) {
			put_number(&w, key->versions[j].version);
			put_number(&w, key->versions[j].record);
		}
	}
	/* Nothing where it is not, as before there was such a state. */
	if (unit->revoked) {
		put_text(&w, "guest revoked");
		put_text(&w, unit->reason);
	}
	*len = w.len;
	if (w.overflown) {
		free(w.bytes);
		return NULL;
	}
	return w.bytes;
}

int vhsm_unit_manifest_make(struct vhsm_unit *unit,
			    uint8_t sealed[UNIT_MANIFEST_LEN])
{
	uint8_t number[8];
	struct writer w = { number, 0, sizeof(number), false };
	size_t len;
	uint8_t *list = manifest_list(unit, &len);
	int r;

	if (list == NULL)
		return -ENOMEM;
	put_number(&w, unit->last_record);
	r = vhsm_sealer_seal(unit->sealer, list, len, number, sizeof(number),
			     sealed);
	free(list);
	return r;
}

int vhsm_unit_manifest_check(struct vhsm_unit *unit, const uint8_t *sealed,
			     size_t sealed_len)
{
	uint8_t number[8];
	size_t len, i;
	uint8_t *list;
	int r;

	if (sealed_len != UNIT_MANIFEST_LEN)
		return VHSM_E_CORRUPT;
	list = manifest_list(unit, &len);
	if (list == NULL)
		return -ENOMEM;
	r = vhsm_sealer_open(unit->sealer, list, len, sealed, sealed_len,
			     number);
	free(list);
	if (r != 0)
		return r;
	unit->last_record = 0;
	for (i = 0; i < sizeof(number); i++)
		unit->last_record = unit->last_record << 8 | number[i];
	return 0;
}
