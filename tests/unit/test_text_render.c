/* What a person sees in body.md, in answers and in comments.md. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/text.h>

START_TEST(line_ends_become_lf_and_the_last_line_is_ended)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "", "" },
		{ "one line", "one line\n" },
		{ "ended\n", "ended\n" },
		{ "a\r\nb\r\n", "a\nb\n" },
		{ "a\r\nb", "a\nb\n" },
		{ "a\rb\r", "a\nb\n" },
		{ "a\r\r\nb", "a\n\nb\n" },
		{ "a\n\rb", "a\n\nb\n" },
		{ "mixed\r\nand\nmore\r", "mixed\nand\nmore\n" },
		{ "\r\n", "\n" },
		{ "\n\n\n", "\n\n\n" },
		{ "trailing blanks stay  \r\n\t", "trailing blanks stay  \n\t\n" },
		{ "\xc3\xa9\r\n\xf0\x9f\x98\x80", "\xc3\xa9\n\xf0\x9f\x98\x80\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct strbuf sb = STRBUF_INIT;

		text_add_markdown(&sb, cases[i].in);
		ck_assert_str_eq(strbuf_str(&sb), cases[i].out);
		/* What was normalised once is not changed again. */
		strbuf_reset(&sb);
		text_add_markdown(&sb, cases[i].out);
		ck_assert_str_eq(strbuf_str(&sb), cases[i].out);
		strbuf_release(&sb);
	}
}
END_TEST

START_TEST(rendering_appends)
{
	struct answer a = { .markdown = (char[]){ "second\r\n" } };
	struct strbuf sb = STRBUF_INIT;

	strbuf_adds(&sb, "first\n");
	text_render_answer(&sb, &a);
	ck_assert_str_eq(strbuf_str(&sb), "first\nsecond\n");
	strbuf_release(&sb);
}
END_TEST

START_TEST(body_is_front_matter_an_empty_line_and_the_text)
{
	char *tags[] = { (char[]){ "security" }, (char[]){ "jwt" } };
	struct question q = {
		.title = (char[]){ "How do I rotate the signing keys?" },
		.markdown = (char[]){ "Every 90 days.\r\n\r\nBut how?" },
		.tags = tags,
		.nr_tags = ARRAY_SIZE(tags),
	};
	struct strbuf sb = STRBUF_INIT;

	text_render_body(&sb, &q);
	ck_assert_str_eq(strbuf_str(&sb), "---\n"
					  "title: \"How do I rotate the signing keys?\"\n"
					  "tags: [\"security\", \"jwt\"]\n"
					  "---\n"
					  "\n"
					  "Every 90 days.\n"
					  "\n"
					  "But how?\n");
	strbuf_release(&sb);
}
END_TEST

START_TEST(body_without_text_or_tags_ends_after_the_empty_line)
{
	struct question q = {
		.title = (char[]){ "" },
		.markdown = (char[]){ "" },
	};
	struct strbuf sb = STRBUF_INIT;

	text_render_body(&sb, &q);
	ck_assert_str_eq(strbuf_str(&sb), "---\ntitle: \"\"\ntags: []\n---\n\n");
	strbuf_release(&sb);
}
END_TEST

START_TEST(text_that_looks_like_front_matter_is_left_alone)
{
	struct question q = {
		.title = (char[]){ "--- \n---" },
		.markdown = (char[]){ "---\ntitle: mine\n---\n" },
	};
	struct strbuf sb = STRBUF_INIT;

	text_render_body(&sb, &q);
	ck_assert_str_eq(strbuf_str(&sb), "---\ntitle: \"--- \\u000a---\"\ntags: []\n---\n\n"
					  "---\ntitle: mine\n---\n");
	strbuf_release(&sb);
}
END_TEST

START_TEST(json_strings_escape_what_json_or_yaml_does_not_take_raw)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "", "\"\"" },
		{ "plain", "\"plain\"" },
		{ "say \"hi\"", "\"say \\\"hi\\\"\"" },
		{ "C:\\temp", "\"C:\\\\temp\"" },
		{ "a/b: #c {d} [e], 'f'", "\"a/b: #c {d} [e], 'f'\"" },
		{ "tab\tand\nline\r", "\"tab\\u0009and\\u000aline\\u000d\"" },
		{ "\x01\x1f\x7f", "\"\\u0001\\u001f\\u007f\"" },
		{ "\xc2\x80\xc2\x85\xc2\x9f", "\"\\u0080\\u0085\\u009f\"" },
		{ "\xc2\xa0\xc3\xa9", "\"\xc2\xa0\xc3\xa9\"" },
		{ "\xe2\x80\xa8\xe2\x80\xa9", "\"\\u2028\\u2029\"" },
		{ "\xef\xbb\xbf", "\"\\ufeff\"" },
		{ "\xef\xbf\xbe\xef\xbf\xbf", "\"\\ufffe\\uffff\"" },
		/* Beyond the first plane nothing is escaped: YAML knows no surrogate pairs. */
		{ "\xf0\x9f\x98\x80\xf0\x9f\xbf\xbf", "\"\xf0\x9f\x98\x80\xf0\x9f\xbf\xbf\"" },
		/* Cannot come from the decoder; still valid JSON. */
		{ "a\xff\xe2\x80z", "\"a\xef\xbf\xbd\xef\xbf\xbdz\"" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct strbuf sb = STRBUF_INIT;

		text_add_json_string(&sb, cases[i].in);
		ck_assert_str_eq(strbuf_str(&sb), cases[i].out);
		strbuf_release(&sb);
	}
}
END_TEST

START_TEST(comments_are_headed_blocks_with_an_empty_line_between)
{
	struct comment comments[] = {
		{
			.id = 4711,
			.created_s = 1772442840,
			.score = 2,
			.owner = { .id = 7, .name = (char[]){ "Ada Moreau" } },
			.markdown = (char[]){ "Have you tried\r\nthe other key?\r\n\r\n" },
		},
		{
			.id = 4712,
			.created_s = 1772442900,
			.score = 1,
			.owner = { .id = 8 },
			.markdown = (char[]){ "Yes." },
		},
	};
	struct strbuf sb = STRBUF_INIT;

	text_render_comments(&sb, comments, ARRAY_SIZE(comments));
	ck_assert_str_eq(strbuf_str(&sb), "### Ada Moreau, 2026-03-02 09:14 UTC, 2 points (#4711)\n"
					  "\n"
					  "Have you tried\n"
					  "the other key?\n"
					  "\n"
					  "### user8, 2026-03-02 09:15 UTC, 1 point (#4712)\n"
					  "\n"
					  "Yes.\n");
	strbuf_release(&sb);
}
END_TEST

START_TEST(no_comments_render_to_nothing)
{
	struct strbuf sb = STRBUF_INIT;

	text_render_comments(&sb, NULL, 0);
	ck_assert_str_eq(strbuf_str(&sb), "");
	ck_assert(!strbuf_failed(&sb));
	strbuf_release(&sb);
}
END_TEST

static void check_heading(const struct comment *c, const char *heading)
{
	struct strbuf sb = STRBUF_INIT;

	text_render_comments(&sb, c, 1);
	ck_assert_str_eq(strbuf_str(&sb), heading);
	strbuf_release(&sb);
}

START_TEST(only_a_score_of_one_is_a_point)
{
	struct comment c = { .id = 1, .owner.name = (char[]){ "A" }, .markdown = (char[]){ "t" } };

	c.score = 0;
	check_heading(&c, "### A, 1970-01-01 00:00 UTC, 0 points (#1)\n\nt\n");
	c.score = 1;
	check_heading(&c, "### A, 1970-01-01 00:00 UTC, 1 point (#1)\n\nt\n");
	c.score = -1;
	check_heading(&c, "### A, 1970-01-01 00:00 UTC, -1 points (#1)\n\nt\n");
}
END_TEST

START_TEST(an_owner_without_a_name_is_a_number_or_anonymous)
{
	static const struct {
		int64_t id;
		const char *name, *shown;
	} cases[] = {
		{ 7, "Ada", "Ada" },
		{ 0, "user123", "user123" }, /* deleted: a name without an id */
		{ 7, NULL, "user7" },
		{ 7, "", "user7" },
		{ 7, " \t\xc2\xa0\xe2\x80\x8b", "user7" }, /* only blanks */
		{ -1, NULL, "user-1" },                    /* Community */
		{ 0, NULL, "anonymous" },
		{ 0, " ", "anonymous" },
		{ 7, "line\r\nbreak\x7f", "line  break " },
		{ 7, "next\xc2\x85line\xe2\x80\xa8sep", "next line sep" },
		{ 7, "J\xc3\xbcrgen, (#1)", "J\xc3\xbcrgen, (#1)" },
		{ 7, "a\xff", "a\xef\xbf\xbd" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *name = cases[i].name ? strdup(cases[i].name) : NULL;
		struct comment c = {
			.id = 1,
			.owner = { .id = cases[i].id, .name = name },
			.markdown = (char[]){ "t" },
		};
		struct strbuf want = STRBUF_INIT;

		strbuf_addf(&want, "### %s, 1970-01-01 00:00 UTC, 0 points (#1)\n\nt\n",
			    cases[i].shown);
		check_heading(&c, strbuf_str(&want));
		strbuf_release(&want);
		free(name);
	}
}
END_TEST

START_TEST(any_time_has_the_shape_of_a_date)
{
	static const struct {
		int64_t at_s;
		const char *shown;
	} cases[] = {
		{ 0, "1970-01-01 00:00" },
		{ -1, "1969-12-31 23:59" },
		{ 951782400 + 86399, "2000-02-29 23:59" },
		{ INT64_C(4102444800), "2100-01-01 00:00" },
		{ INT64_MAX, "9999-12-31 23:59" },
		{ INT64_MIN, "0001-01-01 00:00" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct comment c = {
			.id = 1,
			.created_s = cases[i].at_s,
			.markdown = (char[]){ "t" },
		};
		struct strbuf want = STRBUF_INIT;

		strbuf_addf(&want, "### anonymous, %s UTC, 0 points (#1)\n\nt\n", cases[i].shown);
		check_heading(&c, strbuf_str(&want));
		strbuf_release(&want);
	}
}
END_TEST

START_TEST(times_are_utc_whatever_the_time_zone)
{
	struct comment c = { .id = 1, .markdown = (char[]){ "t" } };

	ck_assert_int_eq(setenv("TZ", "Pacific/Auckland", 1), 0);
	check_heading(&c, "### anonymous, 1970-01-01 00:00 UTC, 0 points (#1)\n\nt\n");
	unsetenv("TZ");
}
END_TEST

static Suite *text_render_suite(void)
{
	Suite *s = suite_create("text_render");
	TCase *tc = tcase_create("text_render");

	tcase_add_test(tc, line_ends_become_lf_and_the_last_line_is_ended);
	tcase_add_test(tc, rendering_appends);
	tcase_add_test(tc, body_is_front_matter_an_empty_line_and_the_text);
	tcase_add_test(tc, body_without_text_or_tags_ends_after_the_empty_line);
	tcase_add_test(tc, text_that_looks_like_front_matter_is_left_alone);
	tcase_add_test(tc, json_strings_escape_what_json_or_yaml_does_not_take_raw);
	tcase_add_test(tc, comments_are_headed_blocks_with_an_empty_line_between);
	tcase_add_test(tc, no_comments_render_to_nothing);
	tcase_add_test(tc, only_a_score_of_one_is_a_point);
	tcase_add_test(tc, an_owner_without_a_name_is_a_number_or_anonymous);
	tcase_add_test(tc, any_time_has_the_shape_of_a_date);
	tcase_add_test(tc, times_are_utc_whatever_the_time_zone);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(text_render_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
