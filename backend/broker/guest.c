/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "broker/guest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "broker/vault-child.h"
#include "common/clock.h"
#include "common/log.h"

#define MS_NS UINT64_C(1000000)

struct vhsm_guest {
	TAILQ_ENTRY(vhsm_guest) link;	/* the latest used is last */
	struct vhsm_broker *broker;
	uint8_t uuid[16];
	char uuid_text[UUID_STR_LEN];
	char domain[80];
	uint32_t domid;			/* of the latest device */
	unsigned devices;
	unsigned demands;		/* devices whose policy wants a lease */
	int fd;
	struct vhsm_gate *gate;
	enum vhsm_lease_state told;	/* what log and audit have */
	struct event *expiry;		/* when the lease runs out */
	char reason[VHSM_TEXT_MAX];	/* of the latest order that changed
					 * the level */
};

struct vhsm_guests {
	TAILQ_HEAD(guest_list, vhsm_guest) list;
	unsigned idle;			/* without a device */
};

static const char *const level_names[] = {
	[VHSM_GATE_FULL] = "full",
	[VHSM_GATE_THROTTLED] = "throttled",
	[VHSM_GATE_VERIFY_ONLY] = "verify-only",
	[VHSM_GATE_REVOKED] = "revoked",
};

static const char *const lease_names[] = {
	[VHSM_LEASE_STATE_NONE] = "none",
	[VHSM_LEASE_STATE_NEVER] = "never",
	[VHSM_LEASE_STATE_VALID] = "valid",
	[VHSM_LEASE_STATE_STALE] = "stale",
};

int vhsm_gate_level_parse(const char *text, enum vhsm_gate_level *level)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]);
	     i++) {
		if (strcmp(text, level_names[i]))
			continue;
		*level = i;
		return 0;
	}
	return -EINVAL;
}

static enum vhsm_lease_state lease_state(const struct vhsm_guest *guest,
					 uint64_t *left_ns)
{
	uint64_t until = atomic_load(&guest->gate->lease_until_ns);
	uint64_t now = vhsm_now_ns();

	*left_ns = until > now ? until - now : 0;
	if (until == VHSM_LEASE_NONE)
		return VHSM_LEASE_STATE_NONE;
	if (!until)
		return VHSM_LEASE_STATE_NEVER;
	return *left_ns ? VHSM_LEASE_STATE_VALID : VHSM_LEASE_STATE_STALE;
}

/* --- what is told --- */

static void level_told(struct vhsm_guest *guest, uint32_t from,
		       const struct vhsm_gate_order *order)
{
	snprintf(guest->reason, sizeof(guest->reason), "%s", order->reason);
	vhsm_log(order->level > from ? LOG_WARNING : LOG_NOTICE,
		 "domain %s (%s): keys %s, were %s: %s", guest->uuid_text,
		 guest->domain, level_names[order->level], level_names[from],
		 order->reason);
	vhsm_vault_guest_event(guest->broker->vault, guest->uuid,
			       VHSM_GUEST_LEVEL, from, order->level,
			       order->uid, order->reason);
}

/* Transitions only: renewals are many. */
static void lease_tell(struct vhsm_guest *guest, unsigned uid,
		       const char *reason)
{
	enum vhsm_lease_state from = guest->told, to;
	uint64_t left_ns;

	to = lease_state(guest, &left_ns);
	if (to == from)
		return;
	guest->told = to;
	vhsm_log(to == VHSM_LEASE_STATE_STALE ? LOG_WARNING : LOG_NOTICE,
		 "domain %s (%s): integrity lease %s, was %s%s%s",
		 guest->uuid_text, guest->domain, lease_names[to],
		 lease_names[from], reason[0] ? ": " : "", reason);
	vhsm_vault_guest_event(guest->broker->vault, guest->uuid,
			       VHSM_GUEST_LEASE, from, to, uid, reason);
}

static void on_expiry(evutil_socket_t none, short what, void *arg)
{
	struct vhsm_guest *guest = arg;
	struct timeval wait;
	uint64_t left_ns;

	(void)none;
	(void)what;
	if (lease_state(guest, &left_ns) == VHSM_LEASE_STATE_VALID) {
		/* The loop's clock is not quite the lease's. */
		wait.tv_sec = left_ns / 1000000000;
		wait.tv_usec = left_ns % 1000000000 / 1000 + 1;
		event_add(guest->expiry, &wait);
		return;
	}
	lease_tell(guest, VHSM_NO_UID, "it was not renewed");
}

/* --- the page --- */

/* From now on only this mapping can write: what an engine gets it cannot. */
static int gate_make(struct vhsm_guest *guest)
{
	void *map;

	guest->fd = memfd_create("vhsm-gate", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (guest->fd < 0 || ftruncate(guest->fd, sizeof(*guest->gate)))
		return -errno;
	map = mmap(NULL, sizeof(*guest->gate), PROT_READ | PROT_WRITE,
		   MAP_SHARED, guest->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	guest->gate = map;
	if (fcntl(guest->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW |
		  F_SEAL_FUTURE_WRITE | F_SEAL_SEAL))
		return -errno;
	atomic_store(&guest->gate->lease_until_ns, VHSM_LEASE_NONE);
	atomic_store(&guest->gate->epoch, 1);
	return 0;
}

static void guest_free(struct vhsm_guest *guest)
{
	if (guest->expiry)
		event_free(guest->expiry);
	if (guest->gate)
		munmap(guest->gate, sizeof(*guest->gate));
	if (guest->fd >= 0)
		close(guest->fd);
	free(guest);
}

static void lease_shut(struct vhsm_guest *guest, const char *reason)
{
	atomic_store(&guest->gate->lease_until_ns, 0);
	event_del(guest->expiry);
	lease_tell(guest, VHSM_NO_UID, reason);
}

/* --- records --- */

struct vhsm_guest *vhsm_guest_find(struct vhsm_guests *guests,
				   const uint8_t uuid[16])
{
	struct vhsm_guest *guest;

	TAILQ_FOREACH(guest, &guests->list, link)
		if (!memcmp(guest->uuid, uuid, sizeof(guest->uuid)))
			return guest;
	return NULL;
}

static struct vhsm_guest *guest_new(struct vhsm_broker *broker,
				    const uint8_t uuid[16])
{
	struct vhsm_guest *guest = calloc(1, sizeof(*guest));
	int ret;

	if (!guest)
		return NULL;
	guest->broker = broker;
	guest->fd = -1;
	memcpy(guest->uuid, uuid, sizeof(guest->uuid));
	uuid_unparse_lower(uuid, guest->uuid_text);
	guest->expiry = evtimer_new(broker->base, on_expiry, guest);
	ret = guest->expiry ? gate_make(guest) : -ENOMEM;
	if (ret) {
		guest_free(guest);
		errno = -ret;
		return NULL;
	}
	TAILQ_INSERT_TAIL(&broker->guests->list, guest, link);
	return guest;
}

/* Room for one more without a device: of what nobody restricted the oldest
 * goes, else the oldest of all.  Never keep, which may be NULL. */
static void idle_limit(struct vhsm_guests *guests,
		       const struct vhsm_guest *keep)
{
	struct vhsm_guest *guest, *oldest = NULL;

	if (guests->idle <= VHSM_GUESTS_IDLE)
		return;
	TAILQ_FOREACH(guest, &guests->list, link) {
		if (guest->devices || guest == keep)
			continue;
		if (!oldest)
			oldest = guest;
		if (atomic_load(&guest->gate->level) != VHSM_GATE_FULL)
			continue;
		oldest = guest;
		break;
	}
	if (!oldest)
		return;
	TAILQ_REMOVE(&guests->list, oldest, link);
	guests->idle--;
	guest_free(oldest);
}

struct vhsm_guest *vhsm_guest_expect(struct vhsm_broker *broker,
				     const uint8_t uuid[16])
{
	struct vhsm_guest *guest = guest_new(broker, uuid);

	if (!guest)
		return NULL;
	broker->guests->idle++;
	idle_limit(broker->guests, guest);
	return guest;
}

/* What one domain was seen to be says nothing of the next of its UUID. */
static void domain_set(struct vhsm_guest *guest, uint32_t domid)
{
	if (guest->domid == domid)
		return;
	guest->domid = domid;
	if (guest->told != VHSM_LEASE_STATE_NONE)
		lease_shut(guest, "another domain than the one before");
}

struct vhsm_guest *vhsm_guest_join(struct vhsm_broker *broker,
				   const struct vhsm_identity *identity,
				   bool demand)
{
	struct vhsm_guests *guests = broker->guests;
	struct vhsm_guest *guest = vhsm_guest_find(guests, identity->uuid);
	bool known = guest != NULL;

	if (!known)
		guest = guest_new(broker, identity->uuid);
	if (!guest)
		return NULL;
	if (known && !guest->devices)
		guests->idle--;
	domain_set(guest, identity->domid);
	/* Nor has one been seen approved that nobody watched so far. */
	if (demand && guest->told == VHSM_LEASE_STATE_NONE)
		lease_shut(guest, "its policy demands one");
	guest->devices++;
	guest->demands += demand;
	snprintf(guest->domain, sizeof(guest->domain), "%s", identity->domain);
	TAILQ_REMOVE(&guests->list, guest, link);
	TAILQ_INSERT_TAIL(&guests->list, guest, link);
	return guest;
}

void vhsm_guest_leave(struct vhsm_guest **guest, bool demand)
{
	struct vhsm_guest *g = *guest;
	struct vhsm_guests *guests;

	*guest = NULL;
	if (!g)
		return;
	g->demands -= demand;
	if (--g->devices)
		return;
	guests = g->broker->guests;
	guests->idle++;
	idle_limit(guests, NULL);
}

/* --- orders --- */

/* Until when an order gives the lease, or 0: it gives none now. */
static uint64_t lease_until(const struct vhsm_gate_order *order, uint64_t now)
{
	uint64_t until = now + order->valid_ms * MS_NS;

	if (!order->leased)
		return 0;
	/* What came late is worth less: it was said of then, not of now. */
	if (order->valid_until_ms < until / MS_NS)
		until = order->valid_until_ms * MS_NS;
	return until > now ? until : 0;
}

/* Why, for people. */
static const char *lease_order(struct vhsm_guest *guest,
			       const struct vhsm_gate_order *order)
{
	uint64_t now = vhsm_now_ns(), until = lease_until(order, now);
	uint64_t was = atomic_load(&guest->gate->lease_until_ns);
	struct timeval wait;

	if (!order->leased && (!guest->demands || order->unwatched)) {
		event_del(guest->expiry);
		atomic_store(&guest->gate->lease_until_ns, VHSM_LEASE_NONE);
		return order->reason;
	}
	if (until) {
		atomic_store(&guest->gate->lease_until_ns, until);
		wait.tv_sec = (until - now) / 1000000000;
		wait.tv_usec = (until - now) % 1000000000 / 1000 + 1;
		event_add(guest->expiry, &wait);
	} else {
		/* "Not now" of one that was never approved leaves it so. */
		event_del(guest->expiry);
		atomic_store(&guest->gate->lease_until_ns,
			     was && was != VHSM_LEASE_NONE ? now : 0);
	}
	return order->leased ? order->reason : "a device's policy demands one, "
		"the policy it is watched by gives none";
}

int vhsm_guest_order(struct vhsm_guest *guest,
		     const struct vhsm_gate_order *order)
{
	struct vhsm_gate *gate = guest->gate;
	uint32_t from = atomic_load(&gate->level);
	bool less = order->level > from;
	const char *why;

	bool other = order->has_domid && order->domid != guest->domid &&
		guest->devices;

	if (order->level == VHSM_GATE_THROTTLED && (less || !other))
		atomic_store(&gate->rate, order->rate);
	/* What is taken away goes first, what is given comes last. */
	if (less) {
		atomic_store(&gate->level, order->level);
		atomic_fetch_add(&gate->epoch, 1);
		level_told(guest, from, order);
	}
	if (other)
		return -ESTALE;
	if (order->has_domid)
		domain_set(guest, order->domid);
	why = lease_order(guest, order);
	if (order->level < from) {
		atomic_store(&gate->level, order->level);
		level_told(guest, from, order);
	}
	lease_tell(guest, order->uid, why);
	return 0;
}

/* --- looking --- */

int vhsm_guest_fd(const struct vhsm_guest *guest)
{
	return guest->fd;
}

unsigned vhsm_guest_devices(const struct vhsm_guest *guest)
{
	return guest->devices;
}

uint64_t vhsm_guest_epoch(const struct vhsm_guest *guest)
{
	return atomic_load(&guest->gate->epoch);
}

const char *vhsm_guest_lease(const struct vhsm_guest *guest)
{
	uint64_t left_ns;

	return lease_names[lease_state(guest, &left_ns)];
}

void vhsm_guest_describe(const struct vhsm_guest *guest, json_t *json)
{
	uint32_t level = atomic_load(&guest->gate->level);
	enum vhsm_lease_state lease;
	uint64_t left_ns;

	lease = lease_state(guest, &left_ns);
	json_object_set_new(json, "level", json_string(level_names[level]));
	if (level == VHSM_GATE_THROTTLED)
		json_object_set_new(json, "rate", json_integer(
				    atomic_load(&guest->gate->rate)));
	json_object_set_new(json, "lease", json_string(lease_names[lease]));
	if (lease == VHSM_LEASE_STATE_VALID)
		json_object_set_new(json, "lease_left_ms",
				    json_integer(left_ns / MS_NS));
	json_object_set_new(json, "epoch",
			    json_integer(vhsm_guest_epoch(guest)));
	if (guest->reason[0])
		json_object_set_new(json, "reason",
				    json_string(guest->reason));
}

/* --- all of them --- */

int vhsm_guests_new(struct vhsm_broker *broker)
{
	broker->guests = calloc(1, sizeof(*broker->guests));
	if (!broker->guests)
		return -ENOMEM;
	TAILQ_INIT(&broker->guests->list);
	return 0;
}

void vhsm_guests_free(struct vhsm_guests **guests)
{
	struct vhsm_guests *g = *guests;
	struct vhsm_guest *guest;

	*guests = NULL;
	if (!g)
		return;
	while ((guest = TAILQ_FIRST(&g->list))) {
		TAILQ_REMOVE(&g->list, guest, link);
		guest_free(guest);
	}
	free(g);
}
