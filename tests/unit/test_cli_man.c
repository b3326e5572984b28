/* The manual pages name every option and every command, and nothing that is not there. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/base/atomicfile.h>

#include "cli.h"

static struct strbuf page = STRBUF_INIT;

static void read_page(const char *name)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/docs/%s", SOURCE_ROOT, name);
	strbuf_reset(&page);
	ck_assert_msg(atomicfile_read(path, 1 << 20, &page) == 0, "%s cannot be read", path);
}

static bool has(const char *fmt, const char *name)
{
	char text[200];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(text, sizeof(text), fmt, name);
#pragma GCC diagnostic pop
	return strstr(strbuf_str(&page), text) != NULL;
}

START_TEST(sofs_1_has_every_flag)
{
	size_t nr;
	const struct opt *options = options_table(&nr);

	read_page("sofs.1");
	for (size_t i = 0; i < nr; i++) {
		const struct opt *o = &options[i];

		if (o->where & OPT_FLAG)
			ck_assert_msg(has("Fl -%s", o->name), "sofs.1 lacks --%s", o->name);
		else if (o->type != OPT_REFUSED)
			ck_assert_msg(has("Cm %s", o->name), "sofs.1 lacks -o %s", o->name);
	}
}
END_TEST

START_TEST(sofs_1_has_every_command)
{
	size_t nr;
	const struct command *const *commands = commands_table(&nr);

	read_page("sofs.1");
	for (size_t i = 0; i < nr; i++)
		ck_assert_msg(has("\n.It Cm %s", commands[i]->name), "sofs.1 lacks the command %s",
			      commands[i]->name);
}
END_TEST

START_TEST(sofs_conf_5_has_every_key)
{
	size_t nr;
	const struct opt *options = options_table(&nr);

	read_page("sofs.conf.5");
	for (size_t i = 0; i < nr; i++) {
		const struct opt *o = &options[i];

		if (o->where & OPT_FILE)
			ck_assert_msg(has("\n.It Cm %s", o->name), "sofs.conf.5 lacks %s", o->name);
	}
}
END_TEST

START_TEST(sofs_conf_5_has_no_other_key)
{
	char *save = NULL;

	read_page("sofs.conf.5");
	for (char *line = strtok_r(page.buf, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		const struct opt *o;

		if (strncmp(line, ".It Cm ", 7))
			continue;
		line[7 + strcspn(line + 7, " ")] = '\0';
		o = options_find(line + 7);
		ck_assert_msg(o && (o->where & OPT_FILE), "sofs.conf.5 has %s, which is no key",
			      line + 7);
	}
}
END_TEST

static Suite *cli_man_suite(void)
{
	Suite *s = suite_create("cli_man");
	TCase *tc = tcase_create("cli_man");

	tcase_add_test(tc, sofs_1_has_every_flag);
	tcase_add_test(tc, sofs_1_has_every_command);
	tcase_add_test(tc, sofs_conf_5_has_every_key);
	tcase_add_test(tc, sofs_conf_5_has_no_other_key);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(cli_man_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	strbuf_release(&page);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
