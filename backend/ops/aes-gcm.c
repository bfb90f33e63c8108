/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aes-gcm.c - AES-128 and AES-256 in Galois/Counter Mode, 96-bit nonces,
 * 128-bit tags (NIST SP 800-38D).
 */
#include <config.h>

#include <errno.h>
#include <openssl/rand.h>

#include "ops/internal.h"

static size_t key_len(uint16_t type)
{
	switch (type) {
	case VHSM_KEY_AES_128:
		return 16;
	case VHSM_KEY_AES_256:
		return 32;
	default:
		return 0;
	}
}

static int generate(uint16_t type, uint8_t *out, size_t *len)
{
	size_t need = key_len(type);

	if (!need)
		return -EINVAL;
	if (*len < need)
		return -ENOSPC;
	*len = need;
	return RAND_priv_bytes(out, need) == 1 ? 0 : -EIO;
}

static int check(const struct vhsm_material *m)
{
	return m->len && m->len == key_len(m->type) ? 0 : -EINVAL;
}

static struct vhsm_context *context_new(const struct vhsm_material *m,
					struct vhsm_nonce_source *nonces)
{
	if (check(m) < 0)
		return NULL;
	return vhsm_aead_new(m->type == VHSM_KEY_AES_128 ?
			     vhsm_algorithms.aes_128_gcm :
			     vhsm_algorithms.aes_256_gcm, m, nonces);
}

/* McGrew and Viega, The Galois/Counter Mode of Operation, appendix B. */
static const struct vhsm_aead_vector vectors[] = {
	{ "AES-GCM, McGrew and Viega test case 1",
	  VHSM_KEY_AES_128, VHSM_MECH_AES_GCM,
	  "00000000000000000000000000000000", "000000000000000000000000",
	  "", "", "", "58e2fccefa7e3061367f1d57a4e7455a" },
	{ "AES-GCM, McGrew and Viega test case 4",
	  VHSM_KEY_AES_128, VHSM_MECH_AES_GCM,
	  "feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
	  "feedfacedeadbeeffeedfacedeadbeefabaddad2",
	  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
	  "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
	  "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
	  "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
	  "5bc94fbc3221a5db94fae95ae7121a47" },
	{ "AES-GCM, McGrew and Viega test case 16",
	  VHSM_KEY_AES_256, VHSM_MECH_AES_GCM,
	  "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
	  "cafebabefacedbaddecaf888",
	  "feedfacedeadbeeffeedfacedeadbeefabaddad2",
	  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
	  "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
	  "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
	  "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
	  "76fc6ece0f4e1768cddf8853bb2d551b" },
};

static int self_test(const char **what)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		*what = vectors[i].name;
		if (!vhsm_aead_answers(&vhsm_family_aes_gcm, &vectors[i]))
			return -1;
	}
	return 0;
}

const struct vhsm_family vhsm_family_aes_gcm = {
	.name = "aes-gcm",
	.generate = generate,
	.check = check,
	.context_new = context_new,
	.context_free = vhsm_aead_free,
	.run = vhsm_aead_run,
	.self_test = self_test,
};
