/* The wrapper around every answer of the service: items, and what it says beside them. Pure. */
#pragma once

#include <sofs/api.h>

#include "json.h"

struct envelope {
	struct api_item *items; /* owned array; each points into the body */
	size_t nr_items;
	size_t nr_dropped; /* elements that were no objects */
	bool has_items;    /* the member is there, and an array */
	bool has_more;
	int64_t total;           /* -1: not said */
	int64_t quota_max;       /* -1: not said */
	int64_t quota_remaining; /* says something only if has_quota; may be negative */
	bool has_quota;
	int64_t backoff_s; /* 0: none */
	int64_t error_id;  /* 0: no error */
	char error_name[64];
	char error_message[200];
};

/* Reads the body (changed in place, see json_check; body[len] is NUL). 0; -EBADMSG with a reason if it is
 * not one JSON object; -ENOMEM. The envelope borrows from the body. */
_must_check_ int envelope_parse(struct envelope *env, char *body, size_t len, const char **reason);
void envelope_release(struct envelope *env);
