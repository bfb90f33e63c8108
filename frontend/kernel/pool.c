// SPDX-License-Identifier: GPL-2.0-only
/*
 * pool.c - a queue's buffer pool: its pages, their grants, and the slices of
 * it that open files have.
 *
 * The pages are granted when the device connects, with a directory that lists
 * the grants, and stay granted when it reconnects to the same domain.
 *
 * Invariants:
 * 1. A page is zero when it is given to a slice and zeroed when it comes back.
 * 2. A page that comes back while an earlier backend may still map the pool
 *    (draining) is not given again before the backend says it has unmapped:
 *    it could otherwise write one file's results into another file's slice.
 * 3. Freeing a page never takes it from under the backend: ending a grant
 *    keeps a reference of its own until the page is unmapped.
 *
 * All functions may sleep.
 */
#include <linux/bitmap.h>
#include <linux/slab.h>

#include <xen/page.h>

#include "vhsmfront.h"

static void pages_free(struct page **pages, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		if (!pages[i])
			continue;
		clear_page(page_address(pages[i]));
		__free_page(pages[i]);
		pages[i] = NULL;
	}
}

static int pages_alloc(struct page **pages, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		pages[i] = alloc_page(GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN);
		if (!pages[i])
			return -ENOMEM;
	}
	return 0;
}

int vhsm_pool_init(struct vhsm_pool *pool, unsigned int page_count)
{
	int err = -ENOMEM;

	mutex_init(&pool->lock);
	pool->page_count = page_count;
	pool->free_count = page_count;
	pool->directory_count = DIV_ROUND_UP(page_count,
					     VHSM_DIRECTORY_ENTRIES);
	pool->pages = kvcalloc(page_count, sizeof(*pool->pages), GFP_KERNEL);
	pool->refs = kvcalloc(page_count, sizeof(*pool->refs), GFP_KERNEL);
	pool->used = bitmap_zalloc(page_count, GFP_KERNEL);
	pool->limbo = bitmap_zalloc(page_count, GFP_KERNEL);
	if (pool->pages && pool->refs && pool->used && pool->limbo)
		err = pages_alloc(pool->pages, page_count);
	if (!err)
		err = pages_alloc(pool->directory, pool->directory_count);
	if (err)
		vhsm_pool_deinit(pool);
	return err;
}

/* Also for a pool half made; no slice may be in use. */
void vhsm_pool_deinit(struct vhsm_pool *pool)
{
	if (pool->pages)
		pages_free(pool->pages, pool->page_count);
	pages_free(pool->directory, pool->directory_count);
	kvfree(pool->pages);
	kvfree(pool->refs);
	bitmap_free(pool->used);
	bitmap_free(pool->limbo);
	pool->pages = NULL;
	pool->refs = NULL;
	pool->used = NULL;
	pool->limbo = NULL;
}

static void ungrant(struct page **pages, grant_ref_t *refs, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		get_page(pages[i]);
		vhsm_grant_end(refs[i], pages[i]);
	}
}

static int grant(struct page **pages, grant_ref_t *refs, unsigned int count,
		 domid_t domain, bool readonly)
{
	unsigned int i;
	int ref;

	for (i = 0; i < count; i++) {
		ref = gnttab_grant_foreign_access(domain,
						  xen_page_to_gfn(pages[i]),
						  readonly);
		if (ref < 0) {
			ungrant(pages, refs, i);
			return ref;
		}
		refs[i] = ref;
	}
	return 0;
}

static void directory_write(struct vhsm_pool *pool)
{
	unsigned int i;
	__le32 *entry;

	for (i = 0; i < pool->page_count; i++) {
		entry = page_address(pool->directory[i /
						     VHSM_DIRECTORY_ENTRIES]);
		entry[i % VHSM_DIRECTORY_ENTRIES] = cpu_to_le32(pool->refs[i]);
	}
}

/* Grants pool and directory to the domain, unless they already are. */
int vhsm_pool_grant(struct vhsm_pool *pool, domid_t domain)
{
	int err;

	if (pool->granted && !pool->stale && pool->granted_to == domain)
		return 0;
	vhsm_pool_ungrant(pool);
	err = grant(pool->pages, pool->refs, pool->page_count, domain, false);
	if (err)
		return err;
	err = grant(pool->directory, pool->directory_refs,
		    pool->directory_count, domain, true);
	if (err) {
		ungrant(pool->pages, pool->refs, pool->page_count);
		return err;
	}
	directory_write(pool);
	pool->granted = true;
	pool->stale = false;
	pool->granted_to = domain;
	return 0;
}

void vhsm_pool_ungrant(struct vhsm_pool *pool)
{
	if (!pool->granted)
		return;
	ungrant(pool->pages, pool->refs, pool->page_count);
	ungrant(pool->directory, pool->directory_refs, pool->directory_count);
	pool->granted = false;
}

/* The longest run of free pages; its length in *len, 0 if there is none. */
static unsigned int longest_run(const struct vhsm_pool *pool,
				unsigned int *len)
{
	unsigned int first = 0, best = 0, start, end = 0;

	*len = 0;
	for (;;) {
		start = find_next_zero_bit(pool->used, pool->page_count, end);
		if (start >= pool->page_count)
			return best;
		end = find_next_bit(pool->used, pool->page_count, start);
		first = start;
		if (end - first > *len) {
			*len = end - first;
			best = first;
		}
	}
}

/*
 * Takes up to *page_count pages in a row, fewer if there are not so many;
 * *page_count says how many.  The first page's number, or -ENOMEM.
 */
int vhsm_pool_take(struct vhsm_pool *pool, unsigned int *page_count)
{
	unsigned int first, len;

	mutex_lock(&pool->lock);
	first = bitmap_find_next_zero_area(pool->used, pool->page_count, 0,
					   *page_count, 0);
	len = *page_count;
	if (first >= pool->page_count)
		first = longest_run(pool, &len);
	if (len) {
		bitmap_set(pool->used, first, len);
		pool->free_count -= len;
	}
	mutex_unlock(&pool->lock);
	*page_count = len;
	return len ? (int)first : -ENOMEM;
}

static void page_release(struct vhsm_pool *pool, unsigned int i)
{
	clear_page(page_address(pool->pages[i]));
	__clear_bit(i, pool->used);
	pool->free_count++;
}

/* Gives pages back; nobody in this domain may still map or use them. */
void vhsm_pool_give(struct vhsm_pool *pool, unsigned int first,
		    unsigned int page_count)
{
	unsigned int i;

	mutex_lock(&pool->lock);
	for (i = first; i < first + page_count; i++) {
		if (pool->draining)
			__set_bit(i, pool->limbo);
		else
			page_release(pool, i);
	}
	mutex_unlock(&pool->lock);
}

/* From now on pages given back wait for vhsm_pool_drained. */
void vhsm_pool_drain(struct vhsm_pool *pool)
{
	mutex_lock(&pool->lock);
	pool->draining = true;
	mutex_unlock(&pool->lock);
}

/* The backend has unmapped the pool. */
void vhsm_pool_drained(struct vhsm_pool *pool)
{
	unsigned int i;

	mutex_lock(&pool->lock);
	pool->draining = false;
	for_each_set_bit(i, pool->limbo, pool->page_count)
		page_release(pool, i);
	bitmap_zero(pool->limbo, pool->page_count);
	mutex_unlock(&pool->lock);
}
