/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message-json.h - JSON objects that somebody else wrote, member by member:
 * each is asked for once, and one that nobody asked for is refused at the end.
 *
 * Addresses and registers are text ("0xffffffff81000000", lower case, no
 * leading zeros), for JSON's integers end at 2^63; bytes are lower-case hex.
 * So a value has one form only.
 */
#ifndef VHSM_MESSAGE_JSON_H
#define VHSM_MESSAGE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct message {
	const json_t *untrusted;
	const char *what;		/* "hello": for why */
	size_t taken;			/* members that were asked for */
	char *why;			/* VHSM_MESSAGE_WHY_LEN */
};

/* Parses the bytes: a new reference, or NULL with why. */
json_t *message_parse(const char *untrusted, size_t len, const char *what,
		      char *why);

/* All of these return false with why. */
bool message_open(struct message *, const json_t *untrusted, const char *what,
		  char *why);
bool message_u64(struct message *, const char *name, uint64_t min,
		 uint64_t max, uint64_t *value);
bool message_u32(struct message *, const char *name, uint32_t min,
		 uint32_t max, uint32_t *value);
bool message_bool(struct message *, const char *name, bool *value);
bool message_address(struct message *, const char *name, uint64_t *value);
/* Printable ASCII, shorter than size; lines: may be ended by \n. */
bool message_text(struct message *, const char *name, char *text, size_t size);
bool message_lines(struct message *, const char *name, char *text, size_t size);
bool message_bytes(struct message *, const char *name, uint8_t *bytes,
		   uint32_t max, uint32_t *len);
/* Of at most max elements; borrowed. */
bool message_array(struct message *, const char *name, size_t max,
		   const json_t **array);
/* Of any type; borrowed. */
bool message_any(struct message *, const char *name, const json_t **value);
/* Nothing else is in it. */
bool message_end(struct message *);
/* Says what is wrong; always false. */
bool message_wrong(struct message *, const char *name, const char *wrong);

json_t *message_address_json(uint64_t value);
json_t *message_bytes_json(const uint8_t *bytes, size_t len);

#endif /* VHSM_MESSAGE_JSON_H */
