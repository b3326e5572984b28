/* What was asked, for tests: a bounded log and counters. Requests of the control interface never
 * appear here. Tokens are never written, neither to memory nor to the file.
 *
 * A request is counted when it arrives and logged when its answer is queued, so that a client that
 * has read the answer finds it in the log; its duration and fate are filled in at the end. */
#pragma once

#include "buf.h"

#include <cjson/cJSON.h>

struct log_entry {
	int64_t time_ms; /* wall clock of arrival */
	const char *http_method;
	char *uri;         /* credentials replaced by "***" */
	const char *style; /* static texts */
	const char *token;
	const char *route;
	int status;
	int error_id;
	int64_t bytes; /* of the body on the wire */
	int64_t items;
	int64_t duration_ms; /* -1 while the answer is being sent */
	const char *fault;   /* kind of the fault that shaped the answer, or NULL */
	bool is_complete;    /* the client got all of it */
	bool is_repeat;      /* asked again although answered less than 60 s ago */
	bool is_cached;      /* from the response cache */
};

enum log_count {
	COUNT_TOTAL,
	COUNT_CONTENT, /* question objects with body_markdown */
	COUNT_BACKOFF_VIOLATIONS,
	COUNT_BACKOFF_RACES,
	COUNT_BAN_REQUESTS,
	COUNT_TOKEN_SEEN, /* requests with any token */
	COUNT_TOKEN_IN_URL,
	COUNT_TOKEN_WRONG_STYLE, /* in the other style's header, or where none belongs */
	COUNT_NO_USER_AGENT,
	COUNT_CONNECTIONS,
	COUNT_IDENTICAL_IN_FLIGHT,
	COUNT_ABORTED, /* the client did not get all of the answer */
	NR_COUNTS,
};

bool log_open(const char *path); /* also write entries there, as JSON Lines */
void log_count(enum log_count c);
void log_arrived(const char *route); /* counts, and one more in flight */
void log_left(void);                 /* one less in flight */

/* Returns the entry's number, for log_finish(). Takes ownership of uri. */
uint64_t log_add(const struct log_entry *e);
void log_finish(uint64_t number, int64_t duration_ms, bool is_complete);

/* Repeats. asked() tells whether the same was answered with success within 60 s or is being
 * answered now; answered() says how that ended. */
bool log_asked(const char *key, bool *is_in_flight);
void log_answered(const char *key, bool with_success);

cJSON *log_stats_json(int peak_per_second, int64_t quota);
cJSON *log_entries_json(int64_t since_number);
/* Unless answers are forgotten too, what was asked before the reset still makes a repeat. */
void log_reset(bool forget_answers);
