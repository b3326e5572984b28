/* sofs check: everything that can be known about an account without mounting, and without ever sending a write. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/base/log.h>

#include "cli.h"
#include "token.h"

enum { SKEW_NOTED_S = 60, LOW_QUOTA_PERCENT = 10 };

enum verdict { OK, NOTE, UNKNOWN, BAD, SKIPPED };

_printf_(3, 4) static void say(const char *what, enum verdict v, const char *fmt, ...)
{
	static const char *const words[] = { "ok", "note", "unknown", "FAILED", "-" };
	va_list ap;

	printf("%-8s %-8s ", what, words[v]);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

/* One API call, waited for. */

struct wait {
	pthread_mutex_t lock;
	pthread_cond_t done_cond;
	bool is_done; /* lock, as all below */
	int err;
	struct strbuf types; /* what may be written: "question, answer" */
};

static void add_permission(struct strbuf *types, const struct api_item *item)
{
	cJSON *o = cJSON_ParseWithLength(item->json, item->len);
	const cJSON *type = cJSON_GetObjectItemCaseSensitive(o, "object_type");

	if (cJSON_IsString(type) && cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "can_add"))) {
		strbuf_adds(types, types->len ? ", " : "");
		for (const char *s = type->valuestring; *s; s++)
			strbuf_addch(types, *s >= ' ' && *s < 0x7f ? *s : '?');
	}
	cJSON_Delete(o);
}

static void on_permissions(void *userdata, const struct failure *failure,
			   const struct api_page *page)
{
	struct wait *w = userdata;

	pthread_mutex_lock(&w->lock);
	w->err = failure ? failure->err : 0;
	for (size_t i = 0; page && i < page->nr_items; i++)
		add_permission(&w->types, &page->items[i]);
	w->is_done = true;
	pthread_cond_signal(&w->done_cond);
	pthread_mutex_unlock(&w->lock);
}

/* It says what the person may do; whether the token may, only a write would tell. */
static void check_scope(struct api *api, const struct source *source)
{
	struct api_query q = { .route = API_ME_WRITE_PERMISSIONS, API_QUERY_INIT };
	struct wait w = { .lock = PTHREAD_MUTEX_INITIALIZER,
			  .done_cond = PTHREAD_COND_INITIALIZER };
	int r;

	if (source->flavour == API_PUBLIC) {
		say("scope", OK, "reading; public sites are never written to");
		return;
	}
	r = api_get(api, &q, on_permissions, &w, NULL);
	pthread_mutex_lock(&w.lock);
	while (r == 0 && !w.is_done)
		pthread_cond_wait(&w.done_cond, &w.lock);
	pthread_mutex_unlock(&w.lock);
	if (r == 0 && w.err == 0 && w.types.len)
		say("scope", OK,
		    "reading; you may write: %s (whether this token may, the API does not "
		    "tell until the first write)",
		    w.types.buf);
	else if (r == 0 && w.err == 0)
		say("scope", OK, "reading only");
	else
		say("scope", UNKNOWN,
		    "reading works; the API does not tell about writing until the "
		    "first write");
	strbuf_release(&w.types);
}

static void check_quota(struct api *api)
{
	struct api_status st;

	api_get_status(api, &st);
	if (st.quota_remaining < 0)
		say("quota", UNKNOWN, "the server does not tell");
	else if (st.quota_remaining == 0)
		say("quota", BAD,
		    "spent: 0 of %" PRId64 " requests left; it is renewed within a day",
		    st.quota_max);
	else
		say("quota",
		    st.quota_remaining * 100 < st.quota_max * LOW_QUOTA_PERCENT ? NOTE : OK,
		    "%" PRId64 " of %" PRId64 " requests left today", st.quota_remaining,
		    st.quota_max);
}

static void check_clock(int64_t skew_s)
{
	int64_t size = skew_s < 0 ? -skew_s : skew_s;

	if (size < SKEW_NOTED_S)
		say("clock", OK, "like the server's");
	else
		say("clock", NOTE, "the server's is %" PRId64 " s %s; set yours, or times look odd",
		    size, skew_s > 0 ? "ahead" : "behind");
}

static void say_token(const struct login *l, const struct api_identity *id)
{
	static const char *const origins[] = {
		[TOKEN_NONE] = "none",
		[TOKEN_ENVIRONMENT] = "from SOFS_TOKEN",
		[TOKEN_FILE] = "from token-file",
		[TOKEN_COMMAND] = "from token-command",
	};

	if (l->origin == TOKEN_NONE)
		say("token", OK, "not needed");
	else if (id->user_id)
		say("token", OK, "%s; of %s (%" PRId64 ")", origins[l->origin], id->user_name,
		    id->user_id);
	else
		say("token", OK, "%s", origins[l->origin]);
}

static void say_connected(const struct login *l, struct api *api, const struct api_identity *id)
{
	say_token(l, id);
	check_scope(api, &l->source);
	if (l->origin == TOKEN_NONE)
		say("expiry", OK, "nothing that could expire");
	else
		say("expiry", UNKNOWN, "the API does not tell; the page that made the token does");
	say("team", OK, "%s", l->source.name);
	say("style", OK, "%s: %s", id->style == API_STYLE_PATH ? "path" : "query", id->api_prefix);
	check_quota(api);
	check_clock(id->clock_skew_s);
}

/* The sentence names the cause and the cure; which line it belongs to follows from the error. */
static void say_failed(const struct login *l, int err, const char *text, bool was_asked)
{
	bool is_account = err == -EACCES,
	     is_limit = err == -EBUSY || err == -EDQUOT || err == -EAGAIN;

	if (is_account)
		say("token", BAD, "%s", text);
	else
		say("token", SKIPPED, "not tried");
	say("scope", SKIPPED, "not tried");
	say("expiry", SKIPPED, "not tried");
	say("team", SKIPPED, "%s: not tried", l->source.name);
	if (!was_asked)
		say("style", SKIPPED, "not tried");
	else if (is_account || is_limit)
		say("style", SKIPPED, "%s: answers", l->source.base_url);
	else
		say("style", BAD, "%s", text);
	if (is_limit)
		say("quota", BAD, "%s", text);
	else
		say("quota", SKIPPED, "not tried");
	say("clock", SKIPPED, "not tried");
}

static int check(const struct login *l, const struct config *config)
{
	struct api_identity id = { 0 };
	struct failure failure = { 0 };
	struct api_config ac;
	struct api *api = NULL;
	int r;

	login_fill(l, config, &ac);
	r = api_new(&ac, &api);
	if (r == 0)
		r = api_start(api);
	if (r == 0)
		r = api_connect(api, &id, &failure);
	if (r == 0)
		say_connected(l, api, &id);
	else
		say_failed(l, r, failure.text[0] ? failure.text : strerror(-r), true);
	api_free(api);
	return r < 0 ? EXIT_FAILED : EXIT_DONE;
}

static int run_check(struct config *config, const struct operands *operands)
{
	_cleanup_(login_release) struct login login = { 0 };
	struct failure failure = { 0 };
	int code = login_prepare(&login, config, operands->v[0]);

	if (code != EXIT_DONE)
		return code;
	/* The lines say what is wrong; with a higher level the log says how it was found out. */
	log_set_level(options_level(config, "log-level") == FROM_DEFAULT
			      ? LOG_LEVEL_ERROR
			      : (enum log_level)config->log_level);
	if (login_credentials(&login, config, &failure) < 0) {
		say_failed(&login, -EACCES, failure.text, false);
		return EXIT_FAILED;
	}
	return check(&login, config);
}

const struct command command_check = {
	.name = "check",
	.args = "[options] SOURCE",
	.summary = "check token, scope, expiry, team, URL style, quota and clock",
	.more = "Sends a few reading requests and never a write. Exit status 1 if a mount would "
		"fail.\n",
	.options = FOR_CHECK,
	.min_operands = 1,
	.max_operands = 1,
	.run = run_check,
};
