/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhsm.h - libvhsm: a guest program's way to keys it cannot read.
 *
 * A handle (struct vhsm) is one session with a vhsm device.  It owns a private
 * slice of the memory shared with custody; every byte an operation reads or
 * writes lies in that slice.  There are three ways to work, which may be mixed:
 *
 *   blocking    vhsm_sign() and its family copy through the slice;
 *   zero copy   vhsm_buffer_alloc() gives memory in the slice, and
 *               vhsm_call() runs a request on it without a copy;
 *   batch       vhsm_submit() many requests, vhsm_reap() their results, and
 *               poll(2) vhsm_fd() in between.
 *
 * Results      Every int function returns 0 (or a count) or a negative error:
 *              -errno below 1000, -VHSM_E_* above.  vhsm_strerror() tells a
 *              person what to do about either.
 * Threads      Any number of threads may share a handle; blocking calls run
 *              concurrently.  vhsm_close() must be the last call.
 * Fork         A handle belongs to the process that opened it.  In a child
 *              every call returns -VHSM_E_FORKED without touching the
 *              session; vhsm_close() is allowed and releases only the child's
 *              copy; then open again, and open keys again by name.  All
 *              descriptors are close-on-exec.
 * Signals      None are raised, SIGPIPE included; a caught one does not end a
 *              blocking call, but ends vhsm_reap() with -EINTR.
 * Device away  When custody restarts or the guest moves, the library (or the
 *              driver) reconnects and opens the keys again by name; key
 *              numbers and buffers stay valid.  Blocking calls try again for
 *              vhsm_set_retry() ms; batch callers see VHSM_S_GONE in the
 *              results, and may submit the same requests again: every
 *              operation is safe to repeat, once its input is written anew if
 *              input and output are the same place.
 * Trust        What the device answers is checked; an answer that breaks the
 *              protocol ends the connection with -VHSM_E_PROTOCOL.
 *
 * Link with -lvhsm (pkg-config libvhsm).  Constants, limits and the layout of
 * requests and results are those of vhsmif.h, with two differences: offsets
 * count from the start of the slice, and "key" is what vhsm_key_open() gave.
 */
#ifndef VHSM_H
#define VHSM_H

#include <stddef.h>
#include <stdint.h>

#ifndef VHSMIF_NO_RING
#define VHSMIF_NO_RING
#endif
#include "vhsmif.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------- errors */

/* A wire status (enum vhsm_status) as a positive error number. */
#define VHSM_E_STATUS(status)	(1000 + (status))

enum vhsm_error {
	VHSM_E_BAD_OP = VHSM_E_STATUS(VHSM_S_BAD_OP),
	VHSM_E_BAD_MECHANISM = VHSM_E_STATUS(VHSM_S_BAD_MECHANISM),
	VHSM_E_BAD_FLAGS = VHSM_E_STATUS(VHSM_S_BAD_FLAGS),
	VHSM_E_BAD_RESERVED = VHSM_E_STATUS(VHSM_S_BAD_RESERVED),
	VHSM_E_BAD_SEGMENT = VHSM_E_STATUS(VHSM_S_BAD_SEGMENT),
	VHSM_E_OVERLAP = VHSM_E_STATUS(VHSM_S_OVERLAP),
	VHSM_E_BAD_LENGTH = VHSM_E_STATUS(VHSM_S_BAD_LENGTH),
	VHSM_E_TOO_LARGE = VHSM_E_STATUS(VHSM_S_TOO_LARGE),
	VHSM_E_TOO_SMALL = VHSM_E_STATUS(VHSM_S_TOO_SMALL),
	VHSM_E_BAD_NAME = VHSM_E_STATUS(VHSM_S_BAD_NAME),
	VHSM_E_NO_KEY = VHSM_E_STATUS(VHSM_S_NO_KEY),
	VHSM_E_BAD_HANDLE = VHSM_E_STATUS(VHSM_S_BAD_HANDLE),
	VHSM_E_NOT_PERMITTED = VHSM_E_STATUS(VHSM_S_NOT_PERMITTED),
	VHSM_E_WRONG_TYPE = VHSM_E_STATUS(VHSM_S_WRONG_TYPE),
	VHSM_E_DISABLED = VHSM_E_STATUS(VHSM_S_DISABLED),
	VHSM_E_REVOKED = VHSM_E_STATUS(VHSM_S_REVOKED),
	VHSM_E_BAD_SIGNATURE = VHSM_E_STATUS(VHSM_S_BAD_SIGNATURE),
	VHSM_E_BAD_TAG = VHSM_E_STATUS(VHSM_S_BAD_TAG),
	VHSM_E_QUOTA = VHSM_E_STATUS(VHSM_S_QUOTA),
	VHSM_E_NOT_FOUND = VHSM_E_STATUS(VHSM_S_NOT_FOUND),
	VHSM_E_NO_VERSION = VHSM_E_STATUS(VHSM_S_NO_VERSION),
	VHSM_E_UNAPPROVED = VHSM_E_STATUS(VHSM_S_UNAPPROVED),
	VHSM_E_LEASE_STALE = VHSM_E_STATUS(VHSM_S_LEASE_STALE),
	VHSM_E_VERIFY_ONLY = VHSM_E_STATUS(VHSM_S_VERIFY_ONLY),
	VHSM_E_BUSY = VHSM_E_STATUS(VHSM_S_BUSY),
	VHSM_E_CANCELLED = VHSM_E_STATUS(VHSM_S_CANCELLED),
	VHSM_E_GONE = VHSM_E_STATUS(VHSM_S_GONE),
	VHSM_E_THROTTLED = VHSM_E_STATUS(VHSM_S_THROTTLED),
	VHSM_E_INTERNAL = VHSM_E_STATUS(VHSM_S_INTERNAL),

	/* The library's own. */
	VHSM_E_FORKED = 1901,	/* the handle is the parent process's */
	VHSM_E_PROTOCOL = 1902,	/* the device broke the protocol */
	VHSM_E_NO_SPACE = 1903	/* does not fit the slice, or it is in use */
};

/*
 * What an error means and what to do about it, in one English sentence.
 * err: as returned (negative) or its absolute value.  A static string, never
 * NULL.  Thread-safe.
 */
const char *vhsm_strerror(int err);

/* "VHSM_S_NO_KEY" for 200; "VHSM_S_?" for what is none.  Static string. */
const char *vhsm_status_name(uint16_t status);

/* The error of a result's status: 0 for VHSM_S_OK, else -VHSM_E_*. */
int vhsm_status_error(uint16_t status);

/* ------------------------------------------------------------- session */

struct vhsm;

struct vhsm_info {
	int connected;			/* 1 while requests are served */
	uint32_t abi_version;		/* of vhsmif.h, as negotiated */
	uint32_t connections;		/* how often the device has connected */
	uint32_t ring_slots;		/* requests that can be outstanding */
	uint64_t slice_len;		/* bytes of this handle's slice */
	uint64_t requests;		/* submitted to the device */
	uint64_t notifications_sent;	/* by the guest to custody */
	uint64_t interrupts;		/* by custody to the guest */
	/* Counters: of this handle over "local:", else of the whole device. */
};

/*
 * Opens a device.
 * device  NULL: $VHSM_DEVICE if set, else /dev/vhsm0.
 *         "/dev/vhsmN[?slice=BYTES]": the kernel driver.
 *         "local:PATH[?uuid=UUID][&keys=A+B][&pool-pages=N][&ring-order=N]":
 *         a daemon's socket on this machine, without Xen (for tests and
 *         benchmarks); UUID is the domain whose keys are used.
 * h       [out] the handle, the caller's to vhsm_close(); NULL on error.
 * Errors: -ENOENT, -EACCES, -ECONNREFUSED from the path; -EINVAL for a
 * malformed device string; -ENOMEM; -EPROTO if driver or daemon speak another
 * version; what else the daemon answered.  May block until a daemon answers
 * (at most 5 s, then -ETIMEDOUT).
 */
int vhsm_open(const char *device, struct vhsm **h);

/*
 * Ends the session: wipes and gives up the slice and with it every buffer,
 * drops the keys, sets *h to NULL.  *h may be NULL.  Nothing else may use the
 * handle any more; results not reaped are lost.
 */
void vhsm_close(struct vhsm **h);

/* State and counters.  Does not block. */
int vhsm_info(struct vhsm *h, struct vhsm_info *info);

/*
 * For how long blocking calls try again while the device is away, in ms;
 * 0: not at all.  At first 10000.  Takes effect with the next call.
 */
int vhsm_set_retry(struct vhsm *h, unsigned ms);

/* ---------------------------------------------------------------- keys */

/*
 * Opens a key by name.
 * name  NUL terminated, 1..VHSM_NAME_MAX bytes.
 * key   [out] its number in this handle, never 0; the same name opened twice
 *       may give the same number.
 * Errors: -VHSM_E_NO_KEY whether or not another domain has such a key,
 * -VHSM_E_BAD_NAME, -VHSM_E_GONE.  Blocks.
 */
int vhsm_key_open(struct vhsm *h, const char *name, uint32_t *key);

/* Gives a number back.  -VHSM_E_BAD_HANDLE if it is none.  Does not block. */
int vhsm_key_close(struct vhsm *h, uint32_t key);

/* What the key was when it was opened.  info->name may fill all its bytes. */
int vhsm_key_info(struct vhsm *h, uint32_t key, struct vhsm_key_info *info);

/*
 * The keys this device may use, in order of name.
 * after  list names after this one; NULL or "": from the first.
 * list   [out] room for max entries.
 * Returns how many were written; fewer than max: there are no more.  Blocks.
 */
int vhsm_key_list(struct vhsm *h, const char *after,
		  struct vhsm_key_info *list, unsigned max);

/*
 * The public half as DER SubjectPublicKeyInfo.
 * len  [in] room at der, [out] bytes written, or needed with
 *      -VHSM_E_TOO_SMALL.
 * -VHSM_E_WRONG_TYPE for a secret key.  Blocks.
 */
int vhsm_key_public(struct vhsm *h, uint32_t key, void *der, size_t *len);

/*
 * Names a handle of the wire itself, unchecked, and binds it to this session;
 * for showing that custody refuses it.  Kernel driver only (-ENOTSUP); needs
 * CAP_SYS_RAWIO (-EPERM).
 */
int vhsm_key_raw(struct vhsm *h, uint32_t wire_handle, uint32_t *key);

/* ------------------------------------------------------------ mechanisms */

/* "ecdsa-sha256", "rsa-pss-sha384", "aes-gcm", "hmac-sha512", ...; NULL if
 * there is no such mechanism.  Static string. */
const char *vhsm_mechanism_name(uint16_t mechanism);
/* The reverse, in any case of letters; 0 if there is none. */
uint16_t vhsm_mechanism_parse(const char *name);
/* The usual mechanism of a key type (enum vhsm_key_type); 0 if unknown. */
uint16_t vhsm_mechanism_default(uint16_t key_type);
/* "ec-p256", "aes-256", ...; NULL if there is no such type.  Static string. */
const char *vhsm_key_type_name(uint16_t key_type);

/* ------------------------------------------------------------- blocking */

/*
 * All of these copy through the slice, block until the answer is there, and
 * may be called from many threads at once.  Lengths are bytes.  In common:
 * -VHSM_E_NO_SPACE when input and output together exceed the slice (nothing
 * is split), -VHSM_E_GONE when the device stayed away for vhsm_set_retry(),
 * -VHSM_E_BAD_HANDLE, -VHSM_E_NOT_PERMITTED, -VHSM_E_WRONG_TYPE,
 * -VHSM_E_DISABLED, -VHSM_E_REVOKED, -VHSM_E_QUOTA; of a guest that is
 * watched -VHSM_E_UNAPPROVED, -VHSM_E_LEASE_STALE, -VHSM_E_VERIFY_ONLY,
 * -VHSM_E_THROTTLED; -VHSM_E_CANCELLED when it lost and regained approval
 * meanwhile.  Outputs are undefined
 * after an error.
 */

/*
 * Signs a message, or with VHSM_F_DIGEST in flags its digest.
 * sig_len  [in] room at sig, VHSM_SIG_MAX always suffices; [out] written.
 * ECDSA is DER, Ed25519 64 bytes, RSA the length of its modulus.
 */
int vhsm_sign(struct vhsm *h, uint32_t key, uint16_t mechanism, uint32_t flags,
	      const void *msg, size_t msg_len, void *sig, size_t *sig_len);

/* 0 if the signature is right, -VHSM_E_BAD_SIGNATURE if not. */
int vhsm_verify(struct vhsm *h, uint32_t key, uint16_t mechanism,
		uint32_t flags, const void *msg, size_t msg_len,
		const void *sig, size_t sig_len);

/* What must be kept beside a ciphertext to decrypt it. */
struct vhsm_aead {
	uint32_t key_version;		/* which version encrypted */
	uint8_t nonce[VHSM_NONCE_LEN];
	uint8_t tag[VHSM_TAG_LEN];
};

/*
 * Authenticated encryption; out gets exactly len bytes and may be in.
 * flags  0, or VHSM_F_CALLER_NONCE: aead->nonce is [in], and must never repeat
 *        for a key; the key's policy must allow it.
 * aead   [out] version, nonce made in custody, tag.
 */
int vhsm_encrypt(struct vhsm *h, uint32_t key, uint16_t mechanism,
		 uint32_t flags, const void *aad, size_t aad_len,
		 const void *in, void *out, size_t len,
		 struct vhsm_aead *aead);

/*
 * The reverse; aead is [in], its key_version 0 means the primary one.
 * -VHSM_E_BAD_TAG if anything was changed, and out is then untouched.
 */
int vhsm_decrypt(struct vhsm *h, uint32_t key, uint16_t mechanism,
		 const void *aad, size_t aad_len,
		 const void *in, void *out, size_t len,
		 const struct vhsm_aead *aead);

/* mac_len: [in] room (64 always suffices), [out] the MAC's length. */
int vhsm_mac(struct vhsm *h, uint32_t key, uint16_t mechanism,
	     const void *msg, size_t msg_len, void *mac, size_t *mac_len);

/* 0, or -VHSM_E_BAD_SIGNATURE; compared in custody in constant time. */
int vhsm_mac_verify(struct vhsm *h, uint32_t key, uint16_t mechanism,
		    const void *msg, size_t msg_len,
		    const void *mac, size_t mac_len);

/* Bytes from custody's DRBG; any len, in as many requests as it takes. */
int vhsm_random(struct vhsm *h, void *out, size_t len);

/* ------------------------------------------------------------ zero copy */

/*
 * Memory in the slice, 64-byte aligned, the handle's: give it back with
 * vhsm_buffer_free(), which wipes it.  NULL with errno ENOMEM when the slice
 * has no such room, EINVAL for 0 bytes, EPERM in a forked child.  Custody can
 * read and write it at any time.
 */
void *vhsm_buffer_alloc(struct vhsm *h, size_t len);

/* NULL is allowed; a pointer that vhsm_buffer_alloc() did not give is
 * ignored.  Not while a request that names it is outstanding. */
void vhsm_buffer_free(struct vhsm *h, void *buffer);

/*
 * The bytes [p, p + len) of the slice as a request names them.  Any part of a
 * buffer will do; len 0 gives {0, 0}.  -EINVAL outside the slice.
 */
int vhsm_buffer_segment(const struct vhsm *h, const void *p, size_t len,
			struct vhsm_segment *segment);

/*
 * Runs one request on buffers and waits for its result; request->id is not
 * used.  Returns 0 or the error; result (may be NULL) has the details when
 * the device answered.  A cipher in place is not repeated when the device was
 * away (-VHSM_E_GONE): its input may be overwritten; write it anew and call
 * again.  -EINVAL for KEY_OPEN and CANCEL.
 */
int vhsm_call(struct vhsm *h, const struct vhsm_request *request,
	      struct vhsm_response *result);

/* ---------------------------------------------------------------- batch */

/*
 * Builders: fill a request completely.  cookie comes back as result.id and is
 * the caller's to choose; it need not be unique unless it is to be cancelled.
 * Segments are made by vhsm_buffer_segment(); {0, 0} where there is nothing.
 */
void vhsm_request_nop(struct vhsm_request *r, uint64_t cookie);
void vhsm_request_sign(struct vhsm_request *r, uint64_t cookie, uint32_t key,
		       uint16_t mechanism, uint32_t flags,
		       struct vhsm_segment input, struct vhsm_segment output);
void vhsm_request_verify(struct vhsm_request *r, uint64_t cookie, uint32_t key,
			 uint16_t mechanism, uint32_t flags,
			 struct vhsm_segment input,
			 struct vhsm_segment signature);
/* nonce: VHSM_NONCE_LEN bytes, written unless flags has CALLER_NONCE; tag:
 * VHSM_TAG_LEN bytes, written.  input and output may be the same. */
void vhsm_request_encrypt(struct vhsm_request *r, uint64_t cookie,
			  uint32_t key, uint16_t mechanism, uint32_t flags,
			  struct vhsm_segment nonce, struct vhsm_segment aad,
			  struct vhsm_segment input,
			  struct vhsm_segment output,
			  struct vhsm_segment tag);
void vhsm_request_decrypt(struct vhsm_request *r, uint64_t cookie,
			  uint32_t key, uint32_t key_version,
			  uint16_t mechanism,
			  struct vhsm_segment nonce, struct vhsm_segment aad,
			  struct vhsm_segment input,
			  struct vhsm_segment output,
			  struct vhsm_segment tag);
void vhsm_request_mac(struct vhsm_request *r, uint64_t cookie, uint32_t key,
		      uint16_t mechanism, struct vhsm_segment input,
		      struct vhsm_segment output);
void vhsm_request_mac_verify(struct vhsm_request *r, uint64_t cookie,
			     uint32_t key, uint16_t mechanism,
			     struct vhsm_segment input,
			     struct vhsm_segment mac);
void vhsm_request_random(struct vhsm_request *r, uint64_t cookie,
			 struct vhsm_segment output);

/*
 * Submits up to n requests, with at most one notification for all of them.
 * Returns how many were taken, from the first on: fewer than n when the ring
 * is full (reap, then submit the rest), 0 when nothing fits.  Does not wait
 * for room; over "local:" it may wait for the daemon to answer a reconnection.  -VHSM_E_GONE while the device is away, -VHSM_E_PROTOCOL, -EINVAL
 * for an op that is not for callers (KEY_OPEN, CANCEL).  What is wrong with a
 * single request is told in its result.
 */
int vhsm_submit(struct vhsm *h, const struct vhsm_request *requests,
		unsigned n);

/*
 * Takes results of vhsm_submit(), in whatever order they came.
 * results     [out] room for max; id is the cookie, status an enum
 *             vhsm_status (VHSM_S_GONE: submit again).
 * min         waits for at least so many, or for all outstanding ones if that
 *             is fewer; 0 does not wait.
 * timeout_ms  for how long to wait; negative: for ever.
 * Returns how many; fewer than min when the time is over.  -EINTR if a signal
 * came before the first result.  One thread's results may be reaped by another.
 */
int vhsm_reap(struct vhsm *h, struct vhsm_response *results, unsigned max,
	      unsigned min, int timeout_ms);

/*
 * Asks that a submitted request be cancelled before it starts.  Its result
 * comes in any case: VHSM_S_CANCELLED, or its own.  -VHSM_E_NOT_FOUND if no
 * such cookie is outstanding, or if it is too late.  Blocks for the answer.
 */
int vhsm_cancel(struct vhsm *h, uint64_t cookie);

/*
 * A descriptor for poll(2), readable when results may be there.  Poll only
 * after vhsm_reap() returned fewer than max (it then has asked to be told);
 * readable without a result is possible.  The handle's: do not close or read.
 */
int vhsm_fd(struct vhsm *h);

#ifdef __cplusplus
}
#endif

#endif /* VHSM_H */
