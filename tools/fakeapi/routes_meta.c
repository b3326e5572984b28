/* info, events, errors, filters. */

#include "routes.h"

#include <stdlib.h>
#include <string.h>

void route_info(struct request *rq, struct result *res)
{
	const struct data *d = rq->data;
	int64_t accepted = 0;
	int64_t unanswered = 0;
	int64_t votes = 0;
	struct writer w;
	bool state;

	res->type = "info";
	for (size_t i = 0; i < d->posts[POST_QUESTION].n; i++) {
		const struct post *q = d->posts[POST_QUESTION].v[i];

		accepted += q->accepted_answer_id != 0;
		unanswered += !q->is_answered;
		votes += q->up_votes + q->down_votes;
	}
	result_writer(&w, rq, res);
	result_item(&w, res);
	state = w_open(&w);
	w_int(&w, F_info_new_active_users, 0);
	w_int(&w, F_info_total_users, (int64_t)d->users.n);
	if (w_key(&w, F_info_badges_per_minute))
		buf_adds(w.b, "0.01");
	w_int(&w, F_info_total_badges, 0);
	w_int(&w, F_info_total_votes, votes);
	w_int(&w, F_info_total_comments, (int64_t)d->comments.n);
	if (w_key(&w, F_info_answers_per_minute))
		buf_adds(w.b, "0.25");
	if (w_key(&w, F_info_questions_per_minute))
		buf_adds(w.b, "0.12");
	w_int(&w, F_info_total_answers, (int64_t)d->posts[POST_ANSWER].n);
	w_int(&w, F_info_total_accepted, accepted);
	w_int(&w, F_info_total_unanswered, unanswered);
	w_int(&w, F_info_total_questions, (int64_t)d->posts[POST_QUESTION].n);
	w_str(&w, F_info_api_revision, "2024.1.1.1");
	w_close(&w, state);
	result_one_page(res);
}

/* The last five minutes unless `since` says otherwise, never more than fifteen. */
void route_events(struct request *rq, struct result *res)
{
	const struct ptrs *events = &rq->data->events;
	const char *since_param = request_param(rq, "since");
	int64_t since = since_param && *since_param ? atoll(since_param) : rq->now_s - 300;
	struct writer w;
	struct query q;
	int64_t n = 0;

	res->type = "event";
	res->is_volatile = true;
	if (!query_parse(&q, rq, res, FAMILY_PLAIN))
		return;
	if (since < rq->now_s - 900)
		since = rq->now_s - 900;
	result_writer(&w, rq, res);
	for (size_t i = events->n; i-- > 0;) {
		const struct event *e = events->v[i];
		bool state;

		if (e->date < since)
			continue;
		if (n >= (q.page - 1) * q.pagesize && n < q.page * q.pagesize) {
			result_item(&w, res);
			state = w_open(&w);
			w_str(&w, F_event_event_type, e->type);
			w_int(&w, F_event_event_id, e->id);
			w_int(&w, F_event_creation_date, e->date);
			w_str(&w, F_event_link, e->link);
			w_text(&w, F_event_excerpt, e->excerpt);
			w_close(&w, state);
		}
		n++;
	}
	res->total = n;
	res->has_more = q.page * q.pagesize < n;
}

void route_errors(struct request *rq, struct result *res)
{
	struct writer w;
	struct query q;

	res->type = "error";
	if (!query_parse(&q, rq, res, FAMILY_PLAIN))
		return;
	result_writer(&w, rq, res);
	for (int id = 400; id < 600; id++) {
		bool state;

		if (!error_description(id))
			continue;
		result_item(&w, res);
		state = w_open(&w);
		w_str(&w, F_error_description, error_description(id));
		w_str(&w, F_error_error_name, error_name(id));
		w_int(&w, F_error_error_id, id);
		w_close(&w, state);
	}
	result_one_page(res);
}

/* Answers with that error, for testing. */
void route_error(struct request *rq, struct result *res)
{
	int id = rq->ids[0] > 0 && rq->ids[0] < 10000 ? (int)rq->ids[0] : 0;

	res->type = "error";
	if (error_description(id))
		result_fail(res, id, "%s", error_description(id));
	else
		result_fail(res, 400, "id");
}

static void render_filter(struct writer *w, const struct request *rq, const char *id,
			  const struct filter *f)
{
	struct filter_settings fs = { (uint32_t)rq->s.filter_salt, rq->s.nasty_filter_ids };
	char made[MAX_FILTER_ID];
	bool state = w_open(w);
	bool first = true;

	if (f && !id)
		filter_id(made, f, &fs);
	w_str(w, F_filter_filter, id ? id : made);
	w_str(w, F_filter_filter_type, !f ? "invalid" : f->is_unsafe ? "unsafe" : "safe");
	if (w_key(w, F_filter_included_fields)) {
		buf_addc(w->b, '[');
		for (int i = 0; f && i < NR_FIELDS; i++) {
			if (!filter_has(f, (enum field)i))
				continue;
			if (!first)
				buf_addc(w->b, ',');
			first = false;
			buf_json_string(w->b, field_full_name((enum field)i), 0, JSON_ESCAPE_NONE);
		}
		buf_addc(w->b, ']');
	}
	w_close(w, state);
}

void route_filter_create(struct request *rq, struct result *res)
{
	struct filter_settings fs = { (uint32_t)rq->s.filter_salt, rq->s.nasty_filter_ids };
	const char *base = request_param(rq, "base");
	const char *include = request_param(rq, "include");
	const char *exclude = request_param(rq, "exclude");
	const char *is_unsafe = request_param(rq, "unsafe");
	struct filter f;
	struct writer w;

	res->type = "filter";
	if (!filter_parse(&f, base && *base ? base : "default", &fs))
		result_fail(res, 400, "base");
	/* an unknown field name is refused: what the service does is unknown, and this way a
	 * misspelt name cannot hide */
	else if (include && filter_change(&f, include, true))
		result_fail(res, 400, "include");
	else if (exclude && filter_change(&f, exclude, false))
		result_fail(res, 400, "exclude");
	else if (is_unsafe && *is_unsafe && strcasecmp(is_unsafe, "true") != 0 &&
		 strcasecmp(is_unsafe, "false") != 0)
		result_fail(res, 400, "unsafe");
	if (res->error_id)
		return;
	f.is_unsafe = is_unsafe && strcasecmp(is_unsafe, "true") == 0 && !rq->s.safe_only;
	result_writer(&w, rq, res);
	result_item(&w, res);
	render_filter(&w, rq, NULL, &f);
	result_one_page(res);
}

/* Reading filters back; what is unknown comes back as "invalid". */
void route_filters(struct request *rq, struct result *res)
{
	struct filter_settings fs = { (uint32_t)rq->s.filter_salt, rq->s.nasty_filter_ids };
	struct writer w;

	res->type = "filter";
	result_writer(&w, rq, res);
	for (const char *s = rq->vector; *s;) {
		size_t n = strcspn(s, ";");
		char *id = xstrndup(s, n);
		struct filter f;
		bool known = filter_parse(&f, id, &fs);

		result_item(&w, res);
		render_filter(&w, rq, id, known ? &f : NULL);
		free(id);
		s += n + (s[n] == ';');
	}
	result_one_page(res);
}
