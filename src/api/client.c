/* The queue of requests, and their tries.
 *
 *              submit                    send                     done
 *     caller ---------> queue (user) -----------> in flight -----------> callback
 *                       queue (background)  ^         |
 *                                           '---------'  later, if worth it and within the deadline
 *
 * All decisions are made in client_tick() and when an answer comes, both in the network thread; other
 * threads only add to the queue and take from it. A request ends exactly once, and not later than its
 * deadline, whatever the server does:
 *
 *     at once      the token is refused, the server is down, the quota is spent, or a pause asked for by
 *                  the server outlasts the deadline
 *     after tries  the server cannot be reached (then it is down: see struct health), or sends nonsense
 *     at deadline  everything else
 *
 * Callbacks run without the lock: those of requests that end in a tick are gathered and run at its end. */
#include "internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sofs/base/clock.h>
#include <sofs/base/log.h>

#define FACTS_SPACING_MS 1000

/* ---- Requests ----------------------------------------------------------------------------------- */

/* Takes the texts out of path and params. NULL without memory. */
struct request *request_new(enum method method, struct strbuf *path, struct strbuf *params)
{
	struct request *r = calloc(1, sizeof(*r));
	bool failed = strbuf_failed(path) || strbuf_failed(params);

	strbuf_reserve(params, 0);
	if (r) {
		list_init(&r->node);
		r->method = method;
		r->path = strbuf_detach(path);
		r->params = strbuf_detach(params);
	}
	strbuf_release(path);
	strbuf_release(params);
	if (r && !failed && r->path && r->params)
		return r;
	request_free(r);
	return NULL;
}

void request_free(struct request *r)
{
	if (!r)
		return;
	free(r->path);
	free(r->params);
	free(r->form);
	free(r);
}

int client_submit(struct api *api, struct request *r, uint64_t *ret_id)
{
	int err = 0;

	r->api = api;
	api_lock(api);
	if (api->is_stopping)
		err = -ECANCELED;
	else if (api->nr_queued >= API_MAX_QUEUED)
		err = -EBUSY;
	if (err == 0) {
		r->id = ++api->last_id;
		if (ret_id)
			*ret_id = r->id;
		list_push_back(&api->queue[r->priority], &r->node);
		api->nr_queued++;
	}
	api_unlock(api);
	if (err < 0)
		request_free(r);
	else
		api->transport->wake(api->transport);
	return err;
}

bool client_cancel(struct api *api, uint64_t id)
{
	struct request *found = NULL;

	api_lock(api);
	for (size_t i = 0; i < ARRAY_SIZE(api->queue) && !found; i++) {
		list_for_each (pos, &api->queue[i]) {
			struct request *r = list_entry(pos, struct request, node);

			if (r->id == id) {
				found = r;
				break;
			}
		}
	}
	if (found) {
		list_del(&found->node);
		api->nr_queued--;
	}
	api_unlock(api);
	if (!found)
		return false;
	free(found->owned);
	request_free(found);
	return true;
}

/* Takes a queued request out, to end with what its last try said, or else with the given failure. */
static void end_queued_locked(struct api *api, struct request *r, const struct failure *failure,
			      struct list *ended)
{
	list_del(&r->node);
	api->nr_queued--;
	if (!r->last.failure.err || failure->err == -ECANCELED) {
		r->last.kind = OUTCOME_REFUSED;
		r->last.failure = *failure;
	}
	list_push_back(ended, &r->node);
}

/* Runs the callbacks. No lock held. */
static void finish(struct api *api, struct list *ended)
{
	while (!list_empty(ended)) {
		struct request *r = list_entry(ended->next, struct request, node);

		list_del(&r->node);
		r->done(r->userdata, &r->last, NULL);
		request_free(r);
	}
}

/* ---- Why not ------------------------------------------------------------------------------------ */

static int down_failure(const struct api *api, uint64_t now_ms, struct failure *failure)
{
	const struct health *h = &api->health;
	uint64_t ms = h->next_probe_ms > now_ms ? h->next_probe_ms - now_ms : 0;

	failure_set(failure, -EHOSTUNREACH, "the server is down, next try in %" PRIu64 " s; %s",
		    (ms + 999) / 1000, api->status.last_failure.text);
	return -EHOSTUNREACH;
}

int client_obstacle_locked(struct api *api, enum method method, uint64_t now_ms, uint64_t until_ms,
			   struct failure *failure)
{
	enum throttle_reason reason;
	uint64_t ready_ms;
	bool is_probe;

	if (api->refused.err && now_ms < api->refused_until_ms) {
		*failure = api->refused;
		return failure->err;
	}
	if (!health_may_send(&api->health, now_ms, &is_probe))
		return down_failure(api, now_ms, failure);
	ready_ms = throttle_ready_ms(&api->throttle, now_ms, method, false, &reason);
	if (reason == THROTTLE_QUOTA ||
	    (ready_ms > until_ms && (reason == THROTTLE_BAN || reason == THROTTLE_BACKOFF)))
		return errmap_throttle(reason, ready_ms - now_ms, failure);
	return 0;
}

/* A forced request only obeys what the server would punish. */
static int obstacle_locked(struct api *api, struct request *r, uint64_t now_ms,
			   struct failure *failure)
{
	enum throttle_reason reason;
	uint64_t ready_ms;

	if (!r->is_forced)
		return client_obstacle_locked(api, r->method, now_ms, r->deadline_ms, failure);
	ready_ms = throttle_ready_ms(&api->throttle, now_ms, r->method, false, &reason);
	if (ready_ms > r->deadline_ms && (reason == THROTTLE_BAN || reason == THROTTLE_BACKOFF))
		return errmap_throttle(reason, ready_ms - now_ms, failure);
	return 0;
}

/* ---- The tick ----------------------------------------------------------------------------------- */

static void lower(uint64_t *next_ms, uint64_t ms)
{
	if (ms < *next_ms)
		*next_ms = ms;
}

/* On the wire beyond its deadline. */
static void expire_in_flight_locked(struct api *api, uint64_t now_ms, uint64_t *next_ms,
				    struct list *ended)
{
	list_for_each_safe (pos, tmp, &api->in_flight) {
		struct request *r = list_entry(pos, struct request, node);

		if (now_ms < r->deadline_ms) {
			lower(next_ms, r->deadline_ms);
			continue;
		}
		api->transport->abort(api->transport, r->handle);
		r->handle = NULL;
		client_end_try_locked(api, r, now_ms);
		r->last = (struct outcome){ .kind = OUTCOME_STALLED };
		failure_set(&r->last.failure, -ETIMEDOUT,
			    "the server did not answer within %" PRIu64 " ms", now_ms - r->sent_ms);
		api->status.last_failure = r->last.failure;
		if (r->is_probe)
			health_failure(&api->health, now_ms);
		else if (now_ms - r->sent_ms >= api->timeout_ms / 2 &&
			 api->health.last_success_ms < r->sent_ms)
			client_note_down_locked(api, r, &r->last, now_ms);
		list_push_back(ended, &r->node);
	}
}

/* Queued, and hopeless or out of time. *ret_needs_filter: one of the others waits for a filter. */
static void refuse_queued_locked(struct api *api, uint64_t now_ms, uint64_t *next_ms,
				 struct list *ended, bool *ret_needs_filter)
{
	for (size_t i = 0; i < ARRAY_SIZE(api->queue); i++) {
		list_for_each_safe (pos, tmp, &api->queue[i]) {
			struct request *r = list_entry(pos, struct request, node);
			struct failure failure;

			if (now_ms >= r->deadline_ms) {
				errmap_throttle(THROTTLE_RATE, 0, &failure);
				end_queued_locked(api, r, &failure, ended);
			} else if (obstacle_locked(api, r, now_ms, &failure) < 0) {
				end_queued_locked(api, r, &failure, ended);
			} else {
				lower(next_ms, r->deadline_ms);
				if (r->filter == FILTER_OURS && !api->filter.id[0])
					*ret_needs_filter = true;
			}
		}
	}
}

static int send_locked(struct api *api, struct request *r, uint64_t now_ms)
{
	struct http_request http = { .form = r->form, .wants_new_connection = r->nr_tries > 0 };
	struct wire w;
	int err;

	/* The budget ends the exchange anyway; silence is measured on its own, for budgets that are
	 * longer. */
	http.stall_ms = api->timeout_ms;
	err = wire_build_locked(&w, api, r);
	if (err == 0) {
		http.url = w.url.buf;
		http.headers = w.headers;
		if (r->is_probe || api->health.is_down)
			http.wants_new_connection = true;
		err = api->transport->send(api->transport, &http, client_on_response, r,
					   &r->handle);
	}
	wire_wipe(&w);
	if (err < 0)
		return err;
	list_del(&r->node);
	api->nr_queued--;
	list_push_back(&api->in_flight, &r->node);
	api->nr_in_flight++;
	if (r->priority == API_PRIO_BACKGROUND)
		api->nr_background++;
	r->slot = throttle_sent(&api->throttle, now_ms);
	r->sent_ms = now_ms;
	if (!r->first_sent_ms)
		r->first_sent_ms = now_ms;
	r->filter_generation = api->filter.generation;
	if (r->is_probe)
		health_probe_sent(&api->health);
	api->status.nr_requests++;
	return 0;
}

/* Background work leaves a place for people who wait. */
static bool has_place_locked(const struct api *api, enum api_priority priority)
{
	unsigned limit = api->concurrency;

	if (api->nr_in_flight >= limit)
		return false;
	return priority == API_PRIO_USER || limit == 1 || api->nr_background < limit - 1;
}

static void dispatch_queue_locked(struct api *api, enum api_priority priority, uint64_t now_ms,
				  uint64_t *next_ms, struct list *ended)
{
	list_for_each_safe (pos, tmp, &api->queue[priority]) {
		struct request *r = list_entry(pos, struct request, node);
		enum throttle_reason reason;
		struct failure failure;
		uint64_t ready_ms;

		if (!has_place_locked(api, priority))
			return;
		if (r->not_before_ms > now_ms) {
			lower(next_ms, r->not_before_ms);
			continue;
		}
		if (r->filter == FILTER_OURS && !api->filter.id[0])
			continue;
		ready_ms = throttle_ready_ms(&api->throttle, now_ms, r->method,
					     priority == API_PRIO_BACKGROUND, &reason);
		if (r->is_forced && reason == THROTTLE_QUOTA)
			reason = THROTTLE_NONE;
		else if (ready_ms > now_ms)
			lower(next_ms, ready_ms);
		if (reason == THROTTLE_RATE)
			return;
		if (reason != THROTTLE_NONE)
			continue;
		if (!health_may_send(&api->health, now_ms, &r->is_probe) && !r->is_forced) {
			/* The probe left before it in this loop: refused in the next tick. */
			lower(next_ms, now_ms);
			continue;
		}
		if (send_locked(api, r, now_ms) < 0) {
			failure_set(&failure, -ENOMEM, "out of memory");
			end_queued_locked(api, r, &failure, ended);
		}
	}
}

/* The filter that requests waited for could not be made: none of them can be sent. */
static void filter_done(void *userdata, const struct outcome *failure, struct reply *reply)
{
	struct api *api = userdata;
	struct list ended;

	if (!failure)
		return;
	list_init(&ended);
	api_lock(api);
	for (size_t i = 0; i < ARRAY_SIZE(api->queue); i++) {
		list_for_each_safe (pos, tmp, &api->queue[i]) {
			struct request *r = list_entry(pos, struct request, node);

			if (r->filter == FILTER_OURS)
				end_queued_locked(api, r, &failure->failure, &ended);
		}
	}
	api_unlock(api);
	finish(api, &ended);
}

static void make_filter(struct api *api)
{
	struct endpoint e;

	api_lock(api);
	if (api->filter.is_creating || api->is_stopping) {
		api_unlock(api);
		return;
	}
	api->filter.is_creating = true;
	e = api->endpoint;
	api_unlock(api);
	if (filter_create(api, &e, true, filter_done, api) < 0) {
		api_lock(api);
		api->filter.is_creating = false;
		api_unlock(api);
	}
}

static void cancel_queued_locked(struct api *api, struct list *ended)
{
	struct failure failure;

	failure_set(&failure, -ECANCELED, "cancelled");
	for (size_t i = 0; i < ARRAY_SIZE(api->queue); i++) {
		list_for_each_safe (pos, tmp, &api->queue[i]) {
			end_queued_locked(api, list_entry(pos, struct request, node), &failure,
					  ended);
		}
	}
}

uint64_t client_tick(void *userdata)
{
	struct api *api = userdata;
	uint64_t now_ms = clock_mono_ms(), next_ms = NET_NEVER;
	bool needs_filter = false, saves = false;
	struct list ended;

	list_init(&ended);
	api_lock(api);
	if (api->is_stopping) {
		cancel_queued_locked(api, &ended);
	} else {
		expire_in_flight_locked(api, now_ms, &next_ms, &ended);
		refuse_queued_locked(api, now_ms, &next_ms, &ended, &needs_filter);
		dispatch_queue_locked(api, API_PRIO_USER, now_ms, &next_ms, &ended);
		dispatch_queue_locked(api, API_PRIO_BACKGROUND, now_ms, &next_ms, &ended);
	}
	if (api->is_facts_dirty && api->facts_file) {
		saves = now_ms - api->facts_saved_ms >= FACTS_SPACING_MS || api->is_stopping;
		if (!saves)
			lower(&next_ms, api->facts_saved_ms + FACTS_SPACING_MS);
	}
	if (!list_empty(&ended))
		next_ms = now_ms; /* their end may let others go */
	api_unlock(api);
	if (needs_filter)
		make_filter(api);
	finish(api, &ended);
	if (saves)
		api_save_facts(api);
	return next_ms;
}
