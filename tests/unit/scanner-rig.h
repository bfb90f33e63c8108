/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scanner-rig.h - vhsm-monitor over a socket, and a made-up guest with a real
 * kernel in it; the test is the responder.
 */
#ifndef VHSM_SCANNER_RIG_H
#define VHSM_SCANNER_RIG_H

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "channel/channel.h"
#include "channel/messages.h"
#include "unit/guest-fixture.h"

#define GUEST_LEN	(UINT64_C(128) << 20)
#define SLIDE		UINT64_C(0x4000000)

extern char baseline[];			/* its directory */
extern struct guest_fixture guest;
extern struct vhsm_channel *channel;
extern int raw;				/* the socket below channel */
extern pid_t pid;
extern const char *boot_ms;		/* the made-up kernel has no process */

void start(const char *image);
/* The next frame, of any type; false when the monitor has gone. */
bool receive(uint32_t *type, const void **payload, size_t *len);
/* The next frame, which is of that type. */
const char *expect(uint32_t type, size_t *len);
void send_json(uint32_t type, json_t *json);
void order(uint64_t number);
void expect_verdict(struct vhsm_verdict *v, uint64_t number);
/* Waits for its end, and gives its exit status. */
int exit_status(void);
/* It says why it ends, and ends as failed. */
void expect_refusal(const char *text);
/* Up to CONFIGURE. */
void begin(const char *checks);
/* Up to the first verdict, which is clean. */
void begin_clean(const char *checks);
/* Each of them around a guest of its own; the program's exit status. */
int scanner_run(TCase *tests);

#endif /* VHSM_SCANNER_RIG_H */
