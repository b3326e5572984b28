/* sofs refresh: ask the server again now, instead of when it is due. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "client.h"

/* A throttled server can make a listing take long; Ctrl-C leaves, and the process goes on with it. */
enum { TIMEOUT_S = 3600 };

/* `..` to above where it began. */
static bool climbs_out(const char *path)
{
	int depth = 0;

	for (size_t n; *path; path += n + (path[n] == '/')) {
		n = strcspn(path, "/");
		if (n == 2 && path[0] == '.' && path[1] == '.')
			depth--;
		else if (n && !(n == 1 && path[0] == '.'))
			depth++;
		if (depth < 0)
			return true;
	}
	return false;
}

/* Absolute paths are in the file system, all others below the mount point. */
static int add_path(cJSON *paths, const struct target *t, const char *given)
{
	_cleanup_free_ char *rest = NULL;
	struct mount m;
	bool is_other;

	if (given[0] == '/') {
		if (mounts_containing(given, &m, &rest) < 0) {
			complain("%s: not in a mount of sofs", given);
			return -ENOENT;
		}
		is_other = strcmp(m.path, t->mount.path) != 0;
		mount_release(&m);
		if (is_other) {
			complain("%s: not in the mount on %s", given, t->mount.path);
			return -EXDEV;
		}
	} else if (climbs_out(given)) {
		complain("%s: not in the mount on %s", given, t->mount.path);
		return -EXDEV;
	} else if (asprintf(&rest, "/%s", given) < 0) {
		rest = NULL;
	}
	if (rest) {
		_cleanup_free_ char *below = rest[0] == '/' ? path_normal(rest) : strdup(rest);

		if (below && cJSON_AddItemToArray(paths, cJSON_CreateString(below)))
			return 0;
	}
	complain("out of memory");
	return -ENOMEM;
}

static int ask(const struct target *t, const cJSON *request)
{
	struct failure failure = { 0 };
	cJSON *answer = NULL;
	const cJSON *text;
	int r = client_ask(t->fd, request, TIMEOUT_S, &answer, &failure);

	text = cJSON_GetObjectItemCaseSensitive(answer, "text");
	if (r < 0)
		complain("%s: %s", t->mount.path, failure.text);
	else if (cJSON_IsString(text))
		puts(text->valuestring);
	cJSON_Delete(answer);
	return r;
}

static int run_refresh(struct config *config, const struct operands *operands)
{
	struct target t;
	cJSON *request, *paths;
	int r = 0;

	if (target_open(operands->v[0], &t) < 0)
		return EXIT_FAILED;
	request = cJSON_CreateObject();
	cJSON_AddStringToObject(request, "command", "refresh");
	paths = cJSON_AddArrayToObject(request, "paths");
	/* A path inside a mount, given alone, means what is there. */
	if (operands->nr == 1 && *t.rest)
		r = add_path(paths, &t, t.rest);
	for (size_t i = 1; i < operands->nr && r == 0; i++)
		r = add_path(paths, &t, operands->v[i]);
	if (r == 0)
		r = ask(&t, request);
	cJSON_Delete(request);
	target_release(&t);
	return r < 0 ? EXIT_FAILED : EXIT_DONE;
}

const struct command command_refresh = {
	.name = "refresh",
	.args = "MOUNTPOINT [PATH…]",
	.summary = "ask the server again now: everything, or what is at PATH",
	.more = "A PATH is absolute, or relative to MOUNTPOINT.\n",
	.min_operands = 1,
	.max_operands = UINT_MAX,
	.run = run_refresh,
};
