/* api_connect(): finds out how the server wants to be spoken to, and who we are.
 *
 *     remembered style?   yes: only that one
 *                         no:  each candidate of endpoint.c until one works
 *     ask                 /me, or for a public site and without a token: one tag
 *     filter              made if none is remembered
 *
 * So one request when everything is remembered, and at most four when nothing is. A remembered style that
 * fails in a way that another style could cure is forgotten, and the search starts anew. */
#include "internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sofs/base/clock.h>
#include <sofs/base/log.h>
#include <sofs/text.h>

/* One request, waited for by the thread of the caller. */
struct waiting {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool is_done;           /* lock */
	struct outcome outcome; /* lock; its env is empty */
	bool has_identity;      /* /me was asked; set before */
	int64_t date_s;         /* lock */
	int64_t user_id;        /* lock */
	char name[128];         /* lock */
};

static void waiting_init(struct waiting *w)
{
	*w = (struct waiting){ .is_done = false };
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->cond, NULL);
}

static void waiting_release(struct waiting *w)
{
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->cond);
}

static void read_identity(struct waiting *w, const struct reply *reply)
{
	struct json_slice key, value;
	struct json_iter it;

	if (!w->has_identity || !reply->env->nr_items)
		return;
	it = json_members(
		(struct json_slice){ reply->env->items[0].json, reply->env->items[0].len });
	while (json_next_member(&it, &key, &value)) {
		if (json_key_is(key, "user_id"))
			json_to_int(value, &w->user_id);
		else if (json_key_is(key, "display_name"))
			json_to_text(value, w->name, sizeof(w->name));
	}
	if (reply->is_encoded)
		text_decode_entities(w->name);
	for (char *p = w->name; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
}

static void wake_up(void *userdata, const struct outcome *failure, struct reply *reply)
{
	struct waiting *w = userdata;

	pthread_mutex_lock(&w->lock);
	if (failure) {
		w->outcome = *failure;
	} else {
		w->outcome = (struct outcome){ .kind = OUTCOME_OK };
		w->date_s = reply->date_s;
		read_identity(w, reply);
	}
	w->is_done = true;
	pthread_cond_signal(&w->cond);
	pthread_mutex_unlock(&w->lock);
}

/* Every request ends by its deadline, so this does too. */
static void wait_until_done(struct waiting *w)
{
	pthread_mutex_lock(&w->lock);
	while (!w->is_done)
		pthread_cond_wait(&w->cond, &w->lock);
	pthread_mutex_unlock(&w->lock);
}

static void fail(struct waiting *w, int err)
{
	w->outcome = (struct outcome){ .kind = OUTCOME_REFUSED };
	failure_set(&w->outcome.failure, err, "%s", strerror(-err));
}

/* Asks through this endpoint who we are, or just whether it answers. */
static void ask(struct api *api, const struct endpoint *e, bool has_identity, struct waiting *w)
{
	struct strbuf path = STRBUF_INIT, params = STRBUF_INIT;
	struct request *r;
	int err;

	strbuf_adds(&path, has_identity ? "/me" : "/tags");
	if (!has_identity)
		strbuf_adds(&params, "pagesize=1");
	r = request_new(has_identity ? METHOD_USERS : METHOD_TAGS, &path, &params);
	if (!r) {
		fail(w, -ENOMEM);
		return;
	}
	w->has_identity = has_identity;
	r->has_endpoint = true;
	r->endpoint = *e;
	r->is_forced = true;
	r->deadline_ms = clock_mono_ms() + api->timeout_ms;
	r->done = wake_up;
	r->userdata = w;
	err = client_submit(api, r, NULL);
	if (err < 0)
		fail(w, err);
	else
		wait_until_done(w);
}

/* The address or the style may be wrong, so that another candidate may work. With a refused token, and
 * with everything that has nothing to do with style, it may not. */
static bool is_worth_another(const struct outcome *o)
{
	if (o->kind == OUTCOME_TOKEN)
		return o->error_id == 401;
	if (o->kind == OUTCOME_FILTER)
		return true;
	return o->kind == OUTCOME_REFUSED &&
	       (o->error_id == 400 || o->error_id == 404 ||
		(!o->error_id && o->status >= 400 && o->status < 500));
}

/* Which of two failures tells more: one in the service's own words about token or team, before one that
 * only says that the address is wrong. */
static int weight(const struct outcome *o)
{
	if (o->kind == OUTCOME_REFUSED && !o->error_id)
		return 0;
	if (o->error_id == 404)
		return 1;
	return o->error_id == 401 ? 2 : 3;
}

static void explain(const struct api *api, const struct outcome *o, struct failure *failure)
{
	*failure = o->failure;
	if (api->flavour == API_TEAM && (o->error_id == 400 || o->kind == OUTCOME_FILTER))
		failure_set(failure, -EACCES,
			    "the server does not know the team '%s', or it is spelled differently "
			    "in its address %s",
			    api->team, strrchr(o->failure.text, '(') ?: o->failure.text);
	else if (api->flavour == API_PUBLIC && o->error_id == 400)
		failure_set(failure, -EACCES, "the server does not accept the site '%s' %s",
			    api->site, strrchr(o->failure.text, '(') ?: o->failure.text);
	else if (o->kind == OUTCOME_TOKEN && o->error_id == 401 && api->token)
		failure_set(failure, -EACCES,
			    "the server does not see or accept the access token; check api-style "
			    "and the token %s",
			    strrchr(o->failure.text, '(') ?: o->failure.text);
}

/* Tries the endpoints in turn. 0 with the one that works in *ret. */
static int search(struct api *api, const struct endpoint *list, unsigned nr, bool has_identity,
		  struct waiting *w, struct endpoint *ret, bool *ret_is_hopeless)
{
	struct outcome best = { 0 };

	for (unsigned i = 0; i < nr; i++) {
		w->is_done = false;
		ask(api, &list[i], has_identity, w);
		if (w->outcome.kind == OUTCOME_OK) {
			*ret = list[i];
			return 0;
		}
		if (i == 0 || weight(&w->outcome) > weight(&best))
			best = w->outcome;
		log_debug("api", "no answer through this address: %s prefix=%s",
			  w->outcome.failure.text, list[i].prefix);
		*ret_is_hopeless = !is_worth_another(&w->outcome);
		if (*ret_is_hopeless)
			break;
	}
	w->outcome = best;
	return best.failure.err ? best.failure.err : -EIO;
}

static int make_filter(struct api *api, const struct endpoint *e, struct waiting *w)
{
	bool has_filter;
	int err;

	api_lock(api);
	has_filter = api->filter.id[0] || api->filter.is_creating;
	api->filter.is_creating = !api->filter.id[0];
	api_unlock(api);
	if (has_filter)
		return 0;
	w->is_done = false;
	w->has_identity = false;
	err = filter_create(api, e, true, wake_up, w);
	if (err < 0) {
		api_lock(api);
		api->filter.is_creating = false;
		api_unlock(api);
		fail(w, err);
		return err;
	}
	wait_until_done(w);
	return w->outcome.kind == OUTCOME_OK ? 0 : w->outcome.failure.err;
}

static int find_endpoint(struct api *api, bool has_identity, struct waiting *w, struct endpoint *e)
{
	struct endpoint list[2], known;
	bool is_known, is_hopeless = false;
	int r;

	api_lock(api);
	is_known = api->is_endpoint_known;
	known = api->endpoint;
	api_unlock(api);
	if (is_known) {
		r = search(api, &known, 1, has_identity, w, e, &is_hopeless);
		if (r == 0 || is_hopeless)
			return r;
		log_info("api", "the remembered address no longer works; searching anew");
	}
	return search(api, list, endpoint_candidates(api, list), has_identity, w, e, &is_hopeless);
}

int api_connect(struct api *api, struct api_identity *ret, struct failure *failure)
{
	bool has_identity = api->flavour != API_PUBLIC && api->token;
	struct endpoint e;
	struct waiting w;
	int r;

	if (api->flavour == API_TEAM && !api->token) {
		failure_set(failure, -EACCES,
			    "no access token; give one with token-file, token-command or "
			    "SOFS_TOKEN");
		return failure->err;
	}
	waiting_init(&w);
	r = find_endpoint(api, has_identity, &w, &e);
	if (r == 0) {
		api_lock(api);
		api->endpoint = e;
		api->is_endpoint_known = true;
		api->is_facts_dirty = true;
		*ret = (struct api_identity){
			.style = e.style,
			.user_id = w.user_id,
			.clock_skew_s = w.date_s ? w.date_s - clock_wall_s() : 0,
		};
		api_unlock(api);
		snprintf(ret->user_name, sizeof(ret->user_name), "%s", w.name);
		snprintf(ret->api_prefix, sizeof(ret->api_prefix), "%s", e.prefix);
		r = make_filter(api, &e, &w);
	}
	if (r < 0) {
		explain(api, &w.outcome, failure);
		r = failure->err;
	}
	waiting_release(&w);
	api->transport->wake(api->transport);
	return r;
}
