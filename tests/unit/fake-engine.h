/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake-engine.h - a backend of the local transport for tests of the library:
 * a thread that takes connections on a socket and answers the ring with
 * whatever a test has it answer, right or wrong.
 *
 * Its ciphers are XOR and its signatures sums: what is under test is the way
 * there and back.
 */
#ifndef FAKE_ENGINE_H
#define FAKE_ENGINE_H

#include "vhsmif.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "local-wire.h"

/* As assert(), and never compiled out. */
#define must(what) ((what) ? (void)0 : abort())

/* How it misbehaves; one answer, the next, unless said otherwise. */
enum fake_sin {
	FAKE_HONEST,
	FAKE_WRONG_ID,		/* an id that was never asked */
	FAKE_WRONG_OP,
	FAKE_TWICE,		/* the same answer again */
	FAKE_LONG_OUTPUT,	/* out_len beyond the output's room */
	FAKE_ODD_STATUS,	/* none of the list */
	FAKE_OVERFLOW,		/* a producer index far ahead */
	FAKE_BACKWARDS,		/* one behind */
	FAKE_OTHER_NAME,	/* KEY_OPEN: tells of another key */
	FAKE_BUSY,		/* VHSM_S_BUSY three times, then honest */
	FAKE_HANG_UP,		/* half does the work, then breaks off */
	FAKE_SILENT,		/* takes requests and never answers */
	FAKE_REFUSE,		/* answers hello with EACCES, always */
	FAKE_RUDE		/* answers hello with rubbish, always */
};

struct fake_engine {
	char path[108];
	char device[200];
	int listener;
	int stop;			/* eventfd */
	pthread_t thread;
	enum fake_sin sin;
	unsigned busy_left;
	unsigned connections;
	unsigned opens;			/* KEY_OPEN answered */
	unsigned served;
	unsigned notified;		/* times the frontend notified */
	unsigned delay_us;		/* before each answer */
	bool reverse;			/* answers a batch last first */

	int conn;			/* the connection, or -1 */
	int memfd;
	int events[2];			/* to us, from us */
	struct vhsm_local_hello hello;
	void *map;
	size_t map_len;
	unsigned char *pool;
	struct vhsm_back_ring ring;
	struct vhsm_request held[512];	/* for reverse */
};

/* options: appended to the device string, "" or "&pool-pages=...". */
void fake_engine_start(struct fake_engine *f, const char *options);
void fake_engine_stop(struct fake_engine *f);
void fake_engine_sin(struct fake_engine *f, enum fake_sin sin);
/* Whether it has yet to commit one. */
bool fake_engine_sins(const struct fake_engine *f);

#endif /* FAKE_ENGINE_H */
