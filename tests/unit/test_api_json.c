/* Checking and walking JSON text. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/base/strbuf.h>

#include "json.h"

static const char *check(const char *text, char **ret)
{
	char *s = strdup(text);
	const char *reason = json_check(s, strlen(s));

	if (ret)
		*ret = s;
	else
		free(s);
	return reason;
}

START_TEST(only_complete_json_is_accepted)
{
	static const struct {
		const char *text;
		bool is_fine;
	} cases[] = {
		{ "{}", true },
		{ " [ ] ", true },
		{ "0", true },
		{ "-0.5e+10", true },
		{ "true", true },
		{ "null", true },
		{ "\"a\\\"b\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"", true },
		{ "{\"a\":[1,2,{\"b\":null}],\"c\":\"]}\"}", true },
		{ "[\"tab\there\"]", true }, /* let pass */
		{ "", false },
		{ " ", false },
		{ "{", false },
		{ "[1,]", false },
		{ "[1 2]", false },
		{ "{\"a\"}", false },
		{ "{\"a\":}", false },
		{ "{\"a\":1,}", false },
		{ "{a:1}", false },
		{ "{1:1}", false },
		{ "[1}", false },
		{ "{}}", false },
		{ "[] x", false },
		{ "01", false },
		{ "+1", false },
		{ "1.", false },
		{ ".5", false },
		{ "1e", false },
		{ "-", false },
		{ "nul", false },
		{ "nulll", false },
		{ "NaN", false },
		{ "\"abc", false },
		{ "\"\\x\"", false },
		{ "\"\\u12\"", false },
		{ "\"\\", false },
		{ "\"\\u", false },
		{ "'a'", false },
		{ "<html>", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_msg(!check(cases[i].text, NULL) == cases[i].is_fine, "%s", cases[i].text);
}
END_TEST

START_TEST(a_nul_byte_is_refused)
{
	char s[] = "[\"a\0b\"]";

	ck_assert_ptr_nonnull(json_check(s, sizeof(s) - 1));
}
END_TEST

START_TEST(depth_is_bounded)
{
	char s[2 * (JSON_MAX_DEPTH + 1) + 1] = "";

	memset(s, '[', JSON_MAX_DEPTH);
	memset(s + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
	ck_assert_ptr_null(json_check(s, 2 * JSON_MAX_DEPTH));
	memset(s, '[', JSON_MAX_DEPTH + 1);
	memset(s + JSON_MAX_DEPTH + 1, ']', JSON_MAX_DEPTH + 1);
	ck_assert_str_eq(json_check(s, 2 * (JSON_MAX_DEPTH + 1)), "nested too deeply");
}
END_TEST

START_TEST(escapes_that_no_string_can_hold_are_replaced)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "\"\\u0000\"", "\"\\ufffd\"" },
		{ "\"a\\u0000b\"", "\"a\\ufffdb\"" },
		{ "\"\\uD83D\\uDE00\"", "\"\\uD83D\\uDE00\"" },
		{ "\"\\uD83D\"", "\"\\ufffd\"" },
		{ "\"\\uD83Dx\"", "\"\\ufffdx\"" },
		{ "\"\\uDE00\\uD83D\"", "\"\\ufffd\\ufffd\"" },
		{ "\"\\uD83D\\uD83D\\uDE00\"", "\"\\ufffd\\uD83D\\uDE00\"" },
		{ "\"\\uD83D\\u0041\"", "\"\\ufffd\\u0041\"" },
		{ "\"\\\\u0000\"", "\"\\\\u0000\"" }, /* a backslash, then text */
		{ "{\"\\u0000\":1}", "{\"\\ufffd\":1}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *s;

		ck_assert_ptr_null(check(cases[i].in, &s));
		ck_assert_str_eq(s, cases[i].out);
		free(s);
	}
}
END_TEST

static struct json_slice slice(const char *s)
{
	return (struct json_slice){ s, strlen(s) };
}

START_TEST(members_and_elements_are_walked)
{
	struct json_slice key, value;
	struct json_iter it = json_members(
		slice("{ \"a\" : 1 , \"b\":\"x\\\"},y\",\"c\":[ 1, [2,3] ,{\"d\":4}],\"e\":true}"));
	struct strbuf sb = STRBUF_INIT;

	while (json_next_member(&it, &key, &value)) {
		strbuf_add(&sb, key.s, key.len);
		strbuf_addch(&sb, '=');
		strbuf_add(&sb, value.s, value.len);
		strbuf_addch(&sb, '|');
		if (json_key_is(key, "c"))
			ck_assert_uint_eq(json_count(value), 3);
	}
	ck_assert_str_eq(strbuf_str(&sb),
			 "\"a\"=1|\"b\"=\"x\\\"},y\"|\"c\"=[ 1, [2,3] ,{\"d\":4}]|\"e\"=true|");
	strbuf_release(&sb);
	ck_assert_uint_eq(json_count(slice("[]")), 0);
	ck_assert_uint_eq(json_count(slice("[ ]")), 0);
	ck_assert_uint_eq(json_count(slice("null")), 0);
	ck_assert_uint_eq(json_count(slice("\"[1,2]\"")), 0);
	it = json_members(slice("[1]"));
	ck_assert(!json_next_member(&it, &key, &value));
}
END_TEST

START_TEST(numbers_are_taken_leniently)
{
	static const struct {
		const char *text;
		bool is_number;
		int64_t n;
	} cases[] = {
		{ "0", true, 0 },
		{ "-47478", true, -47478 },
		{ "\"12\"", true, 12 },
		{ "0.2", true, 1 },
		{ "9007199254740992", true, 9007199254740992 },
		{ "9007199254740994", false, 0 },
		{ "1e400", false, 0 },
		{ "1e3", true, 1000 },
		{ "true", false, 0 },
		{ "null", false, 0 },
		{ "\"\"", false, 0 },
		{ "\"x\"", false, 0 },
		{ "\"nan\"", false, 0 },
		{ "[1]", false, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t n = 0;

		ck_assert_msg(json_to_int(slice(cases[i].text), &n) == cases[i].is_number, "%s",
			      cases[i].text);
		ck_assert_int_eq(n, cases[i].n);
	}
	ck_assert(json_to_bool(slice("true")));
	ck_assert(json_to_bool(slice("\"true\"")));
	ck_assert(json_to_bool(slice("1")));
	ck_assert(!json_to_bool(slice("false")));
	ck_assert(!json_to_bool(slice("null")));
	ck_assert(!json_to_bool(slice("0")));
}
END_TEST

static Suite *api_json_suite(void)
{
	Suite *s = suite_create("api_json");
	TCase *tc = tcase_create("api_json");

	tcase_add_test(tc, only_complete_json_is_accepted);
	tcase_add_test(tc, a_nul_byte_is_refused);
	tcase_add_test(tc, depth_is_bounded);
	tcase_add_test(tc, escapes_that_no_string_can_hold_are_replaced);
	tcase_add_test(tc, members_and_elements_are_walked);
	tcase_add_test(tc, numbers_are_taken_leniently);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(api_json_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
