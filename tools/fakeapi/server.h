/* The running server: what all requests share, and the HTTP side of one exchange. */
#pragma once

#include "data.h"
#include "settings.h"

#include <microhttpd.h>

struct server {
	struct data data;
	pthread_mutex_t settings_lock; /* guards settings */
	struct settings settings;
	pthread_mutex_t stop_lock; /* guards is_stopping */
	pthread_cond_t stop_cond;
	bool is_stopping;
};

extern struct server server;

/* One request on the wire, from its URL to the end of its answer. */
struct exchange {
	char *uri;
	struct buf body;
	bool is_too_large;
	bool is_started;    /* headers were seen */
	int64_t arrived_ms; /* monotonic */
	int64_t arrived_wall_ms;
	bool is_counted; /* in flight, for the log */
	char *key;       /* for repeats; NULL for the control interface */
	bool is_success; /* the answer, if it arrives whole, answers the question */
	bool is_logged;
	uint64_t log_number;
	const char *method; /* for the backoff */
	int64_t backoff_s;
};

struct settings server_settings(void);
bool server_sleep(int64_t ms); /* false if the server is ending */
int64_t server_now_s(const struct settings *s);

/* exchange.c: answers an API request. MHD_NO closes the connection. */
enum MHD_Result exchange_answer(struct exchange *x, struct MHD_Connection *conn,
				const char *http_method);
void exchange_finish(struct exchange *x, bool is_complete);

/* control.c: answers /_ctl/... */
enum MHD_Result control_answer(struct exchange *x, struct MHD_Connection *conn,
			       const char *http_method);

/* Takes ownership of body. */
enum MHD_Result server_reply(struct MHD_Connection *conn, int status, struct buf *body,
			     const char *content_type, const char *content_encoding);
/* Adds what every answer has: Date (with the clock's offset), Content-Type. */
void server_add_headers(struct MHD_Response *response, const char *content_type);
