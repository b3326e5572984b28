/* The wrapper around every answer. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "envelope.h"

static int parse(const char *text, struct envelope *env, char **body)
{
	const char *reason = "";

	*body = strdup(text);
	return envelope_parse(env, *body, strlen(*body), &reason);
}

START_TEST(items_are_cut_out_and_the_rest_is_read)
{
	struct envelope env;
	char *body;

	ck_assert_int_eq(
		parse("\xef\xbb\xbf {\"quota_max\":10000,\"items\":[{\"a\":\"]\"}, {} ,7,null],"
		      "\"has_more\":true,\"quota_remaining\":-5,\"backoff\":0.2,"
		      "\"total\":\"12\",\"unknown\":{\"items\":[1]}}",
		      &env, &body),
		0);
	ck_assert_uint_eq(env.nr_items, 2);
	ck_assert_uint_eq(env.nr_dropped, 2);
	ck_assert(strncmp(env.items[0].json, "{\"a\":\"]\"}", env.items[0].len) == 0);
	ck_assert_uint_eq(env.items[1].len, 2);
	ck_assert(env.has_items && env.has_more && env.has_quota);
	ck_assert_int_eq(env.quota_max, 10000);
	ck_assert_int_eq(env.quota_remaining, -5);
	ck_assert_int_eq(env.backoff_s, 1);
	ck_assert_int_eq(env.total, 12);
	ck_assert_int_eq(env.error_id, 0);
	envelope_release(&env);
	free(body);
}
END_TEST

START_TEST(absent_is_unknown)
{
	struct envelope env;
	char *body;

	ck_assert_int_eq(parse("{}", &env, &body), 0);
	ck_assert(!env.has_items && !env.has_more && !env.has_quota);
	ck_assert_int_eq(env.quota_max, -1);
	ck_assert_int_eq(env.total, -1);
	free(body);
	ck_assert_int_eq(parse("{\"items\":null,\"error_id\":null}", &env, &body), 0);
	ck_assert(!env.has_items);
	ck_assert_int_eq(env.error_id, 0);
	free(body);
	ck_assert_int_eq(parse("{\"items\":[]}", &env, &body), 0);
	ck_assert(env.has_items);
	ck_assert_uint_eq(env.nr_items, 0);
	free(body);
}
END_TEST

START_TEST(errors_are_read)
{
	struct envelope env;
	char *body;

	ck_assert_int_eq(parse("{\"error_id\":405,\"error_name\":\"key_required\","
			       "\"error_message\":\"`key` is \\u0022required\\u0022\"}",
			       &env, &body),
			 0);
	ck_assert_int_eq(env.error_id, 405);
	ck_assert_str_eq(env.error_name, "key_required");
	ck_assert_str_eq(env.error_message, "`key` is \"required\"");
	free(body);
	ck_assert_int_eq(parse("{\"error_id\":\"what\",\"error_message\":7}", &env, &body), 0);
	ck_assert_int_eq(env.error_id, -1);
	ck_assert_str_eq(env.error_message, "");
	free(body);
}
END_TEST

START_TEST(two_lists_are_one)
{
	struct envelope env;
	char *body;

	ck_assert_int_eq(parse("{\"items\":[{},{}],\"items\":[{\"b\":1}]}", &env, &body), 0);
	ck_assert_uint_eq(env.nr_items, 1);
	envelope_release(&env);
	free(body);
}
END_TEST

START_TEST(what_is_no_object_is_refused)
{
	static const char *const cases[] = {
		"",
		" ",
		"[]",
		"\"x\"",
		"<html></html>",
		"{\"items\":[{\"a\":1},",
		"{\"items\":[}]",
		"{}x",
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct envelope env;
		char *body;

		ck_assert_int_eq(parse(cases[i], &env, &body), -EBADMSG);
		free(body);
	}
}
END_TEST

static Suite *api_envelope_suite(void)
{
	Suite *s = suite_create("api_envelope");
	TCase *tc = tcase_create("api_envelope");

	tcase_add_test(tc, items_are_cut_out_and_the_rest_is_read);
	tcase_add_test(tc, absent_is_unknown);
	tcase_add_test(tc, errors_are_read);
	tcase_add_test(tc, two_lists_are_one);
	tcase_add_test(tc, what_is_no_object_is_refused);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(api_envelope_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
