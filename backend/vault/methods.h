/* SPDX-License-Identifier: Apache-2.0 */
/*
 * methods.h - what each method does; methods.c says what it takes and gives.
 */
#ifndef VHSM_VAULT_METHODS_H
#define VHSM_VAULT_METHODS_H

struct vhsm_admin_request;

/* methods-make.c */
void vhsm_method_key_generate(struct vhsm_admin_request *);
void vhsm_method_key_import(struct vhsm_admin_request *);
/* methods-change.c */
void vhsm_method_key_delete(struct vhsm_admin_request *);
void vhsm_method_key_set_state(struct vhsm_admin_request *);
void vhsm_method_guest_revoke(struct vhsm_admin_request *);
void vhsm_method_guest_release(struct vhsm_admin_request *);
void vhsm_method_unit_destroy(struct vhsm_admin_request *);
/* methods-show.c */
void vhsm_method_key_list(struct vhsm_admin_request *);
void vhsm_method_key_show(struct vhsm_admin_request *);
void vhsm_method_unit_list(struct vhsm_admin_request *);
void vhsm_method_vault_status(struct vhsm_admin_request *);
/* methods-audit.c */
void vhsm_method_audit_show(struct vhsm_admin_request *);
void vhsm_method_audit_verify(struct vhsm_admin_request *);
/* methods-fingerprints.c */
void vhsm_method_key_fingerprints(struct vhsm_admin_request *);

#endif /* VHSM_VAULT_METHODS_H */
