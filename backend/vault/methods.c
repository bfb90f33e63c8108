/* SPDX-License-Identifier: Apache-2.0 */
/*
 * methods.c - the methods of the vault's admin socket (rpc.h).
 *
 * UUID is a domain's, 8-4-4-4-12 hexadecimal.  NAME is a key's, TYPE a key
 * type ("ec-p256", ops.h).  USAGES is an array of sign, verify, encrypt,
 * decrypt, mac, mac-verify, caller-nonce.  STATE is enabled, disabled or
 * revoked.  TIME is RFC 3339, UTC.  [x] may be absent.
 *
 * key.generate      {uuid, name, type, [usages], [caller_nonce: bool]}
 *   -> KEY: {uuid, name, type, state, usages, created: TIME, primary: N,
 *            versions: [{version, state, created, loads: N}],
 *            [public_key: PEM], engines: N, [withheld: REASON],
 *            counters: {operations, failures, bytes}}
 *   withheld: its guest is revoked: engines do not have it, whatever its state.
 *   usages: all the type can do when absent.  caller_nonce adds that usage.
 *
 * key.import        {uuid, name, [type], [usages], [caller_nonce]}
 *                   + a memfd: PKCS#8 as PEM or DER, or with a symmetric type
 *                   its raw bytes.  type may be absent for PKCS#8.
 *   -> KEY
 *
 * key.list          {uuid, [after: NAME], [limit: N]}
 *   -> {keys: [{name, type, state, usages, version, [withheld: REASON]}],
 *       [next: NAME]}
 *
 * key.show          {uuid, name}          -> KEY
 *
 * key.set-state     {uuid, name, state: STATE}
 * key.delete        {uuid, name}
 *   -> {uuid, name, state: STATE or "destroyed", engines: N, unconfirmed: N,
 *       ms: N}
 *   Answered when every engine that has the key has confirmed that nothing
 *   under the old state can be published any more, or has ended; unconfirmed
 *   of the engines did not within 2 s.  It took ms milliseconds.
 *
 * key.fingerprints  {uuid, [unless: KEYSET]} [+ a descriptor to write to]
 *   -> without: {fingerprints: SET}; "full" when it does not fit an answer
 *      with: {uuid, keys: N, entries: N, keyset: KEYSET}, and SET is written
 *   SET is what fingerprint/fingerprint.h describes.  KEYSET is text,
 *   another one for other keys: with unless, nothing is written, entries is 0
 *   and "unchanged" true while it is still the same; and a domain that has no
 *   keys is no error.
 *
 * unit.list         {[after: UUID], [limit: N]}
 *   -> {units: [{uuid, engines: N}], [next: UUID]}
 *
 * unit.destroy      {uuid}
 *   -> {uuid, keys: N, engines: N, unconfirmed: N, ms: N}
 *   For ever: the unit's wrapping key is forgotten.
 *
 * guest.revoke      {uuid, [reason: TEXT]}
 * guest.release     {uuid, [reason: TEXT]}
 *   -> {uuid, keys: N, engines: N, unconfirmed: N, ms: N}
 *   Withholds every key of the guest, those made meanwhile too, until it is
 *   released; that outlives us.  revoke is answered as key.set-state is, with
 *   engines and unconfirmed counting keys told to engines: confirmed ones are
 *   zeroised there.  Both may be repeated.
 *
 * audit.show        {[since: TIME], [domain: UUID], [event: "key.deleted", or
 *                    "key." for all that start so], [after: SEQ], [limit: N],
 *                    [last: bool]}
 *   -> {records: [RECORD], [next: SEQ]}
 *   last: the last limit records that match, instead of the first.
 *
 * audit.verify      {}
 *   -> {ok: bool, records: N, checkpoints: N, last_seq: N, signed_seq: N,
 *       [broken_seq: N, problem: TEXT]}
 *
 * vault.status      {}
 *   -> {version, root, started: TIME, units: N, audit_seq: N,
 *       engines: [{uuid, domid, device, name, keys: N, [revoked: REASON]}]}
 *
 * Error codes: not-found, exists, bad-request, denied, corrupt, full, busy,
 * internal.
 */
#include <stddef.h>

#include "vault/admin-request.h"
#include "vault/methods.h"

const struct vhsm_method vhsm_methods[] = {
	{ "key.generate", " uuid name type usages caller_nonce ", true,
	  vhsm_method_key_generate },
	{ "key.import", " uuid name type usages caller_nonce ", true,
	  vhsm_method_key_import },
	{ "key.list", " uuid after limit ", false, vhsm_method_key_list },
	{ "key.show", " uuid name ", false, vhsm_method_key_show },
	{ "key.set-state", " uuid name state ", true,
	  vhsm_method_key_set_state },
	{ "key.delete", " uuid name ", true, vhsm_method_key_delete },
	{ "key.fingerprints", " uuid unless ", true,
	  vhsm_method_key_fingerprints },
	{ "unit.list", " after limit ", false, vhsm_method_unit_list },
	{ "unit.destroy", " uuid ", true, vhsm_method_unit_destroy },
	{ "guest.revoke", " uuid reason ", true, vhsm_method_guest_revoke },
	{ "guest.release", " uuid reason ", true, vhsm_method_guest_release },
	{ "audit.show", " since domain event after limit last ", false,
	  vhsm_method_audit_show },
	{ "audit.verify", " ", false, vhsm_method_audit_verify },
	{ "vault.status", " ", false, vhsm_method_vault_status },
	{ NULL, NULL, false, NULL },
};
