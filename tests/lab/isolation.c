/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isolation.c - what one program in a guest cannot reach of another.
 *
 * Runs in a lab guest on /dev/vhsm0, below the library: two open files stand
 * for two programs, since the driver knows no other difference.  Prints a line
 * "ok TEXT" or "not ok TEXT" each; exits 0 only when all hold.  Argument: the
 * name of a key that signs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/vhsm-uapi.h"

#define DEVICE		"/dev/vhsm0"
#define SLICE_LEN	65536u
#define PATTERN		0x5a
#define INPUT_LEN	64u
#define OUTPUT_AT	4096u

struct file {
	int fd;
	unsigned char *slice;
	uint32_t key;			/* handle, 0: none opened */
};

static bool failed;

static void check(bool good, const char *text)
{
	printf("%s %s\n", good ? "ok" : "not ok", text);
	failed |= !good;
}

/* Opens the device with a slice of its own and, if named, a key. */
static int file_open(struct file *f, const char *key)
{
	struct vhsm_ioc_slice slice = { .len = SLICE_LEN };
	struct vhsm_ioc_key_open open_key = { .handle = 0 };

	f->key = 0;
	f->fd = open(DEVICE, O_RDWR | O_CLOEXEC);
	if (f->fd < 0 || ioctl(f->fd, VHSM_IOC_SLICE, &slice))
		return -1;
	f->slice = mmap(NULL, SLICE_LEN, PROT_READ | PROT_WRITE, MAP_SHARED,
			f->fd, 0);
	if (f->slice == MAP_FAILED || !key)
		return f->slice == MAP_FAILED ? -1 : 0;
	snprintf(open_key.name, sizeof(open_key.name), "%s", key);
	if (ioctl(f->fd, VHSM_IOC_KEY_OPEN, &open_key) || open_key.status)
		return -1;
	f->key = open_key.handle;
	return 0;
}

static void file_close(struct file *f)
{
	munmap(f->slice, SLICE_LEN);
	close(f->fd);
}

/* One call of ENTER; how many responses came, or -1. */
static int enter(struct file *f, const struct vhsm_request *request,
		 struct vhsm_response *response, uint32_t timeout_ms)
{
	struct vhsm_ioc_enter arg = {
		.requests = (uintptr_t)request,
		.responses = (uintptr_t)response,
		.submit = request ? 1 : 0, .reap = response ? 1 : 0,
		.wait = response ? 1 : 0, .timeout_ms = timeout_ms,
	};

	if (!ioctl(f->fd, VHSM_IOC_ENTER, &arg))
		return (int)arg.reap;
	return errno == EAGAIN ? 0 : -1;
}

static struct vhsm_request sign_request(uint32_t key, uint32_t input_at)
{
	struct vhsm_request r = {
		.id = 1, .op = VHSM_OP_SIGN, .mechanism = VHSM_MECH_EDDSA,
		.key = key,
	};

	r.u.seg[VHSM_SEG_INPUT] =
		(struct vhsm_segment){ input_at, INPUT_LEN };
	r.u.seg[VHSM_SEG_OUTPUT] =
		(struct vhsm_segment){ OUTPUT_AT, VHSM_SIG_MAX };
	return r;
}

/* The status a signature request ends with; 0xffff: no answer. */
static unsigned sign(struct file *f, uint32_t key, uint32_t input_at)
{
	struct vhsm_request request = sign_request(key, input_at);
	struct vhsm_response response;

	if (enter(f, &request, &response, 10000) != 1)
		return 0xffff;
	return response.status;
}

static void handles(struct file *a, struct file *stranger)
{
	check(sign(a, a->key, 0) == VHSM_S_OK, "a file uses its own handle");
	check(sign(stranger, a->key, 0) == VHSM_S_BAD_HANDLE,
	      "a handle of another file is refused");
}

static void slices(struct file *a, struct file *b)
{
	unsigned i, seen = 0;
	void *p;

	check(sign(b, b->key, SLICE_LEN) == VHSM_S_BAD_SEGMENT,
	      "the byte after the slice is refused");
	check(sign(b, b->key, SLICE_LEN - INPUT_LEN + 1) == VHSM_S_BAD_SEGMENT,
	      "a segment that crosses the slice's end is refused");
	check(sign(b, b->key, 0xffffffc0u) == VHSM_S_BAD_SEGMENT,
	      "an offset that wraps around is refused");
	p = mmap(NULL, 2 * SLICE_LEN, PROT_READ, MAP_SHARED, b->fd, 0);
	check(p == MAP_FAILED, "more than the slice cannot be mapped");
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, b->fd, SLICE_LEN);
	check(p == MAP_FAILED, "what follows the slice cannot be mapped");
	memset(a->slice, PATTERN, SLICE_LEN);
	for (i = 0; i < SLICE_LEN; i++)
		seen += b->slice[i] == PATTERN;
	check(seen < SLICE_LEN / 16, "what one writes another does not see");
}

static void completions(struct file *a, struct file *b)
{
	struct vhsm_request request = sign_request(a->key, 0);
	struct vhsm_response response;

	enter(a, &request, NULL, 0);
	check(enter(b, NULL, &response, 500) == 0,
	      "a response to another file is not given out");
	check(enter(a, NULL, &response, 10000) == 1 &&
	      response.status == VHSM_S_OK,
	      "and waits for the file that asked");
}

/* The next owner of a slice finds nothing of the last one. */
static void wiped(void)
{
	struct file f;
	unsigned i, round, left = 0;

	for (round = 0; round < 4; round++) {
		if (file_open(&f, NULL)) {
			check(false, "open for the wiping test");
			return;
		}
		for (i = 0; i < SLICE_LEN; i++)
			left += f.slice[i] != 0;
		memset(f.slice, PATTERN, SLICE_LEN);
		file_close(&f);
	}
	check(left == 0, "a slice is wiped before its next owner gets it");
}

static void raw_handles(struct file *a)
{
	struct vhsm_ioc_key_raw raw = { .wire_handle = 1 };

	check(!setuid(65534) &&
	      ioctl(a->fd, VHSM_IOC_KEY_RAW, &raw) && errno == EPERM,
	      "handles of the wire are not for unprivileged programs");
}

int main(int argc, char **argv)
{
	struct file a, b, stranger;

	if (argc != 2 || file_open(&a, argv[1]) || file_open(&b, argv[1]) ||
	    file_open(&stranger, NULL)) {
		fprintf(stderr, "isolation: cannot open %s and the key\n",
			DEVICE);
		return 2;
	}
	handles(&a, &stranger);
	slices(&a, &b);
	completions(&a, &b);
	wiped();
	raw_handles(&a);
	file_close(&stranger);
	file_close(&b);
	file_close(&a);
	return failed;
}
