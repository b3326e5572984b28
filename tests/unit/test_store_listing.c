/* Listings of questions: what they cost, what they survive, and that they end in exactly what exists. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/base/clock.h>

#include "fake_server.h"

static struct fixture f;
static struct store *st;

static void setup(void)
{
	server_start();
	fixture_config(&f);
	fixture_open(&f);
	st = f.store;
}

static void teardown(void)
{
	fixture_close(&f);
	server_stop();
}

static void reopen(void)
{
	fixture_close(&f);
	fixture_open(&f);
	st = f.store;
}

static int compare_ids(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* The directory has each question of the server once, and nothing else. */
static void assert_live_set(uint32_t tag)
{
	static int64_t ids[FAKE_MAX_QUESTIONS], live[FAKE_MAX_QUESTIONS];
	size_t nr = 0;
	int n = list_all(st, tag, ids, ARRAY_SIZE(ids));

	for (size_t i = 0; i < server.nr_questions; i++)
		if (!server.questions[i].is_deleted)
			live[nr++] = server.questions[i].id;
	ck_assert_int_eq(n, (int)nr);
	qsort(ids, nr, sizeof(*ids), compare_ids);
	qsort(live, nr, sizeof(*live), compare_ids);
	for (size_t i = 0; i < nr; i++)
		ck_assert_int_eq(ids[i], live[i]);
}

/* Starts the listing; it goes on when the test answers. */
static void start_listing(struct waiting *w)
{
	struct store_question q;

	waiting_init(w);
	ck_assert_int_eq(store_list_questions(st, 0, 0, &q, 1, &w->w), -EINPROGRESS);
}

static const struct {
	size_t nr;
	unsigned pages, totals, tails;
} costs[] = {
	{ 0, 1, 0, 0 },   { 1, 1, 0, 0 },   { 99, 1, 0, 0 },  { 100, 1, 0, 0 },
	{ 101, 2, 1, 1 }, { 200, 2, 1, 1 }, { 250, 3, 1, 1 }, { 1000, 10, 1, 1 },
};

START_TEST(a_page_holds_100_questions_and_only_large_teams_cost_two_requests_more)
{
	struct query_counts c;

	server_add_many(1, costs[_i].nr, "c");
	assert_live_set(0);
	c = server_counts(0);
	ck_assert_uint_eq(c.pages, costs[_i].pages);
	ck_assert_uint_eq(c.totals, costs[_i].totals);
	ck_assert_uint_eq(c.tails, costs[_i].tails);
	ck_assert_uint_eq(server.nr_queries, c.pages + c.totals + c.tails);
	ck_assert_uint_eq(server.max_page, costs[_i].pages); /* never past the end */
	assert_live_set(0);
	ck_assert_uint_eq(server.nr_queries, c.pages + c.totals + c.tails); /* and only once */
}
END_TEST

START_TEST(pages_are_fetched_ahead_but_not_more_than_concurrency_at_a_time)
{
	static const unsigned concurrencies[] = { 1, 2, 4, 9 };

	for (size_t i = 0; i < ARRAY_SIZE(concurrencies); i++) {
		fixture_close(&f);
		server_stop();
		server_start();
		fixture_config(&f);
		f.config.concurrency = concurrencies[i];
		fixture_open(&f);
		st = f.store;
		server_add_many(1, 2000, "c");
		assert_live_set(0);
		ck_assert_uint_eq(server.max_open, concurrencies[i]);
	}
}
END_TEST

START_TEST(pages_may_arrive_in_any_order)
{
	struct waiting w;

	server_add_many(1, 1234, "c");
	start_listing(&w);
	while (server_answer_newest())
		;
	assert_live_set(0);
	ck_assert_uint_eq(server_counts(0).pages, 13);
	ck_assert_uint_eq(server_counts(0).verify_pages, 0);
}
END_TEST

START_TEST(the_reader_gets_the_first_page_while_the_others_are_on_their_way)
{
	struct store_question q[200];
	struct waiting w;

	server_add_many(1, 250, "c");
	start_listing(&w);
	server_answer(0);
	ck_assert_int_eq(w.nr_wakes, 1);
	waiting_init(&w);
	ck_assert_int_eq(store_list_questions(st, 0, 0, q, 200, &w.w), 100);
	ck_assert_int_eq(q[0].id, 1);
	ck_assert_int_eq(q[99].id, 100);
	ck_assert_int_eq(store_list_questions(st, 0, 100, q, 200, &w.w), -EINPROGRESS);
	server_answer_all();
	ck_assert_int_eq(w.nr_wakes, 1);
	ck_assert_int_eq(store_list_questions(st, 0, 100, q, 200, NULL), 150);
	ck_assert_int_eq(store_list_questions(st, 0, 250, q, 200, NULL), 0);
}
END_TEST

START_TEST(a_reader_in_the_middle_finds_his_place_though_his_last_question_was_deleted)
{
	struct store_question q[50];
	struct waiting w;

	server_add_many(1, 50, "c");
	ck_assert_int_eq(list_all(st, 0, NULL, 0), 50);
	ck_assert_int_eq(store_list_questions(st, 0, 0, q, 10, NULL), 10);
	server_delete(10);
	server_delete(11);
	waiting_init(&w);
	ck_assert_int_eq(store_refresh(st, 10, &w.w), -EINPROGRESS);
	server_answer_all();
	waiting_init(&w);
	ck_assert_int_eq(store_refresh(st, 11, &w.w), -EINPROGRESS);
	server_answer_all();
	ck_assert_int_eq(store_list_questions(st, 0, 10, q, 50, NULL), 39);
	ck_assert_int_eq(q[0].id, 12);
}
END_TEST

/* ---- The team changes while it is listed --------------------------------------------------------- */

START_TEST(deleted_after_its_page_was_read_and_another_slid_over_the_border)
{
	struct waiting w;

	server_add_many(1, 250, "c");
	start_listing(&w);
	server_answer(0);  /* page 1: 1..100 */
	server_answer(1);  /* the total: 250 */
	server_delete(50); /* 101 slides into page 1 */
	server_answer_all();
	assert_live_set(0);
}
END_TEST

START_TEST(deleted_before_its_page_was_read)
{
	struct waiting w;

	server_add_many(1, 250, "c");
	start_listing(&w);
	server_answer(0);
	server_answer(1);
	server_delete(250);
	server_answer_all();
	assert_live_set(0);
}
END_TEST

START_TEST(several_deleted_at_different_moments)
{
	struct waiting w;

	server_add_many(1, 950, "c");
	start_listing(&w);
	server_answer(0);
	server_answer(1);
	for (int64_t id = 3; server_answer_newest(); id += 90)
		if (id < 950)
			server_delete(id);
	assert_live_set(0);
}
END_TEST

START_TEST(deleted_while_what_was_read_is_compared)
{
	struct waiting w;

	server_add_many(1, 450, "c");
	start_listing(&w);
	server_answer(0);
	server_answer(1);
	server_delete(50);
	while (!server_counts(0).verify_pages)
		ck_assert(server_answer_one());
	ck_assert(server_answer_one()); /* 450 … 351, read backwards */
	server_delete(440);             /* 351 … slide over the borders, backwards too */
	server_answer_all();
	assert_live_set(0);
}
END_TEST

START_TEST(the_oldest_deleted)
{
	struct waiting w;

	server_add_many(1, 250, "c");
	start_listing(&w);
	server_answer(0);
	server_answer(1);
	server_delete(1);
	server_answer_all();
	assert_live_set(0);
}
END_TEST

START_TEST(a_question_read_again_is_proof_enough_to_stop)
{
	struct waiting w;

	server_add_many(1, 2000, "c");
	start_listing(&w);
	server_answer(0);
	while (server_counts(0).pages < 19)
		ck_assert(server_answer_one());
	server_delete(1650); /* one of page 18 or 19 slides */
	server_answer_all();
	assert_live_set(0);
	ck_assert_uint_le(server_counts(0).verify_pages, 20);
}
END_TEST

START_TEST(a_comparison_that_never_agrees_ends_all_the_same)
{
	server.is_total_wrong = true;
	server_add_many(1, 350, "c");
	assert_live_set(0);
	ck_assert_uint_le(server.nr_queries, 6 + 3 * 5);
}
END_TEST

START_TEST(created_during_the_listing_is_found_by_the_tail)
{
	struct waiting w;

	server_add_many(1, 250, "c");
	start_listing(&w);
	server_answer(0);
	server_add(1001, T0 + 5, "c");
	server_add(1002, T0, "c"); /* in the very second */
	server_answer_all();
	assert_live_set(0);
}
END_TEST

START_TEST(a_question_of_the_very_second_does_not_make_us_read_everything_twice)
{
	struct waiting w;

	server_add_many(1, 250, "c");
	start_listing(&w);
	while (!server_counts(0).tails)
		ck_assert(server_answer_one());
	server_add(1001, T0, "c");
	server_answer_all();
	assert_live_set(0);
	ck_assert_uint_eq(server_counts(0).verify_pages, 0);
}
END_TEST

START_TEST(a_long_tail_is_read_to_its_end)
{
	struct waiting w;

	server_add_many(1, 150, "c");
	start_listing(&w);
	server_answer(0);
	for (int64_t i = 0; i < 230; i++)
		server_add(1000 + i, T0 + 1 + i, "c");
	server_answer_all();
	assert_live_set(0);
	ck_assert_uint_eq(server_counts(0).tails, 3);
}
END_TEST

START_TEST(the_window_is_that_of_the_servers_clock)
{
	server.clock_skew_s = 500;
	server_add(1, T0 + 400, "c");
	assert_live_set(0);
	ck_assert_int_ge(server.queries[0].q.todate,
			 T0 + 500); /* the only page shows what is new */
}
END_TEST

START_TEST(the_window_ends_before_now)
{
	bool has_seen_window = false;

	/* Bounds are inclusive and clocks are known to a second: a question of this very second must not enter. */
	server_add_many(1, 250, "c");
	assert_live_set(0);
	for (unsigned i = 0; i < server.nr_queries; i++) {
		const struct api_query *q = &server.queries[i].q;

		if (q->page > 1 && q->min == API_NO_BOUND) {
			ck_assert_int_lt(q->todate, T0);
			has_seen_window = true;
		}
	}
	ck_assert(has_seen_window);
}
END_TEST

/* ---- Failures ------------------------------------------------------------------------------------ */

START_TEST(a_failed_page_fails_its_readers_and_the_next_one_asks_only_what_is_missing)
{
	struct waiting w;
	unsigned before;

	server_add_many(1, 950, "c");
	server.allows_repeats = true; /* what failed may be asked again */
	start_listing(&w);
	server_answer(0); /* page 1 */
	server_answer(1); /* the total */
	server_answer(2); /* page 2 */
	waiting_init(&w);
	ck_assert_int_eq(store_list_questions(st, 0, 200, &(struct store_question){ 0 }, 1, &w.w),
			 -EINPROGRESS);
	server_fail(3, -EHOSTUNREACH); /* page 3 */
	ck_assert_int_eq(w.nr_wakes, 1);
	ck_assert_int_eq(w.failure.err, -EHOSTUNREACH);
	ck_assert_str_eq(w.failure.text, "the test says no");
	server_answer_all(); /* 4 … 6 were on their way */
	before = server.nr_queries;
	assert_live_set(0);
	ck_assert_uint_eq(server_counts(before).pages, 5); /* 3, 7, 8, 9, 10 */
	ck_assert_uint_eq(server_counts(before).totals, 0);
}
END_TEST

START_TEST(after_a_failed_tail_only_the_tail_is_asked_again)
{
	struct waiting w;
	unsigned before;

	server.allows_repeats = true;
	server_add_many(1, 250, "c");
	start_listing(&w);
	while (!server_counts(0).tails)
		ck_assert(server_answer_one());
	server_fail_all(-EIO);
	before = server.nr_queries;
	assert_live_set(0);
	ck_assert_uint_eq(server.nr_queries - before, 1);
}
END_TEST

START_TEST(without_a_total_pages_are_read_one_after_the_other)
{
	struct waiting w;

	server_add_many(1, 450, "c");
	start_listing(&w);
	server_answer(0);
	server_fail(1, -EIO);
	server_answer_all();
	assert_live_set(0);
	ck_assert_uint_eq(server.max_page, 5);
	ck_assert_int_eq(w.failure.err, 0);
}
END_TEST

START_TEST(a_failed_first_page_is_an_error_and_not_an_empty_directory)
{
	struct waiting w;

	server.allows_repeats = true;
	server_add_many(1, 3, "c");
	start_listing(&w);
	server_fail(0, -EDQUOT);
	ck_assert_int_eq(w.failure.err, -EDQUOT);
	assert_live_set(0);
}
END_TEST

START_TEST(a_server_that_refuses_the_request_fails_the_reader_at_once)
{
	struct store_question q;
	struct waiting w;

	server.refuses = true;
	waiting_init(&w);
	ck_assert_int_eq(store_list_questions(st, 0, 0, &q, 1, &w.w), -ENOMEM);
	ck_assert(!store_cancel(st, &w.w));
	server.refuses = false;
	assert_live_set(0);
}
END_TEST

START_TEST(a_listing_without_an_end_is_refused_however_often_it_is_tried)
{
	struct store_status status;

	server.allows_repeats = true;
	server.is_endless = true;
	server_add_many(1, 150, "c");
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(list_all(st, 0, NULL, 0), -EIO);
		store_get_status(st, &status);
		ck_assert(!status.has_all_questions);
	}
	ck_assert_uint_le(server.nr_queries, 60);
	server.is_endless = false;
	server_answer_all();
	assert_live_set(0);
}
END_TEST

START_TEST(a_broken_question_is_left_out_of_the_listing)
{
	server_add_many(1, 150, "c");
	server_find(7)->state = FAKE_NO_QUESTION;
	server_find(8)->state = FAKE_DROPPED;
	ck_assert_int_eq(list_all(st, 0, NULL, 0), 148);
	ck_assert_uint_le(server.nr_queries, 20);
}
END_TEST

/* ---- Limits -------------------------------------------------------------------------------------- */

START_TEST(a_team_above_the_limit_is_listed_by_activity_up_to_it)
{
	static int64_t ids[FAKE_MAX_QUESTIONS];
	struct store_question q;
	struct store_status status;
	struct waiting w;
	bool has_newest = false;
	int n;

	f.config.list_limit = 300;
	reopen();
	server_add_many(1, 1000, "c");
	n = list_all(st, 0, ids, ARRAY_SIZE(ids));
	ck_assert_int_ge(
		n,
		300); /* who reads while it is listed may also see what was read before the total was known */
	for (int i = 0; i < n; i++)
		has_newest = has_newest || ids[i] == 1000;
	ck_assert(has_newest);
	ck_assert_uint_le(server_counts(0).pages, 5);
	ck_assert_uint_eq(server_counts(0).verify_pages, 0);
	store_get_status(st, &status);
	ck_assert(!status.has_all_questions);
	ck_assert_uint_eq(status.nr_questions, 300);
	ck_assert_uint_eq(status.questions_cut, 700);
	/* What was cut is still there by its id. */
	waiting_init(&w);
	ck_assert_int_eq(store_get_question(st, 500, &q, &w.w), -EINPROGRESS);
	server_answer_all();
	ck_assert_int_eq(store_get_question(st, 500, &q, NULL), 0);
}
END_TEST

START_TEST(a_late_total_above_the_limit_does_not_look_like_a_listing_that_repeats_itself)
{
	struct waiting w;

	f.config.list_limit = 800;
	reopen();
	for (int64_t i = 1; i <= 1000; i++) /* the oldest are the ones active last */
		server_add(i, T0 - 100000 + i, "c")->activity_s = T0 - i;
	start_listing(&w);
	server_answer(0);
	while (server.nr_open > 1)
		server_answer_newest();
	server_answer_all();
	ck_assert_int_ge(list_all(st, 0, NULL, 0), 800);
}
END_TEST

START_TEST(a_team_of_exactly_the_limit_is_complete)
{
	f.config.list_limit = 300;
	reopen();
	server_add_many(1, 300, "c");
	assert_live_set(0);
	ck_assert_uint_eq(server_counts(0).pages, 3);
}
END_TEST

START_TEST(a_public_site_is_read_by_activity_and_never_the_whole)
{
	struct store_status status;
	struct store_question q;
	int64_t ids[300];

	f.config.is_public = true;
	f.config.list_limit = 200;
	reopen();
	server_add_many(1, 1000, "c");
	ck_assert_int_eq(list_all(st, 0, ids, 300), 200);
	ck_assert_int_eq(ids[0], 1000);
	ck_assert_uint_eq(server_counts(0).pages, 2);
	ck_assert_uint_eq(server_counts(0).totals, 0);
	ck_assert_uint_eq(server_counts(0).tails, 0);
	store_get_status(st, &status);
	ck_assert(!status.has_all_questions);
	ck_assert_uint_ge(status.questions_cut, 1);
	ck_assert_int_eq(get_question(st, 5, &q), 0);
}
END_TEST

START_TEST(a_small_public_site_may_still_get_new_questions)
{
	struct store_question q;

	f.config.is_public = true;
	f.config.list_limit = 2500;
	reopen();
	server_add_many(1, 30, "c");
	ck_assert_int_eq(list_all(st, 0, NULL, 0), 30);
	server_add(31, T0 + 1, "c");
	ck_assert_int_eq(get_question(st, 31, &q), 0);
}
END_TEST

/* ---- What a complete listing gives for free ------------------------------------------------------- */

START_TEST(after_a_complete_listing_an_absent_id_costs_no_request)
{
	struct store_question q;
	unsigned before;

	server_add_many(1, 250, "c");
	ck_assert_int_eq(list_all(st, 0, NULL, 0), 250);
	before = server.nr_queries;
	ck_assert_int_eq(store_get_question(st, 999, &q, NULL), -ENOENT);
	ck_assert_int_eq(store_get_question(st, 250, &q, NULL), 0);
	ck_assert_uint_eq(server.nr_queries, before);
}
END_TEST

START_TEST(after_a_complete_listing_the_tags_directories_are_free)
{
	int64_t ids[250];
	struct store_tag tag;
	unsigned before;

	server_add_many(1, 120, "c");
	server_add_many(201, 30, "git,c");
	ck_assert_int_eq(list_all(st, 0, NULL, 0), 150);
	before = server.nr_queries;
	ck_assert_int_eq(store_get_tag(st, "git", &tag, NULL), 0);
	ck_assert_int_eq(list_all(st, tag.index, ids, 250), 30);
	ck_assert_int_eq(ids[0], 201);
	ck_assert_int_eq(store_get_tag(st, "c", &tag, NULL), 0);
	ck_assert_int_eq(list_all(st, tag.index, ids, 250), 150);
	ck_assert_uint_eq(server.nr_queries, before);
}
END_TEST

START_TEST(a_tags_directory_alone_costs_only_its_own_pages)
{
	int64_t ids[250];
	struct store_tag tag;
	struct waiting w;

	server.tags[server.nr_tags++] = "git";
	server_add_many(1, 500, "c");
	server_add_many(1001, 130, "git");
	waiting_init(&w);
	ck_assert_int_eq(store_get_tag(st, "git", &tag, &w.w), -EINPROGRESS);
	server_answer_all();
	ck_assert_int_eq(store_get_tag(st, "git", &tag, NULL), 0);
	ck_assert_int_eq(list_all(st, tag.index, ids, 250), 130);
	ck_assert_uint_eq(server_counts(0).pages, 2);
	for (unsigned i = 1; i < server.nr_queries; i++)
		ck_assert_str_eq(server.queries[i].tag, "git");
	ck_assert_int_eq(list_all(st, tag.index, ids, 250), 130);
	ck_assert_uint_eq(server_counts(0).pages, 2);
}
END_TEST

/* ---- Refresh ------------------------------------------------------------------------------------- */

static void refresh_all(void)
{
	struct waiting w;

	waiting_init(&w);
	clock_fake_advance(100000);
	ck_assert_int_eq(store_refresh(st, 0, &w.w), -EINPROGRESS);
	while (!w.nr_wakes)
		ck_assert(server_answer_one());
	ck_assert_int_eq(w.failure.err, 0);
	server_answer_all();
	ck_assert_int_eq(w.nr_wakes, 1);
}

START_TEST(a_refresh_finds_what_is_gone_and_what_is_new)
{
	static const size_t sizes[] = { 80, 250 };
	struct store_question q;

	server_add_many(1, sizes[_i], "c");
	assert_live_set(0);
	server_delete(3);
	server_delete(77);
	server_add(1001, T0 + 50, "c");
	refresh_all();
	assert_live_set(0);
	ck_assert_int_eq(store_get_question(st, 3, &q, NULL), -ENOENT);
}
END_TEST

START_TEST(a_refresh_during_which_something_is_deleted)
{
	struct waiting w;

	server_add_many(1, 250, "c");
	assert_live_set(0);
	server_delete(249);
	clock_fake_advance(100000);
	waiting_init(&w);
	ck_assert_int_eq(store_refresh(st, 0, &w.w), -EINPROGRESS);
	ck_assert(server_answer_one());
	ck_assert(server_answer_one());
	server_delete(50);
	server_answer_all();
	ck_assert_int_eq(w.nr_wakes, 1);
	ck_assert_int_eq(w.failure.err, 0);
	assert_live_set(0);
}
END_TEST

START_TEST(a_refresh_of_a_store_that_never_listed_makes_the_listing_complete)
{
	unsigned before;

	server_add_many(1, 120, "c");
	refresh_all();
	before = server.nr_queries;
	assert_live_set(0);
	ck_assert_uint_eq(server.nr_queries, before);
}
END_TEST

START_TEST(a_failed_refresh_says_so_and_changes_nothing)
{
	struct waiting w;

	server_add_many(1, 250, "c");
	assert_live_set(0);
	server.allows_repeats = true;
	server_delete(5);
	clock_fake_advance(100000);
	waiting_init(&w);
	ck_assert_int_eq(store_refresh(st, 0, &w.w), -EINPROGRESS);
	ck_assert(server_answer_one());
	server_fail_all(-EHOSTUNREACH);
	ck_assert_int_eq(w.nr_wakes, 1);
	ck_assert_int_eq(w.failure.err, -EHOSTUNREACH);
	ck_assert_int_eq(list_all(st, 0, NULL, 0), 250);
}
END_TEST

/* Who asks for a refresh while the remains of a failed one are still coming in waits for a whole one. */
START_TEST(a_refresh_is_not_done_because_the_last_page_of_a_failed_one_came)
{
	struct waiting first, second;

	server_add_many(1, 450, "c");
	assert_live_set(0);
	server.allows_repeats = true;
	clock_fake_advance(100000);
	server_delete(5);
	waiting_init(&first);
	ck_assert_int_eq(store_refresh(st, 0, &first.w), -EINPROGRESS);
	ck_assert(server_answer_one());
	ck_assert(server_answer_one()); /* the total; pages are on their way */
	for (unsigned i = 0;; i++) {
		if (server.queries[i].is_open) {
			server_fail(i, -EIO);
			break;
		}
	}
	ck_assert_int_eq(first.failure.err, -EIO);
	ck_assert_uint_gt(server.nr_open, 0);
	waiting_init(&second);
	ck_assert_int_eq(store_refresh(st, 0, &second.w), -EINPROGRESS);
	server_answer_all();
	ck_assert_int_eq(second.nr_wakes, 1);
	ck_assert_int_eq(second.failure.err, 0);
	assert_live_set(0);
}
END_TEST

static Suite *store_listing_suite(void)
{
	Suite *s = suite_create("store_listing");
	TCase *tc = tcase_create("store_listing");

	tcase_set_timeout(tc, 60); /* sanitizers are slow */
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc,
			    a_page_holds_100_questions_and_only_large_teams_cost_two_requests_more,
			    0, ARRAY_SIZE(costs));
	tcase_add_test(tc, pages_are_fetched_ahead_but_not_more_than_concurrency_at_a_time);
	tcase_add_test(tc, pages_may_arrive_in_any_order);
	tcase_add_test(tc, the_reader_gets_the_first_page_while_the_others_are_on_their_way);
	tcase_add_test(tc,
		       a_reader_in_the_middle_finds_his_place_though_his_last_question_was_deleted);
	tcase_add_test(tc, deleted_after_its_page_was_read_and_another_slid_over_the_border);
	tcase_add_test(tc, deleted_before_its_page_was_read);
	tcase_add_test(tc, several_deleted_at_different_moments);
	tcase_add_test(tc, deleted_while_what_was_read_is_compared);
	tcase_add_test(tc, the_oldest_deleted);
	tcase_add_test(tc, a_question_read_again_is_proof_enough_to_stop);
	tcase_add_test(tc, a_comparison_that_never_agrees_ends_all_the_same);
	tcase_add_test(tc, created_during_the_listing_is_found_by_the_tail);
	tcase_add_test(tc, a_question_of_the_very_second_does_not_make_us_read_everything_twice);
	tcase_add_test(tc, a_long_tail_is_read_to_its_end);
	tcase_add_test(tc, the_window_is_that_of_the_servers_clock);
	tcase_add_test(tc, the_window_ends_before_now);
	tcase_add_test(tc,
		       a_failed_page_fails_its_readers_and_the_next_one_asks_only_what_is_missing);
	tcase_add_test(tc, after_a_failed_tail_only_the_tail_is_asked_again);
	tcase_add_test(tc, without_a_total_pages_are_read_one_after_the_other);
	tcase_add_test(tc, a_failed_first_page_is_an_error_and_not_an_empty_directory);
	tcase_add_test(tc, a_server_that_refuses_the_request_fails_the_reader_at_once);
	tcase_add_test(tc, a_listing_without_an_end_is_refused_however_often_it_is_tried);
	tcase_add_test(tc, a_broken_question_is_left_out_of_the_listing);
	tcase_add_test(tc, a_team_above_the_limit_is_listed_by_activity_up_to_it);
	tcase_add_test(
		tc, a_late_total_above_the_limit_does_not_look_like_a_listing_that_repeats_itself);
	tcase_add_test(tc, a_team_of_exactly_the_limit_is_complete);
	tcase_add_test(tc, a_public_site_is_read_by_activity_and_never_the_whole);
	tcase_add_test(tc, a_small_public_site_may_still_get_new_questions);
	tcase_add_test(tc, after_a_complete_listing_an_absent_id_costs_no_request);
	tcase_add_test(tc, after_a_complete_listing_the_tags_directories_are_free);
	tcase_add_test(tc, a_tags_directory_alone_costs_only_its_own_pages);
	tcase_add_loop_test(tc, a_refresh_finds_what_is_gone_and_what_is_new, 0, 2);
	tcase_add_test(tc, a_refresh_during_which_something_is_deleted);
	tcase_add_test(tc, a_refresh_of_a_store_that_never_listed_makes_the_listing_complete);
	tcase_add_test(tc, a_failed_refresh_says_so_and_changes_nothing);
	tcase_add_test(tc, a_refresh_is_not_done_because_the_last_page_of_a_failed_one_came);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(store_listing_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
