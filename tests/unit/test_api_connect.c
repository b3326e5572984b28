/* Finding the style, and saying in words why it does not work. */
#include "test_api_fake.h"

#define ME     "{\"items\":[{\"user_id\":42,\"display_name\":\"Ada &amp; Co\"}]}"
#define FILTER "{\"items\":[{\"filter\":\"!f\",\"filter_type\":\"unsafe\"}]}"
#define ERROR(id, message) \
	"{\"error_id\":" #id ",\"error_name\":\"n\",\"error_message\":\"" message "\"}"

static char facts_file[] = "/tmp/sofs-test-facts-XXXXXX";

static void setup(void)
{
	int fd = mkstemp(facts_file);

	ck_assert_int_ge(fd, 0);
	close(fd);
}

static void teardown(void)
{
	unlink(facts_file);
	memset(facts_file + strlen(facts_file) - 6, 'X', 6);
}

/* Answers as a server that knows the URLs beginning with `known` only. */
static const char *known, *refusal;
static int refusal_status;

static const char *script(const struct fake_request *r, int *status)
{
	if (strncmp(r->url, known, strlen(known)) != 0) {
		*status = 404;
		return "<html>not found";
	}
	if (refusal) {
		*status = refusal_status;
		return refusal;
	}
	return strstr(r->url, "/filters/create") ? FILTER : ME;
}

static int try(struct api_config c, struct api_identity *id, struct failure *f)
{
	struct api *api;
	int r;

	fake.script = script;
	refusal_status = 400;
	api = fake_api(c);
	r = api_connect(api, id, f);
	api_free(api);
	return r;
}

START_TEST(the_style_is_found_and_remembered)
{
	static const struct {
		enum api_flavour flavour;
		enum api_style style;
		const char *known;
		unsigned nr_requests, nr_again;
		int64_t user_id;
	} cases[] = {
		{ API_TEAM, API_STYLE_QUERY, "https://api.example/2.3/", 2, 1, 42 },
		{ API_TEAM, API_STYLE_PATH, "https://api.example/v2.3/teams/acme/", 3, 1, 42 },
		{ API_ENTERPRISE, API_STYLE_QUERY, "https://api.example/api/2.3/", 2, 1, 0 },
		{ API_ENTERPRISE, API_STYLE_QUERY, "https://api.example/2.3/", 3, 1, 0 },
		{ API_PUBLIC, API_STYLE_QUERY, "https://api.example/2.3/", 2, 1, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct api_config c = { .flavour = cases[i].flavour,
					.facts_file = facts_file,
					.site = "beer",
					.key = "k" };
		struct api_identity id;
		struct failure f;

		teardown();
		setup();
		known = cases[i].known;
		refusal = NULL;
		ck_assert_msg(try(c, &id, &f) == 0, "%zu: %s", i, f.text);
		ck_assert_uint_eq(fake.nr_sent, cases[i].nr_requests);
		ck_assert_int_eq(id.style, cases[i].style);
		ck_assert_int_eq(id.user_id, cases[i].user_id);
		ck_assert_str_eq(id.user_name, cases[i].user_id ? "Ada & Co" : "");
		ck_assert(strncmp(id.api_prefix, known, strlen(known) - 1) == 0);
		ck_assert_int_eq(try(c, &id, &f), 0);
		ck_assert_uint_eq(fake.nr_sent, cases[i].nr_again);
	}
}
END_TEST

START_TEST(a_server_that_changed_its_style_is_found_again)
{
	struct api_config c = { .facts_file = facts_file };
	struct api_identity id;
	struct failure f;

	refusal = NULL;
	known = "https://api.example/2.3/";
	ck_assert_int_eq(try(c, &id, &f), 0);
	known = "https://api.example/v2.3/";
	ck_assert_int_eq(try(c, &id, &f), 0);
	ck_assert_int_eq(id.style, API_STYLE_PATH);
}
END_TEST

START_TEST(credentials_go_where_they_belong)
{
	struct api_identity id;
	struct failure f;

	refusal = NULL;
	known = "https://api.example/v2.3/";
	ck_assert_int_eq(try((struct api_config){ .style = API_STYLE_PATH }, &id, &f), 0);
	ck_assert_str_eq(fake.sent[0].url, "https://api.example/v2.3/teams/acme/me");
	ck_assert_str_eq(fake.sent[0].headers, "Authorization: Bearer secret-token\n");
	known = "https://api.example/";
	ck_assert_int_eq(
		try((struct api_config){ .flavour = API_ENTERPRISE, .key = "k", .token = "t" }, &id,
		    &f),
		0);
	ck_assert_str_eq(fake.sent[0].url, "https://api.example/api/2.3/me");
	ck_assert_str_eq(fake.sent[0].headers, "X-API-Key: k\nX-API-Access-Token: t\n");
	ck_assert_int_eq(try((struct api_config){ .flavour = API_PUBLIC,
						  .site = "unix.stackexchange.com",
						  .key = "k&",
						  .token = "never" },
			     &id, &f),
			 0);
	ck_assert_str_eq(
		fake.sent[0].url,
		"https://api.example/2.3/tags?pagesize=1&site=unix.stackexchange.com&key=k%26");
	ck_assert_str_eq(fake.sent[0].headers, "");
}
END_TEST

START_TEST(failures_say_what_to_do)
{
	static const struct {
		const char *refusal;
		int status, err;
		const char *says;
		unsigned nr_requests;
	} cases[] = {
		{ ERROR(402, "it has expired"), 400, -EACCES, "has expired; make a new one", 1 },
		{ ERROR(402, "invalid"), 400, -EACCES, "refuses the access token", 1 },
		{ ERROR(403, "other team"), 400, -EACCES, "of another team", 1 },
		{ ERROR(401, "no token"), 400, -EACCES, "api-style", 2 },
		{ ERROR(400, "No team found"), 400, -EACCES, "does not know the team 'acme'", 2 },
		{ ERROR(404, "no_method"), 400, -EIO, "api-url", 2 },
		{ ERROR(502, "more requests available in 90 seconds"), 400, -EBUSY, "pause", 1 },
		{ "<html>", 404, -EIO, "api-url", 2 },
		{ "", 302, -EIO, "redirects", 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct api_identity id;
		struct failure f = { 0 };
		struct api *api;

		known = "https://api.example/";
		refusal = cases[i].refusal;
		refusal_status = cases[i].status;
		fake.script = script;
		api = fake_api((struct api_config){ 0 });
		ck_assert_int_ne(api_connect(api, &id, &f), 0);
		api_free(api);
		ck_assert_msg(f.err == cases[i].err, "%s: %d", cases[i].refusal, f.err);
		ck_assert_msg(strstr(f.text, cases[i].says) != NULL, "%s: %s", cases[i].refusal,
			      f.text);
		ck_assert_ptr_null(strstr(f.text, "secret"));
		ck_assert_uint_eq(fake.nr_sent, cases[i].nr_requests);
	}
}
END_TEST

static const char *no_certificate(const struct fake_request *r, int *status)
{
	return NULL;
}

START_TEST(a_bad_certificate_is_named_after_one_request)
{
	struct api_identity id;
	struct failure f;
	struct api *api;

	fake.script = no_certificate;
	api = fake_api((struct api_config){ 0 });
	ck_assert_int_eq(api_connect(api, &id, &f), -EHOSTUNREACH);
	ck_assert_ptr_nonnull(strstr(f.text, "ca-file"));
	ck_assert_uint_eq(fake.nr_sent, 1);
	api_free(api);
}
END_TEST

START_TEST(without_a_token_a_team_is_not_even_asked)
{
	struct api_config c = { .base_url = "https://api.example", .team = "acme", .rate = 20 };
	struct api_identity id;
	struct failure f;
	struct api *api;

	fake.script = NULL;
	fake_api((struct api_config){ 0 });
	api_free(fake.api);
	ck_assert_int_eq(api_new_with(&c, &fake.t, &api), 0);
	fake.api = api;
	ck_assert_int_eq(api_connect(api, &id, &f), -EACCES);
	ck_assert_ptr_nonnull(strstr(f.text, "token-file"));
	ck_assert_uint_eq(fake.nr_sent, 0);
	api_free(api);
}
END_TEST

START_TEST(nonsense_is_refused_at_once)
{
	static const struct api_config cases[] = {
		{ .base_url = NULL, .team = "t" },
		{ .base_url = "http://example.com", .team = "t" },
		{ .base_url = "https://user:pw@example.com", .team = "t" },
		{ .base_url = "https://example.com?x=y", .team = "t" },
		{ .base_url = "https://example.com", .team = "" },
		{ .base_url = "https://example.com", .team = "t", .token = "a\r\nX-Evil: 1" },
		{ .base_url = "https://example.com", .team = "t", .key = "a b" },
		{ .base_url = "https://example.com", .flavour = API_PUBLIC },
		{ .base_url = "https://example.com", .team = "t", .rate = 31 },
	};

	fake.t.free = fake_free;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct api *api;

		ck_assert_int_eq(api_new_with(&cases[i], &fake.t, &api), -EINVAL);
	}
}
END_TEST

static Suite *api_connect_suite(void)
{
	Suite *s = suite_create("api_connect");
	TCase *tc = tcase_create("api_connect");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_style_is_found_and_remembered);
	tcase_add_test(tc, a_server_that_changed_its_style_is_found_again);
	tcase_add_test(tc, credentials_go_where_they_belong);
	tcase_add_test(tc, failures_say_what_to_do);
	tcase_add_test(tc, a_bad_certificate_is_named_after_one_request);
	tcase_add_test(tc, without_a_token_a_team_is_not_even_asked);
	tcase_add_test(tc, nonsense_is_refused_at_once);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(api_connect_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
