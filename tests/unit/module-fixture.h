/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module-fixture.h - a real module of the tests' kernel, loaded into a made-up
 * guest.
 */
#ifndef MODULE_FIXTURE_H
#define MODULE_FIXTURE_H

#include "introspect/module-reference.h"
#include "unit/table-fixture.h"

#define MODULE_NAME	"xen_netfront"
#define MODULE_BASE	UINT64_C(0xffffffffe0000000)

struct module_fixture {
	struct table_fixture t;
	struct vhsm_modules *modules;
	struct vhsm_module_text text;	/* of the module */
	uint64_t va;			/* of its struct module, */
	uint64_t node;			/* and of its mod_tree_node */
};

/* The module's file, or NULL when there is none: skip the test then. */
const char *module_fixture_file(void);

/* A healthy guest with the module loaded and in the list; the reference is
 * borrowed. */
void module_fixture_init(struct module_fixture *, struct vhsm_reference *,
			 uint64_t slide);
void module_fixture_deinit(struct module_fixture *);

/* Writes a member of a structure: of 4 bytes if it has 4. */
void module_fixture_set(struct module_fixture *, uint64_t va, enum vhsm_layout,
			uint64_t value);
/* Makes a list of these structures from the symbol "modules". */
void module_fixture_list(struct module_fixture *, const uint64_t *va,
			 unsigned count);
/* Fills a struct module at va as the loaded one's, under another name. */
void module_fixture_describe(struct module_fixture *, uint64_t va,
			     const char *name);
/* The first site of the kind. */
const struct vhsm_module_site *module_fixture_site(struct module_fixture *,
						   unsigned kind);

#endif /* MODULE_FIXTURE_H */
