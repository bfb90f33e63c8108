/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Isolating a guest and giving its devices back, and destroying one, over a
 * toolstack of our own that keeps a list of network devices and a disk.  Of the
 * bridges there may be, "lo" is one, for it is there on every machine.
 */
#include <config.h>

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxl_utils.h>

#include "responder/act/act.h"

#define NICS	4
#define BRIDGE	"lo"
#define MISSING	"vhsm-none"

static struct {
	bool plugged;
	int devid;
	char bridge[16], mac[18], script[40];
	uint32_t backend_domid;
} nics[NICS];

static bool add_fails, add_leaves_half;
static struct vhsm_act act;

/* --- the toolstack --- */

void libxl_device_nic_init(libxl_device_nic *nic)
{
	memset(nic, 0, sizeof(*nic));
}

void libxl_device_nic_dispose(libxl_device_nic *nic)
{
	free(nic->bridge);
	free(nic->script);
	free(nic->ifname);
	memset(nic, 0, sizeof(*nic));
}

static void nic_copy(libxl_device_nic *nic, unsigned i)
{
	libxl_device_nic_init(nic);
	nic->devid = nics[i].devid;
	nic->bridge = strdup(nics[i].bridge);
	nic->script = strdup(nics[i].script);
	nic->ifname = strdup(nics[i].mac);
	nic->backend_domid = nics[i].backend_domid;
}

libxl_device_nic *libxl_device_nic_list(libxl_ctx *ctx, uint32_t domid,
					int *count)
{
	libxl_device_nic *list = calloc(NICS, sizeof(*list));

	(void)ctx;
	ck_assert_uint_eq(domid, 5);
	*count = 0;
	for (unsigned i = 0; i < NICS; i++)
		if (nics[i].plugged)
			nic_copy(&list[(*count)++], i);
	return list;
}

void libxl_device_nic_list_free(libxl_device_nic *list, int count)
{
	for (int i = 0; i < count; i++)
		libxl_device_nic_dispose(&list[i]);
	free(list);
}

int libxl_device_nic_destroy(libxl_ctx *ctx, uint32_t domid,
			     libxl_device_nic *nic,
			     const libxl_asyncop_how *how)
{
	(void)ctx;
	(void)domid;
	(void)how;
	ck_assert(nics[nic->devid].plugged);
	nics[nic->devid].plugged = false;
	return 0;
}

int libxl_device_nic_add(libxl_ctx *ctx, uint32_t domid, libxl_device_nic *nic,
			 const libxl_asyncop_how *how)
{
	unsigned i = nic->devid;

	(void)ctx;
	(void)domid;
	(void)how;
	ck_assert(!nics[i].plugged);
	if (add_fails && !add_leaves_half)
		return ERROR_FAIL;
	nics[i].plugged = true;
	snprintf(nics[i].bridge, sizeof(nics[i].bridge), "%s", nic->bridge);
	snprintf(nics[i].script, sizeof(nics[i].script), "%s",
		 nic->script ? nic->script : "");
	ck_assert_str_eq(nics[i].mac, nic->ifname);
	return add_fails ? ERROR_FAIL : 0;
}

int libxl_devid_to_device_nic(libxl_ctx *ctx, uint32_t domid, int devid,
			      libxl_device_nic *nic)
{
	(void)ctx;
	(void)domid;
	if (!nics[devid].plugged)
		return ERROR_INVAL;
	nic_copy(nic, devid);
	return 0;
}

char *libxl_device_nic_to_json(libxl_ctx *ctx, libxl_device_nic *nic)
{
	json_t *json = json_pack("{s:i,s:s,s:s,s:s}", "devid", nic->devid,
				 "bridge", nic->bridge, "script", nic->script,
				 "ifname", nic->ifname);
	char *text = json_dumps(json, 0);

	(void)ctx;
	json_decref(json);
	return text;
}

int libxl_device_nic_from_json(libxl_ctx *ctx, libxl_device_nic *nic,
			       const char *text)
{
	json_t *json = json_loads(text, 0, NULL);
	const char *bridge, *script, *ifname;

	(void)ctx;
	ck_assert(!json_unpack(json, "{s:i,s:s,s:s,s:s}", "devid", &nic->devid,
			       "bridge", &bridge, "script", &script, "ifname",
			       &ifname));
	nic->bridge = strdup(bridge);
	nic->script = strdup(script);
	nic->ifname = strdup(ifname);
	json_decref(json);
	return 0;
}

/* One disk; xenstore has neither its format nor its script. */
static bool disk_plugged;
#define VDEV	"xvda"
#define SCRIPT	"block-iscsi"

void libxl_device_disk_init(libxl_device_disk *disk)
{
	memset(disk, 0, sizeof(*disk));
}

void libxl_device_disk_dispose(libxl_device_disk *disk)
{
	free(disk->vdev);
	free(disk->script);
	memset(disk, 0, sizeof(*disk));
}

libxl_device_disk *libxl_device_disk_list(libxl_ctx *ctx, uint32_t domid,
					  int *count)
{
	libxl_device_disk *list = calloc(1, sizeof(*list));

	(void)ctx;
	ck_assert_uint_eq(domid, 5);
	*count = disk_plugged;
	if (disk_plugged)
		list->vdev = strdup(VDEV);
	return list;
}

void libxl_device_disk_list_free(libxl_device_disk *list, int count)
{
	for (int i = 0; i < count; i++)
		libxl_device_disk_dispose(&list[i]);
	free(list);
}

void libxl_domain_config_init(libxl_domain_config *config)
{
	memset(config, 0, sizeof(*config));
}

int libxl_retrieve_domain_configuration(libxl_ctx *ctx, uint32_t domid,
					libxl_domain_config *config,
					const libxl_asyncop_how *how)
{
	(void)how;
	config->disks = libxl_device_disk_list(ctx, domid, &config->num_disks);
	if (config->num_disks) {
		config->disks->format = LIBXL_DISK_FORMAT_RAW;
		config->disks->script = strdup(SCRIPT);
	}
	return 0;
}

void libxl_domain_config_dispose(libxl_domain_config *config)
{
	libxl_device_disk_list_free(config->disks, config->num_disks);
}

char *libxl_device_disk_to_json(libxl_ctx *ctx, libxl_device_disk *disk)
{
	json_t *json = json_pack("{s:s,s:i,s:s*}", "vdev", disk->vdev,
				 "format", disk->format, "script",
				 disk->script);
	char *text = json_dumps(json, 0);

	(void)ctx;
	json_decref(json);
	return text;
}

int libxl_device_disk_from_json(libxl_ctx *ctx, libxl_device_disk *disk,
				const char *text)
{
	json_t *json = json_loads(text, 0, NULL);
	const char *vdev, *script = NULL;
	int format;

	(void)ctx;
	ck_assert(!json_unpack(json, "{s:s,s:i,s?s}", "vdev", &vdev, "format",
			       &format, "script", &script));
	disk->vdev = strdup(vdev);
	disk->format = format;
	disk->script = script ? strdup(script) : NULL;
	json_decref(json);
	return 0;
}

int libxl_device_disk_destroy(libxl_ctx *ctx, uint32_t domid,
			      libxl_device_disk *disk,
			      const libxl_asyncop_how *how)
{
	(void)ctx;
	(void)domid;
	(void)disk;
	(void)how;
	ck_assert(disk_plugged);
	disk_plugged = false;
	return 0;
}

/* As libxl: it plugs none whose format it does not know. */
int libxl_device_disk_add(libxl_ctx *ctx, uint32_t domid,
			  libxl_device_disk *disk,
			  const libxl_asyncop_how *how)
{
	(void)ctx;
	(void)domid;
	(void)how;
	if (disk->format != LIBXL_DISK_FORMAT_RAW || !disk->script ||
	    strcmp(disk->script, SCRIPT))
		return ERROR_INVAL;
	disk_plugged = true;
	return 0;
}

int libxl_vdev_to_device_disk(libxl_ctx *ctx, uint32_t domid, const char *vdev,
			      libxl_device_disk *disk)
{
	(void)ctx;
	(void)domid;
	(void)vdev;
	(void)disk;
	return disk_plugged ? 0 : ERROR_INVAL;
}

/* The domain: how often it was paused, and how it is. */
static int pauses;
static bool ends, destroyed, destroy_fails;

int libxl_domain_pause(libxl_ctx *ctx, uint32_t domid,
		       const libxl_asyncop_how *how)
{
	(void)ctx;
	(void)domid;
	(void)how;
	pauses++;
	return 0;
}

int libxl_domain_unpause(libxl_ctx *ctx, uint32_t domid,
			 const libxl_asyncop_how *how)
{
	(void)ctx;
	(void)domid;
	(void)how;
	pauses--;
	return 0;
}

void libxl_dominfo_init(libxl_dominfo *info)
{
	memset(info, 0, sizeof(*info));
}

void libxl_dominfo_dispose(libxl_dominfo *info)
{
	(void)info;
}

int libxl_domain_info(libxl_ctx *ctx, libxl_dominfo *info, uint32_t domid)
{
	(void)ctx;
	ck_assert_uint_eq(domid, 5);
	info->shutdown = ends;
	return 0;
}

int libxl_domain_destroy(libxl_ctx *ctx, uint32_t domid,
			 const libxl_asyncop_how *how)
{
	(void)ctx;
	(void)how;
	ck_assert_uint_eq(domid, 5);
	ck_assert_int_eq(pauses, 1);
	destroyed = !destroy_fails;
	return destroy_fails ? ERROR_FAIL : 0;
}

/* --- vhsm-act's main --- */

int vhsm_act_fail(struct vhsm_act *a, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(a->why, sizeof(a->why), format, args);
	va_end(args);
	return -1;
}

bool vhsm_act_text(struct vhsm_act *a, const char *name, const char **text)
{
	*text = json_string_value(json_object_get(a->params, name));
	return *text != NULL;
}

bool vhsm_act_domid(struct vhsm_act *a, const char *name, uint32_t *domid)
{
	*domid = json_integer_value(json_object_get(a->params, name));
	return true;
}

const char *vhsm_act_xl_error(int ret)
{
	(void)ret;
	return "libxl's error";
}

/* --- the tests --- */

#define text_set(to, text) snprintf(to, sizeof(to), "%s", text)

static void begin(void)
{
	memset(nics, 0, sizeof(nics));
	memset(&act, 0, sizeof(act));
	add_fails = add_leaves_half = disk_plugged = false;
	pauses = 0;
	ends = destroyed = destroy_fails = false;
	for (int i = 0; i < 2; i++) {
		nics[i].plugged = true;
		nics[i].devid = i;
		text_set(nics[i].bridge, "xenbr0");
		text_set(nics[i].script, "/etc/xen/scripts/vif-bridge");
		snprintf(nics[i].mac, sizeof(nics[i].mac),
			 "00:16:3e:00:00:0%u", i % 8u);
	}
}

static void end(void)
{
	json_decref(act.params);
	json_decref(act.result);
}

static void isolate(const char *bridge, int moved, const char *note)
{
	json_decref(act.params);
	json_decref(act.result);
	act.result = NULL;
	act.params = json_pack("{s:i,s:s,s:b}", "domid", 5, "bridge", bridge,
			       "disks", true);
	ck_assert_int_eq(vhsm_act_isolate(&act), 0);
	ck_assert_int_eq(json_integer_value(json_object_get(act.result,
							    "moved")), moved);
	ck_assert_ptr_nonnull(strstr(json_string_value(json_object_get(
					act.result, "note")), note));
}

/* What was taken is given back. */
static void rejoin(void)
{
	json_t *taken = act.result;

	json_decref(act.params);
	act.result = NULL;
	act.params = json_pack("{s:i,s:O,s:O}", "domid", 5, "nics",
			       json_object_get(taken, "nics"), "disks",
			       json_object_get(taken, "disks"));
	ck_assert_int_eq(vhsm_act_rejoin(&act), 0);
	json_decref(taken);
}

static void expect_as_before(void)
{
	for (int i = 0; i < 2; i++) {
		ck_assert(nics[i].plugged);
		ck_assert_str_eq(nics[i].bridge, "xenbr0");
		ck_assert_str_eq(nics[i].script, "/etc/xen/scripts/vif-bridge");
	}
}

static void expect_no_error(void)
{
	ck_assert_ptr_null(json_object_get(act.result, "error"));
}

START_TEST(without_a_bridge_devices_are_unplugged_and_come_back)
{
	isolate("", 0, "");
	expect_no_error();
	ck_assert(!nics[0].plugged && !nics[1].plugged);
	rejoin();
	expect_as_before();
}
END_TEST

START_TEST(devices_move_to_the_quarantine_bridge_and_come_back)
{
	isolate(BRIDGE, 2, "");
	expect_no_error();
	for (int i = 0; i < 2; i++) {
		ck_assert(nics[i].plugged);
		ck_assert_str_eq(nics[i].bridge, BRIDGE);
	}
	rejoin();
	expect_as_before();
}
END_TEST

START_TEST(once_there_they_are_not_moved_again)
{
	json_t *first;

	isolate(BRIDGE, 2, "");
	first = json_incref(act.result);
	isolate(BRIDGE, 0, "");
	ck_assert_uint_eq(json_array_size(json_object_get(act.result, "nics")),
			  0);
	json_decref(act.result);
	act.result = first;
	rejoin();
	expect_as_before();
}
END_TEST

START_TEST(without_the_bridge_they_are_unplugged_and_it_says_so)
{
	isolate(MISSING, 0, "there is no bridge " MISSING);
	expect_no_error();
	ck_assert(!nics[0].plugged && !nics[1].plugged);
	rejoin();
	expect_as_before();
}
END_TEST

START_TEST(a_bridge_of_a_driver_domain_is_not_looked_for_here)
{
	nics[0].backend_domid = 3;
	isolate(MISSING, 1, "there is no bridge");
	ck_assert(nics[0].plugged && !nics[1].plugged);
	ck_assert_str_eq(nics[0].bridge, MISSING);
}
END_TEST

START_TEST(what_cannot_be_plugged_stays_unplugged)
{
	add_fails = true;
	add_leaves_half = _i;
	isolate(BRIDGE, 0, "cannot be plugged to " BRIDGE);
	expect_no_error();
	ck_assert(!nics[0].plugged && !nics[1].plugged);
	add_fails = false;
	rejoin();
	expect_as_before();
}
END_TEST

START_TEST(a_script_that_routes_does_not_plug_to_the_quarantine)
{
	text_set(nics[0].script, "/etc/xen/scripts/vif-route");
	text_set(nics[1].script, "vif-openvswitch");
	isolate(BRIDGE, 2, "");
	ck_assert_str_eq(nics[0].script, "");
	ck_assert_str_eq(nics[1].script, "vif-openvswitch");
	rejoin();
	ck_assert_str_eq(nics[0].script, "/etc/xen/scripts/vif-route");
}
END_TEST

START_TEST(a_disk_comes_back_in_its_format_and_by_its_script)
{
	disk_plugged = true;
	isolate("", 0, "");
	expect_no_error();
	ck_assert(!disk_plugged);
	rejoin();
	ck_assert(disk_plugged);
}
END_TEST

START_TEST(whether_it_was_running_is_told_of_a_domain_that_is_destroyed)
{
	ends = _i;
	act.params = json_pack("{s:i}", "domid", 5);
	ck_assert_int_eq(vhsm_act_destroy(&act), 0);
	ck_assert(destroyed);
	ck_assert(json_is_true(json_object_get(act.result, "ran")) == !_i);
}
END_TEST

/* However often it is tried, a release has nothing of it to undo. */
START_TEST(a_domain_that_cannot_be_destroyed_runs_on)
{
	destroy_fails = true;
	act.params = json_pack("{s:i}", "domid", 5);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(vhsm_act_destroy(&act), -1);
		ck_assert_ptr_nonnull(strstr(act.why, "cannot be destroyed"));
		ck_assert_int_eq(pauses, 0);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("isolate");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(all, begin, end);
	tcase_add_test(all,
		       without_a_bridge_devices_are_unplugged_and_come_back);
	tcase_add_test(all,
		       devices_move_to_the_quarantine_bridge_and_come_back);
	tcase_add_test(all, a_disk_comes_back_in_its_format_and_by_its_script);
	tcase_add_test(all, once_there_they_are_not_moved_again);
	tcase_add_test(all,
		       without_the_bridge_they_are_unplugged_and_it_says_so);
	tcase_add_test(all, a_bridge_of_a_driver_domain_is_not_looked_for_here);
	tcase_add_loop_test(all, what_cannot_be_plugged_stays_unplugged, 0, 2);
	tcase_add_test(all,
		       a_script_that_routes_does_not_plug_to_the_quarantine);
	tcase_add_loop_test(all,
		whether_it_was_running_is_told_of_a_domain_that_is_destroyed,
		0, 2);
	tcase_add_test(all, a_domain_that_cannot_be_destroyed_runs_on);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
