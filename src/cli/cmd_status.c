/* sofs status: what .sofs/status says, without touching the mount. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "client.h"

enum { TIMEOUT_S = 5 };

static int run_status(struct config *config, const struct operands *operands)
{
	struct failure failure = { 0 };
	struct target t;
	cJSON *request = NULL, *answer = NULL;
	const cJSON *text;
	int r;

	if (target_open(operands->v[0], &t) < 0)
		return EXIT_FAILED;
	request = cJSON_CreateObject();
	cJSON_AddStringToObject(request, "command", "status");
	cJSON_AddStringToObject(request, "format", config->json ? "json" : "text");
	r = client_ask(t.fd, request, TIMEOUT_S, &answer, &failure);
	text = cJSON_GetObjectItemCaseSensitive(answer, "text");
	if (r < 0)
		complain("%s: %s", t.mount.path, failure.text);
	else if (cJSON_IsString(text))
		fputs(text->valuestring, stdout);
	cJSON_Delete(request);
	cJSON_Delete(answer);
	target_release(&t);
	return r < 0 ? EXIT_FAILED : EXIT_DONE;
}

const struct command command_status = {
	.name = "status",
	.args = "MOUNTPOINT [--json]",
	.summary = "show team, freshness, quota, cache and last errors of a mount",
	.options = FOR_STATUS,
	.min_operands = 1,
	.max_operands = 1,
	.run = run_status,
};
