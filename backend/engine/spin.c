// SPDX-License-Identifier: Apache-2.0
#include "engine/spin.h"

#define CREDIT_START 8
#define LOSS 4				/* a loss costs as much as 4 gains */

void vhsm_spin_init(struct vhsm_spin *spin, uint32_t limit_us, unsigned cpus)
{
	spin->limit_ns = cpus > 1 ? (uint64_t)limit_us * 1000 : 0;
	spin->credit = CREDIT_START;
	spin->skip = 0;
	spin->backoff = VHSM_SPIN_SKIP_MIN;
}

uint64_t vhsm_spin_budget(struct vhsm_spin *spin)
{
	if (spin->skip) {
		spin->skip--;
		return 0;
	}
	return spin->limit_ns;
}

static void lose(struct vhsm_spin *spin)
{
	spin->credit -= LOSS;
	if (spin->credit > 0)
		return;
	spin->credit = 1;		/* one probe, one chance */
	spin->skip = spin->backoff;
	if (spin->backoff < VHSM_SPIN_SKIP_MAX)
		spin->backoff *= 2;
}

bool vhsm_spin_result(struct vhsm_spin *spin, bool found, uint64_t elapsed_ns)
{
	if (!found || elapsed_ns > spin->limit_ns) {
		lose(spin);
		return false;
	}
	if (spin->credit < VHSM_SPIN_CREDIT_MAX)
		spin->credit++;
	if (spin->credit > LOSS)
		spin->backoff = VHSM_SPIN_SKIP_MIN;
	return true;
}
