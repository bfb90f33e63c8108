/* SPDX-License-Identifier: Apache-2.0 */
/*
 * domain-name.c - asks libxl, which knows every domain by name.
 */
#include "memsearch/domain-name.h"

#include <errno.h>
#include <libxl.h>
#include <libxl_utils.h>
#include <stdlib.h>
#include <string.h>
#include <xentoollog.h>

static int ask(const char *name, uint32_t *domid, xentoollog_logger *logger)
{
	libxl_ctx *ctx = NULL;
	int r;

	if (libxl_ctx_alloc(&ctx, LIBXL_VERSION, 0, logger))
		return -EIO;
	r = libxl_name_to_domid(ctx, name, domid) ? -ENOENT : 0;
	libxl_ctx_free(ctx);
	return r;
}

int domain_number(const char *name, uint32_t *domid)
{
	xentoollog_logger_stdiostream *logger;
	unsigned long number;
	char *end;
	int r;

	if (*name && strspn(name, "0123456789") == strlen(name)) {
		number = strtoul(name, &end, 10);
		if (strlen(name) > 5 || number >= 0x7ff0)
			return -ENOENT;
		*domid = (uint32_t)number;
		return 0;
	}
	logger = xtl_createlogger_stdiostream(stderr, XTL_ERROR, 0);
	if (!logger)
		return -EIO;
	r = ask(name, domid, (xentoollog_logger *)logger);
	xtl_logger_destroy((xentoollog_logger *)logger);
	return r;
}
