/* Which names are looked up by programs, and which could be tags. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/text.h>

START_TEST(names_that_programs_probe_for)
{
	static const char *const names[] = {
		".git",
		".gitignore",
		".ignore",
		".rgignore",
		".hgignore",
		".hg",
		".svn",
		".bzr",
		".hidden",
		".directory",
		".Trash",
		".Trash-1000",
		".DS_Store",
		"._x",
		".editorconfig",
		".dir-locals.el",
		".dir-locals-2.el",
		".src",
		".x.swp",
		".#x",
		".~lock.x#",
		".sh_thumbnails",
		".xdg-volume-info",
		".autorun",
		".nomedia",
		".goutputstream-AB12CD",
		"HEAD",
		"RCS",
		"CVS",
		"SCCS",
		"_MTN",
		"x,v",
		"s.x",
		"BDMV",
		"VIDEO_TS",
		"DCIM",
		"autorun.inf",
		"desktop.ini",
		"Thumbs.db",
		"x~",
		"x.md.~1~",
		"#x#",
		"#x#save#",
		"x.swp",
		"x.bak",
		"x.orig",
		"x.tmp",
		"x___jb_tmp___",
		"4913",
		"5036",
		"5159",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		ck_assert_msg(text_is_probe_name(names[i]), "%s", names[i]);
}
END_TEST

START_TEST(tags_are_no_probes)
{
	static const char *const names[] = {
		"c#",
		"c++",
		".net",
		".net-core",
		".net-8.0",
		"node.js",
		"asp.net",
		"git",
		"head",
		"core",
		"patch",
		"tags",
		"lock",
		"tmp",
		"bak",
		"swp",
		"autorun",
		"cvs",
		"rcs",
		"#",
		"6502",
		"8086",
		"360",
		"4914",
		"gemfile.lock",
		"composer.json",
		"\xc3\xa9t\xc3\xa9",
		"s",
		"",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		ck_assert_msg(!text_is_probe_name(names[i]), "%s", names[i]);
}
END_TEST

START_TEST(what_the_service_allows_in_a_tag)
{
	static const char *const good[] = {
		"a",
		"c#",
		"c++",
		".net",
		"node.js",
		"objective-c",
		"a:b",
		"6502",
		"\xd1\x80\xd1\x83\xd1\x81\xd1\x81\xd0\xba\xd0\xb8\xd0\xb9",
		"thirty-five-characters-are-allowed-",
	};
	static const char *const bad[] = {
		"",
		"HEAD",
		"Thumbs.db",
		"_MTN",
		"a b",
		"a;b",
		"a,b",
		"a/b",
		"100%",
		"a\n",
		"x~",
		"*.md",
		"{arch}",
		"\xff",
		"thirty-five-characters-are-allowed-!",
		"thirty-six-characters-are-too-many--",
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		ck_assert_msg(text_can_be_tag(good[i]), "%s", good[i]);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(!text_can_be_tag(bad[i]), "%s", bad[i]);
}
END_TEST

START_TEST(a_tag_is_measured_in_utf16_units)
{
	struct strbuf sb = STRBUF_INIT;

	for (int i = 0; i < 17; i++)
		strbuf_adds(&sb, "\xf0\x9f\x98\x80"); /* two units each */
	strbuf_adds(&sb, "\xc3\xa9");
	ck_assert(text_can_be_tag(strbuf_str(&sb)));
	strbuf_adds(&sb, "x");
	ck_assert(!text_can_be_tag(strbuf_str(&sb)));
	strbuf_release(&sb);
}
END_TEST

static Suite *text_probe_suite(void)
{
	Suite *s = suite_create("text_probe");
	TCase *tc = tcase_create("text_probe");

	tcase_add_test(tc, names_that_programs_probe_for);
	tcase_add_test(tc, tags_are_no_probes);
	tcase_add_test(tc, what_the_service_allows_in_a_tag);
	tcase_add_test(tc, a_tag_is_measured_in_utf16_units);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(text_probe_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
