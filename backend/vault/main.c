/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - vhsm-vault: custody.  A child of the broker (protocol.h); it holds
 * the root key, every domain's keys and the audit log, and no way to a guest
 * but its engines' sockets.
 *
 * Order: harden (before there is any secret); root key, as root, since its
 * file is root's; give up root; open store and log; lock; serve.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "common/log.h"
#include "common/sandbox.h"
#include "ops/ops.h"
#include "vault/broker-link.h"
#include "vault/root.h"
#include "vault/vault.h"

/* Root and unit keys, keys being made, and what OpenSSL makes of them: RSA
 * takes most, and no more than a few are made at once. */
#define SECURE_HEAP (1u << 20)

/* Exit statuses, for the broker and for people. */
enum {
	EXIT_USAGE = 2,
	EXIT_SANDBOX = 3,
	EXIT_ROOT_KEY = 4,
	EXIT_STORE = 5,
};

struct options {
	struct vhsm_vault_config config;
	const char *user;
	bool verbose;
};

static void usage(FILE *out)
{
	fputs("usage: vhsm-vault --store DIR --root-key URI [--user USER]\n"
	      "                  [--max-open-units N] [--max-log-bytes N]"
	      " [--verbose]\n\n"
	      "Started by vhsmd, with its socket as descriptor 3 and the"
	      " admin's as 4.\n"
	      "URI is file:/PATH (made if the store is new) or"
	      " passphrase:/PATH.\n\n"
	      "Exit status: 0 the broker ended, 2 usage, 3 cannot lock itself"
	      " in,\n"
	      "4 root key (missing, wrong, open to others), 5 store or audit"
	      " log.\n", out);
}

static int number_parse(const char *text, unsigned long min, unsigned long max,
			unsigned long *number)
{
	char *end;

	errno = 0;
	*number = strtoul(text, &end, 10);
	return errno != 0 || *end != '\0' || end == text || *text == '-' ||
	       *number < min || *number > max ? -EINVAL : 0;
}

static int option_take(struct options *options, int c)
{
	unsigned long number;

	switch (c) {
	case 's':
		options->config.store = optarg;
		return 0;
	case 'r':
		options->config.root_uri = optarg;
		return 0;
	case 'u':
		options->user = optarg;
		return 0;
	case 'v':
		options->verbose = true;
		return 0;
	case 'U':
		if (number_parse(optarg, 1, 1024, &number) != 0)
			return -EINVAL;
		options->config.units_max = (unsigned)number;
		return 0;
	case 'L':
		if (number_parse(optarg, 65536, 1ul << 32, &number) != 0)
			return -EINVAL;
		options->config.audit_file_max = number;
		return 0;
	default:
		return -EINVAL;
	}
}

static int options_parse(struct options *options, int argc, char **argv)
{
	static const struct option table[] = {
		{ "store", required_argument, NULL, 's' },
		{ "root-key", required_argument, NULL, 'r' },
		{ "user", required_argument, NULL, 'u' },
		{ "max-open-units", required_argument, NULL, 'U' },
		{ "max-log-bytes", required_argument, NULL, 'L' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (c == 'h') {
			usage(stdout);
			exit(EXIT_SUCCESS);
		}
		if (option_take(options, c) != 0)
			return -EINVAL;
	}
	if (options->config.store == NULL || options->config.root_uri == NULL ||
	    optind != argc)
		return -EINVAL;
	return 0;
}

static bool is_socket(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* Without a broker and an admin there is nothing to serve. */
static int descriptors_check(void)
{
	if (!is_socket(VHSM_FD_BROKER) || !is_socket(VHSM_FD_ADMIN))
		return -ENOTSOCK;
	if (fcntl(VHSM_FD_BROKER, F_SETFD, FD_CLOEXEC) != 0 ||
	    fcntl(VHSM_FD_ADMIN, F_SETFD, FD_CLOEXEC) != 0 ||
	    fcntl(VHSM_FD_ADMIN, F_SETFL, O_NONBLOCK) != 0)
		return -errno;
	return 0;
}

static int fail(int status, int error, const char *why)
{
	vhsm_log(LOG_ERR, "cannot start: %s", why);
	vhsm_broker_send_failed(VHSM_FD_BROKER, error, why);
	return status;
}

static int serve(struct vhsm_vault *vault, char *why)
{
	int r;

	r = vhsm_sandbox_lock_vault(why);
	if (r != 0)
		return fail(EXIT_SANDBOX, r, why);
	r = vhsm_vault_start(vault, VHSM_FD_ADMIN, VHSM_FD_BROKER);
	if (r != 0)
		return fail(EXIT_STORE, r, strerror(-r));
	vhsm_log(LOG_INFO, "serving");
	event_base_dispatch(vault->base);
	return EXIT_SUCCESS;
}

/* The store's directories are made by whoever will write them. */
static int store_open(struct options *options, struct vhsm_vault *vault,
		      struct event_base *base, const uint8_t *root_key,
		      char *why)
{
	int r;

	why[0] = '\0';
	r = vhsm_sandbox_drop(options->user, why);
	if (r != 0)
		return fail(EXIT_SANDBOX, r, why);
	r = vhsm_vault_open(vault, base, &options->config, root_key, why);
	return r != 0 ? fail(EXIT_STORE, r, why) : 0;
}

static int root_open(struct options *options, uint8_t *root_key, char *why)
{
	int r;

	why[0] = '\0';
	r = vhsm_store_is_new(options->config.store,
			      &options->config.new_store, why);
	if (r != 0)
		return fail(EXIT_STORE, r, why);
	r = vhsm_root_open(options->config.root_uri, options->config.store,
			   options->config.new_store, root_key, why);
	if (r != 0)
		return fail(EXIT_ROOT_KEY, r, why[0] ? why :
			    vhsm_vault_error_text(r));
	return 0;
}

static int run(struct options *options, struct event_base *base)
{
	uint8_t *root_key = OPENSSL_secure_malloc(VHSM_ROOT_KEY_LEN);
	char why[VHSM_WHY_LEN] = "out of memory";
	struct vhsm_vault vault = { .lock = -1 };
	int status;

	if (root_key == NULL || base == NULL)
		return fail(EXIT_SANDBOX, -ENOMEM, why);
	status = root_open(options, root_key, why);
	if (status == 0)
		status = store_open(options, &vault, base, root_key, why);
	OPENSSL_secure_clear_free(root_key, VHSM_ROOT_KEY_LEN);
	if (status == 0)
		status = serve(&vault, why);
	vhsm_vault_close(&vault, status == 0 ? "the broker ended" :
			 "it could not start");
	return status;
}

int main(int argc, char **argv)
{
	struct options options = {
		.config.units_max = VHSM_STORE_OPEN_MAX,
		.config.audit_file_max = VHSM_AUDIT_FILE_MAX,
	};
	char why[VHSM_WHY_LEN] = "";
	struct event_base *base;
	const char *what = "";
	int r, status;

	if (options_parse(&options, argc, argv) != 0) {
		usage(stderr);
		return EXIT_USAGE;
	}
	vhsm_log_init("vhsm-vault", options.verbose);
	if (descriptors_check() != 0) {
		vhsm_log(LOG_ERR, "it is started by vhsmd, and needs sockets "
			 "as descriptors %d and %d", VHSM_FD_BROKER,
			 VHSM_FD_ADMIN);
		return EXIT_USAGE;
	}
	signal(SIGPIPE, SIG_IGN);
	umask(077);
	r = vhsm_sandbox_harden(SECURE_HEAP, why);
	if (r != 0)
		return fail(EXIT_SANDBOX, r, why);
	if (vhsm_ops_init(&what) != 0) {
		snprintf(why, sizeof(why), "self-test failed: %s", what);
		return fail(EXIT_SANDBOX, -EIO, why);
	}
	base = event_base_new();
	status = run(&options, base);
	if (base != NULL)
		event_base_free(base);
	vhsm_ops_deinit();
	return status;
}
