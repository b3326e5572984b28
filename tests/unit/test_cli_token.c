/* The token: which place wins, what is refused, and that it does not stay where it can be seen. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "token.h"

static char dir[] = "/tmp/sofs-test-XXXXXX";
static char path[64];
static struct config c;
static struct strbuf token;
static struct failure failure;
static enum token_origin origin;

static void set_up(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/token", dir);
	ck_assert_int_eq(config_init(&c), 0);
	unsetenv("SOFS_TOKEN");
}

static void tear_down(void)
{
	unlink(path);
	rmdir(dir);
	config_release(&c);
	strbuf_release(&token);
}

static void write_token(const char *text, size_t len, mode_t mode)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(text, 1, len, f), len);
	fclose(f);
	ck_assert_int_eq(chmod(path, mode), 0);
}

static void give(const char *flag, const char *value)
{
	char *argv[] = { (char *)flag, (char *)value };
	_cleanup_(strbuf_release) struct strbuf err = STRBUF_INIT;
	struct operands operands;

	ck_assert_int_eq(options_parse_args(&c, FOR_MOUNT, 2, argv, &operands, &err), 0);
	free(operands.v);
}

START_TEST(a_file_gives_its_first_line)
{
	static const struct {
		const char *text, *token;
	} cases[] = {
		{ "secret-1", "secret-1" },
		{ "secret-1\n", "secret-1" },
		{ "  secret-1 \r\nmore\n", "secret-1" },
		{ "a(b)c==\n\n", "a(b)c==" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		strbuf_reset(&token);
		write_token(cases[i].text, strlen(cases[i].text), 0600);
		ck_assert_msg(token_read_file(path, "token-file", &token, &failure) == 0, "%s",
			      failure.text);
		ck_assert_str_eq(strbuf_str(&token), cases[i].token);
	}
}
END_TEST

START_TEST(what_cannot_be_a_token_is_refused)
{
	char longer[2000];
	struct {
		const char *text;
		size_t len;
		const char *says;
	} cases[] = {
		{ "", 0, "nothing in it" },
		{ "\nsecret-1\n", 10, "nothing in it" },
		{ "ab", 2, "too short" },
		{ "se cret", 7, "blank" },
		{ "secret\x01", 7, "control" },
		{ "secret\0x", 8, "control" },
		{ "se\xc3\xa9"
		  "cret",
		  8, "ASCII" },
		{ longer, sizeof(longer), "longer than" },
	};

	memset(longer, 'x', sizeof(longer));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		write_token(cases[i].text, cases[i].len, 0600);
		ck_assert_int_eq(token_read_file(path, "token-file", &token, &failure), -EINVAL);
		ck_assert_msg(strstr(failure.text, cases[i].says) != NULL, "%zu: %s", i,
			      failure.text);
		ck_assert_ptr_nonnull(strstr(failure.text, path));
		ck_assert_ptr_null(strstr(failure.text, "cret\x01"));
		ck_assert_uint_eq(token.len, 0);
	}
}
END_TEST

START_TEST(a_file_that_others_can_read_is_refused)
{
	static const mode_t modes[] = { 0640, 0604, 0620, 0644 };

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		write_token("secret-1\n", 9, modes[i]);
		ck_assert_int_eq(token_read_file(path, "token-file", &token, &failure), -EPERM);
		ck_assert_ptr_nonnull(strstr(failure.text, "chmod 600"));
	}
	ck_assert_int_eq(token_read_file("/nonexistent", "token-file", &token, &failure), -ENOENT);
	ck_assert_int_eq(token_read_file("/tmp", "token-file", &token, &failure), -EINVAL);
	ck_assert_ptr_nonnull(strstr(failure.text, "not a regular file"));
}
END_TEST

START_TEST(a_command_gives_its_first_line)
{
	give("--token-command", "printf 'secret-2\\nrest\\n'; echo \"[$SOFS_TOKEN]\"");
	ck_assert_msg(token_get(&c, &token, &origin, &failure) == 0, "%s", failure.text);
	ck_assert_str_eq(strbuf_str(&token), "secret-2");
	ck_assert_int_eq(origin, TOKEN_COMMAND);
}
END_TEST

START_TEST(a_talkative_command_is_read_to_its_end)
{
	give("--token-command", "echo secret-2; head -c 300000 /dev/zero");
	ck_assert_msg(token_get(&c, &token, &origin, &failure) == 0, "%s", failure.text);
	ck_assert_str_eq(strbuf_str(&token), "secret-2");
}
END_TEST

START_TEST(a_failing_command_says_how_it_failed)
{
	static const struct {
		const char *command, *says;
	} cases[] = {
		{ "echo secret; exit 3", "exit status 3" },
		{ "exec /nonexistent 2>/dev/null", "did not find" },
		{ "kill -9 $$", "signal 9" },
		{ "true", "nothing in it" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		give("--token-command", cases[i].command);
		ck_assert_int_lt(token_get(&c, &token, &origin, &failure), 0);
		ck_assert_msg(strstr(failure.text, cases[i].says) != NULL, "%s: %s",
			      cases[i].command, failure.text);
		ck_assert_ptr_null(strstr(failure.text, "secret"));
	}
}
END_TEST

START_TEST(the_environment_wins_over_the_file_and_is_emptied)
{
	_cleanup_(strbuf_release) struct strbuf err = STRBUF_INIT;
	char *value;

	setenv("SOFS_TOKEN", "secret-env", 1);
	value = getenv("SOFS_TOKEN");
	token_take_environment();
	ck_assert_ptr_null(getenv("SOFS_TOKEN"));
	ck_assert_int_eq(value[0], '\0');

	ck_assert_int_eq(options_set_file(&c, "token-file", "/nonexistent", "f:1", true, &err), 0);
	ck_assert_int_eq(token_get(&c, &token, &origin, &failure), 0);
	ck_assert_str_eq(strbuf_str(&token), "secret-env");
	ck_assert_int_eq(origin, TOKEN_ENVIRONMENT);
}
END_TEST

START_TEST(a_flag_wins_over_the_environment)
{
	setenv("SOFS_TOKEN", "secret-env", 1);
	token_take_environment();
	give("--token-command", "echo secret-flag");
	ck_assert_int_eq(token_get(&c, &token, &origin, &failure), 0);
	ck_assert_str_eq(strbuf_str(&token), "secret-flag");
}
END_TEST

START_TEST(no_token_is_no_error_yet)
{
	ck_assert_int_eq(token_get(&c, &token, &origin, &failure), 0);
	ck_assert_int_eq(origin, TOKEN_NONE);
	ck_assert_uint_eq(token.len, 0);
}
END_TEST

static Suite *cli_token_suite(void)
{
	Suite *s = suite_create("cli_token");
	TCase *tc = tcase_create("cli_token");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_file_gives_its_first_line);
	tcase_add_test(tc, what_cannot_be_a_token_is_refused);
	tcase_add_test(tc, a_file_that_others_can_read_is_refused);
	tcase_add_test(tc, a_command_gives_its_first_line);
	tcase_add_test(tc, a_talkative_command_is_read_to_its_end);
	tcase_add_test(tc, a_failing_command_says_how_it_failed);
	tcase_add_test(tc, the_environment_wins_over_the_file_and_is_emptied);
	tcase_add_test(tc, a_flag_wins_over_the_environment);
	tcase_add_test(tc, no_token_is_no_error_yet);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(cli_token_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
