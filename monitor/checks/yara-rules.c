/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yara-rules.c - compiles and runs rules.
 */
#include "checks/yara-rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <yara.h>

#include "checks/literals.h"

#define ZEROS	4096u

struct vhsm_yara {
	YR_RULES *rules;
	YR_SCANNER *scanner;
	struct vhsm_literals *filter;	/* NULL: YARA looks everywhere */
	unsigned count;
	/* of the scan under way */
	vhsm_yara_found *found;
	void *arg;
	int result;
};

/* --- compiling --- */

struct complaint {
	const char *path;
	char *why;
};

static void complain(int level, const char *file, int line, const YR_RULE *rule,
		     const char *message, void *arg)
{
	struct complaint *c = arg;

	(void)file;
	(void)rule;
	if (level != YARA_ERROR_LEVEL_ERROR || c->why[0])
		return;
	snprintf(c->why, VHSM_YARA_WHY_LEN, "%s line %d: %s", c->path, line,
		 message);
}

/* The file's text, NUL-terminated, the caller's; NULL with *r and why. */
static char *read_text(const char *path, int *r, char *why)
{
	struct stat st;
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t len;

	*r = -errno;
	if (file && !fstat(fileno(file), &st)) {
		*r = -EFBIG;
		if (S_ISREG(st.st_mode) && st.st_size >= 0 &&
		    st.st_size <= (off_t)VHSM_YARA_FILE_MAX) {
			*r = -ENOMEM;
			len = (size_t)st.st_size;
			text = malloc(len + 1);
			if (text)
				text[fread(text, 1, len, file)] = '\0';
		}
	}
	if (file)
		fclose(file);
	if (!text)
		snprintf(why, VHSM_YARA_WHY_LEN, "cannot read %s: %s", path,
			 strerror(-*r));
	return text;
}

static int compile(struct vhsm_yara *y, const char *path, char *why)
{
	struct complaint complaint = { path, why };
	YR_COMPILER *compiler;
	char *text;
	int errors, r;

	text = read_text(path, &r, why);
	if (!text)
		return r;
	if (yr_compiler_create(&compiler) != ERROR_SUCCESS) {
		free(text);
		snprintf(why, VHSM_YARA_WHY_LEN, "not enough memory");
		return -ENOMEM;
	}
	yr_compiler_set_callback(compiler, complain, &complaint);
	yr_compiler_set_include_callback(compiler, NULL, NULL, NULL);
	errors = yr_compiler_add_string(compiler, text, NULL);
	if (!errors && yr_compiler_get_rules(compiler, &y->rules))
		errors = 1;
	yr_compiler_destroy(compiler);
	free(text);
	if (!errors)
		return 0;
	if (!why[0])
		snprintf(why, VHSM_YARA_WHY_LEN, "%s: cannot be compiled",
			 path);
	return -EINVAL;
}

/* --- the filter --- */

static bool is_plain(const YR_STRING *s)
{
	return STRING_IS_LITERAL(s) && !STRING_IS_NO_CASE(s) &&
		!STRING_IS_WIDE(s) && !STRING_IS_XOR(s) &&
		!STRING_IS_BASE64(s) && !STRING_IS_BASE64_WIDE(s) &&
		!STRING_IS_REGEXP(s) &&
		s->length >= (int32_t)VHSM_LITERAL_MIN;
}

/* Adds a rule's strings; false when one is not plain, or there is none. */
static bool add_rule(struct vhsm_literals *filter, const YR_RULE *rule)
{
	const YR_STRING *s;
	bool any = false;

	yr_rule_strings_foreach(rule, s) {
		if (!is_plain(s) ||
		    vhsm_literals_add(filter, s->string, (size_t)s->length))
			return false;
		any = true;
	}
	return any;
}

static void make_filter(struct vhsm_yara *y)
{
	const YR_RULE *rule;
	bool plain = true;

	y->filter = vhsm_literals_new();
	if (!y->filter)
		return;
	yr_rules_foreach(y->rules, rule) {
		y->count++;
		plain = plain && add_rule(y->filter, rule);
	}
	if (!plain)
		vhsm_literals_free(&y->filter);
}

/* --- scanning --- */

static const char *description(const YR_RULE *rule)
{
	const YR_META *meta;

	yr_rule_metas_foreach(rule, meta)
		if (meta->type == META_TYPE_STRING &&
		    !strcmp(meta->identifier, "description"))
			return meta->string;
	return "";
}

/* Takes a string's match when it stands before the one there is. */
static void take_first(const YR_STRING *s, const YR_MATCH *m,
		       struct vhsm_yara_match *match)
{
	if (m->is_private || m->offset < 0 || m->match_length < 0 ||
	    (match->string[0] && (size_t)m->offset >= match->offset))
		return;
	match->string = s->identifier;
	match->offset = (size_t)m->offset;
	match->len = (size_t)m->match_length;
}

/* The first of a rule's strings, by place, that matched. */
static void first_match(YR_SCAN_CONTEXT *context, const YR_RULE *rule,
			struct vhsm_yara_match *match)
{
	const YR_STRING *s;
	const void *at;
	YR_MATCH m;

	yr_rule_strings_foreach(rule, s) {
		/* libyara does not align its matches: each is copied. */
		for (at = context->matches[s->idx].head; at; at = m.next) {
			memcpy(&m, at, sizeof(m));
			take_first(s, &m, match);
		}
	}
}

static int called_back(YR_SCAN_CONTEXT *context, int message, void *data,
		       void *arg)
{
	struct vhsm_yara *y = arg;
	struct vhsm_yara_match match = { .string = "" };
	const YR_RULE *rule = data;

	if (message == CALLBACK_MSG_IMPORT_MODULE) {
		y->result = -ENOTSUP;
		return CALLBACK_ERROR;
	}
	if (message != CALLBACK_MSG_RULE_MATCHING)
		return CALLBACK_CONTINUE;
	match.rule = rule->identifier;
	match.description = description(rule);
	first_match(context, rule, &match);
	y->result = y->found(&match, y->arg);
	return y->result ? CALLBACK_ABORT : CALLBACK_CONTINUE;
}

static int scan(struct vhsm_yara *y, const uint8_t *bytes, size_t len)
{
	int error;

	y->result = 0;
	error = yr_scanner_scan_mem(y->scanner, bytes, len);
	if (y->result || error == ERROR_SUCCESS)
		return y->result;
	if (error == ERROR_SCAN_TIMEOUT)
		return -ETIME;
	return error == ERROR_INSUFFICIENT_MEMORY ? -ENOMEM : -EIO;
}

int vhsm_yara_scan(struct vhsm_yara *y, const uint8_t *bytes, size_t len,
		   vhsm_yara_found *found, void *arg)
{
	if (y->filter && !vhsm_literals_occur(y->filter, bytes, len))
		return 0;
	y->found = found;
	y->arg = arg;
	return scan(y, bytes, len);
}

/* --- opening --- */

static int note_rule(const struct vhsm_yara_match *match, void *arg)
{
	const char **rule = arg;

	*rule = match->rule;
	return 1;
}

/* Refuses what must not be run on a guest's memory. */
static int try_zeros(struct vhsm_yara *y, const char *path, char *why)
{
	static const uint8_t zeros[ZEROS];
	const char *rule = "";
	int r;

	y->found = note_rule;
	y->arg = &rule;
	r = scan(y, zeros, sizeof(zeros));
	if (!r)
		return 0;
	if (r == -ENOTSUP)
		snprintf(why, VHSM_YARA_WHY_LEN, "%s: imports a module; none is"
			 " run on a guest's memory", path);
	else if (r == 1)
		snprintf(why, VHSM_YARA_WHY_LEN, "%s: rule %.60s matches empty"
			 " memory", path, rule);
	else
		snprintf(why, VHSM_YARA_WHY_LEN, "%s: cannot be run: %s", path,
			 strerror(-r));
	return r == 1 || r == -ENOTSUP ? -EINVAL : r;
}

int vhsm_yara_open(struct vhsm_yara **yara, const char *path, char *why)
{
	struct vhsm_yara *y = NULL;
	int r = -ENOMEM;

	*yara = NULL;
	why[0] = '\0';
	if (yr_initialize() != ERROR_SUCCESS) {
		snprintf(why, VHSM_YARA_WHY_LEN, "libyara cannot start");
		return -ENOMEM;
	}
	y = calloc(1, sizeof(*y));
	if (y)
		r = compile(y, path, why);
	if (!r && yr_scanner_create(y->rules, &y->scanner) != ERROR_SUCCESS)
		r = -ENOMEM;
	if (!r) {
		yr_scanner_set_callback(y->scanner, called_back, y);
		yr_scanner_set_timeout(y->scanner, VHSM_YARA_TIMEOUT_S);
		/* The bytes are our own: no fault to be caught. */
		yr_scanner_set_flags(y->scanner, SCAN_FLAGS_FAST_MODE |
				     SCAN_FLAGS_NO_TRYCATCH |
				     SCAN_FLAGS_REPORT_RULES_MATCHING);
		make_filter(y);
		r = try_zeros(y, path, why);
	}
	if (!r) {
		*yara = y;
		return 0;
	}
	if (!why[0])
		snprintf(why, VHSM_YARA_WHY_LEN, "not enough memory");
	if (y)
		vhsm_yara_close(&y);
	else
		yr_finalize();
	return r;
}

void vhsm_yara_close(struct vhsm_yara **yara)
{
	struct vhsm_yara *y = *yara;

	if (!y)
		return;
	vhsm_literals_free(&y->filter);
	if (y->scanner)
		yr_scanner_destroy(y->scanner);
	if (y->rules)
		yr_rules_destroy(y->rules);
	free(y);
	yr_finalize();
	*yara = NULL;
}

unsigned vhsm_yara_rules(const struct vhsm_yara *y)
{
	return y->count;
}

bool vhsm_yara_has_filter(const struct vhsm_yara *y)
{
	return y->filter;
}
