/* SPDX-License-Identifier: Apache-2.0 */
/* image-digest.c - see image-digest.h. */
#include "introspect/image-digest.h"

#include <endian.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE_LEN	4096u
#define READ_LEN	(256u << 10)

static bool is_zero(const uint8_t *page)
{
	uint64_t any = 0, word;

	for (size_t i = 0; i < PAGE_LEN; i += sizeof(word)) {
		memcpy(&word, page + i, sizeof(word));
		any |= word;
	}
	return !any;
}

int vhsm_image_digest_pages(EVP_MD_CTX *digest, uint64_t address,
			    const uint8_t *bytes, size_t len)
{
	uint64_t le;

	for (size_t at = 0; at < len; at += PAGE_LEN) {
		if (is_zero(bytes + at))
			continue;
		le = htole64(address + at);
		if (EVP_DigestUpdate(digest, &le, sizeof(le)) != 1 ||
		    EVP_DigestUpdate(digest, bytes + at, PAGE_LEN) != 1)
			return -EIO;
	}
	return 0;
}

/* The next data at or after offset, from the page it is in; the offset itself
 * where the file system does not know, or -ENXIO past the last. */
static off_t next_data(int fd, off_t offset)
{
	off_t at = lseek(fd, offset, SEEK_DATA);

	if (at < 0)
		return errno == ENXIO ? -ENXIO : offset;
	at -= at % PAGE_LEN;
	return at > offset ? at : offset;
}

/* Reads up to READ_LEN bytes, to the next page's end filled with zeros: the
 * length, 0 at the file's end, or -errno. */
static ssize_t read_pages(int fd, off_t offset, uint8_t *bytes)
{
	size_t len = 0, room;
	ssize_t n = 1;

	while (len < READ_LEN && n > 0) {
		n = pread(fd, bytes + len, READ_LEN - len,
			  offset + (off_t)len);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			len += (size_t)n;
		else if (n < 0)
			n = 1;
	}
	room = (PAGE_LEN - len % PAGE_LEN) % PAGE_LEN;
	memset(bytes + len, 0, room);
	return (ssize_t)(len + room);
}

static int digest_data(int fd, EVP_MD_CTX *digest, uint8_t *bytes)
{
	off_t at = 0;
	ssize_t n;
	int r = 0;

	while (!r && (at = next_data(fd, at)) >= 0) {
		n = read_pages(fd, at, bytes);
		if (n <= 0)
			return (int)n;
		r = vhsm_image_digest_pages(digest, (uint64_t)at, bytes,
					    (size_t)n);
		at += n;
	}
	return r;
}

int vhsm_image_digest(int fd, uint8_t sha256[32])
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	uint8_t *bytes = malloc(READ_LEN);
	int r = digest && bytes ? 0 : -ENOMEM;

	if (!r && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) != 1)
		r = -EIO;
	if (!r)
		r = digest_data(fd, digest, bytes);
	if (!r && EVP_DigestFinal_ex(digest, sha256, NULL) != 1)
		r = -EIO;
	if (bytes)
		OPENSSL_cleanse(bytes, READ_LEN);
	free(bytes);
	EVP_MD_CTX_free(digest);
	return r;
}
