/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memsearch.c - vhsm-memsearch: whether a guest's memory holds a secret it
 * must not hold.
 *
 * Fingerprints of the secrets and of the control strings stand in one set, so
 * a control string that is found proves the very search that found no secret.
 * The tool never has a secret's bytes.  It reports, it does not react.
 */
#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "introspect/guest-memory.h"
#include "introspect/search.h"
#include "memsearch/domain-name.h"
#include "memsearch/report.h"

enum exit_code {
	EXIT_NONE_FOUND = 0,
	EXIT_FOUND = 1,
	EXIT_FAILED = 2,
	EXIT_BLIND = 3,			/* a control string was not found */
};

struct options {
	const char *domain;
	const char *image;
	const char *fingerprints;
	const char **control;		/* of argv */
	size_t controls;
	bool json;
};

static const char usage[] =
"usage: vhsm-memsearch (--domain NAME|ID | --image FILE)\n"
"                      --fingerprints FILE [--control STRING]... [--json]\n"
"\n"
"Searches the whole memory of a guest for fingerprinted secrets.\n"
"\n"
"  -d, --domain NAME|ID     a running domain (in dom0, as root)\n"
"  -i, --image FILE         a raw image of memory\n"
"  -f, --fingerprints FILE  what to look for (vhsmctl key fingerprints)\n"
"  -c, --control STRING     must be found, or the search is not to be\n"
"                           trusted; at least 16 bytes\n"
"  -j, --json               print the result as one JSON object\n"
"  -h, --help               print this\n"
"  -V, --version            print the version\n"
"\n"
"Exit status: 0 nothing found, 1 a secret was found, 2 failed,\n"
"3 a control string was not found.\n";

static int options_check(const struct options *o)
{
	size_t i;

	if (!o->domain == !o->image) {
		fputs("vhsm-memsearch: give one of --domain and --image\n",
		      stderr);
		return -EINVAL;
	}
	if (!o->fingerprints) {
		fputs("vhsm-memsearch: --fingerprints is missing\n", stderr);
		return -EINVAL;
	}
	for (i = 0; i < o->controls; i++) {
		if (strlen(o->control[i]) < VHSM_WINDOW_LEN) {
			fprintf(stderr, "vhsm-memsearch: control string \"%s\""
				" is shorter than %u bytes\n", o->control[i],
				VHSM_WINDOW_LEN);
			return -EINVAL;
		}
	}
	return 0;
}

/* 0, -EINVAL after saying why, or the letter of what was to be printed. */
static int options_read(struct options *o, int argc, char **argv)
{
	static const struct option options[] = {
		{ "domain", required_argument, NULL, 'd' },
		{ "image", required_argument, NULL, 'i' },
		{ "fingerprints", required_argument, NULL, 'f' },
		{ "control", required_argument, NULL, 'c' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "d:i:f:c:jhV", options,
				NULL)) != -1) {
		if (c == 'd')
			o->domain = optarg;
		else if (c == 'i')
			o->image = optarg;
		else if (c == 'f')
			o->fingerprints = optarg;
		else if (c == 'c')
			o->control[o->controls++] = optarg;
		else if (c == 'j')
			o->json = true;
		else if (c == 'h' || c == 'V')
			return c;
		else
			return -EINVAL;
	}
	if (optind < argc) {
		fprintf(stderr, "vhsm-memsearch: unexpected argument %s\n",
			argv[optind]);
		return -EINVAL;
	}
	return options_check(o);
}

static struct vhsm_guest_memory *open_memory(const struct options *o, char *why)
{
	uint32_t domid;

	if (o->image)
		return vhsm_guest_memory_open_image(o->image, why);
	if (domain_number(o->domain, &domid)) {
		snprintf(why, VHSM_MEMORY_WHY_LEN, "there is no domain \"%.60s\""
			 " (xl list shows those there are)", o->domain);
		return NULL;
	}
	return vhsm_guest_memory_open_domain(domid, why);
}

/* The secrets' set with the control strings added behind. */
static struct vhsm_fingerprints *open_set(const struct options *o,
					  size_t *secrets, char *why)
{
	struct vhsm_fingerprints *set = NULL;
	char label[VHSM_FINGERPRINT_LABEL_MAX + 1];
	size_t i;
	int r;

	if (vhsm_fingerprints_read(&set, o->fingerprints, why))
		return NULL;
	*secrets = vhsm_fingerprints_count(set);
	for (i = 0; i < o->controls; i++) {
		snprintf(label, sizeof(label), "control %zu", i + 1);
		r = vhsm_fingerprints_add(set, label,
					  (const uint8_t *)o->control[i]);
		if (r) {
			snprintf(why, VHSM_FINGERPRINT_WHY_LEN,
				 "control string %zu: %s", i + 1,
				 r == -EINVAL ? "it repeats itself; take "
				 "another" : strerror(-r));
			vhsm_fingerprints_free(&set);
			return NULL;
		}
	}
	return set;
}

static int feed(uint64_t address, const uint8_t *bytes, size_t len, void *search)
{
	return vhsm_search_feed(search, address, bytes, len);
}

static enum exit_code search_memory(const struct options *o,
				    struct vhsm_guest_memory *memory,
				    struct vhsm_fingerprints *set,
				    size_t secrets)
{
	char why[VHSM_MEMORY_WHY_LEN] = "";
	struct vhsm_search *search = NULL;
	struct report *report;
	enum exit_code code = EXIT_FAILED;
	int r;

	report = report_new(set, secrets);
	if (report)
		search = vhsm_search_new(set, report_found, report);
	if (!search) {
		fputs("vhsm-memsearch: out of memory\n", stderr);
		goto out;
	}
	r = vhsm_guest_memory_walk(memory, feed, search, report_stats(report),
				   why);
	if (r) {
		fprintf(stderr, "vhsm-memsearch: %s\n",
			*why ? why : strerror(-r));
		goto out;
	}
	if (report_print(report, stdout, o->json))
		goto out;
	if (!report_sighted(report))
		code = EXIT_BLIND;
	else
		code = report_hits(report) ? EXIT_FOUND : EXIT_NONE_FOUND;
out:
	vhsm_search_free(&search);
	report_free(&report);
	return code;
}

static enum exit_code run(const struct options *o)
{
	char why[VHSM_FINGERPRINT_WHY_LEN];
	struct vhsm_fingerprints *set;
	struct vhsm_guest_memory *memory = NULL;
	enum exit_code code = EXIT_FAILED;
	size_t secrets = 0;

	set = open_set(o, &secrets, why);
	if (set)
		memory = open_memory(o, why);
	if (memory)
		code = search_memory(o, memory, set, secrets);
	else
		fprintf(stderr, "vhsm-memsearch: %s\n", why);
	vhsm_guest_memory_close(&memory);
	vhsm_fingerprints_free(&set);
	return code;
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	enum exit_code code = EXIT_FAILED;
	int r;

	o.control = calloc((size_t)argc, sizeof(*o.control));
	if (!o.control)
		return EXIT_FAILED;
	r = options_read(&o, argc, argv);
	if (r > 0) {
		fputs(r == 'h' ? usage :
		      "vhsm-memsearch " PACKAGE_VERSION "\n", stdout);
		code = EXIT_NONE_FOUND;
	} else if (r) {
		fputs("Try vhsm-memsearch --help.\n", stderr);
	} else {
		code = run(&o);
	}
	free(o.control);
	return code;
}
