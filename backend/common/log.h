/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h - what the backend tells its admin: one line to standard error, with
 * a systemd priority prefix ("<4>") when the journal reads it.  Never key
 * material, never a guest's bytes unescaped.
 */
#ifndef VHSM_LOG_H
#define VHSM_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <syslog.h>			/* LOG_ERR ... */

/* program appears in every line; verbose lets LOG_DEBUG through. */
void vhsm_log_init(const char *program, bool verbose);
void vhsm_log(int priority, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* At most burst lines in interval_s; then one line says how many were not
 * written.  One per cause and peer; zero-initialised but for the limits. */
struct vhsm_log_limit {
	uint32_t burst;
	uint32_t interval_s;
	int64_t window_start;
	uint32_t used;
	uint64_t suppressed;
};
void vhsm_log_limited(struct vhsm_log_limit *, int priority,
		      const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Writes untrusted bytes printable, others as \xNN; out is NUL terminated and
 * at most out_len bytes.  Returns out. */
const char *vhsm_log_escape(char *out, size_t out_len,
			    const void *untrusted, size_t len);

#endif /* VHSM_LOG_H */
