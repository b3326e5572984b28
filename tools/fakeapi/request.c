#include "request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	int id;
	const char *name;
	const char *description;
} errors[] = {
	{ 400, "bad_parameter", "An invalid parameter was passed" },
	{ 401, "access_token_required",
	  "A method that requires an access token was called without one" },
	{ 402, "invalid_access_token", "An invalid access token was passed" },
	{ 403, "access_denied", "The access token does not permit this" },
	{ 404, "no_method", "A method that does not exist was called" },
	{ 405, "key_required", "A method that requires an application key was called without one" },
	{ 406, "access_token_compromised", "The access token was seen on an insecure channel" },
	{ 407, "write_failed", "A write operation was refused" },
	{ 409, "duplicate_request", "The same write was sent twice in a short time" },
	{ 500, "internal_error", "An unexpected error occurred in the API" },
	{ 502, "throttle_violation", "An application broke the rate contract" },
	{ 503, "temporarily_unavailable", "Some or all of the API is unavailable" },
};

const char *error_name(int id)
{
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (errors[i].id == id)
			return errors[i].name;
	return "unknown_error";
}

const char *error_description(int id)
{
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (errors[i].id == id)
			return errors[i].description;
	return NULL;
}

void result_fail(struct result *res, int error_id, const char *fmt, ...)
{
	va_list ap;

	if (res->error_id)
		return;
	res->error_id = error_id;
	va_start(ap, fmt);
	if (vasprintf(&res->error_message, fmt, ap) < 0)
		abort();
	va_end(ap);
}

void *request_keep(struct request *rq, void *p)
{
	if (rq->nr_owned == (int)ARRAY_SIZE(rq->owned))
		abort(); /* the array has room for all that the parsers keep */
	rq->owned[rq->nr_owned++] = p;
	return p;
}

void request_release(struct request *rq)
{
	for (int i = 0; i < rq->nr_owned; i++)
		free(rq->owned[i]);
	rq->nr_owned = 0;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* %00 cannot be part of anything we know; it becomes U+FFFD so that nothing is cut short. */
static char *url_decode(struct request *rq, const char *s, size_t n, bool plus_is_space)
{
	char *out = request_keep(rq, xmalloc(n * 3 + 1));
	char *o = out;

	for (size_t i = 0; i < n; i++) {
		char c = s[i];

		if (c == '+' && plus_is_space) {
			c = ' ';
		} else if (c == '%' && i + 2 < n && hex(s[i + 1]) >= 0 && hex(s[i + 2]) >= 0) {
			c = (char)(hex(s[i + 1]) << 4 | hex(s[i + 2]));
			i += 2;
		}
		if (c == '\0') {
			memcpy(o, "\xef\xbf\xbd", 3);
			o += 3;
		} else {
			*o++ = c;
		}
	}
	*o = '\0';
	return out;
}

static void parse_form(struct request *rq, const char *s)
{
	while (*s && rq->nr_params < MAX_PARAMS) {
		size_t n = strcspn(s, "&");
		const char *eq = memchr(s, '=', n);
		size_t name_len = eq ? (size_t)(eq - s) : n;

		if (n) {
			struct param *p = &rq->params[rq->nr_params++];

			p->name = url_decode(rq, s, name_len, true);
			p->value = eq ? url_decode(rq, eq + 1, n - name_len - 1, true)
				      : p->name + strlen(p->name);
		}
		s += n + (s[n] == '&');
	}
}

const char *request_param(const struct request *rq, const char *name)
{
	for (int i = 0; i < rq->nr_params; i++)
		if (strcmp(rq->params[i].name, name) == 0)
			return rq->params[i].value;
	return NULL;
}

static bool skip(const char **s, const char *prefix)
{
	size_t n = strlen(prefix);

	if (strncmp(*s, prefix, n) != 0)
		return false;
	*s += n;
	return true;
}

/* The path without the part that belongs to the style, or NULL for a URL of no style. Classic team
 * and public URLs differ only in their parameters. */
static const char *strip_style(struct request *rq, const char *path)
{
	int styles = rq->s.styles;

	if (!skip(&path, rq->s.path_prefix))
		return NULL;
	if ((styles & STYLE_ENTERPRISE) && skip(&path, "/api/2.3/")) {
		rq->style = STYLE_ENTERPRISE;
	} else if ((styles & STYLE_PATH) && skip(&path, "/v2.3/teams/")) {
		size_t n = strcspn(path, "/?");

		if (path[n] != '/')
			return NULL;
		rq->style = STYLE_PATH;
		rq->team = url_decode(rq, path, n, false);
		path += n + 1;
	} else if ((styles & (STYLE_QUERY | STYLE_PUBLIC)) && skip(&path, "/2.3/")) {
		const char *team = request_param(rq, "team");
		bool is_public = !(styles & STYLE_QUERY) ||
				 ((styles & STYLE_PUBLIC) && !team && request_param(rq, "site"));

		rq->style = is_public ? STYLE_PUBLIC : STYLE_QUERY;
		rq->team = is_public || !team ? NULL : request_keep(rq, xstrdup(team));
	} else {
		return NULL;
	}
	return path;
}

void request_parse(struct request *rq)
{
	const char *query = strchr(rq->uri, '?');
	const char *path;

	if (query)
		parse_form(rq, query + 1);
	if (rq->body)
		parse_form(rq, rq->body);
	path = strip_style(rq, rq->uri);
	if (!path)
		return;
	while (*path && *path != '?') {
		size_t n = strcspn(path, "/?");

		if (rq->nr_segments == MAX_SEGMENTS) {
			rq->nr_segments = 0; /* longer than any method */
			return;
		}
		rq->segments[rq->nr_segments++] = url_decode(rq, path, n, false);
		path += n;
		if (*path == '/')
			path++; /* so that a trailing slash adds no segment */
	}
}

/* An id that is not a number makes the URL that of another method, which does not exist: 404, not
 * 400 (docs/error-handling). */
static void parse_ids(struct request *rq, struct result *res, int max)
{
	const char *s = rq->vector;

	do {
		char *end;
		long long id;
		bool known = false;

		if (*s != '-' && (*s < '0' || *s > '9')) {
			result_fail(res, 404, "no method found with this name");
			return;
		}
		id = strtoll(s, &end, 10);
		if (*end && *end != ';') {
			result_fail(res, 404, "no method found with this name");
			return;
		}
		for (int i = 0; i < rq->nr_ids; i++)
			known = known || rq->ids[i] == id;
		if (!known && rq->nr_ids == max) {
			result_fail(res, 400, "ids");
			return;
		}
		if (!known)
			rq->ids[rq->nr_ids++] = id;
		if (!*end)
			return;
		s = end + 1;
	} while (true);
}

static int count_words(const char *s)
{
	int n = 1;

	for (; *s; s++)
		n += *s == ';';
	return n;
}

void request_route(struct request *rq, struct result *res)
{
	bool is_post = strcmp(rq->http_method, "POST") == 0;

	rq->method = "unknown";
	if (!rq->style || !rq->nr_segments) {
		result_fail(res, 404, "no method found with this name");
		return;
	}
	rq->route = route_find(rq);
	if (!rq->route || (is_post && !(rq->route->flags & ROUTE_POST))) {
		rq->route = NULL;
		result_fail(res, 404, "no method found with this name");
		return;
	}
	rq->method = rq->route->pattern;
	switch (rq->route->vector) {
	case VECTOR_NONE:
		break;
	case VECTOR_ID:
	case VECTOR_IDS:
		if (!rq->is_me)
			parse_ids(rq, res, rq->route->max_vector);
		break;
	case VECTOR_TAGS:
	case VECTOR_WORDS:
		if (count_words(rq->vector) > rq->route->max_vector)
			result_fail(res, 400, rq->route->vector == VECTOR_TAGS ? "tags" : "ids");
		break;
	}
}

void request_filter(struct request *rq, struct result *res)
{
	struct filter_settings fs = { (uint32_t)rq->s.filter_salt, rq->s.nasty_filter_ids };
	const char *id = request_param(rq, "filter");

	if (!filter_parse(&rq->filter, id && *id ? id : "default", &fs)) {
		filter_parse(&rq->filter, "default", &fs);
		result_fail(res, rq->s.error_for[REFUSE_BAD_FILTER], "Invalid filter specified");
	}
	if (rq->s.safe_only)
		rq->filter.is_unsafe = false;
}

static int by_id(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a;
	int64_t y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "b;a;b" -> "a;b" */
static char *sorted_words(const char *s)
{
	char *words[256];
	struct buf b = { 0 };
	int n = 0;

	while (*s && n < (int)ARRAY_SIZE(words)) {
		size_t len = strcspn(s, ";");

		words[n++] = xstrndup(s, len);
		s += len + (s[len] == ';');
	}
	qsort(words, (size_t)n, sizeof(*words), by_text);
	for (int i = 0; i < n; i++) {
		if (i == 0 || strcmp(words[i], words[i - 1]) != 0) {
			if (b.len)
				buf_addc(&b, ';');
			buf_adds(&b, words[i]);
		}
	}
	for (int i = 0; i < n; i++)
		free(words[i]);
	buf_adds(&b, s); /* what did not fit stays as it is */
	return buf_take(&b);
}

static bool is_default_param(const struct param *p)
{
	static const char *const dropped[] = { "key",  "access_token", "team",  "site",
					       "page", "pagesize",     "order", "filter" };
	static const char *const defaults[] = {
		NULL, NULL, NULL, NULL, "1", "30", "desc", "default"
	};

	for (size_t i = 0; i < ARRAY_SIZE(dropped); i++)
		if (strcmp(p->name, dropped[i]) == 0)
			return !defaults[i] || strcmp(p->value, defaults[i]) == 0;
	return p->value[0] == '\0';
}

char *request_key(const struct request *rq)
{
	static const char *const lists[] = { "tagged", "nottagged", "include", "exclude", "tags" };
	char *pairs[MAX_PARAMS];
	struct buf b = { 0 };
	int n = 0;

	buf_adds(&b, rq->route ? rq->route->pattern : "unknown");
	if (rq->style == STYLE_PUBLIC)
		buf_addf(&b, "@%s", request_param(rq, "site") ? request_param(rq, "site") : "");
	if (rq->is_me)
		buf_addf(&b, " user=%lld", (long long)rq->user_id);
	if (rq->route && (rq->route->flags & ROUTE_TOKEN))
		buf_addf(&b, " token=%d", rq->token);
	if (rq->nr_ids) {
		int64_t ids[MAX_IDS];

		memcpy(ids, rq->ids, (size_t)rq->nr_ids * sizeof(*ids));
		qsort(ids, (size_t)rq->nr_ids, sizeof(*ids), by_id);
		for (int i = 0; i < rq->nr_ids; i++)
			buf_addf(&b, "%c%lld", i ? ';' : ' ', (long long)ids[i]);
	} else if (rq->vector) {
		char *words = sorted_words(rq->vector);

		buf_addf(&b, " %s", words);
		free(words);
	}
	for (int i = 0; i < rq->nr_params; i++) {
		const struct param *p = &rq->params[i];
		bool is_list = false;
		char *value;

		if (is_default_param(p))
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(lists); k++)
			is_list = is_list || strcmp(p->name, lists[k]) == 0;
		value = is_list ? sorted_words(p->value) : xstrdup(p->value);
		pairs[n++] = xasprintf("%s=%s", p->name, value);
		free(value);
	}
	qsort(pairs, (size_t)n, sizeof(*pairs), by_text);
	for (int i = 0; i < n; i++) {
		buf_addf(&b, "%c%s", i ? '&' : '?', pairs[i]);
		free(pairs[i]);
	}
	return buf_take(&b);
}
