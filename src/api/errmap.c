#include "errmap.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A "more requests available in N seconds" beyond this is the quota of the day and not a short ban. */
#define LONG_BAN_S 900

/* ---- The service's errors ----------------------------------------------------------------------- */

static bool says(const struct envelope *env, const char *word)
{
	return strcasestr(env->error_message, word) || strcasestr(env->error_name, word);
}

/* The number in "... in N seconds", or -1. */
static int64_t said_seconds(const char *message)
{
	int64_t n = 0;
	const char *p = strcasestr(message, " second");

	if (!p)
		return -1;
	while (p > message && isdigit((unsigned char)p[-1]))
		p--;
	if (!isdigit((unsigned char)*p))
		return -1;
	for (; isdigit((unsigned char)*p) && n < 10000000; p++)
		n = n * 10 + (*p - '0');
	return n;
}

static const char *token_advice(const struct envelope *env)
{
	if (says(env, "expire"))
		return "the access token has expired; make a new one in the team's settings";
	if (says(env, "revoke"))
		return "the access token was revoked; make a new one in the team's settings";
	switch (env->error_id) {
	case 401:
		return "the server wants an access token; give one with token-file, token-command "
		       "or SOFS_TOKEN";
	case 400:
		return "the server does not know the app key; check api-key or api-key-file";
	case 405:
		return "the server wants an app key; give one with api-key or api-key-file";
	case 406:
		return "the access token was seen on an unsafe channel and is dead; make a new one";
	default:
		return "the server refuses the access token; check it, or make a new one in the "
		       "team's settings";
	}
}

static void set_quoted(struct outcome *o, int err, const char *sentence)
{
	failure_set(&o->failure, err, "%s (error %" PRId64 " %s: %s)", sentence, o->env.error_id,
		    o->env.error_name, o->env.error_message);
}

static void read_throttled(struct outcome *o)
{
	int64_t n = said_seconds(o->env.error_message);

	if (n >= 0)
		o->wait_s = n;
	if (n >= LONG_BAN_S || (o->env.has_quota && o->env.quota_remaining <= 0)) {
		o->kind = OUTCOME_QUOTA;
		set_quoted(o, -EDQUOT, "the daily quota of requests is spent; it renews by itself");
	} else {
		o->kind = OUTCOME_THROTTLED;
		set_quoted(o, -EBUSY, "the server asks for a pause; try again later");
	}
}

static void read_error(struct outcome *o, const char *what)
{
	char sentence[120];

	o->kind = OUTCOME_REFUSED;
	switch (o->env.error_id) {
	case 400:
		if (says(&o->env, "`key`")) {
			o->kind = OUTCOME_TOKEN;
			set_quoted(o, -EACCES, token_advice(&o->env));
			break;
		}
		if (says(&o->env, "filter"))
			o->kind = OUTCOME_FILTER;
		snprintf(sentence, sizeof(sentence),
			 "the server does not accept our parameters for %s: a fault of sofs or an "
			 "unsupported server",
			 what);
		set_quoted(o, -EIO, sentence);
		break;
	case 401:
	case 402:
	case 405:
	case 406:
		o->kind = OUTCOME_TOKEN;
		set_quoted(o, -EACCES, token_advice(&o->env));
		break;
	case 403:
		set_quoted(o, -EACCES,
			   "access denied: the token may be of another team, or the plan of the "
			   "team has no API");
		break;
	case 404:
		snprintf(sentence, sizeof(sentence),
			 "the server does not know the method %s: unsupported server, or wrong "
			 "api-url",
			 what);
		set_quoted(o, -EIO, sentence);
		break;
	case 502:
		read_throttled(o);
		break;
	case 500:
	case 503:
		o->kind = OUTCOME_BROKEN;
		set_quoted(o, -EIO, "the server failed; try again later");
		break;
	default:
		snprintf(sentence, sizeof(sentence), "the server refused %s", what);
		set_quoted(o, -EIO, sentence);
	}
}

/* ---- Everything else ---------------------------------------------------------------------------- */

static void read_net(struct outcome *o, const struct http_response *resp)
{
	const char *text = resp->text;

	switch (resp->result) {
	case NET_UNREACHABLE:
		o->kind = OUTCOME_NOBODY;
		failure_set(&o->failure, -EHOSTUNREACH, "cannot reach the server: %s", text);
		break;
	case NET_TLS:
		o->kind = OUTCOME_NOBODY;
		failure_set(&o->failure, -EHOSTUNREACH, "no secure connection: %s", text);
		break;
	case NET_BAD_CERT:
		o->kind = OUTCOME_NOBODY;
		failure_set(&o->failure, -EHOSTUNREACH,
			    "the server's certificate is not trusted: %s; if it is signed by your "
			    "own authority, name its certificate with ca-file",
			    text);
		break;
	case NET_TIMED_OUT:
		o->kind = OUTCOME_STALLED;
		failure_set(&o->failure, -ETIMEDOUT, "the server did not answer in time: %s", text);
		break;
	case NET_CANCELLED:
		o->kind = OUTCOME_CANCELLED;
		failure_set(&o->failure, -ECANCELED, "cancelled");
		break;
	case NET_TOO_BIG:
		o->kind = OUTCOME_REFUSED;
		failure_set(&o->failure, -EIO, "refused: %s", text);
		break;
	case NET_NO_MEMORY:
		o->kind = OUTCOME_REFUSED;
		failure_set(&o->failure, -ENOMEM, "out of memory");
		break;
	case NET_OK:
	case NET_BROKEN:
		o->kind = OUTCOME_BROKEN;
		failure_set(&o->failure, -EIO, "the transfer broke: %s", text);
		break;
	}
}

/* An answer that is not the service's JSON: a proxy, a ban, a wrong address. */
static void read_foreign(struct outcome *o, const struct http_response *resp, const char *reason,
			 bool was_limited)
{
	int status = resp->status;
	bool is_ban = status == 503 && (was_limited || resp->retry_after_s >= 0);

	o->is_html = resp->is_html || strcmp(reason, "HTML") == 0;
	if (status == 429 || is_ban) {
		o->kind = OUTCOME_THROTTLED;
		o->wait_s = resp->retry_after_s;
		failure_set(&o->failure, -EBUSY,
			    "the server asks for a pause (HTTP status %d); try again later",
			    status);
	} else if (status >= 300 && status < 400) {
		o->kind = OUTCOME_REFUSED;
		failure_set(&o->failure, -EIO,
			    "the server redirects to %s, which is not followed; if that is the "
			    "API, set api-url",
			    resp->location[0] ? resp->location : "nowhere");
	} else if (status >= 400 && status < 500 && status != 403 && status != 408) {
		o->kind = OUTCOME_REFUSED;
		failure_set(&o->failure, -EIO,
			    "no API at this address (HTTP status %d, %s): check api-url", status,
			    o->is_html ? "a web page" : reason);
	} else {
		o->kind = OUTCOME_BROKEN;
		failure_set(&o->failure, -EIO,
			    "the server's answer makes no sense (HTTP status %d, %s)%s", status,
			    o->is_html ? "a web page" : reason,
			    o->is_html ? "; it may come from a proxy or a login page" : "");
	}
}

void outcome_read(struct outcome *o, struct http_response *resp, const char *what, bool needs_items,
		  bool was_limited)
{
	const char *reason = "";
	int r;

	*o = (struct outcome){ .wait_s = -1, .status = resp->status };
	if (resp->result != NET_OK) {
		read_net(o, resp);
		return;
	}
	if (!resp->body.buf)
		r = -EBADMSG, reason = "an empty answer";
	else
		r = envelope_parse(&o->env, resp->body.buf, resp->body.len, &reason);
	if (r == -ENOMEM) {
		o->kind = OUTCOME_REFUSED;
		failure_set(&o->failure, -ENOMEM, "out of memory");
		return;
	}
	if (r < 0) {
		read_foreign(o, resp, reason, was_limited);
		return;
	}
	o->error_id = o->env.error_id;
	/* The service's own error is told by error_id alone: the status is 400 for all of them, and
	 * sometimes 200 (api-v2.3, "The wrapper object and errors"). */
	if (o->error_id) {
		read_error(o, what);
		if (o->kind == OUTCOME_THROTTLED && o->wait_s < 0)
			o->wait_s = resp->retry_after_s;
		if (resp->status == 429 && o->kind == OUTCOME_REFUSED)
			read_throttled(o);
		return;
	}
	if (resp->status != 200)
		read_foreign(o, resp, "JSON without error_id", was_limited);
	else if (needs_items && !o->env.has_items)
		read_foreign(o, resp, "JSON without items", was_limited);
}

int errmap_throttle(enum throttle_reason reason, uint64_t wait_ms, struct failure *failure)
{
	uint64_t s = (wait_ms + 999) / 1000;

	switch (reason) {
	case THROTTLE_QUOTA:
		failure_set(failure, -EDQUOT,
			    "the daily quota of requests is spent; next try in %" PRIu64 " s", s);
		break;
	case THROTTLE_BAN:
		failure_set(failure, -EBUSY,
			    "the server has asked for a pause of all requests; next try in %" PRIu64
			    " s",
			    s);
		break;
	case THROTTLE_BACKOFF:
		failure_set(failure, -EBUSY,
			    "the server has asked for a pause of this kind of request; next try in "
			    "%" PRIu64 " s",
			    s);
		break;
	case THROTTLE_RATE:
	case THROTTLE_NONE:
		failure_set(failure, -EBUSY, "too many requests are waiting; try again");
		break;
	}
	return failure->err;
}
