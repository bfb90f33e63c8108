// SPDX-License-Identifier: Apache-2.0
#include <config.h>

#include "engine/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

_Static_assert(VHSM_MAX_QUEUES + VHSM_WORKERS_MAX <= VHSM_EPOCH_THREADS,
	       "every thread that uses keys has its number");

static unsigned workers_wanted(const struct vhsm_tuning *tuning)
{
	if (tuning->workers < 1)
		return 1;
	return tuning->workers < VHSM_WORKERS_MAX ?
		tuning->workers : VHSM_WORKERS_MAX;
}

static int make_queue(struct vhsm_engine *engine, unsigned index,
		      uint32_t spin_us)
{
	struct vhsm_queue *q = aligned_alloc(128, sizeof(*q));
	int r;

	if (!q)
		return -ENOMEM;
	r = vhsm_queue_init(q, engine, index,
			    engine->ops->queue(engine->transport, index),
			    spin_us);
	if (!r)
		r = vhsm_queue_start(q);
	if (r) {
		vhsm_queue_deinit(q);
		free(q);
		return r;
	}
	engine->queue[index] = q;
	engine->queues = index + 1;
	return 0;
}

int vhsm_engine_start(struct vhsm_engine *engine,
		      const struct vhsm_tuning *tuning)
{
	unsigned queues = engine->ops->queue_count(engine->transport);
	int r;

	r = vhsm_workers_start(&engine->workers, workers_wanted(tuning),
			       VHSM_MAX_QUEUES, &engine->keys,
			       &engine->stats->worker_requests);
	for (unsigned q = 0; !r && q < queues; q++)
		r = make_queue(engine, q, tuning->spin_us);
	engine->stats->queues = engine->queues;
	engine->stats->grant_maps =
		engine->ops->grant_maps(engine->transport);
	return r;
}

void vhsm_engine_count_maps(struct vhsm_engine *engine)
{
	if (engine->queues)
		engine->stats->grant_maps_after_connect =
			engine->ops->grant_maps(engine->transport) -
			engine->stats->grant_maps;
}

void vhsm_engine_begin_stop(struct vhsm_engine *engine)
{
	for (unsigned i = 0; i < engine->queues; i++)
		vhsm_queue_stop(engine->queue[i]);
}

bool vhsm_engine_has_stopped(struct vhsm_engine *engine)
{
	for (unsigned i = 0; i < engine->queues; i++)
		if (!vhsm_queue_has_ended(engine->queue[i]))
			return false;
	return true;
}

bool vhsm_engine_stop(struct vhsm_engine *engine)
{
	if (!vhsm_engine_has_stopped(engine))
		return false;
	if (engine->queues)
		vhsm_workers_stop(&engine->workers);
	while (engine->queues) {
		struct vhsm_queue *q = engine->queue[--engine->queues];

		vhsm_queue_join(q);
		vhsm_queue_deinit(q);
		free(q);
	}
	return true;
}

void vhsm_engine_violate(struct vhsm_engine *engine, unsigned queue,
			 enum vhsm_violation violation)
{
	uint32_t none = 0;
	uint64_t one = 1;
	ssize_t n;

	atomic_compare_exchange_strong(&engine->violation, &none,
				       queue << 16 | violation);
	n = write(engine->control_fd, &one, sizeof(one));
	(void)n;
}
