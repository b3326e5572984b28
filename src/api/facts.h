/* What is remembered of a server between runs, so that a mount starts with one request and a pause that
 * the server asked for outlives the process: URL style, filter, backoff, ban, quota. One JSON file for
 * all servers; several processes may write it, the last one wins, and what is lost is only asked again. */
#pragma once

#include <sofs/api.h>
#include <sofs/net.h>

#define FACTS_FILTER_SIZE 160

struct facts {
	enum api_style style; /* API_STYLE_AUTO: unknown */
	char prefix[256];     /* "": unknown */
	char filter[FACTS_FILTER_SIZE];
	uint64_t filter_fields; /* hash of the field list that it was made from */
	bool is_filter_safe;
	int64_t backoff_until_s[THROTTLE_METHODS]; /* wall clock; 0: none */
	int64_t ban_until_s, quota_until_s;
	/* Requests of the last second before the end, and when the newest ended: a process that follows at once must not
	 * send another thirty. */
	int64_t sent_at_ms; /* wall clock */
	unsigned nr_sent;
};

/* Always gives something: a missing or damaged file is an empty one. */
void facts_load(const char *path, const char *server, struct facts *ret);
void facts_save(const char *path, const char *server, const struct facts *f);
