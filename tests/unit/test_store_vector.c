/* Questions by id: a lone reader is served at once, a crowd in vectors, and nobody is told a lie. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

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

static void want(int64_t id, struct waiting *w)
{
	struct store_question q;

	waiting_init(w);
	ck_assert_int_eq(store_get_question(st, id, &q, &w->w), -EINPROGRESS);
}

START_TEST(one_alone_goes_out_at_once)
{
	struct store_question q;
	struct waiting w;

	server_add(5, T0 - 100, "c,git")->nr_answers = 2;
	server_find(5)->answers[0] = (struct fake_answer){ .id = 6, .text = "yes" };
	server_find(5)->answers[1] = (struct fake_answer){ .id = 8, .text = "no" };
	want(5, &w);
	ck_assert_uint_eq(server.nr_queries, 1);
	ck_assert_uint_eq(server.queries[0].q.nr_ids, 1);
	ck_assert_int_eq(server.queries[0].ids[0], 5);
	server_answer(0);
	ck_assert_int_eq(w.nr_wakes, 1);
	ck_assert_int_eq(w.failure.err, 0);
	ck_assert_int_eq(store_get_question(st, 5, &q, NULL), 0);
	ck_assert_int_eq(q.id, 5);
	ck_assert_int_eq(q.created_s, T0 - 100);
	ck_assert_int_eq(q.activity_s, T0 - 100);
	ck_assert_uint_eq(q.nr_tags, 2);
	ck_assert_uint_eq(q.nr_answers, 2);
}
END_TEST

/* Those who gather after a crowd leave when nobody new has come for some tens of milliseconds. */
static void wait_for_vectors(unsigned nr)
{
	for (int ms = 0; server_counts(0).vectors < nr; ms += 5) {
		ck_assert_int_lt(ms, 10000);
		clock_fake_advance(5);
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
}

START_TEST(those_who_come_while_one_is_on_its_way_are_joined)
{
	struct waiting w[32];

	server_add_many(1, 32, "c");
	for (int i = 0; i < 32; i++)
		want(i + 1, &w[i]);
	ck_assert_uint_eq(server_counts(0).vectors, 1);
	server_answer(0);
	wait_for_vectors(2);
	ck_assert_uint_eq(server_counts(0).vectors, 2);
	ck_assert_uint_eq(server.queries[1].q.nr_ids, 31);
	server_answer(1);
	for (int i = 0; i < 32; i++) {
		ck_assert_int_eq(w[i].nr_wakes, 1);
		ck_assert_int_eq(w[i].failure.err, 0);
	}
}
END_TEST

START_TEST(they_do_not_wait_for_ever_for_the_one_that_is_on_its_way)
{
	struct waiting first, second;

	server_add_many(1, 2, "c");
	want(1, &first);
	want(2, &second);
	server_answer_newest(); /* takes the first; only the second is left */
	ck_assert_int_eq(first.nr_wakes, 1);
	server_answer_all();
	ck_assert_int_eq(second.nr_wakes, 1);
}
END_TEST

START_TEST(what_gathers_goes_out_after_a_while_though_nothing_came_back)
{
	struct waiting w[3];

	server_add_many(1, 3, "c");
	for (int i = 0; i < 3; i++)
		want(i + 1, &w[i]);
	ck_assert_uint_eq(server_counts(0).vectors, 1);
	for (int ms = 0; server_counts(0).vectors < 2; ms += 5) {
		ck_assert_int_lt(ms, 1000);
		clock_fake_advance(5);
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	server_answer(1);
	ck_assert_int_eq(w[0].nr_wakes, 0);
	ck_assert_int_eq(w[1].nr_wakes, 1);
	ck_assert_int_eq(w[2].nr_wakes, 1);
	server_answer_all();
}
END_TEST

START_TEST(the_same_id_is_asked_once_for_all_who_want_it)
{
	struct waiting w[3];

	server_add(1, T0 - 10, "c");
	for (int i = 0; i < 3; i++)
		want(1, &w[i]);
	server_answer_all();
	ck_assert_uint_eq(server_counts(0).vectors, 1);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(w[i].nr_wakes, 1);
}
END_TEST

START_TEST(more_than_a_vector_holds_go_out_in_several_but_not_too_many_at_a_time)
{
	static struct waiting w[950];

	server_add_many(1, 950, "c");
	for (int i = 0; i < 950; i++)
		want(i + 1, &w[i]);
	ck_assert_uint_le(server.max_open, 4);
	while (server_counts(0).ids < 950) {
		ck_assert(server_wait_open());
		server_answer_all();
	}
	server_answer_all();
	ck_assert_uint_le(server_counts(0).vectors, 11);
	ck_assert_uint_eq(server_counts(0).ids, 950);
	for (int i = 0; i < 950; i++)
		ck_assert_int_eq(w[i].nr_wakes, 1);
}
END_TEST

/* What `xargs -P32 cat` does: 32 readers, each of which wants the next id as soon as it has one. */
START_TEST(a_crowd_that_reads_1000_ids_needs_few_vectors)
{
	struct {
		struct waiting w;
		int64_t id;
	} readers[32] = { 0 };
	int64_t next = 1;
	int nr_waiting;

	server_add_many(1, 1000, "c");
	do {
		nr_waiting = 0;
		for (int i = 0; i < 32; i++) {
			struct store_question q;

			while (!readers[i].id || readers[i].w.nr_wakes) {
				if (readers[i].id)
					ck_assert_int_eq(
						store_get_question(st, readers[i].id, &q, NULL), 0);
				readers[i].id = next <= 1000 ? next++ : 0;
				if (!readers[i].id)
					break;
				want(readers[i].id, &readers[i].w);
			}
			nr_waiting += readers[i].id != 0;
		}
		if (nr_waiting) {
			ck_assert(server_wait_open());
			server_answer_one();
		}
	} while (nr_waiting);
	ck_assert_uint_le(server_counts(0).vectors, 40);
	ck_assert_uint_eq(server_counts(0).ids, 1000);
}
END_TEST

START_TEST(after_the_crowd_a_lone_reader_does_not_wait_for_long)
{
	struct waiting w[10];

	server_add_many(1, 20, "c");
	for (int i = 0; i < 10; i++)
		want(i + 1, &w[i]);
	server_answer_all();
	wait_for_vectors(2);
	server_answer_all();
	clock_fake_advance(5000);
	want(15, &w[0]);
	ck_assert_uint_eq(server_counts(0).vectors, 3);
	server_answer_all();
}
END_TEST

/* ---- What is not there --------------------------------------------------------------------------- */

START_TEST(an_absent_id_is_enoent_and_remembered_for_a_minute)
{
	struct store_question q;
	struct waiting w;

	server_add(1, T0 - 10, "c");
	ck_assert_int_eq(get_question(st, 999, &q), -ENOENT);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(store_get_question(st, 999, &q, NULL), -ENOENT);
	ck_assert_uint_eq(server.nr_queries, 1);
	server_add(999, T0 + 30, "c");
	clock_fake_advance(61000);
	want(999, &w);
	server_answer_all();
	ck_assert_int_eq(store_get_question(st, 999, &q, NULL), 0);
}
END_TEST

START_TEST(the_largest_id_is_an_id)
{
	const int64_t largest = ((int64_t)1 << 53) - 1;
	struct store_question q;

	server_add(largest, T0 - 10, "c");
	ck_assert_int_eq(get_question(st, largest, &q), 0);
	ck_assert_int_eq(q.id, largest);
	ck_assert_int_eq(get_question(st, largest - 1, &q), -ENOENT);
}
END_TEST

START_TEST(what_the_server_garbled_is_eio_and_not_enoent)
{
	struct waiting good, bad;
	struct store_question q;

	server_add_many(1, 3, "c");
	server_find(3)->state = _i ? FAKE_DROPPED : FAKE_NO_QUESTION;
	ck_assert_int_eq(get_question(st, 1, &q), 0);
	clock_fake_advance(5000);
	want(2, &good);
	server_answer_all();
	clock_fake_advance(5000);
	want(3, &bad);
	server_answer_all();
	ck_assert_int_eq(good.failure.err, 0);
	ck_assert_int_eq(bad.nr_wakes, 1);
	ck_assert_int_eq(bad.failure.err, -EIO);
	server_find(3)->state = FAKE_FINE;
	ck_assert_int_eq(get_question(st, 3, &q), 0);
}
END_TEST

START_TEST(the_good_ones_beside_a_garbled_one_are_served)
{
	struct waiting w[4];

	server_add_many(1, 4, "c");
	server_find(3)->state = FAKE_NO_QUESTION;
	for (int i = 0; i < 4; i++)
		want(i + 1, &w[i]);
	server_answer_all();
	wait_for_vectors(2);
	server_answer_all();
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(w[i].nr_wakes, 1);
		ck_assert_int_eq(w[i].failure.err, i == 2 ? -EIO : 0);
	}
}
END_TEST

START_TEST(a_failure_reaches_all_who_wait_and_is_not_remembered)
{
	struct store_question q;
	struct waiting w[2];

	server.allows_repeats = true;
	server_add(1, T0 - 10, "c");
	want(1, &w[0]);
	want(1, &w[1]);
	server_fail(0, -EHOSTUNREACH);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(w[i].nr_wakes, 1);
		ck_assert_int_eq(w[i].failure.err, -EHOSTUNREACH);
	}
	ck_assert_int_eq(get_question(st, 1, &q), 0);
}
END_TEST

START_TEST(an_answer_that_lacks_a_known_question_says_that_it_is_gone)
{
	struct store_question q;
	struct waiting w;

	server_add_many(1, 2, "c");
	ck_assert_int_eq(get_question(st, 1, &q), 0);
	server_delete(1);
	waiting_init(&w);
	clock_fake_advance(61000);
	ck_assert_int_eq(store_refresh(st, 1, &w.w), -EINPROGRESS);
	server_answer_all();
	ck_assert_int_eq(w.nr_wakes, 1);
	ck_assert_int_eq(store_get_question(st, 1, &q, NULL), -ENOENT);
}
END_TEST

/* ---- The rules of the service -------------------------------------------------------------------- */

/* The fake server fails the test when it is asked the same twice. */
START_TEST(one_question_refreshed_again_and_again_is_never_the_same_request)
{
	struct store_question q;
	struct waiting w;

	server_add_many(1, 6, "c");
	ck_assert_int_eq(list_all(st, 0, NULL, 0), 6);
	for (int i = 0; i < 5; i++) {
		waiting_init(&w);
		ck_assert_int_eq(store_refresh(st, 3, &w.w), -EINPROGRESS);
		server_answer_all();
		ck_assert_int_eq(w.nr_wakes, 1);
	}
	ck_assert_int_eq(store_get_question(st, 3, &q, NULL), 0);
}
END_TEST

START_TEST(nor_is_it_when_hundreds_were_refreshed_in_between)
{
	struct waiting w;

	server_add_many(1, 700, "c");
	for (int i = 0; i <= 700; i++) {
		waiting_init(&w);
		ck_assert_int_eq(store_refresh(st, i % 700 + 1, &w.w), -EINPROGRESS);
		server_answer_all();
		ck_assert_int_eq(w.nr_wakes, 1);
		clock_fake_advance(50); /* the rate by default */
	}
}
END_TEST

START_TEST(without_memory_for_the_request_readers_can_still_be_taken_back)
{
	struct store_question q;
	struct waiting w;

	server_add_many(1, 1, "c");
	server.refuses = true;
	want(1, &w);
	ck_assert(store_cancel(st, &w.w));
	want(1, &w);
	server.refuses = false;
	ck_assert(server_wait_open());
	server_answer_all();
	ck_assert_int_eq(w.nr_wakes, 1);
	ck_assert_int_eq(get_question(st, 1, &q), 0);
}
END_TEST

static Suite *store_vector_suite(void)
{
	Suite *s = suite_create("store_vector");
	TCase *tc = tcase_create("store_vector");

	tcase_set_timeout(tc, 60); /* sanitizers are slow */
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, one_alone_goes_out_at_once);
	tcase_add_test(tc, those_who_come_while_one_is_on_its_way_are_joined);
	tcase_add_test(tc, they_do_not_wait_for_ever_for_the_one_that_is_on_its_way);
	tcase_add_test(tc, what_gathers_goes_out_after_a_while_though_nothing_came_back);
	tcase_add_test(tc, the_same_id_is_asked_once_for_all_who_want_it);
	tcase_add_test(tc, more_than_a_vector_holds_go_out_in_several_but_not_too_many_at_a_time);
	tcase_add_test(tc, a_crowd_that_reads_1000_ids_needs_few_vectors);
	tcase_add_test(tc, after_the_crowd_a_lone_reader_does_not_wait_for_long);
	tcase_add_test(tc, an_absent_id_is_enoent_and_remembered_for_a_minute);
	tcase_add_test(tc, the_largest_id_is_an_id);
	tcase_add_loop_test(tc, what_the_server_garbled_is_eio_and_not_enoent, 0, 2);
	tcase_add_test(tc, the_good_ones_beside_a_garbled_one_are_served);
	tcase_add_test(tc, a_failure_reaches_all_who_wait_and_is_not_remembered);
	tcase_add_test(tc, an_answer_that_lacks_a_known_question_says_that_it_is_gone);
	tcase_add_test(tc, one_question_refreshed_again_and_again_is_never_the_same_request);
	tcase_add_test(tc, nor_is_it_when_hundreds_were_refreshed_in_between);
	tcase_add_test(tc, without_memory_for_the_request_readers_can_still_be_taken_back);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(store_vector_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
