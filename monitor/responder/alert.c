/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alert.c - the store of alerts: in memory as their OCSF objects, in a folder
 * as a file each, and in the log as lines.
 *
 * The file is replaced before the line is appended, so that after a crash
 * between the two a line may be missing but no alert is.
 */
#include <config.h>

#include "responder/alert.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/rand.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "responder/alert-json.h"
#include "responder/alert-sink.h"

#define LOADED_MAX	(VHSM_ALERTS_GUESTS * VHSM_ALERTS_GUEST_MAX + \
			 VHSM_ALERTS_CLOSED)
#define REPEAT_MS	60000u		/* between two lines of one alert that
					 * is only seen again, at least... */
#define REPEAT_SHARE	8u		/* ...and this part of its age: what a
				 * guest leaves standing fills no disk */
#define ALERT_BYTES_MAX	262144

struct vhsm_alerts {
	char dir[PATH_MAX - 64];
	char *file;
	json_t *all;			/* array of alerts, by sequence */
	uint64_t sequence;		/* of the last line */
};

static int fail(char *why, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int fail(char *why, int error, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(why, VHSM_ALERT_WHY_LEN, format, ap);
	va_end(ap);
	return error;
}

static void alert_path(const struct vhsm_alerts *alerts, const char *uid,
		       char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/%s.json", alerts->dir, uid);
}

/* --- reading what there is --- */

static bool uid_check(const char *uid)
{
	return strlen(uid) == VHSM_ALERT_UID_LEN - 1 &&
		strspn(uid, "0123456789abcdef-") == VHSM_ALERT_UID_LEN - 1;
}

/* One file; one that is no alert is left alone and said. */
static void alert_load(struct vhsm_alerts *alerts, const char *name)
{
	char path[PATH_MAX], uid[VHSM_ALERT_UID_LEN];
	json_error_t error;
	struct stat st;
	json_t *alert;

	snprintf(uid, sizeof(uid), "%s", name);
	alert_path(alerts, uid, path);
	if (stat(path, &st) || !S_ISREG(st.st_mode) ||
	    st.st_size > ALERT_BYTES_MAX) {
		vhsm_log(LOG_WARNING, "%s: not an alert; left alone", path);
		return;
	}
	alert = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	if (!alert || strcmp(vhsm_alert_uid(alert), uid) ||
	    !vhsm_alert_sequence(alert)) {
		vhsm_log(LOG_WARNING, "%s: not an alert (%s); left alone",
			 path, alert ? "its uid is another" : error.text);
		json_decref(alert);
		return;
	}
	if (vhsm_alert_sequence(alert) > alerts->sequence)
		alerts->sequence = vhsm_alert_sequence(alert);
	json_array_append_new(alerts->all, alert);
}

static int by_sequence(const void *a, const void *b)
{
	uint64_t x = vhsm_alert_sequence(*(json_t *const *)a);
	uint64_t y = vhsm_alert_sequence(*(json_t *const *)b);

	return x < y ? -1 : x > y;
}

static int all_sort(struct vhsm_alerts *alerts)
{
	size_t count = json_array_size(alerts->all);
	json_t **sorted = calloc(count + 1, sizeof(*sorted));

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		sorted[i] = json_incref(json_array_get(alerts->all, i));
	qsort(sorted, count, sizeof(*sorted), by_sequence);
	for (size_t i = 0; i < count; i++)
		json_array_set_new(alerts->all, i, sorted[i]);
	free(sorted);
	return 0;
}

static int all_load(struct vhsm_alerts *alerts, char *why)
{
	DIR *dir = opendir(alerts->dir);
	struct dirent *entry;
	size_t len;

	if (!dir)
		return fail(why, -errno, "%s: %s", alerts->dir,
			    strerror(errno));
	while ((entry = readdir(dir))) {
		len = strlen(entry->d_name);
		if (len != VHSM_ALERT_UID_LEN - 1 + 5 ||
		    strcmp(entry->d_name + len - 5, ".json"))
			continue;
		entry->d_name[len - 5] = '\0';
		if (uid_check(entry->d_name) &&
		    json_array_size(alerts->all) < LOADED_MAX)
			alert_load(alerts, entry->d_name);
	}
	closedir(dir);
	return all_sort(alerts);
}

/* The folder of the log, if it is only this one that is missing. */
static int parent_make(const char *file)
{
	const char *slash = strrchr(file, '/');
	char dir[PATH_MAX];

	if (!slash || slash == file || slash - file >= PATH_MAX)
		return 0;
	snprintf(dir, sizeof(dir), "%.*s", (int)(slash - file), file);
	return mkdir(dir, 0750) && errno != EEXIST ? -errno : 0;
}

struct vhsm_alerts *vhsm_alerts_open(const char *dir, const char *file,
				     char *why)
{
	struct vhsm_alerts *alerts = calloc(1, sizeof(*alerts));
	int r = -ENOMEM;

	if (alerts) {
		alerts->file = strdup(file);
		alerts->all = json_array();
	}
	if (!alerts || !alerts->file || !alerts->all) {
		fail(why, r, "out of memory");
	} else if (snprintf(alerts->dir, sizeof(alerts->dir), "%s", dir) >=
		   (int)sizeof(alerts->dir)) {
		r = fail(why, -ENAMETOOLONG, "%s: too long", dir);
	} else {
		r = vhsm_file_make_dir(dir);
		if (!r)
			r = parent_make(file);
		if (r)
			fail(why, r, "%s: %s", dir, strerror(-r));
		else
			r = all_load(alerts, why);
	}
	if (r)
		vhsm_alerts_close(&alerts);
	return alerts;
}

void vhsm_alerts_close(struct vhsm_alerts **alerts)
{
	if (*alerts) {
		json_decref((*alerts)->all);
		free((*alerts)->file);
	}
	free(*alerts);
	*alerts = NULL;
}

/* --- writing --- */

static int line_append(const char *path, const char *text, char *why)
{
	size_t len = strlen(text);
	char *line = malloc(len + 1);
	int fd, r = 0;

	if (!line)
		return fail(why, -ENOMEM, "out of memory");
	memcpy(line, text, len);
	line[len] = '\n';
	/* Opened anew each time, so that it can be rotated. */
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
		  0640);
	if (fd < 0)
		r = fail(why, -errno, "%s: %s", path, strerror(errno));
	if (fd >= 0) {
		r = vhsm_file_write_all(fd, line, len + 1);
		if (!r && fdatasync(fd) && errno != EINVAL)
			r = -errno;	/* EINVAL: a pipe or the like */
		if (r)
			fail(why, r, "%s: %s", path, strerror(-r));
		close(fd);
	}
	free(line);
	return r;
}

/* An alert that has changed takes the next sequence, its file, its line, and
 * the last place. */
static int alert_save(struct vhsm_alerts *alerts, json_t *alert,
		      enum vhsm_activity activity, char *why)
{
	char path[PATH_MAX], *text;
	size_t i;
	json_t *other;
	int r;

	if (vhsm_alert_set_activity(alert, activity, vhsm_wall_ms(),
				    alerts->sequence + 1))
		return fail(why, -ENOMEM, "out of memory");
	alerts->sequence++;
	json_array_foreach(alerts->all, i, other)
		if (other == alert) {
			json_incref(alert);
			json_array_remove(alerts->all, i);
			json_array_append_new(alerts->all, alert);
			break;
		}
	text = json_dumps(alert, JSON_COMPACT | JSON_ENSURE_ASCII);
	if (!text)
		return fail(why, -ENOMEM, "out of memory");
	alert_path(alerts, vhsm_alert_uid(alert), path);
	r = vhsm_file_replace(path, text, strlen(text), 0600);
	if (r)
		fail(why, r, "%s: %s", path, strerror(-r));
	else
		r = line_append(alerts->file, text, why);
	free(text);
	return r;
}

/* The oldest closed ones beyond what is kept. */
static void closed_forget(struct vhsm_alerts *alerts)
{
	size_t closed = 0, i = 0;
	char path[PATH_MAX];
	json_t *alert;

	json_array_foreach(alerts->all, i, alert)
		closed += !vhsm_alert_is_open(alert);
	for (i = 0; closed > VHSM_ALERTS_CLOSED &&
	     i < json_array_size(alerts->all);) {
		alert = json_array_get(alerts->all, i);
		if (vhsm_alert_is_open(alert)) {
			i++;
			continue;
		}
		alert_path(alerts, vhsm_alert_uid(alert), path);
		unlink(path);
		json_array_remove(alerts->all, i);
		closed--;
	}
}

/* --- what happens to alerts --- */

static int uid_make(char uid[VHSM_ALERT_UID_LEN])
{
	uint8_t b[16];

	if (RAND_bytes(b, sizeof(b)) != 1)
		return -EIO;
	b[6] = (b[6] & 0x0f) | 0x40;	/* RFC 9562, version 4 */
	b[8] = (b[8] & 0x3f) | 0x80;
	snprintf(uid, VHSM_ALERT_UID_LEN, "%02x%02x%02x%02x-%02x%02x-%02x%02x-"
		 "%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3],
		 b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
		 b[13], b[14], b[15]);
	return 0;
}

/* The open alert of the same thing; else, when the guest has all it may have,
 * its last; else NULL. */
static json_t *alert_same(const struct vhsm_alerts *alerts, const char *uuid,
			  const struct vhsm_finding *finding)
{
	json_t *alert, *last = NULL;
	unsigned open = 0;
	size_t i;

	json_array_foreach(alerts->all, i, alert) {
		if (!vhsm_alert_is_open(alert) ||
		    strcmp(vhsm_alert_guest_uuid(alert), uuid))
			continue;
		if (vhsm_alert_same(alert, uuid, finding))
			return alert;
		last = alert;
		open++;
	}
	return open >= VHSM_ALERTS_GUEST_MAX ? last : NULL;
}

int vhsm_alerts_hold(struct vhsm_alerts *alerts,
		     const struct vhsm_alert_guest *guest,
		     const struct vhsm_policy *policy,
		     const struct vhsm_finding *finding, uint64_t swept_ms,
		     uint64_t clean_ms, char uid[VHSM_ALERT_UID_LEN],
		     bool *is_new, char *why)
{
	json_t *alert = alert_same(alerts, guest->uuid, finding);

	*is_new = !alert;
	if (alert) {
		snprintf(uid, VHSM_ALERT_UID_LEN, "%s", vhsm_alert_uid(alert));
		return vhsm_alert_count(alert, vhsm_wall_ms()) ?
			fail(why, -ENOMEM, "out of memory") : 0;
	}
	if (uid_make(uid))
		return fail(why, -EIO, "no random number to be had");
	alert = vhsm_alert_encode(guest, policy, finding, uid, vhsm_wall_ms(),
				  swept_ms, clean_ms);
	if (!alert || json_array_append_new(alerts->all, alert))
		return fail(why, -ENOMEM, "out of memory");
	return 0;
}

/* Whether it is time for a line of an alert that is only seen again. */
static bool repeat_due(const json_t *alert)
{
	json_int_t made = json_integer_value(json_object_get(
		json_object_get(alert, "finding_info"), "created_time"));
	uint64_t written = json_integer_value(json_object_get(alert, "time"));
	uint64_t now = vhsm_wall_ms(), wait = REPEAT_MS;

	if (made > 0 && (uint64_t)made < now &&
	    (now - made) / REPEAT_SHARE > wait)
		wait = (now - made) / REPEAT_SHARE;
	return now - written >= wait;
}

int vhsm_alerts_write(struct vhsm_alerts *alerts, const char *uid,
		      bool is_new, char *why)
{
	json_t *alert = (json_t *)vhsm_alerts_find(alerts, uid);

	if (!alert)
		return fail(why, -ENOENT, "no alert %s", uid);
	if (!is_new && !repeat_due(alert))
		return 0;
	return alert_save(alerts, alert, is_new ? VHSM_ACTIVITY_CREATE :
			  VHSM_ACTIVITY_UPDATE, why);
}

int vhsm_alerts_add(struct vhsm_alerts *alerts,
		    const struct vhsm_alert_guest *guest,
		    const struct vhsm_policy *policy,
		    const struct vhsm_finding *finding, uint64_t swept_ms,
		    uint64_t clean_ms, char uid[VHSM_ALERT_UID_LEN],
		    bool *is_new, char *why)
{
	int ret = vhsm_alerts_hold(alerts, guest, policy, finding, swept_ms,
				   clean_ms, uid, is_new, why);

	return ret ? ret : vhsm_alerts_write(alerts, uid, *is_new, why);
}

bool vhsm_alerts_has(const struct vhsm_alerts *alerts, const char *uuid,
		     const struct vhsm_finding *finding)
{
	return alert_same(alerts, uuid, finding) != NULL;
}

const json_t *vhsm_alerts_find(const struct vhsm_alerts *alerts,
			       const char *uid)
{
	json_t *alert;
	size_t i;

	json_array_foreach(alerts->all, i, alert)
		if (!strcmp(vhsm_alert_uid(alert), uid))
			return alert;
	return NULL;
}

int vhsm_alerts_acted(struct vhsm_alerts *alerts, const char *uid,
		      const struct vhsm_alert_action *action, char *why)
{
	json_t *alert = (json_t *)vhsm_alerts_find(alerts, uid);

	if (!alert)
		return fail(why, -ENOENT, "no alert %s", uid);
	if (vhsm_alert_add_action(alert, action))
		return fail(why, -ENOMEM, "out of memory");
	return alert_save(alerts, alert, VHSM_ACTIVITY_UPDATE, why);
}

void vhsm_alerts_notify(struct vhsm_alerts *alerts,
			const struct vhsm_policy *policy, const char *uid)
{
	const json_t *alert = vhsm_alerts_find(alerts, uid);

	if (!alert)
		return;
	if (policy->syslog)
		vhsm_sink_syslog(alert);
	if (policy->command[0])
		vhsm_sink_command(alert, policy->command,
				  VHSM_ALERT_COMMAND_S);
}

int vhsm_alerts_ack(struct vhsm_alerts *alerts, const char *uid,
		    unsigned admin_uid, const char *note, char *why)
{
	json_t *alert = (json_t *)vhsm_alerts_find(alerts, uid);
	char what[48];

	if (!alert)
		return fail(why, -ENOENT, "no alert %s", uid);
	if (!vhsm_alert_is_open(alert))
		return fail(why, -EALREADY, "alert %s is closed", uid);
	snprintf(what, sizeof(what), "acknowledged by uid %u", admin_uid);
	if (vhsm_alert_add_step(alert, vhsm_wall_ms(), what, note) ||
	    vhsm_alert_set_status(alert, VHSM_ALERT_IN_PROGRESS))
		return fail(why, -ENOMEM, "out of memory");
	return alert_save(alerts, alert, VHSM_ACTIVITY_UPDATE, why);
}

int vhsm_alerts_release(struct vhsm_alerts *alerts, const char *uuid,
			unsigned admin_uid, const char *reason, char *why)
{
	/* Saving changes the order. */
	json_t *open = json_array(), *alert;
	char what[48];
	size_t i;
	int r = open ? 0 : fail(why, -ENOMEM, "out of memory");

	snprintf(what, sizeof(what), "released by uid %u", admin_uid);
	json_array_foreach(alerts->all, i, alert)
		if (vhsm_alert_is_open(alert) &&
		    !strcmp(vhsm_alert_guest_uuid(alert), uuid))
			json_array_append(open, alert);
	json_array_foreach(open, i, alert) {
		if (r)
			break;
		if (vhsm_alert_add_step(alert, vhsm_wall_ms(), what, reason) ||
		    vhsm_alert_set_status(alert, VHSM_ALERT_RESOLVED))
			r = fail(why, -ENOMEM, "out of memory");
		else
			r = alert_save(alerts, alert, VHSM_ACTIVITY_CLOSE,
				       why);
	}
	json_decref(open);
	closed_forget(alerts);
	return r;
}

json_t *vhsm_alerts_list(const struct vhsm_alerts *alerts, uint64_t after,
			 bool open_only, unsigned count)
{
	json_t *list = json_array(), *alert;
	size_t i;

	json_array_foreach(alerts->all, i, alert)
		if (json_array_size(list) < count &&
		    vhsm_alert_sequence(alert) > after &&
		    (!open_only || vhsm_alert_is_open(alert)))
			json_array_append(list, alert);
	return list;
}
