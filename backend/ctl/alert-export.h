/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alert-export.h - evidence bundles, out of the host and checked.
 */
#ifndef CTL_ALERT_EXPORT_H
#define CTL_ALERT_EXPORT_H

#include <jansson.h>

#include "ctl/ctl.h"

/* Of an alert, as alerts.show answers (rpc-alerts.h), to the folder --out. */
enum ctl_exit ctl_alert_export(const struct ctl_args *args,
			       const json_t *shown);
/* Under the key --key, or this host's. */
enum ctl_exit ctl_evidence_verify(const struct ctl_args *args,
				  const char *bundle);

#endif /* CTL_ALERT_EXPORT_H */
