/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-fixture.c - memory and page tables of a made-up guest.
 */
#include "unit/guest-fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "introspect/guest-memory-backend.h"

#define PRESENT		UINT64_C(0x001)
#define WRITE		UINT64_C(0x002)
#define USER		UINT64_C(0x004)
#define LARGE		UINT64_C(0x080)
#define NO_EXEC		(UINT64_C(1) << 63)
#define ADDRESS		UINT64_C(0x000ffffffffff000)

void guest_fixture_init(struct guest_fixture *f, uint64_t len, bool five_levels)
{
	char why[VHSM_MEMORY_WHY_LEN] = "";
	const char *dir = getenv("TMPDIR");

	memset(f, 0, sizeof(*f));
	snprintf(f->path, sizeof(f->path), "%.30s/test-guest.XXXXXX",
		 dir ? dir : "/tmp");
	f->fd = mkstemp(f->path);
	ck_assert_int_ge(f->fd, 0);
	ck_assert_int_eq(ftruncate(f->fd, (off_t)len), 0);
	f->len = f->free_end = len;
	f->five_levels = five_levels;
	f->memory = vhsm_guest_memory_open_image(f->path, why);
	ck_assert_msg(f->memory, "%s", why);
	/* the upper page of the pair is for a table without the kernel */
	guest_fixture_page(f);
	f->root = guest_fixture_page(f);
	f->space = (struct vhsm_address_space){
		.memory = f->memory, .root = f->root,
		.five_levels = five_levels,
	};
	f->vcpu = (struct vhsm_vcpu){
		.online = 1, .cr0 = 0x80050033, .cr3 = f->root,
		.cr4 = five_levels ? 0x1020 : 0x20, .efer = 0xd01,
	};
}

void guest_fixture_deinit(struct guest_fixture *f)
{
	vhsm_guest_memory_close(&f->memory);
	close(f->fd);
	unlink(f->path);
}

uint64_t guest_fixture_page(struct guest_fixture *f)
{
	ck_assert_uint_gt(f->free_end, GUEST_PAGE);
	f->free_end -= GUEST_PAGE;
	return f->free_end;
}

/* Writes into what is kept of the image, too: to forget it all for each word
 * that is written, and to read it again, took most of the tests' time.  False:
 * a hole of the file is kept. */
static bool write_kept(struct guest_fixture *f, uint64_t physical,
		       const uint8_t *bytes, size_t len)
{
	struct vhsm_guest_memory *m = f->memory;
	uint64_t chunk_len = m->chunk_pages * GUEST_PAGE, start, from, to;
	unsigned i;

	for (i = 0; i < m->chunk_count; i++) {
		start = m->chunk[i].number * chunk_len;
		from = physical > start ? physical : start;
		to = physical + len < start + chunk_len ? physical + len :
							  start + chunk_len;
		if (from >= to)
			continue;
		if (!m->chunk[i].bytes)
			return false;
		memcpy(m->chunk[i].bytes + (from - start),
		       bytes + (from - physical), to - from);
	}
	return true;
}

void guest_fixture_write(struct guest_fixture *f, uint64_t physical,
			 const void *bytes, size_t len)
{
	ck_assert_uint_le(physical + len, f->len);
	ck_assert_int_eq(pwrite(f->fd, bytes, len, (off_t)physical),
			 (ssize_t)len);
	if (!write_kept(f, physical, bytes, len))
		vhsm_guest_memory_forget(f->memory);
}

void guest_fixture_write_u64(struct guest_fixture *f, uint64_t physical,
			     uint64_t value)
{
	guest_fixture_write(f, physical, &value, sizeof(value));
}

uint64_t guest_fixture_read_u64(struct guest_fixture *f, uint64_t physical)
{
	uint64_t value;

	ck_assert_int_eq(pread(f->fd, &value, sizeof(value), (off_t)physical),
			 sizeof(value));
	return value;
}

void guest_fixture_poke(struct guest_fixture *f, uint64_t va, const void *bytes,
			size_t len)
{
	const uint8_t *from = bytes;
	struct vhsm_mapping m;
	uint64_t offset, part;

	while (len) {
		ck_assert_int_eq(vhsm_address_space_translate(&f->space, va,
							      &m), 0);
		offset = va - m.start;
		part = m.len - offset < len ? m.len - offset : len;
		guest_fixture_write(f, m.physical + offset, from, part);
		va += part;
		from += part;
		len -= part;
	}
}

void guest_fixture_poke_u64(struct guest_fixture *f, uint64_t va,
			    uint64_t value)
{
	guest_fixture_poke(f, va, &value, sizeof(value));
}

uint64_t guest_fixture_entry(struct guest_fixture *f, uint64_t va,
			     uint64_t page)
{
	unsigned shift = f->five_levels ? 48 : 39, last;
	uint64_t table = f->root, at, entry;

	last = page == GUEST_PAGE ? 12 : page == GUEST_LARGE ? 21 : 30;
	for (;; shift -= 9) {
		at = table + 8 * (va >> shift & 511);
		if (shift == last)
			return at;
		entry = guest_fixture_read_u64(f, at);
		if (!entry) {
			entry = guest_fixture_page(f) | PRESENT | WRITE | USER;
			guest_fixture_write_u64(f, at, entry);
		}
		ck_assert_uint_eq(entry & LARGE, 0);
		table = entry & ADDRESS;
	}
}

void guest_fixture_map(struct guest_fixture *f, uint64_t va, uint64_t physical,
		       uint64_t len, unsigned flags, uint64_t page)
{
	uint64_t entry = PRESENT, at = 0, done;

	if (flags & VHSM_MAP_WRITE)
		entry |= WRITE;
	if (flags & VHSM_MAP_USER)
		entry |= USER;
	if (!(flags & VHSM_MAP_EXEC))
		entry |= NO_EXEC;
	if (page != GUEST_PAGE)
		entry |= LARGE;
	for (done = 0; done < len; done += page) {
		/* a table's entries stand side by side */
		if (!done || at % GUEST_PAGE == GUEST_PAGE - 8)
			at = guest_fixture_entry(f, va + done, page);
		else
			at += 8;
		guest_fixture_write_u64(f, at, entry | (physical + done));
	}
}
