/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring.c - fuzzes the engine's own queue code over plain memory: the thread,
 * the workers and the keys are real, the frontend is the input.
 *
 * Input: steps.  A first byte below 0xf0 puts 1 + byte % 16 requests (64 bytes
 * each) and waits for their answers; 0xf0 to 0xf7 writes the next 4 bytes as
 * the producer index; above, the next 3 bytes say where in the pool to write
 * what.  A key of 1 to KEYS in a slot becomes the handle of that key, since no
 * fuzzer guesses a handle.
 *
 * What must hold: every request is answered, once, with a status of the list
 * and the reserved fields 0; a broken index ends the queue and nothing else.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "engine/engine.h"
#include "engine/request.h"

#define MUST(condition)	do { if (!(condition)) abort(); } while (0)
#define POOL_LEN	(16 * VHSM_PAGE_SIZE)
#define SLOTS		32u
#define PATIENCE_S	8
#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *name;
	uint16_t type;
} key_made[] = {
	{ "key-ec1", VHSM_KEY_EC_P256 },	/* as the golden vectors */
	{ "key-aes", VHSM_KEY_AES_256 },	/* number them */
	{ "key-ed", VHSM_KEY_ED25519 },
	{ "key-hmac", VHSM_KEY_HMAC },
	{ "key-chacha", VHSM_KEY_CHACHA20 },
	{ "key-rsa", VHSM_KEY_RSA_2048 },
};
#define KEYS COUNT(key_made)

static struct vhsm_engine engine;
static struct vhsm_engine_stats stats;
static struct vhsm_gate gate = { .epoch = 1, .lease_until_ns = VHSM_LEASE_NONE };
static uint32_t handle[KEYS];
static int vault_end;			/* of the refusals' socket */
static int event_fd;			/* the guest's notifications */
static uint8_t *pool;
static vhsm_sring_t *sring;
static struct vhsm_queue_memory memory;

/* ---------------------------------- a transport without anything behind it */

static int fuzz_event_fd(const struct vhsm_transport *t, unsigned q)
{
	(void)t;
	(void)q;
	return event_fd;
}

static bool fuzz_event_take(struct vhsm_transport *t, unsigned q)
{
	uint64_t count;

	(void)t;
	(void)q;
	return read(event_fd, &count, sizeof(count)) == sizeof(count);
}

static void fuzz_notify(struct vhsm_transport *t, unsigned q)
{
	(void)t;
	(void)q;
}

static const struct vhsm_transport_ops fuzz_transport = {
	.name = "fuzz",
	.event_fd = fuzz_event_fd,
	.event_take = fuzz_event_take,
	.notify = fuzz_notify,
};

/* ------------------------------------------------------------------- setup */

static void load_key(uint32_t index)
{
	static struct vhsm_msg_key msg;
	struct vhsm_key_version *replaced = NULL;
	const struct vhsm_family *family;
	struct vhsm_key_info info;
	char name[VHSM_NAME_MAX] = "";
	size_t len = sizeof(msg.material);

	memset(&msg, 0, sizeof(msg));
	msg.index = index;
	memcpy(msg.name, key_made[index].name, strlen(key_made[index].name));
	msg.type = key_made[index].type;
	msg.state = VHSM_KEY_ENABLED;
	msg.usages = vhsm_usages_of_type(msg.type) | VHSM_USE_CALLER_NONCE;
	msg.version = 1;
	family = vhsm_family_of_type(msg.type);
	MUST(!family->generate(msg.type, msg.material, &len));
	msg.material_len = (uint32_t)len;
	MUST(!vhsm_keys_load(&engine.keys, &msg, &replaced) && !replaced);
	memcpy(name, msg.name, sizeof(name));
	handle[index] = atomic_load(&vhsm_keys_open(&engine.keys,
						    name)->handle);
	vhsm_key_describe(vhsm_keys_open(&engine.keys, name), &info);
	MUST(info.type == msg.type);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *what = NULL;
	int pair[2];
	uint32_t i;

	(void)argc;
	(void)argv;
	MUST(!vhsm_ops_init(&what));
	MUST(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair));
	vault_end = pair[1];
	event_fd = eventfd(0, EFD_NONBLOCK);
	engine.control_fd = eventfd(0, EFD_NONBLOCK);
	engine.ops = &fuzz_transport;
	engine.stats = &stats;
	vhsm_epoch_init(&engine.epoch);
	vhsm_guard_init(&engine.guard, &gate);
	vhsm_refusals_init(&engine.refusals, pair[0]);
	MUST(!vhsm_keys_init(&engine.keys, &engine.epoch));
	for (i = 0; i < KEYS; i++)
		load_key(i);
	MUST(!vhsm_workers_start(&engine.workers, 1, VHSM_MAX_QUEUES,
				 &engine.keys, &stats.worker_requests));
	sring = aligned_alloc(VHSM_PAGE_SIZE, VHSM_PAGE_SIZE);
	pool = malloc(POOL_LEN);		/* its ends are guarded */
	MUST(sring && pool && event_fd >= 0 && engine.control_fd >= 0);
	memory = (struct vhsm_queue_memory){ sring, 0, pool, POOL_LEN };
	return 0;
}

/* ------------------------------------------------------------ the frontend */

struct frontend {
	vhsm_front_ring_t ring;
	struct vhsm_queue *queue;
	unsigned outstanding;
	uint8_t due[256];		/* answers still due, by id % 256 */
};

static void notify_backend(void)
{
	uint64_t one = 1;

	MUST(write(event_fd, &one, sizeof(one)) == sizeof(one));
}

static bool status_is_listed(uint16_t status)
{
	return status == VHSM_S_OK ||
	       (status >= VHSM_S_BAD_OP && status <= VHSM_S_BAD_NAME) ||
	       (status >= VHSM_S_NO_KEY && status <= VHSM_S_VERIFY_ONLY) ||
	       status == VHSM_S_BUSY || status == VHSM_S_CANCELLED ||
	       status == VHSM_S_THROTTLED || status == VHSM_S_INTERNAL;
}

static void take_responses(struct frontend *f)
{
	struct vhsm_response r;
	RING_IDX prod = *(volatile RING_IDX *)&sring->rsp_prod;
	unsigned i;

	xen_rmb();
	MUST(prod - f->ring.rsp_cons <= f->outstanding);
	while (f->ring.rsp_cons != prod) {
		r = *RING_GET_RESPONSE(&f->ring, f->ring.rsp_cons);
		f->ring.rsp_cons++;
		f->outstanding--;
		MUST(f->due[r.id % 256] > 0);
		f->due[r.id % 256]--;
		MUST(status_is_listed(r.status));
		MUST(r.status == VHSM_S_OK || !r.key);
		for (i = 0; i < 5; i++)
			MUST(r.reserved[i] == 0);
	}
}

/* The vault: every refusal it is sent is on disk at once. */
static void acknowledge(void)
{
	struct vhsm_msg_refusal msg;

	while (recv(vault_end, &msg, sizeof(msg), 0) == sizeof(msg))
		vhsm_refusals_ack(&engine.refusals, msg.seq);
	vhsm_queue_wake(engine.queue[0]);
}

/* Until every answer is there; a queue that lets one wait too long hangs. */
static void await_responses(struct frontend *f)
{
	struct timespec moment = { 0, 20000 }, start, now;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (;;) {
		take_responses(f);
		if (!f->outstanding || atomic_load(&engine.violation))
			return;
		acknowledge();
		nanosleep(&moment, NULL);
		clock_gettime(CLOCK_MONOTONIC, &now);
		MUST(now.tv_sec - start.tv_sec < PATIENCE_S);
	}
}

static void put_requests(struct frontend *f, unsigned count,
			 const uint8_t **data, size_t *len)
{
	struct vhsm_request r;
	size_t taken;

	while (count-- && f->outstanding < SLOTS) {
		memset(&r, 0, sizeof(r));
		taken = *len < sizeof(r) ? *len : sizeof(r);
		memcpy(&r, *data, taken);
		*data += taken;
		*len -= taken;
		if (r.key >= 1 && r.key <= KEYS)
			r.key = handle[r.key - 1];
		*RING_GET_REQUEST(&f->ring, f->ring.req_prod_pvt) = r;
		f->ring.req_prod_pvt++;
		f->outstanding++;
		f->due[r.id % 256]++;
	}
	RING_PUSH_REQUESTS(&f->ring);
	notify_backend();
	await_responses(f);
}

/* Whatever the index says, the queue must be able to stop afterwards. */
static void put_index(struct frontend *f, const uint8_t **data, size_t *len)
{
	uint32_t index;

	if (*len < sizeof(index))
		return;
	memcpy(&index, *data, sizeof(index));
	*data += sizeof(index);
	*len -= sizeof(index);
	if (index - f->ring.req_prod_pvt <= SLOTS - f->outstanding)
		return;			/* legal: it would name old slots */
	*(volatile RING_IDX *)&sring->req_prod = index;
	notify_backend();
	while (!atomic_load(&engine.violation))
		poll(NULL, 0, 1);
}

static void run_steps(struct frontend *f, const uint8_t *data, size_t len)
{
	uint8_t step;

	while (len && !atomic_load(&engine.violation)) {
		step = *data++;
		len--;
		if (step < 0xf0) {
			put_requests(f, 1 + step % 16, &data, &len);
		} else if (step < 0xf8) {
			put_index(f, &data, &len);
		} else if (len >= 3) {
			pool[(data[0] | data[1] << 8) % POOL_LEN] = data[2];
			data += 3;
			len -= 3;
		}
	}
}

static void stop_queue(struct vhsm_queue *q)
{
	vhsm_queue_stop(q);
	while (!vhsm_queue_has_ended(q)) {
		acknowledge();
		poll(NULL, 0, 1);
	}
	vhsm_queue_join(q);
	vhsm_queue_deinit(q);
	engine.queue[0] = NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct vhsm_queue queue;
	struct frontend f = { .queue = &queue };
	size_t i;

	memset(pool, 0, POOL_LEN);
	for (i = 0; i < KEYS; i++)
		memcpy(pool + 16 * i, key_made[i].name,
		       strlen(key_made[i].name));
	memset(sring, 0, VHSM_PAGE_SIZE);
	SHARED_RING_INIT(sring);
	FRONT_RING_INIT(&f.ring, sring, VHSM_PAGE_SIZE);
	atomic_store(&engine.violation, 0);
	MUST(!vhsm_queue_init(&queue, &engine, 0, &memory, 0));
	engine.queue[0] = &queue;
	MUST(!vhsm_queue_start(&queue));
	run_steps(&f, data, len);
	stop_queue(&queue);
	if (!atomic_load(&engine.violation))
		MUST(f.outstanding == 0);
	return 0;
}
