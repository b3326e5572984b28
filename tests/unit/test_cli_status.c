/* The status as people and as programs read it. */
#include <check.h>
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "status.h"

static struct source team = { .flavour = API_TEAM, .name = (char *)"acme", .team = (char *)"acme" };
static const struct api_identity ada = {
	.style = API_STYLE_PATH,
	.user_id = 7,
	.user_name = "Ada Moreau",
	.api_prefix = "https://a/v2.3",
};
static const struct status_source src = {
	.source = &team,
	.mountpoint = "/mnt/so",
	.identity = &ada,
	.list_limit = 50000,
};

static struct status quiet(void)
{
	return (struct status){
		.now_s = 1000000,
		.api = { .style = API_STYLE_PATH, .quota_max = 10000, .quota_remaining = 9000 },
		.fs = { .mounted_at_s = 1000000 - 300 },
	};
}

static void expect(const struct status *st, const char *line)
{
	_cleanup_free_ char *text = status_format(&src, st);

	ck_assert_msg(strstr(text, line) != NULL, "no \"%s\" in:\n%s", line, text);
}

START_TEST(a_quiet_mount)
{
	struct status st = quiet();

	expect(&st, "team:       acme\n");
	expect(&st, "mount:      /mnt/so, since 1970-01-12 13:41:40 UTC (5 min ago)\n");
	expect(&st, "user:       Ada Moreau (7)\n");
	expect(&st, "server:     https://a/v2.3 (path style)\n");
	expect(&st, "state:      the server answers\n");
	expect(&st, "quota:      9000 of 10000 requests left today\n");
	expect(&st, "listed:     never\n");
	expect(&st, "cut:        nothing (list-limit is 50000)\n");
	expect(&st, "errors:     0\n");
}
END_TEST

START_TEST(what_is_wrong_is_said)
{
	struct status st = quiet();

	st.api.down_since_s = st.now_s - 60;
	strcpy(st.api.last_failure.text, "connection refused");
	expect(&st, "state:      the server has not answered since 1970-01-12 13:45:40 UTC (60 s "
		    "ago): connection refused\n");
	st.api.down_since_s = 0;
	st.api.throttled_until_s = st.now_s + 30;
	expect(&st, "throttled by the server until 1970-01-12 13:47:10 UTC (in 30 s)\n");
	st.api.quota_remaining = -1;
	expect(&st, "quota:      not told by the server\n");
	st.api.clock_skew_s = -90;
	expect(&st, "the server's is 90 s behind\n");
	st.store.questions_cut = 12;
	expect(&st, "at least 12 questions and 0 tags are not listed: list-limit is 50000\n");
	st.nr_errors = 3;
	st.last_errors = (char *)"a line of errors\n";
	expect(&st, "errors:     3; the last ones:\na line of errors\n");
}
END_TEST

START_TEST(programs_read_the_same)
{
	struct status st = quiet();
	_cleanup_free_ char *text = NULL;
	cJSON *root;

	st.nr_errors = 2;
	st.last_errors = (char *)"one\ntwo\n";
	text = status_format_json(&src, &st);
	ck_assert_ptr_nonnull(text);
	ck_assert_int_eq(text[strlen(text) - 1], '\n');
	root = cJSON_Parse(text);
	ck_assert_ptr_nonnull(root);
	ck_assert_str_eq(cJSON_GetObjectItem(root, "team")->valuestring, "acme");
	ck_assert_int_eq(cJSON_GetObjectItem(cJSON_GetObjectItem(root, "user"), "id")->valueint, 7);
	ck_assert_int_eq(
		cJSON_GetObjectItem(cJSON_GetObjectItem(root, "quota"), "remaining")->valueint,
		9000);
	ck_assert(
		cJSON_IsNull(cJSON_GetObjectItem(cJSON_GetObjectItem(root, "cache"), "listed_at")));
	ck_assert_int_eq(cJSON_GetArraySize(
				 cJSON_GetObjectItem(cJSON_GetObjectItem(root, "errors"), "last")),
			 2);
	cJSON_Delete(root);
}
END_TEST

static Suite *cli_status_suite(void)
{
	Suite *s = suite_create("cli_status");
	TCase *tc = tcase_create("cli_status");

	tcase_add_test(tc, a_quiet_mount);
	tcase_add_test(tc, what_is_wrong_is_said);
	tcase_add_test(tc, programs_read_the_same);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(cli_status_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
