/* HTTP for one service: exchanges, and the arithmetic of being a polite client.
 *
 * Three independent things live here.
 *
 * struct transport  sends requests and brings answers, in a thread of its own. The rooms above see this
 *                   table of functions only, so tests put a fake in its place: no sockets, no waiting.
 * struct throttle   when the next request may leave: rate, backoff of a method, ban, quota. Pure: the
 *                   time is an argument.
 * retry_*           whether and when to try again. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sofs/base/strbuf.h>

/* ---- Exchanges ---------------------------------------------------------------------------------- */

/* A body, inflated or on the wire, is refused beyond this: a compressed bomb costs bounded memory. */
#define NET_MAX_BODY ((size_t)64 << 20)

enum net_result {
	NET_OK,          /* a complete answer; `status` says which */
	NET_UNREACHABLE, /* name not resolved, refused, no route */
	NET_TLS,         /* no secure connection */
	NET_BAD_CERT,    /* the server's certificate is not trusted */
	NET_TIMED_OUT,   /* no byte came for stall_ms */
	NET_BROKEN,      /* reset, truncated, corrupt compression */
	NET_TOO_BIG,     /* more than NET_MAX_BODY */
	NET_CANCELLED,   /* by us */
	NET_NO_MEMORY
};

struct http_request {
	const char *url;            /* everything here is borrowed until send() returns */
	const char *const *headers; /* "Name: value", NULL-terminated; copies are wiped after use */
	const char *form;           /* body of a POST, form-encoded; NULL: GET */
	unsigned stall_ms;          /* give up after this long without a byte */
	bool wants_new_connection;  /* after a failure: the old connection may be dead */
};

struct http_response {
	enum net_result result;
	int status;            /* 0 without an answer */
	struct strbuf body;    /* inflated */
	uint64_t wire_bytes;   /* of the body, as received */
	int64_t date_s;        /* Date; 0: none */
	int64_t retry_after_s; /* -1: none */
	bool is_html;          /* Content-Type says HTML */
	char location[128];    /* host of a redirect, which is never followed; "" */
	char text[200];        /* what failed, in words; never holds a header of the request */
};

typedef void (*http_done_fn)(void *userdata, struct http_response *resp); /* resp: borrowed */

/* Runs in the network thread whenever it was woken, after exchanges ended, and at the time (of
 * clock_mono_ms) that its last run returned. */
typedef uint64_t (*net_tick_fn)(void *userdata);
#define NET_NEVER UINT64_MAX

struct transport {
	/* Starts the thread (call after daemonising). 0 or -errno. */
	int (*start)(struct transport *t, net_tick_fn tick, void *userdata);
	/* Makes tick run soon. Any thread. */
	void (*wake)(struct transport *t);
	/* Network thread only (tick or a done function). 0 and a handle, then done runs exactly once and
	 * never from inside send(); or -errno and it never runs. */
	int (*send)(struct transport *t, const struct http_request *req, http_done_fn done,
		    void *userdata, void **ret_handle);
	/* Network thread only. done does not run. The handle is invalid after done and after this. */
	void (*abort)(struct transport *t, void *handle);
	/* tick runs once more, then exchanges still open end with NET_CANCELLED, then the thread is joined. */
	void (*stop)(struct transport *t);
	void (*free)(struct transport *t); /* after stop, or without start */
};

struct net_config {
	const char *user_agent; /* strings are copied */
	const char *ca_file;    /* trusted in addition to the system's certificates; NULL: none */
	unsigned connect_timeout_ms;
	unsigned nr_connections; /* kept open when idle */
};

/* The real one, around libcurl. 0 or -errno. */
_must_check_ int net_transport_new(const struct net_config *config, struct transport **ret);

/* Whether requests may go there: https anywhere, http only to loopback (localhost, 127.x, [::1]). */
bool net_url_is_allowed(const char *url);
/* Appends s with everything but letters, digits and -._~ as %XX. */
void net_add_escaped(struct strbuf *sb, const char *s);

/* ---- Throttle ----------------------------------------------------------------------------------- */

#define THROTTLE_METHODS   16 /* numbered by the caller; each has its own backoff */
#define THROTTLE_WINDOW_MS 1050
#define THROTTLE_HARD_RATE 28 /* the service bans beyond 30 per second and address */
#define THROTTLE_RING      32

struct throttle_slot {
	uint64_t sent_ms, done_ms; /* done_ms 0: in flight; sent_ms 0: free */
};

/* Open, so that it can live inside another struct; use the functions. Not thread-safe. */
struct throttle {
	unsigned rate;
	struct throttle_slot ring[THROTTLE_RING];
	uint64_t backoff_until_ms[THROTTLE_METHODS];
	uint64_t ban_until_ms;
	unsigned ban_streak;    /* bans since the last success: each unexplained one is longer */
	uint64_t limited_at_ms; /* the server last told us to slow down */
	int64_t quota_max, quota_remaining; /* -1: unknown */
	uint64_t quota_until_ms;            /* quota spent: no request before; 0: not spent */
};

enum throttle_reason {
	THROTTLE_NONE,
	THROTTLE_RATE,
	THROTTLE_BACKOFF,
	THROTTLE_BAN,
	THROTTLE_QUOTA
};

void throttle_init(struct throttle *t, unsigned rate);
/* When a request of this method may be sent (<= now: at once), and what it waits for in *reason. A
 * background request leaves a fifth of the rate to people who are waiting. */
uint64_t throttle_ready_ms(const struct throttle *t, uint64_t now_ms, unsigned method,
			   bool is_background, enum throttle_reason *reason);
/* Records a request that leaves now; the slot goes to throttle_done() when it ended. */
unsigned throttle_sent(struct throttle *t, uint64_t now_ms);
void throttle_done(struct throttle *t, unsigned slot, uint64_t now_ms);
/* How many requests of the window are still counted, and when the newest of them ended; and the same for another
 * process that starts within it. */
unsigned throttle_recent(const struct throttle *t, uint64_t now_ms, uint64_t *ret_newest_ms);
void throttle_prefill(struct throttle *t, uint64_t at_ms, unsigned nr);
/* The server's words. */
void throttle_backoff(struct throttle *t, uint64_t now_ms, unsigned method, int64_t seconds);
void throttle_ban(struct throttle *t, uint64_t now_ms, int64_t seconds); /* seconds < 0: not said */
void throttle_quota(struct throttle *t, uint64_t now_ms, int64_t max, int64_t remaining);
void throttle_quota_spent(struct throttle *t, uint64_t now_ms, int64_t seconds);
void throttle_success(struct throttle *t);
/* The server told us to slow down within the last minute: an unclear refusal is then a ban. */
bool throttle_was_limited(const struct throttle *t, uint64_t now_ms);

/* ---- Retry -------------------------------------------------------------------------------------- */

#define RETRY_MAX_TRIES 3

/* Delay before try number `nr_tries` + 1, after nr_tries failed: base * 2^(n-1), spread over
 * [3/4, 5/4) by `random`. */
uint64_t retry_delay_ms(unsigned nr_tries, unsigned base_ms, uint32_t random);

/* ---- Health ------------------------------------------------------------------------------------- */

/* Whether the server answers at all. Up until tries in a row found nobody; then down: nothing is sent
 * but one probe at a time, at growing intervals. Pure, not thread-safe. */
struct health {
	bool is_down, is_probing;
	uint64_t down_since_ms;
	uint64_t next_probe_ms;
	unsigned interval_ms;
	uint64_t last_success_ms;
};
#define HEALTH_PROBE_MAX_MS 10000

/* True: may be sent. *ret_is_probe says that it is the probe, and health_probe_sent() is to follow. */
bool health_may_send(const struct health *h, uint64_t now_ms, bool *ret_is_probe);
void health_probe_sent(struct health *h);
void health_success(struct health *h, uint64_t now_ms);
void health_failure(struct health *h,
		    uint64_t now_ms);        /* of the probe, or of the last quick retry */
void health_probe_dropped(struct health *h); /* it ended without an answer about the server */

/* ---- Inflate ------------------------------------------------------------------------------------ */

enum inflate_encoding {
	INFLATE_UNKNOWN, /* no Content-Encoding: gzip if it begins like gzip, else plain */
	INFLATE_GZIP,    /* announced; plain if it does not begin like gzip */
	INFLATE_DEFLATE  /* announced; zlib or raw, plain if it begins like JSON */
};

struct inflater;

struct inflater *inflater_new(void); /* NULL without memory */
void inflater_free(struct inflater *inf);
void inflater_reset(struct inflater *inf, enum inflate_encoding enc);
/* Appends what the bytes give. 0; -EFBIG when `out` would exceed `max`; -EBADMSG: corrupt; -ENOMEM.
 * After an error only reset and free are allowed. */
_must_check_ int inflater_feed(struct inflater *inf, const void *data, size_t len,
			       struct strbuf *out, size_t max);
/* The input ended. -EBADMSG: truncated. */
_must_check_ int inflater_finish(struct inflater *inf, struct strbuf *out, size_t max);
