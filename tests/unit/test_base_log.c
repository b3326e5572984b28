#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sofs/base/atomicfile.h>
#include <sofs/base/log.h>
#include <sofs/base/strbuf.h>

static char dir[] = "/tmp/test-log-XXXXXX";
static char path[64];
static struct strbuf text;

static void setup(void)
{
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	strcpy(path, dir);
	strcat(path, "/log");
	log_set_level(LOG_LEVEL_INFO);
	log_set_secret(NULL);
	ck_assert_int_eq(log_set_target(LOG_TO_FILE, path), 0);
}

static void teardown(void)
{
	ck_assert_int_eq(log_set_target(LOG_TO_STDERR, NULL), 0);
	log_set_secret(NULL);
	strbuf_release(&text);
	unlink(path);
	rmdir(dir);
}

/* Everything logged so far. */
static const char *logged(void)
{
	strbuf_reset(&text);
	ck_assert_int_eq(atomicfile_read(path, 1 << 20, &text), 0);
	return strbuf_str(&text);
}

START_TEST(a_line_has_time_level_component_and_sentence)
{
	const char *line;

	log_warning("net", "host not found host=%s", "example.invalid");
	line = logged();
	ck_assert_uint_gt(strlen(line), strlen("2026-03-02T09:14:00Z "));
	ck_assert_int_eq(line[10], 'T');
	ck_assert_int_eq(line[19], 'Z');
	ck_assert_str_eq(line + 20, " warning net: host not found host=example.invalid\n");
}
END_TEST

START_TEST(what_is_below_the_level_is_not_written)
{
	log_debug("net", "%s", "invisible");
	ck_assert_str_eq(logged(), "");
	log_set_level(LOG_LEVEL_ERROR);
	log_info("net", "invisible");
	log_warning("net", "invisible");
	ck_assert_str_eq(logged(), "");
	log_error("net", "visible");
	ck_assert_ptr_nonnull(strstr(logged(), "visible"));
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("net", "now too");
	ck_assert_ptr_nonnull(strstr(logged(), "debug net: now too"));
}
END_TEST

START_TEST(the_secret_is_hidden_wherever_it_stands)
{
	log_set_secret("rl_t0ken");
	log_info("net", "rl_t0ken at the start, in x-rl_t0kenrl_t0ken-x, at the end rl_t0ken");
	log_info("rl_t0ken", "nearly: rl_t0ke rl_t0kem");
	ck_assert_ptr_null(strstr(logged(), "rl_t0ken"));
	ck_assert_ptr_nonnull(
		strstr(logged(), "*** at the start, in x-******-x, at the end ***\n"));
	ck_assert_ptr_nonnull(strstr(logged(), "info ***: nearly: rl_t0ke rl_t0kem\n"));
}
END_TEST

START_TEST(only_the_newest_secret_is_hidden)
{
	log_set_secret("first-token");
	log_set_secret("second-token");
	log_info("net", "first-token second-token");
	ck_assert_ptr_nonnull(strstr(logged(), "first-token ***\n"));
	log_set_secret(NULL);
	log_info("net", "no second-token");
	ck_assert_ptr_nonnull(strstr(logged(), "no second-token\n"));
	log_set_secret("");
	log_info("net", "an empty secret hides nothing");
	ck_assert_ptr_nonnull(strstr(logged(), "an empty secret hides nothing\n"));
}
END_TEST

START_TEST(a_secret_is_hidden_in_other_texts_too)
{
	char s[] = "Authorization: Bearer abcdef;";

	log_set_secret("abcdef");
	log_hide_secret(s);
	ck_assert_str_eq(s, "Authorization: Bearer ***;");
}
END_TEST

START_TEST(foreign_text_cannot_forge_a_line)
{
	log_info("api", "server said: %s", "no\r\n2026-01-01T00:00:00Z error fs: gotcha\x1b[2J");
	ck_assert_ptr_nonnull(
		strstr(logged(), "server said: no  2026-01-01T00:00:00Z error fs: gotcha [2J\n"));
	ck_assert_ptr_eq(strchr(logged(), '\n') + 1, text.buf + text.len);
}
END_TEST

START_TEST(the_file_is_private_and_appended_to)
{
	struct stat st;

	log_info("cli", "first");
	ck_assert_int_eq(log_set_target(LOG_TO_FILE, path), 0);
	log_info("cli", "second");
	ck_assert_ptr_nonnull(strstr(logged(), "first"));
	ck_assert_ptr_nonnull(strstr(logged(), "second"));
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
}
END_TEST

START_TEST(a_target_that_cannot_be_opened_changes_nothing)
{
	ck_assert_int_eq(log_set_target(LOG_TO_FILE, "/nonexistent/dir/log"), -ENOENT);
	log_info("cli", "still here");
	ck_assert_ptr_nonnull(strstr(logged(), "still here"));
}
END_TEST

static void *write_many(void *arg)
{
	for (int i = 0; i < 200; i++) {
		log_info("cli", "a line of %s, not torn", (const char *)arg);
		log_set_secret(i % 2 ? "some-secret" : NULL);
	}
	return NULL;
}

START_TEST(lines_of_many_threads_stay_whole)
{
	static char names[][4] = { "one", "two", "six" };
	pthread_t threads[ARRAY_SIZE(names)];
	size_t nr_lines = 0;

	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, write_many, names[i]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	for (const char *p = logged(); *p; p = strchr(p, '\n') + 1) {
		ck_assert_int_eq(
			strncmp(p + 20, " info cli: a line of ", strlen(" info cli: a line of ")),
			0);
		ck_assert_int_eq(strncmp(p + 44, ", not torn\n", strlen(", not torn\n")), 0);
		nr_lines++;
	}
	ck_assert_uint_eq(nr_lines, ARRAY_SIZE(threads) * 200);
}
END_TEST

static Suite *base_log_suite(void)
{
	Suite *s = suite_create("base_log");
	TCase *tc = tcase_create("base_log");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_line_has_time_level_component_and_sentence);
	tcase_add_test(tc, what_is_below_the_level_is_not_written);
	tcase_add_test(tc, the_secret_is_hidden_wherever_it_stands);
	tcase_add_test(tc, only_the_newest_secret_is_hidden);
	tcase_add_test(tc, a_secret_is_hidden_in_other_texts_too);
	tcase_add_test(tc, foreign_text_cannot_forge_a_line);
	tcase_add_test(tc, the_file_is_private_and_appended_to);
	tcase_add_test(tc, a_target_that_cannot_be_opened_changes_nothing);
	tcase_add_test(tc, lines_of_many_threads_stay_whole);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(base_log_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
