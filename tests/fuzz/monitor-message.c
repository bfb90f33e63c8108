/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitor-message.c - fuzzes what monitor and responder read of one another:
 * the first byte says which message, the rest is its payload.
 *
 * What is taken must be within its bounds, and must be the same again when it
 * is written and read once more.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "channel/messages.h"

#define MUST(condition)	do { if (!(condition)) abort(); } while (0)

#define FRAMES 100000u			/* the guest has */

static char why[VHSM_MESSAGE_WHY_LEN];

static bool printable(const char *text, size_t size, bool lines)
{
	size_t len = strnlen(text, size);

	for (size_t i = 0; i < len; i++)
		if ((text[i] < ' ' || text[i] > '~') &&
		    !(lines && text[i] == '\n'))
			return false;
	return len < size;
}

static char *dump(json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT);

	MUST(json && text);
	json_decref(json);
	return text;
}

/* Reads what the encoder makes of a once, and expects it in b. */
#define AGAIN(name, a, b, encoded) do {					\
	char *text_ = dump(encoded);					\
	MUST(!vhsm_##name##_decode(&(b), text_, strlen(text_), why));	\
	free(text_);							\
} while (0)

static void hello(const char *text, size_t len)
{
	struct vhsm_hello a, b;

	if (vhsm_hello_decode(&a, text, len, why))
		return;
	MUST(printable(a.program, sizeof(a.program), false));
	AGAIN(hello, a, b, vhsm_hello_encode(&a));
	MUST(!memcmp(&a, &b, sizeof(a)));
}

static void found(const char *text, size_t len)
{
	struct vhsm_found a, b;

	if (vhsm_found_decode(&a, text, len, why))
		return;
	MUST(printable(a.release, sizeof(a.release), false));
	AGAIN(found, a, b, vhsm_found_encode(&a));
	MUST(!memcmp(&a, &b, sizeof(a)));
}

static void configure(const char *text, size_t len)
{
	struct vhsm_configure a, b;

	if (vhsm_configure_decode(&a, text, len, why)) {
		MUST(!a.checks);
		return;
	}
	MUST(a.frames && a.frames <= VHSM_FRAMES_MAX && a.slice_ms);
	AGAIN(configure, a, b, vhsm_configure_encode(&a));
	MUST(a.domid == b.domid && a.frames == b.frames &&
	     json_equal(a.checks, b.checks));
	json_decref(a.checks);
	json_decref(b.checks);
}

static void sweep(const char *text, size_t len)
{
	static struct vhsm_sweep_order a, b;

	if (vhsm_sweep_order_decode(&a, text, len, why))
		return;
	MUST(a.vcpu_count <= VHSM_VCPUS_MAX);
	AGAIN(sweep_order, a, b, vhsm_sweep_order_encode(&a));
	MUST(!memcmp(&a, &b, sizeof(a)));
}

static void finding(const char *text, size_t len)
{
	struct vhsm_finding a, b;

	if (vhsm_finding_decode(&a, text, len, why))
		return;
	MUST(a.before_len <= VHSM_EVIDENCE_MAX);
	MUST(a.after_len <= VHSM_EVIDENCE_MAX);
	MUST(vhsm_check_by_number(a.check));
	MUST(printable(a.object, sizeof(a.object), false));
	MUST(printable(a.detail, sizeof(a.detail), false));
	MUST(printable(a.after_code, sizeof(a.after_code), true));
	AGAIN(finding, a, b, vhsm_finding_encode(&a));
	MUST(!memcmp(&a, &b, sizeof(a)));
}

static void verdict(const char *text, size_t len)
{
	static struct vhsm_verdict a, b;

	if (vhsm_verdict_decode(&a, text, len, why))
		return;
	MUST(a.run_count <= VHSM_CHECK_RUNS_MAX);
	MUST(!a.clean || !a.findings);
	AGAIN(verdict, a, b, vhsm_verdict_encode(&a));
	MUST(!memcmp(&a, &b, sizeof(a)));
}

static void learned(const char *text, size_t len)
{
	const struct vhsm_check_info *check;
	json_t *learned;

	if (vhsm_learned_decode(&check, &learned, text, len, why)) {
		MUST(!learned);
		return;
	}
	MUST(check->cadence != VHSM_CADENCE_NONE && learned);
	json_decref(learned);
}

static void line(const char *text, size_t len)
{
	char got[VHSM_LOG_TEXT_LEN];

	if (!vhsm_log_decode(got, text, len, why))
		MUST(printable(got, sizeof(got), false));
}

static void learn_failed(const char *text, size_t len)
{
	char got[VHSM_LOG_TEXT_LEN];

	if (!vhsm_learn_failed_decode(got, text, len, why))
		MUST(printable(got, sizeof(got), false));
}

static void fingerprints(const char *text, size_t len)
{
	struct vhsm_fingerprints_part a, b;

	if (vhsm_fingerprints_part_decode(&a, text, len, why)) {
		MUST(!a.set);
		return;
	}
	MUST(a.set && a.parts <= VHSM_PARTS_MAX && a.part < a.parts);
	AGAIN(fingerprints_part, a, b, vhsm_fingerprints_part_encode(&a));
	MUST(a.part == b.part && a.parts == b.parts &&
	     json_equal(a.set, b.set));
	json_decref(a.set);
	json_decref(b.set);
}

static void dirty(const char *text, size_t len)
{
	const uint8_t *bits;
	uint64_t first;
	size_t got;

	if (vhsm_dirty_decode(&first, &bits, &got, FRAMES,
			      (const uint8_t *)text, len, why))
		return;
	MUST(first % 8 == 0 && got && first < FRAMES);
	MUST(first / 8 + got <= (FRAMES + 7) / 8);
	MUST((const char *)bits + got == text + len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static void (*const decode[])(const char *, size_t) = {
		hello, found, configure, sweep, finding, verdict, learned,
		line, dirty, learn_failed, fingerprints,
	};
	const size_t kinds = sizeof(decode) / sizeof(decode[0]);

	if (len && data[0] >= '0' && (size_t)(data[0] - '0') < kinds) {
		why[0] = 0;
		decode[data[0] - '0']((const char *)data + 1, len - 1);
	}
	return 0;
}
