/* The Stack Overflow for Teams API v2.3: what to ask, and the answers as JSON items.
 *
 * Asynchronous. A call waits in a queue for its turn (rate, concurrency, backoff of its method, ban), is
 * sent by the one network thread, retried within its time budget, checked, and its callback runs in the
 * network thread without any lock held. The callback may start and cancel calls. Everything here is safe from any
 * thread unless said otherwise. Facts about the service: docs/design/api.md. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sofs/base/errors.h>
#include <sofs/model/question.h>

enum api_flavour {
	API_TEAM,       /* Basic, Business: a team slug selects the data set */
	API_ENTERPRISE, /* the host selects it */
	API_PUBLIC      /* site= selects it; read-only, no token */
};

enum api_style { API_STYLE_AUTO, API_STYLE_QUERY, API_STYLE_PATH };

struct api_config {
	enum api_flavour flavour;
	enum api_style style;
	const char *base_url; /* without a trailing slash; all strings are copied by api_new() */
	const char *team;     /* API_TEAM: slug */
	const char *site;     /* API_PUBLIC: api_site_parameter */
	const char *token;    /* NULL: none. The copy is wiped by api_free() */
	const char *
		key; /* app key (API_PUBLIC: query, API_ENTERPRISE: header X-API-Key); NULL: none */
	const char *ca_file;    /* NULL: the system's */
	const char *facts_file; /* remembers style and filter ids; NULL: nothing is remembered */
	unsigned rate;          /* requests per second, 1..30 */
	unsigned concurrency;   /* requests in flight, 1.. */
	unsigned timeout_s;     /* without progress */
};

struct api;

_must_check_ int api_new(const struct api_config *config, struct api **ret);
/* Starts the network thread (call after daemonising). */
_must_check_ int api_start(struct api *api);
/* Calls still open end with -ECANCELED; then the thread is joined. */
void api_free(struct api *api);

/* Who the token is and how the server wants to be spoken to. */
struct api_identity {
	enum api_style style;
	int64_t user_id; /* 0: unknown (public site) */
	char user_name[128];
	char api_prefix[256]; /* base URL with version path, for messages */
	int64_t clock_skew_s; /* server's clock minus ours */
};

/* Finds the style, creates the filter if it is not remembered, asks who the token is: at most 4 requests.
 * Blocks up to about 3 * timeout_s; not from a callback. On error *failure says in one sentence what is
 * wrong and what to do: missing or invalid token, expired token, slug, token of another team, plan
 * without API, throttled, host, TLS. */
_must_check_ int api_connect(struct api *api, struct api_identity *ret, struct failure *failure);

enum api_route {
	API_QUESTIONS,           /* /questions */
	API_QUESTIONS_BY_ID,     /* /questions/{ids} */
	API_QUESTION_ANSWERS,    /* /questions/{ids}/answers */
	API_POST_COMMENTS,       /* /posts/{ids}/comments */
	API_TAGS,                /* /tags */
	API_TAG_INFO,            /* /tags/{tag}/info */
	API_ME,                  /* /me */
	API_ME_WRITE_PERMISSIONS /* /me/write-permissions */
};

enum api_priority { API_PRIO_USER, API_PRIO_BACKGROUND };

#define API_NO_BOUND INT64_MIN
#define API_MAX_IDS  100 /* in one vector; api-v2.3: vectors */
#define API_PAGESIZE 100

/* What to ask. Use API_QUERY_INIT, so that absent bounds are absent. */
struct api_query {
	enum api_route route;
	enum api_priority priority;
	const int64_t *ids; /* borrowed until api_get() returns; nr_ids <= API_MAX_IDS */
	size_t nr_ids;
	const char
		*tag; /* tagged= of API_QUESTIONS, or the tag of API_TAG_INFO; borrowed likewise */
	const char *sort; /* a literal; NULL: the server's default */
	bool is_ascending;
	int64_t min, max, fromdate, todate;
	unsigned page;      /* 0: not sent */
	unsigned pagesize;  /* 0: API_PAGESIZE */
	bool is_total_only; /* built-in filter "total": no items, only api_page.total */
	/* For waiting, sending, retrying and completing together; 0: timeout_s. The callback runs no later
	 * than this, even while bytes are still coming: who can wait for a large page on a slow line gives
	 * more. Silence for timeout_s ends a try in any case. */
	unsigned budget_ms;
};
#define API_QUERY_INIT \
	.min = API_NO_BOUND, .max = API_NO_BOUND, .fromdate = API_NO_BOUND, .todate = API_NO_BOUND

struct api_item {
	const char *json; /* one JSON object, len bytes, not NUL-terminated; valid JSON */
	size_t len;
};

/* Borrowed by the callback until it returns. */
struct api_page {
	const struct api_item *items;
	size_t nr_items;
	size_t nr_dropped; /* items left out because they were no valid JSON objects */
	bool has_more;
	int64_t total;         /* -1: not asked */
	int64_t server_time_s; /* Date of the response; 0: none */
	bool is_encoded; /* the server knows only safe filters: entities are to be decoded once */
};

/* failure is NULL on success, else page is NULL. */
typedef void (*api_done_fn)(void *userdata, const struct failure *failure,
			    const struct api_page *page);

/* Queues a call. Items of question routes come with complete nested lists: where the number of answers
 * or comments differs from the server's count, they were paged and merged before the callback. Calls
 * are not compared with each other: not asking the same thing twice is the store's.
 * Failures: -EBUSY (throttled), -EDQUOT, -EACCES (token refused, denied), -EHOSTUNREACH, -ETIMEDOUT,
 * -EIO (server broken), -ENOMEM, -ECANCELED (api_free()).
 * 0 and the call's number in *ret_call (never 0; ret_call may be NULL), or -errno and no callback:
 * -EINVAL, -ENOMEM, -EBUSY (queue full), -ECANCELED (api_free() has begun). */
_must_check_ int api_get(struct api *api, const struct api_query *q, api_done_fn done,
			 void *userdata, uint64_t *ret_call);
/* True: it was not sent yet, and its callback will never run. False: it is on the wire or done; the callback
 * runs or ran. */
bool api_cancel(struct api *api, uint64_t call);

/* Why a call to this route cannot be sent now: 0 if it can; -EBUSY (throttled), -EDQUOT, -EHOSTUNREACH
 * (server down, next try later), -EACCES (token refused), with the sentence in *failure. */
int api_obstacle(struct api *api, enum api_route route, struct failure *failure);
/* The same, if it is known to last for wait_ms at least. */
int api_obstacle_for(struct api *api, enum api_route route, uint64_t wait_ms,
		     struct failure *failure);

struct api_status {
	enum api_style style;
	int64_t quota_max, quota_remaining; /* -1: unknown */
	uint64_t nr_requests;               /* sent, retries included */
	uint64_t nr_retries;
	uint64_t nr_failed;      /* calls that ended with an error */
	uint64_t bytes_received; /* on the wire */
	unsigned in_flight, queued;
	int64_t down_since_s;      /* 0: the server answers */
	int64_t last_success_s;    /* 0: never */
	int64_t throttled_until_s; /* 0: not */
	int64_t clock_skew_s;
	struct failure last_failure;
};
void api_get_status(struct api *api, struct api_status *ret);

/* Decoders of items, pure. -EBADMSG with a reason in *failure for what is not such an object (wrong types,
 * id missing or out of range); -ENOMEM. Missing optional fields are fine. */
_must_check_ int api_decode_question(const char *json, size_t len, bool is_encoded,
				     struct question **ret, struct failure *failure);
_must_check_ int api_decode_tag(const char *json, size_t len, bool is_encoded, struct tag *ret,
				struct failure *failure);
