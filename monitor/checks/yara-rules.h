/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yara-rules.h - a file of YARA rules, ready to scan memory with libyara.
 *
 * Rules look at memory, not at files: modules that parse file formats are
 * refused (hostile bytes would be parsed here), and so are includes, and rules
 * that match a page of zeros.  If every string of every rule is plain text or
 * bytes, of at least VHSM_LITERAL_MIN, YARA looks only where one of them
 * stands; otherwise it looks everywhere, which takes ten times as long.
 */
#ifndef VHSM_YARA_RULES_H
#define VHSM_YARA_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VHSM_YARA_WHY_LEN	200u
#define VHSM_YARA_FILE_MAX	4194304u	/* bytes */
#define VHSM_YARA_TIMEOUT_S	20		/* for one scan */

struct vhsm_yara;

struct vhsm_yara_match {
	const char *rule;		/* the rules' */
	const char *description;	/* of its meta; "" */
	const char *string;		/* "$a"; "" when a rule has none */
	size_t offset;			/* of the string's first match */
	size_t len;
};

/* Anything but 0 ends the scan, which returns it; let it be positive. */
typedef int vhsm_yara_found(const struct vhsm_yara_match *, void *arg);

/* 0 with *yara; -ENOENT: no such file; -EINVAL with why naming the line; or
 * another -errno with why (VHSM_YARA_WHY_LEN). */
int vhsm_yara_open(struct vhsm_yara **yara, const char *path, char *why);
void vhsm_yara_close(struct vhsm_yara **);

/* Number of rules, and whether literals spare YARA most of the work. */
unsigned vhsm_yara_rules(const struct vhsm_yara *);
bool vhsm_yara_has_filter(const struct vhsm_yara *);

/* Scans bytes that do not change meanwhile: 0, what found returned, -ETIME,
 * -ENOMEM, or -EIO for libyara's other errors. */
int vhsm_yara_scan(struct vhsm_yara *, const uint8_t *bytes, size_t len,
		   vhsm_yara_found *found, void *arg);

#endif /* VHSM_YARA_RULES_H */
