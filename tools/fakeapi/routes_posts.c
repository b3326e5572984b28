/* Questions, answers, comments, posts, revisions, articles. */

#include "routes.h"

#include <stdlib.h>
#include <string.h>

void render_as_question(struct writer *w, void *o, void *ctx)
{
	(void)ctx;
	render_question(w, o);
}

void render_as_answer(struct writer *w, void *o, void *ctx)
{
	(void)ctx;
	render_answer(w, o);
}

void render_as_comment(struct writer *w, void *o, void *ctx)
{
	(void)ctx;
	render_comment(w, o);
}

void render_as_post(struct writer *w, void *o, void *ctx)
{
	(void)ctx;
	render_post(w, o);
}

static void render_as_article(struct writer *w, void *o, void *ctx)
{
	(void)ctx;
	render_article(w, o);
}

void tag_list_parse(struct tag_list *t, const char *joined)
{
	t->n = 0;
	for (const char *s = joined ? joined : ""; *s;) {
		size_t n = strcspn(s, ";");

		if (n && n < sizeof(t->names[0]) && t->n < (int)ARRAY_SIZE(t->names)) {
			memcpy(t->names[t->n], s, n);
			t->names[t->n++][n] = '\0';
		}
		s += n + (s[n] == ';');
	}
}

bool post_has_tag(const struct post *p, const char *name)
{
	for (size_t i = 0; i < p->tags.n; i++)
		if (strcasecmp(((struct tag *)p->tags.v[i])->name, name) == 0)
			return true;
	return false;
}

bool post_has_all_tags(const struct post *p, const struct tag_list *t)
{
	for (int i = 0; i < t->n; i++)
		if (!post_has_tag(p, t->names[i]))
			return false;
	return true;
}

bool post_has_any_tag(const struct post *p, const struct tag_list *t)
{
	for (int i = 0; i < t->n; i++)
		if (post_has_tag(p, t->names[i]))
			return true;
	return false;
}

static bool is_any(const struct post *q)
{
	(void)q;
	return true;
}

static bool has_no_upvoted_answer(const struct post *q)
{
	for (size_t i = 0; i < q->answers.n; i++)
		if (((struct post *)q->answers.v[i])->score > 0)
			return false;
	return q->accepted_answer_id == 0;
}

static bool has_no_answer(const struct post *q)
{
	return q->answers.n == 0;
}

static bool has_bounty(const struct post *q)
{
	return q->bounty_amount > 0;
}

static void list_questions(struct request *rq, struct result *res, enum family family,
			   bool (*wanted)(const struct post *))
{
	const struct ptrs *all;
	struct tag_list tags;
	struct ptrs list = { 0 };
	struct query q;

	res->type = "question";
	if (!query_parse(&q, rq, res, family))
		return;
	/* AND; with more than five tags nothing can match, because no question has more */
	tag_list_parse(&tags, request_param(rq, "tagged"));
	all = query_all_posts(rq->data, POST_QUESTION, q.sort);
	for (size_t i = 0; i < all->n; i++)
		if (wanted(all->v[i]) && post_has_all_tags(all->v[i], &tags))
			ptrs_add(&list, all->v[i]);
	query_emit(&q, rq, res, &list, OBJECT_POST, true, render_as_question, NULL);
}

void route_questions(struct request *rq, struct result *res)
{
	list_questions(rq, res, FAMILY_QUESTIONS, is_any);
}

void route_questions_unanswered(struct request *rq, struct result *res)
{
	list_questions(rq, res, FAMILY_POSTS, has_no_upvoted_answer);
}

void route_questions_no_answers(struct request *rq, struct result *res)
{
	list_questions(rq, res, FAMILY_POSTS, has_no_answer);
}

void route_questions_featured(struct request *rq, struct result *res)
{
	list_questions(rq, res, FAMILY_POSTS, has_bounty);
}

void posts_of_ids(const struct request *rq, enum post_kind kind, struct ptrs *list)
{
	for (int i = 0; i < rq->nr_ids; i++) {
		struct post *p = data_post(rq->data, rq->ids[i], kind);

		if (p)
			ptrs_add(list, p);
	}
}

void route_questions_by_ids(struct request *rq, struct result *res)
{
	struct ptrs list = { 0 };
	struct query q;

	res->type = "question";
	if (!query_parse(&q, rq, res, FAMILY_POSTS))
		return;
	posts_of_ids(rq, POST_QUESTION, &list);
	query_emit(&q, rq, res, &list, OBJECT_POST, false, render_as_question, NULL);
}

void route_question_answers(struct request *rq, struct result *res)
{
	struct ptrs questions = { 0 };
	struct ptrs list = { 0 };
	struct query q;

	res->type = "answer";
	if (!query_parse(&q, rq, res, FAMILY_POSTS))
		return;
	posts_of_ids(rq, POST_QUESTION, &questions);
	for (size_t i = 0; i < questions.n; i++) {
		const struct post *p = questions.v[i];

		for (size_t k = 0; k < p->answers.n; k++)
			ptrs_add(&list, p->answers.v[k]);
	}
	ptrs_free(&questions);
	query_emit(&q, rq, res, &list, OBJECT_POST, false, render_as_answer, NULL);
}

void route_post_comments(struct request *rq, struct result *res)
{
	const char *pattern = rq->route->pattern;
	enum post_kind kind = pattern[0] == 'q'   ? POST_QUESTION
			      : pattern[1] == 'n' ? POST_ANSWER
			      : pattern[1] == 'r' ? POST_ARTICLE
						  : POST_KINDS;
	struct ptrs posts = { 0 };
	struct ptrs list = { 0 };
	struct query q;

	res->type = "comment";
	if (!query_parse(&q, rq, res, FAMILY_COMMENTS))
		return;
	posts_of_ids(rq, kind, &posts);
	for (size_t i = 0; i < posts.n; i++) {
		const struct post *p = posts.v[i];

		for (size_t k = 0; k < p->comments.n; k++)
			ptrs_add(&list, p->comments.v[k]);
	}
	ptrs_free(&posts);
	query_emit(&q, rq, res, &list, OBJECT_COMMENT, false, render_as_comment, NULL);
}

static bool links_to(const struct post *from, const struct post *to)
{
	char *path = xasprintf("/questions/%lld", (long long)to->id);
	bool found = false;

	for (const char *s = from->body_markdown; (s = strstr(s, path)) && !found; s++) {
		char next = s[strlen(path)];

		found = next < '0' || next > '9';
	}
	free(path);
	return found && from != to;
}

/* Linked: those that the questions' texts link to, or whose texts link to them. */
void route_question_linked(struct request *rq, struct result *res)
{
	const struct ptrs *all = &rq->data->posts[POST_QUESTION];
	struct ptrs own = { 0 };
	struct ptrs list = { 0 };
	struct query q;

	res->type = "question";
	if (!query_parse(&q, rq, res, FAMILY_RANKED))
		return;
	posts_of_ids(rq, POST_QUESTION, &own);
	for (size_t i = 0; i < all->n; i++) {
		struct post *p = all->v[i];
		bool linked = false;

		for (size_t k = 0; k < own.n && !linked; k++)
			linked = links_to(own.v[k], p) || links_to(p, own.v[k]);
		p->mark = linked;
		if (linked)
			ptrs_add(&list, p);
	}
	ptrs_free(&own);
	query_emit(&q, rq, res, &list, OBJECT_POST, false, render_as_question, NULL);
}

/* Related: those that share most tags. */
void route_question_related(struct request *rq, struct result *res)
{
	const struct ptrs *all = &rq->data->posts[POST_QUESTION];
	struct ptrs own = { 0 };
	struct ptrs list = { 0 };
	struct query q;

	res->type = "question";
	if (!query_parse(&q, rq, res, FAMILY_RANKED))
		return;
	posts_of_ids(rq, POST_QUESTION, &own);
	for (size_t i = 0; i < all->n; i++) {
		struct post *p = all->v[i];
		bool is_own = false;

		p->mark = 0;
		for (size_t k = 0; k < own.n; k++) {
			const struct post *o = own.v[k];

			is_own = is_own || o == p;
			for (size_t t = 0; t < o->tags.n; t++)
				for (size_t u = 0; u < p->tags.n; u++)
					p->mark += o->tags.v[t] == p->tags.v[u];
		}
		if (p->mark && !is_own)
			ptrs_add(&list, p);
	}
	ptrs_free(&own);
	query_emit(&q, rq, res, &list, OBJECT_POST, false, render_as_question, NULL);
}

static void copy_list(struct ptrs *list, const struct ptrs *all)
{
	for (size_t i = 0; i < all->n; i++)
		ptrs_add(list, all->v[i]);
}

void route_answers(struct request *rq, struct result *res)
{
	struct ptrs list = { 0 };
	struct query q;

	res->type = "answer";
	if (!query_parse(&q, rq, res, FAMILY_POSTS))
		return;
	if (rq->nr_ids)
		posts_of_ids(rq, POST_ANSWER, &list);
	else
		copy_list(&list, query_all_posts(rq->data, POST_ANSWER, q.sort));
	query_emit(&q, rq, res, &list, OBJECT_POST, !rq->nr_ids, render_as_answer, NULL);
}

void route_answer_questions(struct request *rq, struct result *res)
{
	struct ptrs answers = { 0 };
	struct ptrs list = { 0 };
	struct query q;

	res->type = "question";
	if (!query_parse(&q, rq, res, FAMILY_POSTS))
		return;
	posts_of_ids(rq, POST_ANSWER, &answers);
	for (size_t i = 0; i < answers.n; i++) {
		struct post *parent = ((struct post *)answers.v[i])->parent;
		bool known = false;

		for (size_t k = 0; k < list.n; k++)
			known = known || list.v[k] == parent;
		if (!known)
			ptrs_add(&list, parent);
	}
	ptrs_free(&answers);
	query_emit(&q, rq, res, &list, OBJECT_POST, false, render_as_question, NULL);
}

void route_comments(struct request *rq, struct result *res)
{
	struct ptrs list = { 0 };
	struct query q;

	res->type = "comment";
	if (!query_parse(&q, rq, res, FAMILY_COMMENTS))
		return;
	for (int i = 0; i < rq->nr_ids; i++) {
		struct comment *c = idmap_get(&rq->data->comments_by_id, rq->ids[i]);

		if (c)
			ptrs_add(&list, c);
	}
	if (!rq->nr_ids)
		copy_list(&list, query_all_comments(rq->data, q.sort));
	query_emit(&q, rq, res, &list, OBJECT_COMMENT, !rq->nr_ids, render_as_comment, NULL);
}

void route_posts(struct request *rq, struct result *res)
{
	struct ptrs list = { 0 };
	struct query q;

	res->type = "post";
	if (!query_parse(&q, rq, res, FAMILY_POSTS))
		return;
	if (rq->nr_ids)
		posts_of_ids(rq, POST_KINDS, &list);
	else
		for (int kind = 0; kind < POST_KINDS; kind++)
			copy_list(&list, &rq->data->posts[kind]);
	query_emit(&q, rq, res, &list, OBJECT_POST, false, render_as_post, NULL);
}

static void render_as_revision(struct writer *w, void *o, void *ctx)
{
	struct data *d = ctx;
	struct revision *r = o;

	render_revision(w, r, data_post(d, strtoll(r->guid + 24, NULL, 16), POST_KINDS));
}

/* Newest first, as the service does. */
static void emit_revisions(struct request *rq, struct result *res, struct ptrs *list)
{
	struct query q;

	res->type = "revision";
	if (!query_parse(&q, rq, res, FAMILY_DATES)) {
		ptrs_free(list);
		return;
	}
	for (size_t i = 0; i < list->n / 2; i++) {
		void *tmp = list->v[i];

		list->v[i] = list->v[list->n - 1 - i];
		list->v[list->n - 1 - i] = tmp;
	}
	query_emit(&q, rq, res, list, OBJECT_REVISION, true, render_as_revision, rq->data);
}

void route_post_revisions(struct request *rq, struct result *res)
{
	struct ptrs posts = { 0 };
	struct ptrs list = { 0 };

	posts_of_ids(rq, POST_KINDS, &posts);
	for (size_t i = 0; i < posts.n; i++)
		copy_list(&list, data_revisions(rq->data, posts.v[i]));
	ptrs_free(&posts);
	emit_revisions(rq, res, &list);
}

void route_revisions(struct request *rq, struct result *res)
{
	struct ptrs list = { 0 };

	for (const char *s = rq->vector; *s;) {
		size_t n = strcspn(s, ";");
		char *guid = xstrndup(s, n);
		struct revision *r = data_revision_by_guid(rq->data, guid);

		if (r)
			ptrs_add(&list, r);
		free(guid);
		s += n + (s[n] == ';');
	}
	emit_revisions(rq, res, &list);
}

void route_articles(struct request *rq, struct result *res)
{
	struct ptrs list = { 0 };
	struct query q;

	res->type = "article";
	if (!query_parse(&q, rq, res, FAMILY_POSTS))
		return;
	if (rq->nr_ids)
		posts_of_ids(rq, POST_ARTICLE, &list);
	else
		copy_list(&list, query_all_posts(rq->data, POST_ARTICLE, q.sort));
	query_emit(&q, rq, res, &list, OBJECT_POST, !rq->nr_ids, render_as_article, NULL);
}
