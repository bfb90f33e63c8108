/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops-fixture.h - what the tests of the families share: a made or given key
 * with its context, and short ways to run an operation.
 */
#ifndef OPS_FIXTURE_H
#define OPS_FIXTURE_H

#include <check.h>
#include <string.h>

#include "ops/ops.h"

struct key {
	const struct vhsm_family *family;
	struct vhsm_material material;
	struct vhsm_nonce_source nonces;
	struct vhsm_context *context;
	uint8_t bytes[4096];
};

/* Once per program: the algorithms. */
void ops_setup(void);
void ops_teardown(void);

size_t from_hex(const char *hex, uint8_t *out, size_t room);

/* Fails the test if the key or its context cannot be made. */
void key_make(struct key *key, uint16_t type);
void key_give(struct key *key, uint16_t type, const void *bytes, size_t len);
void key_drop(struct key *key);

/* An operation over input, with output as its room. */
struct vhsm_operation operation(uint16_t op, uint16_t mechanism,
				const void *input, size_t input_len,
				void *output, size_t output_len);
enum vhsm_status run(struct key *key, struct vhsm_operation *operation);

/* 0 if every test passed; what main returns. */
int run_tests(const char *name, void (*add)(TCase *));

#endif /* OPS_FIXTURE_H */
