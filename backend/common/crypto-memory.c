/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crypto-memory.c - size classes, one stock of free blocks a class and thread.
 *
 * A block is a header and what OpenSSL asked for.  A freed block is wiped and
 * goes to the stock of the freeing thread, or to malloc when it is larger than
 * any class or the stock is full.  Stocks end with their thread.
 *
 * With a sanitizer nothing is kept, so that it sees every use after free.
 */
#include <config.h>

#include "common/crypto-memory.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST 32u		/* bytes of class 0; each next is twice */
#define CLASSES 10u		/* to 16 KiB: RSA-4096's tables */
#define KEPT_BYTES 65536u	/* at most, of each class and thread */

#ifdef VHSM_SANITIZED
static const bool keep_blocks = false;
#else
static const bool keep_blocks = true;
#endif

struct block {
	size_t len;		/* asked for */
	uint32_t class;		/* CLASSES: none, straight from malloc */
	uint32_t reserved;
	struct block *next;	/* while in stock; else the user's bytes */
};
#define HEADER offsetof(struct block, next)
_Static_assert(HEADER % _Alignof(max_align_t) == 0, "blocks are aligned");

struct stock {
	struct block *first[CLASSES];
	unsigned count[CLASSES];
	bool registered;
	bool ended;		/* the thread's destructors have begun */
};
static __thread struct stock stock;
static pthread_key_t stock_key;

static size_t class_room(unsigned class)
{
	return (size_t)SMALLEST << class;
}

static unsigned class_of(size_t len)
{
	unsigned class = 0;

	while (class < CLASSES && class_room(class) < len)
		class++;
	return class;
}

static struct block *block_of(void *bytes)
{
	return (struct block *)((char *)bytes - HEADER);
}

/* Runs as a thread ends; OpenSSL's own ends may free more after us. */
static void stock_deinit(void *arg)
{
	struct stock *s = arg;

	s->ended = true;
	for (unsigned class = 0; class < CLASSES; class++) {
		while (s->first[class]) {
			struct block *b = s->first[class];

			s->first[class] = b->next;
			free(b);
		}
		s->count[class] = 0;
	}
}

static void *allocate(size_t len, const char *file, int line)
{
	unsigned class = class_of(len);
	struct block *b = NULL;

	(void)file;
	(void)line;
	if (len == 0 || len > SIZE_MAX - HEADER)
		return NULL;
	if (class < CLASSES && stock.first[class]) {
		b = stock.first[class];
		stock.first[class] = b->next;
		stock.count[class]--;
		b->next = NULL;
	} else {
		b = malloc(HEADER + (class < CLASSES ? class_room(class) :
				     len));
		if (!b)
			return NULL;
		b->class = class;
	}
	b->len = len;
	return (char *)b + HEADER;
}

static bool stock_takes(const struct block *b)
{
	if (!keep_blocks || b->class >= CLASSES || stock.ended ||
	    stock.count[b->class] >= KEPT_BYTES / class_room(b->class))
		return false;
	if (!stock.registered)
		stock.registered = pthread_setspecific(stock_key, &stock) == 0;
	return stock.registered;
}

static void release(void *bytes, const char *file, int line)
{
	struct block *b;

	(void)file;
	(void)line;
	if (!bytes)
		return;
	b = block_of(bytes);
	OPENSSL_cleanse(bytes, b->len);
	if (!stock_takes(b)) {
		free(b);
		return;
	}
	b->next = stock.first[b->class];
	stock.first[b->class] = b;
	stock.count[b->class]++;
}

static void *resize(void *bytes, size_t len, const char *file, int line)
{
	struct block *b;
	void *moved;

	if (!bytes)
		return allocate(len, file, line);
	if (len == 0) {
		release(bytes, file, line);
		return NULL;
	}
	b = block_of(bytes);
	if (b->class < CLASSES && len <= class_room(b->class)) {
		if (len < b->len)
			OPENSSL_cleanse((char *)bytes + len, b->len - len);
		b->len = len;
		return bytes;
	}
	moved = allocate(len, file, line);
	if (!moved)
		return NULL;
	memcpy(moved, bytes, len < b->len ? len : b->len);
	release(bytes, file, line);
	return moved;
}

int vhsm_crypto_memory_init(void)
{
	if (pthread_key_create(&stock_key, stock_deinit))
		return -EAGAIN;
	if (CRYPTO_set_mem_functions(allocate, resize, release))
		return 0;
	pthread_key_delete(stock_key);
	return -EBUSY;
}
