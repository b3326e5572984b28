/* The queue: order, retries, pauses, a server that is down, deadlines, the end. */
#include "test_api_fake.h"

#define ITEMS(s) \
	"{\"items\":[" s "],\"has_more\":false,\"quota_max\":10000,\"quota_remaining\":9000}"
#define THROTTLE_ERROR(message) \
	"{\"error_id\":502,\"error_name\":\"throttle_violation\",\"error_message\":\"" message "\"}"

static struct api *api;

/* Static in every test: teardown() ends calls that are still open. */
struct result {
	int nr_calls, err;
	size_t nr_items;
	char text[240];
};

static void note(void *userdata, const struct failure *failure, const struct api_page *page)
{
	struct result *r = userdata;

	r->nr_calls++;
	r->err = failure ? failure->err : 0;
	r->nr_items = page ? page->nr_items : 0;
	if (failure)
		memcpy(r->text, failure->text, sizeof(r->text));
}

static void setup(void)
{
	clock_fake(1000000, 1700000000);
	api = fake_api((struct api_config){ .timeout_s = 10 });
	snprintf(api->filter.id, sizeof(api->filter.id), "!known");
}

static void teardown(void)
{
	api_free(api);
	clock_real();
}

static uint64_t get_page(struct result *r, enum api_route route, unsigned page, unsigned budget_ms)
{
	struct api_query q = { API_QUERY_INIT, .route = route, .page = page,
			       .budget_ms = budget_ms };
	uint64_t call;

	*r = (struct result){ 0 };
	ck_assert_int_eq(api_get(api, &q, note, r, &call), 0);
	ck_assert_uint_ne(call, 0);
	return call;
}

static void pass(uint64_t ms)
{
	clock_fake_advance(ms);
	client_tick(api);
}

START_TEST(a_call_is_sent_and_answered)
{
	static struct result r;
	struct api_status st;

	get_page(&r, API_QUESTIONS, 2, 0);
	client_tick(api);
	ck_assert_uint_eq(fake.nr_sent, 1);
	ck_assert_str_eq(
		fake.sent[0].url,
		"https://api.example/2.3/questions?page=2&pagesize=100&team=acme&filter=%21known");
	ck_assert_str_eq(fake.sent[0].headers, "X-API-Access-Token: secret-token\n");
	fake_answer(0, 200, ITEMS("{\"question_id\":1}"));
	ck_assert_int_eq(r.nr_calls, 1);
	ck_assert_int_eq(r.err, 0);
	ck_assert_uint_eq(r.nr_items, 1);
	api_get_status(api, &st);
	ck_assert_int_eq(st.quota_remaining, 9000);
	ck_assert_uint_eq(st.nr_requests, 1);
	ck_assert_int_eq(st.last_success_s, 1700000000);
}
END_TEST

START_TEST(concurrency_is_kept_and_users_go_first)
{
	struct api_query background = { API_QUERY_INIT, .route = API_TAGS,
					.priority = API_PRIO_BACKGROUND };
	static struct result r[8];

	for (int i = 0; i < 6; i++) {
		r[i] = (struct result){ 0 };
		ck_assert_int_eq(api_get(api, &background, note, &r[i], NULL), 0);
	}
	client_tick(api);
	ck_assert_uint_eq(fake.nr_sent, 3); /* one place is left for users */
	get_page(&r[6], API_QUESTIONS, 1, 0);
	get_page(&r[7], API_QUESTIONS, 2, 0);
	client_tick(api);
	ck_assert_uint_eq(fake.nr_sent, 4);
	ck_assert_ptr_nonnull(strstr(fake.sent[3].url, "/questions?page=1&"));
	fake_answer(0, 200, ITEMS(""));
	client_tick(api);
	ck_assert_uint_eq(fake.nr_sent, 5);
	ck_assert_ptr_nonnull(strstr(fake.sent[4].url, "/questions?page=2&"));
}
END_TEST

START_TEST(broken_answers_are_tried_three_times)
{
	static const struct {
		int status;
		const char *body;
	} cases[] = {
		{ 500, "<html>" },
		{ 200, "{\"items\":[{" },
		{ 200, "<html>login" },
		{ 503, "{\"error_id\":503}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned first = fake.nr_sent;
		struct result r;

		get_page(&r, API_QUESTIONS, 1, 0);
		client_tick(api);
		for (unsigned k = 0; k < RETRY_MAX_TRIES; k++) {
			ck_assert_uint_eq(fake.nr_sent, first + k + 1);
			ck_assert_int_eq(r.nr_calls, 0);
			fake_answer(first + k, cases[i].status, cases[i].body);
			client_tick(api); /* not at once */
			ck_assert_uint_eq(fake.nr_sent, first + k + 1);
			pass(1100);
		}
		ck_assert_int_eq(r.nr_calls, 1);
		ck_assert_int_eq(r.err, -EIO);
	}
}
END_TEST

START_TEST(a_second_try_may_succeed_and_uses_a_new_connection)
{
	static struct result r;

	get_page(&r, API_QUESTIONS, 1, 0);
	client_tick(api);
	ck_assert(!fake.sent[0].wants_new_connection);
	fake_fail(0, NET_BROKEN);
	pass(1000);
	ck_assert_uint_eq(fake.nr_sent, 2);
	ck_assert(fake.sent[1].wants_new_connection);
	fake_answer(1, 200, ITEMS("{\"question_id\":1}"));
	ck_assert_int_eq(r.err, 0);
	ck_assert_int_eq(r.nr_calls, 1);
}
END_TEST

START_TEST(nobody_there_means_down_and_calls_fail_at_once)
{
	static struct result r, more[3];
	struct api_status st;
	struct failure f;

	get_page(&r, API_QUESTIONS, 1, 0);
	client_tick(api);
	for (unsigned k = 0; k < RETRY_MAX_TRIES; k++) {
		ck_assert_uint_eq(fake.nr_sent, k + 1);
		fake_fail(k, NET_UNREACHABLE);
		pass(700);
	}
	ck_assert_int_eq(r.err, -EHOSTUNREACH);
	api_get_status(api, &st);
	ck_assert_int_ne(st.down_since_s, 0);
	ck_assert_int_eq(api_obstacle(api, API_TAGS, &f), -EHOSTUNREACH);
	for (int i = 0; i < 3; i++)
		get_page(&more[i], API_TAGS, (unsigned)i + 1, 0);
	client_tick(api);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(more[i].err, -EHOSTUNREACH);
	ck_assert_uint_eq(fake.nr_sent, 3);
	/* Then one of them goes as a probe, and fails without retries; the interval grows. */
	clock_fake_advance(1000);
	for (int i = 0; i < 2; i++)
		get_page(&more[i], API_TAGS, (unsigned)i + 1, 0);
	client_tick(api);
	client_tick(api);
	ck_assert_uint_eq(fake.nr_sent, 4);
	ck_assert_int_eq(more[1].err, -EHOSTUNREACH);
	fake_fail(3, NET_UNREACHABLE);
	ck_assert_int_eq(more[0].err, -EHOSTUNREACH);
	clock_fake_advance(1500);
	get_page(&r, API_TAGS, 1, 0);
	client_tick(api);
	ck_assert_int_eq(r.err, -EHOSTUNREACH);
	/* A probe that succeeds ends it. */
	clock_fake_advance(600);
	get_page(&r, API_TAGS, 1, 0);
	client_tick(api);
	fake_answer(4, 200, ITEMS(""));
	ck_assert_int_eq(r.err, 0);
	ck_assert_int_eq(api_obstacle(api, API_TAGS, &f), 0);
}
END_TEST

START_TEST(a_bad_certificate_is_not_tried_again)
{
	static struct result r;

	get_page(&r, API_QUESTIONS, 1, 0);
	client_tick(api);
	fake_fail(0, NET_BAD_CERT);
	ck_assert_int_eq(r.err, -EHOSTUNREACH);
}
END_TEST

START_TEST(the_deadline_ends_what_is_on_the_wire)
{
	static struct result r, other;

	get_page(&r, API_QUESTIONS, 1, 0);
	client_tick(api);
	pass(9999);
	ck_assert_int_eq(r.nr_calls, 0);
	pass(1);
	ck_assert_int_eq(r.err, -ETIMEDOUT);
	ck_assert_uint_eq(fake.nr_aborted, 1);
	/* Nobody answered meanwhile: down. */
	get_page(&other, API_QUESTIONS, 1, 0);
	client_tick(api);
	ck_assert_int_eq(other.err, -EHOSTUNREACH);
}
END_TEST

START_TEST(a_short_budget_says_nothing_about_the_server)
{
	static struct result r, other;

	get_page(&r, API_QUESTIONS, 1, 300);
	client_tick(api);
	pass(300);
	ck_assert_int_eq(r.err, -ETIMEDOUT);
	get_page(&other, API_QUESTIONS, 1, 0);
	client_tick(api);
	ck_assert_int_eq(other.nr_calls, 0);
}
END_TEST

START_TEST(a_stall_while_others_succeed_is_not_down)
{
	static struct result r, other;

	get_page(&r, API_QUESTIONS, 1, 0);
	get_page(&other, API_TAGS, 1, 0);
	client_tick(api);
	clock_fake_advance(5000);
	fake_answer(1, 200, ITEMS(""));
	pass(5000);
	ck_assert_int_eq(r.err, -ETIMEDOUT);
	get_page(&other, API_TAGS, 1, 0);
	client_tick(api);
	ck_assert_int_eq(other.nr_calls, 0);
}
END_TEST

START_TEST(a_backoff_holds_its_method_and_fails_what_cannot_wait)
{
	static struct result r, other, late;
	struct failure f;

	get_page(&r, API_QUESTIONS, 1, 0);
	client_tick(api);
	fake_answer(0, 200, "{\"items\":[],\"backoff\":3}");
	ck_assert_int_eq(api_obstacle(api, API_QUESTIONS, &f), -EBUSY);
	ck_assert_int_eq(api_obstacle(api, API_TAGS, &f), 0);
	get_page(&r, API_QUESTIONS, 2, 1000);
	get_page(&late, API_QUESTIONS, 3, 0);
	get_page(&other, API_TAGS, 1, 0);
	client_tick(api);
	ck_assert_int_eq(r.err, -EBUSY);
	ck_assert_uint_eq(fake.nr_sent, 2);
	ck_assert_ptr_nonnull(strstr(fake.sent[1].url, "/tags?"));
	pass(4999);
	ck_assert_uint_eq(fake.nr_sent, 2);
	pass(1);
	ck_assert_uint_eq(fake.nr_sent, 3);
	ck_assert_int_eq(late.nr_calls, 0);
}
END_TEST

START_TEST(a_ban_is_waited_out_if_the_budget_allows)
{
	static struct result r, other;

	get_page(&r, API_QUESTIONS, 1, 60000);
	client_tick(api);
	fake_answer(0, 400, THROTTLE_ERROR("more requests available in 20 seconds"));
	ck_assert_int_eq(r.nr_calls, 0);
	get_page(&other, API_TAGS, 1, 0);
	client_tick(api);
	ck_assert_int_eq(other.err, -EBUSY);
	pass(21999);
	ck_assert_uint_eq(fake.nr_sent, 1);
	pass(1);
	ck_assert_uint_eq(fake.nr_sent, 2);
	fake_answer(1, 200, ITEMS(""));
	ck_assert_int_eq(r.err, 0);
	ck_assert_int_eq(r.nr_calls, 1);
}
END_TEST

START_TEST(a_spent_quota_fails_calls_until_a_probe)
{
	static struct result r;
	struct failure f;

	get_page(&r, API_QUESTIONS, 1, 0);
	client_tick(api);
	fake_answer(0, 200, "{\"items\":[],\"quota_max\":300,\"quota_remaining\":0}");
	ck_assert_int_eq(r.err, 0);
	ck_assert_int_eq(api_obstacle(api, API_TAGS, &f), -EDQUOT);
	get_page(&r, API_TAGS, 1, 0);
	client_tick(api);
	ck_assert_int_eq(r.err, -EDQUOT);
	clock_fake_advance(301000);
	get_page(&r, API_TAGS, 1, 0);
	client_tick(api);
	ck_assert_uint_eq(fake.nr_sent, 2);
	fake_answer(1, 429, "<html>");
	ck_assert_int_eq(r.err, -EDQUOT); /* it does not say why, but we know */
}
END_TEST

START_TEST(a_refused_token_fails_later_calls_too)
{
	static struct result r;
	struct failure f;

	get_page(&r, API_QUESTIONS, 1, 0);
	client_tick(api);
	fake_answer(0, 400,
		    "{\"error_id\":402,\"error_name\":\"invalid_access_token\","
		    "\"error_message\":\"has expired\"}");
	ck_assert_int_eq(r.err, -EACCES);
	ck_assert_ptr_nonnull(strstr(r.text, "expired"));
	ck_assert_ptr_null(strstr(r.text, "secret"));
	ck_assert_int_eq(api_obstacle(api, API_TAGS, &f), -EACCES);
	get_page(&r, API_TAGS, 1, 0);
	client_tick(api);
	ck_assert_int_eq(r.err, -EACCES);
	ck_assert_uint_eq(fake.nr_sent, 1);
	clock_fake_advance(300000);
	get_page(&r, API_TAGS, 1, 0);
	client_tick(api);
	ck_assert_uint_eq(fake.nr_sent, 2);
	fake_answer(1, 200, ITEMS(""));
	ck_assert_int_eq(api_obstacle(api, API_TAGS, &f), 0);
}
END_TEST

START_TEST(an_unknown_filter_is_made_anew_once)
{
	static struct result r;

	get_page(&r, API_QUESTIONS, 1, 0);
	client_tick(api);
	fake_answer(0, 400,
		    "{\"error_id\":400,\"error_name\":\"bad_parameter\","
		    "\"error_message\":\"invalid filter\"}");
	ck_assert_int_eq(r.nr_calls, 0);
	client_tick(api);
	client_tick(api);
	ck_assert_uint_eq(fake.nr_sent, 2);
	ck_assert_str_eq(fake.sent[1].url, "https://api.example/2.3/filters/create");
	ck_assert_str_eq(fake.sent[1].headers, "");
	ck_assert_ptr_nonnull(strstr(fake.sent[1].form, "question.body_markdown"));
	fake_answer(1, 200,
		    ITEMS("{\"filter\":\"!new;\",\"filter_type\":\"unsafe\",\"included_fields\":"
			  "[\"question.body_markdown\"]}"));
	client_tick(api);
	ck_assert_uint_eq(fake.nr_sent, 3);
	ck_assert_ptr_nonnull(strstr(fake.sent[2].url, "filter=%21new%3B"));
	fake_answer(2, 400, "{\"error_id\":400,\"error_message\":\"invalid filter\"}");
	ck_assert_int_eq(r.err, -EIO);
	ck_assert_int_eq(r.nr_calls, 1);
}
END_TEST

START_TEST(a_filter_that_cannot_be_made_fails_who_waits_for_it)
{
	struct api_query total = { API_QUERY_INIT, .route = API_QUESTIONS, .is_total_only = true };
	static struct result r, other, t;

	api->filter.id[0] = '\0';
	get_page(&r, API_QUESTIONS, 1, 0);
	get_page(&other, API_TAGS, 1, 0);
	ck_assert_int_eq(api_get(api, &total, note, &t, NULL), 0);
	client_tick(api);
	client_tick(api);
	ck_assert_uint_eq(fake.nr_sent, 2);
	ck_assert_ptr_nonnull(strstr(fake.sent[0].url, "filter=total"));
	fake_answer(0, 200, "{\"total\":7}");
	ck_assert_int_eq(t.err, 0);
	ck_assert_int_eq(t.nr_calls, 1);
	/* Without token and team; refused; then with both. */
	fake_answer(1, 400, "{\"error_id\":401,\"error_message\":\"token\"}");
	client_tick(api);
	ck_assert_uint_eq(fake.nr_sent, 3);
	ck_assert_str_eq(fake.sent[2].url, "https://api.example/2.3/filters/create?team=acme");
	ck_assert_str_eq(fake.sent[2].headers, "X-API-Access-Token: secret-token\n");
	fake_answer(2, 400, "{\"error_id\":404,\"error_message\":\"no\"}");
	ck_assert_int_eq(r.err, -EIO);
	ck_assert_int_eq(other.err, -EIO);
}
END_TEST

START_TEST(the_rate_is_kept_over_many_calls)
{
	static struct result r[60];
	uint64_t sent_ms[60];
	unsigned nr = 0;

	for (unsigned i = 0; i < 60; i++)
		get_page(&r[i], API_QUESTIONS, i + 1, 60000);
	while (nr < 60) {
		uint64_t next_ms = client_tick(api);

		for (; nr < fake.nr_sent; nr++) {
			sent_ms[nr] = clock_mono_ms();
			fake_answer(nr, 200, ITEMS(""));
			next_ms = 0;
		}
		if (next_ms > clock_mono_ms())
			clock_fake_advance(next_ms - clock_mono_ms());
	}
	for (unsigned i = 20; i < 60; i++)
		ck_assert_uint_ge(sent_ms[i] - sent_ms[i - 20], THROTTLE_WINDOW_MS);
	ck_assert_uint_eq(sent_ms[59] - sent_ms[0], 2 * THROTTLE_WINDOW_MS);
}
END_TEST

START_TEST(a_queued_call_can_be_cancelled_one_on_the_wire_cannot)
{
	static struct result r;
	uint64_t call = get_page(&r, API_QUESTIONS, 1, 0);

	ck_assert(api_cancel(api, call));
	ck_assert(!api_cancel(api, call));
	client_tick(api);
	ck_assert_uint_eq(fake.nr_sent, 0);
	ck_assert_int_eq(r.nr_calls, 0);
	call = get_page(&r, API_QUESTIONS, 1, 0);
	client_tick(api);
	ck_assert(!api_cancel(api, call));
	fake_answer(0, 200, ITEMS(""));
	ck_assert_int_eq(r.nr_calls, 1);
}
END_TEST

static void start_another(void *userdata, const struct failure *failure,
			  const struct api_page *page)
{
	struct api_query q = { API_QUERY_INIT, .route = API_TAGS };
	struct result *r = userdata;

	note(r, failure, page);
	r->nr_items = (size_t)-api_get(api, &q, note, r, NULL);
}

START_TEST(freeing_ends_every_call_once)
{
	struct api_query q = { API_QUERY_INIT, .route = API_QUESTIONS };
	static struct result r[8];

	for (int i = 0; i < 7; i++)
		get_page(&r[i], API_QUESTIONS, (unsigned)i + 1, 0);
	r[7] = (struct result){ 0 };
	ck_assert_int_eq(api_get(api, &q, start_another, &r[7], NULL), 0);
	client_tick(api);
	ck_assert_uint_eq(fake.nr_sent, 4);
	api_free(api);
	for (int i = 0; i < 8; i++) {
		ck_assert_int_eq(r[i].nr_calls, 1);
		ck_assert_int_eq(r[i].err, -ECANCELED);
	}
	ck_assert_uint_eq(r[7].nr_items, ECANCELED); /* none can be started any more */
	setup();
}
END_TEST

START_TEST(a_callback_may_start_a_call)
{
	struct api_query q = { API_QUERY_INIT, .route = API_QUESTIONS };
	static struct result r;

	ck_assert_int_eq(api_get(api, &q, start_another, &r, NULL), 0);
	client_tick(api);
	fake_answer(0, 200, ITEMS(""));
	client_tick(api);
	fake_answer(1, 200, ITEMS(""));
	ck_assert_int_eq(r.nr_calls, 2);
	ck_assert_int_eq(r.err, 0);
}
END_TEST

static Suite *api_client_suite(void)
{
	Suite *s = suite_create("api_client");
	TCase *tc = tcase_create("api_client");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_call_is_sent_and_answered);
	tcase_add_test(tc, concurrency_is_kept_and_users_go_first);
	tcase_add_test(tc, broken_answers_are_tried_three_times);
	tcase_add_test(tc, a_second_try_may_succeed_and_uses_a_new_connection);
	tcase_add_test(tc, nobody_there_means_down_and_calls_fail_at_once);
	tcase_add_test(tc, a_bad_certificate_is_not_tried_again);
	tcase_add_test(tc, the_deadline_ends_what_is_on_the_wire);
	tcase_add_test(tc, a_short_budget_says_nothing_about_the_server);
	tcase_add_test(tc, a_stall_while_others_succeed_is_not_down);
	tcase_add_test(tc, a_backoff_holds_its_method_and_fails_what_cannot_wait);
	tcase_add_test(tc, a_ban_is_waited_out_if_the_budget_allows);
	tcase_add_test(tc, a_spent_quota_fails_calls_until_a_probe);
	tcase_add_test(tc, a_refused_token_fails_later_calls_too);
	tcase_add_test(tc, an_unknown_filter_is_made_anew_once);
	tcase_add_test(tc, a_filter_that_cannot_be_made_fails_who_waits_for_it);
	tcase_add_test(tc, the_rate_is_kept_over_many_calls);
	tcase_add_test(tc, a_queued_call_can_be_cancelled_one_on_the_wire_cannot);
	tcase_add_test(tc, freeing_ends_every_call_once);
	tcase_add_test(tc, a_callback_may_start_a_call);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(api_client_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
