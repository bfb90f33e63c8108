/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message-order.c - what opens a channel, and what the responder orders: hello,
 * configure, found, sweep, the keys' fingerprints, and the frames that were
 * written to.
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "channel/message-json.h"
#include "channel/messages.h"

#define NUMBER_MAX	((uint64_t)INT64_MAX)
#define DIRTY_HEADER	8u		/* first frame */

json_t *vhsm_hello_encode(const struct vhsm_hello *h)
{
	return json_pack("{s:I, s:s}", "version", (json_int_t)h->version,
			 "program", h->program);
}

int vhsm_hello_decode(struct vhsm_hello *h, const char *untrusted, size_t len,
		      char *why)
{
	json_t *json = message_parse(untrusted, len, "hello", why);
	struct message m;
	bool ok;

	memset(h, 0, sizeof(*h));
	ok = json && message_open(&m, json, "hello", why) &&
	     message_u32(&m, "version", 1, UINT32_MAX, &h->version) &&
	     message_text(&m, "program", h->program, sizeof(h->program)) &&
	     message_end(&m);
	json_decref(json);
	return ok ? 0 : -EPROTO;
}

json_t *vhsm_configure_encode(const struct vhsm_configure *c)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:O}",
			 "domid", (json_int_t)c->domid,
			 "frames", (json_int_t)c->frames,
			 "full_ms", (json_int_t)c->full_ms,
			 "slice_ms", (json_int_t)c->slice_ms,
			 "checks", c->checks);
}

/* Names of checks that a monitor can run, each with options or null. */
static bool decode_checks(struct message *m, json_t **checks)
{
	const struct vhsm_check_info *info;
	const json_t *untrusted;
	const char *name;
	json_t *options;

	if (!message_any(m, "checks", &untrusted))
		return false;
	if (!json_is_object(untrusted))
		return message_wrong(m, "checks", "is not an object");
	/* The macro wants a json_t it may change, and does not. */
	json_object_foreach((json_t *)untrusted, name, options) {
		info = vhsm_check_by_name(name);
		if (!info || info->cadence == VHSM_CADENCE_NONE)
			return message_wrong(m, "checks",
					     "names what is no check");
		if (!json_is_object(options) && !json_is_null(options))
			return message_wrong(m, "checks",
					     "has options that are no object");
	}
	*checks = json_incref((json_t *)untrusted);
	return true;
}

int vhsm_configure_decode(struct vhsm_configure *c, const char *untrusted,
			  size_t len, char *why)
{
	json_t *json = message_parse(untrusted, len, "configure", why);
	struct message m;
	bool ok;

	memset(c, 0, sizeof(*c));
	ok = json && message_open(&m, json, "configure", why) &&
	     message_u32(&m, "domid", 0, VHSM_DOMID_MAX, &c->domid) &&
	     message_u64(&m, "frames", 1, VHSM_FRAMES_MAX, &c->frames) &&
	     message_u32(&m, "full_ms", 0, UINT32_MAX, &c->full_ms) &&
	     message_u32(&m, "slice_ms", 1, 60000, &c->slice_ms) &&
	     decode_checks(&m, &c->checks) && message_end(&m);
	json_decref(json);
	if (ok)
		return 0;
	json_decref(c->checks);
	c->checks = NULL;
	return -EPROTO;
}

json_t *vhsm_found_encode(const struct vhsm_found *f)
{
	return json_pack("{s:o, s:s}", "slide", message_address_json(f->slide),
			 "release", f->release);
}

int vhsm_found_decode(struct vhsm_found *f, const char *untrusted, size_t len,
		      char *why)
{
	json_t *json = message_parse(untrusted, len, "found", why);
	struct message m;
	bool ok;

	memset(f, 0, sizeof(*f));
	ok = json && message_open(&m, json, "found", why) &&
	     message_address(&m, "slide", &f->slide) &&
	     message_text(&m, "release", f->release, sizeof(f->release)) &&
	     message_end(&m);
	json_decref(json);
	return ok ? 0 : -EPROTO;
}

/* Every register, by its name on the channel. */
static const struct {
	const char *name;
	size_t at;
} registers[] = {
#define REGISTER(member) { #member, offsetof(struct vhsm_vcpu, member) }
	REGISTER(cr0), REGISTER(cr3), REGISTER(cr4), REGISTER(efer),
	REGISTER(idt_base), REGISTER(lstar), REGISTER(cstar), REGISTER(star),
	REGISTER(sfmask), REGISTER(sysenter_eip), REGISTER(gs_base),
	REGISTER(kernel_gs_base), REGISTER(rip), REGISTER(rsp),
#undef REGISTER
};

#define REGISTER_COUNT (sizeof(registers) / sizeof(registers[0]))

static json_t *vcpu_encode(const struct vhsm_vcpu *v)
{
	json_t *json = json_pack("{s:b}", "online", v->online != 0);
	uint64_t value;
	size_t i;
	int r = 0;

	if (!json || !v->online)
		return json;
	for (i = 0; !r && i < REGISTER_COUNT; i++) {
		memcpy(&value, (const uint8_t *)v + registers[i].at,
		       sizeof(value));
		r = json_object_set_new(json, registers[i].name,
					message_address_json(value));
	}
	if (!r)
		r = json_object_set_new(json, "idt_limit",
					json_integer(v->idt_limit));
	if (!r)
		return json;
	json_decref(json);
	return NULL;
}

json_t *vhsm_sweep_order_encode(const struct vhsm_sweep_order *o)
{
	json_t *vcpus = json_array();
	unsigned i;
	int r = vcpus ? 0 : -1;

	for (i = 0; !r && i < o->vcpu_count && i < VHSM_VCPUS_MAX; i++)
		r = json_array_append_new(vcpus, vcpu_encode(&o->vcpu[i]));
	if (r) {
		json_decref(vcpus);
		return NULL;
	}
	return json_pack("{s:I, s:b, s:o}", "number", (json_int_t)o->number,
			 "logged", o->logged, "vcpus", vcpus);
}

static bool decode_vcpu(struct vhsm_vcpu *v, const json_t *untrusted, char *why)
{
	struct message m;
	uint64_t value;
	bool online;
	size_t i;

	if (!message_open(&m, untrusted, "sweep's vcpu", why) ||
	    !message_bool(&m, "online", &online))
		return false;
	v->online = online;
	for (i = 0; online && i < REGISTER_COUNT; i++) {
		if (!message_address(&m, registers[i].name, &value))
			return false;
		memcpy((uint8_t *)v + registers[i].at, &value, sizeof(value));
	}
	if (online &&
	    !message_u32(&m, "idt_limit", 0, UINT32_MAX, &v->idt_limit))
		return false;
	return message_end(&m);
}

int vhsm_sweep_order_decode(struct vhsm_sweep_order *o, const char *untrusted,
			    size_t len, char *why)
{
	json_t *json = message_parse(untrusted, len, "sweep", why);
	const json_t *vcpus;
	struct message m;
	bool ok;

	memset(o, 0, sizeof(*o));
	ok = json && message_open(&m, json, "sweep", why) &&
	     message_u64(&m, "number", 1, NUMBER_MAX, &o->number) &&
	     message_bool(&m, "logged", &o->logged) &&
	     message_array(&m, "vcpus", VHSM_VCPUS_MAX, &vcpus) &&
	     message_end(&m);
	if (ok)
		o->vcpu_count = (unsigned)json_array_size(vcpus);
	for (unsigned i = 0; ok && i < o->vcpu_count; i++)
		ok = decode_vcpu(&o->vcpu[i], json_array_get(vcpus, i), why);
	json_decref(json);
	return ok ? 0 : -EPROTO;
}

json_t *vhsm_fingerprints_part_encode(const struct vhsm_fingerprints_part *p)
{
	return json_pack("{s:I, s:I, s:O}", "part", (json_int_t)p->part,
			 "parts", (json_int_t)p->parts, "set", p->set);
}

int vhsm_fingerprints_part_decode(struct vhsm_fingerprints_part *p,
				  const char *untrusted, size_t len, char *why)
{
	json_t *json = message_parse(untrusted, len, "fingerprints", why);
	const json_t *set;
	struct message m;
	bool ok;

	memset(p, 0, sizeof(*p));
	ok = json && message_open(&m, json, "fingerprints", why) &&
	     message_u32(&m, "parts", 1, VHSM_PARTS_MAX, &p->parts) &&
	     message_u32(&m, "part", 0, p->parts - 1, &p->part) &&
	     message_any(&m, "set", &set) && message_end(&m);
	if (ok)
		p->set = json_incref((json_t *)set);
	json_decref(json);
	return ok ? 0 : -EPROTO;
}

size_t vhsm_dirty_len(uint64_t frames)
{
	return DIRTY_HEADER + (size_t)((frames < VHSM_DIRTY_FRAMES ? frames :
					VHSM_DIRTY_FRAMES) + 7) / 8;
}

size_t vhsm_dirty_encode(uint8_t payload[VHSM_FRAME_MAX], uint64_t first,
			 const uint8_t *bits, uint64_t frames)
{
	uint64_t n = frames < VHSM_DIRTY_FRAMES ? frames : VHSM_DIRTY_FRAMES;
	uint64_t word = htole64(first);
	size_t len = (size_t)((n + 7) / 8);

	memcpy(payload, &word, DIRTY_HEADER);
	memcpy(payload + DIRTY_HEADER, bits, len);
	/* No frame past the end. */
	if (n % 8)
		payload[DIRTY_HEADER + len - 1] &= (uint8_t)((1u << n % 8) - 1);
	return DIRTY_HEADER + len;
}

int vhsm_dirty_decode(uint64_t *first, const uint8_t **bits, size_t *len,
		      uint64_t frames, const uint8_t *untrusted,
		      size_t untrusted_len, char *why)
{
	uint64_t word;

	if (untrusted_len <= DIRTY_HEADER) {
		snprintf(why, VHSM_MESSAGE_WHY_LEN, "dirty: without a bitmap");
		return -EPROTO;
	}
	memcpy(&word, untrusted, DIRTY_HEADER);
	*first = le64toh(word);
	*bits = untrusted + DIRTY_HEADER;
	*len = untrusted_len - DIRTY_HEADER;
	if (*first % 8 == 0 && *first / 8 < (frames + 7) / 8 &&
	    *len <= (frames + 7) / 8 - *first / 8)
		return 0;
	snprintf(why, VHSM_MESSAGE_WHY_LEN,
		 "dirty: frames from %#" PRIx64 " that the guest has not",
		 *first);
	return -EPROTO;
}
