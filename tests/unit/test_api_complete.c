/* Nested lists that the server cut short are paged and merged. */
#include "test_api_fake.h"

#include <sofs/base/strbuf.h>

static struct api *api;
static struct strbuf joined; /* the items of the last page */
static int nr_calls, err;

static void note(void *userdata, const struct failure *failure, const struct api_page *page)
{
	nr_calls++;
	err = failure ? failure->err : 0;
	strbuf_reset(&joined);
	for (size_t i = 0; page && i < page->nr_items; i++) {
		strbuf_add(&joined, page->items[i].json, page->items[i].len);
		strbuf_addch(&joined, '\n');
	}
}

static void setup(void)
{
	clock_fake(1000000, 1700000000);
	api = fake_api((struct api_config){ .timeout_s = 10 });
	snprintf(api->filter.id, sizeof(api->filter.id), "f");
	nr_calls = 0;
}

static void teardown(void)
{
	api_free(api);
	strbuf_release(&joined);
	clock_real();
}

static void ask(void)
{
	struct api_query q = { API_QUERY_INIT, .route = API_QUESTIONS };

	ck_assert_int_eq(api_get(api, &q, note, NULL, NULL), 0);
	client_tick(api);
}

START_TEST(a_complete_page_is_handed_on_as_it_is)
{
	ask();
	fake_answer(0, 200,
		    "{\"items\":[{\"question_id\":1,\"answer_count\":1,\"comment_count\":0,"
		    "\"answers\":["
		    "{\"answer_id\":2,\"comment_count\":1,\"comments\":[{\"comment_id\":9}]}]},"
		    "{\"question_id\":3},{\"question_id\":4,\"answer_count\":0}]}");
	ck_assert_int_eq(nr_calls, 1);
	ck_assert_uint_eq(fake.nr_sent, 1);
	ck_assert_str_eq(
		strbuf_str(&joined),
		"{\"question_id\":1,\"answer_count\":1,\"comment_count\":0,\"answers\":["
		"{\"answer_id\":2,\"comment_count\":1,\"comments\":[{\"comment_id\":9}]}]}\n"
		"{\"question_id\":3}\n{\"question_id\":4,\"answer_count\":0}\n");
}
END_TEST

START_TEST(missing_answers_and_comments_are_merged)
{
	ask();
	fake_answer(0, 200,
		    "{\"items\":[{\"question_id\":1,\"answer_count\":3,\"comment_count\":1,"
		    "\"answers\":[{\"answer_id\":2,\"comment_count\":0}]},"
		    "{\"question_id\":7,\"comment_count\":0},"
		    "{\"question_id\":5,\"answer_count\":1}]}");
	client_tick(api);
	ck_assert_uint_eq(fake.nr_sent, 2);
	ck_assert_str_eq(
		fake.sent[1].url,
		"https://api.example/2.3/questions/1;5/answers?order=asc&sort=creation&page=1"
		"&pagesize=100&team=acme&filter=f");
	fake_answer(
		1, 200,
		"{\"items\":[{\"answer_id\":2,\"question_id\":1},{\"answer_id\":3,\"question_id\":"
		"1,"
		"\"comment_count\":1},{\"answer_id\":77,\"question_id\":99}],\"has_more\":true}");
	client_tick(api);
	ck_assert_ptr_nonnull(
		strstr(fake.sent[2].url, "/questions/1;5/answers?order=asc&sort=creation&page=2&"));
	fake_answer(2, 200,
		    "{\"items\":[{\"answer_id\":6,\"question_id\":5},"
		    "{\"answer_id\":4,\"question_id\":1}],\"has_more\":false}");
	client_tick(api);
	/* The comments of the question, and those of an answer that came only now. */
	ck_assert_uint_eq(fake.nr_sent, 4);
	ck_assert_ptr_nonnull(strstr(fake.sent[3].url, "/posts/1;3/comments?"));
	ck_assert_int_eq(nr_calls, 0);
	fake_answer(3, 200,
		    "{\"items\":[{\"comment_id\":10,\"post_id\":3},{\"comment_id\":11,"
		    "\"post_id\":1},{\"comment_id\":11,\"post_id\":1}]}");
	ck_assert_int_eq(nr_calls, 1);
	ck_assert_str_eq(
		strbuf_str(&joined),
		"{\"question_id\":1,\"answer_count\":3,\"comment_count\":1,\"answers\":["
		"{\"answer_id\":2,\"comment_count\":0},"
		"{\"answer_id\":3,\"question_id\":1,\"comment_count\":1,\"comments\":"
		"[{\"comment_id\":10,\"post_id\":3}]},{\"answer_id\":4,\"question_id\":1}],"
		"\"comments\":[{\"comment_id\":11,\"post_id\":1}]}\n"
		"{\"question_id\":7,\"comment_count\":0}\n"
		"{\"question_id\":5,\"answer_count\":1,\"answers\":[{\"answer_id\":6,\"question_"
		"id\":5}]}\n");
}
END_TEST

START_TEST(a_count_that_stays_wrong_is_accepted)
{
	ask();
	fake_answer(0, 200,
		    "{\"items\":[{\"question_id\":1,\"answer_count\":2,\"answers\":"
		    "[{\"answer_id\":2}]}]}");
	client_tick(api);
	fake_answer(1, 200, "{\"items\":[{\"answer_id\":2,\"question_id\":1}]}");
	ck_assert_int_eq(nr_calls, 1);
	ck_assert_int_eq(err, 0);
	client_tick(api);
	ck_assert_uint_eq(fake.nr_sent, 2);
	ck_assert_ptr_nonnull(strstr(strbuf_str(&joined), "\"answers\":[{\"answer_id\":2}]"));
}
END_TEST

START_TEST(a_gap_that_cannot_be_filled_is_asked_for_once)
{
	static const char page[] = "{\"items\":[{\"question_id\":1,\"answer_count\":2,\"answers\":"
				   "[{\"answer_id\":2}]}]}";

	ask();
	fake_answer(0, 200, page);
	client_tick(api);
	fake_answer(1, 200, "{\"items\":[]}");
	ck_assert_int_eq(nr_calls, 1);
	ask();
	fake_answer(2, 200, page);
	ck_assert_int_eq(nr_calls, 2);
	ck_assert_uint_eq(fake.nr_sent, 3);
	/* Until something about it is different. */
	ask();
	fake_answer(3, 200,
		    "{\"items\":[{\"question_id\":1,\"answer_count\":3,\"answers\":"
		    "[{\"answer_id\":2}]}]}");
	client_tick(api);
	ck_assert_uint_eq(fake.nr_sent, 5);
	fake_answer(4, 200, "{\"items\":[{\"answer_id\":3,\"question_id\":1}]}");
	ck_assert_int_eq(nr_calls, 3);
}
END_TEST

/* The service calls the same request within a minute a repetition, and answers it from its cache. */
START_TEST(the_same_gap_is_never_the_same_request_within_a_minute)
{
	static const char page[] = "{\"items\":[{\"question_id\":1,\"answer_count\":1}]}";
	static const char answers[] = "{\"items\":[{\"question_id\":1,\"answer_id\":2}]}";
	static const char *const sizes[] = { "&pagesize=100&", "&pagesize=99&", "&pagesize=98&" };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		ask();
		fake_answer(2 * i, 200, page);
		client_tick(api);
		ck_assert_ptr_nonnull(strstr(fake.sent[2 * i + 1].url, "/questions/1/answers"));
		ck_assert_ptr_nonnull(strstr(fake.sent[2 * i + 1].url, sizes[i]));
		fake_answer(2 * i + 1, 200, answers);
	}
	clock_fake_advance(61000);
	ask();
	fake_answer(6, 200, page);
	client_tick(api);
	ck_assert_ptr_nonnull(strstr(fake.sent[7].url, sizes[0]));
	fake_answer(7, 200, answers);
}
END_TEST

START_TEST(a_listing_without_an_end_is_ended)
{
	unsigned i = 1;

	ask();
	fake_answer(0, 200, "{\"items\":[{\"question_id\":1,\"answer_count\":2}]}");
	for (; !nr_calls && i < 200; i++) {
		clock_fake_advance(60);
		client_tick(api);
		ck_assert_uint_eq(fake.nr_sent, i + 1);
		fake_answer(i, 200,
			    "{\"items\":[{\"answer_id\":2,\"question_id\":1}],\"has_more\":true}");
	}
	ck_assert_int_eq(nr_calls, 1);
	ck_assert_uint_le(i, 61);
}
END_TEST

START_TEST(a_failure_on_the_way_fails_the_call)
{
	ask();
	fake_answer(0, 200, "{\"items\":[{\"question_id\":1,\"answer_count\":2}]}");
	client_tick(api);
	fake_answer(1, 400, "{\"error_id\":403,\"error_message\":\"no\"}");
	ck_assert_int_eq(nr_calls, 1);
	ck_assert_int_eq(err, -EACCES);
	ck_assert_uint_eq(joined.len, 0);
}
END_TEST

START_TEST(many_posts_are_asked_for_in_vectors_of_100)
{
	struct strbuf sb = STRBUF_INIT;

	ask();
	strbuf_adds(&sb, "{\"items\":[{\"question_id\":1,\"answers\":[");
	for (int i = 0; i < 150; i++)
		strbuf_addf(&sb, "%s{\"answer_id\":%d,\"comment_count\":1}", i ? "," : "",
			    1000 + i);
	strbuf_adds(&sb, "]}]}");
	fake_answer(0, 200, strbuf_str(&sb));
	strbuf_release(&sb);
	client_tick(api);
	ck_assert_ptr_nonnull(strstr(fake.sent[1].url, "/posts/1000;1001;"));
	ck_assert_ptr_nonnull(strstr(fake.sent[1].url, ";1099/comments"));
	fake_answer(1, 200, "{\"items\":[]}");
	client_tick(api);
	ck_assert_ptr_nonnull(strstr(fake.sent[2].url, "/posts/1100;1101;"));
	fake_answer(2, 200, "{\"items\":[]}");
	ck_assert_int_eq(nr_calls, 1);
}
END_TEST

START_TEST(odd_items_survive)
{
	ask();
	fake_answer(0, 200,
		    "{\"items\":[{\"question_id\":1,\"answer_count\":2,\"answers\":[7,null,[]]},"
		    "{\"question_id\":2,\"answer_count\":\"5\",\"answers\":{}},"
		    "{\"answer_count\":3},{\"question_id\":4,\"answer_count\":-1,\"comment_count\":"
		    "1e99}]}");
	client_tick(api);
	while (!nr_calls) {
		fake_answer(fake.nr_sent - 1, 200,
			    "{\"items\":[{},{\"answer_id\":9,\"question_id\":1}]}");
		client_tick(api);
	}
	ck_assert_int_eq(err, 0);
	ck_assert_ptr_nonnull(strstr(strbuf_str(&joined), "[7,null,[],{\"answer_id\":9"));
}
END_TEST

static Suite *api_complete_suite(void)
{
	Suite *s = suite_create("api_complete");
	TCase *tc = tcase_create("api_complete");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_complete_page_is_handed_on_as_it_is);
	tcase_add_test(tc, missing_answers_and_comments_are_merged);
	tcase_add_test(tc, a_count_that_stays_wrong_is_accepted);
	tcase_add_test(tc, a_gap_that_cannot_be_filled_is_asked_for_once);
	tcase_add_test(tc, the_same_gap_is_never_the_same_request_within_a_minute);
	tcase_add_test(tc, a_listing_without_an_end_is_ended);
	tcase_add_test(tc, a_failure_on_the_way_fails_the_call);
	tcase_add_test(tc, many_posts_are_asked_for_in_vectors_of_100);
	tcase_add_test(tc, odd_items_survive);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(api_complete_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
