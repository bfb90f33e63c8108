/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source.c - the guest that is looked at.
 */
#include "inspect/inspect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "introspect/domain-vcpus.h"
#include "introspect/record.h"
#include "memsearch/domain-name.h"

int source_refresh(struct source *s, char *why)
{
	if (!s->xch)
		return 0;
	return vhsm_vcpus_of_domain(s->xch, s->domid, s->vcpu, &s->vcpu_count,
				    why);
}

static int open_domain(struct source *s, const char *name, char *why)
{
	int r;

	r = domain_number(name, &s->domid);
	if (r) {
		snprintf(why, INSPECT_WHY_LEN, "there is no domain \"%.60s\" "
			 "(xl list shows those there are)", name);
		return r;
	}
	s->memory = vhsm_guest_memory_open_domain(s->domid, why);
	if (!s->memory)
		return -EIO;
	s->xch = xc_interface_open(NULL, NULL, 0);
	if (!s->xch) {
		snprintf(why, INSPECT_WHY_LEN, "opening Xen's privileged "
			 "interface: %s", strerror(errno));
		return -EIO;
	}
	return source_refresh(s, why);
}

static int open_image(struct source *s, const char *path, char *why)
{
	struct vhsm_recording recording;
	int r;

	r = vhsm_record_read(&recording, path, why);
	if (r)
		return r;
	s->vcpu_count = recording.vcpu_count;
	memcpy(s->sha256, recording.sha256, sizeof(s->sha256));
	memcpy(s->vcpu, recording.vcpu, sizeof(s->vcpu));
	s->memory = vhsm_guest_memory_open_image(path, why);
	return s->memory ? 0 : -EIO;
}

int source_open(struct source *s, const struct options *o, char *why)
{
	int r;

	memset(s, 0, sizeof(*s));
	r = o->domain ? open_domain(s, o->domain, why) :
			open_image(s, o->image, why);
	if (r)
		source_close(s);
	return r;
}

struct vhsm_reference *source_reference(const struct options *o, char *why)
{
	struct vhsm_reference *reference;
	char *path = NULL;

	if (o->reference)
		return vhsm_reference_open(o->reference, why);
	if (asprintf(&path, "%s/reference", o->baseline) < 0) {
		snprintf(why, INSPECT_WHY_LEN, "out of memory");
		return NULL;
	}
	reference = vhsm_reference_open(path, why);
	free(path);
	return reference;
}

void source_close(struct source *s)
{
	vhsm_guest_memory_close(&s->memory);
	if (s->xch)
		xc_interface_close(s->xch);
	s->xch = NULL;
}
