/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "common/secret.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>

int vhsm_secret_init(struct vhsm_secret *secret, size_t room)
{
	*secret = VHSM_SECRET_NONE;
	secret->bytes = OPENSSL_secure_zalloc(room);
	if (!secret->bytes)
		return -ENOMEM;
	secret->room = room;
	return 0;
}

int vhsm_secret_copy(struct vhsm_secret *secret, const void *bytes, size_t len)
{
	int r = vhsm_secret_init(secret, len ? len : 1);

	if (r == 0 && len) {
		memcpy(secret->bytes, bytes, len);
		secret->len = len;
	}
	return r;
}

void vhsm_secret_deinit(struct vhsm_secret *secret)
{
	OPENSSL_secure_clear_free(secret->bytes, secret->room);
	*secret = VHSM_SECRET_NONE;
}
