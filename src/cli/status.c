#include "status.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sofs/base/clock.h>
#include <sofs/base/errors.h>
#include <sofs/base/strbuf.h>

enum { LAST_ERRORS = 5, KEY_WIDTH = 11 };

/* Collecting */

/* The newest lines of a text. */
static char *last_lines(const char *text, unsigned nr)
{
	const char *s = text + strlen(text);

	if (s > text)
		s--; /* the final newline */
	while (s > text && (s[-1] != '\n' || --nr))
		s--;
	return strdup(s);
}

static void collect(const struct status_source *src, struct status *st)
{
	_cleanup_(strbuf_release) struct strbuf errors = STRBUF_INIT;

	*st = (struct status){ .now_s = clock_wall_s(), .nr_errors = errors_count() };
	api_get_status(src->api, &st->api);
	store_get_status(src->store, &st->store);
	fs_get_status(src->fs, &st->fs);
	errors_print(&errors);
	st->last_errors = last_lines(strbuf_str(&errors), LAST_ERRORS);
}

/* Text */

_printf_(3, 4) static void line(struct strbuf *sb, const char *key, const char *fmt, ...)
{
	va_list ap;
	int pad = KEY_WIDTH - (int)strlen(key);

	strbuf_addf(sb, "%s:%*s", key, pad > 1 ? pad : 1, "");
	va_start(ap, fmt);
	strbuf_vaddf(sb, fmt, ap);
	va_end(ap);
	strbuf_addch(sb, '\n');
}

struct when {
	char text[64];
};

/* "2026-03-02 09:14:05 UTC (3 min ago)" */
static struct when when(const struct status *st, int64_t at_s)
{
	struct when w;
	struct tm tm;
	time_t t = (time_t)at_s;
	int64_t ago = st->now_s - at_s;
	size_t n;

	gmtime_r(&t, &tm);
	n = strftime(w.text, sizeof(w.text), "%Y-%m-%d %H:%M:%S UTC", &tm);
	if (ago < 0)
		snprintf(w.text + n, sizeof(w.text) - n, " (in %" PRId64 " s)", -ago);
	else if (ago < 120)
		snprintf(w.text + n, sizeof(w.text) - n, " (%" PRId64 " s ago)", ago);
	else if (ago < 7200)
		snprintf(w.text + n, sizeof(w.text) - n, " (%" PRId64 " min ago)", ago / 60);
	else
		snprintf(w.text + n, sizeof(w.text) - n, " (%" PRId64 " h ago)", ago / 3600);
	return w;
}

static const char *style_name(enum api_style style)
{
	return style == API_STYLE_PATH ? "path" : style == API_STYLE_QUERY ? "query" : "unknown";
}

static const char *data_set(const struct source *s)
{
	return s->flavour == API_TEAM ? "team" : s->flavour == API_PUBLIC ? "site" : "host";
}

static const char *data_name(const struct source *s)
{
	return s->flavour == API_TEAM ? s->team : s->flavour == API_PUBLIC ? s->site : s->name;
}

static void add_server(struct strbuf *sb, const struct status_source *src, const struct status *st)
{
	const struct api_status *api = &st->api;
	int64_t skew = api->clock_skew_s;

	line(sb, "server", "%s (%s style)", src->identity->api_prefix, style_name(api->style));
	if (api->down_since_s)
		line(sb, "state", "the server has not answered since %s: %s",
		     when(st, api->down_since_s).text, api->last_failure.text);
	else if (api->throttled_until_s > st->now_s)
		line(sb, "state", "throttled by the server until %s",
		     when(st, api->throttled_until_s).text);
	else
		line(sb, "state", "the server answers");
	if (api->quota_remaining < 0)
		line(sb, "quota", "not told by the server");
	else
		line(sb, "quota", "%" PRId64 " of %" PRId64 " requests left today",
		     api->quota_remaining, api->quota_max);
	line(sb, "requests",
	     "%" PRIu64 " sent, %" PRIu64 " of them repeated, %" PRIu64
	     " failed; %u in flight, %u queued; %.1f kB received",
	     api->nr_requests, api->nr_retries, api->nr_failed, api->in_flight, api->queued,
	     (double)api->bytes_received / 1000);
	if (skew)
		line(sb, "clock", "the server's is %" PRId64 " s %s", skew < 0 ? -skew : skew,
		     skew > 0 ? "ahead" : "behind");
}

static void add_store(struct strbuf *sb, const struct status_source *src, const struct status *st)
{
	const struct store_status *store = &st->store;

	if (store->listed_at_s)
		line(sb, "listed", "%s", when(st, store->listed_at_s).text);
	else
		line(sb, "listed", "%s", store->is_listing ? "now, not complete yet" : "never");
	if (store->fetched_at_s)
		line(sb, "fetched", "%s", when(st, store->fetched_at_s).text);
	else
		line(sb, "fetched", "never");
	line(sb, "cache",
	     "%" PRIu64 " questions%s in %" PRIu64 " files, %" PRIu64
	     " tags%s; %.1f MB of texts (%.1f MB packed) of %.0f MB",
	     store->nr_questions, store->has_all_questions ? " (all)" : "", store->nr_files,
	     store->nr_tags, store->has_all_tags ? " (all)" : "",
	     (double)store->rendered_bytes / 1048576, (double)store->packed_bytes / 1048576,
	     (double)store->memory_bytes / 1048576);
	if (store->questions_cut || store->tags_cut)
		line(sb, "cut",
		     "at least %" PRIu64 " questions and %" PRIu64
		     " tags are not listed: list-limit is %" PRIu64,
		     store->questions_cut, store->tags_cut, src->list_limit);
	else
		line(sb, "cut", "nothing (list-limit is %" PRIu64 ")", src->list_limit);
}

char *status_format(const struct status_source *src, const struct status *st)
{
	struct strbuf sb = STRBUF_INIT;

	line(&sb, data_set(src->source), "%s", data_name(src->source));
	line(&sb, "mount", "%s, since %s", src->mountpoint, when(st, st->fs.mounted_at_s).text);
	if (src->identity->user_id)
		line(&sb, "user", "%s (%" PRId64 ")", src->identity->user_name,
		     src->identity->user_id);
	else
		line(&sb, "user", "nobody in particular");
	add_server(&sb, src, st);
	add_store(&sb, src, st);
	line(&sb, "waiting", "%u requests of the kernel, %u in the store", st->fs.nr_waiting,
	     st->store.nr_waiting);
	line(&sb, "kernel",
	     "%" PRIu64 " requests (%" PRIu64 " lookup, %" PRIu64 " readdir, %" PRIu64
	     " read, %" PRIu64 " getattr), %" PRIu64 " inodes, %" PRIu64 " notices",
	     st->fs.nr_requests, st->fs.nr_lookup, st->fs.nr_readdir, st->fs.nr_read,
	     st->fs.nr_getattr, st->fs.nr_inodes, st->fs.nr_notices);
	line(&sb, "drafts", "none (read-only)");
	line(&sb, "version", SOFS_VERSION);
	line(&sb, "errors", "%lu%s", st->nr_errors, st->nr_errors ? "; the last ones:" : "");
	if (st->nr_errors && st->last_errors)
		strbuf_adds(&sb, st->last_errors);
	return strbuf_detach(&sb);
}

char *status_text(const struct status_source *src)
{
	struct status st;
	char *text;

	collect(src, &st);
	text = status_format(src, &st);
	free(st.last_errors);
	return text;
}

/* JSON */

/* Times are seconds since 1970; what is unknown or never was is null. */
static void add_time(cJSON *to, const char *key, int64_t at_s)
{
	if (at_s)
		cJSON_AddNumberToObject(to, key, (double)at_s);
	else
		cJSON_AddNullToObject(to, key);
}

static void add_count(cJSON *to, const char *key, uint64_t n)
{
	cJSON_AddNumberToObject(to, key, (double)n);
}

static void add_known(cJSON *to, const char *key, int64_t n)
{
	if (n >= 0)
		cJSON_AddNumberToObject(to, key, (double)n);
	else
		cJSON_AddNullToObject(to, key);
}

static void add_server_json(cJSON *root, const struct status_source *src, const struct status *st)
{
	const struct api_status *api = &st->api;
	cJSON *o = cJSON_AddObjectToObject(root, "server");

	cJSON_AddStringToObject(o, "url", src->identity->api_prefix);
	cJSON_AddStringToObject(o, "style", style_name(api->style));
	cJSON_AddBoolToObject(o, "answers", !api->down_since_s);
	add_time(o, "down_since", api->down_since_s);
	add_time(o, "last_success", api->last_success_s);
	add_time(o, "throttled_until",
		 api->throttled_until_s > st->now_s ? api->throttled_until_s : 0);
	cJSON_AddNumberToObject(o, "clock_skew", (double)api->clock_skew_s);
	if (api->last_failure.err)
		cJSON_AddStringToObject(o, "last_failure", api->last_failure.text);
	o = cJSON_AddObjectToObject(root, "quota");
	add_known(o, "max", api->quota_max);
	add_known(o, "remaining", api->quota_remaining);
	o = cJSON_AddObjectToObject(root, "requests");
	add_count(o, "sent", api->nr_requests);
	add_count(o, "repeated", api->nr_retries);
	add_count(o, "failed", api->nr_failed);
	add_count(o, "in_flight", api->in_flight);
	add_count(o, "queued", api->queued);
	add_count(o, "bytes_received", api->bytes_received);
}

static void add_store_json(cJSON *root, const struct status_source *src, const struct status *st)
{
	const struct store_status *store = &st->store;
	cJSON *o = cJSON_AddObjectToObject(root, "cache");

	add_count(o, "questions", store->nr_questions);
	cJSON_AddBoolToObject(o, "has_all_questions", store->has_all_questions);
	add_count(o, "files", store->nr_files);
	add_count(o, "tags", store->nr_tags);
	cJSON_AddBoolToObject(o, "has_all_tags", store->has_all_tags);
	cJSON_AddBoolToObject(o, "is_listing", store->is_listing);
	add_time(o, "listed_at", store->listed_at_s);
	add_time(o, "fetched_at", store->fetched_at_s);
	add_count(o, "rendered_bytes", store->rendered_bytes);
	add_count(o, "packed_bytes", store->packed_bytes);
	add_count(o, "memory_bytes", store->memory_bytes);
	add_count(o, "evictions", store->nr_evictions);
	add_count(o, "list_limit", src->list_limit);
	add_count(o, "questions_cut", store->questions_cut);
	add_count(o, "tags_cut", store->tags_cut);
}

static void add_kernel_json(cJSON *root, const struct status *st)
{
	cJSON *o = cJSON_AddObjectToObject(root, "kernel");

	add_count(o, "requests", st->fs.nr_requests);
	add_count(o, "lookup", st->fs.nr_lookup);
	add_count(o, "readdir", st->fs.nr_readdir);
	add_count(o, "read", st->fs.nr_read);
	add_count(o, "getattr", st->fs.nr_getattr);
	add_count(o, "other", st->fs.nr_other);
	add_count(o, "inodes", st->fs.nr_inodes);
	add_count(o, "notices", st->fs.nr_notices);
	add_count(o, "waiting", st->fs.nr_waiting);
}

static void add_errors_json(cJSON *root, const struct status *st)
{
	cJSON *o = cJSON_AddObjectToObject(root, "errors");
	cJSON *last = cJSON_AddArrayToObject(o, "last");
	_cleanup_free_ char *copy = strdup(st->last_errors ? st->last_errors : "");
	char *save = NULL;

	add_count(o, "count", st->nr_errors);
	if (!copy)
		return;
	for (char *l = strtok_r(copy, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		cJSON_AddItemToArray(last, cJSON_CreateString(l));
}

char *status_format_json(const struct status_source *src, const struct status *st)
{
	cJSON *root = cJSON_CreateObject(), *user;
	struct strbuf sb = STRBUF_INIT;
	_cleanup_free_ char *text = NULL;

	cJSON_AddStringToObject(root, data_set(src->source), data_name(src->source));
	cJSON_AddStringToObject(root, "mountpoint", src->mountpoint);
	cJSON_AddStringToObject(root, "version", SOFS_VERSION);
	cJSON_AddNumberToObject(root, "pid", getpid());
	add_time(root, "mounted_at", st->fs.mounted_at_s);
	add_time(root, "now", st->now_s);
	if (src->identity->user_id) {
		user = cJSON_AddObjectToObject(root, "user");
		cJSON_AddNumberToObject(user, "id", (double)src->identity->user_id);
		cJSON_AddStringToObject(user, "name", src->identity->user_name);
	} else {
		cJSON_AddNullToObject(root, "user");
	}
	add_server_json(root, src, st);
	add_store_json(root, src, st);
	add_kernel_json(root, st);
	cJSON_AddBoolToObject(root, "write", false);
	add_count(root, "drafts", 0);
	add_errors_json(root, st);
	text = cJSON_Print(root);
	cJSON_Delete(root);
	if (!text)
		return NULL;
	strbuf_addf(&sb, "%s\n", text);
	return strbuf_detach(&sb);
}

char *status_json(const struct status_source *src)
{
	struct status st;
	char *text;

	collect(src, &st);
	text = status_format_json(src, &st);
	free(st.last_errors);
	return text;
}
