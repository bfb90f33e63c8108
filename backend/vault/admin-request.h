/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin-request.h - one request of the admin, from its parameters to its
 * answer.
 *
 * A request lives until it is answered, which may be after a job or after
 * engines have confirmed.  Every function named answer or fail ends it.
 */
#ifndef VHSM_ADMIN_REQUEST_H
#define VHSM_ADMIN_REQUEST_H

#include "ops/ops.h"
#include "vault/vault.h"

struct vhsm_admin_request;

struct vhsm_method {
	const char *name;
	const char *params;		/* those it knows, blanks around each */
	bool audited;			/* its failures are records */
	void (*run)(struct vhsm_admin_request *);
};

struct vhsm_admin_request {
	struct vhsm_job job;		/* first: a job is its request */
	struct vhsm_vault *vault;
	struct vhsm_rpc_call *call;
	const struct vhsm_method *method;
	json_t *params;			/* the call's */
	int fd;				/* attached, or -1; closed at the end */
	bool has_uuid;
	uuid_t uuid;
	char name[VHSM_NAME_MAX + 1];
	uint16_t type;			/* enum vhsm_key_type */
	uint32_t usages;
	struct vhsm_secret material;	/* of a key on its way in */
	json_t *result;			/* to be answered later */
	void *state;			/* the method's own, freed by it */
	int error;			/* of its job */
	int64_t begun_ms;		/* vhsm_now_ms() */
	char why[VHSM_WHY_LEN];
};

/* The rows of methods.c; a NULL name ends it. */
extern const struct vhsm_method vhsm_methods[];

/* The handler of the admin's socket; arg is the vault. */
vhsm_rpc_handler vhsm_request_handle;

/* Ends the request with its result, which is stolen. */
void vhsm_request_answer(struct vhsm_admin_request *, json_t *result);
/* Ends it with an error (enum vhsm_vault_e or -errno). */
void vhsm_request_fail(struct vhsm_admin_request *, int error, const char *format,
		       ...) __attribute__((format(printf, 3, 4)));

/*
 * Parameters.  false: there is something wrong with it, and the request has
 * been ended with an error that says what.
 */
bool vhsm_request_take_uuid(struct vhsm_admin_request *);
bool vhsm_request_take_name(struct vhsm_admin_request *);
/* Text; "" when it is absent.  Shorter than room. */
bool vhsm_request_take_text(struct vhsm_admin_request *, const char *param, char *out,
			    size_t room);
/* A number in min..max; *value is left alone when it is absent. */
bool vhsm_request_take_number(struct vhsm_admin_request *, const char *param,
			      uint64_t min, uint64_t max, uint64_t *value);
bool vhsm_request_take_bool(struct vhsm_admin_request *, const char *param,
			    bool *value);

/* The unit of the domain, which must exist; and its key of that name. */
bool vhsm_request_find_unit(struct vhsm_admin_request *, struct vhsm_unit **unit);
bool vhsm_request_find_key(struct vhsm_admin_request *, struct vhsm_unit **unit,
			   const struct vhsm_key **key);

/* A change's record: details with "change" (unique), "uid", and "key" if the
 * request has a name; the caller adds the rest. */
json_t *vhsm_request_note(struct vhsm_admin_request *);
/* The change is in the store: commits its record.  The record is also the
 * unit's note, forgotten by the unit once it is on disk. */
int vhsm_request_record(struct vhsm_admin_request *,
			const struct vhsm_unit_note *note);

#endif /* VHSM_ADMIN_REQUEST_H */
