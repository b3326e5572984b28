/* /_ctl/...: what tests use to look into the server and to change it. Never counted, never
 * throttled, never compressed. README.md describes each part. */

#include "control.h"

#include "cache.h"
#include "faults.h"
#include "limits.h"
#include "log.h"
#include "server.h"

#include <stdlib.h>
#include <string.h>

static enum MHD_Result reply_json(struct MHD_Connection *conn, int status, cJSON *json)
{
	char *text = cJSON_PrintUnformatted(json);
	struct buf b = { 0 };

	buf_adds(&b, text ? text : "{}");
	buf_addc(&b, '\n');
	free(text);
	cJSON_Delete(json);
	return server_reply(conn, status, &b, "application/json", NULL);
}

static enum MHD_Result reply_error(struct MHD_Connection *conn, int status, const char *wrong)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "error", wrong);
	return reply_json(conn, status, o);
}

static enum MHD_Result reply_ok(struct MHD_Connection *conn)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddBoolToObject(o, "ok", true);
	return reply_json(conn, 200, o);
}

/* Value of a query parameter of the control URL, or dflt. */
static int64_t param(const char *uri, const char *name, int64_t dflt)
{
	const char *s = strchr(uri, '?');
	size_t n = strlen(name);

	for (; s; s = strchr(s + 1, '&'))
		if (strncmp(s + 1, name, n) == 0 && s[n + 1] == '=')
			return atoll(s + n + 2);
	return dflt;
}

static enum MHD_Result stats(struct exchange *x, struct MHD_Connection *conn, const cJSON *body)
{
	(void)x;
	(void)body;
	return reply_json(conn, 200, log_stats_json(limits_peak(), limits_quota()));
}

static enum MHD_Result stats_reset(struct exchange *x, struct MHD_Connection *conn,
				   const cJSON *body)
{
	(void)body;
	log_reset(param(x->uri, "forget", 0) != 0);
	limits_reset(false);
	return reply_ok(conn);
}

static enum MHD_Result limits_end(struct exchange *x, struct MHD_Connection *conn,
				  const cJSON *body)
{
	(void)x;
	(void)body;
	limits_reset(true);
	return reply_ok(conn);
}

static enum MHD_Result cache_empty(struct exchange *x, struct MHD_Connection *conn,
				   const cJSON *body)
{
	(void)x;
	(void)body;
	cache_clear();
	return reply_ok(conn);
}

static enum MHD_Result entries(struct exchange *x, struct MHD_Connection *conn, const cJSON *body)
{
	(void)body;
	return reply_json(conn, 200, log_entries_json(param(x->uri, "since", 0)));
}

static enum MHD_Result faults_get(struct exchange *x, struct MHD_Connection *conn,
				  const cJSON *body)
{
	(void)x;
	(void)body;
	return reply_json(conn, 200, faults_json());
}

static enum MHD_Result faults_post(struct exchange *x, struct MHD_Connection *conn,
				   const cJSON *body)
{
	const char *wrong = faults_add(body);

	(void)x;
	return wrong ? reply_error(conn, 400, wrong) : reply_ok(conn);
}

static enum MHD_Result faults_delete(struct exchange *x, struct MHD_Connection *conn,
				     const cJSON *body)
{
	(void)x;
	(void)body;
	faults_clear();
	return reply_ok(conn);
}

static enum MHD_Result config_get(struct exchange *x, struct MHD_Connection *conn,
				  const cJSON *body)
{
	struct settings s = server_settings();
	cJSON *o = settings_to_json(&s);

	(void)x;
	(void)body;
	cJSON_AddNumberToObject(o, "quota_remaining", (double)limits_quota());
	return reply_json(conn, 200, o);
}

/* All or nothing: a wrong member leaves everything as it was. */
static enum MHD_Result config_post(struct exchange *x, struct MHD_Connection *conn,
				   const cJSON *body)
{
	struct settings s = server_settings();
	const char *wrong = cJSON_IsObject(body) ? NULL : "not an object";
	const cJSON *item;
	const cJSON *quota = NULL;

	cJSON_ArrayForEach(item, body)
	{
		if (wrong)
			break;
		if (strcmp(item->string, "quota_remaining") == 0)
			quota = item;
		else
			wrong = settings_set_json(&s, item);
	}
	if (wrong)
		return reply_error(conn, 400, wrong);
	if (cJSON_IsNumber(quota))
		limits_set_quota((int64_t)quota->valuedouble);
	pthread_mutex_lock(&server.settings_lock);
	server.settings = s;
	pthread_mutex_unlock(&server.settings_lock);
	cache_clear(); /* its entries were made with the old settings */
	return config_get(x, conn, body);
}

static enum MHD_Result change_data(struct exchange *x, struct MHD_Connection *conn,
				   const cJSON *body)
{
	struct settings s = server_settings();
	cJSON *out = cJSON_CreateObject();
	const char *wrong = control_data(&server.data, body, server_now_s(&s), s.user2, out);

	(void)x;
	if (!wrong)
		return reply_json(conn, 200, out);
	cJSON_Delete(out);
	return reply_error(conn, 400, wrong);
}

static enum MHD_Result dump(struct exchange *x, struct MHD_Connection *conn, const cJSON *body)
{
	const char *what = x->uri + strlen("/_ctl/dump");
	struct buf b = { 0 };

	(void)body;
	if (!control_dump(&server.data, *what == '/' ? what + 1 : "questions", &b)) {
		buf_free(&b);
		return reply_error(conn, 404, "questions, articles, tags, users can be dumped");
	}
	return server_reply(conn, 200, &b, "application/x-ndjson", NULL);
}

static enum MHD_Result about(struct exchange *x, struct MHD_Connection *conn, const cJSON *body)
{
	struct settings s = server_settings();
	struct data *d = &server.data;
	cJSON *o = cJSON_CreateObject();
	cJSON *tokens = cJSON_AddObjectToObject(o, "tokens");

	(void)x;
	(void)body;
	pthread_mutex_lock(&d->lock);
	for (int i = 0; i < NR_TOKENS; i++)
		if (s.token_state[i] == TOKEN_OK)
			cJSON_AddNumberToObject(
				tokens, token_names[i],
				(double)(i == TOKEN_RW2
						 ? (s.user2 ? s.user2 : data_nth_asker(d, 2))
						 : (s.user ? s.user : data_nth_asker(d, 1))));
	cJSON_AddStringToObject(o, "team", s.team);
	cJSON_AddNumberToObject(o, "now_s", (double)server_now_s(&s));
	cJSON_AddNumberToObject(o, "questions", (double)d->posts[POST_QUESTION].n);
	cJSON_AddNumberToObject(o, "answers", (double)d->posts[POST_ANSWER].n);
	cJSON_AddNumberToObject(o, "articles", (double)d->posts[POST_ARTICLE].n);
	cJSON_AddNumberToObject(o, "comments", (double)d->comments.n);
	cJSON_AddNumberToObject(o, "tags", (double)d->tags.n);
	cJSON_AddNumberToObject(o, "users", (double)d->users.n);
	cJSON_AddNumberToObject(o, "data_version", (double)d->version);
	pthread_mutex_unlock(&d->lock);
	return reply_json(conn, 200, o);
}

static const struct {
	const char *http_method;
	const char *path;
	enum MHD_Result (*run)(struct exchange *, struct MHD_Connection *, const cJSON *);
} commands[] = {
	{ "GET", "stats", stats },
	{ "POST", "stats/reset", stats_reset },
	{ "POST", "limits/reset", limits_end },
	{ "POST", "cache/clear", cache_empty },
	{ "GET", "log", entries },
	{ "GET", "faults", faults_get },
	{ "POST", "faults", faults_post },
	{ "DELETE", "faults", faults_delete },
	{ "GET", "config", config_get },
	{ "POST", "config", config_post },
	{ "POST", "data", change_data },
	{ "GET", "dump", dump },
	{ "GET", "dump/questions", dump },
	{ "GET", "dump/articles", dump },
	{ "GET", "dump/tags", dump },
	{ "GET", "dump/users", dump },
	{ "GET", "about", about },
};

enum MHD_Result control_answer(struct exchange *x, struct MHD_Connection *conn,
			       const char *http_method)
{
	const char *path = x->uri + strlen("/_ctl/");
	size_t n = strcspn(path, "?");

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		cJSON *body = NULL;
		enum MHD_Result r;

		if (strcmp(commands[i].http_method, http_method) != 0 ||
		    strlen(commands[i].path) != n || memcmp(commands[i].path, path, n) != 0)
			continue;
		if (x->body.len) {
			body = cJSON_ParseWithLength(x->body.data, x->body.len);
			if (!body)
				return reply_error(conn, 400, "the body is no JSON");
		}
		r = commands[i].run(x, conn, body);
		cJSON_Delete(body);
		return r;
	}
	return reply_error(conn, 404, "no such command");
}
