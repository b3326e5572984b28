/* The network thread: a curl multi handle, and a tick for the room above.
 *
 *     loop: tick            the client sends what may be sent, and says when to be called again
 *           perform         curl moves bytes
 *           done            ended exchanges go to their callbacks; then tick again
 *           stalls          an exchange without a byte for too long is ended
 *           poll            until bytes, a wake-up, the tick's time or the next stall
 *
 * All curl handles belong to this thread; others only wake it. Names are resolved by threads of
 * libcurl, so a slow resolver holds up nobody. Stalls are measured here, not with
 * CURLOPT_LOW_SPEED_TIME: that one counts whole seconds and starts after connecting. */
#include "http.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <sofs/base/clock.h>
#include <sofs/base/log.h>

#define POLL_MAX_MS 60000

struct net {
	struct transport t;
	struct http_setup setup;
	unsigned nr_connections;
	CURLM *multi;
	pthread_t thread;
	bool is_started;
	bool has_global;
	atomic_bool is_stopping;
	net_tick_fn tick;
	void *userdata;
	struct list exchanges; /* network thread only */
};

static struct net *net_of(struct transport *t)
{
	return container_of(t, struct net, t);
}

static void finish(struct net *n, struct exchange *x, CURLcode code)
{
	list_del(&x->node);
	exchange_conclude(x, code);
	curl_multi_remove_handle(n->multi, x->easy);
	x->done(x->userdata, &x->resp);
	exchange_free(x);
}

/* True if anything ended. */
static bool collect(struct net *n)
{
	bool any = false;
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(n->multi, &left))) {
		CURLcode code = msg->data.result;
		char *priv = NULL;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &priv);
		if (!priv)
			continue;
		finish(n, (struct exchange *)(void *)priv, code);
		any = true;
	}
	return any;
}

/* Ends one stalled exchange, if there is one; else lowers *next_ms to when one would be. A callback may
 * abort others, so the list is walked afresh after each. */
static bool end_stalled(struct net *n, uint64_t now_ms, uint64_t *next_ms)
{
	list_for_each (pos, &n->exchanges) {
		struct exchange *x = list_entry(pos, struct exchange, node);
		uint64_t due = x->last_byte_ms + x->stall_ms;

		if (now_ms >= due) {
			snprintf(x->error, sizeof(x->error), "no data from the server for %u ms",
				 x->stall_ms);
			finish(n, x, CURLE_OPERATION_TIMEDOUT);
			return true;
		}
		if (due < *next_ms)
			*next_ms = due;
	}
	return false;
}

static void wait_for_work(struct net *n, uint64_t next_ms)
{
	uint64_t now_ms = clock_mono_ms();
	uint64_t ms = next_ms > now_ms ? next_ms - now_ms : 0;

	curl_multi_poll(n->multi, NULL, 0, ms < POLL_MAX_MS ? (int)ms : POLL_MAX_MS, NULL);
}

static void *run(void *arg)
{
	struct net *n = arg;
	int nr_running;

	while (!atomic_load(&n->is_stopping)) {
		uint64_t next_ms = n->tick(n->userdata);
		CURLMcode code = curl_multi_perform(n->multi, &nr_running);

		if (code != CURLM_OK)
			log_error("net", "libcurl: %s", curl_multi_strerror(code));
		if (collect(n) || end_stalled(n, clock_mono_ms(), &next_ms))
			continue;
		wait_for_work(n, next_ms);
	}
	n->tick(n->userdata);
	while (!list_empty(&n->exchanges))
		finish(n, list_entry(n->exchanges.next, struct exchange, node),
		       CURLE_ABORTED_BY_CALLBACK);
	return NULL;
}

static int net_start(struct transport *t, net_tick_fn tick, void *userdata)
{
	struct net *n = net_of(t);
	sigset_t all, old;
	int r;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return -ENOMEM;
	n->has_global = true;
	n->multi = curl_multi_init();
	if (!n->multi)
		return -ENOMEM;
	curl_multi_setopt(n->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
	curl_multi_setopt(n->multi, CURLMOPT_MAXCONNECTS, (long)n->nr_connections);
	n->tick = tick;
	n->userdata = userdata;
	/* Signals are for the main thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&n->thread, NULL, run, n);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r != 0)
		return -r;
	pthread_setname_np(n->thread, "sofs-net");
	n->is_started = true;
	return 0;
}

static void net_wake(struct transport *t)
{
	struct net *n = net_of(t);

	if (n->multi)
		curl_multi_wakeup(n->multi);
}

static int net_send(struct transport *t, const struct http_request *req, http_done_fn done,
		    void *userdata, void **ret_handle)
{
	struct net *n = net_of(t);
	struct exchange *x;
	int r;

	r = exchange_new(&n->setup, req, &x);
	if (r < 0)
		return r;
	x->done = done;
	x->userdata = userdata;
	if (curl_multi_add_handle(n->multi, x->easy) != CURLM_OK) {
		exchange_free(x);
		return -ENOMEM;
	}
	list_push_back(&n->exchanges, &x->node);
	*ret_handle = x;
	return 0;
}

static void net_abort(struct transport *t, void *handle)
{
	struct net *n = net_of(t);
	struct exchange *x = handle;

	list_del(&x->node);
	curl_multi_remove_handle(n->multi, x->easy);
	exchange_free(x);
}

static void net_stop(struct transport *t)
{
	struct net *n = net_of(t);

	if (!n->is_started)
		return;
	atomic_store(&n->is_stopping, true);
	curl_multi_wakeup(n->multi);
	pthread_join(n->thread, NULL);
	n->is_started = false;
}

static void net_free(struct transport *t)
{
	struct net *n = net_of(t);

	if (n->multi)
		curl_multi_cleanup(n->multi);
	if (n->has_global)
		curl_global_cleanup();
	free(n->setup.user_agent);
	free(n->setup.ca_file);
	free(n);
}

int net_transport_new(const struct net_config *config, struct transport **ret)
{
	struct net *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	n->t = (struct transport){ .start = net_start,
				   .wake = net_wake,
				   .send = net_send,
				   .abort = net_abort,
				   .stop = net_stop,
				   .free = net_free };
	list_init(&n->exchanges);
	n->nr_connections = config->nr_connections ? config->nr_connections : 1;
	n->setup.connect_timeout_ms = config->connect_timeout_ms;
	n->setup.user_agent = strdup(config->user_agent);
	if (config->ca_file)
		n->setup.ca_file = strdup(config->ca_file);
	if (!n->setup.user_agent || (config->ca_file && !n->setup.ca_file)) {
		net_free(&n->t);
		return -ENOMEM;
	}
	*ret = &n->t;
	return 0;
}
