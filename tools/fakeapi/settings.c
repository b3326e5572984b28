#include "settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTING(kind, member)                                        \
	.type = (kind), .offset = offsetof(struct settings, member), \
	.size = sizeof(((struct settings *)0)->member)

const struct setting settings[] = {
	{ "styles", SETTING(KIND_SET, styles), "query,path,enterprise,public",
	  .choices = "query|path|enterprise|public", .help = "URL styles that exist" },
	{ "unknown-url", SETTING(KIND_CHOICE, unknown_url), "html404",
	  .choices = "html404|no_method", .help = "answer to a URL of no style" },
	{ "mixed-headers", SETTING(KIND_CHOICE, mixed_headers), "accept",
	  .choices = "reject|accept", .help = "token in the other style's header" },
	{ "path-prefix", SETTING(KIND_STRING, path_prefix), "", .help = "all URLs start with it" },
	{ "team", SETTING(KIND_STRING, team), "acme", .help = "slug of the one team" },
	{ "sites", SETTING(KIND_STRING, sites),
	  "stackoverflow,stackoverflow.com,unix,unix.stackexchange.com,beer,beer.stackexchange.com",
	  .help = "names of the public style" },
	{ "user", SETTING(KIND_INT64, user), "0", 0, INT64_MAX, .help = "owner of tok-rw, tok-ro" },
	{ "user2", SETTING(KIND_INT64, user2), "0", 0, INT64_MAX, .help = "owner of tok-rw2" },
	{ "write-permissions", SETTING(KIND_CHOICE, write_permissions), "token",
	  .choices = "all|token", .help = "what write-permissions tells a read-only token" },
	{ "compression", SETTING(KIND_CHOICE, compression), "auto",
	  .choices = "auto|gzip|deflate|raw-deflate|none|gzip-noheader|deflate-as-gzip|gzip-as-"
		     "deflate",
	  .help = "encoding of answers" },
	{ "gzip-level", SETTING(KIND_INT, gzip_level), "1", 1, 9, .help = "zlib level" },
	{ "json-escape", SETTING(KIND_CHOICE, json_escape), "astral", .choices = "astral|none|all",
	  .help = "which characters are written as \\uXXXX" },
	{ "filters", SETTING(KIND_CHOICE, safe_only), "both", .choices = "both|safe-only",
	  .help = "safe-only ignores unsafe=true" },
	{ "double-encode", SETTING(KIND_CHOICE, double_encode), "no", .choices = "no|yes",
	  .help = "safe filters encode twice" },
	{ "filter-salt", SETTING(KIND_INT, filter_salt), "0", 0, INT32_MAX,
	  .help = "another salt makes all made filter ids unknown" },
	{ "nasty-filter-ids", SETTING(KIND_CHOICE, nasty_filter_ids), "no", .choices = "no|yes",
	  .help = "ids with # % & + in them" },
	{ "nested-cap", SETTING(KIND_INT, nested_cap), "0", 0, 1000000,
	  .help = "nested answers, comments beyond N are left out (0 = none are)" },
	{ "max-pagesize", SETTING(KIND_INT, max_pagesize), "100", 1, 100000,
	  .help = "largest page" },
	{ "anonymous-pages", SETTING(KIND_INT, anonymous_pages), "25", 0, 1000000,
	  .help = "public style: deepest page without key or token" },
	{ "latency-ms", SETTING(KIND_INT64, latency_ms), "0", 0, 600000,
	  .help = "delay of every answer" },
	{ "clock-offset-s", SETTING(KIND_INT64, clock_offset_s), "0", -4000000000, 4000000000,
	  .help = "the server's clock minus the real one" },
	{ "cache-s", SETTING(KIND_INT64, cache_s), "60", 0, 86400,
	  .help = "identical requests get the same data this long (0 = never)" },
	{ "rate-limit", SETTING(KIND_INT, rate_limit), "30", 0, 1000000,
	  .help = "requests per sliding second before a ban (0 = no limit)" },
	{ "ban-s", SETTING(KIND_INT64, ban_s), "30", 0, 1000000, .help = "length of a ban" },
	{ "ban-style", SETTING(KIND_CHOICE, ban_style), "html503",
	  .choices = "html503|html429|json502", .help = "answer during a ban" },
	{ "backoff-every", SETTING(KIND_INT, backoff_every), "0", 0, 1000000,
	  .help = "each K-th answer of a method has a backoff; K:SECONDS sets both" },
	{ "backoff-s", SETTING(KIND_INT64, backoff_s), "10", 0, 1000000,
	  .help = "seconds it asks for" },
	{ "backoff-grace-ms", SETTING(KIND_INT64, backoff_grace_ms), "100", 0, 60000,
	  .help = "requests this soon after a backoff was sent are served and counted apart" },
	{ "quota-max", SETTING(KIND_INT64, quota_max), "10000", 0, INT64_MAX,
	  .help = "daily quota" },
	{ "quota-style", SETTING(KIND_CHOICE, quota_style), "json502",
	  .choices = "json502|html429|ignore", .help = "answer when the quota is spent" },
};

const size_t nr_settings = ARRAY_SIZE(settings);

static const struct {
	const char *name;
	int error_id;
} refusals[NR_REFUSALS] = {
	[REFUSE_NO_TOKEN] = { "notoken", 401 },         [REFUSE_UNKNOWN] = { "unknown", 402 },
	[REFUSE_EXPIRED] = { "expired", 402 },          [REFUSE_REVOKED] = { "revoked", 402 },
	[REFUSE_OTHER_TEAM] = { "otherteam", 403 },     [REFUSE_NO_PLAN] = { "noplan", 403 },
	[REFUSE_UNKNOWN_TEAM] = { "unknownteam", 400 }, [REFUSE_NO_KEY] = { "nokey", 405 },
	[REFUSE_BAD_KEY] = { "badkey", 400 },           [REFUSE_BAD_FILTER] = { "badfilter", 400 },
};

const char *const token_names[NR_TOKENS] = { "tok-rw",      "tok-ro",      "tok-rw2",
					     "tok-expired", "tok-revoked", "tok-otherteam",
					     "tok-noplan" };
static const char token_choices[] =
	"tok-rw|tok-ro|tok-rw2|tok-expired|tok-revoked|tok-otherteam|tok-noplan";
static const char state_choices[] = "ok|expired|revoked|otherteam|noplan|unknown";

/* Place of the first n characters of name in "a|b|c", or -1. */
static int choice(const char *choices, const char *name, size_t n)
{
	for (int i = 0;; i++) {
		size_t len = strcspn(choices, "|");

		if (len == n && memcmp(choices, name, n) == 0)
			return i;
		if (!choices[len])
			return -1;
		choices += len + 1;
	}
}

const char *setting_set(struct settings *s, const struct setting *o, const char *value)
{
	void *member = (char *)s + o->offset;
	char *end;
	long long v;
	int bits = 0;

	switch (o->type) {
	case KIND_STRING:
		if (strlen(value) >= o->size)
			return "too long";
		memset(member, 0, o->size);
		memcpy(member, value, strlen(value));
		return NULL;
	case KIND_CHOICE:
		v = choice(o->choices, value, strlen(value));
		if (v < 0)
			return "not one of the choices";
		*(int *)member = (int)v;
		return NULL;
	case KIND_SET:
		while (*value) {
			size_t n = strcspn(value, ",");

			v = choice(o->choices, value, n);
			if (v < 0)
				return "not one of the choices";
			bits |= 1 << v;
			value += n + (value[n] == ',');
		}
		*(int *)member = bits;
		return NULL;
	case KIND_INT:
	case KIND_INT64:
		errno = 0;
		v = strtoll(value, &end, 10);
		if (errno || end == value || *end)
			return "not a number";
		if (v < o->min || v > o->max)
			return "out of range";
		if (o->type == KIND_INT)
			*(int *)member = (int)v;
		else
			*(int64_t *)member = v;
		return NULL;
	}
	return "unknown kind";
}

const char *settings_set_refusal(struct settings *s, const char *name, size_t n, long long error_id)
{
	if (error_id < 400 || error_id > 599)
		return "not an error id";
	for (int i = 0; i < NR_REFUSALS; i++) {
		if (strlen(refusals[i].name) != n || memcmp(refusals[i].name, name, n) != 0)
			continue;
		s->error_for[i] = (int)error_id;
		return NULL;
	}
	return "unknown refusal";
}

const char *settings_set_token(struct settings *s, const char *name, size_t n, const char *state)
{
	int token = choice(token_choices, name, n);
	int v = choice(state_choices, state, strlen(state));

	if (token < 0)
		return "unknown token";
	if (v < 0)
		return "unknown token state";
	s->token_state[token] = v;
	return NULL;
}

const char *settings_set_json(struct settings *s, const cJSON *item)
{
	const cJSON *o;
	char number[32];

	if (strcmp(item->string, "error_for") == 0) {
		cJSON_ArrayForEach(o, item)
		{
			const char *wrong = settings_set_refusal(s, o->string ? o->string : "",
								 strlen(o->string ? o->string : ""),
								 (long long)o->valuedouble);

			if (wrong)
				return wrong;
		}
		return NULL;
	}
	if (strcmp(item->string, "token") == 0) {
		cJSON_ArrayForEach(o, item)
		{
			const char *wrong = "not a string";

			if (o->string && cJSON_IsString(o))
				wrong = settings_set_token(s, o->string, strlen(o->string),
							   o->valuestring);
			if (wrong)
				return wrong;
		}
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		char name[32];

		snprintf(name, sizeof(name), "%s", settings[i].name);
		for (char *c = name; *c; c++)
			if (*c == '-')
				*c = '_';
		if (strcmp(name, item->string) != 0)
			continue;
		if (cJSON_IsString(item))
			return setting_set(s, &settings[i], item->valuestring);
		if (cJSON_IsBool(item) && settings[i].type == KIND_CHOICE)
			return setting_set(s, &settings[i], cJSON_IsTrue(item) ? "yes" : "no");
		if (!cJSON_IsNumber(item))
			return "neither string nor number";
		snprintf(number, sizeof(number), "%.0f", item->valuedouble);
		return setting_set(s, &settings[i], number);
	}
	return "unknown setting";
}

cJSON *settings_to_json(const struct settings *s)
{
	cJSON *o = cJSON_CreateObject();
	cJSON *errors = cJSON_AddObjectToObject(o, "error_for");

	for (int i = 0; i < NR_REFUSALS; i++)
		cJSON_AddNumberToObject(errors, refusals[i].name, s->error_for[i]);
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		const void *member = (const char *)s + settings[i].offset;
		struct buf names = { 0 };
		char key[32];
		int v;

		snprintf(key, sizeof(key), "%s", settings[i].name);
		for (char *c = key; *c; c++)
			if (*c == '-')
				*c = '_';
		switch (settings[i].type) {
		case KIND_STRING:
			cJSON_AddStringToObject(o, key, member);
			break;
		case KIND_INT:
			cJSON_AddNumberToObject(o, key, *(const int *)member);
			break;
		case KIND_INT64:
			cJSON_AddNumberToObject(o, key, (double)*(const int64_t *)member);
			break;
		case KIND_CHOICE:
		case KIND_SET:
			v = *(const int *)member;
			for (const char *c = settings[i].choices; *c; v--) {
				size_t n = strcspn(c, "|");
				bool is_set = settings[i].type == KIND_SET;
				int bit = *(const int *)member - v;

				if (is_set ? *(const int *)member >> bit & 1 : v == 0) {
					if (names.len)
						buf_addc(&names, ',');
					buf_add(&names, c, n);
				}
				c += n + (c[n] == '|');
			}
			cJSON_AddStringToObject(o, key, names.data ? names.data : "");
			buf_free(&names);
			break;
		}
	}
	return o;
}

void settings_init(struct settings *s)
{
	*s = (struct settings){ 0 };
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		if (setting_set(s, &settings[i], settings[i].dflt))
			abort(); /* a default that its own limits refuse */
	for (int i = 0; i < NR_REFUSALS; i++)
		s->error_for[i] = refusals[i].error_id;
	s->token_state[TOKEN_IS_EXPIRED] = TOKEN_EXPIRED;
	s->token_state[TOKEN_IS_REVOKED] = TOKEN_REVOKED;
	s->token_state[TOKEN_IS_OTHER_TEAM] = TOKEN_OTHER_TEAM;
	s->token_state[TOKEN_IS_NO_PLAN] = TOKEN_NO_PLAN;
}
