/* Trying again, and noticing that nobody is there. */
#include <check.h>
#include <stdlib.h>

#include <sofs/net.h>

START_TEST(delays_double_and_are_spread)
{
	static const struct {
		unsigned nr_tries;
		uint32_t random;
		uint64_t ms;
	} cases[] = {
		{ 0, 0, 0 },    { 1, 0, 300 },           { 1, UINT32_MAX, 500 }, { 2, 0, 600 },
		{ 3, 0, 1200 }, { 3, UINT32_MAX, 2000 }, { 99, 0, 307200 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_uint_eq(retry_delay_ms(cases[i].nr_tries, 400, cases[i].random),
				  cases[i].ms);
}
END_TEST

START_TEST(a_server_that_is_down_is_probed_at_growing_intervals)
{
	static const uint64_t expected_ms[] = { 1000, 2000, 4000, 8000, 10000, 10000 };
	struct health h = { 0 };
	uint64_t now_ms = 5000;
	bool is_probe;

	ck_assert(health_may_send(&h, now_ms, &is_probe));
	ck_assert(!is_probe);
	health_failure(&h, now_ms);
	for (size_t i = 0; i < ARRAY_SIZE(expected_ms); i++) {
		ck_assert(!health_may_send(&h, now_ms + expected_ms[i] - 1, &is_probe));
		now_ms += expected_ms[i];
		ck_assert(health_may_send(&h, now_ms, &is_probe));
		ck_assert(is_probe);
		health_probe_sent(&h);
		ck_assert(!health_may_send(&h, now_ms, &is_probe)); /* one at a time */
		health_failure(&h, now_ms);
	}
	ck_assert_uint_eq(h.down_since_ms, 5000);
}
END_TEST

START_TEST(one_answer_ends_it)
{
	struct health h = { 0 };
	bool is_probe;

	health_failure(&h, 5000);
	health_failure(&h, 5001); /* a straggler does not lengthen it */
	ck_assert_uint_eq(h.next_probe_ms, 6000);
	health_probe_sent(&h);
	health_success(&h, 6100);
	ck_assert(health_may_send(&h, 6100, &is_probe));
	ck_assert(!is_probe);
	ck_assert_uint_eq(h.last_success_ms, 6100);
}
END_TEST

START_TEST(a_dropped_probe_makes_way_for_another)
{
	struct health h = { 0 };
	bool is_probe;

	health_failure(&h, 5000);
	health_probe_sent(&h);
	ck_assert(!health_may_send(&h, 7000, &is_probe));
	health_probe_dropped(&h);
	ck_assert(health_may_send(&h, 7000, &is_probe));
}
END_TEST

static Suite *net_retry_suite(void)
{
	Suite *s = suite_create("net_retry");
	TCase *tc = tcase_create("net_retry");

	tcase_add_test(tc, delays_double_and_are_spread);
	tcase_add_test(tc, a_server_that_is_down_is_probed_at_growing_intervals);
	tcase_add_test(tc, one_answer_ends_it);
	tcase_add_test(tc, a_dropped_probe_makes_way_for_another);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(net_retry_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
