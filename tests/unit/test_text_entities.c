/* The entities of a safe filter, decoded once. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/text.h>

START_TEST(entities_are_decoded_exactly_once)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "", "" },
		{ "nothing here", "nothing here" },
		{ "&lt;b&gt; &amp; &quot;x&quot;", "<b> & \"x\"" },
		{ "Mat&#39;s", "Mat's" },
		{ "&#233;&#xE9;&#xe9;&#Xe9;", "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9" },
		{ "&#8364;", "\xe2\x82\xac" },
		{ "&#128512;", "\xf0\x9f\x98\x80" },
		{ "&#0039;&#x0027;", "''" },
		{ "&#1114111;", "\xf4\x8f\xbf\xbf" },
		/* Markdown that speaks of entities arrives encoded, and is given back as written. */
		{ "&amp;lt;", "&lt;" },
		{ "&amp;amp;amp;", "&amp;amp;" },
		{ "&amp;#39;", "&#39;" },
		{ "&#38;lt;", "&lt;" },
		/* What the encoder does not make stays. */
		{ "&nbsp;&apos;&LT;&euro;", "&nbsp;&apos;&LT;&euro;" },
		{ "&lt &amp", "&lt &amp" },
		{ "a & b && c &", "a & b && c &" },
		{ "&;&#;&#x;&#xg;&#-1;&# 9;", "&;&#;&#x;&#xg;&#-1;&# 9;" },
		{ "&#39", "&#39" },
		{ "&#", "&#" },
		{ "&#x", "&#x" },
		{ "&&lt;&", "&<&" },
		/* References to no character. */
		{ "&#0;&#x0;", "&#0;&#x0;" },
		{ "&#xD800;&#57343;", "&#xD800;&#57343;" },
		{ "&#1114112;&#x110000;", "&#1114112;&#x110000;" },
		{ "&#4294967361;&#x100000041;", "&#4294967361;&#x100000041;" }, /* 65 modulo 2^32 */
		{ "&#99999999999999999999999999;", "&#99999999999999999999999999;" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *s = strdup(cases[i].in);

		text_decode_entities(s);
		ck_assert_str_eq(s, cases[i].out);
		free(s);
	}
}
END_TEST

static Suite *text_entities_suite(void)
{
	Suite *s = suite_create("text_entities");
	TCase *tc = tcase_create("text_entities");

	tcase_add_test(tc, entities_are_decoded_exactly_once);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(text_entities_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
