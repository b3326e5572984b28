/* api_get(): from what to ask to a request, and from its answer to a page. */
#include "internal.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <sofs/base/clock.h>

#define MAX_ID ((int64_t)1 << 53)

struct call {
	struct api *api;
	api_done_fn done;
	void *userdata;
	enum api_priority priority;
	bool has_nested; /* items are questions */
	uint64_t deadline_ms;
	struct api_page page; /* while nested lists are being completed */
};

/* ---- The question ------------------------------------------------------------------------------- */

static bool is_query_fine(const struct api_query *q)
{
	bool has_ids = q->route == API_QUESTIONS_BY_ID || q->route == API_QUESTION_ANSWERS ||
		       q->route == API_POST_COMMENTS;

	if (q->route > API_ME_WRITE_PERMISSIONS || q->priority > API_PRIO_BACKGROUND)
		return false;
	if (has_ids ? !q->nr_ids || q->nr_ids > API_MAX_IDS : q->nr_ids)
		return false;
	for (size_t i = 0; i < q->nr_ids; i++)
		if (q->ids[i] < 1 || q->ids[i] > MAX_ID)
			return false;
	if (q->route == API_TAG_INFO && (!q->tag || !*q->tag))
		return false;
	return q->pagesize <= API_PAGESIZE;
}

static void add_ids(struct strbuf *path, const struct api_query *q)
{
	for (size_t i = 0; i < q->nr_ids; i++)
		strbuf_addf(path, "%s%" PRId64, i ? ";" : "", q->ids[i]);
}

static void add_path(struct strbuf *path, const struct api_query *q)
{
	switch (q->route) {
	case API_QUESTIONS:
		strbuf_adds(path, "/questions");
		break;
	case API_QUESTIONS_BY_ID:
		strbuf_adds(path, "/questions/");
		add_ids(path, q);
		break;
	case API_QUESTION_ANSWERS:
		strbuf_adds(path, "/questions/");
		add_ids(path, q);
		strbuf_adds(path, "/answers");
		break;
	case API_POST_COMMENTS:
		strbuf_adds(path, "/posts/");
		add_ids(path, q);
		strbuf_adds(path, "/comments");
		break;
	case API_TAGS:
		strbuf_adds(path, "/tags");
		break;
	case API_TAG_INFO:
		strbuf_adds(path, "/tags/");
		net_add_escaped(path, q->tag);
		strbuf_adds(path, "/info");
		break;
	case API_ME:
		strbuf_adds(path, "/me");
		break;
	case API_ME_WRITE_PERMISSIONS:
		strbuf_adds(path, "/me/write-permissions");
		break;
	}
}

static void add_number(struct strbuf *params, const char *name, int64_t n)
{
	if (n != API_NO_BOUND)
		strbuf_addf(params, "%s%s=%" PRId64, params->len ? "&" : "", name, n);
}

static void add_params(struct strbuf *params, const struct api_query *q)
{
	if (q->sort)
		strbuf_addf(params, "order=%s&sort=%s", q->is_ascending ? "asc" : "desc", q->sort);
	if (q->tag && q->route == API_QUESTIONS) {
		strbuf_addf(params, "%stagged=", params->len ? "&" : "");
		net_add_escaped(params, q->tag);
	}
	add_number(params, "min", q->min);
	add_number(params, "max", q->max);
	add_number(params, "fromdate", q->fromdate);
	add_number(params, "todate", q->todate);
	if (q->page)
		add_number(params, "page", q->page);
	if (q->route == API_ME || q->is_total_only)
		return;
	add_number(params, "pagesize", q->pagesize ? q->pagesize : API_PAGESIZE);
}

/* ---- The answer --------------------------------------------------------------------------------- */

static void completed(void *userdata, const struct failure *failure, const struct page_items *items)
{
	struct call *c = userdata;

	if (failure) {
		c->done(c->userdata, failure, NULL);
	} else {
		c->page.items = items->items;
		c->page.nr_items = items->nr_items;
		c->done(c->userdata, NULL, &c->page);
	}
	free(c);
}

static void answered(void *userdata, const struct outcome *failure, struct reply *reply)
{
	struct call *c = userdata;

	if (failure) {
		api_lock(c->api);
		c->api->status.nr_failed++;
		api_unlock(c->api);
		c->done(c->userdata, &failure->failure, NULL);
		free(c);
		return;
	}
	c->page = (struct api_page){ .items = reply->env->items,
				     .nr_items = reply->env->nr_items,
				     .nr_dropped = reply->env->nr_dropped,
				     .has_more = reply->env->has_more,
				     .total = reply->env->total,
				     .server_time_s = reply->date_s,
				     .is_encoded = reply->is_encoded };
	if (c->has_nested && !complete_is_whole(c->api, c->page.items, c->page.nr_items)) {
		complete_items(c->api, c->page.items, c->page.nr_items, c->priority, c->deadline_ms,
			       completed, c);
		return;
	}
	c->done(c->userdata, NULL, &c->page);
	free(c);
}

int api_get(struct api *api, const struct api_query *q, api_done_fn done, void *userdata,
	    uint64_t *ret_call)
{
	struct strbuf path = STRBUF_INIT, params = STRBUF_INIT;
	struct request *r;
	struct call *c;
	int err;

	if (!is_query_fine(q))
		return -EINVAL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	add_path(&path, q);
	add_params(&params, q);
	r = request_new(method_of(q->route), &path, &params);
	if (!r) {
		free(c);
		return -ENOMEM;
	}
	*c = (struct call){ .api = api,
			    .done = done,
			    .userdata = userdata,
			    .priority = q->priority,
			    .deadline_ms = clock_mono_ms() +
					   (q->budget_ms ? q->budget_ms : api->timeout_ms),
			    .has_nested = !q->is_total_only && (q->route == API_QUESTIONS ||
								q->route == API_QUESTIONS_BY_ID) };
	r->priority = q->priority;
	r->filter = q->is_total_only ? FILTER_TOTAL : FILTER_OURS;
	r->deadline_ms = c->deadline_ms;
	r->done = answered;
	r->userdata = c;
	r->owned = c;
	err = client_submit(api, r, ret_call);
	if (err < 0)
		free(c);
	return err;
}

bool api_cancel(struct api *api, uint64_t call)
{
	return client_cancel(api, call);
}
