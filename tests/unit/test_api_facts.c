/* What is remembered between runs. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sofs/base/atomicfile.h>

#include "test_api_fake.h"

static char path[] = "/tmp/sofs-test-facts-XXXXXX";

static void setup(void)
{
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	close(fd);
}

static void teardown(void)
{
	unlink(path);
	memset(path + strlen(path) - 6, 'X', 6);
	clock_real();
}

START_TEST(facts_of_each_server_are_kept_apart)
{
	struct facts a = { .style = API_STYLE_PATH,
			   .prefix = "https://a/v2.3",
			   .filter = "!*Mg4\"(",
			   .filter_fields = 0xfedcba9876543210,
			   .is_filter_safe = true,
			   .backoff_until_s = { 0, 5 },
			   .ban_until_s = 1800000000 };
	struct facts b = { .style = API_STYLE_QUERY, .prefix = "https://b/2.3" }, got;

	facts_save(path, "a|x", &a);
	facts_save(path, "b|", &b);
	facts_save(path, "b|", &b);
	facts_load(path, "a|x", &got);
	ck_assert_mem_eq(&got, &a, sizeof(a));
	facts_load(path, "b|", &got);
	ck_assert_int_eq(got.style, API_STYLE_QUERY);
	ck_assert_str_eq(got.filter, "");
	facts_load(path, "c", &got);
	ck_assert_int_eq(got.style, API_STYLE_AUTO);
}
END_TEST

START_TEST(damage_is_an_empty_file)
{
	static const char *const cases[] = {
		"",
		"{",
		"[]",
		"7",
		"{\"version\":2,\"servers\":{\"s\":{\"filter\":\"x\"}}}",
		"{\"version\":1,\"servers\":7}",
		"{\"version\":1,\"servers\":{\"s\":[]}}",
		("{\"version\":1,\"servers\":{\"s\":{\"style\":7,\"filter\":[],\"prefix\":null,"
		 "\"backoff_until\":{\"a\":\"x\"},\"ban_until\":-7,\"quota_until\":1e99}}}"),
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct facts none = { .style = API_STYLE_AUTO }, got;

		ck_assert_int_eq(atomicfile_write(path, cases[i], strlen(cases[i])), 0);
		facts_load(path, "s", &got);
		ck_assert_mem_eq(&got, &none, sizeof(none));
		/* And it can be written again. */
		none.ban_until_s = 9;
		facts_save(path, "s", &none);
		facts_load(path, "s", &got);
		ck_assert_int_eq(got.ban_until_s, 9);
	}
}
END_TEST

START_TEST(a_pause_outlives_the_process)
{
	struct api_config c = { .facts_file = path };
	struct failure f;
	struct api *api;

	clock_fake(1000000, 1700000000);
	api = fake_api(c);
	throttle_backoff(&api->throttle, clock_mono_ms(), METHOD_QUESTIONS, 30);
	throttle_ban(&api->throttle, clock_mono_ms(), 10);
	api->is_facts_dirty = true;
	api_free(api);
	clock_fake(5000, 1700000015);
	api = fake_api(c);
	ck_assert_int_eq(api_obstacle(api, API_QUESTIONS, &f), -EBUSY);
	ck_assert_int_eq(api_obstacle(api, API_TAGS, &f), 0); /* 10 + 2 s are over */
	api_free(api);
	clock_fake(5000, 1700000040);
	api = fake_api(c);
	ck_assert_int_eq(api_obstacle(api, API_QUESTIONS, &f), 0);
	api_free(api);
	/* A clock that was set back by years does not stop us for years. */
	clock_fake(5000, 1000000000);
	api = fake_api(c);
	ck_assert_int_eq(api_obstacle(api, API_QUESTIONS, &f), 0);
	api_free(api);
}
END_TEST

START_TEST(the_rate_is_kept_over_a_restart)
{
	struct api_config c = { .facts_file = path };
	enum throttle_reason reason;
	struct api *api;

	clock_fake(1000000, 1700000000);
	api = fake_api(c);
	for (unsigned i = 0; i < 28; i++)
		throttle_done(&api->throttle, throttle_sent(&api->throttle, clock_mono_ms()),
			      clock_mono_ms());
	api_free(api);
	clock_fake_advance(400);
	api = fake_api(c);
	ck_assert_uint_eq(throttle_ready_ms(&api->throttle, clock_mono_ms(), METHOD_QUESTIONS,
					    false, &reason),
			  clock_mono_ms() + THROTTLE_WINDOW_MS - 400);
	ck_assert_int_eq(reason, THROTTLE_RATE);
	api_free(api);
	clock_fake_advance(700);
	api = fake_api(c);
	throttle_ready_ms(&api->throttle, clock_mono_ms(), METHOD_QUESTIONS, false, &reason);
	ck_assert_int_eq(reason, THROTTLE_NONE);
	api_free(api);
}
END_TEST

static Suite *api_facts_suite(void)
{
	Suite *s = suite_create("api_facts");
	TCase *tc = tcase_create("api_facts");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, facts_of_each_server_are_kept_apart);
	tcase_add_test(tc, damage_is_an_empty_file);
	tcase_add_test(tc, a_pause_outlives_the_process);
	tcase_add_test(tc, the_rate_is_kept_over_a_restart);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(api_facts_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
