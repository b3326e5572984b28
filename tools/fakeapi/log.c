#include "log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ENTRIES 20000
#define MAX_ROUTES  80
#define MAX_REPEATS 500
#define NR_KEYS     65536
#define REPEAT_MS   60000

static const char *const count_names[NR_COUNTS] = {
	[COUNT_TOTAL] = "total",
	[COUNT_CONTENT] = "content_requests",
	[COUNT_BACKOFF_VIOLATIONS] = "backoff_violations",
	[COUNT_BACKOFF_RACES] = "backoff_races",
	[COUNT_BAN_REQUESTS] = "ban_requests",
	[COUNT_TOKEN_SEEN] = "token_seen",
	[COUNT_TOKEN_IN_URL] = "token_in_url",
	[COUNT_TOKEN_WRONG_STYLE] = "token_wrong_style",
	[COUNT_NO_USER_AGENT] = "missing_user_agent",
	[COUNT_CONNECTIONS] = "connections",
	[COUNT_IDENTICAL_IN_FLIGHT] = "identical_in_flight",
	[COUNT_ABORTED] = "aborted",
};

struct repeat {
	char *key;
	int64_t time_ms; /* wall clock */
	int64_t age_ms;  /* since the earlier answer */
};

static struct {
	pthread_mutex_t lock; /* guards all */
	FILE *file;
	int64_t counts[NR_COUNTS];
	int in_flight, max_in_flight;
	struct log_entry *entries; /* a ring */
	uint64_t nr_entries;       /* ever added; also the number of the next one */
	uint64_t first;            /* oldest entry after the last reset */
	struct {
		const char *name;
		int64_t asked, ok, failed, items, bytes;
	} routes[MAX_ROUTES];
	int nr_routes;
	/* Slot by hash; a collision forgets the older key, which at worst misses a repeat. */
	struct {
		uint64_t hash;
		int64_t answered_ms; /* 0 = not with success */
		int in_flight;
	} * keys;
	struct repeat repeats[MAX_REPEATS];
	int64_t nr_repeats;
} lg = { .lock = PTHREAD_MUTEX_INITIALIZER };

bool log_open(const char *path)
{
	lg.file = fopen(path, "a");
	return lg.file != NULL;
}

void log_count(enum log_count c)
{
	pthread_mutex_lock(&lg.lock);
	lg.counts[c]++;
	pthread_mutex_unlock(&lg.lock);
}

static int route_locked(const char *name)
{
	int i = 0;

	while (i < lg.nr_routes && strcmp(lg.routes[i].name, name) != 0)
		i++;
	if (i == MAX_ROUTES)
		return 0;
	if (i == lg.nr_routes) {
		memset(&lg.routes[i], 0, sizeof(lg.routes[i]));
		lg.routes[lg.nr_routes++].name = name;
	}
	return i;
}

void log_arrived(const char *route)
{
	pthread_mutex_lock(&lg.lock);
	lg.counts[COUNT_TOTAL]++;
	lg.routes[route_locked(route)].asked++;
	if (++lg.in_flight > lg.max_in_flight)
		lg.max_in_flight = lg.in_flight;
	pthread_mutex_unlock(&lg.lock);
}

void log_left(void)
{
	pthread_mutex_lock(&lg.lock);
	lg.in_flight--;
	pthread_mutex_unlock(&lg.lock);
}

static cJSON *entry_json(const struct log_entry *e, uint64_t number)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddNumberToObject(o, "n", (double)number);
	cJSON_AddNumberToObject(o, "time_ms", (double)e->time_ms);
	cJSON_AddStringToObject(o, "http_method", e->http_method);
	cJSON_AddStringToObject(o, "uri", e->uri);
	cJSON_AddStringToObject(o, "method", e->route);
	cJSON_AddStringToObject(o, "style", e->style);
	cJSON_AddStringToObject(o, "token", e->token);
	cJSON_AddNumberToObject(o, "status", e->status);
	cJSON_AddNumberToObject(o, "error_id", e->error_id);
	cJSON_AddNumberToObject(o, "bytes", (double)e->bytes);
	cJSON_AddNumberToObject(o, "items", (double)e->items);
	cJSON_AddNumberToObject(o, "duration_ms", (double)e->duration_ms);
	cJSON_AddBoolToObject(o, "complete", e->is_complete);
	cJSON_AddBoolToObject(o, "repeat", e->is_repeat);
	cJSON_AddBoolToObject(o, "cached", e->is_cached);
	if (e->fault)
		cJSON_AddStringToObject(o, "fault", e->fault);
	return o;
}

static void write_file_locked(const struct log_entry *e, uint64_t number)
{
	cJSON *o;
	char *text;

	if (!lg.file)
		return;
	o = entry_json(e, number);
	text = cJSON_PrintUnformatted(o);
	cJSON_Delete(o);
	if (text)
		fprintf(lg.file, "%s\n", text);
	fflush(lg.file);
	free(text);
}

uint64_t log_add(const struct log_entry *e)
{
	uint64_t number;
	struct log_entry *slot;
	int r;

	pthread_mutex_lock(&lg.lock);
	if (!lg.entries)
		lg.entries = xcalloc(MAX_ENTRIES, sizeof(*lg.entries));
	number = lg.nr_entries++;
	slot = &lg.entries[number % MAX_ENTRIES];
	free(slot->uri);
	*slot = *e;
	slot->duration_ms = -1;
	r = route_locked(e->route);
	lg.routes[r].items += e->items;
	lg.routes[r].bytes += e->bytes;
	if (e->status == 200 && !e->error_id)
		lg.routes[r].ok++;
	else
		lg.routes[r].failed++;
	pthread_mutex_unlock(&lg.lock);
	return number;
}

void log_finish(uint64_t number, int64_t duration_ms, bool is_complete)
{
	struct log_entry *e;

	pthread_mutex_lock(&lg.lock);
	if (!is_complete)
		lg.counts[COUNT_ABORTED]++;
	if (lg.nr_entries - number <= MAX_ENTRIES) {
		e = &lg.entries[number % MAX_ENTRIES];
		e->duration_ms = duration_ms;
		e->is_complete = is_complete;
		write_file_locked(e, number);
	}
	pthread_mutex_unlock(&lg.lock);
}

bool log_asked(const char *key, bool *is_in_flight)
{
	uint64_t hash = hash_string(key);
	int64_t now = mono_ms();
	bool is_repeat = false;

	pthread_mutex_lock(&lg.lock);
	if (!lg.keys)
		lg.keys = xcalloc(NR_KEYS, sizeof(*lg.keys));
	*is_in_flight = false;
	if (lg.keys[hash % NR_KEYS].hash != hash) {
		lg.keys[hash % NR_KEYS].hash = hash;
		lg.keys[hash % NR_KEYS].answered_ms = 0;
		lg.keys[hash % NR_KEYS].in_flight = 0;
	} else {
		int64_t answered = lg.keys[hash % NR_KEYS].answered_ms;

		if (lg.keys[hash % NR_KEYS].in_flight > 0) {
			*is_in_flight = true;
			lg.counts[COUNT_IDENTICAL_IN_FLIGHT]++;
		}
		is_repeat = answered && now - answered < REPEAT_MS;
		if (is_repeat && lg.nr_repeats++ < MAX_REPEATS)
			lg.repeats[lg.nr_repeats - 1] =
				(struct repeat){ xstrdup(key), wall_ms(), now - answered };
	}
	lg.keys[hash % NR_KEYS].in_flight++;
	pthread_mutex_unlock(&lg.lock);
	return is_repeat;
}

void log_answered(const char *key, bool with_success)
{
	uint64_t hash = hash_string(key);

	pthread_mutex_lock(&lg.lock);
	if (lg.keys && lg.keys[hash % NR_KEYS].hash == hash) {
		if (lg.keys[hash % NR_KEYS].in_flight > 0)
			lg.keys[hash % NR_KEYS].in_flight--;
		if (with_success)
			lg.keys[hash % NR_KEYS].answered_ms = mono_ms();
	}
	pthread_mutex_unlock(&lg.lock);
}

cJSON *log_stats_json(int peak_per_second, int64_t quota)
{
	cJSON *o = cJSON_CreateObject();
	cJSON *methods = cJSON_AddObjectToObject(o, "methods");
	cJSON *repeats;

	pthread_mutex_lock(&lg.lock);
	for (int i = 0; i < NR_COUNTS; i++)
		cJSON_AddNumberToObject(o, count_names[i], (double)lg.counts[i]);
	cJSON_AddNumberToObject(o, "in_flight", lg.in_flight);
	cJSON_AddNumberToObject(o, "max_in_flight", lg.max_in_flight);
	cJSON_AddNumberToObject(o, "max_per_second", peak_per_second);
	cJSON_AddNumberToObject(o, "quota_remaining", (double)quota);
	for (int i = 0; i < lg.nr_routes; i++) {
		cJSON *m;

		if (!lg.routes[i].asked)
			continue;
		m = cJSON_AddObjectToObject(methods, lg.routes[i].name);
		cJSON_AddNumberToObject(m, "count", (double)lg.routes[i].asked);
		cJSON_AddNumberToObject(m, "ok", (double)lg.routes[i].ok);
		cJSON_AddNumberToObject(m, "failed", (double)lg.routes[i].failed);
		cJSON_AddNumberToObject(m, "items", (double)lg.routes[i].items);
		cJSON_AddNumberToObject(m, "bytes", (double)lg.routes[i].bytes);
	}
	cJSON_AddNumberToObject(o, "repeats", (double)lg.nr_repeats);
	repeats = cJSON_AddArrayToObject(o, "repeated");
	for (int i = 0; i < lg.nr_repeats && i < MAX_REPEATS; i++) {
		cJSON *r = cJSON_CreateObject();

		cJSON_AddStringToObject(r, "key", lg.repeats[i].key);
		cJSON_AddNumberToObject(r, "time_ms", (double)lg.repeats[i].time_ms);
		cJSON_AddNumberToObject(r, "age_ms", (double)lg.repeats[i].age_ms);
		cJSON_AddItemToArray(repeats, r);
	}
	pthread_mutex_unlock(&lg.lock);
	return o;
}

cJSON *log_entries_json(int64_t since)
{
	cJSON *list = cJSON_CreateArray();
	uint64_t first;

	pthread_mutex_lock(&lg.lock);
	first = lg.first;
	if (lg.nr_entries > MAX_ENTRIES && first < lg.nr_entries - MAX_ENTRIES)
		first = lg.nr_entries - MAX_ENTRIES;
	if (since > 0 && (uint64_t)since > first)
		first = (uint64_t)since;
	for (uint64_t n = first; n < lg.nr_entries; n++)
		cJSON_AddItemToArray(list, entry_json(&lg.entries[n % MAX_ENTRIES], n));
	pthread_mutex_unlock(&lg.lock);
	return list;
}

void log_reset(bool forget_answers)
{
	pthread_mutex_lock(&lg.lock);
	memset(lg.counts, 0, sizeof(lg.counts));
	lg.max_in_flight = lg.in_flight;
	lg.first = lg.nr_entries;
	lg.nr_routes = 0;
	for (int i = 0; i < lg.nr_repeats && i < MAX_REPEATS; i++)
		free(lg.repeats[i].key);
	lg.nr_repeats = 0;
	for (size_t i = 0; forget_answers && lg.keys && i < NR_KEYS; i++)
		lg.keys[i].answered_ms = 0;
	pthread_mutex_unlock(&lg.lock);
}
