/* SPDX-License-Identifier: Apache-2.0 */
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "kernel-image/image-internal.h"
#include "kernel-image/layout.h"

#define DEPTH_MAX 16u			/* structures within structures */

struct wanted {
	const char *type;
	const char *path;		/* NULL: the size of the type */
	bool required;
};

static const struct wanted wanted[VHSM_LAYOUT_COUNT] = {
#define MEMBER(type, member) \
	[VHSM_L_##type##__##member] = { #type, #member, true },
#define NESTED(type, name, path) \
	[VHSM_L_##type##__##name] = { #type, path, false },
#define OPTIONAL(type, member) \
	[VHSM_L_##type##__##member] = { #type, #member, false },
#define SIZE(type) [VHSM_L_##type##__SIZE] = { #type, NULL, true },
#include "introspect/layout.def"
#undef MEMBER
#undef NESTED
#undef OPTIONAL
#undef SIZE
};

/* The type behind names and qualifiers, when it has members; or NULL. */
static const struct btf_type *composite(const struct btf *btf, __u32 id)
{
	const struct btf_type *type = btf__type_by_id(btf, id);
	unsigned depth;

	for (depth = 0; type && depth < DEPTH_MAX; depth++) {
		if (btf_is_composite(type))
			return type;
		if (!btf_is_mod(type) && !btf_is_typedef(type))
			return NULL;
		type = btf__type_by_id(btf, type->type);
	}
	return NULL;
}

struct place {
	__u32 type;			/* of the member */
	uint64_t bits;			/* from the start */
	bool bitfield;
};

/* Finds the member whose name is name[0..len), in unnamed structures, too. */
static bool find_member(const struct btf *btf, const struct btf_type *type,
			const char *name, size_t len, unsigned depth,
			struct place *place)
{
	const struct btf_member *m = btf_members(type);
	unsigned i;

	for (i = 0; i < btf_vlen(type); i++, m++) {
		const char *is = btf__name_by_offset(btf, m->name_off);
		uint64_t bits = btf_member_bit_offset(type, i);
		const struct btf_type *inner;

		if (is && strlen(is) == len && len && !memcmp(is, name, len)) {
			place->type = m->type;
			place->bits += bits;
			place->bitfield = btf_member_bitfield_size(type, i);
			return true;
		}
		if ((is && *is) || depth == DEPTH_MAX)
			continue;
		inner = composite(btf, m->type);
		if (!inner)
			continue;
		place->bits += bits;
		if (find_member(btf, inner, name, len, depth + 1, place))
			return true;
		place->bits -= bits;
	}
	return false;
}

/* Follows "a.b.c" from a type. */
static bool find_path(const struct btf *btf, __u32 id, const char *path,
		      struct place *place)
{
	const struct btf_type *type;
	size_t len;

	*place = (struct place){ .type = id };
	for (;; path += len + 1) {
		type = composite(btf, place->type);
		len = strcspn(path, ".");
		if (!type || place->bitfield ||
		    !find_member(btf, type, path, len, 0, place))
			return false;
		if (path[len] == 0)
			return true;
	}
}

/* A structure, a union, or a name for one. */
static int find_type(const struct btf *btf, const char *name)
{
	static const __u32 kinds[] = { BTF_KIND_STRUCT, BTF_KIND_UNION,
				       BTF_KIND_TYPEDEF };
	size_t i;
	int id;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		id = btf__find_by_name_kind(btf, name, kinds[i]);
		if (id > 0)
			return id;
	}
	return -ENOENT;
}

static int read_one(const struct btf *btf, int id, const struct wanted *want,
		    struct vhsm_member *member)
{
	struct place place = { .type = (__u32)id };
	int64_t size;

	*member = (struct vhsm_member){ VHSM_NO_MEMBER, 0 };
	if (id < 0 ||
	    (want->path && (!find_path(btf, (__u32)id, want->path, &place) ||
			    place.bitfield || place.bits % 8)))
		return want->required ? -ENOENT : 0;
	size = btf__resolve_size(btf, place.type);
	if (size < 0 || size > VHSM_IMAGE_MAX_LEN ||
	    place.bits / 8 > VHSM_IMAGE_MAX_LEN)
		return -EBADMSG;
	member->offset = (uint32_t)(place.bits / 8);
	member->size = (uint32_t)size;
	return 0;
}

static int read_all(const struct btf *btf, struct vhsm_member *member,
		    char *why)
{
	const char *type = "";
	int id = -ENOENT, r;
	size_t i;

	for (i = 0; i < VHSM_LAYOUT_COUNT; i++) {
		const struct wanted *want = &wanted[i];

		/* layout.def is sorted by type; looking one up takes long. */
		if (strcmp(type, want->type))
			id = find_type(btf, want->type);
		type = want->type;
		r = read_one(btf, id, want, &member[i]);
		if (r)
			return image_fail(why, r,
					  "its BTF says nothing usable of %s%s%s",
					  type, want->path ? "." : "",
					  want->path ? want->path : "");
	}
	return 0;
}

int layout_read(const struct vhsm_image *image, struct vhsm_member *member,
		char *why)
{
	const struct vhsm_image_section *s = vhsm_image_section(image, ".BTF");
	struct btf *btf;
	int r;

	if (!s || !s->bytes || s->len > UINT32_MAX)
		return image_fail(why, -ENOENT,
				  "it has no BTF (CONFIG_DEBUG_INFO_BTF)");
	libbpf_set_print(NULL);
	btf = btf__new(s->bytes, (__u32)s->len);
	if (libbpf_get_error(btf))
		return image_fail(why, -EBADMSG, "its BTF is damaged");
	r = read_all(btf, member, why);
	btf__free(btf);
	return r;
}
