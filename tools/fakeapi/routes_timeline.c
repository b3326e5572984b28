#include "routes.h"

#include <stdlib.h>

struct moment {
	const char *type;
	int64_t date;
	const struct post *question;
	const struct post *post;
	const struct comment *comment;
	const struct revision *revision;
	const struct user *user;
};

static int later_first(const void *a, const void *b)
{
	const struct moment *x = a;
	const struct moment *y = b;

	return x->date > y->date ? -1 : x->date < y->date;
}

struct moments {
	struct moment *v;
	size_t n;
};

static void add_moment(struct moments *m, struct moment moment)
{
	m->v = xrealloc(m->v, (m->n + 1) * sizeof(*m->v));
	m->v[m->n++] = moment;
}

static void add_post_moments(struct data *d, struct moments *m, const struct post *question,
			     struct post *p)
{
	const struct ptrs *revisions = data_revisions(d, p);

	add_moment(m, (struct moment){ .type = post_kind_name(p->kind),
				       .date = p->creation_date,
				       .question = question,
				       .post = p,
				       .user = p->owner });
	for (size_t i = 1; i < revisions->n; i++) {
		const struct revision *r = revisions->v[i];

		add_moment(m, (struct moment){ .type = "revision",
					       .date = r->creation_date,
					       .question = question,
					       .post = p,
					       .revision = r,
					       .user = r->user });
	}
	for (size_t i = 0; i < p->comments.n; i++) {
		const struct comment *c = p->comments.v[i];

		add_moment(m, (struct moment){ .type = "comment",
					       .date = c->creation_date,
					       .question = question,
					       .post = p,
					       .comment = c,
					       .user = c->owner });
	}
}

static void render_moment(struct writer *w, const struct moment *m)
{
	bool state = w_open(w);

	w_str(w, F_question_timeline_timeline_type, m->type);
	w_int(w, F_question_timeline_question_id, m->question->id);
	w_int(w, F_question_timeline_post_id, m->post->id);
	if (m->comment)
		w_int(w, F_question_timeline_comment_id, m->comment->id);
	if (m->revision)
		w_str(w, F_question_timeline_revision_guid, m->revision->guid);
	w_int(w, F_question_timeline_creation_date, m->date);
	render_owner(w, F_question_timeline_owner, m->post->owner);
	render_owner(w, F_question_timeline_user, m->user);
	w_close(w, state);
}

void route_question_timeline(struct request *rq, struct result *res)
{
	struct ptrs questions = { 0 };
	struct moments all = { 0 };
	struct writer w;
	struct query q;
	size_t n = 0;
	size_t start;

	res->type = "question_timeline";
	if (!query_parse(&q, rq, res, FAMILY_DATES))
		return;
	posts_of_ids(rq, POST_QUESTION, &questions);
	for (size_t i = 0; i < questions.n; i++) {
		struct post *p = questions.v[i];

		add_post_moments(rq->data, &all, p, p);
		for (size_t k = 0; k < p->answers.n; k++)
			add_post_moments(rq->data, &all, p, p->answers.v[k]);
	}
	ptrs_free(&questions);
	for (size_t i = 0; i < all.n; i++)
		if (!(q.has_from && all.v[i].date < q.from) && !(q.has_to && all.v[i].date > q.to))
			all.v[n++] = all.v[i];
	if (n)
		qsort(all.v, n, sizeof(*all.v), later_first);
	start = (size_t)(q.page - 1) * (size_t)q.pagesize;
	res->total = (int64_t)n;
	res->has_more = start + (size_t)q.pagesize < n;
	result_writer(&w, rq, res);
	for (size_t i = start; i < n && i < start + (size_t)q.pagesize; i++) {
		result_item(&w, res);
		render_moment(&w, &all.v[i]);
	}
	free(all.v);
}
