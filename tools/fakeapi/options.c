#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum kind { KIND_INT, KIND_INT64, KIND_STRING, KIND_CHOICE, KIND_SET };

#define SETTING(kind, member) \
	.type = (kind), .offset = offsetof(struct settings, member), \
	.size = sizeof(((struct settings *)0)->member)

/* choices: names joined with '|'; the value is the place in the list (KIND_SET: a bit of it) */
static const struct setting {
	const char *name;
	enum kind type;
	size_t offset;
	size_t size;
	const char *dflt;
	int64_t min, max;
	const char *choices;
	const char *help;
} settings[] = {
	{ "styles", SETTING(KIND_SET, styles), "query,path,enterprise,public",
	  .choices = "query|path|enterprise|public", .help = "URL styles that exist" },
	{ "unknown-url", SETTING(KIND_CHOICE, unknown_url), "html404", .choices = "html404|no_method",
	  .help = "answer to a URL of no style" },
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
	  .choices = "auto|gzip|deflate|raw-deflate|none|gzip-noheader|deflate-as-gzip|gzip-as-deflate",
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
	{ "max-pagesize", SETTING(KIND_INT, max_pagesize), "100", 1, 100000, .help = "largest page" },
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
	{ "ban-style", SETTING(KIND_CHOICE, ban_style), "html503", .choices = "html503|html429|json502",
	  .help = "answer during a ban" },
	{ "backoff-every", SETTING(KIND_INT, backoff_every), "0", 0, 1000000,
	  .help = "each K-th answer of a method has a backoff; K:SECONDS sets both" },
	{ "backoff-s", SETTING(KIND_INT64, backoff_s), "10", 0, 1000000, .help = "seconds it asks for" },
	{ "backoff-grace-ms", SETTING(KIND_INT64, backoff_grace_ms), "100", 0, 60000,
	  .help = "requests this soon after a backoff was sent are served and counted apart" },
	{ "quota-max", SETTING(KIND_INT64, quota_max), "10000", 0, INT64_MAX, .help = "daily quota" },
	{ "quota-style", SETTING(KIND_CHOICE, quota_style), "json502",
	  .choices = "json502|html429|ignore", .help = "answer when the quota is spent" },
};

static const struct {
	const char *name;
	int error_id;
} refusals[NR_REFUSALS] = {
	[REFUSE_NO_TOKEN] = { "notoken", 401 },
	[REFUSE_UNKNOWN] = { "unknown", 402 },
	[REFUSE_EXPIRED] = { "expired", 402 },
	[REFUSE_REVOKED] = { "revoked", 402 },
	[REFUSE_OTHER_TEAM] = { "otherteam", 403 },
	[REFUSE_NO_PLAN] = { "noplan", 403 },
	[REFUSE_UNKNOWN_TEAM] = { "unknownteam", 400 },
	[REFUSE_NO_KEY] = { "nokey", 405 },
	[REFUSE_BAD_KEY] = { "badkey", 400 },
	[REFUSE_BAD_FILTER] = { "badfilter", 400 },
};

const char *const token_names[NR_TOKENS] = { "tok-rw",	     "tok-ro",	      "tok-rw2",   "tok-expired",
					     "tok-revoked",  "tok-otherteam", "tok-noplan" };
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

static const char *set_value(struct settings *s, const struct setting *o, const char *value)
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

static const char *set_refusal(struct settings *s, const char *name, size_t n, long long error_id)
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

static const char *set_token(struct settings *s, const char *name, size_t n, const char *state)
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
		cJSON_ArrayForEach(o, item) {
			const char *wrong = set_refusal(s, o->string ? o->string : "",
							strlen(o->string ? o->string : ""),
							(long long)o->valuedouble);

			if (wrong)
				return wrong;
		}
		return NULL;
	}
	if (strcmp(item->string, "token") == 0) {
		cJSON_ArrayForEach(o, item) {
			const char *wrong = "not a string";

			if (o->string && cJSON_IsString(o))
				wrong = set_token(s, o->string, strlen(o->string), o->valuestring);
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
			return set_value(s, &settings[i], item->valuestring);
		if (cJSON_IsBool(item) && settings[i].type == KIND_CHOICE)
			return set_value(s, &settings[i], cJSON_IsTrue(item) ? "yes" : "no");
		if (!cJSON_IsNumber(item))
			return "neither string nor number";
		snprintf(number, sizeof(number), "%.0f", item->valuedouble);
		return set_value(s, &settings[i], number);
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

enum {
	OPT_SETTING = 1000,
	OPT_PORT = 2000,
	OPT_READY_FILE,
	OPT_SAMPLE,
	OPT_CORPUS,
	OPT_SYNTHETIC,
	OPT_ARTICLES,
	OPT_LOG,
	OPT_TLS,
	OPT_EXIT_WITH_PARENT,
	OPT_QUOTA_REMAINING,
	OPT_ERROR_FOR,
	OPT_TOKEN,
	OPT_HELP,
};

static const struct option main_options[] = {
	{ "port", required_argument, NULL, OPT_PORT },
	{ "ready-file", required_argument, NULL, OPT_READY_FILE },
	{ "sample", optional_argument, NULL, OPT_SAMPLE },
	{ "corpus", required_argument, NULL, OPT_CORPUS },
	{ "synthetic", required_argument, NULL, OPT_SYNTHETIC },
	{ "articles", required_argument, NULL, OPT_ARTICLES },
	{ "log", required_argument, NULL, OPT_LOG },
	{ "tls", required_argument, NULL, OPT_TLS },
	{ "exit-with-parent", no_argument, NULL, OPT_EXIT_WITH_PARENT },
	{ "quota-remaining", required_argument, NULL, OPT_QUOTA_REMAINING },
	{ "error-for", required_argument, NULL, OPT_ERROR_FOR },
	{ "token", required_argument, NULL, OPT_TOKEN },
	{ "help", no_argument, NULL, OPT_HELP },
};

static void usage(FILE *f)
{
	fputs("usage: fakeapi [--port N] [--ready-file FILE] [--log FILE] [--tls CERT KEY]\n"
	      "               [--sample [DIR] | --corpus FILE.jsonl[.gz] | --synthetic N] [--articles N]\n"
	      "               [--exit-with-parent] [--quota-remaining N] [--error-for NAME=ERROR_ID]\n"
	      "               [--token NAME=STATE] [SETTING...]\n\nSettings:\n",
	      f);
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		fprintf(f, "  --%-18s %s", settings[i].name, settings[i].help);
		if (settings[i].choices)
			fprintf(f, " (%s)", settings[i].choices);
		fprintf(f, " [%s]\n", settings[i].dflt);
	}
}

static void die(const char *option, const char *value, const char *wrong)
{
	fprintf(stderr, "fakeapi: --%s %s: %s\n", option, value, wrong);
	exit(2);
}

static int64_t number(const char *option, const char *value, int64_t min, int64_t max)
{
	char *end;
	long long v = strtoll(value, &end, 10);

	if (end == value || *end || v < min || v > max)
		die(option, value, "not a number, or out of range");
	return v;
}

/* The directory that this program's sources have beside them: found from the executable, so that
 * "fakeapi --sample" works in a build tree; elsewhere the directory has to be named. */
static char *default_sample(void)
{
	static const char *const places[] = {
		"tools/fakeapi/sample",
		"../tools/fakeapi/sample",
		"../../../tools/fakeapi/sample",
		"sample",
	};
	char exe[4096];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	exe[n > 0 ? n : 0] = '\0';
	if (strrchr(exe, '/'))
		*strrchr(exe, '/') = '\0';
	for (int base = 0; base < 2; base++) {
		for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
			char *dir = base ? xasprintf("%s/%s", exe, places[i]) : xstrdup(places[i]);
			char *file = xasprintf("%s/questions.jsonl", dir);
			bool found = access(file, R_OK) == 0;

			free(file);
			if (found)
				return dir;
			free(dir);
		}
	}
	fputs("fakeapi: --sample: no sample found, give its directory\n", stderr);
	exit(2);
}

static void set_setting(struct options *o, const struct setting *s, char *value)
{
	const char *colon = strchr(value, ':');
	const char *wrong;

	if (strcmp(s->name, "backoff-every") == 0 && colon) {
		o->settings.backoff_s = number(s->name, colon + 1, 0, 1000000);
		value[colon - value] = '\0';
	}
	wrong = set_value(&o->settings, s, value);
	if (wrong)
		die(s->name, value, wrong);
}

static void set_error_for(struct options *o, const char *value)
{
	const char *eq = strchr(value, '=');
	const char *wrong = "NAME=ERROR_ID is wanted";

	if (eq)
		wrong = set_refusal(&o->settings, value, (size_t)(eq - value), atoll(eq + 1));
	if (wrong)
		die("error-for", value, wrong);
}

static void set_token_option(struct options *o, const char *value)
{
	const char *eq = strchr(value, '=');
	const char *wrong = "NAME=STATE is wanted";

	if (eq)
		wrong = set_token(&o->settings, value, (size_t)(eq - value), eq + 1);
	if (wrong)
		die("token", value, wrong);
}

static void set_defaults(struct options *o)
{
	*o = (struct options){ .quota_remaining = INT64_MIN, .synthetic = 100, .articles = 6 };
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		const char *wrong = set_value(&o->settings, &settings[i], settings[i].dflt);

		if (wrong)
			die(settings[i].name, settings[i].dflt, wrong);
	}
	for (int i = 0; i < NR_REFUSALS; i++)
		o->settings.error_for[i] = refusals[i].error_id;
	o->settings.token_state[TOKEN_IS_EXPIRED] = TOKEN_EXPIRED;
	o->settings.token_state[TOKEN_IS_REVOKED] = TOKEN_REVOKED;
	o->settings.token_state[TOKEN_IS_OTHER_TEAM] = TOKEN_OTHER_TEAM;
	o->settings.token_state[TOKEN_IS_NO_PLAN] = TOKEN_NO_PLAN;
}

static void set_option(struct options *o, int opt, char *value, int argc, char **argv)
{
	switch (opt) {
	case OPT_PORT:
		o->port = (int)number("port", value, 0, 65535);
		break;
	case OPT_READY_FILE:
		o->ready_file = value;
		break;
	case OPT_SAMPLE:
		if (!value && optind < argc && argv[optind][0] != '-')
			value = argv[optind++];
		o->corpus = xasprintf("%s/questions.jsonl", value ? value : default_sample());
		break;
	case OPT_CORPUS:
		o->corpus = value;
		break;
	case OPT_SYNTHETIC:
		o->synthetic = number("synthetic", value, 0, 10000000);
		break;
	case OPT_ARTICLES:
		o->articles = number("articles", value, 0, 999);
		break;
	case OPT_LOG:
		o->log_file = value;
		break;
	case OPT_TLS:
		o->tls_cert = value;
		if (optind >= argc)
			die("tls", value, "CERT and KEY are wanted");
		o->tls_key = argv[optind++];
		break;
	case OPT_EXIT_WITH_PARENT:
		o->exit_with_parent = true;
		break;
	case OPT_QUOTA_REMAINING:
		o->quota_remaining = number("quota-remaining", value, -1000000000, INT64_MAX);
		break;
	case OPT_ERROR_FOR:
		set_error_for(o, value);
		break;
	case OPT_TOKEN:
		set_token_option(o, value);
		break;
	case OPT_HELP:
		usage(stdout);
		exit(0);
	default:
		usage(stderr);
		exit(2);
	}
}

void options_parse(struct options *o, int argc, char **argv)
{
	struct option all[ARRAY_SIZE(main_options) + ARRAY_SIZE(settings) + 1] = { 0 };
	size_t n = 0;
	int opt;

	set_defaults(o);
	for (size_t i = 0; i < ARRAY_SIZE(main_options); i++)
		all[n++] = main_options[i];
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		all[n++] = (struct option){ settings[i].name, required_argument, NULL,
					    OPT_SETTING + (int)i };
	while ((opt = getopt_long(argc, argv, "", all, NULL)) != -1) {
		if (opt >= OPT_SETTING && opt < OPT_PORT)
			set_setting(o, &settings[opt - OPT_SETTING], optarg);
		else
			set_option(o, opt, optarg, argc, argv);
	}
	if (optind < argc) {
		fprintf(stderr, "fakeapi: what is \"%s\"?\n", argv[optind]);
		exit(2);
	}
}
