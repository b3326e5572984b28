/* The only place where HTTP status and the service's error ids become errno, and words: what happened,
 * to what, what to do next. The whole table is in docs/design/errors.md. Pure. */
#pragma once

#include <sofs/api.h>
#include <sofs/net.h>

#include "envelope.h"

enum outcome_kind {
	OUTCOME_OK,
	OUTCOME_REFUSED,   /* an error that repeating would not change */
	OUTCOME_TOKEN,     /* the token is refused: so will be every call */
	OUTCOME_FILTER,    /* the filter is unknown: make it anew */
	OUTCOME_THROTTLED, /* wait_s, or not said */
	OUTCOME_QUOTA,     /* of the day, spent; wait_s likewise */
	OUTCOME_BROKEN,    /* worth a retry */
	OUTCOME_NOBODY,    /* the server cannot be reached */
	OUTCOME_STALLED,   /* it can, but did not answer */
	OUTCOME_CANCELLED
};

/* What an answer means. */
struct outcome {
	enum outcome_kind kind;
	int64_t error_id;       /* of the service; 0: none */
	int status;             /* of HTTP; 0: no answer */
	bool is_html;           /* a web page instead of data */
	int64_t wait_s;         /* -1: not said */
	struct failure failure; /* unless OUTCOME_OK */
	struct envelope env;    /* zero if there was none */
};

/* Reads the body of resp in place; the outcome borrows from it (release with envelope_release(&o->env)).
 * `what` names the method for the sentence; was_limited: the service told us lately to slow down. */
void outcome_read(struct outcome *o, struct http_response *resp, const char *what, bool needs_items,
		  bool was_limited);

/* The same words for calls that were not sent at all. Returns failure->err. */
int errmap_throttle(enum throttle_reason reason, uint64_t wait_ms, struct failure *failure);
