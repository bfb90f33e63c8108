/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.h - from a copied slot to an answer: each op's own steps.
 */
#ifndef VHSM_REQUEST_H
#define VHSM_REQUEST_H

#include <stdint.h>

#include "engine/queue.h"

/* Handles queue->call.request: it is answered, or given to the workers. */
void vhsm_request_handle(struct vhsm_queue *queue);

/* Publishes what a use of a key came to (vhsm_call_run's status) and says so
 * in answer. */
void vhsm_request_finish(struct vhsm_queue *queue, struct vhsm_call *call,
			 struct vhsm_key_version *version,
			 enum vhsm_status status, struct vhsm_answer *answer);

/* About how long a request takes, in bytes of AES-GCM. */
uint64_t vhsm_request_work(const struct vhsm_request *request);

#endif /* VHSM_REQUEST_H */
