#include <check.h>
#include <stdlib.h>

#include <sofs/base/clock.h>

START_TEST(the_real_clocks_move_on)
{
	uint64_t mono_ms = clock_mono_ms();

	ck_assert_uint_gt(mono_ms, 0);
	ck_assert_uint_ge(clock_mono_ms(), mono_ms);
	ck_assert_int_gt(clock_wall_s(), 1700000000);
}
END_TEST

START_TEST(a_fake_clock_stands_still_until_moved)
{
	clock_fake(1000, 1700000000);
	ck_assert_uint_eq(clock_mono_ms(), 1000);
	ck_assert_int_eq(clock_wall_s(), 1700000000);
	clock_fake_advance(2500);
	ck_assert_uint_eq(clock_mono_ms(), 3500);
	ck_assert_int_eq(clock_wall_s(), 1700000002);
	clock_fake_advance(500);
	ck_assert_int_eq(clock_wall_s(), 1700000003);
	clock_real();
	ck_assert_int_gt(clock_wall_s(), 1700000003);
}
END_TEST

static Suite *base_clock_suite(void)
{
	Suite *s = suite_create("base_clock");
	TCase *tc = tcase_create("base_clock");

	tcase_add_test(tc, the_real_clocks_move_on);
	tcase_add_test(tc, a_fake_clock_stands_still_until_moved);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(base_clock_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
