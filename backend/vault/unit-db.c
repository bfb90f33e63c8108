/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit-db.c - a unit's SQLite file: how it is opened, its schema and every
 * statement.
 *
 * Locked exclusively, so that two vaults never write one unit and no shared
 * memory file is needed.  secure_delete zeroes what is deleted; the write-ahead
 * log is truncated where that matters.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "vault/unit-private.h"

#define SCHEMA_VERSION 1

static const char pragmas[] =
	"PRAGMA locking_mode = EXCLUSIVE;"
	"PRAGMA trusted_schema = OFF;"
	"PRAGMA cell_size_check = ON;"
	"PRAGMA temp_store = MEMORY;"
	"PRAGMA secure_delete = ON;"
	"PRAGMA journal_mode = WAL;"
	"PRAGMA synchronous = FULL;";

static const char schema[] =
	"CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL)"
	" WITHOUT ROWID;"
	"CREATE TABLE keys (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL,"
	" type INTEGER NOT NULL, usages INTEGER NOT NULL,"
	" state INTEGER NOT NULL, created INTEGER NOT NULL,"
	" primary_version INTEGER NOT NULL);"
	"CREATE TABLE versions (key INTEGER NOT NULL, version INTEGER NOT NULL,"
	" record INTEGER NOT NULL, state INTEGER NOT NULL,"
	" created INTEGER NOT NULL, nonce_fixed INTEGER NOT NULL,"
	" sealed BLOB NOT NULL, PRIMARY KEY (key, version));"
	"CREATE TABLE use (key INTEGER PRIMARY KEY,"
	" operations INTEGER NOT NULL, failures INTEGER NOT NULL,"
	" bytes INTEGER NOT NULL);"
	"CREATE TABLE notes (id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" event TEXT NOT NULL, details TEXT NOT NULL);"
	"PRAGMA user_version = 1;";

static const char *const statements[UNIT_STATEMENTS] = {
	[UNIT_BEGIN] = "BEGIN IMMEDIATE",
	[UNIT_COMMIT] = "COMMIT",
	[UNIT_ROLLBACK] = "ROLLBACK",
	[UNIT_META_GET] = "SELECT value FROM meta WHERE name = ?",
	[UNIT_META_PUT] = "REPLACE INTO meta (name, value) VALUES (?, ?)",
	[UNIT_META_DELETE] = "DELETE FROM meta WHERE name = ?",
	[UNIT_KEYS] = "SELECT id, name, type, usages, state, created,"
		" primary_version, operations, failures, bytes FROM keys"
		" LEFT JOIN use ON use.key = keys.id",
	[UNIT_KEY_PUT] = "REPLACE INTO keys (id, name, type, usages, state,"
		" created, primary_version) VALUES (?, ?, ?, ?, ?, ?, ?)",
	[UNIT_KEY_DELETE] = "DELETE FROM keys WHERE id = ?",
	[UNIT_VERSIONS] = "SELECT version, record, state, created, nonce_fixed,"
		" sealed FROM versions WHERE key = ? ORDER BY version",
	[UNIT_VERSION_PUT] = "REPLACE INTO versions (key, version, record,"
		" state, created, nonce_fixed, sealed)"
		" VALUES (?, ?, ?, ?, ?, ?, ?)",
	[UNIT_VERSION_DELETE] = "DELETE FROM versions WHERE key = ?",
	[UNIT_USE_PUT] = "REPLACE INTO use (key, operations, failures, bytes)"
		" VALUES (?, ?, ?, ?)",
	[UNIT_USE_DELETE] = "DELETE FROM use WHERE key = ?",
	[UNIT_NOTES] = "SELECT id, event, details FROM notes ORDER BY id",
	[UNIT_NOTE_PUT] = "INSERT INTO notes (event, details) VALUES (?, ?)",
	[UNIT_NOTES_DELETE] = "DELETE FROM notes WHERE id <= ?",
};

int vhsm_unit_db_error(struct vhsm_unit *unit)
{
	switch (sqlite3_errcode(unit->db) & 0xff) {
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return VHSM_E_BUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return VHSM_E_CORRUPT;
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_READONLY:
		return -EACCES;
	default:
		return -EIO;
	}
}

static int db_fail(struct vhsm_unit *unit, char *why)
{
	return vhsm_vault_fail(why, vhsm_unit_db_error(unit), "%s: %s",
			       unit->path, sqlite3_errmsg(unit->db));
}

/* The first column of the first row. */
static int query(struct vhsm_unit *unit, const char *sql, char *out,
		 size_t out_len)
{
	sqlite3_stmt *statement = NULL;
	const unsigned char *text;
	int r = -EIO;

	if (sqlite3_prepare_v2(unit->db, sql, -1, &statement, NULL) !=
	    SQLITE_OK)
		return vhsm_unit_db_error(unit);
	if (sqlite3_step(statement) == SQLITE_ROW) {
		text = sqlite3_column_text(statement, 0);
		snprintf(out, out_len, "%s", text ? (const char *)text : "");
		r = 0;
	} else {
		r = vhsm_unit_db_error(unit);
	}
	sqlite3_finalize(statement);
	return r;
}

/* Mode 0600 from the start, whatever the umask. */
static int file_make(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		      0600);

	if (fd < 0)
		return errno == EEXIST ? 0 : -errno;
	close(fd);
	return 0;
}

static int check_file(struct vhsm_unit *unit, bool *fresh, char *why)
{
	char text[160], tables[16];
	int r;

	r = query(unit, "PRAGMA quick_check(1)", text, sizeof(text));
	if (r != 0)
		return db_fail(unit, why);
	if (strcmp(text, "ok") != 0)
		return vhsm_vault_fail(why, VHSM_E_CORRUPT, "%s: %s",
				       unit->path, text);
	if (query(unit, "PRAGMA user_version", text, sizeof(text)) != 0 ||
	    query(unit, "SELECT count(*) FROM sqlite_schema", tables,
		  sizeof(tables)) != 0)
		return db_fail(unit, why);
	*fresh = strcmp(text, "0") == 0 && strcmp(tables, "0") == 0;
	if (!*fresh && strtol(text, NULL, 10) != SCHEMA_VERSION)
		return vhsm_vault_fail(why, VHSM_E_CORRUPT,
			"%s: its format is version %s, and this program knows "
			"version %d only", unit->path, text, SCHEMA_VERSION);
	return 0;
}

static int prepare(struct vhsm_unit *unit, bool fresh, char *why)
{
	size_t i;

	for (i = 0; i < UNIT_STATEMENTS; i++) {
		if (fresh && i > UNIT_ROLLBACK)
			break;
		if (unit->statements[i] == NULL &&
		    sqlite3_prepare_v3(unit->db, statements[i], -1,
				       SQLITE_PREPARE_PERSISTENT,
				       &unit->statements[i], NULL) != SQLITE_OK)
			return db_fail(unit, why);
	}
	return 0;
}

int vhsm_unit_db_open(struct vhsm_unit *unit, bool create, bool *fresh,
		      char *why)
{
	int r;

	if (create)
		r = file_make(unit->path);
	else
		r = access(unit->path, F_OK) == 0 ? 0 : -errno;
	if (r == -ENOENT && !create)
		return VHSM_E_NOT_FOUND;
	if (r < 0)
		return vhsm_vault_fail(why, r, "%s: %s", unit->path,
				       strerror(-r));
	if (sqlite3_open_v2(unit->path, &unit->db, SQLITE_OPEN_READWRITE |
			    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
			    NULL) != SQLITE_OK)
		return db_fail(unit, why);
	sqlite3_extended_result_codes(unit->db, 1);
	sqlite3_db_config(unit->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (sqlite3_exec(unit->db, pragmas, NULL, NULL, NULL) != SQLITE_OK)
		return db_fail(unit, why);
	r = check_file(unit, fresh, why);
	if (r == 0 && *fresh && !create)
		return VHSM_E_NOT_FOUND;
	return r == 0 ? prepare(unit, *fresh, why) : r;
}

int vhsm_unit_db_make(struct vhsm_unit *unit)
{
	if (sqlite3_exec(unit->db, schema, NULL, NULL, NULL) != SQLITE_OK)
		return vhsm_unit_db_error(unit);
	return prepare(unit, false, NULL);
}

void vhsm_unit_db_close(struct vhsm_unit *unit)
{
	size_t i;

	for (i = 0; i < UNIT_STATEMENTS; i++) {
		sqlite3_finalize(unit->statements[i]);
		unit->statements[i] = NULL;
	}
	sqlite3_close(unit->db);
	unit->db = NULL;
}

static int bind(sqlite3_stmt *statement, const char *format, va_list args)
{
	const void *bytes;
	int i, r = SQLITE_OK;

	for (i = 1; *format != '\0' && r == SQLITE_OK; format++, i++) {
		switch (*format) {
		case 'i':
			r = sqlite3_bind_int64(statement, i,
					       va_arg(args, int64_t));
			break;
		case 't':
			r = sqlite3_bind_text(statement, i,
					      va_arg(args, const char *), -1,
					      SQLITE_STATIC);
			break;
		default:		/* 'b' */
			bytes = va_arg(args, const void *);
			r = sqlite3_bind_blob64(statement, i, bytes,
						va_arg(args, size_t),
						SQLITE_STATIC);
		}
	}
	return r;
}

int vhsm_unit_run(struct vhsm_unit *unit, enum unit_statement which,
		  const char *format, ...)
{
	sqlite3_stmt *statement = unit->statements[which];
	va_list args;
	int r;

	va_start(args, format);
	r = bind(statement, format, args);
	va_end(args);
	if (r == SQLITE_OK && sqlite3_step(statement) == SQLITE_DONE)
		r = 0;
	else
		r = vhsm_unit_db_error(unit);
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	return r;
}

void vhsm_unit_checkpoint(struct vhsm_unit *unit)
{
	if (sqlite3_wal_checkpoint_v2(unit->db, NULL,
				      SQLITE_CHECKPOINT_TRUNCATE, NULL,
				      NULL) != SQLITE_OK)
		vhsm_log(LOG_WARNING, "%s: sealed bytes of a deleted key stay "
			 "in its write-ahead log for now: %s", unit->path,
			 sqlite3_errmsg(unit->db));
}
