/* SPDX-License-Identifier: Apache-2.0 */
/* message-json.c - see message-json.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "channel/message-json.h"
#include "channel/messages.h"

json_t *message_parse(const char *untrusted, size_t len, const char *what,
		      char *why)
{
	json_error_t error;
	json_t *json = json_loadb(untrusted, len, JSON_REJECT_DUPLICATES,
				  &error);

	/* jansson's text may quote what it read, so it is not passed on. */
	if (!json)
		snprintf(why, VHSM_MESSAGE_WHY_LEN,
			 "%s: not JSON (at byte %d of %zu)", what,
			 error.position, len);
	return json;
}

bool message_wrong(struct message *m, const char *name, const char *wrong)
{
	snprintf(m->why, VHSM_MESSAGE_WHY_LEN, "%s: \"%s\" %s", m->what, name,
		 wrong);
	return false;
}

bool message_open(struct message *m, const json_t *untrusted, const char *what,
		  char *why)
{
	*m = (struct message){ .untrusted = untrusted, .what = what,
			       .why = why };
	if (json_is_object(untrusted))
		return true;
	snprintf(why, VHSM_MESSAGE_WHY_LEN, "%s: not an object", what);
	return false;
}

bool message_any(struct message *m, const char *name, const json_t **value)
{
	*value = json_object_get(m->untrusted, name);
	if (!*value)
		return message_wrong(m, name, "is missing");
	m->taken++;
	return true;
}

bool message_u64(struct message *m, const char *name, uint64_t min,
		 uint64_t max, uint64_t *value)
{
	const json_t *untrusted;
	json_int_t n;

	if (!message_any(m, name, &untrusted))
		return false;
	if (!json_is_integer(untrusted))
		return message_wrong(m, name, "is not an integer");
	n = json_integer_value(untrusted);
	if (n < 0 || (uint64_t)n < min || (uint64_t)n > max)
		return message_wrong(m, name, "is out of range");
	*value = (uint64_t)n;
	return true;
}

bool message_u32(struct message *m, const char *name, uint32_t min,
		 uint32_t max, uint32_t *value)
{
	uint64_t wide;

	if (!message_u64(m, name, min, max, &wide))
		return false;
	*value = (uint32_t)wide;
	return true;
}

bool message_bool(struct message *m, const char *name, bool *value)
{
	const json_t *untrusted;

	if (!message_any(m, name, &untrusted))
		return false;
	if (!json_is_boolean(untrusted))
		return message_wrong(m, name, "is not true or false");
	*value = json_is_true(untrusted);
	return true;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool message_address(struct message *m, const char *name, uint64_t *value)
{
	const json_t *untrusted;
	const char *text;
	uint64_t v = 0;
	size_t len, i;
	int digit;

	if (!message_any(m, name, &untrusted))
		return false;
	text = json_string_value(untrusted);
	len = json_string_length(untrusted);
	if (!text || len < 3 || len > 18 || memcmp(text, "0x", 2) ||
	    (text[2] == '0' && len > 3))
		return message_wrong(m, name, "is not a number like \"0x1f\"");
	for (i = 2; i < len; i++) {
		digit = hex_value(text[i]);
		if (digit < 0)
			return message_wrong(m, name,
					     "is not a number like \"0x1f\"");
		v = v << 4 | (uint64_t)digit;
	}
	*value = v;
	return true;
}

static bool copy_text(struct message *m, const char *name, char *text,
		      size_t size, bool lines)
{
	const json_t *untrusted;
	const char *from;
	size_t len, i;

	if (!message_any(m, name, &untrusted))
		return false;
	from = json_string_value(untrusted);
	len = json_string_length(untrusted);
	if (!from)
		return message_wrong(m, name, "is not text");
	if (len >= size)
		return message_wrong(m, name, "is too long");
	for (i = 0; i < len; i++)
		if ((from[i] < ' ' || from[i] > '~') &&
		    !(lines && from[i] == '\n'))
			return message_wrong(m, name,
					     "is not printable ASCII");
	memcpy(text, from, len);
	text[len] = 0;
	return true;
}

bool message_text(struct message *m, const char *name, char *text, size_t size)
{
	return copy_text(m, name, text, size, false);
}

bool message_lines(struct message *m, const char *name, char *text, size_t size)
{
	return copy_text(m, name, text, size, true);
}

bool message_bytes(struct message *m, const char *name, uint8_t *bytes,
		   uint32_t max, uint32_t *len)
{
	const json_t *untrusted;
	const char *text;
	size_t digits, i;
	int high, low;

	if (!message_any(m, name, &untrusted))
		return false;
	text = json_string_value(untrusted);
	digits = json_string_length(untrusted);
	if (!text || digits % 2 || digits / 2 > max)
		return message_wrong(m, name, "is not bytes in hex, or too many");
	for (i = 0; i < digits; i += 2) {
		high = hex_value(text[i]);
		low = hex_value(text[i + 1]);
		if (high < 0 || low < 0)
			return message_wrong(m, name, "is not lower-case hex");
		bytes[i / 2] = (uint8_t)(high << 4 | low);
	}
	*len = (uint32_t)(digits / 2);
	return true;
}

bool message_array(struct message *m, const char *name, size_t max,
		   const json_t **array)
{
	if (!message_any(m, name, array))
		return false;
	if (!json_is_array(*array) || json_array_size(*array) > max)
		return message_wrong(m, name, "is not a list, or too long");
	return true;
}

bool message_end(struct message *m)
{
	if (json_object_size(m->untrusted) == m->taken)
		return true;
	snprintf(m->why, VHSM_MESSAGE_WHY_LEN,
		 "%s: a member that nobody knows", m->what);
	return false;
}

json_t *message_address_json(uint64_t value)
{
	return json_sprintf("0x%" PRIx64, value);
}

json_t *message_bytes_json(const uint8_t *bytes, size_t len)
{
	static const char digit[] = "0123456789abcdef";
	char text[2 * VHSM_EVIDENCE_MAX];
	size_t i;

	if (len > VHSM_EVIDENCE_MAX)
		return NULL;
	for (i = 0; i < len; i++) {
		text[2 * i] = digit[bytes[i] >> 4];
		text[2 * i + 1] = digit[bytes[i] & 15];
	}
	return json_stringn(text, 2 * len);
}
