/* SOURCE and addresses: what is understood, and what is refused with which words. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "source.h"

START_TEST(sources_are_understood)
{
	static const struct {
		const char *text;
		enum api_flavour flavour;
		const char *canonical, *name, *label, *base_url;
	} cases[] = {
		{ "acme", API_TEAM, "team:acme", "acme", "sofs:acme",
		  "https://api.stackoverflowteams.com" },
		{ "team:acme-inc_2", API_TEAM, "team:acme-inc_2", "acme-inc_2", "sofs:acme-inc_2",
		  "https://api.stackoverflowteams.com" },
		{ "https://stackoverflowteams.com/c/acme", API_TEAM, "team:acme", "acme",
		  "sofs:acme", "https://api.stackoverflowteams.com" },
		{ "https://stackoverflowteams.com/c/acme/questions/42/how?tab=votes#a", API_TEAM,
		  "team:acme", "acme", "sofs:acme", "https://api.stackoverflowteams.com" },
		{ "https://stackoverflow.com/c/acme/", API_TEAM, "team:acme", "acme", "sofs:acme",
		  "https://api.stackoverflowteams.com" },
		{ "site:stackoverflow", API_PUBLIC, "site:stackoverflow", "site:stackoverflow",
		  "sofs:site:stackoverflow", "https://api.stackexchange.com" },
		{ "site:unix.stackexchange.com", API_PUBLIC, "site:unix.stackexchange.com",
		  "site:unix.stackexchange.com", "sofs:site:unix.stackexchange.com",
		  "https://api.stackexchange.com" },
		{ "https://so.example.com", API_ENTERPRISE, "https://so.example.com",
		  "so.example.com", "sofs:so.example.com", "https://so.example.com" },
		{ "https://so.example.com:8443/team//", API_ENTERPRISE,
		  "https://so.example.com:8443/team", "so.example.com:8443/team",
		  "sofs:so.example.com:8443/team", "https://so.example.com:8443/team" },
		{ "HTTPS://So.Example.com/Team", API_ENTERPRISE, "https://so.example.com/Team",
		  "so.example.com/Team", "sofs:so.example.com/Team",
		  "https://so.example.com/Team" },
		{ "http://127.0.0.1:8080", API_ENTERPRISE, "http://127.0.0.1:8080",
		  "127.0.0.1:8080", "sofs:127.0.0.1:8080", "http://127.0.0.1:8080" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(strbuf_release) struct strbuf err = STRBUF_INIT;
		struct source s;

		ck_assert_msg(source_parse(cases[i].text, &s, &err) == 0, "%s: %s", cases[i].text,
			      strbuf_str(&err));
		ck_assert_int_eq((int)s.flavour, (int)cases[i].flavour);
		ck_assert_str_eq(s.given, cases[i].text);
		ck_assert_str_eq(s.canonical, cases[i].canonical);
		ck_assert_str_eq(s.name, cases[i].name);
		ck_assert_str_eq(s.label, cases[i].label);
		ck_assert_str_eq(s.base_url, cases[i].base_url);
		source_release(&s);
	}
}
END_TEST

START_TEST(what_names_nothing_is_refused)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "", "empty" },
		{ "team:", "slug" },
		{ "-acme", "slug" },
		{ "ac me", "slug" },
		{ "acme/", "slug" },
		{ "acme\n", "slug" },
		{ "so.example.com", "https://" },
		{ "site:", "site" },
		{ "site:a..b", "site" },
		{ "site:.a", "site" },
		{ "site:a/b", "site" },
		{ "ftp://so.example.com", "https://" },
		{ "http://so.example.com", "https://" },
		{ "http://127.0.0.1.example.com", "https://" },
		{ "http://localhost.example.com", "https://" },
		{ "http://128.0.0.1", "https://" },
		{ "https://", "host" },
		{ "https://:443", "host" },
		{ "https://me@so.example.com", "user" },
		{ "https://so.example.com?x", "query" },
		{ "https://so.example.com/a b", "character" },
		{ "https://so.example.com:0", "port" },
		{ "https://so.example.com:65536", "port" },
		{ "https://so.example.com:8o", "port" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(strbuf_release) struct strbuf err = STRBUF_INIT;
		struct source s;

		ck_assert_msg(source_parse(cases[i].text, &s, &err) < 0, "%s", cases[i].text);
		ck_assert_msg(strstr(strbuf_str(&err), cases[i].says) != NULL, "%s: %s",
			      cases[i].text, strbuf_str(&err));
	}
}
END_TEST

START_TEST(plain_http_is_for_this_machine)
{
	static const char *const fine[] = { "http://localhost:1", "http://127.9.9.9/x",
					    "http://[::1]:8080", "https://10.0.0.1" };
	static const char *const refused[] = { "http://[::2]", "http://10.0.0.1",
					       "http://0x7f000001", "http://example.com" };

	for (size_t i = 0; i < ARRAY_SIZE(fine); i++) {
		_cleanup_(strbuf_release) struct strbuf err = STRBUF_INIT;
		_cleanup_free_ char *url = NULL;

		ck_assert_msg(url_check(fine[i], "u", &url, &err) == 0, "%s: %s", fine[i],
			      strbuf_str(&err));
	}
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		_cleanup_(strbuf_release) struct strbuf err = STRBUF_INIT;
		_cleanup_free_ char *url = NULL;

		ck_assert_msg(url_check(refused[i], "u", &url, &err) < 0, "%s", refused[i]);
	}
}
END_TEST

static Suite *cli_source_suite(void)
{
	Suite *s = suite_create("cli_source");
	TCase *tc = tcase_create("cli_source");

	tcase_add_test(tc, sources_are_understood);
	tcase_add_test(tc, what_names_nothing_is_refused);
	tcase_add_test(tc, plain_http_is_for_this_machine);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(cli_source_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
