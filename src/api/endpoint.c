/* How the flavours of the service are spoken to (api-v2.3, "Base URLs and authentication"):
 *
 *     team, query    BASE/2.3/METHOD?team=SLUG          X-API-Access-Token: TOKEN
 *     team, path     BASE/v2.3/teams/SLUG/METHOD        Authorization: Bearer TOKEN
 *     enterprise     BASE/api/2.3/METHOD or BASE/2.3/…  X-API-Key: KEY, X-API-Access-Token: TOKEN
 *     public         BASE/2.3/METHOD?site=NAME&key=KEY
 *
 * A base URL that ends in /2.3 itself is taken as it is. The token is nowhere but in the headers. */
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	enum method method;
} routes[] = {
	[API_QUESTIONS] = { "/questions", METHOD_QUESTIONS },
	[API_QUESTIONS_BY_ID] = { "/questions/{ids}", METHOD_QUESTIONS_BY_ID },
	[API_QUESTION_ANSWERS] = { "/questions/{ids}/answers", METHOD_QUESTION_ANSWERS },
	[API_POST_COMMENTS] = { "/posts/{ids}/comments", METHOD_POST_COMMENTS },
	[API_TAGS] = { "/tags", METHOD_TAGS },
	[API_TAG_INFO] = { "/tags/{tag}/info", METHOD_TAG_INFO },
	[API_ME] = { "/me", METHOD_USERS },
	[API_ME_WRITE_PERMISSIONS] = { "/me/write-permissions", METHOD_WRITE_PERMISSIONS },
};

const char *method_name(enum method m)
{
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++)
		if (routes[i].method == m)
			return routes[i].name;
	return "/filters/create";
}

enum method method_of(enum api_route route)
{
	return routes[route].method;
}

static bool ends_with(const char *s, const char *end)
{
	size_t len = strlen(s), n = strlen(end);

	return len >= n && strcmp(s + len - n, end) == 0;
}

static void candidate(struct endpoint *e, enum api_style style, const struct api *api,
		      const char *path)
{
	e->style = style;
	snprintf(e->prefix, sizeof(e->prefix), "%s%s", api->base_url, path);
}

unsigned endpoint_candidates(const struct api *api, struct endpoint out[2])
{
	struct strbuf path = STRBUF_INIT;
	unsigned nr = 0;

	if (ends_with(api->base_url, "/2.3")) {
		candidate(&out[0], API_STYLE_QUERY, api, "");
		return 1;
	}
	switch (api->flavour) {
	case API_ENTERPRISE:
		candidate(&out[nr++], API_STYLE_QUERY, api, "/api/2.3");
		candidate(&out[nr++], API_STYLE_QUERY, api, "/2.3");
		break;
	case API_PUBLIC:
		candidate(&out[nr++], API_STYLE_QUERY, api, "/2.3");
		break;
	case API_TEAM:
		if (api->style != API_STYLE_PATH)
			candidate(&out[nr++], API_STYLE_QUERY, api, "/2.3");
		if (api->style == API_STYLE_QUERY)
			break;
		strbuf_adds(&path, "/v2.3/teams/");
		net_add_escaped(&path, api->team);
		candidate(&out[nr++], API_STYLE_PATH, api, strbuf_str(&path));
		strbuf_release(&path);
		break;
	}
	return nr;
}

static void add_param(struct strbuf *url, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	strbuf_addf(url, "%c%s=", strchr(url->buf, '?') ? '&' : '?', name);
	net_add_escaped(url, value);
}

static void build_url(struct strbuf *url, const struct api *api, const struct request *r,
		      const struct endpoint *e)
{
	strbuf_adds(url, e->prefix);
	strbuf_adds(url, r->path);
	if (strbuf_failed(url))
		return;
	if (*r->params)
		strbuf_addf(url, "?%s", r->params);
	if (strbuf_failed(url))
		return;
	if (api->flavour == API_TEAM && e->style == API_STYLE_QUERY && !r->is_anonymous)
		add_param(url, "team", api->team);
	if (api->flavour == API_PUBLIC) {
		if (!r->is_anonymous)
			add_param(url, "site", api->site);
		add_param(url, "key", api->key);
	}
	if (r->filter == FILTER_TOTAL)
		add_param(url, "filter", "total");
	else if (r->filter == FILTER_OURS)
		add_param(url, "filter", api->filter.id);
}

static void add_header(struct wire *w, const char *name, const char *value)
{
	for (unsigned i = 0; value && i < MAX_HEADERS; i++) {
		struct strbuf *sb = &w->header[i];

		if (w->headers[i])
			continue;
		/* In one piece: growing would leave copies of the secret behind. */
		if (strbuf_reserve(sb, strlen(name) + strlen(value)))
			strbuf_addf(sb, "%s%s", name, value);
		w->headers[i] = strbuf_str(sb);
		return;
	}
}

int wire_build_locked(struct wire *w, const struct api *api, const struct request *r)
{
	const struct endpoint *e = r->has_endpoint ? &r->endpoint : &api->endpoint;
	bool failed;

	*w = (struct wire){ 0 };
	build_url(&w->url, api, r, e);
	if (api->flavour == API_ENTERPRISE)
		add_header(w, "X-API-Key: ", api->key);
	if (api->flavour != API_PUBLIC && !r->is_anonymous) {
		if (e->style == API_STYLE_PATH)
			add_header(w, "Authorization: Bearer ", api->token);
		else
			add_header(w, "X-API-Access-Token: ", api->token);
	}
	failed = strbuf_failed(&w->url);
	for (unsigned i = 0; i < MAX_HEADERS; i++)
		failed = failed || strbuf_failed(&w->header[i]);
	return failed ? -ENOMEM : 0;
}

void wire_wipe(struct wire *w)
{
	strbuf_release(&w->url);
	for (unsigned i = 0; i < MAX_HEADERS; i++)
		strbuf_wipe(&w->header[i]);
}
