/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error.h - which statuses exist: a device that answers another one does not
 * speak the protocol.
 */
#ifndef VHSM_LIB_ERROR_H
#define VHSM_LIB_ERROR_H

#include <stdbool.h>
#include <stdint.h>

bool vhsm_status_known(uint16_t status);

#endif /* VHSM_LIB_ERROR_H */
