/* SPDX-License-Identifier: Apache-2.0 */
/*
 * epoch.h - knowing that nobody uses the old any more, without locks.
 *
 * Threads that use keys are "online"; between two pieces of work each says so
 * (quiesce).  The control thread changes something (a key's state, a pointer),
 * moves the epoch on and waits until every online thread has said so since:
 * from then on no thread can still act on what it read before the change.
 *
 * Invariants:
 *  1. A thread quiesces only when it holds no pointer it read earlier and has
 *     published, or given up, every result it made from one.
 *  2. seen is written by its own thread only.
 */
#ifndef VHSM_EPOCH_H
#define VHSM_EPOCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define VHSM_EPOCH_THREADS 24u		/* queues and workers */
#define VHSM_EPOCH_OFFLINE UINT64_MAX

struct vhsm_epoch_seen {
	_Atomic uint64_t seen;
} __attribute__((aligned(128)));

struct vhsm_epoch {
	_Atomic uint64_t now __attribute__((aligned(128)));
	struct vhsm_epoch_seen thread[VHSM_EPOCH_THREADS];
};

static inline void vhsm_epoch_init(struct vhsm_epoch *epoch)
{
	atomic_init(&epoch->now, 1);
	for (unsigned i = 0; i < VHSM_EPOCH_THREADS; i++)
		atomic_init(&epoch->thread[i].seen, VHSM_EPOCH_OFFLINE);
}

/* Before the thread reads anything that the control thread changes. */
static inline void vhsm_epoch_online(struct vhsm_epoch *epoch, unsigned thread)
{
	atomic_store(&epoch->thread[thread].seen, atomic_load(&epoch->now));
	atomic_thread_fence(memory_order_seq_cst);
}

/* Before it sleeps, or ends. */
static inline void vhsm_epoch_offline(struct vhsm_epoch *epoch,
				      unsigned thread)
{
	atomic_store_explicit(&epoch->thread[thread].seen, VHSM_EPOCH_OFFLINE,
			      memory_order_release);
}

/* Whether something changed since the thread last quiesced. */
static inline bool vhsm_epoch_moved(struct vhsm_epoch *epoch, unsigned thread)
{
	return atomic_load_explicit(&epoch->now, memory_order_relaxed) !=
		atomic_load_explicit(&epoch->thread[thread].seen,
				     memory_order_relaxed);
}

/* Between two pieces of work; costs two loads when nothing changed. */
static inline void vhsm_epoch_quiesce(struct vhsm_epoch *epoch,
				      unsigned thread)
{
	if (vhsm_epoch_moved(epoch, thread))
		atomic_store_explicit(&epoch->thread[thread].seen,
				      atomic_load(&epoch->now),
				      memory_order_release);
}

/* The control thread, after a change: until the old is in nobody's hands.
 * As long as the longest operation under way; sleeps meanwhile. */
static inline void vhsm_epoch_synchronize(struct vhsm_epoch *epoch)
{
	static const struct timespec moment = { 0, 20000 };
	uint64_t target = atomic_fetch_add(&epoch->now, 1) + 1;

	atomic_thread_fence(memory_order_seq_cst);
	for (unsigned i = 0; i < VHSM_EPOCH_THREADS; i++)
		while (atomic_load(&epoch->thread[i].seen) < target)
			nanosleep(&moment, NULL);
}

#endif /* VHSM_EPOCH_H */
