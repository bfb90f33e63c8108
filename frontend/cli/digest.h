/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest.h - what is signed: a message, its digest, or, when the message is
 * larger than the shared memory, its digest made here.
 */
#ifndef VHSM_CLI_DIGEST_H
#define VHSM_CLI_DIGEST_H

#include "cli/cli.h"

struct digest_input {
	uint8_t *data;			/* the caller's to free */
	size_t len;
	uint32_t flags;			/* for vhsm_sign() and vhsm_verify() */
};

/* Reads c->in for mechanism and fits it to the session.  An exit status. */
int digest_input(struct cli *c, uint16_t mechanism, struct digest_input *in);

#endif /* VHSM_CLI_DIGEST_H */
