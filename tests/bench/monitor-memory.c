/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitor-memory.c - fingerprints of a made-up guest's pages, whose memory is
 * mapped as a live guest's is.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench/bench-monitor.h"
#include "bench/harness.h"
#include "introspect/guest-memory-backend.h"
#include "introspect/page-hash.h"

#define MIB		(UINT64_C(1) << 20)
#define ROUNDS_MAX	64u
#define PAGE		VHSM_GUEST_PAGE_SIZE

/* Where results go, so that none is left out by the compiler. */
static volatile uint64_t sink;

struct mapped {
	struct vhsm_guest_memory base;
	uint8_t *bytes;
};

static int load(struct vhsm_guest_memory *m, uint64_t first, unsigned count,
		uint8_t **bytes, uint64_t *present)
{
	*bytes = ((struct mapped *)m)->bytes + first * PAGE;
	memset(present, 0xff, count / 8);
	return 0;
}

static void unload(struct vhsm_guest_memory *m, uint8_t *bytes, unsigned count)
{
	(void)m;
	(void)bytes;
	(void)count;
}

static void close_mapped(struct vhsm_guest_memory *m)
{
	(void)m;
}

static void mapped_init(struct mapped *m, uint8_t *bytes, uint64_t len)
{
	memset(m, 0, sizeof(*m));
	m->bytes = bytes;
	m->base.load = load;
	m->base.unload = unload;
	m->base.close = close_mapped;
	m->base.frames = len / PAGE;
	m->base.chunk_pages = GUEST_CHUNK_PAGES_MAX;
	m->base.chunk_max = GUEST_CHUNK_COUNT_MAX;
	if (guest_memory_init(&m->base))
		bench_die("out of memory");
}

static uint8_t *make_memory(uint64_t len)
{
	uint8_t *bytes = mmap(NULL, len, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t i, word;

	if (bytes == MAP_FAILED)
		bench_die("no %llu MiB of memory",
			  (unsigned long long)(len / MIB));
	for (i = 0; i < len; i += sizeof(word)) {
		word = i * UINT64_C(0x9e3779b97f4a7c15);
		memcpy(bytes + i, &word, sizeof(word));
	}
	return bytes;
}

/* As fast as one thread reads: four sums side by side. */
static double read_ms(const uint8_t *bytes, uint64_t len)
{
	const uint64_t *word = (const uint64_t *)bytes, *end = word + len / 8;
	uint64_t a = 0, b = 0, c = 0, d = 0, start = bench_now();

	for (; word < end; word += 8) {
		a ^= word[0] ^ word[4];
		b ^= word[1] ^ word[5];
		c ^= word[2] ^ word[6];
		d ^= word[3] ^ word[7];
	}
	sink ^= a ^ b ^ c ^ d;
	return (double)(bench_now() - start) / 1e6;
}

/* Fingerprints the frames whose bit is set; NULL: all. */
static double sweep_ms(struct vhsm_guest_memory *m,
		       const struct vhsm_page_key *key, const uint8_t *dirty)
{
	uint64_t frames = vhsm_guest_memory_frames(m), gfn, sum = 0;
	uint64_t start = bench_now();

	for (gfn = 0; gfn < frames; gfn++)
		if (!dirty || dirty[gfn / 8] >> gfn % 8 & 1)
			sum ^= vhsm_page_hash(key, vhsm_guest_memory_page(m,
									gfn));
	sink ^= sum;
	return (double)(bench_now() - start) / 1e6;
}

static void bench_hash(struct bench_monitor *b, const uint8_t *bytes,
		       uint64_t len, const struct vhsm_page_key *key)
{
	double read[ROUNDS_MAX], hash[ROUNDS_MAX], ratio[ROUNDS_MAX];
	uint64_t at, start, sum;
	unsigned i;

	for (i = 0; i < b->rounds; i++) {
		read[i] = read_ms(bytes, len);
		start = bench_now();
		for (at = 0, sum = 0; at < len; at += PAGE)
			sum ^= vhsm_page_hash(key, bytes + at);
		sink ^= sum;
		hash[i] = (double)(bench_now() - start) / 1e6;
		ratio[i] = read[i] / hash[i];
	}
	bench_row(b, "read memory", bench_median(read, b->rounds), 0, "");
	bench_row(b, "fingerprint pages", bench_median(hash, b->rounds),
		  bench_median(ratio, b->rounds),
		  "of read bandwidth (target 0.60)");
}

/* Of a quarter, a half and all of the memory. */
static void bench_full(struct bench_monitor *b, uint8_t *bytes,
		       const struct vhsm_page_key *key)
{
	double ms[3][ROUNDS_MAX], ratio[3][ROUNDS_MAX];
	struct mapped m[3];
	struct vhsm_guest_memory *memory;
	char name[64];
	unsigned i, size;

	for (size = 0; size < 3; size++)
		mapped_init(&m[size], bytes, (b->memory_mib << size >> 2) *
			    MIB);
	for (i = 0; i < b->rounds; i++)
		for (size = 0; size < 3; size++) {
			ms[size][i] = sweep_ms(&m[size].base, key, NULL);
			ratio[size][i] = ms[size][i] / (ms[0][i] * (1 << size));
		}
	for (size = 0; size < 3; size++) {
		snprintf(name, sizeof(name), "full sweep of %llu MiB",
			 (unsigned long long)(b->memory_mib << size >> 2));
		bench_row(b, name, bench_median(ms[size], b->rounds),
			  size ? bench_median(ratio[size], b->rounds) : 0,
			  size ? "of what the smallest would scale to" : "");
		memory = &m[size].base;
		vhsm_guest_memory_close(&memory);
	}
}

/*
 * Scattered pages, for whose beginnings no processor reads ahead: each costs
 * more than a page of a full sweep, but no more the fewer there are.
 */
static void bench_dirty(struct bench_monitor *b, uint8_t *bytes,
			const struct vhsm_page_key *key)
{
	static const unsigned every[] = { 2, 8, 32, 128 };
	double ms[4][ROUNDS_MAX], ratio[4][ROUNDS_MAX];
	struct vhsm_guest_memory *memory;
	uint64_t frames = b->memory_mib * MIB / PAGE, gfn;
	uint8_t *dirty[4];
	struct mapped m;
	char name[64];
	unsigned i, part;

	mapped_init(&m, bytes, b->memory_mib * MIB);
	for (part = 0; part < 4; part++) {
		dirty[part] = calloc(1, frames / 8 + 1);
		if (!dirty[part])
			bench_die("out of memory");
		for (gfn = 0; gfn < frames; gfn += every[part])
			dirty[part][gfn / 8] |= (uint8_t)(1 << gfn % 8);
	}
	for (i = 0; i < b->rounds; i++)
		for (part = 0; part < 4; part++) {
			ms[part][i] = sweep_ms(&m.base, key, dirty[part]);
			ratio[part][i] = ms[part][i] * every[part] /
					 (ms[0][i] * every[0]);
		}
	for (part = 0; part < 4; part++) {
		snprintf(name, sizeof(name), "sweep of the written 1/%u",
			 every[part]);
		bench_row(b, name, bench_median(ms[part], b->rounds),
			  part ? bench_median(ratio[part], b->rounds) : 0,
			  part ? "of what 1/2 would scale to" :
			  "");
		free(dirty[part]);
	}
	memory = &m.base;
	vhsm_guest_memory_close(&memory);
}

void bench_memory(struct bench_monitor *b)
{
	uint8_t *bytes = make_memory(b->memory_mib * MIB);
	struct vhsm_page_key key;

	if (b->rounds > ROUNDS_MAX)
		b->rounds = ROUNDS_MAX;
	if (vhsm_page_key_init(&key))
		bench_die("no random numbers");
	bench_hash(b, bytes, b->memory_mib * MIB, &key);
	bench_full(b, bytes, &key);
	bench_dirty(b, bytes, &key);
	munmap(bytes, b->memory_mib * MIB);
}
