/* One API request from arrival to answer: limits, identity, cache, route, faults, encoding.
 *
 *	arrive -> count -> ban? -> fault before? -> route -> token -> backoff? -> quota?
 *	       -> cached or handled under data->lock -> tail -> fault in body -> encode -> log, send
 */

#include "answer.h"
#include "cache.h"
#include "limits.h"
#include "routes.h"

#include <stdlib.h>
#include <string.h>

static enum MHD_Result send_ban(struct answer *a, int64_t seconds)
{
	char *text;
	enum MHD_Result r;

	if (a->rq->s.ban_style != BAN_JSON_502)
		return a->rq->s.ban_style == BAN_HTML_429
			       ? answer_html(a, 429, "Too Many Requests")
			       : answer_html(a, 503, "Service Unavailable");
	text = xasprintf("too many requests from this IP, more requests available in %lld seconds",
			 (long long)seconds);
	r = answer_error(a, 400, 502, text, 0);
	free(text);
	return r;
}

static enum MHD_Result send_unknown_url(struct answer *a)
{
	if (a->rq->s.unknown_url == UNKNOWN_URL_HTML)
		return answer_html(a, 404, "Not Found");
	return answer_error(a, 400, 404, "no method found with this name", 0);
}

static void add_member(struct buf *b, const char *name)
{
	if (b->len != 1 || b->data[0] != '{')
		buf_addc(b, ',');
	buf_addf(b, "\"%s\":", name);
}

/* What follows the items: fresh for every answer. */
static void make_tail(struct answer *a, const struct cached *c, struct buf *b)
{
	const struct filter *f = &a->rq->filter;

	if (!filter_has(f, F_wrapper_items))
		buf_addc(b, '{');
	if (filter_has(f, F_wrapper_has_more)) {
		add_member(b, "has_more");
		buf_adds(b, c->has_more || a->fault.kind == FAULT_ENDLESS ? "true" : "false");
	}
	if (a->x->backoff_s && filter_has(f, F_wrapper_backoff)) {
		add_member(b, "backoff");
		buf_add_int(b, a->x->backoff_s);
	}
	if (filter_has(f, F_wrapper_quota_max)) {
		add_member(b, "quota_max");
		buf_add_int(b, a->rq->s.quota_max);
	}
	if (filter_has(f, F_wrapper_quota_remaining)) {
		add_member(b, "quota_remaining");
		buf_add_int(b, limits_quota());
	}
	if (filter_has(f, F_wrapper_page)) {
		add_member(b, "page");
		buf_add_int(b, c->page);
	}
	if (filter_has(f, F_wrapper_page_size)) {
		add_member(b, "page_size");
		buf_add_int(b, c->pagesize);
	}
	if (filter_has(f, F_wrapper_total)) {
		add_member(b, "total");
		buf_add_int(b, c->total);
	}
	if (filter_has(f, F_wrapper_type)) {
		add_member(b, "type");
		buf_addf(b, "\"%s\"", c->type ? c->type : "");
	}
	buf_addc(b, '}');
}

/* Runs the route and stores what it gave. NULL with an error in res. */
static struct cached *compute(struct request *rq, struct result *res, const char *key)
{
	struct cached entry = { 0 };
	struct cached *c = NULL;
	uint64_t version;

	pthread_mutex_lock(&server.data.lock);
	version = server.data.version;
	rq->route->handle(rq, res);
	pthread_mutex_unlock(&server.data.lock);
	if (!res->error_id) {
		entry.nr_items = res->nr_items;
		entry.has_more = res->has_more;
		entry.total = res->total;
		entry.page = res->page ? res->page : 1;
		entry.pagesize = res->page ? res->pagesize : 30;
		entry.type = res->type;
		if (filter_has(&rq->filter, F_wrapper_items)) {
			struct buf head = { 0 };

			buf_reserve(&head, res->items.len + 16);
			buf_adds(&head, "{\"items\":[");
			buf_add(&head, res->items.data, res->items.len);
			buf_addc(&head, ']');
			chunk_deflate(&entry.head, head.data, head.len, rq->s.gzip_level);
			buf_free(&head);
		}
		c = cache_put(entry, key, version, res->is_volatile);
	}
	buf_free(&res->items);
	return c;
}

static enum MHD_Result send_result(struct answer *a, struct result *res)
{
	struct request *rq = a->rq;
	struct buf tail = { 0 };
	struct cached *c;
	enum MHD_Result r;
	char *key;

	if (a->fault.kind == FAULT_ENDLESS)
		for (int i = 0; i < rq->nr_params; i++)
			if (strcmp(rq->params[i].name, "page") == 0)
				rq->params[i].value = request_keep(rq, xstrdup("1"));
	key = request_key(rq);
	c = cache_get(key, rq->s.cache_s, server.data.version);
	a->log.is_cached = c != NULL;
	if (!c)
		c = compute(rq, res, key);
	free(key);
	if (!c)
		return answer_error(a, 400, res->error_id, res->error_message, 0);
	if (filter_has(&rq->filter, F_question_body_markdown) && c->type &&
	    strcmp(c->type, "question") == 0)
		log_count(COUNT_CONTENT);
	a->x->backoff_s = limits_next_backoff(&rq->s, rq->method);
	a->log.items = c->nr_items;
	a->x->is_success = true;
	make_tail(a, c, &tail);
	r = answer_json(a, 200, c->head.z ? &c->head : NULL, &tail);
	cache_unref(c);
	buf_free(&tail);
	return r;
}

static bool is_success_fault(enum fault_kind kind)
{
	return kind == FAULT_NONE || kind == FAULT_TRICKLE || kind == FAULT_BOM ||
	       kind == FAULT_ENDLESS || kind == FAULT_NO_CONTENT_ENCODING;
}

/* Faults that answer instead of the API. */
static bool answer_with_fault(struct answer *a, enum MHD_Result *r)
{
	const struct fault *f = &a->fault;
	const char *text;

	switch (f->kind) {
	case FAULT_RESET_BEFORE:
		answer_log(a);
		*r = answer_reset(a);
		return true;
	case FAULT_STALL:
		answer_log(a);
		*r = answer_stall(a);
		return true;
	case FAULT_HTML_ERROR:
		*r = answer_html(a, f->status, "Something Went Wrong");
		return true;
	case FAULT_STATUS: {
		struct buf empty = { 0 };

		*r = answer_body(a, f->status, &empty, NULL, NULL);
		return true;
	}
	case FAULT_REDIRECT: {
		struct buf empty = { 0 };

		*r = answer_body(a, f->status, &empty, "text/html", NULL);
		return true;
	}
	case FAULT_ERROR:
		text = f->message[0] ? f->message : error_description(f->error_id);
		*r = answer_error(a, f->status, f->error_id, text ? text : "unknown", f->backoff);
		return true;
	default:
		return false;
	}
}

static bool check_backoff(struct answer *a, enum MHD_Result *r)
{
	switch (limits_backoff(&a->rq->s, a->rq->method)) {
	case BACKOFF_FREE:
		return true;
	case BACKOFF_RACE:
		log_count(COUNT_BACKOFF_RACES);
		return true;
	case BACKOFF_VIOLATED:
		break;
	}
	log_count(COUNT_BACKOFF_VIOLATIONS);
	*r = answer_error(a, 400, 502, "Violation of backoff parameter", 0);
	return false;
}

static bool check_quota(struct answer *a, enum MHD_Result *r)
{
	int64_t left = limits_take_quota();

	if (left >= 0 || a->rq->s.quota_style == QUOTA_IGNORE)
		return true;
	*r = a->rq->s.quota_style == QUOTA_HTML_429
		     ? answer_html(a, 429, "Too Many Requests")
		     : answer_error(a, 400, 502,
				    "too many requests from this IP, more requests available in "
				    "86400 seconds",
				    0);
	return false;
}

static enum MHD_Result answer_api(struct answer *a, struct result *res)
{
	struct request *rq = a->rq;
	enum MHD_Result r;

	if (!rq->style)
		return send_unknown_url(a);
	if (rq->route) {
		pthread_mutex_lock(&server.data.lock);
		request_authenticate(rq, res);
		pthread_mutex_unlock(&server.data.lock);
	}
	if (res->error_id)
		return answer_error(a, 400, res->error_id, res->error_message, 0);
	if (!check_backoff(a, &r) || !check_quota(a, &r))
		return r;
	request_filter(rq, res);
	if (res->error_id)
		return answer_error(a, 400, res->error_id, res->error_message, 0);
	r = send_result(a, res);
	if (a->fault.kind == FAULT_RESET_AFTER)
		r = answer_reset(a);
	if (!is_success_fault(a->fault.kind))
		a->x->is_success = false;
	return r;
}

/* Tokens must not stand in logs: neither ours nor whatever follows access_token=. */
static char *redact(const char *uri)
{
	struct buf b = { 0 };

	while (*uri) {
		size_t n = 0;

		if (strncmp(uri, "access_token=", 13) == 0) {
			buf_adds(&b, "access_token=***");
			uri += 13;
			uri += strcspn(uri, "&");
			continue;
		}
		for (int i = 0; i < NR_TOKENS; i++)
			if (strncmp(uri, token_names[i], strlen(token_names[i])) == 0)
				n = strlen(token_names[i]);
		if (n)
			buf_adds(&b, "***");
		else
			buf_addc(&b, *uri++);
		uri += n;
		if (b.len > 8192)
			break;
	}
	return buf_take(&b);
}

static const char *style_name(enum style style)
{
	return style == STYLE_QUERY        ? "query"
	       : style == STYLE_PATH       ? "path"
	       : style == STYLE_ENTERPRISE ? "enterprise"
	       : style == STYLE_PUBLIC     ? "public"
					   : "none";
}

static void count_headers(const struct answer *a)
{
	const char *agent =
		MHD_lookup_connection_value(a->conn, MHD_HEADER_KIND, MHD_HTTP_HEADER_USER_AGENT);
	bool is_wrong_style;
	enum token token = request_token(a->rq, &is_wrong_style);

	if (!agent || !*agent)
		log_count(COUNT_NO_USER_AGENT);
	if (a->rq->token_header || a->rq->authorization || token != TOKEN_NONE)
		log_count(COUNT_TOKEN_SEEN);
	if (is_wrong_style)
		log_count(COUNT_TOKEN_WRONG_STYLE);
	if (strstr(a->x->uri, "access_token="))
		log_count(COUNT_TOKEN_IN_URL);
	else
		for (int i = 0; i < NR_TOKENS; i++)
			if (strstr(a->x->uri, token_names[i])) {
				log_count(COUNT_TOKEN_IN_URL);
				break;
			}
}

static void read_request(struct answer *a, struct request *rq, const char *http_method)
{
	struct MHD_Connection *conn = a->conn;

	*rq = (struct request){ .http_method = http_method,
				.uri = a->x->uri,
				.data = &server.data };
	rq->body = strcmp(http_method, "POST") == 0 ? a->x->body.data : NULL;
	rq->token_header = MHD_lookup_connection_value(conn, MHD_HEADER_KIND, "X-API-Access-Token");
	rq->authorization = MHD_lookup_connection_value(conn, MHD_HEADER_KIND, "Authorization");
	rq->api_key_header = MHD_lookup_connection_value(conn, MHD_HEADER_KIND, "X-API-Key");
	rq->s = server_settings();
	rq->now_s = server_now_s(&rq->s);
	rq->token = TOKEN_NONE;
}

static const char *static_method(const char *m)
{
	static const char *const known[] = { "GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS" };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strcmp(known[i], m) == 0)
			return known[i];
	return "OTHER";
}

static void arrive(struct answer *a, struct result *res)
{
	struct exchange *x = a->x;
	struct request *rq = a->rq;
	bool is_wrong_style;
	bool in_flight;

	request_parse(rq);
	request_route(rq, res);
	x->method = rq->method;
	x->is_counted = true;
	log_arrived(rq->method);
	count_headers(a);
	rq->token = request_token(rq, &is_wrong_style);
	a->log = (struct log_entry){ .time_ms = x->arrived_wall_ms,
				     .http_method = static_method(rq->http_method),
				     .uri = redact(x->uri),
				     .style = style_name(rq->style),
				     .token = rq->token >= 0            ? token_names[rq->token] + 4
					      : rq->token == TOKEN_NONE ? "none"
									: "unknown",
				     .route = rq->method };
	if (strcmp(rq->http_method, "GET") == 0) {
		char *key = request_key(rq);

		/* two people may ask the same */
		x->key = xasprintf("%s (%s)", key, a->log.token);
		free(key);
		a->log.is_repeat = log_asked(x->key, &in_flight);
	}
}

enum MHD_Result exchange_answer(struct exchange *x, struct MHD_Connection *conn,
				const char *http_method)
{
	struct result res = { 0 };
	struct request rq;
	struct answer a = { .x = x, .conn = conn, .rq = &rq };
	enum MHD_Result r;
	int64_t banned_s;

	read_request(&a, &rq, http_method);
	arrive(&a, &res);
	banned_s = limits_rate(&rq.s);
	faults_take(&a.fault, http_method, x->uri, rq.method);
	if (a.fault.delay_ms + rq.s.latency_ms > 0)
		server_sleep(a.fault.delay_ms + rq.s.latency_ms);
	if (banned_s) {
		a.fault.kind = FAULT_NONE;
		log_count(COUNT_BAN_REQUESTS);
		r = send_ban(&a, banned_s);
	} else if (x->is_too_large) {
		r = answer_html(&a, 413, "Payload Too Large");
	} else if (!answer_with_fault(&a, &r)) {
		r = answer_api(&a, &res);
	}
	request_release(&rq);
	free(res.error_message);
	buf_free(&res.items);
	return r;
}

void exchange_finish(struct exchange *x, bool is_complete)
{
	if (x->key)
		log_answered(x->key, is_complete && x->is_success);
	if (x->is_logged)
		log_finish(x->log_number, mono_ms() - x->arrived_ms, is_complete);
	if (x->is_counted)
		log_left();
	if (x->backoff_s)
		limits_backoff_sent(x->method, x->backoff_s);
}
