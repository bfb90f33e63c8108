/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault.c - fuzzes the vault's own methods on a real store in a temporary
 * folder: from a packet, through the envelope, to the SQLite file.
 *
 * Input: the packet; after a NUL, if there is one, the bytes of an attached
 * memfd.  The store lives on between inputs, so that what one makes the next
 * can change; after GENERATION inputs it is made anew, to stay small.
 */
#include <event2/event.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "ops/ops.h"
#include "vault/seal.h"
#include "vault/vault.h"

#define MUST(condition)	do { if (!(condition)) abort(); } while (0)
#define GENERATION	20000u

static struct vhsm_vault vault;
static struct event_base *base;
static char dir[] = "/dev/shm/vhsm-fuzz-XXXXXX";
static unsigned inputs;

static int remove_one(const char *path, const struct stat *st, int kind,
		      struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static void remove_all(void)
{
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void open_vault(void)
{
	static const uint8_t root_key[VHSM_SEAL_KEY_LEN] = { 1, 2, 3 };
	struct vhsm_vault_config config = {
		.store = dir,
		.root_uri = "file:/none",
		.new_store = true,
		.units_max = 4,
		.audit_file_max = 1u << 20,
	};
	char why[VHSM_WHY_LEN] = "";

	MUST(!mkdir(dir, 0700));
	MUST(!vhsm_vault_open(&vault, base, &config, root_key, why));
	MUST(!vhsm_vault_start(&vault, -1, -1));
}

/* Ends the vault's threads before the libraries end that they use. */
static void end(void)
{
	vhsm_vault_close(&vault, "fuzzed");
	remove_all();
}

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *what = NULL;

	(void)argc;
	(void)argv;
	MUST(mkdtemp(dir) && !rmdir(dir));
	MUST(!vhsm_ops_init(&what));
	base = event_base_new();
	MUST(base);
	open_vault();
	/* Last, so that it comes before what OpenSSL does at exit. */
	atexit(end);
	return 0;
}

static int attached(const uint8_t *bytes, size_t len)
{
	int fd = memfd_create("import", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	MUST(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const uint8_t *nul = memchr(data, '\0', len);
	size_t text_len = nul ? (size_t)(nul - data) : len;
	int fd = -1;

	if (nul)
		fd = attached(nul + 1, len - text_len - 1);
	vhsm_rpc_dispatch(vault.rpc, NULL, (const char *)data, text_len, fd);
	event_base_loop(base, EVLOOP_NONBLOCK);
	if (++inputs % GENERATION == 0) {
		vhsm_vault_close(&vault, "fuzzing");
		remove_all();
		open_vault();
	}
	return 0;
}
