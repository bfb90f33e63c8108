/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "common/xenstore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/decimal.h"
#include "common/log.h"

int vhsm_store_read(struct vhsm_store *store, const char *path, char *value,
		    size_t room)
{
	unsigned len;
	void *data = xs_read(store->xs, XBT_NULL, path, &len);

	if (!data)
		return -errno;
	memcpy(value, data, len < room ? len : room);
	free(data);
	return len;
}

int vhsm_store_read_text(struct vhsm_store *store, const char *path,
			 char *text, size_t room)
{
	char value[1024];
	int len = vhsm_store_read(store, path, value, sizeof(value));

	if (len < 0)
		return len;
	if ((size_t)len > sizeof(value))
		len = sizeof(value);
	vhsm_log_escape(text, room, value, len);
	return 0;
}

int vhsm_store_read_u32(struct vhsm_store *store, const char *path,
			uint32_t *value)
{
	char text[VHSM_DECIMAL_ROOM];
	int len = vhsm_store_read(store, path, text, sizeof(text));

	if (len < 0)
		return len;
	if ((size_t)len > sizeof(text))
		return -EINVAL;
	return vhsm_decimal_parse(text, len, value);
}

enum vhsm_xenbus_state vhsm_store_read_state(struct vhsm_store *store,
					     const char *path)
{
	uint32_t state;

	if (vhsm_store_read_u32(store, path, &state) ||
	    state > VHSM_XENBUS_CLOSED)
		return VHSM_XENBUS_UNKNOWN;
	return state;
}

int vhsm_store_list(struct vhsm_store *store, const char *path,
		    uint32_t *numbers, unsigned max)
{
	unsigned count, found = 0;
	char **names = xs_directory(store->xs, XBT_NULL, path, &count);
	uint32_t number;

	if (!names)
		return -errno;
	for (unsigned i = 0; i < count; i++) {
		if (vhsm_decimal_parse(names[i], strlen(names[i]), &number))
			continue;
		if (found < max)
			numbers[found] = number;
		found++;
	}
	free(names);
	return found;
}

int vhsm_store_write(struct vhsm_store *store, xs_transaction_t t,
		     const char *path, const char *value)
{
	return xs_write(store->xs, t, path, value, strlen(value)) ? 0 : -errno;
}

int vhsm_store_write_u32(struct vhsm_store *store, xs_transaction_t t,
			 const char *path, uint32_t value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	return vhsm_store_write(store, t, path, text);
}
