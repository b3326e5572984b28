/* Waiters: woken exactly once, or taken back. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
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

START_TEST(one_that_was_taken_back_is_never_woken)
{
	struct store_status status;
	struct waiting a, b;

	server_add(1, T0 - 9, "c");
	want(1, &a);
	want(1, &b);
	store_get_status(st, &status);
	ck_assert_uint_eq(status.nr_waiting, 2);
	ck_assert(store_cancel(st, &a.w));
	ck_assert(!store_cancel(st, &a.w));
	server_answer_all();
	ck_assert_int_eq(a.nr_wakes, 0);
	ck_assert_int_eq(b.nr_wakes, 1);
	ck_assert(!store_cancel(st, &b.w));
	store_get_status(st, &status);
	ck_assert_uint_eq(status.nr_waiting, 0);
}
END_TEST

START_TEST(nobody_waits_but_the_answer_is_kept)
{
	struct store_question q;

	server_add(1, T0 - 9, "c");
	ck_assert_int_eq(store_get_question(st, 1, &q, NULL), -EINPROGRESS);
	server_answer_all();
	ck_assert_int_eq(store_get_question(st, 1, &q, NULL), 0);
}
END_TEST

/* One per kind of flight: each ends with an error for those who wait. */
START_TEST(a_failure_wakes_each_kind_of_waiter)
{
	struct store_question q;
	struct store_tag tag;
	struct waiting w;
	int r = 0;

	waiting_init(&w);
	switch (_i) {
	case 0:
		r = store_get_question(st, 1, &q, &w.w);
		break;
	case 1:
		r = store_list_questions(st, 0, 0, &q, 1, &w.w);
		break;
	case 2:
		r = store_get_tag(st, "c", &tag, &w.w);
		break;
	case 3:
		r = store_list_tags(st, 0, &tag, 1, &w.w);
		break;
	case 4:
		r = store_refresh(st, 0, &w.w);
		break;
	}
	ck_assert_int_eq(r, -EINPROGRESS);
	server_fail_all(-EACCES);
	ck_assert_int_eq(w.nr_wakes, 1);
	ck_assert_int_eq(w.failure.err, -EACCES);
	ck_assert(!store_cancel(st, &w.w));
}
END_TEST

struct freed {
	struct store_waiter w;
	int *nr;
};

static void free_itself(struct store_waiter *w, const struct failure *failure)
{
	struct freed *me = container_of(w, struct freed, w);

	++*me->nr;
	free(me);
}

START_TEST(a_waiter_may_free_itself_when_it_is_woken)
{
	struct store_question q;
	int nr = 0;

	for (int i = 0; i < 5; i++) {
		struct freed *me = calloc(1, sizeof(*me));

		ck_assert_ptr_nonnull(me);
		me->nr = &nr;
		me->w.wake = free_itself;
		ck_assert_int_eq(store_get_question(st, 7, &q, &me->w), -EINPROGRESS);
	}
	server_answer_all();
	ck_assert_int_eq(nr, 5);
}
END_TEST

static void ask_again(struct store_waiter *w, const struct failure *failure)
{
	struct waiting *me = container_of(w, struct waiting, w);
	struct store_question q;

	me->nr_wakes++;
	if (me->nr_wakes == 1)
		ck_assert_int_eq(store_get_question(st, 8, &q, w), -EINPROGRESS);
}

START_TEST(who_is_woken_may_ask_for_the_next_at_once)
{
	struct store_question q;
	struct waiting w;

	server_add_many(7, 2, "c");
	waiting_init(&w);
	w.w.wake = ask_again;
	ck_assert_int_eq(store_get_question(st, 7, &q, &w.w), -EINPROGRESS);
	server_answer_all();
	ck_assert_int_eq(w.nr_wakes, 2);
	ck_assert_int_eq(store_get_question(st, 8, &q, NULL), 0);
}
END_TEST

START_TEST(the_reason_for_waiting_is_the_obstacle_or_a_silent_server)
{
	struct failure failure = { 0 };
	struct store_question q;
	struct waiting w;

	waiting_init(&w);
	ck_assert_int_eq(store_get_question(st, 7, &q, &w.w), -EINPROGRESS);
	ck_assert_int_eq(store_wait_reason(st, &w.w, &failure), -ETIMEDOUT);
	ck_assert_str_eq(failure.text, "the server did not answer within 10 s");
	server.obstacle = -EDQUOT;
	ck_assert_int_eq(store_wait_reason(st, &w.w, &failure), -EDQUOT);
	ck_assert_str_eq(failure.text, "an obstacle");
	server_answer_all();
}
END_TEST

START_TEST(the_reason_is_that_of_what_is_waited_for)
{
	struct failure failure = { 0 };
	struct waiting tags, question;
	struct store_question q;
	struct store_tag tag;

	waiting_init(&tags);
	waiting_init(&question);
	ck_assert_int_eq(store_list_tags(st, 0, &tag, 1, &tags.w), -EINPROGRESS);
	ck_assert_int_eq(store_get_question(st, 7, &q, &question.w), -EINPROGRESS);
	server.tags_obstacle = -EBUSY;
	ck_assert_int_eq(store_wait_reason(st, &tags.w, &failure), -EBUSY);
	ck_assert_int_eq(store_wait_reason(st, &question.w, &failure), -ETIMEDOUT);
	server_answer_all();
}
END_TEST

/* ---- All at once --------------------------------------------------------------------------------- */

enum { NR_READERS = 3, NR_IDS = 400 };

struct patient {
	struct store_waiter w;
	pthread_mutex_t lock;
	pthread_cond_t woken;
	int nr_wakes;
};

static atomic_bool is_over;
static atomic_int nr_news;

static void wake_patient(struct store_waiter *w, const struct failure *failure)
{
	struct patient *p = container_of(w, struct patient, w);

	pthread_mutex_lock(&p->lock);
	p->nr_wakes++;
	pthread_cond_signal(&p->woken);
	pthread_mutex_unlock(&p->lock);
}

/* Waits, or loses patience; in any case exactly one of the two happens. */
static void wait_or_cancel(struct patient *p, bool is_impatient)
{
	if (is_impatient && store_cancel(st, &p->w)) {
		ck_assert_int_eq(p->nr_wakes, 0);
		return;
	}
	pthread_mutex_lock(&p->lock);
	while (!p->nr_wakes)
		pthread_cond_wait(&p->woken, &p->lock);
	ck_assert_int_eq(p->nr_wakes, 1);
	p->nr_wakes = 0;
	pthread_mutex_unlock(&p->lock);
}

static void *reader(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	struct patient p = { .w.wake = wake_patient };

	pthread_mutex_init(&p.lock, NULL);
	pthread_cond_init(&p.woken, NULL);
	for (int i = 0; i < 1500; i++) {
		int64_t id = rand_r(&seed) % NR_IDS + 1;
		bool is_impatient = rand_r(&seed) % 4 == 0;
		struct store_question q[3];
		struct store_file file;
		struct blob *b;
		size_t off, size;
		int r;

		switch (rand_r(&seed) % 8) {
		case 0:
			r = store_list_questions(st, 0, id, q, 3, &p.w);
			break;
		case 1:
			r = store_refresh(st, id, &p.w);
			break;
		default:
			r = store_get_question(st, id, q, &p.w);
			if (r == 0 && store_get_file(st, id, FILE_BODY, id, &file) == 0)
				r = store_get_text(st, id, FILE_BODY, id, file.version, &b, &off,
						   &size, &p.w);
			else
				break;
			if (r == 0) {
				ck_assert_uint_eq(size, file.size);
				ck_assert_int_eq(b->data[off], '-');
				ck_assert_int_eq(b->data[off + size - 1], '\n');
				blob_unref(b);
			}
		}
		if (r == -EINPROGRESS)
			wait_or_cancel(&p, is_impatient);
	}
	pthread_mutex_destroy(&p.lock);
	pthread_cond_destroy(&p.woken);
	return NULL;
}

static void *serve(void *arg)
{
	for (unsigned i = 0; !is_over; i++) {
		struct fake_question *q = &server.questions[i % NR_IDS];

		q->text = i % 3 ? "A text" : "Another text, which is somewhat longer";
		q->is_deleted = i % 7 == 0;
		if (!server_answer_one())
			nanosleep(&(struct timespec){ .tv_nsec = 50000 }, NULL);
	}
	return NULL;
}

static void count_news(void *userdata, const struct store_change *c)
{
	nr_news++;
}

START_TEST(readers_who_come_and_lose_patience_while_everything_changes)
{
	pthread_t readers[NR_READERS], server_thread;

	clock_real();
	server.allows_repeats = true;
	fixture_close(&f);
	f.config.memory_bytes = 60000;
	fixture_open(&f);
	st = f.store;
	store_set_news(st, count_news, NULL);
	server_add_many(1, NR_IDS, "c,git");
	ck_assert_int_eq(pthread_create(&server_thread, NULL, serve, NULL), 0);
	for (uintptr_t i = 0; i < NR_READERS; i++)
		ck_assert_int_eq(pthread_create(&readers[i], NULL, reader, (void *)(i + 1)), 0);
	for (int i = 0; i < NR_READERS; i++)
		pthread_join(readers[i], NULL);
	is_over = true;
	pthread_join(server_thread, NULL);
	ck_assert_int_gt(nr_news, 0);
}
END_TEST

static Suite *store_flight_suite(void)
{
	Suite *s = suite_create("store_flight");
	TCase *tc = tcase_create("store_flight");

	tcase_set_timeout(tc, 60); /* sanitizers are slow */
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, one_that_was_taken_back_is_never_woken);
	tcase_add_test(tc, nobody_waits_but_the_answer_is_kept);
	tcase_add_loop_test(tc, a_failure_wakes_each_kind_of_waiter, 0, 5);
	tcase_add_test(tc, a_waiter_may_free_itself_when_it_is_woken);
	tcase_add_test(tc, who_is_woken_may_ask_for_the_next_at_once);
	tcase_add_test(tc, the_reason_for_waiting_is_the_obstacle_or_a_silent_server);
	tcase_add_test(tc, the_reason_is_that_of_what_is_waited_for);
	tcase_add_test(tc, readers_who_come_and_lose_patience_while_everything_changes);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(store_flight_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
