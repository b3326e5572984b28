#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/base/strbuf.h>

START_TEST(an_empty_one_is_an_empty_string)
{
	struct strbuf sb = STRBUF_INIT;

	ck_assert_str_eq(strbuf_str(&sb), "");
	ck_assert_uint_eq(sb.len, 0);
	strbuf_add(&sb, NULL, 0);
	ck_assert_str_eq(strbuf_str(&sb), "");
	strbuf_release(&sb);
	strbuf_release(&sb);
}
END_TEST

START_TEST(pieces_are_appended_and_terminated)
{
	struct strbuf sb = STRBUF_INIT;

	strbuf_adds(&sb, "a");
	strbuf_addch(&sb, 'b');
	strbuf_add(&sb, "c\0d", 3);
	strbuf_addf(&sb, "%d-%s", 42, "x");
	ck_assert_uint_eq(sb.len, 9);
	ck_assert_mem_eq(sb.buf, "abc\0d42-x", 10); /* with the NUL behind */
	ck_assert(!strbuf_failed(&sb));
	strbuf_release(&sb);
}
END_TEST

START_TEST(growth_keeps_the_content)
{
	struct strbuf sb = STRBUF_INIT;

	for (int i = 0; i < 20000; i++)
		strbuf_addf(&sb, "%05d", i);
	ck_assert_uint_eq(sb.len, 100000);
	ck_assert_int_eq(strncmp(sb.buf + 5 * 12345, "12345", 5), 0);
	ck_assert_uint_lt(sb.cap, 2 * sb.len);
	strbuf_release(&sb);
}
END_TEST

START_TEST(an_impossible_size_fails_and_the_failure_stays)
{
	struct strbuf sb = STRBUF_INIT;

	strbuf_adds(&sb, "kept");
	ck_assert(!strbuf_reserve(&sb, SIZE_MAX));
	ck_assert(strbuf_failed(&sb));
	strbuf_adds(&sb, " more");
	strbuf_addf(&sb, "%d", 1);
	strbuf_addch(&sb, 'x');
	ck_assert_str_eq(strbuf_str(&sb), "kept");
	ck_assert_ptr_null(strbuf_detach(&sb));
	/* Detaching left an empty, usable one. */
	ck_assert(!strbuf_failed(&sb));
	strbuf_adds(&sb, "again");
	ck_assert_str_eq(strbuf_str(&sb), "again");
	strbuf_release(&sb);
}
END_TEST

START_TEST(reset_forgets_content_and_failure_but_not_memory)
{
	struct strbuf sb = STRBUF_INIT;
	const char *memory;

	strbuf_adds(&sb, "something");
	memory = sb.buf;
	strbuf_reserve(&sb, SIZE_MAX / 2);
	strbuf_reset(&sb);
	ck_assert(!strbuf_failed(&sb));
	ck_assert_str_eq(strbuf_str(&sb), "");
	strbuf_adds(&sb, "else");
	ck_assert_ptr_eq(sb.buf, memory);
	strbuf_release(&sb);
}
END_TEST

START_TEST(what_is_reserved_needs_no_growth)
{
	struct strbuf sb = STRBUF_INIT;
	const char *memory;

	ck_assert(strbuf_reserve(&sb, 1000));
	memory = sb.buf;
	for (int i = 0; i < 1000; i++)
		strbuf_addch(&sb, 'x');
	ck_assert_ptr_eq(sb.buf, memory);
	strbuf_release(&sb);
}
END_TEST

START_TEST(detaching_hands_over_a_string_even_if_nothing_was_added)
{
	struct strbuf sb = STRBUF_INIT;
	char *s = strbuf_detach(&sb);

	ck_assert_str_eq(s, "");
	free(s);
	strbuf_adds(&sb, "text");
	s = strbuf_detach(&sb);
	ck_assert_str_eq(s, "text");
	ck_assert_ptr_null(sb.buf);
	ck_assert_uint_eq(sb.len, 0);
	free(s);
}
END_TEST

START_TEST(wiping_releases)
{
	struct strbuf sb = STRBUF_INIT;

	strbuf_wipe(&sb);
	strbuf_adds(&sb, "secret");
	strbuf_wipe(&sb);
	ck_assert_ptr_null(sb.buf);
	ck_assert_uint_eq(sb.len, 0);
}
END_TEST

static Suite *base_strbuf_suite(void)
{
	Suite *s = suite_create("base_strbuf");
	TCase *tc = tcase_create("base_strbuf");

	tcase_add_test(tc, an_empty_one_is_an_empty_string);
	tcase_add_test(tc, pieces_are_appended_and_terminated);
	tcase_add_test(tc, growth_keeps_the_content);
	tcase_add_test(tc, an_impossible_size_fails_and_the_failure_stays);
	tcase_add_test(tc, reset_forgets_content_and_failure_but_not_memory);
	tcase_add_test(tc, what_is_reserved_needs_no_growth);
	tcase_add_test(tc, detaching_hands_over_a_string_even_if_nothing_was_added);
	tcase_add_test(tc, wiping_releases);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(base_strbuf_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
