/* What answers mean. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "errmap.h"

#define ERROR(id, name, message) \
	"{\"error_id\":" #id ",\"error_name\":\"" name "\",\"error_message\":\"" message "\"}"

struct answer_case {
	int status;
	const char *body;
	enum outcome_kind kind;
	int err;
	int64_t wait_s;
	const char *says; /* part of the sentence */
	bool is_html;
	bool was_limited;
	int64_t retry_after_s;
};

static void try_case(const struct answer_case *c)
{
	struct http_response resp = { .result = NET_OK,
				      .status = c->status,
				      .is_html = c->is_html,
				      .retry_after_s = c->retry_after_s ? c->retry_after_s : -1,
				      .location = "evil.example" };
	struct outcome o;

	strbuf_adds(&resp.body, c->body);
	outcome_read(&o, &resp, "/questions", true, c->was_limited);
	ck_assert_msg(o.kind == c->kind, "%d %s: kind %d", c->status, c->body, o.kind);
	ck_assert_msg(o.failure.err == c->err, "%d %s: err %d", c->status, c->body, o.failure.err);
	if (c->says)
		ck_assert_msg(strstr(o.failure.text, c->says) != NULL, "%s: %s", c->body,
			      o.failure.text);
	if (c->kind == OUTCOME_THROTTLED || c->kind == OUTCOME_QUOTA)
		ck_assert_int_eq(o.wait_s, c->wait_s);
	envelope_release(&o.env);
	strbuf_release(&resp.body);
}

START_TEST(every_answer_has_its_meaning)
{
	static const struct answer_case cases[] = {
		{ 200, "{\"items\":[]}", OUTCOME_OK, 0 },
		/* The service's errors, whatever the status. */
		{ 400, ERROR(400, "bad_parameter", "ids"), OUTCOME_REFUSED, -EIO, .says = "ids" },
		{ 400, ERROR(400, "bad_parameter", "Invalid filter specified"), OUTCOME_FILTER,
		  -EIO },
		{ 400, ERROR(400, "bad_parameter", "`key` doesn't match a known application"),
		  OUTCOME_TOKEN, -EACCES, .says = "api-key" },
		{ 400, ERROR(401, "access_token_required", "token"), OUTCOME_TOKEN, -EACCES,
		  .says = "token-file" },
		{ 400, ERROR(402, "invalid_access_token", "bad"), OUTCOME_TOKEN, -EACCES,
		  .says = "refuses the access token" },
		{ 400, ERROR(402, "invalid_access_token", "The token has Expired"), OUTCOME_TOKEN,
		  -EACCES, .says = "has expired; make a new one" },
		{ 400, ERROR(403, "access_denied", "no"), OUTCOME_REFUSED, -EACCES,
		  .says = "plan" },
		{ 400, ERROR(404, "no_method", "x"), OUTCOME_REFUSED, -EIO, .says = "/questions" },
		{ 400, ERROR(405, "key_required", "x"), OUTCOME_TOKEN, -EACCES, .says = "api-key" },
		{ 400, ERROR(406, "access_token_compromised", "x"), OUTCOME_TOKEN, -EACCES,
		  .says = "dead" },
		{ 400, ERROR(500, "internal_error", "x"), OUTCOME_BROKEN, -EIO },
		{ 200, ERROR(500, "internal_error", "x"), OUTCOME_BROKEN, -EIO },
		{ 503, ERROR(503, "temporarily_unavailable", "x"), OUTCOME_BROKEN, -EIO },
		{ 400, ERROR(1234, "new", "x"), OUTCOME_REFUSED, -EIO },
		/* Pauses. */
		{ 400, ERROR(502, "throttle_violation", "Violation of backoff parameter"),
		  OUTCOME_THROTTLED, -EBUSY, -1 },
		{ 400,
		  ERROR(502, "throttle_violation",
			"too many requests from this IP, more requests available in 27 seconds"),
		  OUTCOME_THROTTLED, -EBUSY, 27 },
		{ 400,
		  ERROR(502, "throttle_violation",
			"too many requests from this IP, more requests available in 17524 seconds"),
		  OUTCOME_QUOTA, -EDQUOT, 17524 },
		{ 400, "{\"error_id\":502,\"error_message\":\"x\",\"quota_remaining\":0}",
		  OUTCOME_QUOTA, -EDQUOT, -1 },
		{ 429, "<html>", OUTCOME_THROTTLED, -EBUSY, 7, .retry_after_s = 7 },
		{ 429, "{}", OUTCOME_THROTTLED, -EBUSY, -1 },
		{ 503, "<html>", OUTCOME_THROTTLED, -EBUSY, -1, .was_limited = true },
		{ 503, "<html>", OUTCOME_THROTTLED, -EBUSY, 9, .retry_after_s = 9 },
		/* Not the service. */
		{ 503, "<html>", OUTCOME_BROKEN, -EIO, .says = "web page" },
		{ 500, "", OUTCOME_BROKEN, -EIO, .says = "empty" },
		{ 502, "{}", OUTCOME_BROKEN, -EIO },
		{ 200, "<html>", OUTCOME_BROKEN, -EIO, .says = "login" },
		{ 200, "{\"items\":[", OUTCOME_BROKEN, -EIO, .says = "ends" },
		{ 200, "{}", OUTCOME_BROKEN, -EIO, .says = "items" },
		{ 403, "<html>", OUTCOME_BROKEN, -EIO },
		{ 404, "<html>", OUTCOME_REFUSED, -EIO, .says = "api-url" },
		{ 302, "", OUTCOME_REFUSED, -EIO, .says = "evil.example" },
		{ 301, "<html>", OUTCOME_REFUSED, -EIO, .says = "evil.example" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		try_case(&cases[i]);
}
END_TEST

START_TEST(every_failure_of_the_network_has_its_meaning)
{
	static const struct {
		enum net_result result;
		enum outcome_kind kind;
		int err;
	} cases[] = {
		{ NET_UNREACHABLE, OUTCOME_NOBODY, -EHOSTUNREACH },
		{ NET_TLS, OUTCOME_NOBODY, -EHOSTUNREACH },
		{ NET_BAD_CERT, OUTCOME_NOBODY, -EHOSTUNREACH },
		{ NET_TIMED_OUT, OUTCOME_STALLED, -ETIMEDOUT },
		{ NET_BROKEN, OUTCOME_BROKEN, -EIO },
		{ NET_TOO_BIG, OUTCOME_REFUSED, -EIO },
		{ NET_CANCELLED, OUTCOME_CANCELLED, -ECANCELED },
		{ NET_NO_MEMORY, OUTCOME_REFUSED, -ENOMEM },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct http_response resp = { .result = cases[i].result, .text = "why" };
		struct outcome o;

		outcome_read(&o, &resp, "/tags", true, false);
		ck_assert_int_eq(o.kind, cases[i].kind);
		ck_assert_int_eq(o.failure.err, cases[i].err);
		if (cases[i].result == NET_BAD_CERT)
			ck_assert_ptr_nonnull(strstr(o.failure.text, "ca-file"));
	}
}
END_TEST

static Suite *api_errmap_suite(void)
{
	Suite *s = suite_create("api_errmap");
	TCase *tc = tcase_create("api_errmap");

	tcase_add_test(tc, every_answer_has_its_meaning);
	tcase_add_test(tc, every_failure_of_the_network_has_its_meaning);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(api_errmap_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
