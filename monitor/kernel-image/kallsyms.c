/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kallsyms.c - the symbols of an image that has no .symtab, from the tables
 * the running kernel itself uses (scripts/kallsyms.c, kernel/kallsyms.c).
 *
 * The tables stand one behind the other in read-only data, each at a multiple
 * of 8.  Linux 6.1 has
 *
 *   offsets, relative_base, num_syms, names, markers, token_table, token_index
 *
 * Its later patch levels, and 6.2 and 6.3, have seqs_of_names (three bytes a
 * symbol) behind markers; 6.4 and later have offsets, relative_base and
 * seqs_of_names behind token_index.  No symbol says where they are, so they are
 * found by what they must be: token_index by its 256 ascending offsets, which
 * lead to the beginnings of token_table's 256 strings; markers by ascending up
 * to there, or to where seqs_of_names fits between; num_syms and names by the
 * names' lengths leading to each marker; offsets by ascending.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-image/image-internal.h"

#define TOKENS		256u
#define TOKEN_LEN_MAX	512u		/* bytes */
#define PER_MARKER	256u		/* symbols */
#define NAME_LEN_MAX	1024u		/* bytes, expanded */
#define SYMBOLS_MAX	(4u << 20)
#define NAMES_LEN_MAX	(256u << 20)	/* bytes, expanded */

struct tables {
	const uint8_t *bytes;		/* of the section they are in */
	size_t len;
	size_t token_index, token_table, markers, names, offsets;
	size_t marker_count;
	uint32_t symbol_count;
	uint64_t base;
};

static uint32_t u32_at(const struct tables *t, size_t at)
{
	uint32_t value;

	memcpy(&value, t->bytes + at, sizeof(value));
	return value;
}

static uint32_t token_at(const struct tables *t, unsigned i)
{
	uint16_t value;

	memcpy(&value, t->bytes + t->token_index + 2 * i, sizeof(value));
	return value;
}

static bool index_ascends(const struct tables *t)
{
	unsigned i;

	if (token_at(t, 0) != 0)
		return false;
	for (i = 1; i < TOKENS; i++)
		if (token_at(t, i) <= token_at(t, i - 1))
			return false;
	return true;
}

/* Whether the strings of a table at this place begin where the index says,
 * and fill the room up to the index but for zeros. */
static bool table_fits(const struct tables *t, size_t table)
{
	size_t end, i;

	for (i = 0; i < TOKENS; i++) {
		size_t start = table + token_at(t, (unsigned)i);

		if (start >= t->token_index)
			return false;
		end = start + strnlen((const char *)t->bytes + start,
				      t->token_index - start);
		if (end == start || end == t->token_index ||
		    (i + 1 < TOKENS &&
		     end + 1 != table + token_at(t, (unsigned)i + 1)))
			return false;
	}
	for (i = end; i < t->token_index; i++)
		if (t->bytes[i])
			return false;
	return t->token_index - end <= 8;
}

static bool find_table(struct tables *t)
{
	size_t span = token_at(t, TOKENS - 1) + 2u;
	size_t lowest, table;

	if (t->token_index < span)
		return false;
	table = (t->token_index - span) & ~(size_t)7;
	lowest = table > TOKEN_LEN_MAX ? table - TOKEN_LEN_MAX : 0;
	for (;; table -= 8) {
		if (table_fits(t, table)) {
			t->token_table = table;
			return true;
		}
		if (table < lowest + 8)
			return false;
	}
}

/* Backwards from token_table: ascending words, the first of which is 0. */
static bool find_adjacent_markers(struct tables *t)
{
	size_t at = t->token_table;
	uint32_t value, above;

	if (at < 16)
		return false;
	if (u32_at(t, at - 4) == 0)
		at -= 4;			/* fills up to a multiple of 8 */
	above = UINT32_MAX;
	for (t->marker_count = 1; at >= 4; t->marker_count++) {
		at -= 4;
		value = u32_at(t, at);
		if (value >= above || t->marker_count > SYMBOLS_MAX)
			return false;
		above = value;
		if (value == 0) {
			t->markers = at;
			return at % 8 == 0;
		}
	}
	return false;
}

static bool markers_ascend(const struct tables *t)
{
	size_t i;

	if (u32_at(t, t->markers) != 0)
		return false;
	for (i = 1; i < t->marker_count; i++)
		if (u32_at(t, t->markers + 4 * i) <=
		    u32_at(t, t->markers + 4 * (i - 1)))
			return false;
	return true;
}

/* The length of the compressed name at *at, which moves behind its length:
 * one byte, or two of which the first has its top bit set. */
static bool name_len(const struct tables *t, size_t *at, size_t *len)
{
	if (*at + 2 > t->markers)
		return false;
	*len = t->bytes[(*at)++];
	if (*len & 0x80)
		*len = (*len & 0x7f) | (size_t)t->bytes[(*at)++] << 7;
	return *len > 0 && *len <= t->markers - *at;
}

static bool names_fit(const struct tables *t)
{
	size_t at = t->names, len;
	uint32_t i;

	for (i = 0; i < t->symbol_count; i++) {
		if (i % PER_MARKER == 0 &&
		    at - t->names !=
		    u32_at(t, t->markers + 4 * (i / PER_MARKER)))
			return false;
		if (!name_len(t, &at, &len))
			return false;
		at += len;
	}
	return t->markers - at < 8;
}

/* The names end at the markers; the last marker tells where they begin, but
 * for the names behind it. */
static bool find_names(struct tables *t)
{
	uint32_t last = u32_at(t, t->markers + 4 * (t->marker_count - 1));
	size_t at, lowest;

	if (last > t->markers)
		return false;
	at = (t->markers - last) & ~(size_t)7;
	lowest = at > PER_MARKER * NAME_LEN_MAX ?
		 at - PER_MARKER * NAME_LEN_MAX : 0;
	for (; at >= lowest + 8; at -= 8) {
		t->symbol_count = u32_at(t, at - 8);
		if ((t->symbol_count + PER_MARKER - 1) / PER_MARKER !=
		    t->marker_count || t->symbol_count > SYMBOLS_MAX)
			continue;
		t->names = at;
		if (names_fit(t))
			return true;
	}
	return false;
}

/*
 * With CONFIG_KALLSYMS_ABSOLUTE_PERCPU, offsets that are not negative are
 * addresses themselves, and the others count down from below the base; without
 * it there are no negative ones.
 */
static uint64_t address(const struct tables *t, uint32_t i, bool absolute)
{
	int32_t offset = (int32_t)u32_at(t, t->offsets + 4 * (size_t)i);

	if (!absolute)
		return t->base + (uint32_t)offset;
	if (offset >= 0)
		return (uint64_t)offset;
	return t->base - 1 - (int64_t)offset;
}

static bool has_absolute(const struct tables *t)
{
	uint32_t i;

	for (i = 0; i < t->symbol_count; i++)
		if ((int32_t)u32_at(t, t->offsets + 4 * (size_t)i) < 0)
			return true;
	return false;
}

static bool offsets_fit(struct tables *t, size_t offsets, size_t base_at)
{
	uint64_t last = 0;
	bool absolute;
	uint32_t i;

	t->offsets = offsets;
	memcpy(&t->base, t->bytes + base_at, sizeof(t->base));
	if (t->base < 0xffffffff80000000u || t->base % 8)
		return false;
	absolute = has_absolute(t);
	for (i = 0; i < t->symbol_count; i++) {
		uint64_t va = address(t, i, absolute);

		if (va < last)
			return false;
		last = va;
	}
	return true;
}

static bool find_offsets(struct tables *t)
{
	size_t len = ((size_t)t->symbol_count * 4 + 7) & ~(size_t)7;
	size_t behind = t->token_index + 2 * TOKENS;

	if (t->names >= 16 + len &&
	    offsets_fit(t, t->names - 16 - len, t->names - 16))
		return true;
	return behind + len + 8 <= t->len &&
	       offsets_fit(t, behind, behind + len);
}

/* Whether markers end at this place, and seqs_of_names of so many symbols is
 * between them and token_table. */
static bool fits_with_seqs(struct tables *t, size_t end, uint32_t count)
{
	size_t len;

	t->marker_count = (count + PER_MARKER - 1) / PER_MARKER;
	len = (t->marker_count * 4 + 7) & ~(size_t)7;
	if (end < len)
		return false;
	t->markers = end - len;
	return markers_ascend(t) && find_names(t) &&
	       t->symbol_count == count && find_offsets(t);
}

static bool find_lists(struct tables *t)
{
	size_t seqs_len, count;

	if (find_adjacent_markers(t) && find_names(t) && find_offsets(t))
		return true;
	for (seqs_len = 8; seqs_len < t->token_table &&
			   seqs_len <= 3 * (size_t)SYMBOLS_MAX; seqs_len += 8)
		for (count = seqs_len / 3; count && 3 * count + 8 > seqs_len;
		     count--)
			if (fits_with_seqs(t, t->token_table - seqs_len,
					   (uint32_t)count))
				return true;
	return false;
}

static bool find_tables(const struct vhsm_image_section *section,
			struct tables *t)
{
	size_t at, first = section->va % 8 ? 8 - section->va % 8 : 0;

	*t = (struct tables){ .bytes = section->bytes + first };
	if (section->len < first + 2 * TOKENS)
		return false;
	t->len = section->len - first;
	for (at = 0; at + 2 * TOKENS <= t->len; at += 8) {
		t->token_index = at;
		if (index_ascends(t) && find_table(t) && find_lists(t))
			return true;
	}
	return false;
}

/* Expands one name into text (which may be NULL): its length with the type
 * before it, or 0 when it is too long. */
static size_t expand(const struct tables *t, size_t at, size_t len, char *text)
{
	size_t i, out = 0;

	for (i = 0; i < len; i++) {
		const char *token = (const char *)t->bytes + t->token_table +
				    token_at(t, t->bytes[at + i]);
		size_t token_len = strlen(token);

		if (out + token_len > NAME_LEN_MAX)
			return 0;
		if (text)
			memcpy(text + out, token, token_len);
		out += token_len;
	}
	return out;
}

static size_t names_len(const struct tables *t)
{
	size_t at = t->names, len, total = 0, n;
	uint32_t i;

	for (i = 0; i < t->symbol_count; i++, at += len) {
		if (!name_len(t, &at, &len))
			return 0;
		n = expand(t, at, len, NULL);
		if (n < 2 || total + n + 1 > NAMES_LEN_MAX)
			return 0;
		total += n + 1;
	}
	return total;
}

static void fill(struct vhsm_image *image, const struct tables *t)
{
	bool absolute = has_absolute(t);
	size_t at = t->names, len = 0, n;
	char *text = image->names;
	uint32_t i;

	for (i = 0; i < t->symbol_count; i++, at += len) {
		struct vhsm_image_symbol *s = &image->symbol[i];

		if (!name_len(t, &at, &len))
			return;
		n = expand(t, at, len, text);
		text[n] = 0;
		s->type = text[0];
		s->name = text + 1;
		s->va = address(t, i, absolute);
		text += n + 1;
		image->symbol_count++;
	}
}

int image_read_kallsyms(struct vhsm_image *image, char *why)
{
	struct tables t;
	size_t i, len;

	for (i = 0; i < image->section_count; i++) {
		const struct vhsm_image_section *s = &image->section[i];

		if (!s->exec && s->bytes && find_tables(s, &t))
			break;
	}
	if (i == image->section_count)
		return -ENOENT;
	len = names_len(&t);
	if (len == 0)
		return image_fail(why, -EBADMSG,
				  "its kallsyms table is damaged: a name is empty or too long");
	image->names = malloc(len);
	image->symbol = calloc(t.symbol_count, sizeof(*image->symbol));
	if (!image->names || !image->symbol)
		return image_fail(why, -ENOMEM, "no memory for the symbols");
	fill(image, &t);
	return 0;
}
