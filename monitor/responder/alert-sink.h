/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alert-sink.h - where alerts go besides their log; for alert.c only.  Neither
 * blocks.
 */
#ifndef VHSM_ALERT_SINK_H
#define VHSM_ALERT_SINK_H

#include <jansson.h>

/* One line, LOG_AUTHPRIV; the alert's severity decides the priority. */
void vhsm_sink_syslog(const json_t *alert);

/*
 * Runs command (an absolute path, no shell) with the alert as one line on its
 * standard input, everything else closed, an environment of PATH alone, in a
 * session of its own, killed after limit_s.  Nobody waits for it.
 */
void vhsm_sink_command(const json_t *alert, const char *command,
		       unsigned limit_s);

#endif /* VHSM_ALERT_SINK_H */
