/* Who asks, and whether that is allowed. What each refusal looks like is mostly unknown (the
 * documentation lists causes, not error ids), so it is looked up in settings.error_for. */

#include "request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define APP_KEY        "key-app" /* public sites */
#define ENTERPRISE_KEY "key-ent"

static enum token find_token(const char *text)
{
	if (!text || !*text)
		return TOKEN_NONE;
	for (int i = 0; i < NR_TOKENS; i++)
		if (strcmp(text, token_names[i]) == 0)
			return (enum token)i;
	return TOKEN_FOREIGN;
}

static const char *bearer(const struct request *rq)
{
	const char *a = rq->authorization;

	return a && strncasecmp(a, "Bearer ", 7) == 0 ? a + 7 + strspn(a + 7, " ") : NULL;
}

enum token request_token(const struct request *rq, bool *is_wrong_style)
{
	const char *own = rq->style == STYLE_PATH ? bearer(rq) : rq->token_header;
	const char *other = rq->style == STYLE_PATH ? rq->token_header : bearer(rq);

	*is_wrong_style = other || (own && (rq->style == STYLE_PUBLIC || rq->style == 0));
	if (rq->style == STYLE_PUBLIC || rq->style == 0)
		return find_token(own ? own : other);
	if (own)
		return find_token(own);
	return rq->s.mixed_headers ? find_token(other) : TOKEN_NONE;
}

/* tok-rw and tok-ro belong to the first person who asked something, tok-rw2 to the second, unless
 * the settings name them. */
static int64_t token_user(const struct request *rq, enum token token)
{
	int64_t wanted = token == TOKEN_RW2 ? rq->s.user2 : rq->s.user;

	return wanted ? wanted : data_nth_asker(rq->data, token == TOKEN_RW2 ? 2 : 1);
}

static void check_token(struct request *rq, struct result *res)
{
	const int *error_for = rq->s.error_for;
	int state = rq->token >= 0 ? rq->s.token_state[rq->token] : TOKEN_UNKNOWN;

	if (rq->token == TOKEN_NONE) {
		result_fail(res, error_for[REFUSE_NO_TOKEN],
			    "This method requires an access token");
		return;
	}
	switch ((enum token_state)state) {
	case TOKEN_OK:
		rq->user_id = token_user(rq, rq->token);
		break;
	case TOKEN_EXPIRED:
		result_fail(res, error_for[REFUSE_EXPIRED], "The access token has expired");
		break;
	case TOKEN_REVOKED:
		result_fail(res, error_for[REFUSE_REVOKED], "The access token has been revoked");
		break;
	case TOKEN_OTHER_TEAM:
		result_fail(res, error_for[REFUSE_OTHER_TEAM],
			    "The access token does not have access to this team");
		break;
	case TOKEN_NO_PLAN:
		result_fail(res, error_for[REFUSE_NO_PLAN],
			    "The plan of this team does not include the API");
		break;
	case TOKEN_UNKNOWN:
		result_fail(res, error_for[REFUSE_UNKNOWN], "`access_token` is not valid");
		break;
	}
}

static void check_team(struct request *rq, struct result *res)
{
	if (!rq->team || !*rq->team)
		result_fail(res, 400, "`team` is required");
	else if (strcmp(rq->team, rq->s.team) != 0)
		result_fail(res, rq->s.error_for[REFUSE_UNKNOWN_TEAM],
			    "No team found for name `%s`", rq->team);
}

static bool is_known_site(const struct request *rq, const char *site)
{
	const char *list = rq->s.sites;
	size_t len = strlen(site);

	while (*list) {
		size_t n = strcspn(list, ",");

		if (n == len && memcmp(list, site, n) == 0)
			return true;
		list += n + (list[n] == ',');
	}
	return false;
}

/* Public network: the key is optional, an access token stands in the query and needs the key. */
static void authenticate_public(struct request *rq, struct result *res)
{
	const char *site = request_param(rq, "site");
	const char *key = request_param(rq, "key");
	const char *page = request_param(rq, "page");

	if (key && *key && strcmp(key, APP_KEY) != 0)
		result_fail(res, rq->s.error_for[REFUSE_BAD_KEY],
			    "`key` doesn't match a known application");
	rq->has_key = key && *key;
	rq->token = find_token(request_param(rq, "access_token"));
	if (rq->token != TOKEN_NONE) {
		if (!rq->has_key)
			result_fail(res, 405, "`key` is required when `access_token` is passed.");
		check_token(rq, res);
	} else if ((rq->route->flags & ROUTE_USER) || rq->is_me) {
		check_token(rq, res);
	}
	if (rq->route->flags & ROUTE_OPEN)
		return;
	if (!site || !*site)
		result_fail(res, 400, "site is required");
	else if (!is_known_site(rq, site))
		result_fail(res, 400, "No site found for name `%s`", site);
	if (page && atoll(page) > rq->s.anonymous_pages && !rq->has_key && rq->token == TOKEN_NONE)
		result_fail(res, 403, "page above %d requires access token or app key",
			    rq->s.anonymous_pages);
}

static void authenticate_enterprise(struct request *rq, struct result *res)
{
	const char *key = rq->api_key_header ? rq->api_key_header : request_param(rq, "key");
	bool is_wrong_style;

	rq->token = request_token(rq, &is_wrong_style);
	rq->has_key = key && *key;
	if (rq->has_key && strcmp(key, ENTERPRISE_KEY) != 0)
		result_fail(res, rq->s.error_for[REFUSE_BAD_KEY],
			    "`key` doesn't match a known application");
	if (!(rq->route->flags & ROUTE_OPEN) && !rq->has_key)
		result_fail(res, rq->s.error_for[REFUSE_NO_KEY], "`key` is required");
	if (rq->token != TOKEN_NONE || (rq->route->flags & ROUTE_USER) || rq->is_me)
		check_token(rq, res);
}

void request_authenticate(struct request *rq, struct result *res)
{
	bool is_wrong_style;

	rq->token = TOKEN_NONE;
	switch (rq->style) {
	case STYLE_PUBLIC:
		authenticate_public(rq, res);
		break;
	case STYLE_ENTERPRISE:
		authenticate_enterprise(rq, res);
		break;
	case STYLE_QUERY:
	case STYLE_PATH:
		rq->token = request_token(rq, &is_wrong_style);
		if (rq->route->flags & ROUTE_OPEN)
			break; /* team and token are harmless here, whatever they are */
		check_token(rq, res);
		check_team(rq, res);
		break;
	}
	if (rq->is_me) {
		rq->ids[0] = rq->user_id;
		rq->nr_ids = 1;
	}
}
