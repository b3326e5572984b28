/* One API request, from the raw URL to route, parameters, identity and filter; and its result. */
#pragma once

#include "data.h"
#include "filter.h"
#include "settings.h"

#define MAX_SEGMENTS 6
#define MAX_IDS      100
#define MAX_PARAMS   64

struct param {
	char *name;
	char *value;
};

struct request;
struct result;

/* Where a route's vector stands, and how it is checked. */
enum vector_kind { VECTOR_NONE, VECTOR_IDS, VECTOR_ID, VECTOR_TAGS, VECTOR_WORDS };

#define ROUTE_OPEN  1 /* needs neither team nor token: filters, errors */
#define ROUTE_USER  2 /* needs to know who asks */
#define ROUTE_POST  4 /* may be POSTed */
#define ROUTE_TOKEN 8 /* the answer depends on the token, not only on the person */

struct route {
	const char
		*pattern; /* "questions/{ids}/answers": also its name in statistics and backoff */
	void (*handle)(struct request *rq, struct result *res);
	enum vector_kind vector;
	int max_vector;
	int flags;
};

struct request {
	const char *http_method;
	const char *uri;          /* as received, with query */
	const char *body;         /* of a POST; NUL-terminated */
	const char *token_header; /* X-API-Access-Token */
	const char *authorization;
	const char *api_key_header; /* X-API-Key */
	struct settings s;
	int64_t now_s; /* the server's clock */

	enum style style;             /* 0 = a URL of no style */
	char *team;                   /* from path or query, or NULL */
	char *segments[MAX_SEGMENTS]; /* decoded */
	int nr_segments;
	struct param params[MAX_PARAMS];
	int nr_params;

	const struct route *route; /* NULL = no such method */
	const char *method;        /* name of the route; "unknown" without one, never NULL */
	char *vector;              /* decoded text of the vector segment */
	int64_t ids[MAX_IDS];
	int nr_ids;
	bool is_me; /* me/...: routed, counted and throttled as users/{ids}/... */

	enum token token;
	int64_t user_id; /* 0 = nobody */
	bool has_key;
	struct filter filter;

	struct data *data;
	void *owned[MAX_PARAMS * 2 + 32];
	int nr_owned;
};

struct result {
	struct buf items; /* JSON of the items, joined with ',' */
	int64_t nr_items;
	bool has_more;
	int64_t total;
	int64_t page, pagesize;
	const char *type; /* "question", ... */
	bool is_volatile; /* depends on the time: only the response cache may repeat it */
	int error_id;     /* 0 = success */
	char *error_message;
};

/* Splits the URL. Afterwards style may be 0 and route NULL. */
void request_parse(struct request *rq);
void request_release(struct request *rq);
void *request_keep(struct request *rq, void *p);                       /* freed with the request */
const char *request_param(const struct request *rq, const char *name); /* NULL if absent */

/* Finds the route, checks the vector. Sets an error in res if there is none. */
void request_route(struct request *rq, struct result *res);

/* Token, key, team, site. Sets rq->token, user_id; sets an error in res. Needs data->lock. */
void request_authenticate(struct request *rq, struct result *res);
void request_filter(struct request *rq, struct result *res);

/* What makes requests semantically identical: sorted parameters without defaults and credentials,
 * vectors sorted and without duplicates. Caller frees. */
char *request_key(const struct request *rq);

/* Class of the token in a header, and whether it came in the header of the other style. */
enum token request_token(const struct request *rq, bool *is_wrong_style);

void result_fail(struct result *res, int error_id, const char *fmt, ...) _printf_(3, 4);
const char *error_name(int error_id);
const char *error_description(int error_id);

/* routes.c */
const struct route *route_find(struct request *rq); /* also sets rq->vector */
