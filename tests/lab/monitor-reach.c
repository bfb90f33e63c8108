/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitor-reach.c - what a monitor domain can do to its guest and to others.
 *
 *   monitor-reach target MONITOR GUEST     in dom0: make GUEST the target of
 *                                          MONITOR, which must be paused
 *   monitor-reach try privcmd|raw|shutdown DOMID...
 *                                          in the monitor domain, whose target
 *                                          is the first: try everything on each
 *                                          as programs may (privcmd), or with
 *                                          its kernel taken over (raw, by
 *                                          evil-monitor), or so to shut it down
 *
 * try prints "reach HOW WHAT DOMID allowed" or "... refused: WHY" for each.
 */
#include <config.h>

#define __XEN_TOOLS__
#include <xenctrl.h>
#include <xenforeignmemory.h>
#include <xengnttab.h>
#include <xenstore.h>
#include <xen/sched.h>
#include <xentoollog.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lab/evil/evil-monitor.h"

#define FRAME	0x1000u			/* every guest has it */

static const char *how;
static uint32_t domid;
static domid_t target;			/* of this domain */
static int evil = -1;
static xc_interface *xch;
static xenforeignmemory_handle *fmem;
static struct xs_handle *xs;

static void say(const char *what, int error)
{
	if (error)
		printf("reach %s %s %u refused: %s\n", how, what, domid,
		       strerror(error));
	else
		printf("reach %s %s %u allowed\n", how, what, domid);
}

/* --- as a program may --- */

static void map(const char *what, int protection)
{
	xen_pfn_t frame = FRAME;
	volatile char *page;
	int error = 0;

	page = xenforeignmemory_map(fmem, domid, protection, 1, &frame, &error);
	if (!page) {
		say(what, errno);
		return;
	}
	if (!error)
		(void)page[0];
	if (!error && protection & PROT_WRITE)
		page[0] = page[0];
	say(what, error < 0 ? -error : error);
	xenforeignmemory_unmap(fmem, (void *)page, 1);
}

static int result(int r)
{
	return r < 0 ? errno : 0;
}

static void try_privcmd(void)
{
	vcpu_guest_context_any_t context;

	map("map-read", PROT_READ);
	map("map-write", PROT_READ | PROT_WRITE);
	say("pause", result(xc_domain_pause(xch, domid)));
	say("unpause", result(xc_domain_unpause(xch, domid)));
	say("vcpu-context", result(xc_vcpu_getcontext(xch, domid, 0, &context)));
	say("set-target", result(xc_domain_set_target(xch, domid, 0)));
	say("max-memory", result(xc_domain_setmaxmem(xch, domid, 1024)));
	say("shutdown", result(xc_domain_shutdown(xch, domid,
						  SHUTDOWN_poweroff)));
	say("destroy", result(xc_domain_destroy(xch, domid)));
}

/* --- with the kernel taken over --- */

static void raw_map(const char *what, int protection)
{
	uint64_t page = (uint64_t)domid << 32 | FRAME;
	volatile char *p;

	p = mmap(NULL, 4096, protection, MAP_SHARED, evil, (off_t)(page << 12));
	if (p == MAP_FAILED) {
		say(what, errno);
		return;
	}
	(void)p[0];
	if (protection & PROT_WRITE)
		p[0] = p[0];
	say(what, 0);
	munmap((void *)p, 4096);
}

static int hypercall(unsigned op, uint64_t first, uint64_t second)
{
	struct evil_hypercall call = { .op = op, .arg = { first, second } };

	return ioctl(evil, EVIL_HYPERCALL, &call) < 0 ? errno : 0;
}

static void raw_domctl(const char *what, uint32_t command)
{
	/* Xen reads it where it is; the page must be there. */
	static struct xen_domctl domctl;

	memset(&domctl, 0, sizeof(domctl));
	domctl.cmd = command;
	domctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	domctl.domain = (domid_t)domid;
	if (command == XEN_DOMCTL_max_mem)
		domctl.u.max_mem.max_memkb = 1024;
	if (command == XEN_DOMCTL_set_target)
		domctl.u.set_target.target = target;
	say(what, hypercall(__HYPERVISOR_domctl, (uintptr_t)&domctl, 0));
}

static void raw_shutdown(void)
{
	static sched_remote_shutdown_t order;

	order.domain_id = (domid_t)domid;
	order.reason = SHUTDOWN_poweroff;
	say("shutdown", hypercall(__HYPERVISOR_sched_op, SCHEDOP_remote_shutdown,
				  (uintptr_t)&order));
}

static void try_raw(void)
{
	raw_map("map-read", PROT_READ);
	raw_map("map-write", PROT_READ | PROT_WRITE);
	raw_domctl("pause", XEN_DOMCTL_pausedomain);
	raw_domctl("unpause", XEN_DOMCTL_unpausedomain);
	raw_domctl("info", XEN_DOMCTL_getdomaininfo);
	raw_domctl("vcpu-context", XEN_DOMCTL_getvcpucontext);
	raw_domctl("set-target", XEN_DOMCTL_set_target);
	raw_domctl("max-memory", XEN_DOMCTL_max_mem);
	raw_domctl("destroy", XEN_DOMCTL_destroydomain);
}

/* --- neither needs privcmd --- */

static void write_node(const char *what, const char *node)
{
	char path[64];

	snprintf(path, sizeof(path), "/local/domain/%u/%s", domid, node);
	say(what, xs_write(xs, XBT_NULL, path, "0", 1) ? 0 : errno);
}

static void try_xenstore(void)
{
	char path[64];
	unsigned len;
	char *value;

	write_node("xenstore-name", "name");
	write_node("xenstore-data", "data/reach");
	write_node("xenstore-target", "target");
	snprintf(path, sizeof(path), "/local/domain/%u/vm", domid);
	value = xs_read(xs, XBT_NULL, path, &len);
	say("xenstore-read", value ? 0 : errno);
	free(value);
}

static void try_grants(void)
{
	/* Not a line for each that fails. */
	xentoollog_logger_stdiostream *silent =
		xtl_createlogger_stdiostream(stderr, XTL_CRITICAL, 0);
	xengnttab_handle *grants =
		xengnttab_open((xentoollog_logger *)silent, 0);
	int error = ENOENT;
	uint32_t ref;
	void *page;

	/* All that a small guest hands out. */
	for (ref = 0; grants && error && ref < 512; ref++) {
		page = xengnttab_map_grant_ref(grants, domid, ref, PROT_READ);
		error = page ? 0 : errno;
		if (page)
			xengnttab_unmap(grants, page, 1);
	}
	say("grant", error);
	if (grants)
		xengnttab_close(grants);
	xtl_logger_destroy((xentoollog_logger *)silent);
}

static int try(int argc, char **argv)
{
	xch = xc_interface_open(NULL, NULL, 0);
	fmem = xenforeignmemory_open(NULL, 0);
	xs = xs_open(0);
	how = argv[0];
	if (strcmp(how, "privcmd"))
		evil = open("/dev/evil-monitor", O_RDWR);
	if (!xch || !fmem || !xs || (strcmp(how, "privcmd") && evil < 0)) {
		perror("monitor-reach");
		return 1;
	}
	target = (domid_t)strtoul(argv[1], NULL, 10);
	for (int i = 1; i < argc; i++) {
		domid = (uint32_t)strtoul(argv[i], NULL, 10);
		if (!strcmp(how, "shutdown")) {
			raw_shutdown();
		} else if (evil >= 0) {
			try_raw();
		} else {
			try_privcmd();
			try_xenstore();
			try_grants();
		}
	}
	return 0;
}

static int make_target(const char *monitor, const char *guest)
{
	char path[64];

	xch = xc_interface_open(NULL, NULL, 0);
	xs = xs_open(0);
	snprintf(path, sizeof(path), "/local/domain/%s/target", monitor);
	if (xch && xs &&
	    !xc_domain_set_target(xch, (uint32_t)strtoul(monitor, NULL, 10),
				  (uint32_t)strtoul(guest, NULL, 10)) &&
	    xs_write(xs, XBT_NULL, path, guest, (unsigned)strlen(guest)))
		return 0;
	perror("monitor-reach");
	return 1;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 4 && !strcmp(argv[1], "target"))
		return make_target(argv[2], argv[3]);
	if (argc > 3 && !strcmp(argv[1], "try"))
		return try(argc - 2, argv + 2);
	fputs("usage: monitor-reach target MONITOR GUEST\n"
	      "       monitor-reach try privcmd|raw|shutdown DOMID...\n", stderr);
	return 2;
}
