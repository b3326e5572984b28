/* When requests may leave. Time is an argument, so an hour passes in a loop. */
#include <check.h>
#include <stdlib.h>

#include <sofs/net.h>

#define START_MS 1000000

struct sim {
	struct throttle t;
	uint64_t now_ms;
	uint64_t sent[4096], seen[4096]; /* when it left, when the server saw it */
	unsigned nr;
};

static unsigned in_window(const uint64_t *times, unsigned nr, uint64_t window_ms)
{
	unsigned most = 0;

	for (unsigned i = 0; i < nr; i++) {
		unsigned n = 0;

		for (unsigned k = 0; k < nr; k++)
			if (times[k] >= times[i] && times[k] - times[i] < window_ms)
				n++;
		most = n > most ? n : most;
	}
	return most;
}

/* Sends as fast as allowed. Each takes delay_of(i) to reach the server, and its answer as long again. */
static void run(struct sim *s, unsigned rate, unsigned nr, unsigned concurrency,
		unsigned (*delay_of)(unsigned))
{
	struct {
		uint64_t end_ms;
		unsigned slot;
	} flying[32] = { 0 };

	*s = (struct sim){ .now_ms = START_MS };
	throttle_init(&s->t, rate);
	while (s->nr < nr) {
		unsigned place = concurrency;
		enum throttle_reason reason;

		for (unsigned i = 0; i < concurrency; i++) {
			if (flying[i].end_ms && flying[i].end_ms <= s->now_ms) {
				throttle_done(&s->t, flying[i].slot, s->now_ms);
				flying[i].end_ms = 0;
			}
			if (!flying[i].end_ms)
				place = i;
		}
		if (place == concurrency ||
		    throttle_ready_ms(&s->t, s->now_ms, 0, false, &reason) > s->now_ms) {
			s->now_ms++;
			continue;
		}
		flying[place].slot = throttle_sent(&s->t, s->now_ms);
		flying[place].end_ms = s->now_ms + 2 * delay_of(s->nr) + 1;
		s->sent[s->nr] = s->now_ms;
		s->seen[s->nr] = s->now_ms + delay_of(s->nr);
		s->nr++;
	}
}

static unsigned no_delay(unsigned i)
{
	return 0;
}

static unsigned uneven_delay(unsigned i)
{
	return i % 40 < 20 ? 900 : 5; /* a slow burst, overtaken by a fast one */
}

START_TEST(departures_keep_the_rate)
{
	static const unsigned rates[] = { 1, 2, 5, 20, 28, 30 };

	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		struct sim s;
		unsigned limit = rates[i] < THROTTLE_HARD_RATE ? rates[i] : THROTTLE_HARD_RATE;

		run(&s, rates[i], 120, 4, no_delay);
		ck_assert_uint_eq(in_window(s.sent, s.nr, THROTTLE_WINDOW_MS), limit);
		/* And it is used, not only kept. */
		ck_assert_uint_le(s.now_ms - START_MS, 120 / limit * THROTTLE_WINDOW_MS + 20);
	}
}
END_TEST

START_TEST(the_server_never_sees_more_than_30_whatever_the_delays)
{
	struct sim s;

	run(&s, 30, 400, 28, uneven_delay);
	ck_assert_uint_le(in_window(s.seen, s.nr, 1000), 30);
}
END_TEST

START_TEST(background_leaves_a_part_of_the_rate)
{
	enum throttle_reason reason;
	struct throttle t;

	throttle_init(&t, 20);
	for (unsigned i = 0; i < 16; i++) {
		ck_assert_uint_le(throttle_ready_ms(&t, START_MS, 0, true, &reason), START_MS);
		throttle_done(&t, throttle_sent(&t, START_MS), START_MS);
	}
	ck_assert_uint_gt(throttle_ready_ms(&t, START_MS, 0, true, &reason), START_MS);
	ck_assert_int_eq(reason, THROTTLE_RATE);
	ck_assert_uint_le(throttle_ready_ms(&t, START_MS, 0, false, &reason), START_MS);
}
END_TEST

START_TEST(a_backoff_is_kept_two_seconds_longer_and_for_its_method_only)
{
	enum throttle_reason reason;
	struct throttle t;

	throttle_init(&t, 20);
	throttle_backoff(&t, START_MS, 3, 10);
	ck_assert_uint_eq(throttle_ready_ms(&t, START_MS, 3, false, &reason), START_MS + 12000);
	ck_assert_int_eq(reason, THROTTLE_BACKOFF);
	throttle_ready_ms(&t, START_MS, 4, false, &reason);
	ck_assert_int_eq(reason, THROTTLE_NONE);
	/* A shorter one does not take back a longer one. */
	throttle_backoff(&t, START_MS + 1000, 3, 1);
	ck_assert_uint_eq(throttle_ready_ms(&t, START_MS, 3, false, &reason), START_MS + 12000);
	throttle_ready_ms(&t, START_MS + 12000, 3, false, &reason);
	ck_assert_int_eq(reason, THROTTLE_NONE);
	ck_assert(throttle_was_limited(&t, START_MS + 30000));
	ck_assert(!throttle_was_limited(&t, START_MS + 90000));
}
END_TEST

START_TEST(bans_hold_all_methods_and_grow_while_unexplained)
{
	static const uint64_t expected_ms[] = { 30000, 60000, 120000, 240000, 300000, 300000 };
	enum throttle_reason reason;
	uint64_t now_ms = START_MS;
	struct throttle t;

	throttle_init(&t, 20);
	throttle_ban(&t, now_ms, 17);
	ck_assert_uint_eq(throttle_ready_ms(&t, now_ms, 5, false, &reason), now_ms + 19000);
	ck_assert_int_eq(reason, THROTTLE_BAN);
	now_ms += 20000;
	for (size_t i = 0; i < ARRAY_SIZE(expected_ms); i++) {
		throttle_ban(&t, now_ms, -1);
		throttle_ban(&t, now_ms, -1); /* the same burst */
		ck_assert_uint_eq(throttle_ready_ms(&t, now_ms, 0, false, &reason),
				  now_ms + expected_ms[i]);
		now_ms += expected_ms[i];
	}
	throttle_success(&t);
	throttle_ban(&t, now_ms, -1);
	ck_assert_uint_eq(throttle_ready_ms(&t, now_ms, 0, false, &reason), now_ms + 30000);
}
END_TEST

START_TEST(absurd_numbers_are_bounded)
{
	enum throttle_reason reason;
	struct throttle t;

	throttle_init(&t, 0);
	throttle_ban(&t, START_MS, INT64_MAX);
	ck_assert_uint_lt(throttle_ready_ms(&t, START_MS, 0, false, &reason),
			  START_MS + 26ull * 3600 * 1000);
	throttle_backoff(&t, START_MS, 1, INT64_MIN);
	ck_assert_uint_eq(t.backoff_until_ms[1], 0);
	ck_assert_uint_eq(t.rate, 1);
}
END_TEST

START_TEST(a_spent_quota_is_asked_again_after_minutes)
{
	enum throttle_reason reason;
	struct throttle t;

	throttle_init(&t, 20);
	throttle_quota(&t, START_MS, 10000, 1);
	throttle_ready_ms(&t, START_MS, 0, false, &reason);
	ck_assert_int_eq(reason, THROTTLE_NONE);
	throttle_quota(&t, START_MS, 10000, -47478);
	ck_assert_int_eq(t.quota_remaining, -47478);
	throttle_ready_ms(&t, START_MS + 299000, 0, false, &reason);
	ck_assert_int_eq(reason, THROTTLE_QUOTA);
	throttle_ready_ms(&t, START_MS + 301000, 0, false, &reason);
	ck_assert_int_eq(reason, THROTTLE_NONE);
	throttle_quota_spent(&t, START_MS, 86400);
	throttle_ready_ms(&t, START_MS + 900000, 0, false, &reason);
	ck_assert_int_eq(reason, THROTTLE_QUOTA);
	/* New requests: free at once. */
	throttle_quota(&t, START_MS, 10000, 9999);
	throttle_ready_ms(&t, START_MS, 0, false, &reason);
	ck_assert_int_eq(reason, THROTTLE_NONE);
}
END_TEST

static Suite *net_throttle_suite(void)
{
	Suite *s = suite_create("net_throttle");
	TCase *tc = tcase_create("net_throttle");

	tcase_add_test(tc, departures_keep_the_rate);
	tcase_add_test(tc, the_server_never_sees_more_than_30_whatever_the_delays);
	tcase_add_test(tc, background_leaves_a_part_of_the_rate);
	tcase_add_test(tc, a_backoff_is_kept_two_seconds_longer_and_for_its_method_only);
	tcase_add_test(tc, bans_hold_all_methods_and_grow_while_unexplained);
	tcase_add_test(tc, absurd_numbers_are_bounded);
	tcase_add_test(tc, a_spent_quota_is_asked_again_after_minutes);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(net_throttle_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
