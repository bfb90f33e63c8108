/* SPDX-License-Identifier: Apache-2.0 */
/*
 * act.h - one act on a domain: what vhsm-act does, a file each.
 *
 * The responder starts vhsm-act for what takes time or goes through libxl, so
 * that other guests' leases go on meanwhile and a toolstack that hangs can be
 * killed:
 *
 *   vhsm-act VERB		parameters: JSON on descriptor 3, to its end
 *				answer: JSON on descriptor 4
 *   {"result": ...}  or  {"error": {"code": "...", "message": "..."}}
 *
 * Every act may be repeated: what is done already is no error.
 */
#ifndef VHSM_ACT_H
#define VHSM_ACT_H

#include <jansson.h>
#include <libxl.h>
#include <stdbool.h>
#include <stdint.h>

#define VHSM_ACT_WHY_LEN	512u

struct vhsm_act {
	libxl_ctx *xl;
	json_t *params;
	json_t *result;			/* the act's, for the answer */
	const char *code;		/* of an error; "failed" if NULL */
	char why[VHSM_ACT_WHY_LEN];
};

/* 0, or -1 with why. */
typedef int vhsm_act_run(struct vhsm_act *);

vhsm_act_run vhsm_act_boot;		/* {domid} -> {kernel, ramdisk,
					 * cmdline}: hashes of what it was
					 * built from; code "not-yet" */
vhsm_act_run vhsm_act_match;		/* {uuid, dir, boot} -> {baseline,
					 * manifest: its SHA-256}; code
					 * "unapproved" */
vhsm_act_run vhsm_act_learn;		/* {uuid, dir, baseline, boot, learned,
					 * approve} -> {baseline, changed,
					 * approved} */
vhsm_act_run vhsm_act_monitor_start;	/* {guest, name, kernel, ramdisk,
					 * memory_mib, baseline, manifest: as
					 * match has it, work} -> {domid} */
vhsm_act_run vhsm_act_monitor_stop;	/* {name}, or {prefix}: all of them */
vhsm_act_run vhsm_act_devices;		/* {domid, bridge, disks} -> {nics,
					 * disks: that isolate would take,
					 * built: there come no more, stays:
					 * kinds it does not take} */
vhsm_act_run vhsm_act_isolate;		/* {domid, bridge, disks} -> {nics,
					 * disks: for rejoin, moved: how many
					 * of the nics, note: why not all} */
vhsm_act_run vhsm_act_rejoin;		/* {domid, nics, disks} */
vhsm_act_run vhsm_act_freeze;		/* {domid, name, path} -> {pages} */
vhsm_act_run vhsm_act_seal;		/* {bundle, keys}: evidence.h */
vhsm_act_run vhsm_act_destroy;		/* {domid} -> {ran: it was this that
					 * ended it} */

/* Writes why and returns -1. */
int vhsm_act_fail(struct vhsm_act *, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Of the parameters: false, with why, when it is not there. */
bool vhsm_act_text(struct vhsm_act *, const char *name, const char **text);
bool vhsm_act_domid(struct vhsm_act *, const char *name, uint32_t *domid);
/* Adds the domain's disks to the list, as they can be plugged again; true when
 * the toolstack has built the domain. */
bool vhsm_act_disks(struct vhsm_act *, uint32_t domid, json_t *list);
/* Of libxl: its error as text. */
const char *vhsm_act_xl_error(int ret);

#endif /* VHSM_ACT_H */
