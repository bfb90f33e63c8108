/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.c - writing the log: append to memory, commit in groups, checkpoint,
 * rotate.
 *
 * A commit that fails leaves its records in memory and the file is cut back to
 * its last whole record before the next try, so the file never holds half a
 * line but after a crash.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "common/hex.h"
#include "common/log.h"
#include "common/secret.h"
#include "vault/audit-files.h"
#include "vault/events.h"
#include "vault/seal.h"

#define PENDING_MAX	(4u << 20)	/* bytes that wait for a full disk */
#define CHECKPOINT_EVERY 256u		/* records */

struct vhsm_audit {
	char *dir;
	int fd;
	off_t len;			/* committed bytes of log.jsonl */
	bool half_written;		/* beyond len there may be rubbish */
	size_t file_max;
	uint64_t file_first;		/* seq of its first record, 0: empty */
	struct vhsm_audit_head head;	/* last record appended */
	struct vhsm_audit_head signed_head;	/* last checkpoint */
	char *pending;
	size_t pending_len, pending_room;
	EVP_PKEY *key;
	struct vhsm_secret seal_key;
};

static void time_encode(char *out, size_t room)
{
	struct timespec now;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	n = strftime(out, room, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, room - n, ".%03ldZ", now.tv_nsec / 1000000);
}

static char *record_encode(const struct vhsm_audit_head *head,
			   const char *event, const uint8_t *uuid,
			   json_t *details)
{
	char when[40], prev[2 * VHSM_AUDIT_HASH_LEN + 1];
	char domain[UUID_STR_LEN];
	json_t *record;
	char *line;

	time_encode(when, sizeof(when));
	vhsm_hex_encode(head->hash, sizeof(head->hash), prev);
	if (uuid != NULL)
		uuid_unparse_lower(uuid, domain);
	record = json_pack("{s:I, s:s, s:s, s:s*, s:O, s:s}", "seq",
			   (json_int_t)(head->seq + 1), "time", when, "event",
			   event, "domain", uuid != NULL ? domain : NULL,
			   "details", details, "prev", prev);
	if (record == NULL)
		return NULL;
	line = json_dumps(record, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(record);
	return line;
}

static int pending_reserve(struct vhsm_audit *audit, size_t more)
{
	size_t room = audit->pending_room ? audit->pending_room : 4096;
	char *pending;

	if (audit->pending_len + more > PENDING_MAX)
		return -ENOSPC;
	while (room < audit->pending_len + more)
		room *= 2;
	if (room == audit->pending_room)
		return 0;
	pending = realloc(audit->pending, room);
	if (pending == NULL)
		return -ENOMEM;
	audit->pending = pending;
	audit->pending_room = room;
	return 0;
}

static int line_append(struct vhsm_audit *audit, const char *line)
{
	uint8_t hash[VHSM_AUDIT_HASH_LEN];
	size_t len = strlen(line);
	int r;

	if (len >= VHSM_AUDIT_LINE_MAX)
		return -EMSGSIZE;
	r = pending_reserve(audit, len + 1);
	if (r == 0)
		r = vhsm_audit_hash(line, len, hash);
	if (r != 0)
		return r;
	memcpy(audit->pending + audit->pending_len, line, len);
	audit->pending[audit->pending_len + len] = '\n';
	audit->pending_len += len + 1;
	audit->head.seq++;
	memcpy(audit->head.hash, hash, sizeof(hash));
	if (audit->file_first == 0)
		audit->file_first = audit->head.seq;
	return 0;
}

int vhsm_audit_append(struct vhsm_audit *audit, const char *event,
		      const uint8_t *uuid, json_t *details)
{
	char *line = NULL;
	int r = -ENOMEM;

	if (details != NULL)
		line = record_encode(&audit->head, event, uuid, details);
	if (line != NULL)
		r = line_append(audit, line);
	free(line);
	json_decref(details);
	return r;
}

static int pending_write(struct vhsm_audit *audit)
{
	int r;

	if (audit->pending_len == 0)
		return 0;
	if (audit->half_written && ftruncate(audit->fd, audit->len) != 0)
		return -errno;
	audit->half_written = true;
	r = vhsm_file_write_all(audit->fd, audit->pending, audit->pending_len);
	if (r == 0 && fdatasync(audit->fd) != 0)
		r = -errno;
	if (r != 0)
		return r;
	audit->half_written = false;
	audit->len += (off_t)audit->pending_len;
	audit->pending_len = 0;
	return 0;
}

static int checkpoint_append(struct vhsm_audit *audit)
{
	uint8_t sig[VHSM_AUDIT_SIG_LEN];
	char hex[2 * VHSM_AUDIT_SIG_LEN + 1];
	int r;

	r = vhsm_audit_sign(audit->key, audit->head.seq + 1, audit->head.hash,
			    sig);
	if (r != 0)
		return r;
	vhsm_hex_encode(sig, sizeof(sig), hex);
	return vhsm_audit_append(audit, VHSM_EV_AUDIT_CHECKPOINT, NULL,
				 json_pack("{s:s}", "signature", hex));
}

int vhsm_audit_checkpoint(struct vhsm_audit *audit)
{
	int r;

	if (audit->head.seq == audit->signed_head.seq)
		return pending_write(audit);
	r = checkpoint_append(audit);
	if (r == 0)
		r = pending_write(audit);
	if (r == 0)
		r = vhsm_audit_head_write(audit->dir, audit->seal_key.bytes,
					  &audit->head);
	if (r == 0)
		audit->signed_head = audit->head;
	return r;
}

static int file_open(struct vhsm_audit *audit)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/log.jsonl", audit->dir);
	audit->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC |
			 O_NOFOLLOW, 0600);
	return audit->fd < 0 ? -errno : vhsm_file_sync_dir(audit->dir);
}

static int rotate(struct vhsm_audit *audit)
{
	char from[4096], to[4096];
	int fd = audit->fd, r;

	r = vhsm_audit_checkpoint(audit);
	if (r != 0)
		return r;
	snprintf(from, sizeof(from), "%s/log.jsonl", audit->dir);
	snprintf(to, sizeof(to), "%s/log-%016" PRIu64 ".jsonl", audit->dir,
		 audit->file_first);
	if (rename(from, to) != 0)
		return -errno;
	r = file_open(audit);
	if (audit->fd < 0) {
		/* Go on in the old one, under its new name. */
		audit->fd = fd;
		return r;
	}
	close(fd);
	audit->len = 0;
	audit->file_first = 0;
	return r;
}

int vhsm_audit_commit(struct vhsm_audit *audit)
{
	int r = pending_write(audit);

	/* The records are safe; a checkpoint or rotation that fails is tried
	 * again with the next commit, and is no error of this one. */
	if (r == 0 &&
	    audit->head.seq - audit->signed_head.seq >= CHECKPOINT_EVERY)
		vhsm_audit_checkpoint(audit);
	if (r == 0 && (size_t)audit->len >= audit->file_max)
		rotate(audit);
	return r;
}

uint64_t vhsm_audit_seq(const struct vhsm_audit *audit)
{
	return audit->head.seq;
}

EVP_PKEY *vhsm_audit_public_key(struct vhsm_audit *audit)
{
	return EVP_PKEY_up_ref(audit->key) == 1 ? audit->key : NULL;
}

/* --- opening --- */

struct first_line {
	uint64_t seq;
};

static int first_take(void *arg, const char *line, size_t len, bool whole)
{
	struct first_line *first = arg;
	json_t *record = whole ? vhsm_audit_parse(line, len, &first->seq) :
				 NULL;

	json_decref(record);
	return 1;
}

/* Where the chain ends, and the size log.jsonl should have.  *torn: bytes of
 * it that are no whole record. */
static int tail_find(struct vhsm_audit *audit, struct vhsm_audit_files *files,
		     off_t *torn)
{
	struct vhsm_audit_last last = { .end = 0 };
	struct first_line first = { 0 };
	size_t i = files->count;
	char *chunk;
	int r;

	/* log.jsonl is the last of the files: it was opened before. */
	r = vhsm_audit_file_last(&files->file[i - 1], &last);
	*torn = files->file[i - 1].len - last.end;
	audit->len = last.end;
	/* More than a crash leaves behind: not for us to throw away. */
	if (r == 0 && last.head.seq == 0 && *torn > (off_t)VHSM_AUDIT_LINE_MAX)
		return VHSM_E_CORRUPT;
	if (r == 0 && last.head.seq != 0) {
		chunk = malloc(4 * VHSM_AUDIT_LINE_MAX);
		if (chunk == NULL)
			return -ENOMEM;
		r = vhsm_audit_file_scan(&files->file[i - 1], chunk, first_take,
					 &first);
		free(chunk);
		audit->file_first = first.seq != 0 ? first.seq : last.head.seq;
		r = r < 0 ? r : 0;
	}
	for (i--; r == 0 && last.head.seq == 0 && i > 0; i--)
		r = vhsm_audit_file_last(&files->file[i - 1], &last);
	audit->head = last.head;
	return r;
}

static int tail_repair(struct vhsm_audit *audit, off_t torn)
{
	if (torn == 0)
		return 0;
	if (ftruncate(audit->fd, audit->len) != 0)
		return -errno;
	vhsm_log(LOG_WARNING, "audit log: cut %lld bytes of a record that a "
		 "crash left unfinished", (long long)torn);
	return vhsm_audit_append(audit, VHSM_EV_AUDIT_REPAIRED, NULL,
				 json_pack("{s:I}", "bytes_cut",
					   (json_int_t)torn));
}

/*
 * A log that ends before its last checkpoint was cut short.  Numbering goes on
 * from the checkpoint, so the gap stays for everyone to see; serving goes on
 * too, since refusing would let whoever cut it take down every guest.
 */
static int cut_check(struct vhsm_audit *audit)
{
	uint64_t found = audit->head.seq;

	if (found >= audit->signed_head.seq)
		return 0;
	vhsm_log(LOG_ERR, "audit log: it ends at record %" PRIu64 ", but "
		 "record %" PRIu64 " had been signed: somebody cut it; restore "
		 "%s from a backup", found, audit->signed_head.seq, audit->dir);
	audit->head = audit->signed_head;
	return vhsm_audit_append(audit, VHSM_EV_AUDIT_CUT, NULL,
				 json_pack("{s:I, s:I}", "found",
					   (json_int_t)found, "expected",
					   (json_int_t)audit->signed_head.seq));
}

static int tail_open(struct vhsm_audit *audit, char *why)
{
	struct vhsm_audit_files *files = NULL;
	off_t torn = 0;
	int r;

	r = file_open(audit);
	if (r == 0)
		r = vhsm_audit_files_open(&files, audit->dir);
	if (r == 0)
		r = tail_find(audit, files, &torn);
	vhsm_audit_files_close(&files);
	if (r == 0)
		r = vhsm_audit_head_read(audit->dir, audit->seal_key.bytes,
					 &audit->signed_head);
	if (r != 0)
		return vhsm_vault_fail(why, r, "%s: cannot read the log or "
			"its head: %s; keep log.jsonl and head as evidence, "
			"elsewhere, to start anew", audit->dir,
			vhsm_vault_error_text(r));
	r = tail_repair(audit, torn);
	if (r == 0)
		r = cut_check(audit);
	if (r == 0)
		r = vhsm_audit_commit(audit);
	if (r != 0)
		vhsm_vault_fail(why, r, "%s: cannot write the log: %s",
				audit->dir, vhsm_vault_error_text(r));
	return r;
}

static int key_open(struct vhsm_audit *audit, const uint8_t *root_key,
		    char *why)
{
	char path[4096];
	bool new;
	int r;

	snprintf(path, sizeof(path), "%s/log.jsonl", audit->dir);
	new = access(path, F_OK) != 0;
	r = vhsm_secret_init(&audit->seal_key, VHSM_SEAL_KEY_LEN);
	if (r == 0)
		r = vhsm_seal_derive(root_key, VHSM_SEAL_KEY_LEN,
				     "vhsm audit head", NULL, 0,
				     audit->seal_key.bytes, VHSM_SEAL_KEY_LEN);
	if (r != 0)
		return vhsm_vault_fail(why, r, "out of secure memory");
	return vhsm_audit_key_open(&audit->key, audit->dir, root_key, new, why);
}

int vhsm_audit_open(struct vhsm_audit **audit, const char *dir,
		    const uint8_t *root_key, size_t file_max, char *why)
{
	struct vhsm_audit *a = calloc(1, sizeof(*a));
	int r = -ENOMEM;

	*audit = NULL;
	if (a == NULL)
		return vhsm_vault_fail(why, r, "out of memory");
	a->fd = -1;
	a->file_max = file_max;
	a->dir = strdup(dir);
	if (a->dir != NULL)
		r = vhsm_file_make_dir(dir);
	if (r != 0)
		vhsm_vault_fail(why, r, "%s: %s", dir, strerror(-r));
	if (r == 0)
		r = key_open(a, root_key, why);
	if (r == 0)
		r = tail_open(a, why);
	if (r == 0)
		*audit = a;
	else {
		a->pending_len = 0;
		a->signed_head = a->head;	/* nothing to sign */
		vhsm_audit_close(&a);
	}
	return r;
}

void vhsm_audit_close(struct vhsm_audit **audit)
{
	struct vhsm_audit *a = *audit;

	if (a == NULL)
		return;
	if (a->fd >= 0) {
		if (vhsm_audit_checkpoint(a) != 0)
			vhsm_log(LOG_ERR, "audit log: its last records could "
				 "not be written");
		close(a->fd);
	}
	EVP_PKEY_free(a->key);
	vhsm_secret_deinit(&a->seal_key);
	free(a->pending);
	free(a->dir);
	free(a);
	*audit = NULL;
}
