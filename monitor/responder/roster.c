/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roster.c - which guests are watched: those whose configuration says
 * monitor=POLICY, and those an admin said.
 *
 * A record outlives its domain while an incident is open, for a reboot releases
 * nothing, and while an admin's policy is set for it.  An admin's end of a
 * watch is for the domain that runs, also over a restart of the responder.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "common/child.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/utf8.h"
#include "common/xlcfg.h"
#include "responder/responder.h"

struct vhsm_watched *vhsm_watched_find(struct vhsm_responder *r,
				       const char *uuid)
{
	struct vhsm_watched *w;

	LIST_FOREACH(w, &r->guests, link)
		if (!strcmp(w->domain.uuid, uuid))
			return w;
	return NULL;
}

/* One more domain of those a name or number may mean.  false: it is another
 * than the one before. */
static bool meant_add(const char **uuid, const struct vhsm_domain_seen *domain,
		      const char *who)
{
	char id[16];

	snprintf(id, sizeof(id), "%u", domain->domid);
	if (strcmp(domain->name, who) &&
	    (!domain->domid || strcmp(id, who)))
		return true;
	if (*uuid && strcmp(*uuid, domain->uuid))
		return false;
	*uuid = domain->uuid;
	return true;
}

/* Of those that run: 0 with uuid (NULL: none), or -ENOTUNIQ. */
static int meant_running(const struct vhsm_responder *r, const char *who,
			 const char **uuid)
{
	for (unsigned i = 0; i < r->seen_count; i++)
		if (!meant_add(uuid, &r->seen[i], who))
			return -ENOTUNIQ;
	return 0;
}

struct vhsm_watched *vhsm_watched_resolve(struct vhsm_responder *r,
					  const char *who)
{
	struct vhsm_watched *w;
	char text[UUID_STR_LEN];
	const char *meant = NULL;
	uint8_t uuid[16];

	errno = ENOENT;
	if (!uuid_parse(who, uuid)) {
		uuid_unparse_lower(uuid, text);
		return vhsm_watched_find(r, text);
	}
	/* One that is gone may have been called so, and one that runs and is
	 * not watched: what is done to the wrong one is not undone. */
	if (meant_running(r, who, &meant)) {
		errno = ENOTUNIQ;
		return NULL;
	}
	LIST_FOREACH(w, &r->guests, link)
		if (!meant_add(&meant, &w->domain, who)) {
			errno = ENOTUNIQ;
			return NULL;
		}
	return meant ? vhsm_watched_find(r, meant) : NULL;
}

/* The policy its configuration names: "" for none.  One guest has one gate, so
 * devices that name several cannot all have theirs: mixed. */
static void policy_name_find(struct vhsm_responder *r,
			     const struct vhsm_domain_seen *seen,
			     char name[VHSM_POLICY_NAME_MAX], bool *mixed)
{
	const struct vhsm_config *conf = &r->conf.vhsmd;
	static struct vhsm_xlcfg cfg;
	uint8_t uuid[16];

	name[0] = '\0';
	*mixed = false;
	if (uuid_parse(seen->uuid, uuid) ||
	    vhsm_xlcfg_find(conf->config_dirs, conf->config_dir_count, uuid,
			    seen->name, &cfg))
		return;
	for (unsigned i = 0; i < cfg.device_count; i++)
		if (!name[0])
			snprintf(name, VHSM_POLICY_NAME_MAX, "%.63s",
				 cfg.device[i].monitor);
		else if (cfg.device[i].monitor[0] &&
			 strcmp(name, cfg.device[i].monitor))
			*mixed = true;
}

static void came(struct vhsm_watched *w, const struct vhsm_domain_seen *seen)
{
	w->domain = *seen;
	vhsm_utf8_mend(w->domain.name);
	w->boot++;
	w->baseline[0] = '\0';
	w->problem[0] = '\0';
	w->clean_wall_ms = 0;
	w->came_ms = vhsm_now_ms();
	vhsm_log(LOG_INFO, "%s (ID %u): watched, policy %s%s",
		 seen->name, seen->domid, w->policy.name,
		 w->incident.open ? ", an incident is open" : "");
	vhsm_watched_step(w, VHSM_CAME, false);
	vhsm_reactions_follow(w);
}

/* A former responder was told to stop watching this very domain. */
static void stays_stopped(struct vhsm_watched *w,
			  const struct vhsm_domain_seen *seen)
{
	w->domain = *seen;
	vhsm_utf8_mend(w->domain.name);
	w->stopped = true;
	w->stopped_domid = 0;
	vhsm_log(LOG_NOTICE, "%s (ID %u): not watched, for an admin ended it; "
		 "vhsmctl monitor start begins it again", seen->name,
		 seen->domid);
	vhsm_keys_gate(w, NULL, 0);
}

static void gone(struct vhsm_watched *w)
{
	vhsm_log(LOG_INFO, "%s (ID %u): gone", w->domain.name,
		 w->domain.domid);
	w->stopped = w->unnamed = false;
	vhsm_watched_step(w, VHSM_GONE, false);
	w->domain.domid = 0;
}

/* Nothing is left of it, and nothing to remember. */
static bool done_with(const struct vhsm_watched *w)
{
	return !w->domain.domid && w->watch.state == VHSM_WATCH_ABSENT &&
		!w->incident.open && !w->by_admin && !w->job && !w->reaction &&
		!w->learning.job && !w->releaser;
}

/* Why there is no record for a guest. */
static const char *no_room(int error)
{
	return error == EUSERS ? "as many guests as max-guests of "
		"responder.conf allows are watched already" : strerror(error);
}

static void policy_read(struct vhsm_responder *r,
			const struct vhsm_domain_seen *seen)
{
	char name[VHSM_POLICY_NAME_MAX], why[VHSM_POLICY_WHY_LEN];
	static struct vhsm_policy policy;
	struct vhsm_watched *w;
	bool mixed;

	policy_name_find(r, seen, name, &mixed);
	if (!name[0])
		return;
	if (vhsm_policy_read(&policy, r->conf.vhsmd.policy_dir, name, why)) {
		vhsm_log(LOG_ERR, "%s (ID %u): not watched: monitor=%s: %s; "
			 "repair it (vhsm-responder --check), then vhsmctl "
			 "monitor start --domain %s --policy %s", seen->name,
			 seen->domid, name, why, seen->uuid, name);
		return;
	}
	w = vhsm_watched_new(r, seen, &policy);
	if (w) {
		w->mixed = mixed;
		came(w, seen);
		return;
	}
	vhsm_log(LOG_ERR, "%s (ID %u): not watched: %s", seen->name,
		 seen->domid, no_room(errno));
}

/* An admin took its monitor= away meanwhile.  Or it cannot be read now: so this
 * is no admin's word, and what a device demands still counts. */
static void not_watched_now(struct vhsm_watched *w,
			    const struct vhsm_domain_seen *seen)
{
	w->domain = *seen;
	vhsm_utf8_mend(w->domain.name);
	w->stopped = w->unnamed = true;
	vhsm_log(LOG_NOTICE, "%s (ID %u): not watched any more: its "
		 "configuration names no policy now, or is not found; if it "
		 "should be: vhsmctl monitor start --domain %s", seen->name,
		 seen->domid, seen->uuid);
	vhsm_keys_gate(w, NULL, 0);
}

/* A guest that comes again is watched by its policy as it is now: false when
 * there is none any more.  An open incident is not left so. */
static bool policy_renew(struct vhsm_watched *w,
			 const struct vhsm_domain_seen *seen)
{
	char name[VHSM_POLICY_NAME_MAX], why[VHSM_POLICY_WHY_LEN];
	struct vhsm_policy policy;

	snprintf(name, sizeof(name), "%s", w->policy.name);
	if (!w->by_admin)
		policy_name_find(w->responder, seen, name, &w->mixed);
	if (!name[0] && !w->incident.open)
		return false;
	if (!name[0] || vhsm_policy_read(&policy,
				w->responder->conf.vhsmd.policy_dir, name,
				why)) {
		vhsm_log(LOG_WARNING, "%s (ID %u): its policy stays %s: %s",
			 seen->name, seen->domid, w->policy.name,
			 name[0] ? why : "its configuration names none now");
		return true;
	}
	vhsm_watched_obey(w, &policy);
	return true;
}

static const struct vhsm_domain_seen *seen_find(
	const struct vhsm_domain_seen *list, unsigned count, const char *uuid)
{
	const struct vhsm_domain_seen *found = NULL;

	/* While a guest reboots, or moves within this host, two domains have
	 * its UUID for a moment; the younger is it. */
	for (unsigned i = 0; i < count; i++)
		if (!strcmp(list[i].uuid, uuid) &&
		    (!found || list[i].domid > found->domid))
			found = &list[i];
	return found;
}

static bool unwatched(const struct vhsm_responder *r, uint32_t domid)
{
	return domid / 8 < sizeof(r->unwatched) &&
		(r->unwatched[domid / 8] >> domid % 8 & 1);
}

/* Only what was so before and still runs may be so now. */
static void seen_keep(struct vhsm_responder *r,
		      const struct vhsm_domain_seen *list, unsigned count)
{
	uint8_t still[sizeof(r->unwatched)] = { 0 };

	for (unsigned i = 0; i < count; i++)
		if (unwatched(r, list[i].domid))
			still[list[i].domid / 8] |= 1 << list[i].domid % 8;
	memcpy(r->unwatched, still, sizeof(still));
	free(r->seen);
	r->seen_count = 0;
	r->seen = calloc(count ? count : 1, sizeof(*list));
	if (!r->seen)
		return;
	memcpy(r->seen, list, count * sizeof(*list));
	r->seen_count = count;
}

static void newcomer(struct vhsm_responder *r,
		     const struct vhsm_domain_seen *seen)
{
	const size_t prefix = strlen(VHSM_MONITOR_PREFIX);

	if (!strncmp(seen->name, VHSM_MONITOR_PREFIX, prefix) ||
	    unwatched(r, seen->domid) || vhsm_watched_find(r, seen->uuid))
		return;
	policy_read(r, seen);
	if (!vhsm_watched_find(r, seen->uuid) &&
	    seen->domid / 8 < sizeof(r->unwatched))
		r->unwatched[seen->domid / 8] |= 1 << seen->domid % 8;
}

/* A monitor whose domain is gone will not answer: no use in waiting for it. */
static void monitor_look(struct vhsm_watched *w,
			 const struct vhsm_domain_seen *list, unsigned count)
{
	bool runs = false;

	for (unsigned i = 0; i < count; i++)
		runs |= list[i].domid == w->monitor.domid;
	if (w->monitor.domid && w->monitor.runs && !runs)
		vhsm_watched_step(w, VHSM_LOST, false);
	w->monitor.runs = runs;
}

void vhsm_roster_changed(const struct vhsm_domain_seen *list, unsigned count,
			 void *arg)
{
	struct vhsm_responder *r = arg;
	struct vhsm_watched *w, *next;

	seen_keep(r, list, count);
	for (w = LIST_FIRST(&r->guests); w; w = next) {
		const struct vhsm_domain_seen *seen =
			seen_find(list, count, w->domain.uuid);

		next = LIST_NEXT(w, link);
		if (w->domain.domid && !seen) {
			gone(w);
		} else if (seen && seen->domid != w->domain.domid) {
			if (w->domain.domid)
				gone(w);
			if (seen->domid == w->stopped_domid) {
				stays_stopped(w, seen);
				continue;
			}
			if (policy_renew(w, seen))
				came(w, seen);
			else
				not_watched_now(w, seen);
		}
		monitor_look(w, list, count);
		w->stopped_domid = 0;
		if (done_with(w))
			vhsm_watched_free(w);
	}
	for (unsigned i = 0; i < count; i++)
		newcomer(r, &list[i]);
	vhsm_state_save(r);
}

/* A domain that runs, by name, UUID or number: NULL with errno. */
static const struct vhsm_domain_seen *running_find(
	const struct vhsm_responder *r, const char *who)
{
	char text[UUID_STR_LEN];
	const char *meant = NULL;
	uint8_t uuid[16];
	int ret = 0;

	if (!uuid_parse(who, uuid)) {
		uuid_unparse_lower(uuid, text);
		meant = text;
	} else {
		ret = meant_running(r, who, &meant);
	}
	errno = ret ? ENOTUNIQ : ENOENT;
	return !ret && meant ? seen_find(r->seen, r->seen_count, meant) : NULL;
}

int vhsm_roster_start(struct vhsm_responder *r, const char *who,
		      const char *policy_name, struct vhsm_watched **watched,
		      char *why)
{
	const struct vhsm_domain_seen *seen = running_find(r, who);
	struct vhsm_watched *w = seen ? vhsm_watched_find(r, seen->uuid) :
		vhsm_watched_resolve(r, who);
	char text[VHSM_POLICY_WHY_LEN];
	struct vhsm_policy policy;
	int ret;

	if (!seen && !w) {
		ret = -errno;
		snprintf(why, VHSM_WHY_LEN, ret == -ENOTUNIQ ? "%.80s may mean "
			 "more than one domain: say its UUID" :
			 "no domain %.80s runs", who);
		return ret;
	}
	ret = vhsm_policy_read(&policy, r->conf.vhsmd.policy_dir, policy_name,
			       text);
	if (ret) {
		snprintf(why, VHSM_WHY_LEN, "%s", text);
		return ret;
	}
	if (!w)
		w = vhsm_watched_new(r, seen, &policy);
	if (!w) {
		ret = -errno;
		snprintf(why, VHSM_WHY_LEN, "%s", no_room(errno));
		return ret;
	}
	w->by_admin = true;
	w->mixed = false;
	vhsm_watched_obey(w, &policy);
	*watched = w;
	/* One that is watched already goes on, under the new policy: what the
	 * monitor was told is of the old, so it begins again. */
	if (seen) {
		w->stopped = w->unnamed = false;
		came(w, seen);
	}
	vhsm_state_save(r);
	return 0;
}

int vhsm_roster_stop(struct vhsm_watched *w, char *why)
{
	if (w->incident.open) {
		snprintf(why, VHSM_WHY_LEN, "an incident of %.80s is open: "
			 "vhsmctl release it first", w->domain.name);
		return -EBUSY;
	}
	w->by_admin = w->unnamed = false;
	/* The domain that runs; the next is that of its configuration. */
	w->stopped = w->domain.domid != 0;
	vhsm_watched_step(w, VHSM_GONE, false);
	vhsm_keys_gate(w, NULL, 0);
	vhsm_state_save(w->responder);
	return 0;
}
