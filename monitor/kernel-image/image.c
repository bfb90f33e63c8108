/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.c - opens a kernel image, and answers what it has where.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "introspect/reference-file.h"
#include "kernel-image/image-internal.h"

static const char banner[] = "Linux version ";

int image_fail(char *why, int error, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(why, VHSM_IMAGE_WHY_LEN, format, list);
	va_end(list);
	return error;
}

static int read_all(int fd, uint8_t *bytes, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = read(fd, bytes + done, len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EBADMSG;	/* became shorter meanwhile */
		done += (size_t)n;
	}
	return 0;
}

/* Into memory, so that what is hashed is what is read. */
static int read_file(struct vhsm_image *image, const char *path)
{
	struct stat st;
	int fd, r;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		r = -errno;
	else if (!S_ISREG(st.st_mode))
		r = -EINVAL;
	else if (st.st_size > VHSM_IMAGE_MAX_LEN)
		r = -EFBIG;
	else
		r = 0;
	if (!r) {
		image->len = (size_t)st.st_size;
		image->bytes = malloc(image->len + 1);
		r = image->bytes ? read_all(fd, image->bytes, image->len) :
				   -ENOMEM;
	}
	close(fd);
	return r;
}

uint64_t image_loaded(const struct vhsm_image *image, uint64_t va,
		      const uint8_t **bytes)
{
	size_t i;

	for (i = 0; i < image->load_count; i++) {
		const struct image_load *load = &image->load[i];

		if (va >= load->va && va - load->va < load->len) {
			*bytes = image->bytes + load->at + (va - load->va);
			return load->len - (va - load->va);
		}
	}
	return 0;
}

/* The release stands in the banner, before a blank. */
static int read_release(struct vhsm_image *image, char *why)
{
	const uint8_t *text;
	uint64_t va, have;
	size_t i;

	if (vhsm_image_symbol(image, "linux_banner", &va))
		return image_fail(why, -ENOEXEC, "it has no linux_banner");
	have = image_loaded(image, va, &text);
	if (have < sizeof(banner) ||
	    memcmp(text, banner, sizeof(banner) - 1))
		return image_fail(why, -EBADMSG,
				  "its linux_banner is not where its symbols say");
	text += sizeof(banner) - 1;
	have -= sizeof(banner) - 1;
	for (i = 0; i < have && i < sizeof(image->release) - 1; i++) {
		if (text[i] <= ' ' || text[i] > '~')
			break;
		image->release[i] = (char)text[i];
	}
	if (i == 0)
		return image_fail(why, -EBADMSG, "its linux_banner is empty");
	return 0;
}

static int index_symbols(struct vhsm_image *image)
{
	size_t i, len = 64;

	while (len < 2 * image->symbol_count)
		len *= 2;
	image->symbol_hash = calloc(len, sizeof(*image->symbol_hash));
	if (!image->symbol_hash)
		return -ENOMEM;
	image->symbol_hash_len = len;
	for (i = 0; i < image->symbol_count; i++) {
		size_t at = reference_name_hash(image->symbol[i].name);

		while (image->symbol_hash[at & (len - 1)])
			at++;
		image->symbol_hash[at & (len - 1)] = (uint32_t)(i + 1);
	}
	return 0;
}

static int read_symbols(struct vhsm_image *image, char *why)
{
	int r = image_read_symtab(image, why);

	if (r == -ENOENT)
		r = image_read_kallsyms(image, why);
	if (r == -ENOENT)
		return image_fail(why, -ENOEXEC,
				  "its symbols were not found: it has neither a .symtab nor a kallsyms table as of Linux 6.1, or 6.4 and later");
	if (!r && index_symbols(image))
		return image_fail(why, -ENOMEM, "no memory for the symbols");
	return r;
}

static int read_image(struct vhsm_image *image, char *why)
{
	int r;

	if (!EVP_Q_digest(NULL, "SHA256", NULL, image->bytes, image->len,
			  image->sha256, NULL))
		return image_fail(why, -EIO, "OpenSSL has no SHA-256");
	r = image_unpack(&image->bytes, &image->len, why);
	if (!r)
		r = image_read_elf(image, why);
	if (!r)
		r = image_read_relocations(image, why);
	if (!r)
		r = read_symbols(image, why);
	if (!r)
		r = read_release(image, why);
	return r;
}

struct vhsm_image *vhsm_image_open(const char *path, char *why)
{
	struct vhsm_image *image = calloc(1, sizeof(*image));
	int r;

	if (!image) {
		image_fail(why, -ENOMEM, "no memory");
		return NULL;
	}
	r = read_file(image, path);
	if (r)
		image_fail(why, r, "it cannot be read: %s", strerror(-r));
	else
		r = read_image(image, why);
	if (r)
		vhsm_image_free(&image);
	return image;
}

void vhsm_image_free(struct vhsm_image **where)
{
	struct vhsm_image *image = *where;
	size_t i;

	if (!image)
		return;
	for (i = 0; i < image->section_count; i++)
		free((char *)image->section[i].name);
	free(image->section);
	free(image->load);
	free(image->symbol);
	free(image->symbol_hash);
	free(image->names);
	free(image->relocation);
	free(image->bytes);
	free(image);
	*where = NULL;
}

const uint8_t *vhsm_image_sha256(const struct vhsm_image *image)
{
	return image->sha256;
}

const char *vhsm_image_release(const struct vhsm_image *image)
{
	return image->release;
}

const struct vhsm_image_section *
vhsm_image_sections(const struct vhsm_image *image, size_t *count)
{
	*count = image->section_count;
	return image->section;
}

const struct vhsm_image_section *vhsm_image_section(const struct vhsm_image *image,
						    const char *name)
{
	size_t i;

	for (i = 0; i < image->section_count; i++)
		if (!strcmp(image->section[i].name, name))
			return &image->section[i];
	return NULL;
}

const uint8_t *vhsm_image_at(const struct vhsm_image *image, uint64_t va,
			     uint64_t len)
{
	size_t i;

	for (i = 0; i < image->section_count; i++) {
		const struct vhsm_image_section *s = &image->section[i];

		if (s->bytes && va >= s->va && va - s->va < s->len &&
		    len <= s->len - (va - s->va))
			return s->bytes + (va - s->va);
	}
	return NULL;
}

const struct vhsm_image_symbol *
vhsm_image_symbols(const struct vhsm_image *image, size_t *count)
{
	*count = image->symbol_count;
	return image->symbol;
}

int vhsm_image_symbol(const struct vhsm_image *image, const char *name,
		      uint64_t *va)
{
	size_t at = reference_name_hash(name);
	size_t mask = image->symbol_hash_len - 1;
	uint32_t i;

	/* Never full, and filled in order: the first found is the lowest. */
	for (; (i = image->symbol_hash[at & mask]) != 0; at++)
		if (!strcmp(image->symbol[i - 1].name, name)) {
			*va = image->symbol[i - 1].va;
			return 0;
		}
	return -ENOENT;
}
