/* The end of a try: what the answer means for the request, and for all others.
 *
 * What the server said beside the data (quota, backoff) and whether it answered at all goes into the
 * throttle and the health of the client; then the request ends, or goes back into the queue. */
#include "internal.h"

#include <errno.h>
#include <inttypes.h>

#include <sofs/base/clock.h>
#include <sofs/base/log.h>

#define BASE_NOBODY_MS 250 /* quick: the person should learn soon that nobody is there */
#define BASE_BROKEN_MS 400
#define MAX_PAUSES     3      /* of the server's, waited out within one deadline */
#define REFUSED_MS     300000 /* then one more try: refusals have been known to be wrong */

void client_end_try_locked(struct api *api, struct request *r, uint64_t now_ms)
{
	list_del(&r->node);
	throttle_done(&api->throttle, r->slot, now_ms);
	api->nr_in_flight--;
	if (r->priority == API_PRIO_BACKGROUND)
		api->nr_background--;
}

/* What the server said beside the items. */
static void note_envelope_locked(struct api *api, const struct request *r,
				 const struct envelope *env, uint64_t now_ms)
{
	struct throttle *t = &api->throttle;
	uint64_t quota_until_ms = t->quota_until_ms;

	if (env->has_quota) {
		throttle_quota(t, now_ms, env->quota_max, env->quota_remaining);
		if (quota_until_ms || t->quota_until_ms)
			api->is_facts_dirty = true;
	}
	if (env->backoff_s > 0) {
		throttle_backoff(t, now_ms, r->method, env->backoff_s);
		api->is_facts_dirty = true;
		log_info("api", "the server asks for a pause method=%s seconds=%" PRId64,
			 method_name(r->method), env->backoff_s);
	}
}

static void note_health_locked(struct api *api, const struct request *r, const struct outcome *o,
			       const struct http_response *resp, uint64_t now_ms)
{
	bool was_down = api->health.is_down;

	if (resp->result == NET_OK) {
		health_success(&api->health, now_ms);
		if (was_down)
			log_info("api", "the server answers again");
		if (resp->date_s)
			api->status.clock_skew_s = resp->date_s - clock_wall_s();
	} else if (r->is_probe && o->kind == OUTCOME_CANCELLED) {
		health_probe_dropped(&api->health);
	} else if (r->is_probe) {
		health_failure(&api->health, now_ms);
	}
}

/* Nobody answered this request in all its tries. */
void client_note_down_locked(struct api *api, const struct request *r, const struct outcome *o,
			     uint64_t now_ms)
{
	if (api->health.is_down || api->health.last_success_ms >= r->first_sent_ms)
		return;
	health_failure(&api->health, now_ms);
	log_warning("api", "the server is down; asking again from time to time: %s",
		    o->failure.text);
}

/* True: queued again, to leave at the time given or later. */
static bool again_locked(struct api *api, struct request *r, uint64_t now_ms, uint64_t delay_ms)
{
	if (api->is_stopping || now_ms + delay_ms >= r->deadline_ms)
		return false;
	r->not_before_ms = now_ms + delay_ms;
	api->status.nr_retries++;
	list_push_front(&api->queue[r->priority], &r->node);
	api->nr_queued++;
	return true;
}

static bool again_after_failure_locked(struct api *api, struct request *r, uint64_t now_ms,
				       unsigned base_ms)
{
	if (++r->nr_tries >= RETRY_MAX_TRIES || r->is_probe)
		return false;
	api->random = api->random * 1664525 + 1013904223;
	return again_locked(api, r, now_ms, retry_delay_ms(r->nr_tries, base_ms, api->random));
}

static bool again_after_pause_locked(struct api *api, struct request *r, const struct outcome *o,
				     uint64_t now_ms)
{
	if (o->kind == OUTCOME_QUOTA)
		throttle_quota_spent(&api->throttle, now_ms, o->wait_s);
	else
		throttle_ban(&api->throttle, now_ms, o->wait_s);
	api->is_facts_dirty = true;
	log_warning("api", "%s method=%s", o->failure.text, method_name(r->method));
	return o->kind == OUTCOME_THROTTLED && r->nr_pauses++ < MAX_PAUSES &&
	       again_locked(api, r, now_ms, api->throttle.ban_until_ms - now_ms);
}

static bool again_with_filter_locked(struct api *api, struct request *r, uint64_t now_ms)
{
	if (r->filter != FILTER_OURS || r->was_refiltered)
		return false;
	r->was_refiltered = true;
	if (r->filter_generation == api->filter.generation && api->filter.id[0]) {
		log_info("api", "the server no longer knows the filter; making it anew");
		api->filter.id[0] = '\0';
		api->is_facts_dirty = true;
	}
	return again_locked(api, r, now_ms, 0);
}

/* A refusal without words is about the quota, if the last count of it said so. */
static void blame_quota_locked(const struct api *api, struct outcome *o)
{
	if (o->kind != OUTCOME_THROTTLED || o->error_id || api->throttle.quota_max < 0 ||
	    api->throttle.quota_remaining > 0)
		return;
	o->kind = OUTCOME_QUOTA;
	failure_set(&o->failure, -EDQUOT,
		    "the daily quota of requests is spent; it renews by itself (HTTP status %d)",
		    o->status);
}

/* True: the request goes on. */
static bool decide_locked(struct api *api, struct request *r, const struct outcome *o,
			  const struct http_response *resp, uint64_t now_ms)
{
	switch (o->kind) {
	case OUTCOME_OK:
		throttle_success(&api->throttle);
		api->refused.err = 0;
		api->status.last_success_s = clock_wall_s();
		return false;
	case OUTCOME_TOKEN:
		if (!r->is_anonymous && !r->has_endpoint) {
			api->refused = o->failure;
			api->refused_until_ms = now_ms + REFUSED_MS;
		}
		return false;
	case OUTCOME_FILTER:
		return again_with_filter_locked(api, r, now_ms);
	case OUTCOME_THROTTLED:
	case OUTCOME_QUOTA:
		return again_after_pause_locked(api, r, o, now_ms);
	case OUTCOME_BROKEN:
		return again_after_failure_locked(api, r, now_ms, BASE_BROKEN_MS);
	case OUTCOME_NOBODY:
		if (resp->result != NET_BAD_CERT &&
		    again_after_failure_locked(api, r, now_ms, BASE_NOBODY_MS))
			return true;
		client_note_down_locked(api, r, o, now_ms);
		return false;
	case OUTCOME_STALLED:
		client_note_down_locked(api, r, o, now_ms);
		return false;
	case OUTCOME_REFUSED:
	case OUTCOME_CANCELLED:
		break;
	}
	return false;
}

void client_on_response(void *userdata, struct http_response *resp)
{
	struct request *r = userdata;
	struct api *api = r->api;
	uint64_t now_ms = clock_mono_ms();
	struct outcome o;
	bool goes_on, was_limited;

	api_lock(api);
	was_limited = throttle_was_limited(&api->throttle, now_ms);
	api_unlock(api);
	outcome_read(&o, resp, method_name(r->method), r->filter != FILTER_TOTAL, was_limited);
	log_hide_secret(o.failure.text); /* a server may repeat what it was sent */
	log_debug("api", "answer path=%s status=%d bytes=%zu items=%zu ms=%" PRIu64 " %s", r->path,
		  resp->status, resp->body.len, o.env.nr_items, now_ms - r->sent_ms,
		  o.failure.text);

	api_lock(api);
	r->handle = NULL;
	client_end_try_locked(api, r, now_ms);
	api->status.bytes_received += resp->wire_bytes;
	note_envelope_locked(api, r, &o.env, now_ms);
	note_health_locked(api, r, &o, resp, now_ms);
	blame_quota_locked(api, &o);
	if (o.kind != OUTCOME_OK && o.kind != OUTCOME_CANCELLED)
		api->status.last_failure = o.failure;
	r->last = o;
	r->last.env = (struct envelope){ 0 };
	goes_on = decide_locked(api, r, &o, resp, now_ms);
	api_unlock(api);

	if (!goes_on) {
		struct reply reply = { .env = &o.env,
				       .date_s = resp->date_s,
				       .is_encoded =
					       r->filter == FILTER_NONE || api->filter.is_safe };

		if (o.env.nr_dropped)
			log_warning("api", "%zu items were no objects and are left out method=%s",
				    o.env.nr_dropped, method_name(r->method));
		if (o.kind == OUTCOME_OK)
			r->done(r->userdata, NULL, &reply);
		else
			r->done(r->userdata, &r->last, NULL);
		request_free(r);
	}
	envelope_release(&o.env);
}
