#include "routes.h"

#include <string.h>

static void render_as_user(struct writer *w, void *o, void *ctx)
{
	const struct data *d = ctx;
	const struct user *u = o;
	int64_t n[POST_KINDS] = { 0 };

	/* counted only when asked for: it walks all posts */
	if (filter_has(w->f, F_user_question_count) || filter_has(w->f, F_user_answer_count))
		for (int kind = 0; kind < POST_ARTICLE; kind++)
			for (size_t i = 0; i < d->posts[kind].n; i++)
				n[kind] += ((struct post *)d->posts[kind].v[i])->owner == u;
	render_user(w, u, n[POST_QUESTION], n[POST_ANSWER]);
}

void route_users(struct request *rq, struct result *res)
{
	const char *inname = request_param(rq, "inname");
	struct ptrs list = { 0 };
	struct query q;

	res->type = "user";
	if (!query_parse(&q, rq, res, FAMILY_USERS))
		return;
	for (int i = 0; i < rq->nr_ids; i++) {
		struct user *u = idmap_get(&rq->data->users_by_id, rq->ids[i]);

		if (!u && rq->is_me)
			u = data_user(rq->data, rq->ids[i], NULL);
		if (u)
			ptrs_add(&list, u);
	}
	for (size_t i = 0; !rq->nr_ids && i < rq->data->users.n; i++) {
		struct user *u = rq->data->users.v[i];

		if (!inname || strcasestr(u->display_name, inname))
			ptrs_add(&list, u);
	}
	query_emit(&q, rq, res, &list, OBJECT_USER, false, render_as_user, rq->data);
}

static bool is_owned(const struct request *rq, const struct user *owner)
{
	for (int i = 0; owner && i < rq->nr_ids; i++)
		if (owner->id == rq->ids[i])
			return true;
	return false;
}

static void list_posts(struct request *rq, struct result *res, const char *type, int first_kind,
		       int last_kind, render_fn render)
{
	struct ptrs list = { 0 };
	struct query q;

	res->type = type;
	if (!query_parse(&q, rq, res, FAMILY_POSTS))
		return;
	for (int kind = first_kind; kind <= last_kind; kind++) {
		const struct ptrs *all = query_all_posts(rq->data, (enum post_kind)kind, q.sort);

		for (size_t i = 0; i < all->n; i++)
			if (is_owned(rq, ((struct post *)all->v[i])->owner))
				ptrs_add(&list, all->v[i]);
	}
	query_emit(&q, rq, res, &list, OBJECT_POST, first_kind == last_kind, render, NULL);
}

void route_user_questions(struct request *rq, struct result *res)
{
	list_posts(rq, res, "question", POST_QUESTION, POST_QUESTION, render_as_question);
}

void route_user_answers(struct request *rq, struct result *res)
{
	list_posts(rq, res, "answer", POST_ANSWER, POST_ANSWER, render_as_answer);
}

void route_user_posts(struct request *rq, struct result *res)
{
	list_posts(rq, res, "post", POST_QUESTION, POST_ARTICLE, render_as_post);
}

void route_user_comments(struct request *rq, struct result *res)
{
	const struct ptrs *all;
	struct ptrs list = { 0 };
	struct query q;

	res->type = "comment";
	if (!query_parse(&q, rq, res, FAMILY_COMMENTS))
		return;
	all = query_all_comments(rq->data, q.sort);
	for (size_t i = 0; i < all->n; i++)
		if (is_owned(rq, ((struct comment *)all->v[i])->owner))
			ptrs_add(&list, all->v[i]);
	query_emit(&q, rq, res, &list, OBJECT_COMMENT, true, render_as_comment, NULL);
}

static void render_as_tag(struct writer *w, void *o, void *ctx)
{
	(void)ctx;
	render_tag(w, o);
}

void route_user_tags(struct request *rq, struct result *res)
{
	const struct ptrs *all = &rq->data->posts[POST_QUESTION];
	struct ptrs list = { 0 };
	struct query q;

	res->type = "tag";
	if (!query_parse(&q, rq, res, FAMILY_TAGS))
		return;
	data_refresh_tags(rq->data);
	for (size_t i = 0; i < rq->data->tags.n; i++)
		((struct tag *)rq->data->tags.v[i])->mark = 0;
	for (size_t i = 0; i < all->n; i++) {
		const struct post *p = all->v[i];

		if (!is_owned(rq, p->owner))
			continue;
		for (size_t k = 0; k < p->tags.n; k++) {
			struct tag *t = p->tags.v[k];

			if (!t->mark++)
				ptrs_add(&list, t);
		}
	}
	query_emit(&q, rq, res, &list, OBJECT_TAG, false, render_as_tag, NULL);
}

/* Ignores what is used up (documented). Whether a read-only token shows here is unknown; by default
 * it does. Other people's permissions are "no". */
void route_write_permissions(struct request *rq, struct result *res)
{
	static const struct {
		const char *type;
		int64_t max_daily, min_seconds;
	} objects[] = {
		{ "question", 100, 20 },
		{ "answer", 300, 20 },
		{ "comment", 1000, 5 },
		{ "article", 100, 60 },
	};
	bool is_own = rq->user_id && rq->ids[0] == rq->user_id;
	bool may = is_own && !(rq->token == TOKEN_RO && rq->s.write_permissions);
	struct writer w;
	struct query q;

	res->type = "write_permission";
	if (!query_parse(&q, rq, res, FAMILY_PLAIN))
		return;
	result_writer(&w, rq, res);
	for (size_t i = 0; i < ARRAY_SIZE(objects); i++) {
		bool state;

		result_item(&w, res);
		state = w_open(&w);
		w_int(&w, F_write_permission_user_id, rq->ids[0]);
		w_str(&w, F_write_permission_object_type, objects[i].type);
		w_bool(&w, F_write_permission_can_add, may);
		w_bool(&w, F_write_permission_can_edit, may);
		w_bool(&w, F_write_permission_can_delete, may);
		w_int(&w, F_write_permission_max_daily_actions, may ? objects[i].max_daily : 0);
		w_int(&w, F_write_permission_min_seconds_between_actions, objects[i].min_seconds);
		w_close(&w, state);
	}
	result_one_page(res);
}
