#include "query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	enum sort sort;
} sort_names[] = {
	{ "activity", SORT_ACTIVITY },
	{ "creation", SORT_CREATION },
	{ "votes", SORT_VOTES },
	{ "hot", SORT_HOT },
	{ "week", SORT_WEEK },
	{ "month", SORT_MONTH },
	{ "rank", SORT_RANK },
	{ "relevance", SORT_RELEVANCE },
	{ "popular", SORT_POPULAR },
	{ "name", SORT_NAME },
	{ "reputation", SORT_REPUTATION },
	{ "modified", SORT_MODIFIED },
};

static const enum sort family_sorts[][8] = {
	[FAMILY_PLAIN] = { SORT_NONE },
	[FAMILY_DATES] = { SORT_NONE },
	[FAMILY_QUESTIONS] = { SORT_ACTIVITY, SORT_CREATION, SORT_VOTES, SORT_HOT, SORT_WEEK,
			       SORT_MONTH },
	[FAMILY_POSTS] = { SORT_ACTIVITY, SORT_CREATION, SORT_VOTES },
	[FAMILY_RANKED] = { SORT_ACTIVITY, SORT_CREATION, SORT_VOTES, SORT_RANK },
	[FAMILY_COMMENTS] = { SORT_CREATION, SORT_VOTES },
	[FAMILY_SEARCH] = { SORT_ACTIVITY, SORT_CREATION, SORT_VOTES, SORT_RELEVANCE },
	[FAMILY_TAGS] = { SORT_POPULAR, SORT_ACTIVITY, SORT_NAME },
	[FAMILY_USERS] = { SORT_REPUTATION, SORT_CREATION, SORT_NAME, SORT_MODIFIED },
};

static bool has_window(enum sort sort)
{
	return sort != SORT_NONE && sort != SORT_HOT && sort != SORT_WEEK && sort != SORT_MONTH &&
	       sort != SORT_RANK && sort != SORT_RELEVANCE;
}

/* An integer parameter; absent or empty leaves *v and returns false. */
static bool get_int(const struct request *rq, struct result *res, const char *name, int64_t *v)
{
	const char *s = request_param(rq, name);
	char *end;
	long long n;

	if (!s || !*s)
		return false;
	errno = 0;
	n = strtoll(s, &end, 10);
	if (errno || end == s || *end) {
		result_fail(res, 400, "%s", name);
		return false;
	}
	*v = n;
	return true;
}

static void parse_sort(struct query *q, const struct request *rq, struct result *res,
		       enum family family)
{
	const char *sort = request_param(rq, "sort");
	const char *order = request_param(rq, "order");
	bool found = false;

	q->sort = family_sorts[family][0];
	q->is_descending = true;
	if (q->sort == SORT_NONE)
		return;
	for (size_t i = 0; sort && *sort && i < ARRAY_SIZE(sort_names); i++) {
		if (strcmp(sort, sort_names[i].name) != 0)
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(family_sorts[0]); k++)
			found = found || family_sorts[family][k] == sort_names[i].sort;
		q->sort = sort_names[i].sort;
	}
	if (sort && *sort && !found)
		result_fail(res, 400, "sort");
	if (order && strcmp(order, "asc") == 0)
		q->is_descending = false;
	else if (order && *order && strcmp(order, "desc") != 0)
		result_fail(res, 400, "order");
}

bool query_parse(struct query *q, const struct request *rq, struct result *res, enum family family)
{
	*q = (struct query){ .page = 1, .pagesize = 30 };
	get_int(rq, res, "page", &q->page);
	get_int(rq, res, "pagesize", &q->pagesize);
	if (q->page < 1 || q->page > INT32_MAX)
		result_fail(res, 400, "page");
	if (q->pagesize < 0 || q->pagesize > rq->s.max_pagesize)
		result_fail(res, 400, "pagesize");
	res->page = q->page;
	res->pagesize = q->pagesize;
	parse_sort(q, rq, res, family);
	if (family == FAMILY_PLAIN)
		return !res->error_id;
	q->has_from = get_int(rq, res, "fromdate", &q->from);
	q->has_to = get_int(rq, res, "todate", &q->to);
	if (q->sort == SORT_NAME) {
		q->min_text = request_param(rq, "min");
		q->max_text = request_param(rq, "max");
	} else if (q->sort != SORT_NONE) {
		q->has_min = get_int(rq, res, "min", &q->min);
		q->has_max = get_int(rq, res, "max", &q->max);
		/* documented as having none: refused, so that a client notices */
		if ((q->has_min || q->has_max) && !has_window(q->sort))
			result_fail(res, 400, q->has_min ? "min" : "max");
	}
	return !res->error_id;
}

static int64_t post_key(const struct post *p, enum sort sort)
{
	switch (sort) {
	case SORT_ACTIVITY:
		return p->last_activity_date;
	case SORT_VOTES:
		return p->score;
	case SORT_HOT:
	case SORT_WEEK:
	case SORT_MONTH:
		/* the real formulas are not published; any stable order does */
		return p->score * 100 + (int64_t)p->answers.n * 10;
	case SORT_RANK:
	case SORT_RELEVANCE:
		return p->mark;
	default:
		return p->creation_date;
	}
}

static int64_t object_key(const void *o, enum object type, enum sort sort)
{
	const struct comment *c = o;
	const struct tag *t = o;
	const struct user *u = o;

	switch (type) {
	case OBJECT_POST:
		return post_key(o, sort);
	case OBJECT_COMMENT:
		return sort == SORT_VOTES ? c->score : c->creation_date;
	case OBJECT_TAG:
		return sort == SORT_ACTIVITY ? t->last_activity_date : t->count;
	case OBJECT_USER:
		return sort == SORT_REPUTATION ? u->reputation : u->creation_date;
	case OBJECT_REVISION:
		return ((const struct revision *)o)->creation_date;
	case OBJECT_OTHER:
		break;
	}
	return 0;
}

static int64_t object_created(const void *o, enum object type)
{
	if (type == OBJECT_TAG)
		return ((const struct tag *)o)->last_activity_date;
	return object_key(o, type, SORT_CREATION);
}

static int64_t object_id(const void *o, enum object type)
{
	switch (type) {
	case OBJECT_POST:
		return ((const struct post *)o)->id;
	case OBJECT_COMMENT:
		return ((const struct comment *)o)->id;
	case OBJECT_USER:
		return ((const struct user *)o)->id;
	default:
		return 0;
	}
}

static const char *object_name(const void *o, enum object type)
{
	return type == OBJECT_TAG    ? ((const struct tag *)o)->name
	       : type == OBJECT_USER ? ((const struct user *)o)->display_name
				     : "";
}

struct order {
	enum object type;
	enum sort sort;
};

/* Equal keys stand in the order of ids; the service promises nothing, and says so by never using
 * a date as a cursor. */
static int compare(const void *a, const void *b, void *ctx)
{
	const struct order *order = ctx;
	const void *x = *(void *const *)a;
	const void *y = *(void *const *)b;
	int64_t kx;
	int64_t ky;

	if (order->sort == SORT_NAME) {
		int r = strcasecmp(object_name(x, order->type), object_name(y, order->type));

		if (r)
			return r;
	} else {
		kx = object_key(x, order->type, order->sort);
		ky = object_key(y, order->type, order->sort);
		if (kx != ky)
			return kx < ky ? -1 : 1;
	}
	kx = object_id(x, order->type);
	ky = object_id(y, order->type);
	if (kx != ky)
		return kx < ky ? -1 : 1;
	return order->type == OBJECT_TAG
		       ? strcmp(object_name(x, OBJECT_TAG), object_name(y, OBJECT_TAG))
		       : 0;
}

static void sort_list(struct ptrs *list, enum object type, enum sort sort)
{
	struct order order = { type, sort };

	if (list->n > 1)
		qsort_r(list->v, list->n, sizeof(*list->v), compare, &order);
}

struct sorted {
	uint64_t version;
	struct ptrs list;
};

/* Guarded by data->lock, like the data themselves. */
static const struct ptrs *cached(struct sorted *s, const struct data *d, const struct ptrs *source,
				 enum object type, enum sort sort)
{
	if (s->version != d->version) {
		s->list.n = 0;
		for (size_t i = 0; i < source->n; i++)
			ptrs_add(&s->list, source->v[i]);
		sort_list(&s->list, type, sort);
		s->version = d->version;
	}
	return &s->list;
}

const struct ptrs *query_all_posts(struct data *d, enum post_kind kind, enum sort sort)
{
	static struct sorted sorted[POST_KINDS][SORT_MONTH + 1];

	if (sort > SORT_MONTH)
		return &d->posts[kind];
	return cached(&sorted[kind][sort], d, &d->posts[kind], OBJECT_POST, sort);
}

const struct ptrs *query_all_comments(struct data *d, enum sort sort)
{
	static struct sorted by_creation;
	static struct sorted by_votes;

	return cached(sort == SORT_VOTES ? &by_votes : &by_creation, d, &d->comments,
		      OBJECT_COMMENT, sort);
}

static bool in_window(const struct query *q, const void *o, enum object type, int64_t now_s)
{
	int64_t created = object_created(o, type);
	int64_t key;

	if ((q->has_from && created < q->from) || (q->has_to && created > q->to))
		return false;
	if (q->sort == SORT_WEEK && created < now_s - 7 * 86400)
		return false;
	if (q->sort == SORT_MONTH && created < now_s - 30 * 86400)
		return false;
	if (q->min_text && *q->min_text && strcasecmp(object_name(o, type), q->min_text) < 0)
		return false;
	if (q->max_text && *q->max_text && strcasecmp(object_name(o, type), q->max_text) > 0)
		return false;
	if (!q->has_min && !q->has_max)
		return true;
	key = object_key(o, type, q->sort);
	return !(q->has_min && key < q->min) && !(q->has_max && key > q->max);
}

void result_writer(struct writer *w, const struct request *rq, struct result *res)
{
	writer_init(w, &res->items, &rq->filter);
	if (w->html_times && rq->s.double_encode)
		w->html_times = 2;
	w->escape = (enum json_escape)rq->s.json_escape;
	w->nested_cap = rq->s.nested_cap;
	w->team = rq->s.team;
}

void result_item(struct writer *w, struct result *res)
{
	if (res->nr_items++)
		buf_addc(&res->items, ',');
	w->first = true;
}

void result_one_page(struct result *res)
{
	res->total = res->nr_items;
	res->has_more = false;
}

void query_emit(const struct query *q, const struct request *rq, struct result *res,
		struct ptrs *list, enum object type, bool is_sorted, render_fn render, void *ctx)
{
	struct writer w;
	size_t n = 0;
	size_t start;
	size_t end;

	for (size_t i = 0; i < list->n; i++)
		if (in_window(q, list->v[i], type, rq->now_s))
			list->v[n++] = list->v[i];
	list->n = n;
	if (q->sort == SORT_WEEK || q->sort == SORT_MONTH)
		res->is_volatile = true;
	if (!is_sorted && q->sort != SORT_NONE)
		sort_list(list, type, q->sort);
	start = (size_t)(q->page - 1) * (size_t)q->pagesize;
	end = start + (size_t)q->pagesize;
	res->total = (int64_t)n;
	res->has_more = end < n;
	result_writer(&w, rq, res);
	for (size_t i = start; i < end && i < n; i++) {
		bool backwards = q->sort != SORT_NONE && q->is_descending;

		result_item(&w, res);
		render(&w, list->v[backwards ? n - 1 - i : i], ctx);
	}
	ptrs_free(list);
}
