/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - vhsm-act: finds the act, reads its parameters, does it, answers.
 */
#include <config.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <xentoollog.h>

#include "common/file.h"
#include "common/log.h"
#include "common/utf8.h"
#include "responder/act/act.h"

#define FD_PARAMS	3
#define FD_ANSWER	4
#define PARAMS_MAX	(1u << 20)

static const struct {
	const char *verb;
	vhsm_act_run *run;
	bool needs_xl;
} acts[] = {
	{ "boot", vhsm_act_boot, true },
	{ "match", vhsm_act_match, false },
	{ "learn", vhsm_act_learn, false },
	{ "monitor-start", vhsm_act_monitor_start, true },
	{ "monitor-stop", vhsm_act_monitor_stop, true },
	{ "devices", vhsm_act_devices, true },
	{ "isolate", vhsm_act_isolate, true },
	{ "rejoin", vhsm_act_rejoin, true },
	{ "freeze", vhsm_act_freeze, false },
	{ "seal", vhsm_act_seal, false },
	{ "destroy", vhsm_act_destroy, true },
};

#define ACTS (sizeof(acts) / sizeof(acts[0]))

int vhsm_act_fail(struct vhsm_act *act, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(act->why, sizeof(act->why), format, args);
	va_end(args);
	/* It may quote a command line, and be cut. */
	vhsm_utf8_mend(act->why);
	return -1;
}

bool vhsm_act_text(struct vhsm_act *act, const char *name, const char **text)
{
	*text = json_string_value(json_object_get(act->params, name));
	if (!*text)
		vhsm_act_fail(act, "%s must be a text", name);
	return *text != NULL;
}

bool vhsm_act_domid(struct vhsm_act *act, const char *name, uint32_t *domid)
{
	const json_t *value = json_object_get(act->params, name);
	json_int_t n = json_integer_value(value);

	/* Never dom0. */
	if (!json_is_integer(value) || n < 1 || n > 32751) {
		vhsm_act_fail(act, "%s must be the number of a domain", name);
		return false;
	}
	*domid = n;
	return true;
}

const char *vhsm_act_xl_error(int ret)
{
	return libxl_error_to_string(ret);
}

static json_t *params_read(void)
{
	char *text = malloc(PARAMS_MAX);
	json_t *params = NULL;
	size_t len = 0;
	ssize_t n = 0;

	while (text && len < PARAMS_MAX &&
	       (n = read(FD_PARAMS, text + len, PARAMS_MAX - len)) > 0)
		len += n;
	if (text && !n)
		params = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	free(text);
	return params;
}

static int answer(const struct vhsm_act *act, int failed)
{
	json_t *json = failed ?
		json_pack("{s:{s:s,s:s}}", "error", "code",
			  act->code ? act->code : "failed", "message",
			  act->why) :
		json_pack("{s:O}", "result",
			  act->result ? act->result : json_null());
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	int ret = text ? vhsm_file_write_all(FD_ANSWER, text, strlen(text)) :
		-ENOMEM;

	free(text);
	json_decref(json);
	return ret || failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	xentoollog_logger_stdiostream *logger;
	struct vhsm_act act = { 0 };
	int failed = -1;
	size_t i;

	vhsm_log_init("vhsm-act", false);
	/* The responder is in a hurry; what runs for seconds is not. */
	setpriority(PRIO_PROCESS, 0, 0);
	if (argc != 2) {
		fputs("vhsm-act is run by vhsm-responder(8)\n", stderr);
		return EXIT_FAILURE;
	}
	for (i = 0; i < ACTS && strcmp(acts[i].verb, argv[1]); i++)
		;
	/* A boot that is not known yet is no error, and is asked for again. */
	logger = xtl_createlogger_stdiostream(stderr, strcmp(argv[1], "boot") ?
					      XTL_ERROR : XTL_CRITICAL, 0);
	act.params = params_read();
	if (i == ACTS)
		vhsm_act_fail(&act, "there is no act %.40s", argv[1]);
	else if (!json_is_object(act.params))
		vhsm_act_fail(&act, "the parameters are no JSON object");
	else if (acts[i].needs_xl &&
		 libxl_ctx_alloc(&act.xl, LIBXL_VERSION, 0,
				 (xentoollog_logger *)logger))
		vhsm_act_fail(&act, "libxl cannot be used: does Xen run?");
	else
		failed = acts[i].run(&act);
	failed = answer(&act, failed);
	json_decref(act.params);
	json_decref(act.result);
	if (act.xl)
		libxl_ctx_free(act.xl);
	if (logger)
		xtl_logger_destroy((xentoollog_logger *)logger);
	return failed;
}
