/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * compat.h - the only place where Linux versions differ (5.10 to 6.12).
 *
 * Kbuild looks into the headers it builds against and defines VHSM_HAVE_* (a
 * version number would lie: distributions backport).  The macros of ring.h are
 * tested for directly.
 */
#ifndef VHSM_COMPAT_H
#define VHSM_COMPAT_H

#include <linux/mm.h>
#include <xen/grant_table.h>
#include <xen/interface/io/ring.h>
#include <xen/xenbus.h>

/* Not in the first releases of 5.10.y. */
#ifndef RING_COPY_RESPONSE
#define RING_COPY_RESPONSE(_r, _idx, _rsp) \
	(*(_rsp) = *(volatile typeof(_rsp))RING_GET_RESPONSE(_r, _idx))
#endif

#ifndef RING_RESPONSE_PROD_OVERFLOW
#define RING_RESPONSE_PROD_OVERFLOW(_r, _prod) \
	(((_prod) - (_r)->rsp_cons) > RING_SIZE(_r))
#endif

/* xenbus_driver.remove returns int in 5.10, nothing in 6.1.y and 6.12. */
#ifdef VHSM_HAVE_REMOVE_VOID
#define VHSM_REMOVE_TYPE void
#define VHSM_REMOVE_RETURN
#else
#define VHSM_REMOVE_TYPE int
#define VHSM_REMOVE_RETURN return 0
#endif

#ifdef VHSM_HAVE_NOT_ESSENTIAL
#define VHSM_NOT_ESSENTIAL .not_essential = true,
#else
#define VHSM_NOT_ESSENTIAL
#endif

/*
 * Exported for the xenbus core's own use and declared only in a private
 * header.  connect.c says why it is needed.
 */
int xenbus_dev_resume(struct device *dev);

/*
 * Ends a grant and gives up one reference of its page: at once, or, while the
 * backend still maps the page, when it no longer does.  The kernel takes a page
 * in 6.1 and 6.12, "readonly" and an address in 5.10, an address in between.
 */
static inline void vhsm_grant_end(grant_ref_t ref, struct page *page)
{
#if defined(VHSM_HAVE_GRANT_END_PAGE)
	gnttab_end_foreign_access(ref, page);
#elif defined(VHSM_HAVE_GRANT_END_READONLY)
	gnttab_end_foreign_access(ref, 0, (unsigned long)page_address(page));
#else
	gnttab_end_foreign_access(ref, (unsigned long)page_address(page));
#endif
}

#endif /* VHSM_COMPAT_H */
