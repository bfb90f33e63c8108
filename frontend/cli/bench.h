/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench.h - one case of "vhsm bench", as the device does it (bench-run.c) and
 * as OpenSSL does it in this process with a key of its own (bench-soft.c).
 */
#ifndef VHSM_CLI_BENCH_H
#define VHSM_CLI_BENCH_H

#include <stddef.h>
#include <stdint.h>

#include "vhsm/vhsm.h"

struct bench_case {
	uint16_t op;			/* enum vhsm_op */
	uint16_t mechanism;
	uint16_t key_type;
	uint32_t key;
	uint32_t size;			/* bytes of input */
	unsigned depth;			/* requests outstanding */
	unsigned ms;			/* for how long */
};

struct bench_result {
	uint64_t requests;		/* answered well */
	uint64_t errors;		/* answered otherwise */
	double per_second;
	double p50_us, p99_us;
	double notifications;		/* sent and received, per request */
	uint16_t status;		/* of the last error */
};

uint64_t bench_now_ns(void);

/* 0, or a negative error; -VHSM_E_NO_SPACE if depth * size does not fit. */
int bench_run(struct vhsm *h, const struct bench_case *b,
	      struct bench_result *result);

/* Operations per second; 0 where OpenSSL has nothing like it. */
double bench_soft(const struct bench_case *b);

#endif /* VHSM_CLI_BENCH_H */
