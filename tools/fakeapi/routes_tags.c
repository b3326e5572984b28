#include "routes.h"

#include <stdlib.h>
#include <string.h>

static void render_as_tag(struct writer *w, void *o, void *ctx)
{
	(void)ctx;
	render_tag(w, o);
}

static void tags_of_vector(const struct request *rq, struct ptrs *list)
{
	for (const char *s = rq->vector; *s;) {
		size_t n = strcspn(s, ";");
		char *name = xstrndup(s, n);
		struct tag *t = strmap_get(&rq->data->tags_by_name, name);
		bool known = false;

		for (size_t i = 0; i < list->n; i++)
			known = known || list->v[i] == t;
		if (t && !known)
			ptrs_add(list, t);
		free(name);
		s += n + (s[n] == ';');
	}
}

void route_tags(struct request *rq, struct result *res)
{
	const char *inname = request_param(rq, "inname");
	struct ptrs list = { 0 };
	struct query q;

	res->type = "tag";
	if (!query_parse(&q, rq, res, FAMILY_TAGS))
		return;
	data_refresh_tags(rq->data);
	if (rq->vector) {
		tags_of_vector(rq, &list);
	} else {
		/* tags without questions stay listed (Teams seem to keep them) */
		for (size_t i = 0; i < rq->data->tags.n; i++) {
			struct tag *t = rq->data->tags.v[i];

			if (!inname || strcasestr(t->name, inname))
				ptrs_add(&list, t);
		}
	}
	query_emit(&q, rq, res, &list, OBJECT_TAG, false, render_as_tag, NULL);
}

static void render_as_wiki(struct writer *w, void *o, void *ctx)
{
	(void)ctx;
	render_tag_wiki(w, o);
}

void route_tag_wikis(struct request *rq, struct result *res)
{
	struct ptrs list = { 0 };
	struct query q;
	size_t n = 0;

	res->type = "tag_wiki";
	if (!query_parse(&q, rq, res, FAMILY_PLAIN))
		return;
	tags_of_vector(rq, &list);
	for (size_t i = 0; i < list.n; i++) {
		const struct tag *t = list.v[i];

		if (t->wiki_excerpt || t->wiki_body)
			list.v[n++] = list.v[i];
	}
	list.n = n;
	query_emit(&q, rq, res, &list, OBJECT_TAG, true, render_as_wiki, NULL);
}

static int more_common(const void *a, const void *b)
{
	const struct tag *x = *(struct tag *const *)a;
	const struct tag *y = *(struct tag *const *)b;

	if (x->mark != y->mark)
		return x->mark > y->mark ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* Tags that stand on the same questions as all the given ones (AND). */
void route_tag_related(struct request *rq, struct result *res)
{
	const struct data *d = rq->data;
	struct tag_list names;
	struct ptrs list = { 0 };
	struct query q;

	res->type = "tag";
	if (!query_parse(&q, rq, res, FAMILY_PLAIN))
		return;
	data_refresh_tags(rq->data);
	tag_list_parse(&names, rq->vector);
	for (size_t i = 0; i < d->tags.n; i++)
		((struct tag *)d->tags.v[i])->mark = 0;
	for (size_t i = 0; i < d->posts[POST_QUESTION].n; i++) {
		const struct post *p = d->posts[POST_QUESTION].v[i];

		if (!post_has_all_tags(p, &names))
			continue;
		for (size_t k = 0; k < p->tags.n; k++)
			((struct tag *)p->tags.v[k])->mark++;
	}
	for (size_t i = 0; i < d->tags.n; i++) {
		struct tag *t = d->tags.v[i];
		bool given = false;

		for (int k = 0; k < names.n; k++)
			given = given || strcmp(names.names[k], t->name) == 0;
		if (t->mark && !given)
			ptrs_add(&list, t);
	}
	if (list.n)
		qsort(list.v, list.n, sizeof(*list.v), more_common);
	query_emit(&q, rq, res, &list, OBJECT_TAG, true, render_as_tag, NULL);
}

/* Our team has no synonyms. */
void route_tag_synonyms(struct request *rq, struct result *res)
{
	struct query q;

	res->type = "tag_synonym";
	if (query_parse(&q, rq, res, FAMILY_PLAIN))
		result_one_page(res);
}

void route_tag_faq(struct request *rq, struct result *res)
{
	const struct ptrs *all = query_all_posts(rq->data, POST_QUESTION, SORT_VOTES);
	struct ptrs list = { 0 };
	struct tag_list names;
	struct query q;

	res->type = "question";
	if (!query_parse(&q, rq, res, FAMILY_PLAIN))
		return;
	tag_list_parse(&names, rq->vector);
	for (size_t i = all->n; i-- > 0;)
		if (post_has_all_tags(all->v[i], &names))
			ptrs_add(&list, all->v[i]);
	query_emit(&q, rq, res, &list, OBJECT_POST, true, render_as_question, NULL);
}
