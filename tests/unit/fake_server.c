#include "fake_server.h"

#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sofs/base/clock.h>
#include <sofs/base/strbuf.h>

struct fake_server server;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the queries */

void server_start(void)
{
	clock_fake(1000000, T0);
	server = (struct fake_server){ 0 };
	server.questions = calloc(FAKE_MAX_QUESTIONS, sizeof(*server.questions));
	server.queries = calloc(FAKE_MAX_QUERIES, sizeof(*server.queries));
	ck_assert(server.questions && server.queries);
}

void server_stop(void)
{
	free(server.questions);
	free(server.queries);
	clock_real();
}

/* ---- The team ----------------------------------------------------------------------------------- */

struct fake_question *server_add(int64_t id, int64_t created_s, const char *tags)
{
	struct fake_question *q = &server.questions[server.nr_questions++];

	ck_assert_uint_le(server.nr_questions, FAKE_MAX_QUESTIONS);
	*q = (struct fake_question){
		.id = id,
		.created_s = created_s,
		.activity_s = created_s,
		.title = "A title",
		.text = "A text",
		.tags = tags,
	};
	return q;
}

void server_add_many(int64_t first, size_t nr, const char *tags)
{
	for (size_t i = 0; i < nr; i++)
		server_add(first + (int64_t)i, T0 - 3600 - 60 * (int64_t)(nr - 1 - i), tags);
}

struct fake_question *server_find(int64_t id)
{
	for (size_t i = 0; i < server.nr_questions; i++)
		if (server.questions[i].id == id && !server.questions[i].is_deleted)
			return &server.questions[i];
	return NULL;
}

void server_edit(int64_t id, const char *text, int64_t now_s)
{
	struct fake_question *q = server_find(id);

	ck_assert_ptr_nonnull(q);
	q->text = text;
	q->activity_s = q->edited_s = now_s;
}

void server_delete(int64_t id)
{
	struct fake_question *q = server_find(id);

	ck_assert_ptr_nonnull(q);
	q->is_deleted = true;
}

/* ---- JSON --------------------------------------------------------------------------------------- */

static void add_comments(struct strbuf *sb, int64_t id, const char *text, int64_t created_s)
{
	strbuf_adds(sb, ",\"comments\":[");
	if (text)
		strbuf_addf(sb,
			    "{\"comment_id\":%" PRId64 ",\"creation_date\":%" PRId64
			    ",\"score\":1,\"body_markdown\":\"%s\"}",
			    id, created_s, text);
	strbuf_addch(sb, ']');
}

static void add_tags(struct strbuf *sb, const char *tags)
{
	strbuf_adds(sb, ",\"tags\":[");
	for (const char *p = tags; p && *p; p += p[0] == ',') {
		size_t n = strcspn(p, ",");

		strbuf_addf(sb, "%s\"%.*s\"", p == tags ? "" : ",", (int)n, p);
		p += n;
	}
	strbuf_addch(sb, ']');
}

static void add_padding(struct strbuf *sb, size_t nr, uint64_t seed)
{
	for (size_t i = 0; i < nr; i++) {
		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		strbuf_addch(sb, (char)('0' + (seed >> 33) % 64 % 43));
	}
}

static void print_question(struct strbuf *sb, const struct fake_question *q)
{
	if (q->state == FAKE_NO_QUESTION) {
		strbuf_adds(sb, "{\"question_id\":\"none\"}");
		return;
	}
	strbuf_addf(sb,
		    "{\"question_id\":%" PRId64 ",\"creation_date\":%" PRId64
		    ",\"last_activity_date\":%" PRId64 ",\"score\":%" PRId64
		    ",\"title\":\"%s\",\"link\":\"https://example.com/q/%" PRId64
		    "\",\"owner\":{\"user_id\":7,\"display_name\":\"Ada\"}",
		    q->id, q->created_s, q->activity_s, q->score, q->title, q->id);
	if (q->edited_s)
		strbuf_addf(sb, ",\"last_edit_date\":%" PRId64, q->edited_s);
	strbuf_addf(sb, ",\"body_markdown\":\"%s", q->text);
	add_padding(sb, q->padding, (uint64_t)q->id);
	strbuf_addch(sb, '"');
	add_tags(sb, q->tags);
	add_comments(sb, q->id + 100000, q->comment,
		     q->comment_s ? q->comment_s : q->created_s + 5);
	strbuf_adds(sb, ",\"answers\":[");
	for (size_t i = 0; i < q->nr_answers; i++) {
		const struct fake_answer *a = &q->answers[i];

		strbuf_addf(sb,
			    "%s{\"answer_id\":%" PRId64 ",\"creation_date\":%" PRId64
			    ",\"is_accepted\":%s,\"score\":2,\"body_markdown\":\"%s\"",
			    i ? "," : "", a->id, q->created_s + 10, i ? "false" : "true", a->text);
		if (a->edited_s)
			strbuf_addf(sb, ",\"last_edit_date\":%" PRId64, a->edited_s);
		add_comments(sb, a->id + 100000, a->comment, q->created_s + 20);
		strbuf_addch(sb, '}');
	}
	strbuf_adds(sb, "]}");
}

/* ---- Answering ---------------------------------------------------------------------------------- */

static bool has_tag(const struct fake_question *q, const char *tag)
{
	size_t n = strlen(tag);

	for (const char *p = q->tags; p && *p; p += strcspn(p, ",")) {
		p += *p == ',';
		if (!strncmp(p, tag, n) && (!p[n] || p[n] == ','))
			return true;
	}
	return false;
}

static bool is_by_activity(const struct api_query *q)
{
	return !q->sort || !strcmp(q->sort, "activity");
}

static bool is_meant(const struct fake_question *q, const struct api_query *query)
{
	int64_t key = is_by_activity(query) ? q->activity_s : q->created_s;

	if (q->is_deleted || (query->tag && !has_tag(q, query->tag)))
		return false;
	if (query->fromdate != API_NO_BOUND && q->created_s < query->fromdate)
		return false;
	if (query->todate != API_NO_BOUND && q->created_s > query->todate)
		return false;
	if (query->min != API_NO_BOUND && key < query->min)
		return false;
	if (query->max != API_NO_BOUND && key > query->max)
		return false;
	for (size_t i = 0; query->nr_ids && query->ids[i] != q->id; i++)
		if (i + 1 == query->nr_ids)
			return false;
	return true;
}

static const struct api_query *sorting; /* qsort has no userdata */

static int compare(const void *va, const void *vb)
{
	const struct fake_question *a = *(const struct fake_question *const *)va;
	const struct fake_question *b = *(const struct fake_question *const *)vb;
	int64_t x = is_by_activity(sorting) ? a->activity_s : a->created_s;
	int64_t y = is_by_activity(sorting) ? b->activity_s : b->created_s;
	int c = x == y ? (a->id > b->id) - (a->id < b->id) : x < y ? -1 : 1;

	return sorting->is_ascending ? c : -c;
}

static void finish(struct fake_query *fq, const struct strbuf *json, const size_t *ends, size_t nr,
		   struct api_page *page)
{
	struct api_item items[API_PAGESIZE];

	for (size_t i = 0; i < nr; i++) {
		size_t start = i ? ends[i - 1] : 0;

		items[i] = (struct api_item){ json->buf + start, ends[i] - start };
	}
	page->items = items;
	page->nr_items = nr;
	fq->done(fq->userdata, NULL, page);
}

static void answer_questions(struct fake_query *fq)
{
	const struct fake_question *found[FAKE_MAX_QUESTIONS];
	size_t nr = 0, nr_items = 0, first, ends[API_PAGESIZE];
	_cleanup_(strbuf_release) struct strbuf sb = STRBUF_INIT;
	struct api_page page = { .total = -1, .server_time_s = clock_wall_s() };

	for (size_t i = 0; i < server.nr_questions; i++)
		if (is_meant(&server.questions[i], &fq->q))
			found[nr++] = &server.questions[i];
	if (fq->q.is_total_only) {
		page.total = (int64_t)nr + server.is_total_wrong;
		fq->done(fq->userdata, NULL, &page);
		return;
	}
	sorting = &fq->q;
	qsort(found, nr, sizeof(found[0]), compare);
	first = fq->q.page ? (fq->q.page - 1) * (size_t)API_PAGESIZE : 0;
	if (server.is_endless)
		first = 0;
	for (size_t i = first; i < nr && i < first + API_PAGESIZE; i++) {
		if (found[i]->state == FAKE_DROPPED) {
			page.nr_dropped++;
			continue;
		}
		print_question(&sb, found[i]);
		ends[nr_items++] = sb.len;
	}
	page.has_more = nr > first + API_PAGESIZE || server.is_endless;
	finish(fq, &sb, ends, nr_items, &page);
}

static void answer_tags(struct fake_query *fq)
{
	_cleanup_(strbuf_release) struct strbuf sb = STRBUF_INIT;
	struct api_page page = { .total = -1 };
	size_t nr = 0, ends[API_PAGESIZE];
	size_t first = (fq->q.page - 1) * (size_t)API_PAGESIZE;

	for (size_t i = first; i < server.nr_tags && nr < API_PAGESIZE; i++) {
		strbuf_addf(&sb, "{\"name\":\"%s\",\"count\":1}", server.tags[i]);
		ends[nr++] = sb.len;
	}
	page.has_more = server.nr_tags > first + API_PAGESIZE;
	finish(fq, &sb, ends, nr, &page);
}

static void answer_tag_info(struct fake_query *fq)
{
	_cleanup_(strbuf_release) struct strbuf sb = STRBUF_INIT;
	struct api_page page = { .total = -1 };
	const char *name = fq->tag;
	size_t nr = 0, ends[1];

	if (server.synonym && !strcmp(name, server.synonym))
		name = server.synonym_of;
	for (size_t i = 0; i < server.nr_tags && !nr; i++)
		if (!strcmp(server.tags[i], name)) {
			strbuf_addf(&sb, "{\"name\":%s\"%s\",\"count\":1}",
				    server.garbles_tags ? "5,\"x\":" : "", name);
			ends[nr++] = sb.len;
		}
	finish(fq, &sb, ends, nr, &page);
}

/* Takes the query; from now on it is closed. */
static struct fake_query *take(unsigned i)
{
	struct fake_query *fq = &server.queries[i];

	pthread_mutex_lock(&lock);
	ck_assert_uint_lt(i, server.nr_queries);
	ck_assert(fq->is_open);
	fq->is_open = false;
	server.nr_open--;
	pthread_mutex_unlock(&lock);
	return fq;
}

void server_answer(unsigned i)
{
	struct fake_query *fq = take(i);

	switch (fq->q.route) {
	case API_QUESTIONS:
	case API_QUESTIONS_BY_ID:
		answer_questions(fq);
		break;
	case API_TAGS:
		answer_tags(fq);
		break;
	case API_TAG_INFO:
		answer_tag_info(fq);
		break;
	default:
		ck_abort_msg("nobody should ask for this");
	}
}

void server_fail(unsigned i, int err)
{
	struct fake_query *fq = take(i);
	struct failure failure;

	failure_set(&failure, err, "the test says no");
	fq->done(fq->userdata, &failure, NULL);
}

/* The oldest open query, or the newest. */
static bool find_open(bool newest, unsigned *ret)
{
	bool found = false;

	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < server.nr_queries && (newest || !found); i++) {
		if (server.queries[i].is_open) {
			*ret = i;
			found = true;
		}
	}
	pthread_mutex_unlock(&lock);
	return found;
}

bool server_answer_one(void)
{
	unsigned i;

	if (!find_open(false, &i))
		return false;
	server_answer(i);
	return true;
}

bool server_answer_newest(void)
{
	unsigned i;

	if (!find_open(true, &i))
		return false;
	server_answer(i);
	return true;
}

bool server_wait_open(void)
{
	unsigned i;

	for (int ms = 0; !find_open(false, &i); ms += 5) {
		if (ms > 5000)
			return false;
		clock_fake_advance(5);
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	return true;
}

void server_answer_all(void)
{
	while (server_answer_one())
		;
}

void server_fail_all(int err)
{
	unsigned i;

	while (find_open(false, &i))
		server_fail(i, err);
}

struct query_counts server_counts(unsigned since)
{
	struct query_counts c = { 0 };

	pthread_mutex_lock(&lock);
	for (unsigned i = since; i < server.nr_queries; i++) {
		const struct api_query *q = &server.queries[i].q;

		if (q->route == API_QUESTIONS_BY_ID) {
			c.vectors++;
			c.ids += (unsigned)q->nr_ids;
		} else if (q->route == API_TAGS) {
			c.tag_pages++;
		} else if (q->route == API_TAG_INFO) {
			c.tag_infos++;
		} else if (q->is_total_only) {
			c.totals++;
		} else if (q->min != API_NO_BOUND) {
			c.tails++;
		} else if (!is_by_activity(q) && !q->is_ascending) {
			c.verify_pages++;
		} else {
			c.pages++;
		}
	}
	pthread_mutex_unlock(&lock);
	return c;
}

/* ---- The client's interface ---------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* Whether the real server would call it the same: the order of ids does not matter. */
static bool same_query(const struct fake_query *a, const struct fake_query *b)
{
	const struct api_query *x = &a->q, *y = &b->q;
	int64_t ids_a[API_MAX_IDS], ids_b[API_MAX_IDS];

	if (x->route != y->route || x->nr_ids != y->nr_ids || strcmp(a->tag, b->tag) ||
	    is_by_activity(x) != is_by_activity(y) || x->is_ascending != y->is_ascending ||
	    x->min != y->min || x->max != y->max || x->fromdate != y->fromdate ||
	    x->todate != y->todate || x->page != y->page || x->pagesize != y->pagesize ||
	    x->is_total_only != y->is_total_only)
		return false;
	memcpy(ids_a, a->ids, sizeof(ids_a));
	memcpy(ids_b, b->ids, sizeof(ids_b));
	qsort(ids_a, x->nr_ids, sizeof(*ids_a), compare_ids);
	qsort(ids_b, y->nr_ids, sizeof(*ids_b), compare_ids);
	return !memcmp(ids_a, ids_b, x->nr_ids * sizeof(*ids_a));
}

int api_get(struct api *api, const struct api_query *q, api_done_fn done, void *userdata,
	    uint64_t *ret_call)
{
	struct fake_query *fq;

	pthread_mutex_lock(&lock);
	if (server.refuses) {
		pthread_mutex_unlock(&lock);
		return -ENOMEM;
	}
	ck_assert_uint_lt(server.nr_queries, FAKE_MAX_QUERIES);
	ck_assert_uint_le(q->nr_ids, API_MAX_IDS);
	fq = &server.queries[server.nr_queries];
	*fq = (struct fake_query){ .q = *q, .is_open = true, .done = done, .userdata = userdata };
	if (q->nr_ids)
		memcpy(fq->ids, q->ids, q->nr_ids * sizeof(*q->ids));
	if (q->tag)
		snprintf(fq->tag, sizeof(fq->tag), "%s", q->tag);
	fq->q.ids = fq->ids;
	fq->q.tag = q->tag ? fq->tag : NULL;
	fq->asked_ms = clock_mono_ms();
	for (unsigned i = 0; i < server.nr_queries && !server.allows_repeats; i++)
		ck_assert_msg(server.queries[i].asked_ms + 60000 <= fq->asked_ms ||
				      !same_query(&server.queries[i], fq),
			      "query %u repeats query %u", server.nr_queries, i);
	server.nr_queries++;
	if (++server.nr_open > server.max_open)
		server.max_open = server.nr_open;
	if (q->page > server.max_page)
		server.max_page = q->page;
	if (ret_call)
		*ret_call = server.nr_queries;
	pthread_mutex_unlock(&lock);
	return 0;
}

bool api_cancel(struct api *api, uint64_t call)
{
	return false;
}

int api_obstacle_for(struct api *api, enum api_route route, uint64_t wait_ms,
		     struct failure *failure)
{
	return api_obstacle(api, route, failure);
}

int api_obstacle(struct api *api, enum api_route route, struct failure *failure)
{
	int r = server.obstacle ? server.obstacle : route == API_TAGS ? server.tags_obstacle : 0;

	if (r)
		failure_set(failure, r, "an obstacle");
	return r;
}

void api_get_status(struct api *api, struct api_status *ret)
{
	*ret = (struct api_status){ .clock_skew_s = server.clock_skew_s };
}

/* ---- A store and its callers --------------------------------------------------------------------- */

static void count_wake(struct store_waiter *sw, const struct failure *failure)
{
	struct waiting *w = container_of(sw, struct waiting, w);

	w->nr_wakes++;
	w->failure = failure ? *failure : (struct failure){ 0 };
}

void waiting_init(struct waiting *w)
{
	*w = (struct waiting){ .w.wake = count_wake };
	list_init(&w->w.node);
}

void fixture_config(struct fixture *f)
{
	*f = (struct fixture){
		.config = {
			.memory_bytes = 64 << 20,
			.list_limit = 50000,
			.concurrency = 4,
			.timeout_s = 10,
		},
	};
}

void fixture_open(struct fixture *f)
{
	ck_assert_int_eq(timers_new(&f->timers), 0);
	f->config.timers = f->timers;
	ck_assert_int_eq(store_new(&f->config, NULL, &f->store), 0);
}

void fixture_close(struct fixture *f)
{
	server_fail_all(-ECANCELED); /* as api_free() does */
	timers_free(f->timers);
	store_free(f->store);
}

int get_question(struct store *st, int64_t id, struct store_question *ret)
{
	struct waiting w;
	int r;

	do {
		waiting_init(&w);
		r = store_get_question(st, id, ret, &w.w);
		if (r != -EINPROGRESS)
			return r;
		server_answer_all();
		ck_assert_int_eq(w.nr_wakes, 1);
	} while (!w.failure.err);
	return w.failure.err;
}

int list_all(struct store *st, uint32_t tag, int64_t *ret, size_t max)
{
	struct store_question q[7];
	int64_t after = 0;
	size_t nr = 0;
	struct waiting w;

	for (;;) {
		int n;

		waiting_init(&w);
		n = store_list_questions(st, tag, after, q, ARRAY_SIZE(q), &w.w);
		if (n == -EINPROGRESS) {
			ck_assert(server_answer_one());
			/* What is awaited may be what another query brings. */
			while (!w.nr_wakes)
				ck_assert(server_answer_one());
			ck_assert_int_eq(w.nr_wakes, 1);
			if (w.failure.err)
				return w.failure.err;
			continue;
		}
		if (n <= 0)
			return n < 0 ? n : (int)nr;
		for (int i = 0; i < n; i++, nr++)
			if (ret && nr < max)
				ret[nr] = q[i].id;
		after = q[n - 1].id;
	}
}

char *read_text(struct store *st, int64_t id, enum file_kind kind, int64_t post_id)
{
	struct store_file f;
	struct blob *b;
	size_t off, size;
	struct waiting w;
	char *s;
	int r;

	if (store_get_file(st, id, kind, post_id, &f) < 0)
		return NULL;
	for (;;) {
		waiting_init(&w);
		r = store_get_text(st, id, kind, post_id, f.version, &b, &off, &size, &w.w);
		if (r != -EINPROGRESS)
			break;
		server_answer_all();
		ck_assert_int_eq(w.nr_wakes, 1);
		if (w.failure.err)
			return NULL;
	}
	if (r < 0)
		return NULL;
	ck_assert_uint_eq(size, f.size);
	ck_assert_uint_le(off + size, b->size);
	s = strndup(b->data + off, size);
	blob_unref(b);
	return s;
}
