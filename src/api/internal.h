/* The inside of struct api, for the files of this room and their tests. */
#pragma once

#include <pthread.h>

#include <sofs/api.h>
#include <sofs/base/list.h>
#include <sofs/base/map.h>
#include <sofs/net.h>

#include "errmap.h"
#include "facts.h"

#define API_MAX_QUEUED      10000
#define API_DEFAULT_TIMEOUT 10
#define API_MAX_LISTS       2048 /* of a minute: at most 30 in a second */

/* What the service counts as one method: the route without its ids. Backoff is kept for each. */
enum method {
	METHOD_QUESTIONS,
	METHOD_QUESTIONS_BY_ID,
	METHOD_QUESTION_ANSWERS,
	METHOD_POST_COMMENTS,
	METHOD_TAGS,
	METHOD_TAG_INFO,
	METHOD_USERS, /* /me is /users/{ids} */
	METHOD_WRITE_PERMISSIONS,
	METHOD_FILTERS,
	NR_METHODS
};
_Static_assert(NR_METHODS <= THROTTLE_METHODS, "one backoff for each method");

const char *method_name(enum method m);
enum method method_of(enum api_route route);

/* Where and how the service is spoken to. */
struct endpoint {
	enum api_style style;
	char prefix[256]; /* base URL with the version path */
};

enum filter_use {
	FILTER_NONE,  /* the server's default */
	FILTER_TOTAL, /* built in: the number of items only */
	FILTER_OURS   /* waits until there is one */
};

/* An answer; borrowed by the callback until it returns. */
struct reply {
	struct envelope *env;
	int64_t date_s;
	bool is_encoded;
};

/* reply is NULL on failure, else failure is. In the network thread, no lock held. */
typedef void (*request_done_fn)(void *userdata, const struct outcome *failure, struct reply *reply);

/* One thing asked of the service, through all its tries. Made by request_new(), owned by the client from
 * client_submit() until done has returned. */
struct request {
	struct list node;
	uint64_t id;
	enum method method;
	enum api_priority priority;
	enum filter_use filter;
	char *path;        /* "/questions/1;2": escaped, without prefix */
	char *params;      /* "order=asc&page=1", may be "" */
	char *form;        /* NULL: GET */
	bool is_anonymous; /* neither token nor team */
	bool is_forced;    /* sent even if earlier answers say that it is hopeless */
	bool has_endpoint; /* else that of struct api */
	struct endpoint endpoint;
	uint64_t deadline_ms;
	request_done_fn done;
	void *userdata;
	void *owned; /* freed if the request is cancelled and done never runs */

	/* the client's */
	struct api *api;
	void *handle; /* of the transport, in flight */
	unsigned slot;
	unsigned nr_tries, nr_pauses;
	uint64_t not_before_ms, first_sent_ms, sent_ms;
	bool is_probe, was_refiltered;
	unsigned filter_generation;
	struct outcome last; /* of the last try; its env is empty */
};

struct filter {
	char id[FACTS_FILTER_SIZE]; /* "": none yet */
	bool is_safe;               /* the server knows only safe ones: strings are encoded */
	bool is_creating;
	unsigned generation; /* counts ids */
};

struct api {
	/* constant after api_new() */
	enum api_flavour flavour;
	enum api_style style;
	char *base_url, *team, *site, *token, *key, *facts_file;
	unsigned concurrency;
	unsigned timeout_ms;
	struct transport *transport; /* owned */

	/* network thread only */
	struct map gaps; /* question -> shape whose gaps cannot be filled: see complete.c */
	struct {
		uint64_t hash, at_ms;
	} lists[API_MAX_LISTS]; /* asked for lately to fill gaps: likewise */
	unsigned next_list;

	pthread_mutex_t lock;
	/* lock: all that follows */
	bool is_started, is_stopping;
	bool is_endpoint_known; /* it has worked, now or in an earlier run */
	uint64_t last_id;
	struct endpoint endpoint;
	struct filter filter;
	struct throttle throttle;
	struct health health;
	struct list queue[2]; /* by priority */
	struct list in_flight;
	unsigned nr_queued, nr_in_flight, nr_background;
	struct failure refused; /* the token; err 0: it is not */
	uint64_t refused_until_ms;
	bool is_facts_dirty;
	uint64_t facts_saved_ms;
	uint32_t random;
	struct api_status status; /* only what is counted as it happens */
};

/* api.c: as api_new(), with a transport of the caller's, which is then owned (also on failure). */
_must_check_ int api_new_with(const struct api_config *config, struct transport *transport,
			      struct api **ret);
void api_lock(struct api *api);
void api_unlock(struct api *api);
void api_save_facts(struct api *api);

/* client.c */
struct request *request_new(enum method method, struct strbuf *path, struct strbuf *params);
void request_free(struct request *r);
/* Takes ownership, also on failure. 0 and the id in *ret_id (may be NULL), or -errno without callback. */
_must_check_ int client_submit(struct api *api, struct request *r, uint64_t *ret_id);
bool client_cancel(struct api *api, uint64_t id);
uint64_t client_tick(void *userdata);
/* 0 or -errno: why a request cannot be sent before until_ms. Caller holds the lock. */
int client_obstacle_locked(struct api *api, enum method method, uint64_t now_ms, uint64_t until_ms,
			   struct failure *failure);

/* answer.c. Called with the lock held where it says so, and never otherwise. */
void client_on_response(void *userdata, struct http_response *resp);
void client_end_try_locked(struct api *api, struct request *r, uint64_t now_ms);
/* Nobody answered this request in all its tries. */
void client_note_down_locked(struct api *api, const struct request *r, const struct outcome *o,
			     uint64_t now_ms);

/* endpoint.c */
unsigned endpoint_candidates(const struct api *api, struct endpoint out[2]);
/* URL and headers of a request; the headers hold secrets: wipe. Caller holds the lock. */
#define MAX_HEADERS 3
struct wire {
	struct strbuf url;
	struct strbuf header[MAX_HEADERS];
	const char *headers[MAX_HEADERS + 1];
};
_must_check_ int wire_build_locked(struct wire *w, const struct api *api, const struct request *r);
void wire_wipe(struct wire *w);

/* filters.c */
uint64_t filter_fields_hash(void);
/* A request that makes our filter; its answer sets api->filter. done may be NULL. */
_must_check_ int filter_create(struct api *api, const struct endpoint *endpoint, bool is_anonymous,
			       request_done_fn done, void *userdata);

/* complete.c: makes the nested lists of the page complete, then calls back with the items. */
struct page_items {
	struct api_item *items;
	size_t nr_items;
};
typedef void (*complete_done_fn)(void *userdata, const struct failure *failure,
				 const struct page_items *page);
/* Nothing is missing, or nothing that asking would bring. Network thread only, as complete_items(). */
bool complete_is_whole(const struct api *api, const struct api_item *items, size_t nr);
/* Copies the items. done runs exactly once, perhaps before this returns. */
void complete_items(struct api *api, const struct api_item *items, size_t nr,
		    enum api_priority priority, uint64_t deadline_ms, complete_done_fn done,
		    void *userdata);
