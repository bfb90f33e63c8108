/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.c - one call, one line, one write(2): lines of several processes on the
 * same standard error do not mix.
 *
 * No allocation, no lock, no file but standard error (a sandboxed engine logs
 * too), so no local time either: the journal, or whoever reads the pipe, puts
 * the time.  Control characters never reach the output, so nobody's bytes can
 * forge a line or move a terminal's cursor.
 */
#include <config.h>

#include "common/log.h"
#include "common/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_LEN 1024	/* longer ones are cut */

static const char *log_program = "vhsm";
static bool log_verbose;
static bool log_to_journal;

/* JOURNAL_STREAM is "device:inode" of the stream systemd gave us; what we
 * inherited may have been redirected since, so compare. */
static bool journal_reads(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
	       fstat(fd, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

void vhsm_log_init(const char *program, bool verbose)
{
	log_program = program;
	log_verbose = verbose;
	log_to_journal = journal_reads(STDERR_FILENO);
}

static void write_line(const char *line, size_t len)
{
	ssize_t n;

	do
		n = write(STDERR_FILENO, line, len);
	while (n < 0 && errno == EINTR);
	/* Nobody is left to tell that telling failed. */
}

static void log_line(int priority, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

static void log_line(int priority, const char *format, va_list args)
{
	char line[LINE_MAX_LEN];
	int saved_errno = errno;	/* callers log, then return it */
	int head, body;
	size_t len;

	if (priority == LOG_DEBUG && !log_verbose)
		return;
	if (log_to_journal)
		head = snprintf(line, sizeof(line), "<%d>%.64s: ",
				priority & LOG_PRIMASK, log_program);
	else
		head = snprintf(line, sizeof(line), "%.64s: ", log_program);
	body = vsnprintf(line + head, sizeof(line) - head, format, args);
	len = head + (body < 0 ? 0 : (size_t)body);
	if (len > sizeof(line) - 1)
		len = sizeof(line) - 1;
	for (size_t i = head; i < len; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[len] = '\n';
	write_line(line, len + 1);
	errno = saved_errno;
}

void vhsm_log(int priority, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line(priority, format, args);
	va_end(args);
}

void vhsm_log_limited(struct vhsm_log_limit *limit, int priority,
		      const char *format, ...)
{
	int64_t now = vhsm_now_ms() / 1000;
	va_list args;

	if (limit->used == 0 ||
	    now - limit->window_start >= limit->interval_s) {
		limit->window_start = now;
		limit->used = 0;
		if (limit->suppressed)
			vhsm_log(priority,
				 "%llu more messages like the next were not "
				 "written",
				 (unsigned long long)limit->suppressed);
		limit->suppressed = 0;
	}
	if (limit->used >= limit->burst) {
		limit->suppressed++;
		return;
	}
	limit->used++;
	va_start(args, format);
	log_line(priority, format, args);
	va_end(args);
}

const char *vhsm_log_escape(char *out, size_t out_len,
			    const void *untrusted, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *in = untrusted;
	size_t at = 0;

	if (out_len == 0)
		return "";
	for (size_t i = 0; i < len; i++) {
		bool plain = in[i] >= 0x20 && in[i] < 0x7f && in[i] != '\\';

		if (at + (plain ? 1 : 4) >= out_len)
			break;
		if (plain) {
			out[at++] = in[i];
			continue;
		}
		out[at++] = '\\';
		out[at++] = 'x';
		out[at++] = hex[in[i] >> 4];
		out[at++] = hex[in[i] & 15];
	}
	out[at] = '\0';
	return out;
}
