/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session-keys.c - keys by name: open, list, describe; and after a reconnection
 * once more, under the numbers the program already holds.
 */
#include "lib/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PUBLIC_MAX	1024u	/* an RSA-4096 key takes 550 bytes */
#define LIST_CHUNK	64u	/* entries per request */

void vhsm_keys_deinit(struct vhsm_keys *k)
{
	free(k->entries);
	k->entries = NULL;
	k->count = 0;
}

static struct vhsm_key_entry *find(const struct vhsm *h, uint32_t key)
{
	if (!key || key > h->keys.count || !h->keys.entries[key - 1].used)
		return NULL;
	return &h->keys.entries[key - 1];
}

uint32_t vhsm_key_wire(const struct vhsm *h, uint32_t key)
{
	const struct vhsm_key_entry *entry = find(h, key);

	return entry ? entry->wire : 0;
}

/* Lock held.  The key's number, 0 without memory. */
static uint32_t add(struct vhsm_keys *k, uint32_t wire,
		    const struct vhsm_key_info *info)
{
	struct vhsm_key_entry *more;
	uint32_t i;

	for (i = 0; i < k->count && k->entries[i].used; i++)
		;
	if (i == k->count) {
		more = reallocarray(k->entries, k->count * 2 + 4,
				    sizeof(*more));
		if (!more)
			return 0;
		memset(more + k->count, 0, (k->count + 4) * sizeof(*more));
		k->entries = more;
		k->count = k->count * 2 + 4;
	}
	k->entries[i] = (struct vhsm_key_entry) {
		.used = true, .wire = wire, .info = *info,
	};
	return i + 1;
}

/* What KEY_OPEN answered, copied out of memory the device can still change.
 * Its name is the one asked for: by it the key is opened again. */
static int opened(const struct vhsm_response *response, const char *name,
		  const void *untrusted_info, struct vhsm_key_info *info)
{
	struct vhsm_key_info copy;

	if (response->out_len != sizeof(copy) || !response->key)
		return -VHSM_E_PROTOCOL;
	memcpy(&copy, untrusted_info, sizeof(copy));
	if (strncmp(copy.name, name, VHSM_NAME_MAX))
		return -VHSM_E_PROTOCOL;
	*info = copy;
	return 0;
}

static int open_on_ring(struct vhsm *h, const char *name, uint32_t *wire,
			struct vhsm_key_info *info)
{
	struct vhsm_request request = { .op = VHSM_OP_KEY_OPEN };
	const size_t len[VHSM_SEGMENTS] = {
		[VHSM_SEG_PARAM] = strlen(name),
		[VHSM_SEG_OUTPUT] = sizeof(*info),
	};
	struct vhsm_response response;
	uint8_t *at[VHSM_SEGMENTS];
	uint8_t *piece = vhsm_place(h, &request, len, at);
	int r;

	if (!piece)
		return -VHSM_E_NO_SPACE;
	memcpy(at[VHSM_SEG_PARAM], name, len[VHSM_SEG_PARAM]);
	r = vhsm_run(h, &request, &response);
	if (r == 0)
		r = opened(&response, name, at[VHSM_SEG_OUTPUT], info);
	if (r == 0)
		*wire = response.key;
	vhsm_slice_free(&h->slice, piece);
	return r;
}

static int open_by_transport(struct vhsm *h, const char *name, uint32_t *wire,
			     struct vhsm_key_info *info)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	int64_t deadline = vhsm_now_ms() + h->retry_ms;
	int r;

	for (;;) {
		r = h->transport->ops->key_open(h->transport, name, wire,
						info);
		if (r != -VHSM_E_GONE || vhsm_now_ms() >= deadline)
			return r;
		nanosleep(&pause, NULL);
	}
}

static int remember(struct vhsm *h, uint32_t wire,
		    const struct vhsm_key_info *info, uint32_t *key)
{
	pthread_mutex_lock(&h->lock);
	*key = add(&h->keys, wire, info);
	pthread_mutex_unlock(&h->lock);
	return *key ? 0 : -ENOMEM;
}

int vhsm_key_open(struct vhsm *h, const char *name, uint32_t *key)
{
	struct vhsm_key_info info;
	size_t len = strlen(name);
	uint32_t wire;
	int r;

	*key = 0;
	if (vhsm_forked(h))
		return -VHSM_E_FORKED;
	if (!len || len > VHSM_NAME_MAX)
		return -VHSM_E_BAD_NAME;
	if (h->transport->ops->key_open)
		r = open_by_transport(h, name, &wire, &info);
	else
		r = open_on_ring(h, name, &wire, &info);
	return r < 0 ? r : remember(h, wire, &info, key);
}

int vhsm_key_raw(struct vhsm *h, uint32_t wire_handle, uint32_t *key)
{
	const struct vhsm_key_info none = { .version = 0 };
	uint32_t wire;
	int r;

	*key = 0;
	if (vhsm_forked(h))
		return -VHSM_E_FORKED;
	if (!h->transport->ops->key_raw)
		return -ENOTSUP;
	r = h->transport->ops->key_raw(h->transport, wire_handle, &wire);
	return r < 0 ? r : remember(h, wire, &none, key);
}

int vhsm_key_close(struct vhsm *h, uint32_t key)
{
	struct vhsm_key_entry *entry;
	uint32_t wire = 0;

	if (vhsm_forked(h))
		return -VHSM_E_FORKED;
	pthread_mutex_lock(&h->lock);
	entry = find(h, key);
	if (entry) {
		wire = entry->wire;
		entry->used = false;
	}
	pthread_mutex_unlock(&h->lock);
	if (!entry)
		return -VHSM_E_BAD_HANDLE;
	if (h->transport->ops->key_close)
		return h->transport->ops->key_close(h->transport, wire);
	return 0;
}

int vhsm_key_info(struct vhsm *h, uint32_t key, struct vhsm_key_info *info)
{
	const struct vhsm_key_entry *entry;

	if (vhsm_forked(h))
		return -VHSM_E_FORKED;
	pthread_mutex_lock(&h->lock);
	entry = find(h, key);
	if (entry)
		*info = entry->info;
	pthread_mutex_unlock(&h->lock);
	return entry ? 0 : -VHSM_E_BAD_HANDLE;
}

/* One request's worth of the list.  How many, or an error. */
static int list_some(struct vhsm *h, const char *after,
		     struct vhsm_key_info *list, unsigned max)
{
	struct vhsm_request request = { .op = VHSM_OP_KEY_LIST };
	const size_t len[VHSM_SEGMENTS] = {
		[VHSM_SEG_PARAM] = strnlen(after, VHSM_NAME_MAX),
		[VHSM_SEG_OUTPUT] = max * sizeof(*list),
	};
	struct vhsm_response response;
	uint8_t *at[VHSM_SEGMENTS];
	uint8_t *piece = vhsm_place(h, &request, len, at);
	int r;

	if (!piece)
		return -VHSM_E_NO_SPACE;
	if (at[VHSM_SEG_PARAM])
		memcpy(at[VHSM_SEG_PARAM], after, len[VHSM_SEG_PARAM]);
	r = vhsm_run(h, &request, &response);
	if (r == 0 && response.out_len % sizeof(*list))
		r = -VHSM_E_PROTOCOL;
	if (r == 0) {
		memcpy(list, at[VHSM_SEG_OUTPUT], response.out_len);
		r = (int)(response.out_len / sizeof(*list));
	}
	vhsm_slice_free(&h->slice, piece);
	return r;
}

int vhsm_key_list(struct vhsm *h, const char *after,
		  struct vhsm_key_info *list, unsigned max)
{
	unsigned done = 0, want;
	int n;

	if (vhsm_forked(h))
		return -VHSM_E_FORKED;
	if (!after)
		after = "";
	if (strlen(after) > VHSM_NAME_MAX)
		return -VHSM_E_BAD_NAME;
	while (done < max) {
		want = max - done < LIST_CHUNK ? max - done : LIST_CHUNK;
		n = list_some(h, after, list + done, want);
		if (n < 0)
			return n;
		if (n == 0)
			break;
		done += (unsigned)n;
		after = list[done - 1].name;
	}
	return (int)done;
}

int vhsm_key_public(struct vhsm *h, uint32_t key, void *der, size_t *len)
{
	struct vhsm_request request = {
		.op = VHSM_OP_KEY_PUBLIC, .key = key,
	};
	const size_t lens[VHSM_SEGMENTS] = { [VHSM_SEG_OUTPUT] = PUBLIC_MAX };
	struct vhsm_response response;
	uint8_t *at[VHSM_SEGMENTS], *piece;
	int r;

	if (vhsm_forked(h))
		return -VHSM_E_FORKED;
	piece = vhsm_place(h, &request, lens, at);
	if (!piece)
		return -VHSM_E_NO_SPACE;
	r = vhsm_run(h, &request, &response);
	if (r == 0 && response.out_len > *len)
		r = -VHSM_E_TOO_SMALL;
	if (r == 0)
		memcpy(der, at[VHSM_SEG_OUTPUT], response.out_len);
	if (r == 0 || r == -VHSM_E_TOO_SMALL)
		*len = response.out_len;
	vhsm_slice_free(&h->slice, piece);
	return r;
}

/* KEY_OPEN straight through the transport: nobody else is in it. */
static int reopen(struct vhsm *h, const char *name, uint32_t *wire,
		  struct vhsm_key_info *info)
{
	const size_t info_at = VHSM_NAME_MAX;
	const uint32_t base = (uint32_t)(h->control - h->slice.base);
	struct vhsm_request request = { .id = 1, .op = VHSM_OP_KEY_OPEN };
	struct vhsm_response response = { .id = 0 };
	struct vhsm_exchange x = {
		.requests = &request, .submit = 1,
		.responses = &response, .reap = 1, .wait = 1,
		.timeout_ms = VHSM_REOPEN_MS,
	};
	size_t len = strnlen(name, VHSM_NAME_MAX);
	int r;

	memcpy(h->control, name, len);
	request.u.seg[VHSM_SEG_PARAM] = (struct vhsm_segment) {
		base, (uint32_t)len };
	request.u.seg[VHSM_SEG_OUTPUT] = (struct vhsm_segment) {
		base + (uint32_t)info_at, sizeof(*info) };
	r = h->transport->ops->enter(h->transport, &x);
	if (r < 0 || !x.reap)
		return -VHSM_E_GONE;
	if (response.id != 1 || response.op != VHSM_OP_KEY_OPEN)
		return -VHSM_E_PROTOCOL;
	*wire = 0;
	if (response.status != VHSM_S_OK)
		return 0;	/* the key is gone: its user will be told */
	r = opened(&response, name, h->control + info_at, info);
	if (r == 0)
		*wire = response.key;
	return r;
}

int vhsm_keys_reopen(struct vhsm *h)
{
	struct vhsm_key_info info;
	uint32_t i, wire;
	bool used;
	int r = 0;

	pthread_mutex_lock(&h->lock);
	for (i = 0; i < h->keys.count && r == 0; i++) {
		used = h->keys.entries[i].used;
		info = h->keys.entries[i].info;
		if (!used)
			continue;
		pthread_mutex_unlock(&h->lock);
		r = reopen(h, info.name, &wire, &info);
		pthread_mutex_lock(&h->lock);
		if (r == 0) {
			h->keys.entries[i].wire = wire;
			h->keys.entries[i].info = info;
		}
	}
	pthread_mutex_unlock(&h->lock);
	return r;
}
