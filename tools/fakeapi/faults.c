#include "faults.h"

#include <pthread.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FAULTS 256

static const char *const kind_names[NR_FAULT_KINDS] = {
	[FAULT_NONE] = "none",
	[FAULT_DELAY] = "delay",
	[FAULT_STALL] = "stall",
	[FAULT_TRICKLE] = "trickle",
	[FAULT_RESET_BEFORE] = "reset_before",
	[FAULT_RESET_AFTER] = "reset_after",
	[FAULT_TRUNCATE] = "truncate",
	[FAULT_TRUNCATE_GZIP] = "truncate_gzip",
	[FAULT_CORRUPT_GZIP] = "corrupt_gzip",
	[FAULT_HTML_ERROR] = "html_error",
	[FAULT_STATUS] = "status",
	[FAULT_ERROR] = "error",
	[FAULT_INVALID_JSON] = "invalid_json",
	[FAULT_WRONG_TYPES] = "wrong_types",
	[FAULT_HUGE] = "huge",
	[FAULT_BOMB] = "bomb",
	[FAULT_DEEP] = "deep",
	[FAULT_EMPTY_BODY] = "empty_body",
	[FAULT_BOM] = "bom",
	[FAULT_REDIRECT] = "redirect",
	[FAULT_BAD_NAMES] = "bad_names",
	[FAULT_BAD_IDS] = "bad_ids",
	[FAULT_ENDLESS] = "endless",
	[FAULT_NO_CONTENT_ENCODING] = "no_content_encoding",
};

struct entry {
	enum fault_kind kind;
	char match[256]; /* substring of path?query, or the method's whole name; "" = all */
	char method[64]; /* the method's whole name and nothing else; "" = any */
	bool is_regex;
	regex_t regex;
	char http_method[8]; /* "" = any */
	int64_t count;       /* how often still; -1 = for ever */
	int64_t skip;        /* how many matches to leave alone first */
	int64_t hits;
	struct fault fault;
};

static struct {
	pthread_mutex_t lock; /* guards all */
	struct entry *entries[MAX_FAULTS];
	int n;
	uint64_t generation;
} faults = { .lock = PTHREAD_MUTEX_INITIALIZER, .generation = 1 };

const char *fault_kind_name(enum fault_kind kind)
{
	return kind_names[kind];
}

static bool matches(const struct entry *e, const char *http_method, const char *uri,
		    const char *method)
{
	if (e->http_method[0] && strcmp(e->http_method, http_method) != 0)
		return false;
	if (e->method[0] && strcmp(e->method, method) != 0)
		return false;
	if (e->is_regex)
		return regexec(&e->regex, uri, 0, NULL, 0) == 0 ||
		       regexec(&e->regex, method, 0, NULL, 0) == 0;
	return !e->match[0] || strcmp(e->match, method) == 0 || strstr(uri, e->match);
}

void faults_take(struct fault *f, const char *http_method, const char *uri, const char *method)
{
	int64_t delay_ms = 0;

	*f = (struct fault){ .kind = FAULT_NONE };
	pthread_mutex_lock(&faults.lock);
	for (int i = 0; i < faults.n; i++) {
		struct entry *e = faults.entries[i];

		if (e->count == 0 || (e->kind != FAULT_DELAY && f->kind != FAULT_NONE) ||
		    !matches(e, http_method, uri, method))
			continue;
		if (e->skip > 0) {
			e->skip--;
			continue;
		}
		if (e->count > 0)
			e->count--;
		e->hits++;
		if (e->kind == FAULT_DELAY)
			delay_ms += e->fault.delay_ms;
		else
			*f = e->fault;
	}
	f->delay_ms = delay_ms;
	f->generation = faults.generation;
	pthread_mutex_unlock(&faults.lock);
}

uint64_t faults_generation(void)
{
	uint64_t g;

	pthread_mutex_lock(&faults.lock);
	g = faults.generation;
	pthread_mutex_unlock(&faults.lock);
	return g;
}

static int64_t get_int(const cJSON *o, const char *name, int64_t dflt)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);

	if (cJSON_IsTrue(v))
		return 1;
	return cJSON_IsNumber(v) ? (int64_t)v->valuedouble : dflt;
}

static void get_str(char *to, size_t size, const cJSON *o, const char *name, const char *dflt)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);

	snprintf(to, size, "%s", cJSON_IsString(v) ? v->valuestring : dflt);
}

static const char *make_entry(const cJSON *o, struct entry *e)
{
	const char *kind = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "kind"));
	struct fault *f = &e->fault;

	for (int i = 1; kind && i < NR_FAULT_KINDS; i++)
		if (strcmp(kind, kind_names[i]) == 0)
			e->kind = (enum fault_kind)i;
	if (e->kind == FAULT_NONE)
		return "unknown kind";
	get_str(e->match, sizeof(e->match), o, "match", "");
	get_str(e->method, sizeof(e->method), o, "method", "");
	get_str(e->http_method, sizeof(e->http_method), o, "http_method", "");
	if (cJSON_HasObjectItem(o, "regex")) {
		get_str(e->match, sizeof(e->match), o, "regex", "");
		if (regcomp(&e->regex, e->match, REG_EXTENDED | REG_NOSUB) != 0)
			return "bad regex";
		e->is_regex = true;
	}
	e->count = get_int(o, "count", 1);
	e->skip = get_int(o, "skip", 0);
	f->kind = e->kind;
	f->delay_ms = get_int(o, "ms", 1000);
	f->status = (int)get_int(o, "status", 503);
	if (f->status < 200 || f->status > 599)
		return "status out of range";
	f->error_id = (int)get_int(o, "error_id", 500);
	if (e->kind == FAULT_ERROR)
		f->status = (int)get_int(o, "http", get_int(o, "status", 400));
	if (e->kind == FAULT_REDIRECT)
		f->status = (int)get_int(o, "status", 302);
	get_str(f->message, sizeof(f->message), o, "message", "");
	f->backoff = get_int(o, "backoff", 0);
	f->retry_after = get_int(o, "retry_after", -1);
	f->bytes = get_int(o, "bytes", -1);
	if (e->kind == FAULT_TRICKLE)
		f->bytes = get_int(o, "bytes_per_s", get_int(o, "bytes", 1000));
	f->mb = get_int(o, "mb", e->kind == FAULT_BOMB ? 1024 : 80);
	if (f->mb < 1 || f->mb > 65536)
		return "mb out of range";
	f->depth = get_int(o, "depth", 1000);
	if (f->depth < 1 || f->depth > 10000000)
		return "depth out of range";
	get_str(f->variant, sizeof(f->variant), o, "variant", "");
	get_str(f->to, sizeof(f->to), o, "to", "http://127.0.0.1:9");
	return NULL;
}

static const char *add_one(const cJSON *o)
{
	struct entry *e = xcalloc(1, sizeof(*e));
	const char *wrong = make_entry(o, e);

	pthread_mutex_lock(&faults.lock);
	if (!wrong && faults.n == MAX_FAULTS)
		wrong = "too many faults";
	if (!wrong)
		faults.entries[faults.n++] = e;
	pthread_mutex_unlock(&faults.lock);
	if (wrong) {
		if (e->is_regex)
			regfree(&e->regex);
		free(e);
	}
	return wrong;
}

const char *faults_add(const cJSON *list)
{
	const cJSON *o;

	if (cJSON_IsObject(list))
		return add_one(list);
	if (!cJSON_IsArray(list))
		return "neither object nor array";
	cJSON_ArrayForEach(o, list)
	{
		const char *wrong = add_one(o);

		if (wrong)
			return wrong;
	}
	return NULL;
}

void faults_clear(void)
{
	pthread_mutex_lock(&faults.lock);
	for (int i = 0; i < faults.n; i++) {
		if (faults.entries[i]->is_regex)
			regfree(&faults.entries[i]->regex);
		free(faults.entries[i]);
	}
	faults.n = 0;
	faults.generation++;
	pthread_mutex_unlock(&faults.lock);
}

cJSON *faults_json(void)
{
	cJSON *list = cJSON_CreateArray();

	pthread_mutex_lock(&faults.lock);
	for (int i = 0; i < faults.n; i++) {
		const struct entry *e = faults.entries[i];
		cJSON *o = cJSON_CreateObject();

		cJSON_AddStringToObject(o, "kind", kind_names[e->kind]);
		cJSON_AddStringToObject(o, e->is_regex ? "regex" : "match", e->match);
		cJSON_AddStringToObject(o, "method", e->method);
		cJSON_AddNumberToObject(o, "count", (double)e->count);
		cJSON_AddNumberToObject(o, "skip", (double)e->skip);
		cJSON_AddNumberToObject(o, "hits", (double)e->hits);
		cJSON_AddItemToArray(list, o);
	}
	pthread_mutex_unlock(&faults.lock);
	return list;
}
