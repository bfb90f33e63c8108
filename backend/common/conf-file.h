/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf-file.h - what the daemons' configuration files, in libconfuse's syntax,
 * have in common.
 */
#ifndef VHSM_CONF_FILE_H
#define VHSM_CONF_FILE_H

#include <confuse.h>
#include <stdbool.h>

/*
 * Reads the file into cfg, whose defaults are in it already.  With may_miss,
 * one that does not exist is one that says nothing.  0; or -errno, and what is
 * wrong has been written to standard error.
 */
int vhsm_conf_parse(cfg_t *cfg, const char *path, bool may_miss);

/* A validator: of an absolute path, shorter than PATH_MAX. */
int vhsm_conf_path_validate(cfg_t *cfg, cfg_opt_t *opt);

#endif /* VHSM_CONF_FILE_H */
