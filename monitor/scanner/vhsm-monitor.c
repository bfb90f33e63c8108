/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhsm-monitor.c - the program of a monitor domain: options, the channel, one
 * session.  It ends when the channel does, and is then started again.
 */
#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "scanner/lock.h"
#include "scanner/scan-session.h"

#define CONFIRM_MS	20u
#define BOOT_MS		180000u

enum { EXIT_USAGE = 2 };

struct options {
	const char *baseline_dir;
	const char *image;
	int channel_fd;			/* -1: libxenvchan */
	uint32_t confirm_ms;
	uint32_t boot_ms;
};

static void usage(FILE *out)
{
	fputs("usage: vhsm-monitor [--baseline DIR] [--confirm-ms N]\n"
	      "                    [--boot-ms N] [--channel-fd FD] [--image FILE]\n"
	      "\n"
	      "Looks at the one guest this monitor domain may map, on the orders of\n"
	      "vhsm-responder in dom0.\n"
	      "\n"
	      "  --baseline DIR   what the guest is compared with (/baseline)\n"
	      "  --confirm-ms N   pause before a second look, 0..1000 (20)\n"
	      "  --boot-ms N      how long the guest's kernel may boot, 0..3600000\n"
	      "                   (180000)\n"
	      "  --channel-fd FD  a connected stream socket instead of libxenvchan\n"
	      "  --image FILE     a raw image of memory instead of a guest\n"
	      "  --help, --version\n", out);
}

static bool parse_number(const char *text, unsigned long max,
			 unsigned long *value)
{
	char *end;

	errno = 0;
	*value = strtoul(text, &end, 10);
	return !errno && end != text && !*end && text[0] != '-' &&
	       *value <= max;
}

/* Exit status to leave with, or -1 to go on. */
static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "baseline", required_argument, NULL, 'b' },
		{ "confirm-ms", required_argument, NULL, 'm' },
		{ "boot-ms", required_argument, NULL, 'o' },
		{ "channel-fd", required_argument, NULL, 'c' },
		{ "image", required_argument, NULL, 'i' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	unsigned long n;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'b':
			o->baseline_dir = optarg;
			break;
		case 'i':
			o->image = optarg;
			break;
		case 'm':
			if (!parse_number(optarg, 1000, &n))
				goto wrong;
			o->confirm_ms = (uint32_t)n;
			break;
		case 'o':
			if (!parse_number(optarg, 3600000, &n))
				goto wrong;
			o->boot_ms = (uint32_t)n;
			break;
		case 'c':
			if (!parse_number(optarg, INT_MAX, &n))
				goto wrong;
			o->channel_fd = (int)n;
			break;
		case 'h':
			usage(stdout);
			return EXIT_SUCCESS;
		case 'V':
			puts(PACKAGE_STRING);
			return EXIT_SUCCESS;
		default:
			usage(stderr);
			return EXIT_USAGE;
		}
	}
	if (optind == argc)
		return -1;
	optarg = argv[optind];
wrong:
	fprintf(stderr, "vhsm-monitor: what is meant by \"%s\"?\n", optarg);
	usage(stderr);
	return EXIT_USAGE;
}

#ifdef VHSM_SANITIZED
/* LeakSanitizer looks from a process of its own, which the lock forbids. */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

int main(int argc, char **argv)
{
	struct options o = { .baseline_dir = "/baseline", .channel_fd = -1,
			     .confirm_ms = CONFIRM_MS, .boot_ms = BOOT_MS };
	/* What it has is in reach to the end: the channel is never closed. */
	static struct session_setup setup = { .lock = monitor_lock };
	char why[GUEST_WHY_LEN] = "";
	int r = parse(argc, argv, &o);

	if (r >= 0)
		return r;
	vhsm_log_init("vhsm-monitor", false);
	setup.baseline_dir = o.baseline_dir;
	setup.image = o.image;
	setup.confirm_ms = o.confirm_ms;
	setup.boot_ms = o.boot_ms;
	setup.channel = o.channel_fd >= 0 ?
		vhsm_channel_from_socket(o.channel_fd) :
		vhsm_channel_listen_vchan();
	if (!setup.channel) {
		vhsm_log(LOG_ERR, "no channel to dom0: %s (is this a monitor "
			 "domain, with xen-evtchn and xen-gntalloc loaded?)",
			 strerror(errno));
		return EXIT_FAILURE;
	}
	r = session_run(&setup, why);
	/* The channel is the kernel's to close, which tells dom0: libxenvchan
	 * would ask xenstore, and the lock does not let it. */
	return r ? EXIT_FAILURE : EXIT_SUCCESS;
}
