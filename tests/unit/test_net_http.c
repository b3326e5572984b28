/* Where requests may go, and how text becomes part of a URL. */
#include <check.h>
#include <stdlib.h>

#include <sofs/net.h>

START_TEST(plain_http_goes_to_loopback_only)
{
	static const struct {
		const char *url;
		bool is_allowed;
	} cases[] = {
		{ "https://api.stackoverflowteams.com", true },
		{ "HTTPS://host", true },
		{ "http://localhost:8080", true },
		{ "http://LOCALHOST", true },
		{ "http://127.0.0.1:1/x", true },
		{ "http://127.9.9.9", true },
		{ "http://[::1]:80", true },
		{ "http://example.com", false },
		{ "http://localhost.example.com", false },
		{ "http://127.0.0.1.example.com", false },
		{ "http://127.", false },
		{ "http://128.0.0.1", false },
		{ "http://[::2]", false },
		{ "http://user@localhost", false },
		{ "http://localhost@example.com", false },
		{ "https://user:pw@example.com", false },
		{ "https://example.com/a@b", true },
		{ "ftp://localhost", false },
		{ "file:///etc/passwd", false },
		{ "localhost", false },
		{ "https://", false },
		{ "https:///x", false },
		{ "https://ho st", false },
		{ "https://host\r\nX: y", false },
		{ "", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_msg(net_url_is_allowed(cases[i].url) == cases[i].is_allowed, "%s",
			      cases[i].url);
}
END_TEST

START_TEST(everything_but_the_plainest_is_escaped)
{
	struct strbuf sb = STRBUF_INIT;

	net_add_escaped(&sb, "aZ09-._~c#c++!*Mg4P(;&=?/%\xc3\xa9 ");
	ck_assert_str_eq(strbuf_str(&sb),
			 "aZ09-._~c%23c%2B%2B%21%2AMg4P%28%3B%26%3D%3F%2F%25%C3%A9%20");
	strbuf_release(&sb);
}
END_TEST

static Suite *net_http_suite(void)
{
	Suite *s = suite_create("net_http");
	TCase *tc = tcase_create("net_http");

	tcase_add_test(tc, plain_http_goes_to_loopback_only);
	tcase_add_test(tc, everything_but_the_plainest_is_escaped);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(net_http_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
