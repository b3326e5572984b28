/* The lines of `.sofs/errors`. The ring is one for the process, so tests use paths of their own. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/base/clock.h>
#include <sofs/base/errors.h>
#include <sofs/base/log.h>

static struct strbuf text;

static void setup(void)
{
	clock_fake(1000, 1772442840);
	ck_assert_int_eq(log_set_target(LOG_TO_FILE, "/dev/null"), 0);
}

static void teardown(void)
{
	strbuf_release(&text);
	log_set_secret(NULL);
	clock_real();
}

static const char *printed(void)
{
	strbuf_reset(&text);
	errors_print(&text);
	return strbuf_str(&text);
}

static size_t count(const char *hay, const char *needle)
{
	size_t n = 0;

	for (const char *p = hay; (p = strstr(p, needle)); p++)
		n++;
	return n;
}

START_TEST(a_line_tells_time_path_what_why_and_what_next)
{
	unsigned long before = errors_count();

	errors_add(-EHOSTUNREACH, "questions/1/body.md", "read", "no route to host",
		   "asked again when the network returns");
	ck_assert_ptr_nonnull(
		strstr(printed(), "2026-03-02T09:14:00Z questions/1/body.md: read: EHOSTUNREACH: "
				  "no route to host; asked again when the network returns\n"));
	ck_assert_uint_eq(errors_count(), before + 1);
}
END_TEST

START_TEST(silence_and_the_root_are_shown_as_such)
{
	errors_add(-EIO, "", "list", "", "nothing");
	ck_assert_ptr_nonnull(strstr(printed(), "Z /: list: EIO; nothing\n"));
	errors_add(-99999, "odd", "list", "", "nothing");
	ck_assert_ptr_nonnull(strstr(printed(), "Z odd: list: error; nothing\n"));
}
END_TEST

START_TEST(repetitions_within_ten_seconds_are_counted)
{
	unsigned long before = errors_count();

	for (int i = 0; i < 5; i++)
		errors_add(-ENOENT, "repeated", "read", "", "nothing");
	ck_assert_uint_eq(count(printed(), "repeated"), 1);
	ck_assert_ptr_nonnull(strstr(printed(), "repeated: read: ENOENT; nothing (4 more)\n"));
	ck_assert_uint_eq(errors_count(), before + 5);

	errors_add(-EIO, "repeated", "read", "", "nothing"); /* another error */
	ck_assert_uint_eq(count(printed(), "repeated"), 2);
	clock_fake_advance(11000);
	errors_add(-ENOENT, "repeated", "read", "", "nothing"); /* another time */
	ck_assert_uint_eq(count(printed(), "repeated"), 3);
}
END_TEST

START_TEST(the_newest_lines_are_kept_in_order)
{
	const char *p;

	for (int i = 0; i < 450; i++) {
		struct strbuf path = STRBUF_INIT;

		strbuf_addf(&path, "ring/%03d", i);
		errors_add(-EIO, strbuf_str(&path), "read", "", "nothing");
		strbuf_release(&path);
	}
	p = printed();
	ck_assert_uint_eq(count(p, "\n"), 200);
	for (int i = 250; i < 450; i++) {
		struct strbuf path = STRBUF_INIT;

		strbuf_addf(&path, "ring/%03d:", i);
		p = strstr(p, strbuf_str(&path));
		ck_assert_ptr_nonnull(p);
		strbuf_release(&path);
	}
	ck_assert_ptr_null(strstr(printed(), "ring/249:"));
}
END_TEST

START_TEST(foreign_text_stays_one_line_and_holds_no_secret)
{
	log_set_secret("rl_t0ken");
	errors_add(-EIO, "forged", "read", "bad token\nrl_t0ken\x1b[2J", "nothing");
	ck_assert_ptr_nonnull(strstr(printed(), "forged: read: EIO: bad token *** [2J; nothing\n"));
	ck_assert_ptr_null(strstr(printed(), "rl_t0ken"));
}
END_TEST

START_TEST(a_failure_holds_its_text_cut_to_fit)
{
	struct failure f;
	char longer[500];

	failure_set(&f, -EACCES, "error_id %d: %s", 401, "access_token is required");
	ck_assert_int_eq(f.err, -EACCES);
	ck_assert_str_eq(f.text, "error_id 401: access_token is required");

	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	failure_set(&f, -EIO, "%s", longer);
	ck_assert_uint_eq(strlen(f.text), sizeof(f.text) - 1);
}
END_TEST

static Suite *base_errors_suite(void)
{
	Suite *s = suite_create("base_errors");
	TCase *tc = tcase_create("base_errors");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_line_tells_time_path_what_why_and_what_next);
	tcase_add_test(tc, silence_and_the_root_are_shown_as_such);
	tcase_add_test(tc, repetitions_within_ten_seconds_are_counted);
	tcase_add_test(tc, the_newest_lines_are_kept_in_order);
	tcase_add_test(tc, foreign_text_stays_one_line_and_holds_no_secret);
	tcase_add_test(tc, a_failure_holds_its_text_cut_to_fit);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(base_errors_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
