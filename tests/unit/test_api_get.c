/* From what to ask to a URL. */
#include "test_api_fake.h"

static void ignore(void *userdata, const struct failure *failure, const struct api_page *page)
{
}

static struct api *api;

static void setup(void)
{
	clock_fake(1000000, 1700000000);
	api = fake_api((struct api_config){ .rate = 30, .concurrency = 100 });
	snprintf(api->filter.id, sizeof(api->filter.id), "f");
}

static void teardown(void)
{
	api_free(api);
	clock_real();
}

START_TEST(every_route_has_its_url)
{
	static const int64_t ids[] = { 3, 9007199254740992 };
	static const struct {
		struct api_query q;
		const char *url; /* without the prefix and team */
	} cases[] = {
		{ { .route = API_QUESTIONS,
		    .sort = "creation",
		    .is_ascending = true,
		    .tag = "c#",
		    .min = -5,
		    .max = 7,
		    .fromdate = 0,
		    .todate = 9,
		    .page = 3,
		    .pagesize = 10 },
		  "/questions?order=asc&sort=creation&tagged=c%23&min=-5&max=7&fromdate=0&todate=9"
		  "&page=3&pagesize=10" },
		{ { API_QUERY_INIT, .route = API_QUESTIONS_BY_ID, .ids = ids, .nr_ids = 2 },
		  "/questions/3;9007199254740992?pagesize=100" },
		{ { API_QUERY_INIT, .route = API_QUESTION_ANSWERS, .ids = ids, .nr_ids = 1 },
		  "/questions/3/answers?pagesize=100" },
		{ { API_QUERY_INIT, .route = API_POST_COMMENTS, .ids = ids, .nr_ids = 1 },
		  "/posts/3/comments?pagesize=100" },
		{ { API_QUERY_INIT, .route = API_TAGS, .sort = "popular" },
		  "/tags?order=desc&sort=popular&pagesize=100" },
		{ { API_QUERY_INIT, .route = API_TAG_INFO, .tag = "c++/;\xc3\xa9" },
		  "/tags/c%2B%2B%2F%3B%C3%A9/info?pagesize=100" },
		{ { API_QUERY_INIT, .route = API_ME }, "/me?" },
		{ { API_QUERY_INIT, .route = API_ME_WRITE_PERMISSIONS },
		  "/me/write-permissions?pagesize=100" },
		{ { API_QUERY_INIT, .route = API_QUESTIONS, .is_total_only = true },
		  "/questions?" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *end = cases[i].url + strlen(cases[i].url);
		char url[300];

		ck_assert_int_eq(api_get(api, &cases[i].q, ignore, NULL, NULL), 0);
		client_tick(api);
		ck_assert_uint_eq(fake.nr_sent, i + 1);
		snprintf(url, sizeof(url), "https://api.example/2.3%s%steam=acme&filter=%s",
			 cases[i].url, end[-1] == '?' ? "" : "&",
			 cases[i].q.is_total_only ? "total" : "f");
		ck_assert_str_eq(fake.sent[i].url, url);
	}
}
END_TEST

START_TEST(questions_that_cannot_be_asked_are_refused)
{
	static const int64_t zero = 0, beyond = 9007199254740993, many[101];
	static const struct api_query cases[] = {
		{ API_QUERY_INIT, .route = API_QUESTIONS_BY_ID },
		{ API_QUERY_INIT, .route = API_QUESTIONS_BY_ID, .ids = &zero, .nr_ids = 1 },
		{ API_QUERY_INIT, .route = API_QUESTIONS_BY_ID, .ids = &beyond, .nr_ids = 1 },
		{ API_QUERY_INIT, .route = API_QUESTIONS_BY_ID, .ids = many, .nr_ids = 101 },
		{ API_QUERY_INIT, .route = API_QUESTIONS, .ids = many, .nr_ids = 1 },
		{ API_QUERY_INIT, .route = API_TAG_INFO },
		{ API_QUERY_INIT, .route = API_TAG_INFO, .tag = "" },
		{ API_QUERY_INIT, .route = API_TAGS, .pagesize = 101 },
		{ API_QUERY_INIT, .route = (enum api_route)99 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_int_eq(api_get(api, &cases[i], ignore, NULL, NULL), -EINVAL);
}
END_TEST

static Suite *api_get_suite(void)
{
	Suite *s = suite_create("api_get");
	TCase *tc = tcase_create("api_get");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, every_route_has_its_url);
	tcase_add_test(tc, questions_that_cannot_be_asked_are_refused);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(api_get_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
