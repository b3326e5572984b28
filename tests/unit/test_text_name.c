/* Names from the server as file names, and back. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/text.h>

START_TEST(names_are_escaped_and_read_back)
{
	static const struct {
		const char *name, *file_name;
	} cases[] = {
		{ "c#", "c#" },
		{ "c++", "c++" },
		{ ".net", ".net" },
		{ "...", "..." },
		{ ".a", ".a" },
		{ "a/b", "a%2Fb" },
		{ "/", "%2F" },
		{ ".", "%2E" },
		{ "..", "%2E%2E" },
		{ "../x", "..%2Fx" },
		{ "100%", "100%25" },
		{ "%2F", "%252F" },
		{ "a\nb\x7f", "a%0Ab%7F" },
		{ "a b:*?", "a b:*?" },
		{ "\xc3\xa9t\xc3\xa9", "\xc3\xa9t\xc3\xa9" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct strbuf sb = STRBUF_INIT;

		ck_assert(text_add_name(&sb, cases[i].name, strlen(cases[i].name)));
		ck_assert_str_eq(strbuf_str(&sb), cases[i].file_name);
		strbuf_reset(&sb);
		ck_assert(text_parse_name(&sb, cases[i].file_name));
		ck_assert_str_eq(strbuf_str(&sb), cases[i].name);
		strbuf_release(&sb);
	}
}
END_TEST

START_TEST(every_byte_makes_a_name_that_reads_back)
{
	for (int c = 0; c < 256; c++) {
		struct strbuf file_name = STRBUF_INIT, back = STRBUF_INIT;
		char name[2] = { (char)c, 'x' };

		ck_assert(text_add_name(&file_name, name, sizeof(name)));
		ck_assert_uint_eq(strlen(strbuf_str(&file_name)), file_name.len);
		ck_assert_ptr_null(strchr(strbuf_str(&file_name), '/'));
		ck_assert(text_parse_name(&back, strbuf_str(&file_name)));
		ck_assert_uint_eq(back.len, sizeof(name));
		ck_assert_mem_eq(back.buf, name, sizeof(name));
		strbuf_release(&file_name);
		strbuf_release(&back);
	}
}
END_TEST

START_TEST(empty_and_too_long_names_are_left_out)
{
	struct strbuf sb = STRBUF_INIT;
	char name[256];

	strbuf_adds(&sb, "before");
	ck_assert(!text_add_name(&sb, "", 0));

	memset(name, 'x', sizeof(name));
	ck_assert(!text_add_name(&sb, name, 256));
	name[0] = '/'; /* three bytes when escaped */
	ck_assert(!text_add_name(&sb, name, 254));
	ck_assert_str_eq(strbuf_str(&sb), "before");

	ck_assert(text_add_name(&sb, name, 253));
	ck_assert_uint_eq(sb.len, strlen("before") + 255);
	strbuf_release(&sb);
}
END_TEST

START_TEST(names_that_we_never_make_are_refused)
{
	static const char *const names[] = {
		"",
		".",
		"..",
		"%",
		"a%",
		"a%2",
		"%zz",
		"a%2fb" /* lower-case */,
		"%41" /* needs none */,
		"%2E%2Ex",
		".%2E",
		"%2Enet",
		"a/b",
		"a\nb",
		"a\x7f",
		"100%",
		"%E9",
	};
	char longest[257];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct strbuf sb = STRBUF_INIT;

		ck_assert_msg(!text_parse_name(&sb, names[i]), "'%s' was accepted", names[i]);
		strbuf_release(&sb);
	}
	for (size_t len = 255; len <= 256; len++) {
		struct strbuf sb = STRBUF_INIT;

		memset(longest, 'x', len);
		longest[len] = '\0';
		ck_assert_int_eq(text_parse_name(&sb, longest), len == 255);
		strbuf_release(&sb);
	}
}
END_TEST

START_TEST(ids_are_plain_positive_decimals)
{
	static const struct {
		const char *s;
		int64_t id; /* 0: refused */
	} cases[] = {
		{ "1", 1 },
		{ "4711", 4711 },
		{ "9007199254740992", INT64_C(9007199254740992) },
		{ "9007199254740993", 0 },
		{ "99999999999999999999999999", 0 },
		{ "18446744073709551617", 0 }, /* 1 modulo 2^64 */
		{ "", 0 },
		{ "0", 0 },
		{ "01", 0 },
		{ "-1", 0 },
		{ "+1", 0 },
		{ " 1", 0 },
		{ "1 ", 0 },
		{ "1.md", 0 },
		{ "0x1", 0 },
		{ "\xd9\xa1", 0 }, /* a digit, but an Arabic one */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t id = -7;
		bool ok = text_parse_id(cases[i].s, strlen(cases[i].s), &id);

		ck_assert_msg(ok == (cases[i].id != 0), "'%s'", cases[i].s);
		ck_assert_int_eq(id, ok ? cases[i].id : -7);
	}
}
END_TEST

START_TEST(an_id_ends_where_its_length_says)
{
	int64_t id;

	ck_assert(text_parse_id("4711.md", 4, &id));
	ck_assert_int_eq(id, 4711);
}
END_TEST

static Suite *text_name_suite(void)
{
	Suite *s = suite_create("text_name");
	TCase *tc = tcase_create("text_name");

	tcase_add_test(tc, names_are_escaped_and_read_back);
	tcase_add_test(tc, every_byte_makes_a_name_that_reads_back);
	tcase_add_test(tc, empty_and_too_long_names_are_left_out);
	tcase_add_test(tc, names_that_we_never_make_are_refused);
	tcase_add_test(tc, ids_are_plain_positive_decimals);
	tcase_add_test(tc, an_id_ends_where_its_length_says);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(text_name_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
