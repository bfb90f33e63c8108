// SPDX-License-Identifier: Apache-2.0
/*
 * bench-count.c - preloaded into the daemon's processes: counts what they ask
 * of malloc in a file DIR/PID, DIR being $VHSM_BENCH_COUNT, mapped before they
 * give up any right.  Nothing else changes.
 */
#include <config.h>

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void *__libc_malloc(size_t len);
void *__libc_calloc(size_t count, size_t len);
void *__libc_realloc(void *p, size_t len);
void bench_count_begin(void);

static uint64_t early;
static uint64_t *counter = &early;

static void count(void)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

__attribute__((constructor)) void bench_count_begin(void)
{
	const char *dir = getenv("VHSM_BENCH_COUNT");
	char path[512];
	void *p;
	int fd;

	if (!dir)
		return;
	snprintf(path, sizeof(path), "%s/%d", dir, (int)getpid());
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(*counter)))
		return;
	p = mmap(NULL, sizeof(*counter), PROT_READ | PROT_WRITE, MAP_SHARED,
		 fd, 0);
	close(fd);
	if (p != MAP_FAILED)
		counter = p;
}

void *malloc(size_t len)
{
	count();
	return __libc_malloc(len);
}

void *calloc(size_t n, size_t len)
{
	count();
	return __libc_calloc(n, len);
}

void *realloc(void *p, size_t len)
{
	count();
	return __libc_realloc(p, len);
}
