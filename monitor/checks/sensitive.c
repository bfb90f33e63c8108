/* SPDX-License-Identifier: Apache-2.0 */
#include "checks/sensitive.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks/check.h"

#define LABELS_MAX 8u			/* symbols in a function, looked past */

/* What rootkits for Linux hook: to hide files, processes, connections, modules
 * and log lines, to be talked to, to become root, to read what is typed. */
static const char *const built_in[] = {
	/* files and processes */
	"__x64_sys_getdents", "__x64_sys_getdents64", "__ia32_sys_getdents",
	"__ia32_sys_getdents64", "__ia32_compat_sys_getdents", "iterate_dir",
	"filldir", "filldir64", "compat_filldir", "proc_pid_readdir",
	"proc_root_readdir", "next_tgid", "__x64_sys_statx",
	"__x64_sys_newstat", "__x64_sys_newlstat", "vfs_statx",
	"vfs_fstatat", "find_task_by_vpid", "pid_getattr",
	/* what they read and write */
	"__x64_sys_read", "__x64_sys_write", "__x64_sys_openat",
	"__x64_sys_open", "__x64_sys_pread64", "vfs_read", "ksys_read",
	"__x64_sys_ioctl", "__x64_sys_unlink", "__x64_sys_unlinkat",
	"__x64_sys_rename", "__x64_sys_bpf", "__x64_sys_ptrace",
	/* how they are talked to, and what they give */
	"__x64_sys_kill", "__ia32_sys_kill", "__x64_sys_tgkill",
	"__x64_sys_prctl", "__x64_sys_reboot", "__x64_sys_execve",
	"__x64_sys_clone", "prepare_creds", "commit_creds",
	"__x64_sys_setuid", "__x64_sys_setreuid", "security_task_kill",
	/* connections */
	"tcp4_seq_show", "tcp6_seq_show", "udp4_seq_show", "udp6_seq_show",
	"sock_diag_rcv_msg",
	"packet_rcv", "tpacket_rcv", "__x64_sys_recvmsg",
	"__x64_sys_sendto", "__x64_sys_recvfrom", "ip_rcv", "tcp_v4_rcv",
	"nf_hook_slow",
	/* modules, memory, the log */
	"__x64_sys_init_module", "__x64_sys_finit_module",
	"__x64_sys_delete_module", "load_module", "m_show", "s_show",
	"do_syslog", "devkmsg_read", "read_mem",
	"sel_read_enforce", "audit_log_start", "tty_read",
	"tty_insert_flip_string_fixed_flag", "input_event",
};

static int by_address(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int add(struct vhsm_sensitive *s, const struct vhsm_reference *r,
	       const char *name)
{
	uint64_t va;

	if (s->count == VHSM_SENSITIVE_MAX ||
	    vhsm_reference_symbol(r, name, &va))
		return -EINVAL;
	s->function[s->count].va = va;
	s->function[s->count++].name = name;
	return 0;
}

static int add_options(struct vhsm_sensitive *s,
		       const struct vhsm_reference *r, const json_t *list,
		       char *why)
{
	size_t i;
	json_t *name;

	if (!json_is_array(list)) {
		snprintf(why, VHSM_CHECK_WHY_LEN,
			 "\"functions\" is not a list of names");
		return -EINVAL;
	}
	json_array_foreach(list, i, name) {
		if (json_is_string(name) &&
		    !add(s, r, json_string_value(name)))
			continue;
		snprintf(why, VHSM_CHECK_WHY_LEN,
			 "\"functions\": entry %zu (%.64s) is not a function of "
			 "the image, or one too many", i + 1,
			 json_is_string(name) ? json_string_value(name) :
			 "no text");
		return -EINVAL;
	}
	return 0;
}

int vhsm_sensitive_init(struct vhsm_sensitive *s,
			const struct vhsm_reference *r, const json_t *options,
			char *why)
{
	const json_t *list = json_object_get(options, "functions");
	int error = 0;

	s->count = 0;
	if (list)
		error = add_options(s, r, list, why);
	else
		for (size_t i = 0; i < sizeof(built_in) / sizeof(built_in[0]);
		     i++)
			add(s, r, built_in[i]);
	qsort(s->function, s->count, sizeof(s->function[0]), by_address);
	return error;
}

/* Where the function begins that has the address: labels are passed over. */
static uint64_t function_of(const struct vhsm_reference *r, uint64_t va)
{
	for (unsigned i = 0; i < LABELS_MAX; i++) {
		uint64_t distance;

		if (!vhsm_reference_symbol_at(r, va, &distance))
			return 0;
		va -= distance;
		if (vhsm_reference_is_function(r, va))
			return va;
		va--;
	}
	return 0;
}

const char *vhsm_sensitive_find(const struct vhsm_sensitive *s,
				const struct vhsm_reference *r, uint64_t va)
{
	uint64_t start = function_of(r, va);
	size_t low = 0, high = s->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->function[middle].va == start)
			return s->function[middle].name;
		if (s->function[middle].va < start)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}
