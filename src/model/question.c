#include <sofs/model/question.h>

static void comments_free(struct comment *c, size_t nr)
{
	for (size_t i = 0; c && i < nr; i++) {
		free(c[i].owner.name);
		free(c[i].markdown);
	}
	free(c);
}

static void answer_release(struct answer *a)
{
	free(a->owner.name);
	free(a->markdown);
	free(a->link);
	comments_free(a->comments, a->nr_comments);
}

void question_free(struct question *q)
{
	if (!q)
		return;
	free(q->owner.name);
	free(q->title);
	free(q->markdown);
	free(q->link);
	for (size_t i = 0; q->tags && i < q->nr_tags; i++)
		free(q->tags[i]);
	free(q->tags);
	comments_free(q->comments, q->nr_comments);
	for (size_t i = 0; q->answers && i < q->nr_answers; i++)
		answer_release(&q->answers[i]);
	free(q->answers);
	free(q->meta_json);
	free(q);
}

void tag_release(struct tag *t)
{
	free(t->name);
	*t = (struct tag){ 0 };
}
