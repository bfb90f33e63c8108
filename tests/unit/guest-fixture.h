/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-fixture.h - a made-up guest: an image of memory with page tables, and
 * a real kernel in it, as if it ran.
 *
 * Errors end the test (ck_assert).  Physical addresses are offsets in the file;
 * tables are taken from its end.  What is written shows at the next read of
 * fixture->memory.
 */
#ifndef GUEST_FIXTURE_H
#define GUEST_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "introspect/kernel.h"

#define GUEST_PAGE	UINT64_C(0x1000)
#define GUEST_LARGE	UINT64_C(0x200000)
#define GUEST_HUGE	UINT64_C(0x40000000)
#define GUEST_TEXT_MAP	UINT64_C(0xffffffff80000000)

struct guest_fixture {
	char path[64];
	int fd;
	uint64_t len;			/* of the file */
	uint64_t free_end;		/* pages above are taken */
	uint64_t root;			/* of the tables that map makes; the
					 * page behind it is free */
	bool five_levels;
	struct vhsm_guest_memory *memory;
	struct vhsm_address_space space;	/* from root, over memory */
	struct vhsm_vcpu vcpu;		/* in long mode, with root in CR3 */
};

/* A guest with len bytes of memory and empty tables. */
void guest_fixture_init(struct guest_fixture *, uint64_t len, bool five_levels);
void guest_fixture_deinit(struct guest_fixture *);

/* A page of zeros from the end of memory. */
uint64_t guest_fixture_page(struct guest_fixture *);

void guest_fixture_write(struct guest_fixture *, uint64_t physical,
			 const void *bytes, size_t len);
void guest_fixture_write_u64(struct guest_fixture *, uint64_t physical,
			     uint64_t value);
uint64_t guest_fixture_read_u64(struct guest_fixture *, uint64_t physical);
/* At a virtual address that is mapped. */
void guest_fixture_poke(struct guest_fixture *, uint64_t va, const void *bytes,
			size_t len);
void guest_fixture_poke_u64(struct guest_fixture *, uint64_t va,
			    uint64_t value);

/* Maps [va, va + len) to physical, by pages of page bytes; VHSM_MAP_* flags. */
void guest_fixture_map(struct guest_fixture *, uint64_t va, uint64_t physical,
		       uint64_t len, unsigned flags, uint64_t page);
/* Where the entry for va stands, of the level at which pages of that size are
 * mapped; tables above it are made. */
uint64_t guest_fixture_entry(struct guest_fixture *, uint64_t va,
			     uint64_t page);

/* --- a real kernel --- */

/* The unpacked kernel of the tests (VHSM_TEST_KERNEL, or what tests/lab/fetch
 * left), or NULL when there is none: skip the test then. */
const char *guest_fixture_kernel(void);
/* Writes that kernel's reference to a file. */
void guest_fixture_reference_file(const char *path);
/* Opens that reference; the caller closes it. */
struct vhsm_reference *guest_fixture_reference(void);

/*
 * Loads that kernel as its own boot code does: moved by slide (virtual) and by
 * offset (physical, both multiples of 2 MiB), relocated by the list behind the
 * file, mapped by its own top table (init_top_pgt), which the fixture's root
 * shares the upper half with.
 */
void guest_fixture_load_kernel(struct guest_fixture *,
			       const struct vhsm_reference *, uint64_t slide,
			       uint64_t offset);

#endif /* GUEST_FIXTURE_H */
