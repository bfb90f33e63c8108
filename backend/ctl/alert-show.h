/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alert-show.h - an alert for a person.
 */
#ifndef CTL_ALERT_SHOW_H
#define CTL_ALERT_SHOW_H

#include <jansson.h>

/* One line. */
void ctl_alert_line(const json_t *alert);
/* All that is known, and what to do next; shown is as alerts.show answers
 * (rpc-alerts.h). */
void ctl_alert_show(const json_t *shown);

#endif /* CTL_ALERT_SHOW_H */
