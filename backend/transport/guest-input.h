/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-input.h - the one place that looks at what a guest wrote.
 *
 * Ring indices, request slots and the pool directory are the guest's; this
 * file copies each once to private memory and says whether it is sound.  It
 * shares a process with the keys, so it is kept small enough to be read in one
 * sitting, depends on nothing but the ABI header, keeps no state, and works on
 * plain memory: it can be fuzzed and model-checked as it stands.
 *
 * It does not know keys, mechanisms beyond their form, or policy.
 */
#ifndef VHSM_GUEST_INPUT_H
#define VHSM_GUEST_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vhsmif.h"

/*
 * How a guest can break the ring itself.  A malformed request is answered; one
 * of these ends the connection.
 */
enum vhsm_violation {
	VHSM_VIOLATION_NONE = 0,
	VHSM_VIOLATION_PRODUCER_BACKWARDS,	/* req_prod behind what we read */
	VHSM_VIOLATION_PRODUCER_JUMP,		/* over a ring's size ahead */
	VHSM_VIOLATION_OVERFLOW,		/* requests in slots whose
						 * answers are still due */
	VHSM_VIOLATION_COUNT
};

/* For people; "unknown" for what is none of the above. */
const char *vhsm_violation_text(unsigned violation);

/*
 * How many requests may be read: untrusted_prod is the guest's req_prod, read
 * once; cons and rsp_prod are our own indices, size is the ring's (a power of
 * 2).  *count is written only if the answer is VHSM_VIOLATION_NONE, and then
 * at most size.
 */
enum vhsm_violation vhsm_ring_check(uint32_t untrusted_prod, uint32_t cons,
				    uint32_t rsp_prod, uint32_t size,
				    uint32_t *count);

/* Copies a slot of the ring, each word read exactly once. */
void vhsm_slot_copy(struct vhsm_request *private_copy,
		    const volatile void *untrusted_slot);

/*
 * Everything that can be said of a request without knowing keys: its op,
 * flags, form of mechanism, reserved fields, and that every segment it uses
 * lies in the pool of pool_len bytes with a length the op takes, overlaps no
 * other, and every segment it does not use is {0, 0}.  request is a private
 * copy.  VHSM_S_OK, or a 1xx status; with VHSM_S_TOO_SMALL, *need is what
 * OUTPUT takes.
 */
enum vhsm_status vhsm_request_check(const struct vhsm_request *request,
				    size_t pool_len, uint32_t *need);

/* Copies bytes of the pool (a checked segment) to private memory, once. */
void vhsm_pool_copy(void *private_copy, const volatile uint8_t *untrusted_pool,
		    struct vhsm_segment segment);

/* Whether name (private, len bytes, no NUL) is a key's name. */
bool vhsm_name_check(const char *name, size_t len);

/* Bytes of a digest with VHSM_HASH_*; 0 for HASH_NONE and unknown ones. */
size_t vhsm_digest_len(unsigned hash);

/* Directory pages a pool of so many pages has; 0 if that is not allowed. */
uint32_t vhsm_directory_pages(uint32_t pool_pages);

/* Copies count (at most VHSM_DIRECTORY_ENTRIES) grants out of one page. */
void vhsm_directory_copy(uint32_t *refs, const volatile void *untrusted_page,
			 size_t count);

enum vhsm_directory_fault {
	VHSM_DIRECTORY_OK = 0,
	VHSM_DIRECTORY_ZERO,		/* reference 0 is Xen's own */
	VHSM_DIRECTORY_DUPLICATE
};

/*
 * Checks the references of a whole device: none is 0, none named twice (two
 * views of one page would let segments overlap unseen).  Sorts refs, so pass a
 * copy.  *bad_ref is the offending reference.
 */
enum vhsm_directory_fault vhsm_directory_check(uint32_t *refs, size_t count,
					       uint32_t *bad_ref);

#endif /* VHSM_GUEST_INPUT_H */
