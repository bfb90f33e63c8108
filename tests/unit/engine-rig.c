// SPDX-License-Identifier: Apache-2.0
#include <config.h>

#include "unit/engine-rig.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ops/ops.h"

const char *const rig_names[RIG_KEYS] = {
	"aes", "hmac", "p256", "ed25519", "rsa", "p384"
};

static const struct { uint16_t type; uint32_t usages; } rig_types[RIG_KEYS] = {
	{ VHSM_KEY_AES_256, VHSM_USE_ENCRYPT | VHSM_USE_DECRYPT },
	{ VHSM_KEY_HMAC, VHSM_USE_MAC | VHSM_USE_MAC_VERIFY },
	{ VHSM_KEY_EC_P256, VHSM_USE_SIGN | VHSM_USE_VERIFY },
	{ VHSM_KEY_ED25519, VHSM_USE_SIGN | VHSM_USE_VERIFY },
	{ VHSM_KEY_RSA_2048, VHSM_USE_SIGN | VHSM_USE_VERIFY },
	{ VHSM_KEY_EC_P384, VHSM_USE_SIGN },
};

static void exec_engine(int broker, int vault, int stats, int gate)
{
	const char *program = getenv("VHSM_ENGINE");
	/* Out of the way of the numbers they get. */
	int from[4] = { fcntl(broker, F_DUPFD, 10), fcntl(vault, F_DUPFD, 10),
			fcntl(stats, F_DUPFD, 10), fcntl(gate, F_DUPFD, 10) };

	if (!program)
		program = "./vhsm-engine";
	dup2(from[0], VHSM_FD_BROKER);
	dup2(from[1], VHSM_FD_VAULT);
	dup2(from[2], VHSM_FD_STATS);
	dup2(from[3], VHSM_FD_GATE);
	for (int i = 0; i < 4; i++)
		close(from[i]);
	if (geteuid() == 0)
		execl(program, "vhsm-engine", "--transport", "local",
		      "--user", "65534", (char *)NULL);
	else
		execl(program, "vhsm-engine", "--transport", "local",
		      (char *)NULL);
	perror(program);
	_exit(127);
}

/* As the broker makes it: the test writes, the engine cannot. */
static int make_gate(struct rig *rig)
{
	int fd = memfd_create("gate", MFD_ALLOW_SEALING);

	ck_assert_int_eq(ftruncate(fd, sizeof(*rig->gate)), 0);
	rig->gate = mmap(NULL, sizeof(*rig->gate), PROT_READ | PROT_WRITE,
			 MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(rig->gate, MAP_FAILED);
	atomic_store(&rig->gate->lease_until_ns, VHSM_LEASE_NONE);
	atomic_store(&rig->gate->epoch, 1);
	if (!rig->gate_seals)
		rig->gate_seals = F_SEAL_SHRINK | F_SEAL_GROW |
			F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, rig->gate_seals), 0);
	return fd;
}

void rig_start(struct rig *rig)
{
	int broker[2], vault[2], stats, gate;

	rig->queues = rig->queues ? rig->queues : 1;
	rig->pool_pages = rig->pool_pages ? rig->pool_pages : 64;
	rig->workers = rig->workers ? rig->workers : 1;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, broker), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, vault), 0);
	stats = memfd_create("stats", 0);
	ck_assert_int_eq(ftruncate(stats, sizeof(*rig->stats)), 0);
	rig->stats = mmap(NULL, sizeof(*rig->stats), PROT_READ, MAP_SHARED,
			  stats, 0);
	ck_assert_ptr_ne(rig->stats, MAP_FAILED);
	gate = make_gate(rig);
	rig->pid = fork();
	ck_assert_int_ge(rig->pid, 0);
	if (!rig->pid) {
		close(broker[0]);
		close(vault[0]);
		exec_engine(broker[1], vault[1], stats, gate);
	}
	close(broker[1]);
	close(vault[1]);
	close(stats);
	close(gate);
	rig->broker = broker[0];
	rig->vault = vault[0];
}

void rig_key_version(struct rig *rig, uint32_t index, const char *name,
		     uint16_t type, uint32_t usages, uint32_t version)
{
	struct vhsm_msg_key msg;
	size_t len = sizeof(msg.material);
	const char *what;

	ck_assert_msg(vhsm_ops_init(&what) == 0, "%s", what);
	memset(&msg, 0, sizeof(msg));
	msg.hdr.type = VHSM_MSG_KEY;
	msg.hdr.len = sizeof(msg);
	msg.index = index;
	memcpy(msg.name, name, strlen(name));
	msg.type = type;
	msg.state = VHSM_KEY_ENABLED;
	msg.usages = usages;
	msg.version = version;
	msg.nonce_fixed = 1;
	ck_assert_int_eq(vhsm_family_of_type(type)->generate(type,
							     msg.material,
							     &len), 0);
	msg.material_len = len;
	ck_assert_int_eq(vhsm_msg_send(rig->vault, &msg.hdr, NULL, 0), 0);
}

void rig_key(struct rig *rig, uint32_t index, const char *name, uint16_t type,
	     uint32_t usages)
{
	rig_key_version(rig, index, name, type, usages, 1);
}

void rig_keys_done(struct rig *rig)
{
	struct vhsm_msg_simple msg = {
		.hdr = { VHSM_MSG_KEYS_DONE, sizeof(msg) },
	};

	ck_assert_int_eq(vhsm_msg_send(rig->vault, &msg.hdr, NULL, 0), 0);
}

static void make_memory(struct rig *rig, int *fds)
{
	size_t ring_len = (size_t)VHSM_PAGE_SIZE << rig->ring_order;
	size_t pool_len = (size_t)VHSM_PAGE_SIZE * rig->pool_pages;
	size_t len = (ring_len + pool_len) * rig->queues;
	uint8_t *at;

	fds[0] = memfd_create("rig", MFD_ALLOW_SEALING);
	ck_assert_int_eq(ftruncate(fds[0], len), 0);
	ck_assert_int_eq(fcntl(fds[0], F_ADD_SEALS, F_SEAL_SHRINK |
			       F_SEAL_GROW | F_SEAL_SEAL), 0);
	at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0);
	ck_assert_ptr_ne(at, MAP_FAILED);
	for (unsigned q = 0; q < rig->queues; q++) {
		struct rig_queue *queue = &rig->queue[q];

		XEN_FRONT_RING_INIT(&queue->ring, (vhsm_sring_t *)at, ring_len);
		queue->ring.sring->req_prod = rig->first_index;
		queue->ring.sring->rsp_prod = rig->first_index;
		queue->ring.sring->req_event = rig->first_index + 1;
		queue->ring.sring->rsp_event = rig->first_index + 1;
		queue->ring.req_prod_pvt = rig->first_index;
		queue->ring.rsp_cons = rig->first_index;
		queue->pool = at + ring_len;
		queue->pool_len = pool_len;
		queue->to_engine = eventfd(0, EFD_NONBLOCK);
		queue->from_engine = eventfd(0, EFD_NONBLOCK);
		fds[1 + 2 * q] = queue->to_engine;
		fds[2 + 2 * q] = queue->from_engine;
		at += ring_len + pool_len;
	}
	rig->memfd = fds[0];
}

void rig_connect(struct rig *rig)
{
	struct vhsm_msg_connect_local msg = {
		.hdr = { VHSM_MSG_CONNECT_LOCAL, sizeof(msg) },
		.version = VHSM_VERSION,
	};
	uint64_t answer[VHSM_MSG_MAX / sizeof(uint64_t)];
	int fds[1 + 2 * VHSM_MAX_QUEUES];

	make_memory(rig, fds);
	msg.queues = rig->queues;
	msg.ring_order = rig->ring_order;
	msg.pool_pages = rig->pool_pages;
	msg.tuning.spin_us = rig->spin_us;
	msg.tuning.workers = rig->workers;
	ck_assert_int_eq(vhsm_msg_send(rig->broker, &msg.hdr, fds,
				       1 + 2 * rig->queues), 0);
	ck_assert_int_eq(vhsm_msg_recv(rig->broker, answer, NULL, NULL), 1);
	ck_assert_uint_eq(((struct vhsm_msg_header *)answer)->type,
			  VHSM_MSG_CONNECTED);
}

void rig_up(struct rig *rig)
{
	rig_start(rig);
	for (unsigned i = 0; i < RIG_KEYS; i++)
		rig_key(rig, i, rig_names[i], rig_types[i].type,
			rig_types[i].usages);
	rig_keys_done(rig);
	rig_connect(rig);
}

int rig_wait_exit(struct rig *rig)
{
	pid_t ended = 0;
	int status;

	/* The vault is heard to the end: last counters come now. */
	for (int i = 0; i < 10000 && !ended; i++) {
		rig_vault_poll(rig, 0);
		usleep(1000);
		ended = waitpid(rig->pid, &status, WNOHANG);
	}
	ck_assert_int_eq(ended, rig->pid);
	rig->pid = 0;
	rig_vault_poll(rig, 0);
	if (WIFSIGNALED(status))
		return -WTERMSIG(status);
	return WEXITSTATUS(status);
}

int rig_stop(struct rig *rig)
{
	struct vhsm_msg_simple msg = { .hdr = { VHSM_MSG_STOP, sizeof(msg) } };

	ck_assert_int_eq(vhsm_msg_send(rig->broker, &msg.hdr, NULL, 0), 0);
	return rig_wait_exit(rig);
}

/* --------------------------------------------------------------- vault */

static void take_vault_message(struct rig *rig, const void *buffer)
{
	const struct vhsm_msg_header *hdr = buffer;
	const struct vhsm_msg_counters *counters = buffer;
	struct vhsm_msg_audit_ack ack = {
		.hdr = { VHSM_MSG_AUDIT_ACK, sizeof(ack) },
	};

	switch (hdr->type) {
	case VHSM_MSG_REFUSAL:
		rig->last_refusal = *(const struct vhsm_msg_refusal *)buffer;
		rig->refusals++;
		rig->repeats += rig->last_refusal.repeats;
		ack.seq = rig->last_refusal.seq;
		if (!rig->hold_acks)
			vhsm_msg_send(rig->vault, &ack.hdr, NULL, 0);
		break;
	case VHSM_MSG_KEY_STATE_ACK:
		rig->state_acks++;
		break;
	case VHSM_MSG_COUNTERS:
		rig->operations += counters->operations;
		rig->bytes += counters->bytes;
		break;
	default:
		ck_abort_msg("the engine sent the vault message %u", hdr->type);
	}
}

void rig_vault_poll(struct rig *rig, int timeout_ms)
{
	uint64_t buffer[VHSM_MSG_MAX / sizeof(uint64_t)];
	struct pollfd fd = { .fd = rig->vault, .events = POLLIN };

	while (poll(&fd, 1, timeout_ms) > 0) {
		if (vhsm_msg_recv(rig->vault, buffer, NULL, NULL) != 1)
			return;
		take_vault_message(rig, buffer);
		timeout_ms = 0;
	}
}

void rig_set_state(struct rig *rig, uint32_t index, uint32_t state)
{
	struct vhsm_msg_key_state msg = {
		.hdr = { VHSM_MSG_KEY_STATE, sizeof(msg) },
		.index = index, .state = state,
	};
	unsigned before = rig->state_acks;

	ck_assert_int_eq(vhsm_msg_send(rig->vault, &msg.hdr, NULL, 0), 0);
	for (int i = 0; i < 500 && rig->state_acks == before; i++)
		rig_vault_poll(rig, 10);
	ck_assert_uint_eq(rig->state_acks, before + 1);
}

/* --------------------------------------------------------------- guest */

void rig_put(struct rig *rig, unsigned q, const struct vhsm_request *request)
{
	vhsm_front_ring_t *ring = &rig->queue[q].ring;

	ck_assert(!RING_FULL(ring));
	*RING_GET_REQUEST(ring, ring->req_prod_pvt) = *request;
	ring->req_prod_pvt++;
}

void rig_push(struct rig *rig, unsigned q)
{
	uint64_t one = 1;
	int notify;

	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&rig->queue[q].ring, notify);
	if (notify)
		ck_assert_int_eq(write(rig->queue[q].to_engine, &one, 8), 8);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool rig_take(struct rig *rig, unsigned q, struct vhsm_response *response,
	      int ms)
{
	vhsm_front_ring_t *ring = &rig->queue[q].ring;
	struct pollfd fds[2] = {
		{ .fd = rig->queue[q].from_engine, .events = POLLIN },
		{ .fd = rig->vault, .events = POLLIN },
	};
	int64_t end = now_ms() + ms;
	uint64_t count;
	int some;

	for (;;) {
		RING_FINAL_CHECK_FOR_RESPONSES(ring, some);
		if (some)
			break;
		if (now_ms() >= end)
			return false;
		poll(fds, 2, end - now_ms());
		if (fds[0].revents)
			ck_assert_int_eq(read(fds[0].fd, &count, 8), 8);
		if (fds[1].revents & POLLIN)
			rig_vault_poll(rig, 0);
		if (fds[1].revents & (POLLHUP | POLLERR))
			fds[1].fd = -1;
	}
	xen_rmb();
	*response = *RING_GET_RESPONSE(ring, ring->rsp_cons);
	ring->rsp_cons++;
	return true;
}

struct vhsm_response rig_do(struct rig *rig, struct vhsm_request request)
{
	struct vhsm_response response;

	request.id = 0x1234567800000000u + rig->queue[0].ring.req_prod_pvt;
	rig_put(rig, 0, &request);
	rig_push(rig, 0);
	ck_assert(rig_take(rig, 0, &response, 5000));
	ck_assert_uint_eq(response.id, request.id);
	ck_assert_uint_eq(response.op, request.op);
	return response;
}

uint32_t rig_open(struct rig *rig, const char *name)
{
	struct vhsm_request r = { .op = VHSM_OP_KEY_OPEN };
	struct vhsm_response response;

	memcpy(rig->queue[0].pool + AT_PARAM, name, strlen(name));
	r.u.seg[VHSM_SEG_PARAM] = (struct vhsm_segment){ AT_PARAM,
							 strlen(name) };
	r.u.seg[VHSM_SEG_OUTPUT] = (struct vhsm_segment){
		AT_OUTPUT, sizeof(struct vhsm_key_info) };
	response = rig_do(rig, r);
	ck_assert_uint_eq(response.status, VHSM_S_OK);
	return response.key;
}

struct vhsm_request rig_request(uint16_t op, uint16_t mechanism, uint32_t key,
				uint32_t input_len)
{
	struct vhsm_request r = {
		.op = op, .mechanism = mechanism, .key = key,
	};
	bool aead = op == VHSM_OP_ENCRYPT || op == VHSM_OP_DECRYPT;
	bool makes = op == VHSM_OP_SIGN || op == VHSM_OP_MAC;

	if (input_len)
		r.u.seg[VHSM_SEG_INPUT] = (struct vhsm_segment){ AT_INPUT,
								 input_len };
	if (aead) {
		r.u.seg[VHSM_SEG_PARAM] = (struct vhsm_segment){
			AT_PARAM, VHSM_NONCE_LEN };
		r.u.seg[VHSM_SEG_TAG] = (struct vhsm_segment){
			AT_TAG, VHSM_TAG_LEN };
		r.u.seg[VHSM_SEG_OUTPUT] = (struct vhsm_segment){
			AT_OUTPUT, input_len };
	}
	if (makes)
		r.u.seg[VHSM_SEG_OUTPUT] = (struct vhsm_segment){
			AT_OUTPUT, VHSM_SIG_MAX };
	return r;
}
