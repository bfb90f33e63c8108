/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inspect.h - the parts of vhsm-inspect: what was asked for, and the guest it
 * is asked of, be it a running domain or a recording.
 */
#ifndef INSPECT_H
#define INSPECT_H

#include <jansson.h>
#include <stdbool.h>
#include <xenctrl.h>

#include "introspect/kernel.h"

#define INSPECT_WHY_LEN 256u		/* the longest of those it passes on */

enum exit_code {
	EXIT_CLEAN = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_FINDINGS = 4,
};

struct options {
	const char *command;
	const char *domain;
	const char *image;
	const char *out;
	const char *baseline;
	const char *reference;
	const char *checks;
	bool pause;
	bool json;
};

struct source {
	struct vhsm_guest_memory *memory;
	xc_interface *xch;		/* NULL: a recording */
	uint32_t domid;
	uint8_t sha256[32];		/* of a recording, when it was made */
	unsigned vcpu_count;
	struct vhsm_vcpu vcpu[VHSM_VCPUS_MAX];
};

/* Opens what --domain or --image names: 0 or -errno with why. */
int source_open(struct source *, const struct options *, char *why);
/* Registers as they are now, of a domain: 0 or -errno with why. */
int source_refresh(struct source *, char *why);
void source_close(struct source *);

/* The reference that --reference or --baseline names; NULL with why. */
struct vhsm_reference *source_reference(const struct options *, char *why);

/* One line; json is stolen. */
void inspect_print_json(json_t *json);

enum exit_code inspect_record(const struct options *);
enum exit_code inspect_info(const struct options *);
enum exit_code inspect_check(const struct options *);
enum exit_code inspect_checks(const struct options *);

#endif /* INSPECT_H */
