/* SPDX-License-Identifier: Apache-2.0 */
/*
 * domain-name.h - from what an admin calls a domain to its number.
 */
#ifndef MEMSEARCH_DOMAIN_NAME_H
#define MEMSEARCH_DOMAIN_NAME_H

#include <stdint.h>

/* name is a number or a running domain's name.  0, -ENOENT when no domain has
 * that name, or -EIO when libxl cannot be asked. */
int domain_number(const char *name, uint32_t *domid);

#endif /* MEMSEARCH_DOMAIN_NAME_H */
