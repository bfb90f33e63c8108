/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fingerprint.c - fuzzes the reader of fingerprint files, and the search with
 * whatever set came of one.
 */
#include <stdlib.h>
#include <string.h>

#include "introspect/search.h"

#define MUST(condition)	do { if (!(condition)) abort(); } while (0)

static int stop(size_t entry, uint64_t address, void *arg)
{
	(void)entry;
	(void)address;
	(void)arg;
	return 1;
}

/* A set that was read must be written the same, and be of use. */
static void use(const struct vhsm_fingerprints *set, const json_t *json,
		const uint8_t *data, size_t len)
{
	json_t *again = vhsm_fingerprints_encode(set);
	struct vhsm_search *search = vhsm_search_new(set, stop, NULL);

	MUST(again && json_equal(json, again));
	json_decref(again);
	MUST(search && vhsm_search_feed(search, 0, data, len) >= 0);
	vhsm_search_free(&search);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct vhsm_fingerprints *set = NULL;
	char why[VHSM_FINGERPRINT_WHY_LEN] = "";
	json_t *json;
	int r;

	json = json_loadb((const char *)data, len, JSON_REJECT_DUPLICATES,
			  NULL);
	if (!json)
		return 0;
	r = vhsm_fingerprints_decode(&set, json, why);
	MUST((r == 0) == (set != NULL));
	MUST(r == 0 || (*why && strnlen(why, sizeof(why)) < sizeof(why)));
	if (set)
		use(set, json, data, len);
	vhsm_fingerprints_free(&set);
	json_decref(json);
	return 0;
}
