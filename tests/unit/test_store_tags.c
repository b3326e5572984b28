/* Tags: the server's list, single tags looked up by name, and names that cost nothing. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/base/clock.h>

#include "fake_server.h"

static struct fixture f;
static struct store *st;

static void setup(void)
{
	server_start();
	fixture_config(&f);
	fixture_open(&f);
	st = f.store;
}

static void teardown(void)
{
	fixture_close(&f);
	server_stop();
}

/* Lists all tags to the end, two at a time; their names with a comma behind each. */
static const char *list_tags(void)
{
	static char names[65536];
	struct store_tag tags[2];
	uint32_t after = 0;
	size_t len = 0;

	names[0] = '\0';
	for (;;) {
		struct waiting w;
		int n;

		waiting_init(&w);
		n = store_list_tags(st, after, tags, 2, &w.w);
		if (n == -EINPROGRESS) {
			ck_assert(server_answer_one());
			ck_assert_int_eq(w.nr_wakes, 1);
			ck_assert_int_eq(w.failure.err, 0);
			continue;
		}
		ck_assert_int_ge(n, 0);
		if (!n)
			return names;
		for (int i = 0; i < n; i++)
			len += (size_t)snprintf(names + len, sizeof(names) - len, "%s,",
						tags[i].name);
		after = tags[n - 1].index;
	}
}

static int get_tag(const char *name, struct store_tag *ret)
{
	struct waiting w;
	int r;

	for (;;) {
		waiting_init(&w);
		r = store_get_tag(st, name, ret, &w.w);
		if (r != -EINPROGRESS)
			return r;
		server_answer_all();
		ck_assert_int_eq(w.nr_wakes, 1);
		if (w.failure.err)
			return w.failure.err;
	}
}

static void add_tags(size_t nr)
{
	static char names[1200][24];

	for (size_t i = 0; i < nr; i++) {
		snprintf(names[i], sizeof(names[i]), "t%04zu", i);
		server.tags[server.nr_tags++] = names[i];
	}
}

START_TEST(the_list_of_tags_is_read_page_by_page_and_once)
{
	add_tags(250);
	ck_assert_uint_eq(strlen(list_tags()), 250 * 6);
	ck_assert_uint_eq(server_counts(0).tag_pages, 3);
	list_tags();
	ck_assert_uint_eq(server.nr_queries, 3);
}
END_TEST

START_TEST(the_reader_gets_the_first_page_at_once)
{
	struct store_tag tags[300];
	struct waiting w;

	add_tags(250);
	waiting_init(&w);
	ck_assert_int_eq(store_list_tags(st, 0, tags, 300, &w.w), -EINPROGRESS);
	server_answer_one();
	ck_assert_int_eq(w.nr_wakes, 1);
	ck_assert_int_eq(store_list_tags(st, 0, tags, 300, NULL), 100);
	waiting_init(&w);
	ck_assert_int_eq(store_list_tags(st, tags[99].index, tags, 300, &w.w), -EINPROGRESS);
	server_answer_all();
	ck_assert_int_eq(w.nr_wakes, 1);
}
END_TEST

START_TEST(a_failed_page_of_the_list_fails_its_readers_and_is_asked_again)
{
	struct store_tag tag;
	struct waiting w;

	add_tags(150);
	server.allows_repeats = true;
	waiting_init(&w);
	ck_assert_int_eq(store_list_tags(st, 0, &tag, 1, &w.w), -EINPROGRESS);
	server_answer_one();
	server_fail(1, -EHOSTUNREACH);
	ck_assert_uint_eq(strlen(list_tags()), 150 * 6);
	ck_assert_uint_eq(server_counts(0).tag_pages, 3); /* 1, 2, 2 */
}
END_TEST

START_TEST(more_tags_than_the_limit_are_cut)
{
	struct store_status status;
	struct store_tag tag;

	fixture_close(&f);
	f.config.list_limit = 200;
	fixture_open(&f);
	st = f.store;
	add_tags(350);
	ck_assert_uint_eq(strlen(list_tags()), 200 * 6);
	ck_assert_uint_eq(server_counts(0).tag_pages, 2);
	store_get_status(st, &status);
	ck_assert_uint_eq(status.tags_cut, 1);
	ck_assert(!status.has_all_tags);
	ck_assert_int_eq(get_tag("t0300", &tag), 0); /* still there by its name */
	ck_assert_int_eq(get_tag("t9999", &tag), -ENOENT);
}
END_TEST

START_TEST(a_complete_list_answers_for_all_names)
{
	struct store_tag tag;
	unsigned before;

	add_tags(3);
	list_tags();
	before = server.nr_queries;
	ck_assert_int_eq(get_tag("t0001", &tag), 0);
	ck_assert_int_eq(get_tag("java", &tag), -ENOENT);
	ck_assert_uint_eq(server.nr_queries, before);
}
END_TEST

START_TEST(who_looks_up_a_tag_while_the_list_comes_waits_for_the_list)
{
	struct store_tag tag;
	struct waiting list, w;

	add_tags(150);
	waiting_init(&list);
	waiting_init(&w);
	ck_assert_int_eq(store_list_tags(st, 0, &tag, 1, &list.w), -EINPROGRESS);
	ck_assert_int_eq(store_get_tag(st, "t0120", &tag, &w.w), -EINPROGRESS);
	server_answer_all();
	ck_assert_int_eq(w.nr_wakes, 1);
	ck_assert_int_eq(store_get_tag(st, "t0120", &tag, NULL), 0);
	ck_assert_uint_eq(server_counts(0).tag_infos, 0);
}
END_TEST

START_TEST(a_tag_looked_up_by_name_costs_one_request_for_all_who_want_it)
{
	struct store_tag tag;
	struct waiting w[3];

	server.tags[server.nr_tags++] = "c#";
	for (int i = 0; i < 3; i++) {
		waiting_init(&w[i]);
		ck_assert_int_eq(store_get_tag(st, "c#", &tag, &w[i].w), -EINPROGRESS);
	}
	ck_assert_uint_eq(server.nr_queries, 1);
	ck_assert_str_eq(server.queries[0].tag, "c#");
	server_answer_all();
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(w[i].nr_wakes, 1);
	ck_assert_int_eq(store_get_tag(st, "c#", &tag, NULL), 0);
	ck_assert_str_eq(tag.name, "c#");
}
END_TEST

START_TEST(an_absent_tag_is_remembered_for_a_minute)
{
	struct store_tag tag;

	ck_assert_int_eq(get_tag("java", &tag), -ENOENT);
	ck_assert_int_eq(get_tag("java", &tag), -ENOENT);
	ck_assert_uint_eq(server.nr_queries, 1);
	clock_fake_advance(61000);
	server.tags[server.nr_tags++] = "java";
	ck_assert_int_eq(get_tag("java", &tag), 0);
}
END_TEST

START_TEST(a_failed_lookup_is_no_absence)
{
	struct store_tag tag;
	struct waiting w;

	server.allows_repeats = true;
	server.tags[server.nr_tags++] = "java";
	waiting_init(&w);
	ck_assert_int_eq(store_get_tag(st, "java", &tag, &w.w), -EINPROGRESS);
	server_fail(0, -ETIMEDOUT);
	ck_assert_int_eq(w.failure.err, -ETIMEDOUT);
	ck_assert_int_eq(get_tag("java", &tag), 0);
}
END_TEST

START_TEST(what_the_server_garbled_is_eio_and_not_enoent)
{
	struct store_tag tag;

	server.allows_repeats = true;
	server.tags[server.nr_tags++] = "java";
	server.garbles_tags = true;
	ck_assert_int_eq(get_tag("java", &tag), -EIO);
	server.garbles_tags = false;
	ck_assert_int_eq(get_tag("java", &tag), 0);
}
END_TEST

START_TEST(a_synonym_is_not_its_master)
{
	struct store_tag tag;

	server.tags[server.nr_tags++] = "javascript";
	server.synonym = "js";
	server.synonym_of = "javascript";
	ck_assert_int_eq(get_tag("js", &tag), -ENOENT);
	ck_assert_int_eq(get_tag("javascript", &tag), 0);
}
END_TEST

/* No tag that is in no listing can have a name that must be escaped; and `..` is nothing to be put into a path. */
static const char *const free_names[] = {
	".git",  ".hidden", ".gitignore", ".Trash-1000",
	"RCS",   "4913",    "Java",       "a b",
	"a%2Fb", "%2E%2E",  "%zz",        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
};

START_TEST(names_that_programs_probe_for_and_impossible_ones_cost_nothing)
{
	struct store_tag tag;

	for (size_t i = 0; i < ARRAY_SIZE(free_names); i++)
		ck_assert_msg(store_get_tag(st, free_names[i], &tag, NULL) == -ENOENT, "%s",
			      free_names[i]);
	ck_assert_uint_eq(server.nr_queries, 0);
}
END_TEST

START_TEST(a_listed_tag_wins_over_a_probe_name)
{
	struct store_tag tag;

	server.tags[server.nr_tags++] = ".git";
	list_tags();
	ck_assert_int_eq(get_tag(".git", &tag), 0);
}
END_TEST

START_TEST(names_that_cannot_be_file_names_are_escaped_or_left_out)
{
	struct store_question q;
	struct store_tag tag;

	server_add(1, T0 - 9, "a/b,..,c");
	ck_assert_int_eq(get_question(st, 1, &q), 0);
	ck_assert_uint_eq(q.nr_tags, 3);
	ck_assert_int_eq(get_tag("a%2Fb", &tag), 0);
	ck_assert_int_eq(get_tag("%2E%2E", &tag), 0);
	ck_assert_int_eq(get_tag("..", &tag), -ENOENT);
	ck_assert_int_eq(list_all(st, 0, NULL, 0), 1);
}
END_TEST

START_TEST(a_tag_without_questions_is_an_empty_directory)
{
	struct store_tag tag;

	server.tags[server.nr_tags++] = "lonely";
	ck_assert_int_eq(get_tag("lonely", &tag), 0);
	ck_assert_int_eq(tag.mtime_s, 0);
	ck_assert_int_eq(list_all(st, tag.index, NULL, 0), 0);
}
END_TEST

START_TEST(the_time_of_a_tag_is_the_newest_activity_known)
{
	struct store_tag tag;

	server_add(1, T0 - 900, "c");
	server_add(2, T0 - 300, "c,git");
	server_add(3, T0 - 600, "git");
	ck_assert_int_eq(list_all(st, 0, NULL, 0), 3);
	ck_assert_int_eq(get_tag("c", &tag), 0);
	ck_assert_int_eq(tag.mtime_s, T0 - 300);
}
END_TEST

START_TEST(a_refresh_of_all_reads_the_tags_again_and_what_is_gone_disappears)
{
	struct store_tag tag;
	struct waiting w;

	server.tags[server.nr_tags++] = "old";
	server.tags[server.nr_tags++] = "both";
	server_add(1, T0 - 900, "both");
	ck_assert_str_eq(list_tags(), "old,both,");
	ck_assert_int_eq(list_all(st, 0, NULL, 0), 1);
	server.tags[0] = "new";
	clock_fake_advance(100000);
	waiting_init(&w);
	ck_assert_int_eq(store_refresh(st, 0, &w.w), -EINPROGRESS);
	server_answer_all();
	ck_assert_int_eq(w.nr_wakes, 1);
	ck_assert_str_eq(list_tags(), "both,new,");
	ck_assert_int_eq(get_tag("old", &tag), -ENOENT);
}
END_TEST

START_TEST(a_tag_keeps_its_index_and_its_name_while_it_is_gone)
{
	struct store_tag tag, again;
	struct waiting w;

	server_add(1, T0 - 900, "c");
	ck_assert_int_eq(list_all(st, 0, NULL, 0), 1);
	ck_assert_int_eq(get_tag("c", &tag), 0);
	server_delete(1);
	clock_fake_advance(100000);
	waiting_init(&w);
	ck_assert_int_eq(store_refresh(st, 1, &w.w), -EINPROGRESS);
	server_answer_all();
	ck_assert_int_eq(store_tag_by_index(st, tag.index, &again), -ENOENT);
	ck_assert_ptr_eq(again.name, tag.name);
	server.questions[0].is_deleted = false;
	clock_fake_advance(100000);
	waiting_init(&w);
	ck_assert_int_eq(store_refresh(st, 1, &w.w), -EINPROGRESS);
	server_answer_all();
	ck_assert_int_eq(get_tag("c", &again), 0);
	ck_assert_uint_eq(again.index, tag.index);
}
END_TEST

static Suite *store_tags_suite(void)
{
	Suite *s = suite_create("store_tags");
	TCase *tc = tcase_create("store_tags");

	tcase_set_timeout(tc, 60); /* sanitizers are slow */
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_list_of_tags_is_read_page_by_page_and_once);
	tcase_add_test(tc, the_reader_gets_the_first_page_at_once);
	tcase_add_test(tc, a_failed_page_of_the_list_fails_its_readers_and_is_asked_again);
	tcase_add_test(tc, more_tags_than_the_limit_are_cut);
	tcase_add_test(tc, a_complete_list_answers_for_all_names);
	tcase_add_test(tc, who_looks_up_a_tag_while_the_list_comes_waits_for_the_list);
	tcase_add_test(tc, a_tag_looked_up_by_name_costs_one_request_for_all_who_want_it);
	tcase_add_test(tc, an_absent_tag_is_remembered_for_a_minute);
	tcase_add_test(tc, a_failed_lookup_is_no_absence);
	tcase_add_test(tc, what_the_server_garbled_is_eio_and_not_enoent);
	tcase_add_test(tc, a_synonym_is_not_its_master);
	tcase_add_test(tc, names_that_programs_probe_for_and_impossible_ones_cost_nothing);
	tcase_add_test(tc, a_listed_tag_wins_over_a_probe_name);
	tcase_add_test(tc, names_that_cannot_be_file_names_are_escaped_or_left_out);
	tcase_add_test(tc, a_tag_without_questions_is_an_empty_directory);
	tcase_add_test(tc, the_time_of_a_tag_is_the_newest_activity_known);
	tcase_add_test(tc, a_refresh_of_all_reads_the_tags_again_and_what_is_gone_disappears);
	tcase_add_test(tc, a_tag_keeps_its_index_and_its_name_while_it_is_gone);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(store_tags_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
