/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call.c - one call of the admin protocol, as the responder makes them.
 *
 *	call SOCKET METHOD PARAMS
 *
 * PARAMS is a JSON object.  Prints the result, one line, or "CODE: MESSAGE" on
 * standard error with exit status 1; and, with $CALL_TIMES naming a file, when
 * the call began and ended there, in nanoseconds of CLOCK_MONOTONIC.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/rpc.h"

static unsigned long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void times_write(unsigned long long from, unsigned long long to)
{
	const char *path = getenv("CALL_TIMES");
	FILE *f = path ? fopen(path, "w") : NULL;

	if (!f)
		return;
	fprintf(f, "%llu %llu\n", from, to);
	fclose(f);
}

int main(int argc, char **argv)
{
	json_t *params = argc == 4 ? json_loads(argv[3], 0, NULL) : NULL;
	char *code = NULL, *error = NULL;
	json_t *result = NULL;
	unsigned long long from;
	int ret;

	if (!params) {
		fputs("call: see its source for its arguments\n", stderr);
		return EXIT_FAILURE;
	}
	from = now_ns();
	ret = vhsm_rpc_call_sync(argv[1], argv[2], params, -1, &result, &code,
				 &error);
	times_write(from, now_ns());
	if (ret) {
		fprintf(stderr, "%s: %s\n", code ? code : "call", error);
	} else {
		json_dumpf(result, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
		putchar('\n');
	}
	json_decref(params);
	json_decref(result);
	free(code);
	free(error);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}
