/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reconnect.c - after the device was away, where the library itself must
 * connect again.  One thread does, when nobody is left in the transport; the
 * others are told -VHSM_E_GONE and look again.
 */
#include "lib/session.h"

/* Attempts are no closer together than this. */
#define ATTEMPT_MS 50

int vhsm_reconnect(struct vhsm *h)
{
	int r;

	if (h->failed)
		return h->failed;
	if (h->connected)
		return 0;
	if (h->reconnecting || vhsm_now_ms() < h->next_attempt_ms)
		return -VHSM_E_GONE;
	h->reconnecting = true;
	while (h->inside)
		pthread_cond_wait(&h->quiet, &h->lock);
	pthread_mutex_unlock(&h->lock);
	r = h->transport->ops->reconnect(h->transport);
	if (r == 0)
		r = vhsm_keys_reopen(h);
	pthread_mutex_lock(&h->lock);
	h->reconnecting = false;
	if (r == 0)
		h->connected = true;
	else
		h->next_attempt_ms = vhsm_now_ms() + ATTEMPT_MS;
	return r;
}
