/* SPDX-License-Identifier: Apache-2.0 */
/*
 * responder-check.h - what can be said of a configuration before it is used:
 * whether what it names is there, and whether every monitor policy can be read.
 * A guest that names one that cannot gets no keys, so it is better known
 * before.
 */
#ifndef VHSM_RESPONDER_CHECK_H
#define VHSM_RESPONDER_CHECK_H

#include "responder/responder-conf.h"

/* What the file cannot say about this machine: 0, or -ENOENT, having told on
 * standard error what is missing and what to do. */
int vhsm_responder_check_files(const struct vhsm_responder_conf *);

/* Reads every NAME.conf of the policies' folder and tells of each, on standard
 * output, or error if it is wrong: 0, or -EINVAL; another -errno, told, when
 * the folder cannot be read. */
int vhsm_responder_check_policies(const struct vhsm_responder_conf *);

#endif /* VHSM_RESPONDER_CHECK_H */
