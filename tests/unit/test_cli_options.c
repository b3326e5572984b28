/* The option table: flags, -o, the file, who wins over whom, and what is said about mistakes. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sofs/api.h>
#include <sofs/base/log.h>

#include "conffile.h"
#include "options.h"

enum { MAX_ARGS = 32 };

struct parsed {
	struct config c;
	struct operands operands;
	struct strbuf err;
	int r;
	char line[512];
	char *argv[MAX_ARGS];
};

/* Splits a command line at blanks. */
static void parse_for(struct parsed *p, unsigned command, const char *line)
{
	char *save = NULL;
	int argc = 0;

	*p = (struct parsed){ .r = 0 };
	ck_assert_int_eq(config_init(&p->c), 0);
	snprintf(p->line, sizeof(p->line), "%s", line);
	for (char *arg = strtok_r(p->line, " ", &save); arg && argc < MAX_ARGS;
	     arg = strtok_r(NULL, " ", &save))
		p->argv[argc++] = arg;
	p->r = options_parse_args(&p->c, command, argc, p->argv, &p->operands, &p->err);
}

static void parse(struct parsed *p, const char *line)
{
	parse_for(p, FOR_MOUNT, line);
}

static void parsed_release(struct parsed *p)
{
	config_release(&p->c);
	free(p->operands.v);
	strbuf_release(&p->err);
}

START_TEST(the_defaults_are_those_of_the_manual)
{
	struct parsed p;

	parse(&p, "");
	ck_assert_int_eq(p.r, 0);
	ck_assert_uint_eq(p.c.rate, 20);
	ck_assert_uint_eq(p.c.concurrency, 4);
	ck_assert_uint_eq(p.c.timeout_s, 10);
	ck_assert_uint_eq(p.c.memory_bytes, 64 << 20);
	ck_assert_uint_eq(p.c.umask, 022);
	ck_assert_uint_eq(p.c.uid, getuid());
	ck_assert_uint_eq(p.c.api_style, API_STYLE_AUTO);
	ck_assert_uint_eq(p.c.log_level, LOG_LEVEL_INFO);
	ck_assert_uint_eq(p.c.post_limit, 5);
	ck_assert_uint_eq(p.c.poll_s, 60);
	ck_assert_uint_eq(p.c.quota_reserve, 500);
	ck_assert(!p.c.write && !p.c.xattr && !p.c.foreground && !p.c.allow_other);
	ck_assert_int_eq(options_level(&p.c, "rate"), FROM_DEFAULT);
	parsed_release(&p);
}
END_TEST

START_TEST(every_spelling_of_a_flag_is_understood)
{
	static const char *const lines[] = {
		"--rate 7 acme /mnt",          "--rate=7 acme /mnt",
		"acme --rate 7 /mnt",          "acme /mnt -o rate=7",
		"acme /mnt -orate=7",          "-f -o ro,rate=7,noatime acme /mnt",
		"acme /mnt --rate 7",          "-o rate=7 acme -- /mnt",
		"--rate 9 --rate 7 acme /mnt",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct parsed p;

		parse(&p, lines[i]);
		ck_assert_msg(p.r == 0, "%s: %s", lines[i], strbuf_str(&p.err));
		ck_assert_msg(p.c.rate == 7, "%s", lines[i]);
		ck_assert_uint_eq(p.operands.nr, 2);
		ck_assert_str_eq(p.operands.v[0], "acme");
		ck_assert_str_eq(p.operands.v[1], "/mnt");
		ck_assert_int_eq(options_level(&p.c, "rate"), FROM_FLAG);
		parsed_release(&p);
	}
}
END_TEST

START_TEST(values_are_read)
{
	struct parsed p;

	parse(&p, "--api-style path --memory 5m --umask 077 --uid 0 --gid root --log-level debug "
		  "--api-url http://127.0.0.1:1/ --token-command pass --ca-file /a/b --xattr");
	ck_assert_msg(p.r == 0, "%s", strbuf_str(&p.err));
	ck_assert_uint_eq(p.c.api_style, API_STYLE_PATH);
	ck_assert_uint_eq(p.c.memory_bytes, 5 << 20);
	ck_assert_uint_eq(p.c.umask, 077);
	ck_assert_uint_eq(p.c.uid, 0);
	ck_assert_uint_eq(p.c.gid, 0);
	ck_assert_uint_eq(p.c.log_level, LOG_LEVEL_DEBUG);
	ck_assert_str_eq(p.c.api_url, "http://127.0.0.1:1");
	ck_assert_str_eq(p.c.token_command, "pass");
	ck_assert_str_eq(p.c.ca_file, "/a/b");
	ck_assert(p.c.xattr);
	parsed_release(&p);
}
END_TEST

START_TEST(mistakes_say_where_they_are)
{
	static const struct {
		const char *line, *says;
	} cases[] = {
		{ "--bogus", "unknown option --bogus" },
		{ "--bogus=1", "unknown option --bogus" },
		{ "-x", "unknown option -x" },
		{ "-fx", "unknown option -x" },
		{ "-o bogus", "-o bogus: unknown option" },
		{ "-o foreground", "-o foreground: unknown option" },
		{ "--ro", "unknown option --ro" },
		{ "--no-rate", "unknown option --no-rate" },
		{ "--rate", "--rate: needs a value" },
		{ "--rate=", "--rate : needs a value" },
		{ "-o", "-o: needs a value" },
		{ "--rate 31", "--rate 31: must be between 1 and 30" },
		{ "--rate 0", "--rate 0: must be between 1 and 30" },
		{ "--rate -1", "--rate -1: not a number" },
		{ "--rate 5x", "--rate 5x: not a number" },
		{ "--rate 99999999999999999999", "--rate 99999999999999999999: " },
		{ "-o rate=50", "-o rate=50: must be between 1 and 30" },
		{ "--timeout 301", "between 1 and 300" },
		{ "--concurrency 17", "between 1 and 16" },
		{ "--list-limit 0", "between 1 and" },
		{ "--memory 3M", "--memory 3M: must be between 4M and 1T" },
		{ "--memory 4X", "not a size" },
		{ "--memory 4MB", "not a size" },
		{ "--memory 99999999999G", "must be between" },
		{ "--umask 8", "not an octal number" },
		{ "--umask 1000", "between" },
		{ "--uid nobody-of-that-name", "no such user" },
		{ "--gid nobody-of-that-name", "no such group" },
		{ "--api-style both", "must be auto, query or path" },
		{ "--log-level loud", "must be error, warning, info or debug" },
		{ "--api-url http://example.com", "https://" },
		{ "--xattr=yes", "--xattr: takes no value" },
		{ "-o xattr=1", "-o xattr: takes no value" },
		{ "-o exec", "always noexec" },
		{ "-o suid", "always nosuid" },
		{ "-o dev", "always nodev" },
		{ "-o allow_root", "allow_other" },
		{ "-o remount,ro", "unmount and mount again" },
		{ "-o fsname=x", "names its mounts itself" },
		{ "--write", "--write: not yet available in this version" },
		{ "-o write", "-o write: not yet available in this version" },
		{ "--publish move", "--publish move: not yet available" },
		{ "--post-limit 0", "not yet available" },
		{ "--edit-others", "not yet available" },
		{ "--allow-delete", "not yet available" },
		{ "--poll 30", "--poll 30: not yet available" },
		{ "--quota-reserve 10", "not yet available" },
		{ "--offline", "not yet available" },
		{ "--json", "unknown option --json" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct parsed p;

		parse(&p, cases[i].line);
		ck_assert_msg(p.r == -EINVAL, "%s", cases[i].line);
		ck_assert_msg(strstr(strbuf_str(&p.err), cases[i].says) != NULL, "%s: %s",
			      cases[i].line, strbuf_str(&p.err));
		parsed_release(&p);
	}
}
END_TEST

START_TEST(what_is_so_already_may_be_said)
{
	static const char *const lines[] = {
		"--no-write",
		"-o no-write",
		"--publish save",
		"--post-limit 5",
		"--poll 60",
		"--poll 0",
		"-o poll=0",
		"--quota-reserve 500",
		"--no-offline",
		"--no-edit-others",
		"--no-allow-delete",
		"-o ro",
		"-o rw",
		"-o rw,nosuid,nodev,noexec,relatime",
		"-o defaults",
		"-o _netdev,noauto",
		"-o x-systemd.automount,x-gvfs-show",
		"-o comment=a b",
		"-o user=ada",
		"-o nofail,users,default_permissions",
		"-o ,,ro,",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct parsed p;

		parse(&p, lines[i]);
		ck_assert_msg(p.r == 0, "%s: %s", lines[i], strbuf_str(&p.err));
		ck_assert(!p.c.write);
		parsed_release(&p);
	}
}
END_TEST

START_TEST(switches_can_be_taken_back)
{
	struct parsed p;

	parse(&p, "--xattr --no-xattr -o allow_other,no-allow_other");
	ck_assert_int_eq(p.r, 0);
	ck_assert(!p.c.xattr && !p.c.allow_other);
	parsed_release(&p);
	parse(&p, "--no-xattr --xattr --allow-other");
	ck_assert_int_eq(p.r, 0);
	ck_assert(p.c.xattr && p.c.allow_other);
	parsed_release(&p);
}
END_TEST

START_TEST(mount_options_can_hold_commas_and_backslashes)
{
	_cleanup_(strbuf_release) struct strbuf err = STRBUF_INIT;
	struct config c;

	ck_assert_int_eq(config_init(&c), 0);
	ck_assert_int_eq(
		options_parse_mount(&c, "token-command=get a\\,b\\\\c\\d=e,rate=3", false, &err),
		0);
	ck_assert_str_eq(c.token_command, "get a,b\\c\\d=e");
	ck_assert_uint_eq(c.rate, 3);
	config_release(&c);
}
END_TEST

START_TEST(labels_are_passed_to_the_kernel)
{
	_cleanup_(strbuf_release) struct strbuf err = STRBUF_INIT;
	struct config c;

	ck_assert_int_eq(config_init(&c), 0);
	ck_assert_int_eq(options_parse_mount(&c, "context=a:b:c,ro,auto_unmount", false, &err), 0);
	ck_assert_str_eq(strbuf_str(&c.passed), "context=a:b:c,auto_unmount");
	config_release(&c);
}
END_TEST

START_TEST(a_sloppy_mount_overlooks_unknown_names_only)
{
	_cleanup_(strbuf_release) struct strbuf err = STRBUF_INIT;
	struct config c;

	ck_assert_int_eq(config_init(&c), 0);
	ck_assert_int_eq(options_parse_mount(&c, "bogus,rate=3", true, &err), 0);
	ck_assert_uint_eq(c.rate, 3);
	ck_assert_int_eq(options_parse_mount(&c, "rate=99", true, &err), -EINVAL);
	config_release(&c);
}
END_TEST

START_TEST(commands_have_their_own_options)
{
	struct parsed p;

	parse_for(&p, FOR_STATUS, "/mnt --json");
	ck_assert_int_eq(p.r, 0);
	ck_assert(p.c.json);
	parsed_release(&p);
	parse_for(&p, FOR_STATUS, "/mnt --rate 3");
	ck_assert_int_eq(p.r, -EINVAL);
	parsed_release(&p);
	parse_for(&p, FOR_CHECK, "acme --rate 3");
	ck_assert_int_eq(p.r, 0);
	parsed_release(&p);
	parse_for(&p, FOR_CHECK, "acme -o rate=3");
	ck_assert_int_eq(p.r, -EINVAL);
	parsed_release(&p);
	parse_for(&p, 0, "--help");
	ck_assert_int_eq(p.r, 0);
	ck_assert(p.c.help);
	parsed_release(&p);
}
END_TEST

/* The file */

static char dir[] = "/tmp/sofs-test-XXXXXX";
static char path[64];

static void make_dir(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/config", dir);
}

static void remove_dir(void)
{
	unlink(path);
	rmdir(dir);
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
}

static void write_file(const char *text)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	ck_assert_int_eq(chmod(path, 0600), 0);
}

static int read_file(struct parsed *p, const char *line, const char *source_text)
{
	_cleanup_(source_release) struct source s = { 0 };

	parse(p, line);
	ck_assert_int_eq(p->r, 0);
	ck_assert_int_eq(source_parse(source_text, &s, &p->err), 0);
	p->r = conffile_read(path, &s, &p->c, &p->err);
	if (p->r == 0)
		p->r = options_finish(&p->c, &p->err);
	return p->r;
}

START_TEST(a_section_wins_over_what_is_for_all)
{
	static const struct {
		const char *source;
		unsigned rate, timeout_s;
	} cases[] = {
		{ "acme", 3, 22 },
		{ "team:acme", 3, 22 },
		{ "other", 1, 22 },
		{ "site:beer", 4, 22 },
		{ "https://so.example.com", 5, 22 },
	};

	write_file("# for all\n"
		   "rate = 1\n"
		   "[acme]\n"
		   "rate = 2\n"
		   "[team:acme]\n"
		   "\trate = 3\n"
		   "[default]\n"
		   "timeout = 22   ; a comment\n"
		   "[site:beer]\n"
		   "rate=4\n"
		   "[https://so.example.com]\n"
		   "rate: 5\n");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct parsed p;

		ck_assert_msg(read_file(&p, "", cases[i].source) == 0, "%s", strbuf_str(&p.err));
		/* [acme] is the spelling of one only; [team:acme] is meant by both. */
		ck_assert_uint_eq(p.c.rate, cases[i].rate);
		ck_assert_uint_eq(p.c.timeout_s, cases[i].timeout_s);
		ck_assert_int_eq(options_level(&p.c, "rate"), FROM_FILE);
		parsed_release(&p);
	}
}
END_TEST

START_TEST(a_flag_wins_over_the_file)
{
	struct parsed p;

	write_file("rate = 1\nxattr = yes\ntoken-file = /a\n[acme]\nlist-limit = 9\n");
	ck_assert_int_eq(
		read_file(&p, "--rate 9 --no-xattr --token-command x -o list-limit=8", "acme"), 0);
	ck_assert_uint_eq(p.c.rate, 9);
	ck_assert(!p.c.xattr);
	ck_assert_uint_eq(p.c.list_limit, 8);
	ck_assert_str_eq(p.c.token_command, "x");
	ck_assert_ptr_null(p.c.token_file);
	parsed_release(&p);
}
END_TEST

START_TEST(switches_in_the_file_are_yes_or_no)
{
	static const struct {
		const char *text;
		bool value;
	} cases[] = { { "yes", true },  { "no", false },  { "On", true },
		      { "off", false }, { "true", true }, { "0", false } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct parsed p;
		char text[64];

		snprintf(text, sizeof(text), "xattr = %s\nwrite = no\n", cases[i].text);
		write_file(text);
		ck_assert_int_eq(read_file(&p, "", "acme"), 0);
		ck_assert_int_eq(p.c.xattr, cases[i].value);
		parsed_release(&p);
	}
}
END_TEST

START_TEST(a_path_in_the_file_starts_at_home)
{
	struct parsed p;

	setenv("HOME", "/home/ada", 1);
	write_file("token-file = ~/t\ncache-dir = /c\n");
	ck_assert_msg(read_file(&p, "", "acme") == 0, "%s", strbuf_str(&p.err));
	ck_assert_str_eq(p.c.token_file, "/home/ada/t");
	ck_assert_str_eq(p.c.cache_dir, "/c");
	parsed_release(&p);
}
END_TEST

START_TEST(mistakes_in_the_file_say_the_line)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "rate = 1\nbogus = 2\n", "config:2: bogus: unknown option" },
		{ "\n\n[other]\nrate = 31\n", "config:4: rate = 31: must be between 1 and 30" },
		{ "[acme]\nwrite = yes\n", "config:2: write: not yet available" },
		{ "[acme]\npoll = 5\n", "config:2: poll = 5: not yet available" },
		{ "rate = 1\nnonsense\n", "config:2: neither" },
		{ "[acme\nrate = 1\n", "config:1: neither" },
		{ "xattr = maybe\n", "config:1: xattr: must be yes or no" },
		{ "token-file = t\n", "config:1: token-file = t: must start with" },
		{ "rate =\n", "config:1: rate = : needs a value" },
		{ "foreground = yes\n", "config:1: foreground: unknown option" },
		{ "ro = yes\n", "config:1: ro: unknown option" },
		{ "token-file = /a\ntoken-command = b\n", "cannot be given together" },
		{ "[12345678901234567890123456789012345678901234567890]\n",
		  "config:1: the name of the section is too long" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct parsed p;

		write_file(cases[i].text);
		ck_assert_msg(read_file(&p, "", "acme") == -EINVAL, "%s", cases[i].text);
		ck_assert_msg(strstr(strbuf_str(&p.err), cases[i].says) != NULL, "%s: %s",
			      cases[i].text, strbuf_str(&p.err));
		parsed_release(&p);
	}
}
END_TEST

START_TEST(a_long_line_is_not_cut)
{
	struct parsed p;
	char text[600];

	snprintf(text, sizeof(text), "rate = 2\ntoken-command = %0500d\n", 0);
	write_file(text);
	ck_assert_int_eq(read_file(&p, "", "acme"), -EINVAL);
	ck_assert_ptr_nonnull(strstr(strbuf_str(&p.err), "config:2: the line is too long"));
	parsed_release(&p);
}
END_TEST

START_TEST(a_file_that_others_can_write_is_refused)
{
	struct parsed p;

	write_file("rate = 2\n");
	ck_assert_int_eq(chmod(path, 0622), 0);
	ck_assert_int_eq(read_file(&p, "", "acme"), -EINVAL);
	ck_assert_ptr_nonnull(strstr(strbuf_str(&p.err), "written by others"));
	parsed_release(&p);
}
END_TEST

START_TEST(no_file_is_fine)
{
	struct parsed p;

	ck_assert_int_eq(read_file(&p, "", "acme"), 0);
	ck_assert_uint_eq(p.c.rate, 20);
	parsed_release(&p);
}
END_TEST

START_TEST(debug_implies_the_foreground)
{
	struct parsed p;

	parse(&p, "-d");
	ck_assert_int_eq(options_finish(&p.c, &p.err), 0);
	ck_assert(p.c.foreground && p.c.debug);
	ck_assert_uint_eq(p.c.log_level, LOG_LEVEL_DEBUG);
	parsed_release(&p);
	parse(&p, "-d --log-level error");
	ck_assert_int_eq(options_finish(&p.c, &p.err), 0);
	ck_assert_uint_eq(p.c.log_level, LOG_LEVEL_ERROR);
	parsed_release(&p);
}
END_TEST

static Suite *cli_options_suite(void)
{
	Suite *s = suite_create("cli_options");
	TCase *flags = tcase_create("flags"), *file = tcase_create("file");

	tcase_add_test(flags, the_defaults_are_those_of_the_manual);
	tcase_add_test(flags, every_spelling_of_a_flag_is_understood);
	tcase_add_test(flags, values_are_read);
	tcase_add_test(flags, mistakes_say_where_they_are);
	tcase_add_test(flags, what_is_so_already_may_be_said);
	tcase_add_test(flags, switches_can_be_taken_back);
	tcase_add_test(flags, mount_options_can_hold_commas_and_backslashes);
	tcase_add_test(flags, labels_are_passed_to_the_kernel);
	tcase_add_test(flags, a_sloppy_mount_overlooks_unknown_names_only);
	tcase_add_test(flags, commands_have_their_own_options);
	tcase_add_test(flags, debug_implies_the_foreground);
	suite_add_tcase(s, flags);
	tcase_add_checked_fixture(file, make_dir, remove_dir);
	tcase_add_test(file, a_section_wins_over_what_is_for_all);
	tcase_add_test(file, a_flag_wins_over_the_file);
	tcase_add_test(file, switches_in_the_file_are_yes_or_no);
	tcase_add_test(file, a_path_in_the_file_starts_at_home);
	tcase_add_test(file, mistakes_in_the_file_say_the_line);
	tcase_add_test(file, a_long_line_is_not_cut);
	tcase_add_test(file, a_file_that_others_can_write_is_refused);
	tcase_add_test(file, no_file_is_fine);
	suite_add_tcase(s, file);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(cli_options_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
