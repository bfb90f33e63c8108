/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record-json.c - a recording's FILE.json.  Registers are hexadecimal texts,
 * for a JSON number need not carry 64 bits.
 */
#include "introspect/record-json.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT "vhsm-recording"
#define VERSION 1

static const struct {
	const char *name;
	size_t offset;
	size_t size;
} registers[] = {
#define REGISTER(name) { #name, offsetof(struct vhsm_vcpu, name), \
			 sizeof(((struct vhsm_vcpu *)0)->name) }
	REGISTER(cr0), REGISTER(cr3), REGISTER(cr4), REGISTER(efer),
	REGISTER(idt_base), REGISTER(idt_limit),
	REGISTER(lstar), REGISTER(cstar), REGISTER(star), REGISTER(sfmask),
	REGISTER(sysenter_eip), REGISTER(gs_base), REGISTER(kernel_gs_base),
	REGISTER(rip), REGISTER(rsp),
#undef REGISTER
};

#define REGISTERS (sizeof(registers) / sizeof(registers[0]))

static json_t *encode_vcpu(const struct vhsm_vcpu *v)
{
	json_t *json;
	char text[20];
	size_t i;

	if (!v->online)
		return json_null();
	json = json_object();
	for (i = 0; json && i < REGISTERS; i++) {
		uint64_t value = 0;

		memcpy(&value, (const char *)v + registers[i].offset,
		       registers[i].size);
		snprintf(text, sizeof(text), "%#" PRIx64, value);
		if (json_object_set_new(json, registers[i].name,
					json_string(text))) {
			json_decref(json);
			json = NULL;
		}
	}
	return json;
}

static json_t *encode_vcpus(const struct vhsm_recording *r)
{
	json_t *list = json_array();
	unsigned i;

	for (i = 0; list && i < r->vcpu_count; i++) {
		if (json_array_append_new(list, encode_vcpu(&r->vcpu[i]))) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

char *record_encode(const struct vhsm_recording *r)
{
	char sha256[65];
	json_t *json;
	char *text = NULL;
	size_t i;

	for (i = 0; i < sizeof(r->sha256); i++)
		snprintf(sha256 + 2 * i, 3, "%02x", r->sha256[i]);
	json = json_pack("{s:s, s:i, s:s, s:s, s:b, s:I, s:I, s:I, s:s, s:o}",
			 "format", FORMAT, "version", VERSION,
			 "domain", r->domain, "time", r->time,
			 "paused", r->paused,
			 "frames", (json_int_t)r->frames,
			 "pages", (json_int_t)r->stats.pages,
			 "unreadable", (json_int_t)r->stats.unreadable,
			 "sha256", sha256, "vcpus", encode_vcpus(r));
	if (json)
		text = json_dumps(json, JSON_INDENT(1));
	json_decref(json);
	return text;
}

static bool decode_hex(uint64_t *value, size_t size, const json_t *untrusted)
{
	const char *text = json_string_value(untrusted);
	char *end;

	if (!text || text[0] != '0' || (text[1] != 'x' && text[1]) ||
	    strlen(text) > 18)
		return false;
	*value = strtoull(text, &end, 16);
	return !*end && (size == 8 || *value <= UINT32_MAX);
}

static bool decode_vcpu(struct vhsm_vcpu *v, const json_t *untrusted)
{
	uint64_t value;
	size_t i;

	*v = (struct vhsm_vcpu){ 0 };
	if (json_is_null(untrusted))
		return true;
	for (i = 0; i < REGISTERS; i++) {
		if (!decode_hex(&value, registers[i].size,
				json_object_get(untrusted, registers[i].name)))
			return false;
		memcpy((char *)v + registers[i].offset, &value,
		       registers[i].size);
	}
	v->online = 1;
	return true;
}

static bool decode_count(uint64_t *value, const json_t *untrusted)
{
	if (!json_is_integer(untrusted) || json_integer_value(untrusted) < 0)
		return false;
	*value = (uint64_t)json_integer_value(untrusted);
	return true;
}

static bool decode_text(char *text, size_t size, const json_t *untrusted)
{
	const char *from = json_string_value(untrusted);
	size_t i, len = json_string_length(untrusted);

	if (!from || len >= size)
		return false;
	for (i = 0; i < len; i++)
		if (from[i] < 0x20 || from[i] > 0x7e)
			return false;
	memcpy(text, from, len + 1);
	return true;
}

static bool decode_digest(uint8_t digest[32], const json_t *untrusted)
{
	const char *text = json_string_value(untrusted);
	char byte[3] = "";
	size_t i;

	if (!text || strlen(text) != 64 ||
	    strspn(text, "0123456789abcdef") != 64)
		return false;
	for (i = 0; i < 32; i++) {
		memcpy(byte, text + 2 * i, 2);
		digest[i] = (uint8_t)strtoul(byte, NULL, 16);
	}
	return true;
}

/* What is wrong with it, or NULL. */
static const char *decode(struct vhsm_recording *r, const json_t *untrusted)
{
	const json_t *vcpus = json_object_get(untrusted, "vcpus");
	const char *format = json_string_value(json_object_get(untrusted,
							       "format"));
	size_t i;

	if (!format || strcmp(format, FORMAT) ||
	    json_integer_value(json_object_get(untrusted, "version")) !=
	    VERSION)
		return "not a recording of a version this program knows (1)";
	if (!decode_text(r->domain, sizeof(r->domain),
			 json_object_get(untrusted, "domain")) ||
	    !decode_text(r->time, sizeof(r->time),
			 json_object_get(untrusted, "time")))
		return "\"domain\" or \"time\" is not a short ASCII text";
	r->paused = json_is_true(json_object_get(untrusted, "paused"));
	if (!decode_count(&r->frames, json_object_get(untrusted, "frames")) ||
	    !decode_count(&r->stats.pages,
			  json_object_get(untrusted, "pages")) ||
	    !decode_count(&r->stats.unreadable,
			  json_object_get(untrusted, "unreadable")))
		return "\"frames\", \"pages\" or \"unreadable\" is no count";
	if (!decode_digest(r->sha256, json_object_get(untrusted, "sha256")))
		return "\"sha256\" is not 64 hexadecimal digits";
	if (!json_is_array(vcpus) || json_array_size(vcpus) > VHSM_VCPUS_MAX)
		return "\"vcpus\" is not an array, or too long";
	r->vcpu_count = (unsigned)json_array_size(vcpus);
	for (i = 0; i < r->vcpu_count; i++)
		if (!decode_vcpu(&r->vcpu[i], json_array_get(vcpus, i)))
			return "a vCPU lacks a register, or it is no number";
	return NULL;
}

int vhsm_record_read(struct vhsm_recording *r, const char *path, char *why)
{
	char *name = NULL;
	const char *wrong;
	json_error_t error;
	json_t *json;

	memset(r, 0, sizeof(*r));
	if (asprintf(&name, "%s.json", path) < 0) {
		snprintf(why, VHSM_RECORD_WHY_LEN, "out of memory");
		return -ENOMEM;
	}
	json = json_load_file(name, JSON_REJECT_DUPLICATES, &error);
	free(name);
	wrong = json ? decode(r, json) : error.text;
	if (wrong)
		snprintf(why, VHSM_RECORD_WHY_LEN, "%.120s.json: %.100s", path,
			 wrong);
	json_decref(json);
	return wrong ? -EINVAL : 0;
}
