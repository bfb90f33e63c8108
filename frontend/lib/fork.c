/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fork.c - notices that the process is a forked child.
 *
 * A child shares rings and descriptors with its parent and must not use them.
 * getpid() would cost a system call per operation, and fork handlers miss a
 * bare clone(); so one page is marked MADV_WIPEONFORK (Linux 4.14), and reads
 * as zero in every child, however it was made.
 */
#include "lib/session.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

/* Both hold the epoch; the page is wiped in a child, "last" is not. */
static uint32_t *mark;
static uint32_t last;

int vhsm_fork_watch(void)
{
	size_t len = (size_t)sysconf(_SC_PAGESIZE);
	uint32_t *page, *none = NULL;
	int err;

	if (__atomic_load_n(&mark, __ATOMIC_ACQUIRE))
		return 0;
	page = mmap(NULL, len, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return -errno;
	if (madvise(page, len, MADV_WIPEONFORK) < 0) {
		err = errno;
		munmap(page, len);
		return -err;
	}
	/* No lock: a child forked meanwhile would inherit it locked. */
	if (!__atomic_compare_exchange_n(&mark, &none, page, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		munmap(page, len);	/* another thread was first */
	return 0;
}

uint32_t vhsm_fork_epoch(void)
{
	uint32_t epoch = __atomic_load_n(mark, __ATOMIC_ACQUIRE);
	uint32_t next, wiped = 0;

	if (epoch)
		return epoch;
	/* Threads of the child that come here together agree on the number. */
	next = __atomic_load_n(&last, __ATOMIC_ACQUIRE) + 1;
	__atomic_compare_exchange_n(mark, &wiped, next, false,
				    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
	__atomic_store_n(&last, next, __ATOMIC_RELEASE);
	return next;
}
