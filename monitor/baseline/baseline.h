/* SPDX-License-Identifier: Apache-2.0 */
/*
 * baseline.h - approved configurations: what may be booted, and what must stay
 * true of memory.
 *
 * A store of folders, VHSM_BASELINE_DIR/NAME/:
 *
 *   manifest.json      what the baseline says (below)
 *   reference          of the kernel (reference.h), derived from its image
 *   modules            of its modules (module-reference.h)
 *   rules.yar          YARA rules; may be missing
 *   fingerprints.json  of the domain's keys, for vhsm-inspect(8) if an admin
 *                      puts it there; not part of the baseline
 *
 * and approvals, VHSM_BASELINE_DIR/approved/UUID.json: for one domain the
 * digests of the manifests it may run under, signed with the store's Ed25519
 * key (RFC 8032).  A manifest whose digest is not in there, or an approval
 * whose signature does not hold, approves nothing.  A changed file of a
 * baseline changes its manifest's digest, for the manifest has theirs.
 *
 *   {"format": "vhsm-baseline", "version": 1, "name": "web-6.1",
 *    "made": "2026-11-21T12:00:00Z",
 *    "boot": {"kernel": SHA256, "ramdisk": SHA256 or null, "cmdline": "...",
 *             "starts": SHA256},
 *    "release": "6.1.0-44-amd64",
 *    "modules": [{"name": "xen_vhsmfront", "sha256": SHA256}, ...],
 *    "files": {"reference": SHA256, "modules": SHA256, "rules.yar": SHA256},
 *    "learned": {CHECK-NAME: ..., ...},
 *    "learned_from": {"domain": UUID, "time": ...} or null}
 *
 * SHA256 is 64 hexadecimal digits.  boot.starts is there when what the toolstack
 * boots is not the kernel but what starts it: then it is the kernel's image.
 */
#ifndef VHSM_BASELINE_H
#define VHSM_BASELINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define VHSM_BASELINE_DIR	LOCALSTATEDIR "/lib/vhsm/baselines"
#define VHSM_BASELINE_NAME_MAX	64u	/* bytes, with the NUL */
#define VHSM_BASELINE_WHY_LEN	256u
#define VHSM_BASELINE_DIGEST_LEN 65u	/* of a SHA-256 as text, with the NUL */
#define VHSM_CMDLINE_MAX	4096u

/* What the toolstack booted a domain with. */
struct vhsm_boot {
	uint8_t kernel[32];		/* SHA-256 of the file */
	bool has_ramdisk;
	uint8_t ramdisk[32];
	char cmdline[VHSM_CMDLINE_MAX];
};

/*
 * Whether files of this host are what the toolstack boots a domain from, by the
 * settings of its configuration, each of which may be NULL: 0; -ENOTSUP when
 * firmware or a boot loader that the toolstack runs chooses them, -EINVAL for a
 * path that depends on where the toolstack was started; with why.
 */
int vhsm_boot_source_check(const char *bootloader, const char *kernel,
			   const char *ramdisk, char *why);

/* Hashes the files: 0 or -errno with why.  ramdisk may be NULL. */
int vhsm_boot_measure(struct vhsm_boot *, const char *kernel,
		      const char *ramdisk, const char *cmdline, char *why);

/* As JSON, {"kernel": SHA256, "ramdisk": SHA256, "cmdline": TEXT}, without
 * "ramdisk" if there is none: a new reference, or NULL when the command line is
 * not UTF-8.  Back: 0 or -EINVAL. */
json_t *vhsm_boot_encode(const struct vhsm_boot *);
int vhsm_boot_decode(struct vhsm_boot *, const json_t *untrusted);

/* Whether the baseline in that folder still is the one with this SHA-256 of its
 * manifest, in hexadecimal, and its files are the manifest's: 0; -ESTALE if it
 * is another, or another -errno; with why. */
int vhsm_baseline_still(const char *folder, const char *digest, char *why);

/* Reads dir/name's manifest and checks every file's digest against it: 0 with
 * *manifest (the caller's) and digest, or -errno with why. */
int vhsm_baseline_read(const char *dir, const char *name, json_t **manifest,
		       uint8_t digest[32], char *why);

/*
 * Finds the approved baseline a domain was booted as: 0 with its name
 * (VHSM_BASELINE_NAME_MAX) and its manifest's digest as text; -ENOENT when nothing that
 * is approved for it matches, with why saying what came nearest and what
 * differs; -EBADMSG when the approvals are not as signed; another -errno.  uuid
 * in lower case.  Reads approvals and manifests alone, so it is quick.
 */
int vhsm_baseline_find(const char *dir, const char *uuid,
		       const struct vhsm_boot *, char name[],
		       char digest[VHSM_BASELINE_DIGEST_LEN], char *why);
/* The same with every file of the baseline checked (-EBADMSG: one is not the
 * manifest's), and with the manifest, the caller's. */
int vhsm_baseline_match(const char *dir, const char *uuid,
			const struct vhsm_boot *, char name[],
			char digest[VHSM_BASELINE_DIGEST_LEN],
			json_t **manifest, char *why);

/*
 * Puts what was learned (an object, borrowed) from domain uuid, which was
 * booted so, into a baseline, which thereby is a new one that wants approval;
 * *changed: false when it had learned the same, and nothing is written.  0;
 * -EINVAL when the baseline is not of that boot; another -errno, with why.
 */
int vhsm_baseline_set_learned(const char *dir, const char *name,
			      const char *uuid, const struct vhsm_boot *,
			      json_t *learned, bool *changed, char *why);

#endif /* VHSM_BASELINE_H */
