/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-kernel.c - a real kernel in a made-up guest.
 *
 * It is put there from its ELF file by what the kernel's own boot code does
 * (arch/x86/boot/compressed/misc.c: handle_relocations), not by the code under
 * test, so that a mistake there is not made twice.
 */
#include "unit/guest-fixture.h"

#include <check.h>
#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel-image/builder.h"

#define MADE	"tests/unit/kernel.reference"	/* by introspect.am */

struct file {
	const uint8_t *bytes;
	size_t len;
};

const char *guest_fixture_kernel(void)
{
	const char *path = getenv("VHSM_TEST_KERNEL");

	if (!path)
		path = TEST_KERNEL;
	return access(path, R_OK) ? NULL : path;
}

/* Copies the reference that "make check" made; false if there is none. */
static bool copy_made(int to)
{
	int from = open(MADE, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;

	if (from < 0)
		return false;
	while (n > 0)
		n = sendfile(to, from, NULL, 1u << 30);
	close(from);
	ck_assert_int_eq(n, 0);
	return true;
}

void guest_fixture_reference_file(const char *path)
{
	char why[VHSM_BUILDER_WHY_LEN] = "";
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	ck_assert_int_ge(fd, 0);
	if (!copy_made(fd))
		ck_assert_msg(!vhsm_reference_make(guest_fixture_kernel(), path,
						   NULL, why), "%s", why);
	close(fd);
}

struct vhsm_reference *guest_fixture_reference(void)
{
	char path[] = "/tmp/test-reference.XXXXXX";
	char why[VHSM_BUILDER_WHY_LEN] = "";
	struct vhsm_reference *reference;
	int fd;

	if (!access(MADE, R_OK)) {
		reference = vhsm_reference_open(MADE, why);
		ck_assert_msg(reference, "%s", why);
		return reference;
	}
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	close(fd);
	guest_fixture_reference_file(path);
	reference = vhsm_reference_open(path, why);
	ck_assert_msg(reference, "%s", why);
	unlink(path);
	return reference;
}

static struct file open_kernel(void)
{
	int fd = open(guest_fixture_kernel(), O_RDONLY | O_CLOEXEC);
	struct stat st;
	struct file file;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	file.len = (size_t)st.st_size;
	file.bytes = mmap(NULL, file.len, PROT_READ, MAP_PRIVATE, fd, 0);
	ck_assert_ptr_ne(file.bytes, MAP_FAILED);
	close(fd);
	return file;
}

/* The loaded segments by their physical addresses, at memory. */
static void load_segments(const struct file *file, uint8_t *memory,
			  uint64_t memory_len, uint64_t offset)
{
	Elf64_Ehdr header;
	Elf64_Phdr segment;
	unsigned i;

	memcpy(&header, file->bytes, sizeof(header));
	for (i = 0; i < header.e_phnum; i++) {
		memcpy(&segment, file->bytes + header.e_phoff +
		       i * sizeof(segment), sizeof(segment));
		if (segment.p_type != PT_LOAD)
			continue;
		ck_assert_uint_le(segment.p_paddr + offset + segment.p_memsz,
				  memory_len);
		memcpy(memory + segment.p_paddr + offset,
		       file->bytes + segment.p_offset, segment.p_filesz);
	}
}

/* A word of the list, and where in memory the place is that it names. */
static uint8_t *relocated_place(const uint8_t *word, uint8_t *memory,
				uint64_t offset)
{
	int32_t value;

	memcpy(&value, word, sizeof(value));
	return value ? memory + ((uint64_t)(int64_t)value - GUEST_TEXT_MAP +
				 offset) : NULL;
}

/* From the file's end downwards: places of 32 bits, a zero, places of 32 bits
 * to be lowered, a zero, places of 64 bits, a zero. */
static void relocate(const struct file *file, uint8_t *memory, uint64_t slide,
		     uint64_t offset)
{
	const uint8_t *word = file->bytes + file->len - 4;
	uint8_t *place;
	uint32_t narrow;
	uint64_t wide;

	for (; (place = relocated_place(word, memory, offset)); word -= 4) {
		memcpy(&narrow, place, 4);
		narrow += (uint32_t)slide;
		memcpy(place, &narrow, 4);
	}
	for (word -= 4; (place = relocated_place(word, memory, offset));
	     word -= 4) {
		memcpy(&narrow, place, 4);
		narrow -= (uint32_t)slide;
		memcpy(place, &narrow, 4);
	}
	for (word -= 4; (place = relocated_place(word, memory, offset));
	     word -= 4) {
		memcpy(&wide, place, 8);
		wide += slide;
		memcpy(place, &wide, 8);
	}
}

static uint64_t link_symbol(const struct vhsm_reference *reference,
			    const char *name)
{
	uint64_t va;

	ck_assert_msg(!vhsm_reference_symbol(reference, name, &va), "%s", name);
	return va;
}

/* The kernel's mapping of itself: text in large pages as far as they go. */
static void map_kernel(struct guest_fixture *f,
		       const struct vhsm_reference *reference, uint64_t slide,
		       uint64_t offset)
{
	uint64_t start = link_symbol(reference, "_text");
	uint64_t etext = link_symbol(reference, "_etext");
	uint64_t end = link_symbol(reference, "_end");
	uint64_t physical = start - GUEST_TEXT_MAP + offset;
	uint64_t large = (etext - start) & ~(GUEST_LARGE - 1);
	uint64_t text = (etext - start + GUEST_PAGE - 1) & ~(GUEST_PAGE - 1);

	guest_fixture_map(f, start + slide, physical, large, VHSM_MAP_EXEC,
			  GUEST_LARGE);
	guest_fixture_map(f, start + slide + large, physical + large,
			  text - large, VHSM_MAP_EXEC, GUEST_PAGE);
	guest_fixture_map(f, start + slide + text, physical + text,
			  end - start - text, VHSM_MAP_WRITE, GUEST_PAGE);
}

void guest_fixture_load_kernel(struct guest_fixture *f,
			       const struct vhsm_reference *reference,
			       uint64_t slide, uint64_t offset)
{
	struct file file = open_kernel();
	uint64_t top = link_symbol(reference, "init_top_pgt"), i;
	uint8_t *memory;

	memory = mmap(NULL, f->len, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd,
		      0);
	ck_assert_ptr_ne(memory, MAP_FAILED);
	load_segments(&file, memory, f->free_end, offset);
	relocate(&file, memory, slide, offset);
	munmap(memory, f->len);
	munmap((void *)file.bytes, file.len);
	vhsm_guest_memory_forget(f->memory);
	map_kernel(f, reference, slide, offset);
	top += offset - GUEST_TEXT_MAP;
	for (i = 0; i < 512; i++)
		guest_fixture_write_u64(f, top + 8 * i, i < 256 ? 0 :
			guest_fixture_read_u64(f, f->root + 8 * i));
	f->vcpu.lstar = link_symbol(reference, "entry_SYSCALL_64") + slide;
}
