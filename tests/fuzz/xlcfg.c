/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xlcfg.c - fuzzes the vhsm line of an xl.cfg(5): one device's string alone,
 * and a whole file that has the input for its vhsm line.
 *
 * The rest of a file is read by libxlutil, which is not ours to fuzz.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/log.h"
#include "common/xlcfg.h"

#define MUST(condition)	do { if (!(condition)) abort(); } while (0)
#define TEXT_MAX	4096

static bool ended(const char *text, size_t room)
{
	return strnlen(text, room) < room;
}

static void check_device(const struct vhsm_xlcfg_device *device)
{
	MUST(ended(device->keys, sizeof(device->keys)));
	/* nothing enforces these yet, so no device may come of them */
	MUST(!device->policy[0]);
}

static void fuzz_device(const char *text)
{
	struct vhsm_xlcfg_device device;
	char why[VHSM_XLCFG_WHY] = "";

	if (!vhsm_xlcfg_device_parse(text, &device, why))
		check_device(&device);
	else
		MUST(why[0] && ended(why, sizeof(why)));
}

/* The text in a quoted string of a file. */
static void fuzz_file(const char *text)
{
	static struct vhsm_xlcfg cfg;
	char path[40];
	unsigned i;
	int fd;

	if (strpbrk(text, "\"\n\\"))
		return;
	fd = memfd_create("xl.cfg", MFD_CLOEXEC);
	if (fd < 0)
		return;
	dprintf(fd, "name = \"web\"\nvhsm = [ \"%s\", \"keys=a\" ]\n", text);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!vhsm_xlcfg_read(path, &cfg)) {
		MUST(!strcmp(cfg.name, "web"));
		MUST(cfg.error[0] ? cfg.device_count == 0 :
		     cfg.device_count == 2);
		for (i = 0; i < cfg.device_count; i++)
			check_device(&cfg.device[i]);
	}
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char text[TEXT_MAX];

	if (len >= sizeof(text) || memchr(data, '\0', len))
		return -1;
	memcpy(text, data, len);
	text[len] = '\0';
	fuzz_device(text);
	fuzz_file(text);
	return 0;
}
