/* SPDX-License-Identifier: Apache-2.0 */
/*
 * credentials.c - a process that became root without exec (ATT&CK T1068).
 *
 * What a kernel exploit does last is to give its process root's credentials:
 * by writing into its struct cred, by commit_creds(), or by pointing it at the
 * credentials of another.  From outside that is told from what is legal by
 *
 *   history   Between two sweeps in which self_exec_id (task_struct) and the
 *             user namespace stayed the same, permitted capabilities never
 *             grow, and an id becomes 0 only if one of the process's ids was 0
 *             before or it had CAP_SETUID (credentials(7), capabilities(7)).
 *             exec raises self_exec_id before it commits credentials.
 *   sharing   Processes never share a struct cred (copy_creds() in
 *             kernel/cred.c shares it among a process's threads only), and
 *             nobody but the idle tasks has init_cred.
 *   ancestry  A child of a process that had no privilege before the child
 *             began, and has not exec'd since, got root only by an exec of its
 *             own, of a set-user-ID program; so not without an exec, and with
 *             one exec not with a program that is not set-user-ID.
 *
 * Limits: of a process that is made, gets root and ends between two sweeps
 * nothing is seen.  Ids are the kernel's own, so user namespaces do not
 * matter, but a namespace's own CAP_SETUID is taken for the real one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks/checks.h"
#include "checks/process-creds.h"
#include "checks/tasks.h"

#define REPORTS_MAX	64u

/* Each run's table of processes replaces the last one's. */
struct credentials {
	struct vhsm_tasks tasks;
	struct vhsm_process *now, *before;	/* ascending by va */
	unsigned count, count_before;
	unsigned room, room_before;
};

struct judging {
	struct credentials *state;
	struct vhsm_sweep *sweep;
	uint64_t clock;			/* start of the youngest task */
	unsigned reports;
};

static int credentials_open(const struct vhsm_check_setup *setup, void **state,
			    char *why)
{
	(void)setup;
	*state = calloc(1, sizeof(struct credentials));
	if (!*state)
		snprintf(why, VHSM_CHECK_WHY_LEN, "not enough memory");
	return *state ? 0 : -ENOMEM;
}

static void credentials_close(void *state)
{
	struct credentials *s = state;

	vhsm_tasks_free(&s->tasks);
	free(s->now);
	free(s->before);
	free(s);
}

static void report(struct judging *j, const struct vhsm_process *p,
		   uint32_t confidence, const char *how)
{
	struct vhsm_finding f = {
		.check = VHSM_CHECK_CREDENTIALS,
		.address = p->creds.real_cred,
		.confidence = confidence,
		.pid = p->pid,
	};
	const struct vhsm_kernel *k = j->sweep->kernel;

	if (j->reports++ >= REPORTS_MAX) {
		j->sweep->cut = true;
		return;
	}
	if (vhsm_kernel_read_text(k, p->va +
				  vhsm_reference_layout(k->reference,
					VHSM_L_task_struct__comm).offset,
				  f.comm, sizeof(f.comm)))
		f.comm[0] = '\0';
	snprintf(f.object, sizeof(f.object), "pid %u", p->pid);
	snprintf(f.detail, sizeof(f.detail), "Process %u (%s) has uid %u, euid"
		 " %u, capabilities %llx: %s.", p->pid, f.comm, p->creds.uid,
		 p->creds.euid, (unsigned long long)p->creds.permitted, how);
	j->sweep->report(j->sweep, &f);
}

/* --- the tables --- */

static int by_va(const void *a, const void *b)
{
	const struct vhsm_process *x = a, *y = b;

	return x->va < y->va ? -1 : x->va > y->va;
}

static const struct vhsm_process *find_before(const struct credentials *s,
					      uint64_t va)
{
	struct vhsm_process key = { .va = va };

	if (!s->count_before)
		return NULL;
	return bsearch(&key, s->before, s->count_before, sizeof(key), by_va);
}

static struct vhsm_process *find_now(const struct credentials *s, uint64_t va)
{
	struct vhsm_process key = { .va = va };

	if (!s->count)
		return NULL;
	return bsearch(&key, s->now, s->count, sizeof(key), by_va);
}

static bool same_task(const struct vhsm_process *a,
		      const struct vhsm_process *b)
{
	return a->va == b->va && a->start == b->start && a->pid == b->pid;
}

/* Makes this run's table of the tasks that were collected. */
static int read_all(struct credentials *s, struct judging *j)
{
	struct vhsm_process *table = s->before;
	unsigned room = s->room_before, i;

	s->before = s->now;
	s->count_before = s->count;
	s->room_before = s->room;
	if (room < s->tasks.count) {
		room = s->tasks.count + s->tasks.count / 4;
		free(table);
		table = calloc(room, sizeof(*table));
	}
	s->now = table;
	s->room = table ? room : 0;
	s->count = 0;
	if (!table)
		return -ENOMEM;
	for (i = 0; i < s->tasks.count; i++) {
		/* One that cannot be read ended meanwhile. */
		if (!vhsm_process_read(j->sweep->kernel, &s->tasks.task[i],
				       &table[s->count]))
			s->count++;
		if (s->tasks.task[i].start > j->clock)
			j->clock = s->tasks.task[i].start;
	}
	qsort(s->now, s->count, sizeof(*s->now), by_va);
	return 0;
}

/* --- history --- */

/* What a process has that it cannot have got without exec; NULL: nothing. */
static const char *grown(const struct vhsm_process *old,
			 const struct vhsm_process *new)
{
	const struct vhsm_creds *a = &old->creds, *b = &new->creds;
	bool may = vhsm_creds_has_id(a, 0) || a->permitted & VHSM_CAP_SETUID;

	if (!may && vhsm_creds_has_id(b, 0))
		return "it was not root before, could not become it, and has"
			" not exec'd since";
	if (!may && b->fsuid == 0 && a->fsuid != 0)
		return "it got root's file access without exec";
	if (!a->first_ns && b->first_ns && b->permitted)
		return "it left its user namespace for the first one, with"
			" capabilities, without exec";
	if (a->user_ns == b->user_ns && b->permitted & ~a->permitted)
		return "it got capabilities without exec";
	return NULL;
}

/* An exec gives a new mm, made while the old one was still there. */
static bool has_execed(const struct vhsm_process *old,
		       const struct vhsm_process *new)
{
	if (new->exec_id == old->exec_id)
		return false;
	return new->exec_id != old->exec_id + 1 || new->mm != old->mm;
}

/* By when it was harmless: at the first sight of that it is not known which
 * tasks began before, so the next sweep's tasks are taken. */
static uint64_t harmless_by(const struct judging *j,
			    const struct vhsm_process *old,
			    const struct vhsm_process *new)
{
	if (!new->harmless || !old->harmless)
		return UINT64_MAX;
	return old->clock == UINT64_MAX ? j->clock : old->clock;
}

static void judge_history(struct judging *j, struct vhsm_process *new,
			  const struct vhsm_process *old)
{
	const char *how;

	if (has_execed(old, new)) {
		/* Its credentials are being changed just now: next time. */
		if (new->execing)
			*new = *old;
		return;
	}
	how = grown(old, new);
	if (how)
		report(j, new, 95, how);
	new->clock = harmless_by(j, old, new);
	/* What is found is to be found again. */
	if (how || new->execing)
		*new = *old;
}

/* --- sharing --- */

static int by_cred(const void *a, const void *b)
{
	const struct vhsm_process *x = *(struct vhsm_process *const *)a;
	const struct vhsm_process *y = *(struct vhsm_process *const *)b;

	if (x->creds.real_cred != y->creds.real_cred)
		return x->creds.real_cred < y->creds.real_cred ? -1 : 1;
	return x->start < y->start ? -1 : x->start > y->start;
}

/* Of processes with one struct cred the oldest has its own. */
static void judge_sharers(struct judging *j, struct vhsm_process **p,
			  unsigned count, uint64_t init_cred)
{
	const struct vhsm_process *owner = NULL;
	char how[96];
	unsigned i;

	for (i = 0; i < count; i++) {
		if (p[i]->creds.real_cred == init_cred) {
			report(j, p[i], 95,
			       "its credentials are the kernel's own init_cred");
			continue;
		}
		if (!owner || p[i]->creds.real_cred != owner->creds.real_cred) {
			owner = p[i];
			continue;
		}
		if (p[i]->tgid == owner->tgid)
			continue;
		snprintf(how, sizeof(how), "its credentials are those of"
			 " process %u", owner->tgid);
		report(j, p[i], 95, how);
	}
}

static void judge_subjective(struct judging *j, struct vhsm_process *p,
			     struct vhsm_process **sorted, unsigned count,
			     uint64_t init_cred)
{
	struct vhsm_process key = { .creds.real_cred = p->creds.cred };
	struct vhsm_process *k = &key;
	unsigned low = 0, high = count, mid;

	if (p->creds.cred == p->creds.real_cred)
		return;
	if (p->creds.cred == init_cred) {
		report(j, p, 90, "it acts with the kernel's own init_cred");
		return;
	}
	while (low < high) {
		mid = low + (high - low) / 2;
		if (by_cred(&sorted[mid], &k) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < count && sorted[low]->creds.real_cred == p->creds.cred &&
	    sorted[low]->tgid != p->tgid &&
	    vhsm_creds_privileged(&sorted[low]->creds) &&
	    !vhsm_creds_privileged(&p->creds))
		report(j, p, 80, "it acts with another process's credentials");
}

static int judge_sharing(struct judging *j)
{
	struct credentials *s = j->state;
	struct vhsm_process **sorted;
	uint64_t init_task, init_cred = 0;
	unsigned i;

	if (!s->count)
		return 0;
	sorted = calloc(s->count, sizeof(struct vhsm_process *));
	if (!sorted)
		return -ENOMEM;
	if (!vhsm_kernel_symbol(j->sweep->kernel, "init_task", &init_task) &&
	    vhsm_kernel_read_member(j->sweep->kernel, init_task,
				    VHSM_L_task_struct__real_cred, &init_cred))
		init_cred = 0;
	for (i = 0; i < s->count; i++)
		sorted[i] = &s->now[i];
	qsort(sorted, s->count, sizeof(struct vhsm_process *), by_cred);
	judge_sharers(j, sorted, s->count, init_cred);
	for (i = 0; i < s->count; i++)
		judge_subjective(j, &s->now[i], sorted, s->count, init_cred);
	free(sorted);
	return 0;
}

/* --- ancestry --- */

/* A process that was not there before, by its parent as it was before. */
static bool judge_birth(struct judging *j, struct vhsm_process *p)
{
	const struct vhsm_process *was = find_before(j->state, p->parent);
	const struct vhsm_process *is = find_now(j->state, p->parent);

	if (!was || !is || !same_task(was, is) || !was->harmless ||
	    !is->harmless || was->exec_id != is->exec_id || is->execing ||
	    p->start <= was->clock || p->parent_exec_id != was->exec_id ||
	    p->execing)
		return false;
	if (p->exec_id == p->parent_exec_id &&
	    vhsm_creds_privileged(&p->creds)) {
		report(j, p, 90, "neither it nor its parent, which is not"
		       " root, has exec'd");
		return true;
	}
	if (p->exec_id == p->parent_exec_id + 1 &&
	    vhsm_creds_has_id(&p->creds, 0) &&
	    vhsm_process_plain_program(j->sweep->kernel, p)) {
		report(j, p, 85, "its program is not set-user-ID, and its"
		       " parent is not root");
		return true;
	}
	return false;
}

static void judge_processes(struct judging *j)
{
	struct credentials *s = j->state;
	const struct vhsm_process *old;
	unsigned i, kept = 0;
	bool *leave;

	/* A process found by its birth is to be new next time, too. */
	leave = calloc(s->count + 1, sizeof(*leave));
	if (!leave)
		return;
	for (i = 0; i < s->count; i++) {
		s->now[i].clock = UINT64_MAX;
		old = find_before(s, s->now[i].va);
		if (old && same_task(old, &s->now[i]))
			judge_history(j, &s->now[i], old);
		else
			leave[i] = judge_birth(j, &s->now[i]) ||
				s->now[i].execing;
	}
	for (i = 0; i < s->count; i++)
		if (!leave[i])
			s->now[kept++] = s->now[i];
	s->count = kept;
	free(leave);
}

static int credentials_run(void *state, struct vhsm_sweep *sweep, char *why)
{
	struct credentials *s = state;
	struct judging j = { .state = s, .sweep = sweep };
	int r;

	vhsm_tasks_clear(&s->tasks);
	r = vhsm_tasks_collect(&s->tasks, sweep->kernel, VHSM_TASK_PIDS, why);
	if (!r)
		r = read_all(s, &j);
	if (!r)
		r = judge_sharing(&j);
	if (r)
		return r;
	sweep->objects = s->count;
	judge_processes(&j);
	return 0;
}

const struct vhsm_check vhsm_check_credentials = {
	.number = VHSM_CHECK_CREDENTIALS,
	.open = credentials_open,
	.run = credentials_run,
	.close = credentials_close,
};
