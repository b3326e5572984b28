/* Faults: answers that go wrong on command. See README.md for what each kind does. */
#pragma once

#include "buf.h"

#include <cjson/cJSON.h>

enum fault_kind {
	FAULT_NONE,
	FAULT_DELAY,
	FAULT_STALL,
	FAULT_TRICKLE,
	FAULT_RESET_BEFORE,
	FAULT_RESET_AFTER,
	FAULT_TRUNCATE,
	FAULT_TRUNCATE_GZIP,
	FAULT_CORRUPT_GZIP,
	FAULT_HTML_ERROR,
	FAULT_STATUS,
	FAULT_ERROR,
	FAULT_INVALID_JSON,
	FAULT_WRONG_TYPES,
	FAULT_HUGE,
	FAULT_BOMB,
	FAULT_DEEP,
	FAULT_EMPTY_BODY,
	FAULT_BOM,
	FAULT_REDIRECT,
	FAULT_BAD_NAMES,
	FAULT_BAD_IDS,
	FAULT_ENDLESS,
	FAULT_NO_CONTENT_ENCODING,
	NR_FAULT_KINDS,
};

/* What hit one request; a copy, so that it outlives the list. */
struct fault {
	enum fault_kind kind; /* never FAULT_DELAY: delays add up in delay_ms */
	int64_t delay_ms;
	int status; /* HTTP */
	int error_id;
	char message[256];
	int64_t backoff;
	int64_t retry_after;
	int64_t bytes; /* per second, or where to cut; -1 = half */
	int64_t mb;
	int64_t depth;
	char variant[32];
	char to[256];
	uint64_t generation; /* of the list, for stalls */
};

const char *fault_kind_name(enum fault_kind kind);

/* Finds what applies to a request and counts it: all delays, and the first other fault. */
void faults_take(struct fault *f, const char *http_method, const char *uri, const char *method);
uint64_t faults_generation(void); /* moves when the list is cleared: stalls end */

/* The control interface. add takes one object or an array; returns NULL or what is wrong. */
const char *faults_add(const cJSON *list);
void faults_clear(void);
cJSON *faults_json(void);

/* fault_bodies.c: the body a fault makes of a right one. *len is in and out; caller frees. */
char *fault_body(const struct fault *f, const char *json, size_t *len);
