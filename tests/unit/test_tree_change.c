/* What the kernel is told when something changes: all that it may remember, and nothing else. */
#include "tree_fixture.h"

#include <pthread.h>
#include <time.h>

enum { MAX = 2048 };

static struct listed l[MAX];

static void one_question(void)
{
	struct fake_question *q = server_add(5, T0 - 1000, "c");

	q->nr_answers = 2;
	q->answers[0] = (struct fake_answer){ .id = 6, .text = "yes" };
	q->answers[1] = (struct fake_answer){ .id = 9, .text = "no" };
	node("questions/5");
	take_notices();
}

static size_t count(const char *text, const char *line)
{
	size_t nr = 0;

	for (const char *p = text; (p = strstr(p, line)); p++)
		nr += p == text || p[-1] == '\n';
	return nr;
}

/* The line is among the notices, once. */
static void assert_told(const char *all, const char *line)
{
	ck_assert_msg(count(all, line) == 1, "\"%s\" is not once in:\n%s", line, all);
}

START_TEST(nothing_is_told_while_a_first_listing_streams_in)
{
	uint64_t dir = 0;

	server_add_many(1, 350, "c");
	server.tags[server.nr_tags++] = "c";
	dir = node(_i ? "tags/c" : "questions");
	ck_assert_uint_eq(readdir_all(dir, true, 13, l, MAX), 352);
	ck_assert_str_eq(take_notices(), "");
}
END_TEST

START_TEST(a_directory_read_to_its_end_is_told_of_a_new_name_once)
{
	uint64_t dir = node("questions");

	server_add_many(1, 50, "c");
	readdir_all(dir, true, 100, l, MAX);
	take_notices();
	server_add(1001, T0 + 1, "c");
	refresh(1001);
	ck_assert_str_eq(take_notices(), "inode questions\n");
	/* The kernel has dropped its listing; until it has read it again there is nothing to tell. */
	server_add(1002, T0 + 2, "c");
	refresh(1002);
	ck_assert_str_eq(take_notices(), "");
}
END_TEST

START_TEST(a_name_that_was_absent_is_told_when_it_appears)
{
	struct tree_entry e;
	uint64_t dir = node("questions");

	ck_assert_int_eq(lookup(dir, "77", &e), -ENOENT);
	server_add(77, T0 + 1, "c");
	server_add(78, T0 + 1, "c");
	refresh(78);
	ck_assert_str_eq(take_notices(), "");
	refresh(77);
	ck_assert_str_eq(take_notices(), "entry questions/77\n");
	ck_assert_int_eq(lookup(dir, "77", &e), 0);
	server_find(77)->score = 5;
	refresh(77);
	ck_assert_uint_eq(count(take_notices(), "entry questions/77\n"), 0);
}
END_TEST

START_TEST(an_absent_tag_is_told_when_a_question_brings_it)
{
	struct tree_entry e;
	uint64_t tags = node("tags");

	ck_assert_int_eq(lookup(tags, "new", &e), -ENOENT);
	server_add(5, T0 - 9, "new");
	refresh(5);
	ck_assert_str_eq(take_notices(), "entry tags/new\n");
}
END_TEST

START_TEST(absent_files_are_told_when_they_appear)
{
	struct tree_entry e;
	uint64_t question, answers;

	one_question();
	question = node("questions/5");
	answers = node("questions/5/answers");
	ck_assert_int_eq(lookup(question, "comments.md", &e), -ENOENT);
	ck_assert_int_eq(lookup(answers, "7.md", &e), -ENOENT);
	ck_assert_int_eq(lookup(answers, "6.comments.md", &e), -ENOENT);
	server_find(5)->comment = "why?";
	server_find(5)->nr_answers = 3;
	server_find(5)->answers[0].comment = "ok";
	server_find(5)->answers[2] = (struct fake_answer){ .id = 7, .text = "x" };
	refresh(5);
	assert_told(strbuf_str(&notices), "entry questions/5/comments.md\n");
	assert_told(strbuf_str(&notices), "entry questions/5/answers/7.md\n");
	assert_told(strbuf_str(&notices), "entry questions/5/answers/6.comments.md\n");
}
END_TEST

START_TEST(a_changed_text_is_told_in_each_view_that_is_known)
{
	const char *told;

	one_question();
	node("questions/5/body.md");
	node("questions/5");
	node("tags/c/5");
	server_edit(5, "Another", T0);
	refresh(5);
	told = take_notices();
	assert_told(told, "entry questions/5/body.md\n");
	assert_told(told, "entry tags/c/5/body.md\n");
	assert_told(told, "attr questions/5\n");
	assert_told(told, "attr tags/c/5\n");
	ck_assert_uint_eq(count(told, "entry questions/5/answers"), 0); /* unknown to the kernel */
}
END_TEST

START_TEST(nobody_is_told_of_what_the_kernel_does_not_know)
{
	server_add(5, T0 - 9, "c");
	refresh(5);
	server_edit(5, "Another", T0);
	refresh(5);
	server_delete(5);
	refresh(5);
	ck_assert_str_eq(take_notices(), "");
}
END_TEST

START_TEST(a_deleted_question_is_told_in_each_view)
{
	uint64_t questions = node("questions");
	const char *told;

	one_question();
	node("tags");
	readdir_all(questions, true, 100, l, MAX);
	readdir_all(node("tags/c"), true, 100, l, MAX);
	take_notices();
	server_delete(5);
	refresh(5);
	told = take_notices();
	assert_told(told, "entry questions/5\n");
	assert_told(told, "inode questions\n");
	assert_told(told, "entry tags/c/5\n");
	assert_told(told, "inode tags/c\n");
	assert_told(told, "entry tags/c\n"); /* it was the last with this tag */
}
END_TEST

/* The kernel never goes on filling a listing that was dropped before it was complete. */
START_TEST(a_listing_that_is_not_complete_is_dropped_only_at_its_end)
{
	uint64_t dir;
	int n;

	server_add_many(1, 30, "c");
	readdir_all(node("questions"), true, 100, l, MAX);
	dir = node("tags/c");
	ck_assert_int_eq(readdir_once(dir, 0, true, l, 20), 20);
	server_delete(3);
	refresh(3);
	ck_assert_uint_eq(count(take_notices(), "inode tags/c\n"), 0);
	n = readdir_once(dir, l[19].next, true, l, 20);
	ck_assert_int_eq(n, 12);
	ck_assert_str_eq(take_notices(), "");
	ck_assert_int_eq(readdir_once(dir, l[n - 1].next, true, l, 20), 0);
	ck_assert_str_eq(take_notices(), "inode tags/c\n");
	/* Read again from the front, it is whole and true. */
	ck_assert_uint_eq(readdir_all(dir, true, 100, l, MAX), 31);
	ck_assert_str_eq(take_notices(), "");
}
END_TEST

START_TEST(another_tag_is_told_as_a_move_and_a_changed_link_count)
{
	const char *told;

	one_question();
	node("questions/5/answers/6.md");
	node("tags/c");
	server_find(5)->tags = "c,git";
	refresh(5);
	told = take_notices();
	assert_told(told, "attr questions/5/answers/6.md\n");
	node("tags/git");
	server_find(5)->tags = "git";
	refresh(5);
	assert_told(strbuf_str(&notices), "entry tags/c/5\n");
	ck_assert_uint_eq(count(strbuf_str(&notices), "entry tags/git/5\n"), 0);
}
END_TEST

START_TEST(a_question_that_gets_a_tag_is_told_to_who_was_denied_it_there)
{
	struct tree_entry e;
	uint64_t git;

	one_question();
	server_add(8, T0 - 7, "git");
	node("questions/8");
	git = node("tags/git");
	readdir_all(git, true, 100, l, MAX);
	ck_assert_int_eq(lookup(git, "5", &e), -ENOENT);
	take_notices();
	server_find(5)->tags = "c,git";
	refresh(5);
	assert_told(strbuf_str(&notices), "entry tags/git/5\n");
	assert_told(strbuf_str(&notices), "inode tags/git\n");
}
END_TEST

START_TEST(votes_touch_only_meta_json_and_times)
{
	const char *told;

	one_question();
	node("questions/5");
	node("questions/5/body.md");
	node("questions/5/meta.json");
	server_find(5)->score = 12;
	refresh(5);
	told = take_notices();
	assert_told(told, "entry questions/5/meta.json\n");
	ck_assert_uint_eq(count(told, "entry questions/5/body.md\n"), 0);
}
END_TEST

START_TEST(new_activity_is_told_of_the_directories_that_show_its_time)
{
	static const char *const dirs[] = { "questions", "tags", "tags/c", "tags/c/5",
					    "questions/5" };
	char line[64];
	const char *told;

	one_question();
	server_add(7, T0 - 900, "git");
	refresh(7);
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		node(dirs[i]);
	node("tags/git");
	take_notices();
	server_find(5)->activity_s = T0 - 10;
	refresh(5);
	told = take_notices();
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		snprintf(line, sizeof(line), "attr %s\n", dirs[i]);
		assert_told(told, line);
	}
	ck_assert_uint_eq(count(told, "attr tags/git\n"), 0);
	server_find(5)->score = 3;
	refresh(5);
	told = take_notices();
	ck_assert_uint_eq(count(told, "attr questions\n") + count(told, "attr tags\n") +
				  count(told, "attr tags/c\n"),
			  0);
}
END_TEST

/* A name that comes in behind the place of a reader in the middle of a directory: he will not see it, and the kernel
 * must not keep his listing for the whole truth. */
START_TEST(a_name_that_a_reader_in_the_middle_has_passed_is_told_at_his_end)
{
	uint64_t dir;
	int n;

	one_question();
	dir = node("questions/5/answers");
	n = readdir_once(dir, 0, true, l, 4); /* ., .., 6.md, 9.md */
	ck_assert_int_eq(n, 4);
	take_notices();
	server_find(5)->answers[0].comment = "ok"; /* 6.comments.md */
	refresh(5);
	take_notices();
	ck_assert_int_eq(readdir_once(dir, l[3].next, true, l, 4), 0);
	ck_assert_str_eq(take_notices(), "inode questions/5/answers\n");
}
END_TEST

START_TEST(a_question_that_returns_behind_a_reader_is_told_at_his_end)
{
	const char *const paths[] = { "questions", "tags/c", "tags" };
	struct fake_question *q = server_add(1, T0 - 90000, "gone,c");
	uint64_t dir;
	int n;

	server_add_many(2, 3, "c");
	readdir_all(node("questions"), true, 100, l, MAX);
	dir = node(paths[_i]);
	n = (int)readdir_all(dir, true, 100, l, MAX);
	q->is_deleted = true;
	refresh(1);
	ck_assert_int_eq(readdir_once(dir, 0, true, l, n - 1), n - 1);
	take_notices();
	q->is_deleted = false;
	refresh(1);
	take_notices();
	ck_assert_int_eq(readdir_once(dir, l[n - 2].next, true, l, 4), 0);
	snprintf(l[0].name, sizeof(l[0].name), "inode %s\n", paths[_i]);
	ck_assert_uint_eq(count(take_notices(), l[0].name), 1);
}
END_TEST

START_TEST(a_name_that_came_while_nobody_read_is_told_once)
{
	uint64_t dir;

	one_question();
	dir = node("questions/5/answers");
	readdir_all(dir, true, 100, l, MAX);
	take_notices();
	server_find(5)->answers[0].comment = "ok";
	refresh(5);
	assert_told(take_notices(), "inode questions/5/answers\n");
	ck_assert_uint_eq(readdir_all(dir, true, 100, l, MAX), 5);
	ck_assert_str_eq(take_notices(), "");
}
END_TEST

START_TEST(a_question_tagged_behind_a_reader_of_the_tag_is_told_at_his_end)
{
	uint64_t dir;
	int n;

	server_add_many(1, 30, "c");
	server_find(3)->tags = "git";
	ck_assert_uint_eq(readdir_all(node("questions"), true, 50, l, MAX), 32);
	dir = node("tags/c");
	n = readdir_once(dir, 0, true, l, 20);
	ck_assert_int_eq(n, 20);
	server_find(3)->tags = "git,c";
	refresh(3);
	take_notices();
	n = readdir_once(dir, l[19].next, true, l, 20);
	ck_assert_int_eq(n, 11);
	ck_assert_int_eq(readdir_once(dir, l[10].next, true, l, 20), 0);
	ck_assert_str_eq(take_notices(), "inode tags/c\n");
}
END_TEST

START_TEST(a_buffer_without_room_is_not_the_end_of_the_directory)
{
	uint64_t dir = node("questions");

	server_add_many(1, 5, "c");
	ck_assert_int_eq(readdir_once(dir, 0, true, l, 4), 2);
	ck_assert_int_eq(readdir_once(dir, 2, true, l, 4), 4);
	ck_assert_int_eq(readdir_once(dir, l[3].next, true, l, 0), 0);
	server_add(1001, T0 + 1, "c");
	refresh(1001);
	ck_assert_str_eq(take_notices(), "");
}
END_TEST

/* ---- Many at once -------------------------------------------------------------------------------- */

START_TEST(so_many_absent_names_that_they_cannot_be_remembered)
{
	struct tree_entry e;
	uint64_t dir = node("questions");

	for (int i = 0; i < 100100; i++) {
		char name[16];

		snprintf(name, sizeof(name), "x%d", i);
		ck_assert_int_eq(lookup(dir, name, &e), -ENOENT);
	}
	server_add(77, T0 + 1, "c");
	refresh(77);
	ck_assert_str_eq(take_notices(), "entry questions/77\n"); /* to be sure */
}
END_TEST

static _Atomic bool is_over;

/* Looks a file up and reads it, again and again. What was looked up can be read, though it was replaced in the very moment: at
 * once, or when the news of it have come. */
static void *reader(void *arg)
{
	uint64_t dir = *(uint64_t *)arg;

	while (!is_over) {
		struct tree_entry e;
		struct blob *b;
		size_t off, size;
		int r = tree_lookup(tree, dir, "body.md", &e, NULL);

		ck_assert_int_eq(r, 0);
		for (int i = 0; i < 2000; i++) {
			r = tree_get_text(tree, e.nodeid, &b, &off, &size, NULL);
			if (r != -ESTALE || is_over)
				break;
			nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
		}
		if (is_over && r < 0)
			break;
		ck_assert_int_eq(r, 0);
		ck_assert_int_eq(b->data[off], '-');
		ck_assert_int_eq(b->data[off + size - 1], '\n');
		ck_assert_int_eq((off_t)size, e.st.st_size);
		blob_unref(b);
		tree_forget(tree, e.nodeid, 1);
	}
	return NULL;
}

START_TEST(readers_of_a_file_that_changes_all_the_time)
{
	static const char *const texts[] = { "a", "bb", "ccc", "dddd" };
	pthread_t readers[2];
	uint64_t dir;

	server.allows_repeats = true;
	one_question();
	dir = node("questions/5");
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&readers[i], NULL, reader, &dir), 0);
	for (int i = 0; i < 1500; i++) {
		struct waiting w;

		server.nr_queries = 0;
		server_edit(5, texts[i % 4], T0);
		waiting_init(&w);
		ck_assert_int_eq(store_refresh(f.store, 5, &w.w), -EINPROGRESS);
		while (!w.nr_wakes)
			server_answer_one();
		strbuf_reset(&notices);
	}
	is_over = true;
	for (int i = 0; i < 2; i++)
		pthread_join(readers[i], NULL);
	tree_forget(tree, dir, 2);
	ck_assert_uint_le(tree_nr_inodes(tree), 1 + 2);
}
END_TEST

static Suite *tree_change_suite(void)
{
	Suite *s = suite_create("tree_change");
	TCase *tc = tcase_create("tree_change");

	tcase_set_timeout(tc, 60); /* sanitizers are slow */
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, nothing_is_told_while_a_first_listing_streams_in, 0, 2);
	tcase_add_test(tc, a_directory_read_to_its_end_is_told_of_a_new_name_once);
	tcase_add_test(tc, a_name_that_was_absent_is_told_when_it_appears);
	tcase_add_test(tc, an_absent_tag_is_told_when_a_question_brings_it);
	tcase_add_test(tc, absent_files_are_told_when_they_appear);
	tcase_add_test(tc, a_changed_text_is_told_in_each_view_that_is_known);
	tcase_add_test(tc, nobody_is_told_of_what_the_kernel_does_not_know);
	tcase_add_test(tc, a_listing_that_is_not_complete_is_dropped_only_at_its_end);
	tcase_add_test(tc, a_deleted_question_is_told_in_each_view);
	tcase_add_test(tc, another_tag_is_told_as_a_move_and_a_changed_link_count);
	tcase_add_test(tc, a_question_that_gets_a_tag_is_told_to_who_was_denied_it_there);
	tcase_add_test(tc, votes_touch_only_meta_json_and_times);
	tcase_add_test(tc, new_activity_is_told_of_the_directories_that_show_its_time);
	tcase_add_test(tc, a_name_that_a_reader_in_the_middle_has_passed_is_told_at_his_end);
	tcase_add_loop_test(tc, a_question_that_returns_behind_a_reader_is_told_at_his_end, 0, 3);
	tcase_add_test(tc, a_name_that_came_while_nobody_read_is_told_once);
	tcase_add_test(tc, a_question_tagged_behind_a_reader_of_the_tag_is_told_at_his_end);
	tcase_add_test(tc, so_many_absent_names_that_they_cannot_be_remembered);
	tcase_add_test(tc, a_buffer_without_room_is_not_the_end_of_the_directory);
	tcase_add_test(tc, readers_of_a_file_that_changes_all_the_time);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(tree_change_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
