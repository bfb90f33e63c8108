/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake-engine.c - the fake backend of fake-engine.h.
 */
#include "unit/fake-engine.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define KEY_COUNT 5u

static const char *const names[KEY_COUNT] = {
	"data", "edge", "mac", "old", "tls",
};

static void hang_up(struct fake_engine *f)
{
	if (f->conn < 0)
		return;
	munmap(f->map, f->map_len);
	close(f->memfd);
	close(f->events[0]);
	close(f->events[1]);
	close(f->conn);
	f->conn = -1;
}

static bool receive_hello(struct fake_engine *f, int conn, int fds[3])
{
	union {
		char bytes[CMSG_SPACE(3 * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { &f->hello, sizeof(f->hello) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *c;

	if (recvmsg(conn, &msg, MSG_CMSG_CLOEXEC) != sizeof(f->hello))
		return false;
	c = CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_len != CMSG_LEN(3 * sizeof(int)))
		return false;
	memcpy(fds, CMSG_DATA(c), 3 * sizeof(int));
	return f->hello.magic == VHSM_LOCAL_MAGIC && f->hello.queues == 1;
}

static void attach(struct fake_engine *f)
{
	size_t ring_len = (size_t)VHSM_PAGE_SIZE << f->hello.ring_order;

	f->map_len = ring_len + (size_t)f->hello.pool_pages * VHSM_PAGE_SIZE;
	f->map = mmap(NULL, f->map_len, PROT_READ | PROT_WRITE, MAP_SHARED,
		      f->memfd, 0);
	must(f->map != MAP_FAILED);
	f->pool = (unsigned char *)f->map + ring_len;
	BACK_RING_INIT(&f->ring, (struct vhsm_sring *)f->map, ring_len);
}

static void accept_one(struct fake_engine *f)
{
	struct vhsm_local_reply reply = { .magic = VHSM_LOCAL_MAGIC };
	int conn = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC), fds[3];

	must(conn >= 0);
	if (!receive_hello(f, conn, fds)) {
		close(conn);
		return;
	}
	hang_up(f);
	f->conn = conn;
	f->memfd = fds[0];
	f->events[0] = fds[1];
	f->events[1] = fds[2];
	attach(f);
	if (f->sin == FAKE_REFUSE)
		reply.status = EACCES;
	else if (f->sin == FAKE_RUDE)
		reply.magic = 0xdeadbeef;
	else
		__atomic_add_fetch(&f->connections, 1, __ATOMIC_SEQ_CST);
	must(send(conn, &reply, sizeof(reply), MSG_NOSIGNAL) > 0);
}

static unsigned char *at(struct fake_engine *f, const struct vhsm_request *r,
			 unsigned use)
{
	return f->pool + r->u.seg[use].offset;
}

static struct vhsm_key_info describe(unsigned i)
{
	struct vhsm_key_info info = {
		.version = i + 1, .type = VHSM_KEY_AES_256,
		.state = VHSM_KEY_ENABLED, .usages = VHSM_USE_ALL,
	};

	memcpy(info.name, names[i], strlen(names[i]));
	return info;
}

static void key_open(struct fake_engine *f, const struct vhsm_request *r,
		     struct vhsm_response *p)
{
	const struct vhsm_segment *name = &r->u.seg[VHSM_SEG_PARAM];
	struct vhsm_key_info info;
	unsigned i;

	for (i = 0; i < KEY_COUNT; i++)
		if (strlen(names[i]) == name->len &&
		    !memcmp(names[i], at(f, r, VHSM_SEG_PARAM), name->len))
			break;
	if (i == KEY_COUNT) {
		p->status = VHSM_S_NO_KEY;
		return;
	}
	info = describe(i);
	if (f->sin == FAKE_OTHER_NAME)
		memset(info.name, 'o', 3);
	memcpy(at(f, r, VHSM_SEG_OUTPUT), &info, sizeof(info));
	p->out_len = sizeof(info);
	/* Handles differ from connection to connection. */
	p->key = 1000 * f->connections + i;
	f->opens++;
}

static void key_list(struct fake_engine *f, const struct vhsm_request *r,
		     struct vhsm_response *p)
{
	char after[VHSM_NAME_MAX + 1] = "";
	struct vhsm_key_info info;
	unsigned i;

	memcpy(after, at(f, r, VHSM_SEG_PARAM), r->u.seg[VHSM_SEG_PARAM].len);
	for (i = 0; i < KEY_COUNT; i++) {
		if (strcmp(names[i], after) <= 0 || p->out_len + sizeof(info) >
		    r->u.seg[VHSM_SEG_OUTPUT].len)
			continue;
		info = describe(i);
		memcpy(at(f, r, VHSM_SEG_OUTPUT) + p->out_len, &info,
		       sizeof(info));
		p->out_len += sizeof(info);
	}
}

/* A keyed sum: 16 bytes that depend on every byte and on its place. */
static void sum(unsigned char *tag, const unsigned char *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		tag[i % 16] = (unsigned char)(tag[i % 16] * 31 + p[i] + i / 16);
}

static void tag_of(struct fake_engine *f, const struct vhsm_request *r,
		   unsigned plain_use, unsigned char tag[16])
{
	memset(tag, 0x5a, 16);
	sum(tag, at(f, r, VHSM_SEG_PARAM), r->u.seg[VHSM_SEG_PARAM].len);
	sum(tag, at(f, r, VHSM_SEG_AAD), r->u.seg[VHSM_SEG_AAD].len);
	sum(tag, at(f, r, plain_use), r->u.seg[plain_use].len);
}

static void mask(struct fake_engine *f, const struct vhsm_request *r)
{
	const unsigned char *in = at(f, r, VHSM_SEG_INPUT);
	unsigned char *out = at(f, r, VHSM_SEG_OUTPUT);
	const unsigned char *nonce = at(f, r, VHSM_SEG_PARAM);
	size_t i;

	for (i = 0; i < r->u.seg[VHSM_SEG_INPUT].len; i++)
		out[i] = in[i] ^ 0xa5 ^ nonce[i % VHSM_NONCE_LEN];
}

static void aead(struct fake_engine *f, const struct vhsm_request *r,
		 struct vhsm_response *p)
{
	static uint64_t counter;
	unsigned char tag[16];

	if (r->op == VHSM_OP_ENCRYPT) {
		if (!(r->flags & VHSM_F_CALLER_NONCE)) {
			memset(at(f, r, VHSM_SEG_PARAM), 0, VHSM_NONCE_LEN);
			counter++;
			memcpy(at(f, r, VHSM_SEG_PARAM), &counter,
			       sizeof(counter));
		}
		tag_of(f, r, VHSM_SEG_INPUT, tag);
		mask(f, r);
		memcpy(at(f, r, VHSM_SEG_TAG), tag, 16);
		p->key_version = 3;
	} else {
		mask(f, r);
		tag_of(f, r, VHSM_SEG_OUTPUT, tag);
		if (r->key_version != 3)
			p->status = VHSM_S_NO_VERSION;
		else if (memcmp(tag, at(f, r, VHSM_SEG_TAG), 16))
			p->status = VHSM_S_BAD_TAG;
		if (p->status)
			memset(at(f, r, VHSM_SEG_OUTPUT), 0,
			       r->u.seg[VHSM_SEG_OUTPUT].len);
	}
	if (!p->status)
		p->out_len = r->u.seg[VHSM_SEG_INPUT].len;
}

static void sign(struct fake_engine *f, const struct vhsm_request *r,
		 struct vhsm_response *p)
{
	unsigned char tag[16] = { 7 };

	sum(tag, at(f, r, VHSM_SEG_INPUT), r->u.seg[VHSM_SEG_INPUT].len);
	if (r->op == VHSM_OP_SIGN || r->op == VHSM_OP_MAC) {
		memcpy(at(f, r, VHSM_SEG_OUTPUT), tag, 16);
		p->out_len = 16;
	} else if (r->u.seg[VHSM_SEG_TAG].len != 16 ||
		   memcmp(tag, at(f, r, VHSM_SEG_TAG), 16)) {
		p->status = VHSM_S_BAD_SIGNATURE;
	}
}

static bool right_handle(const struct fake_engine *f,
			 const struct vhsm_request *r)
{
	return r->key / 1000 == f->connections && r->key % 1000 < KEY_COUNT;
}

static void answer_keyed(struct fake_engine *f, const struct vhsm_request *r,
			 struct vhsm_response *p)
{
	if (!right_handle(f, r)) {
		p->status = VHSM_S_BAD_HANDLE;
		return;
	}
	switch (r->op) {
	case VHSM_OP_SIGN: case VHSM_OP_VERIFY:
	case VHSM_OP_MAC: case VHSM_OP_MAC_VERIFY:
		sign(f, r, p);
		break;
	case VHSM_OP_ENCRYPT: case VHSM_OP_DECRYPT:
		aead(f, r, p);
		break;
	case VHSM_OP_KEY_PUBLIC:
		memset(at(f, r, VHSM_SEG_OUTPUT), 0x30, 91);
		p->out_len = 91;
		break;
	default:
		p->status = VHSM_S_BAD_OP;
	}
}

static void answer(struct fake_engine *f, const struct vhsm_request *r,
		   struct vhsm_response *p)
{
	*p = (struct vhsm_response) { .id = r->id, .op = r->op };
	switch (r->op) {
	case VHSM_OP_NOP:
		break;
	case VHSM_OP_KEY_OPEN:
		key_open(f, r, p);
		break;
	case VHSM_OP_KEY_LIST:
		key_list(f, r, p);
		break;
	case VHSM_OP_RANDOM:
		memset(at(f, r, VHSM_SEG_OUTPUT), 0x77,
		       r->u.seg[VHSM_SEG_OUTPUT].len);
		p->out_len = r->u.seg[VHSM_SEG_OUTPUT].len;
		break;
	case VHSM_OP_CANCEL:
		p->status = VHSM_S_NOT_FOUND;
		break;
	default:
		answer_keyed(f, r, p);
	}
}

static void put(struct fake_engine *f, const struct vhsm_response *p)
{
	*RING_GET_RESPONSE(&f->ring, f->ring.rsp_prod_pvt) = *p;
	f->ring.rsp_prod_pvt++;
}

static void spoil(struct fake_engine *f, struct vhsm_response *p)
{
	switch (f->sin) {
	case FAKE_WRONG_ID:
		p->id ^= 0x100000000u;
		break;
	case FAKE_WRONG_OP:
		p->op ^= 1;
		break;
	case FAKE_TWICE:
		put(f, p);
		break;
	case FAKE_LONG_OUTPUT:
		p->out_len = 0x7fffffff;
		break;
	case FAKE_ODD_STATUS:
		p->status = 999;
		break;
	case FAKE_OVERFLOW:
		f->ring.rsp_prod_pvt += 5000;
		break;
	case FAKE_BACKWARDS:
		f->ring.rsp_prod_pvt -= 2;
		break;
	case FAKE_BUSY:
		p->status = VHSM_S_BUSY;
		if (f->busy_left-- > 1)
			return;
		break;
	default:
		return;
	}
	f->sin = FAKE_HONEST;
}

/* Whether the connection is still there. */
static bool serve_one(struct fake_engine *f, const struct vhsm_request *r)
{
	struct vhsm_response p;

	if (f->sin == FAKE_SILENT)
		return true;
	if (f->delay_us)
		usleep(f->delay_us);
	answer(f, r, &p);
	if (f->sin == FAKE_HANG_UP && r->op != VHSM_OP_KEY_OPEN) {
		f->sin = FAKE_HONEST;
		hang_up(f);
		return false;
	}
	spoil(f, &p);
	put(f, &p);
	f->served++;
	return true;
}

static bool serve_all(struct fake_engine *f)
{
	uint64_t count;
	unsigned n = 0, i;
	int notify;

	while (RING_HAS_UNCONSUMED_REQUESTS(&f->ring)) {
		RING_COPY_REQUEST(&f->ring, f->ring.req_cons, &f->held[n]);
		f->ring.req_cons++;
		n++;
	}
	for (i = 0; i < n; i++)
		if (!serve_one(f, &f->held[f->reverse ? n - 1 - i : i]))
			return false;
	if (n) {
		RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&f->ring, notify);
		count = 1;
		if (notify && write(f->events[1], &count, 8) != 8)
			abort();
	}
	return n != 0;
}

static void serve(struct fake_engine *f)
{
	uint64_t count;
	int more = 1;

	if (read(f->events[0], &count, sizeof(count)) == sizeof(count))
		f->notified++;
	while (more) {
		while (serve_all(f))
			;
		if (f->conn < 0)
			return;
		RING_FINAL_CHECK_FOR_REQUESTS(&f->ring, more);
	}
}

static void *run(void *arg)
{
	struct fake_engine *f = arg;
	char byte;

	for (;;) {
		struct pollfd p[4] = {
			{ .fd = f->stop, .events = POLLIN },
			{ .fd = f->listener, .events = POLLIN },
			{ .fd = f->conn, .events = POLLIN },
			{ .fd = f->conn < 0 ? -1 : f->events[0],
			  .events = POLLIN },
		};

		poll(p, 4, -1);
		if (p[0].revents)
			break;
		if (p[3].revents)
			serve(f);
		if (f->conn >= 0 && p[2].revents &&
		    recv(f->conn, &byte, 1, MSG_DONTWAIT) == 0)
			hang_up(f);
		if (p[1].revents)
			accept_one(f);
	}
	hang_up(f);
	return NULL;
}

void fake_engine_sin(struct fake_engine *f, enum fake_sin sin)
{
	f->busy_left = 3;
	__atomic_store_n(&f->sin, sin, __ATOMIC_SEQ_CST);
}

bool fake_engine_sins(const struct fake_engine *f)
{
	return __atomic_load_n(&f->sin, __ATOMIC_SEQ_CST) != FAKE_HONEST;
}

void fake_engine_start(struct fake_engine *f, const char *options)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	static unsigned number;

	memset(f, 0, sizeof(*f));
	f->conn = -1;
	snprintf(f->path, sizeof(f->path), "/tmp/vhsm-test-%d-%u.sock",
		 (int)getpid(), number++);
	snprintf(f->device, sizeof(f->device), "local:%s?uuid="
		 "00112233-4455-6677-8899-aabbccddeeff&keys=data+tls%s",
		 f->path, options);
	unlink(f->path);
	memcpy(address.sun_path, f->path, sizeof(address.sun_path));
	f->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	must(!bind(f->listener, (void *)&address, sizeof(address)));
	must(!listen(f->listener, 8));
	f->stop = eventfd(0, EFD_CLOEXEC);
	must(!pthread_create(&f->thread, NULL, run, f));
}

void fake_engine_stop(struct fake_engine *f)
{
	const uint64_t one = 1;

	must(write(f->stop, &one, sizeof(one)) == sizeof(one));
	pthread_join(f->thread, NULL);
	close(f->stop);
	close(f->listener);
	unlink(f->path);
}
