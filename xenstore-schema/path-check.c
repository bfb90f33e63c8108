/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path-check.c - judges a path and its value by the table that paths-gen makes
 * of vhsm.paths.
 *
 * A path has at most MAX_VARIABLES variables; the regular expression takes
 * them apart, the ranges judge them.  The first row that fits decides.
 */
#include "path-check.h"

#include <errno.h>
#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VHSMIF_NO_RING
#include "vhsmif.h"

#define MAX_VARIABLES	4
#define TEXT_MAX	4096		/* longest value xenstore carries */

enum value_kind {
	VALUE_INTEGER,
	VALUE_INTEGER_LIST,
	VALUE_WORDS,
	VALUE_PATH,
	VALUE_STRING,
	VALUE_UUID,
	VALUE_EMPTY,
	VALUE_EVENT,
};

struct variable {
	uint64_t low;
	uint64_t high;
	bool is_number;
};

struct rule {
	const char *path;		/* extended regular expression */
	struct variable variable[MAX_VARIABLES];
	enum value_kind kind;
	uint64_t low;
	uint64_t high;
	const char *words;		/* extended regular expression */
	const char *type;		/* as the schema spells it */
};

static const struct rule rules[] = {
#include "vhsm-paths-rules.h"
};

/* 1 if text fits pattern, 0 if not, -ENOMEM. */
static int matches(const char *pattern, const char *text, regmatch_t *part)
{
	regex_t compiled;
	int r;

	if (regcomp(&compiled, pattern, REG_EXTENDED))
		return -ENOMEM;		/* the patterns are our own */
	r = !regexec(&compiled, text, part ? MAX_VARIABLES + 1 : 0, part, 0);
	regfree(&compiled);
	return r;
}

/* len decimal digits, no sign, no leading zero, within low..high. */
static bool number_in(const char *text, size_t len, uint64_t low, uint64_t high)
{
	uint64_t value = 0;
	size_t i;

	if (len == 0 || len > 10 || (len > 1 && text[0] == '0'))
		return false;
	for (i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(text[i] - '0');
	}
	return value >= low && value <= high;
}

static bool list_in(const char *text, uint64_t low, uint64_t high)
{
	uint64_t value;
	size_t len;

	for (;;) {
		len = strcspn(text, ",");
		if (!number_in(text, len, low, high))
			return false;
		for (value = 0; len > 0; len--, text++)
			value = value * 10 + (uint64_t)(*text - '0');
		if (*text == '\0')
			return true;
		low = value + 1;	/* ascending */
		text++;
	}
}

static bool string_check(const char *text)
{
	size_t i;

	for (i = 0; text[i]; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f ||
		    i == TEXT_MAX)
			return false;
	return true;
}

static int value_check(const struct rule *rule, const char *value)
{
	switch (rule->kind) {
	case VALUE_INTEGER:
		return number_in(value, strlen(value), rule->low, rule->high);
	case VALUE_INTEGER_LIST:
		return list_in(value, rule->low, rule->high);
	case VALUE_WORDS:
		return matches(rule->words, value, NULL);
	case VALUE_PATH:
		return matches("^(/[A-Za-z0-9_@:-]+)+$", value, NULL);
	case VALUE_UUID:
		return matches("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
			       value, NULL);
	case VALUE_STRING:
	case VALUE_EMPTY:
		return string_check(value);
	case VALUE_EVENT:
		return false;		/* never holds anything */
	}
	return false;
}

static bool variables_check(const struct rule *rule, const char *path,
			    const regmatch_t *part)
{
	const struct variable *v;
	int i;

	for (i = 0; i < MAX_VARIABLES; i++) {
		v = &rule->variable[i];
		if (v->is_number &&
		    !number_in(path + part[i + 1].rm_so,
			       (size_t)(part[i + 1].rm_eo - part[i + 1].rm_so),
			       v->low, v->high))
			return false;
	}
	return true;
}

int vhsm_path_check(const char *path, const char *value, const char **expected)
{
	regmatch_t part[MAX_VARIABLES + 1];
	size_t i;
	int r;

	if (expected)
		*expected = NULL;
	for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		r = matches(rules[i].path, path, part);
		if (r < 0)
			return r;
		if (!r || !variables_check(&rules[i], path, part))
			continue;
		if (expected)
			*expected = rules[i].type;
		r = value_check(&rules[i], value);
		if (r < 0)
			return r;
		return r ? VHSM_PATH_OK : VHSM_PATH_BAD_VALUE;
	}
	return VHSM_PATH_UNKNOWN;
}
