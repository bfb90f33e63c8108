/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evil-memory [UID] < HEX - holds bytes in its memory that must not be in a
 * guest's: a key of custody, or what a YARA rule looks for.  They come as
 * hexadecimal digits, so that nothing but this program's memory ever has them;
 * then it waits to be killed.  With UID it becomes that user first, to be made
 * root by evil-cred.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define HELD_MAX	4096u

static int digit(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* Reads digits up to the line's end straight into their place. */
static size_t read_bytes(uint8_t *held)
{
	size_t count = 0;
	int high, low;

	while (count < HELD_MAX && (high = digit(getchar())) >= 0) {
		low = digit(getchar());
		if (low < 0)
			return 0;
		held[count++] = (uint8_t)(high << 4 | low);
	}
	return count;
}

int main(int argc, char **argv)
{
	uint8_t *held = mmap(NULL, HELD_MAX, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t count;

	if (held == MAP_FAILED) {
		perror("evil-memory: mmap");
		return 1;
	}
	/* By root: all of its ids. */
	if (argc > 1 && setuid((uid_t)strtoul(argv[1], NULL, 10))) {
		perror("evil-memory: setuid");
		return 1;
	}
	count = read_bytes(held);
	printf("evil-memory: %zu bytes held by %d\n", count, (int)getpid());
	fflush(stdout);
	for (;;)
		pause();
}
