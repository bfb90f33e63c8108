/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confirm.h - waits until every engine has obeyed a change, or has ended, or
 * time is up.
 */
#ifndef VHSM_CONFIRM_H
#define VHSM_CONFIRM_H

#include <event2/event.h>

#define VHSM_CONFIRM_MS 2000u

struct vhsm_confirm;

/* engines were told; of them unconfirmed did not answer, or not in time. */
typedef void vhsm_confirm_done(void *arg, unsigned engines,
			       unsigned unconfirmed);

struct vhsm_confirm *vhsm_confirm_new(struct event_base *, vhsm_confirm_done *,
				      void *arg);

/* One more message was sent; each holds the confirm until it is settled. */
void vhsm_confirm_expect(struct vhsm_confirm *);
/* It was answered, or its engine ended. */
void vhsm_confirm_settle(struct vhsm_confirm *);
/* It will not be: its engine may live on, but is not listened to any more. */
void vhsm_confirm_lose(struct vhsm_confirm *);

/* All are sent: done is called once, now or later, and the confirm frees
 * itself when nobody holds it. */
void vhsm_confirm_start(struct vhsm_confirm *);

/* Frees one that was not started and expects nothing. */
void vhsm_confirm_cancel(struct vhsm_confirm **);

#endif /* VHSM_CONFIRM_H */
