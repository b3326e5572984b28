/* What becomes of bytes that are not UTF-8. The counts of replacement characters are those of the
 * Unicode standard's recommendation (one for each longest start of a character). */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/text.h>

#define FFFD "\xef\xbf\xbd"

START_TEST(invalid_sequences_become_replacement_characters)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "", "" },
		{ "plain text that is longer than eight bytes",
		  "plain text that is longer than eight bytes" },
		{ "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
		  "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80" },
		/* The first and last of each length. */
		{ "\xc2\x80\xdf\xbf", "\xc2\x80\xdf\xbf" },
		{ "\xe0\xa0\x80\xef\xbf\xbf", "\xe0\xa0\x80\xef\xbf\xbf" },
		{ "\xed\x9f\xbf\xee\x80\x80", "\xed\x9f\xbf\xee\x80\x80" },
		{ "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf" },
		/* Bytes that start nothing. */
		{ "a\x80z", "a" FFFD "z" },
		{ "\xbf\xbf", FFFD FFFD },
		{ "\xfe\xff", FFFD FFFD },
		{ "\xf5\x80", FFFD FFFD },
		/* Overlong. */
		{ "\xc0\xaf", FFFD FFFD },
		{ "\xe0\x80\xaf", FFFD FFFD FFFD },
		{ "\xf0\x80\x80\xaf", FFFD FFFD FFFD FFFD },
		/* Surrogates, and beyond U+10FFFF. */
		{ "\xed\xa0\x80", FFFD FFFD FFFD },
		{ "\xf4\x90\x80\x80", FFFD FFFD FFFD FFFD },
		/* Truncated: one for the whole start, whatever follows. */
		{ "\xe2\x82", FFFD },
		{ "\xf0\x9f\x98", FFFD },
		{ "\xe2\x82z", FFFD "z" },
		{ "\xf0\x9f\xe2\x82\xac", FFFD "\xe2\x82\xac" },
		{ "\xc3", FFFD },
		{ "ok, and then at the very end \xf0", "ok, and then at the very end " FFFD },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct strbuf sb = STRBUF_INIT;

		text_add_clean_utf8(&sb, cases[i].in, strlen(cases[i].in));
		ck_assert_str_eq(strbuf_str(&sb), cases[i].out);
		strbuf_release(&sb);
	}
}
END_TEST

START_TEST(length_counts_and_nul_is_a_character)
{
	struct strbuf sb = STRBUF_INIT;

	strbuf_adds(&sb, "x");
	text_add_clean_utf8(&sb, "a\0b\xc3\xa9", 4); /* the é is cut in two */
	ck_assert_uint_eq(sb.len, 7);
	ck_assert_mem_eq(sb.buf, "xa\0b" FFFD, 7);
	strbuf_release(&sb);
}
END_TEST

/* The fast path takes eight bytes at a time: errors must be found wherever they lie. */
START_TEST(an_error_is_found_at_every_position)
{
	for (size_t at = 0; at < 40; at++) {
		struct strbuf sb = STRBUF_INIT;
		char in[40], out[43];

		memset(in, 'a', sizeof(in));
		in[at] = '\x80';
		memset(out, 'a', sizeof(out));
		memcpy(out + at, FFFD, 3);
		text_add_clean_utf8(&sb, in, sizeof(in));
		ck_assert_uint_eq(sb.len, 42);
		ck_assert_mem_eq(sb.buf, out, 42);
		strbuf_release(&sb);
	}
}
END_TEST

static Suite *text_utf8_suite(void)
{
	Suite *s = suite_create("text_utf8");
	TCase *tc = tcase_create("text_utf8");

	tcase_add_test(tc, invalid_sequences_become_replacement_characters);
	tcase_add_test(tc, length_counts_and_nul_is_a_character);
	tcase_add_test(tc, an_error_is_found_at_every_position);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(text_utf8_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
