/* Timers run in a thread, so order is made certain by arming from a callback: while it runs, nothing
 * else fires. What must not happen is shown by something later that did. */
#include <check.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/base/clock.h>
#include <sofs/base/timer.h>

static struct timers *ts;
static char fired[64]; /* written by the timer thread, read after `done` */
static size_t nr_fired;
static sem_t done;

struct named {
	struct timer timer;
	char name;
};

static void note(struct timer *t)
{
	fired[nr_fired++] = container_of(t, struct named, timer)->name;
}

static void note_and_end(struct timer *t)
{
	note(t);
	sem_post(&done);
}

static void setup(void)
{
	clock_real();
	memset(fired, 0, sizeof(fired));
	nr_fired = 0;
	sem_init(&done, 0, 0);
	ck_assert_int_eq(timers_new(&ts), 0);
}

static void teardown(void)
{
	timers_free(ts);
	sem_destroy(&done);
}

static struct named n_a = { .name = 'a', .timer.fire = note };
static struct named n_b = { .name = 'b', .timer.fire = note };
static struct named n_c = { .name = 'c', .timer.fire = note };
static struct named n_end = { .name = '.', .timer.fire = note_and_end };

/* Runs `arm` in the timer thread and waits for the end timer, which is due 5 ms after the start. */
static const char *run(void (*arm)(struct timer *t))
{
	struct timer first = { .fire = arm };

	timer_start(ts, &first, 0);
	while (sem_wait(&done) < 0)
		;
	return fired;
}

static void arm_out_of_order(struct timer *t)
{
	timer_start(ts, &n_end.timer, clock_mono_ms() + 5);
	timer_start(ts, &n_c.timer, 3);
	timer_start(ts, &n_a.timer, 1);
	timer_start(ts, &n_b.timer, 2);
}

START_TEST(they_fire_in_order_of_time)
{
	ck_assert_str_eq(run(arm_out_of_order), "abc.");
}
END_TEST

static void arm_together(struct timer *t)
{
	timer_start(ts, &n_end.timer, clock_mono_ms() + 5);
	timer_start(ts, &n_b.timer, 1);
	timer_start(ts, &n_a.timer, 1);
	timer_start(ts, &n_c.timer, 1);
}

START_TEST(of_the_same_time_the_first_armed_fires_first)
{
	ck_assert_str_eq(run(arm_together), "bac.");
}
END_TEST

static void arm_and_cancel(struct timer *t)
{
	timer_start(ts, &n_end.timer, clock_mono_ms() + 5);
	timer_start(ts, &n_a.timer, 1);
	timer_start(ts, &n_b.timer, 2);
	ck_assert(timer_cancel(ts, &n_a.timer));
	ck_assert(!timer_cancel(ts, &n_a.timer));
	ck_assert(!timer_cancel(ts, &n_c.timer)); /* never armed */
	ck_assert(!timer_cancel(ts, t));          /* firing now */
}

START_TEST(a_cancelled_one_does_not_fire)
{
	ck_assert_str_eq(run(arm_and_cancel), "b.");
	ck_assert(!timer_cancel(ts, &n_b.timer)); /* has fired */
}
END_TEST

static void arm_again(struct timer *t)
{
	timer_start(ts, &n_end.timer, clock_mono_ms() + 5);
	timer_start(ts, &n_a.timer, 1);
	timer_start(ts, &n_b.timer, 2);
	timer_start(ts, &n_a.timer, 3);                         /* later */
	timer_start(ts, &n_c.timer, clock_mono_ms() + 3600000); /* and earlier */
	timer_start(ts, &n_c.timer, 1);
}

START_TEST(arming_again_moves_it_and_it_fires_once)
{
	ck_assert_str_eq(run(arm_again), "cba.");
}
END_TEST

static struct named n_again = { .name = 'r' };

static void note_and_rearm(struct timer *t)
{
	note(t);
	timer_start(ts, nr_fired < 3 ? t : &n_end.timer, 0);
}

static void arm_one_that_repeats(struct timer *t)
{
	n_again.timer.fire = note_and_rearm;
	timer_start(ts, &n_again.timer, 1);
}

START_TEST(a_callback_may_arm_its_own_timer)
{
	ck_assert_str_eq(run(arm_one_that_repeats), "rrr.");
}
END_TEST

START_TEST(it_does_not_fire_early)
{
	uint64_t due_ms = clock_mono_ms() + 20;

	timer_start(ts, &n_end.timer, due_ms);
	while (sem_wait(&done) < 0)
		;
	ck_assert_uint_ge(clock_mono_ms(), due_ms);
}
END_TEST

START_TEST(an_earlier_one_overtakes_a_wait_in_progress)
{
	uint64_t start_ms = clock_mono_ms();

	timer_start(ts, &n_a.timer, start_ms + 3600000);
	timer_start(ts, &n_b.timer, UINT64_MAX); /* never, and no overflow */
	timer_start(ts, &n_end.timer, start_ms + 1);
	while (sem_wait(&done) < 0)
		;
	ck_assert_str_eq(fired, ".");
	ck_assert(timer_cancel(ts, &n_a.timer));
	ck_assert(timer_cancel(ts, &n_b.timer));
}
END_TEST

START_TEST(freeing_stops_what_is_armed)
{
	struct timers *mine;
	struct named later = { .name = 'x', .timer.fire = note };

	ck_assert_int_eq(timers_new(&mine), 0);
	timer_start(mine, &later.timer, clock_mono_ms() + 3600000);
	timers_free(mine);
	timers_free(NULL);
	ck_assert_str_eq(fired, "");
}
END_TEST

static void count(struct timer *t)
{
	sem_post(&done);
}

/* Cancelling races with firing: whoever got it, it is one of the two and never both. */
START_TEST(each_of_many_is_either_cancelled_or_fires)
{
	enum { MANY = 2000 };
	static struct timer many[MANY];
	uint64_t now_ms = clock_mono_ms();
	int nr_cancelled = 0, nr_counted;

	for (size_t i = 0; i < MANY; i++) {
		many[i] = (struct timer){ .fire = count };
		timer_start(ts, &many[i], now_ms + i % 7);
	}
	for (size_t i = 0; i < MANY; i++)
		nr_cancelled += timer_cancel(ts, &many[i]);
	timers_free(ts); /* waits for a callback in progress */
	sem_getvalue(&done, &nr_counted);
	ck_assert_int_eq(nr_cancelled + nr_counted, MANY);
	ck_assert_int_eq(timers_new(&ts), 0);
}
END_TEST

static Suite *base_timer_suite(void)
{
	Suite *s = suite_create("base_timer");
	TCase *tc = tcase_create("base_timer");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, they_fire_in_order_of_time);
	tcase_add_test(tc, of_the_same_time_the_first_armed_fires_first);
	tcase_add_test(tc, a_cancelled_one_does_not_fire);
	tcase_add_test(tc, arming_again_moves_it_and_it_fires_once);
	tcase_add_test(tc, a_callback_may_arm_its_own_timer);
	tcase_add_test(tc, it_does_not_fire_early);
	tcase_add_test(tc, an_earlier_one_overtakes_a_wait_in_progress);
	tcase_add_test(tc, freeing_stops_what_is_armed);
	tcase_add_test(tc, each_of_many_is_either_cancelled_or_fires);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(base_timer_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
