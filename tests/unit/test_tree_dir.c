/* Reading directories: each name once, with whatever buffer, while others come and go. */
#include "tree_fixture.h"

enum { MAX = 2048 };

static struct listed l[MAX];

static void one_question(void)
{
	struct fake_question *q = server_add(5, T0 - 1000, "c,git");

	q->comment = "why?";
	q->nr_answers = 3;
	q->answers[0] = (struct fake_answer){ .id = 6, .text = "yes", .comment = "ok" };
	q->answers[1] = (struct fake_answer){ .id = 9, .text = "no" };
	q->answers[2] = (struct fake_answer){ .id = 7, .text = "perhaps", .comment = "oh" };
	server.tags[server.nr_tags++] = "c";
	server.tags[server.nr_tags++] = "git";
	server.tags[server.nr_tags++] = "lonely";
}

static const struct {
	const char *dir, *names; /* with a space behind each */
} dirs[] = {
	{ "", ".sofs README.md questions tags " },
	{ ".sofs", "status status.json errors " },
	{ "questions", "5 " },
	{ "tags", "c git lonely " },
	{ "tags/c", "5 " },
	{ "tags/lonely", "" },
	{ "questions/5", "body.md meta.json comments.md answers " },
	{ "tags/git/5", "body.md meta.json comments.md answers " },
	{ "questions/5/answers", "6.md 6.comments.md 7.md 7.comments.md 9.md " },
	{ "tags/c/5/answers", "6.md 6.comments.md 7.md 7.comments.md 9.md " },
};

static uint64_t dir_node(const char *path)
{
	return *path ? node(path) : 1;
}

START_TEST(each_directory_with_buffers_of_any_size)
{
	one_question();
	node("questions/5");
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		for (size_t room = 1; room <= 8; room++) {
			_cleanup_(strbuf_release) struct strbuf sb = STRBUF_INIT;
			size_t nr = readdir_all(dir_node(dirs[i].dir), room % 2, room, l, MAX);

			ck_assert_uint_ge(nr, 2);
			ck_assert_str_eq(l[0].name, ".");
			ck_assert_str_eq(l[1].name, "..");
			for (size_t k = 2; k < nr; k++)
				strbuf_addf(&sb, "%s ", l[k].name);
			ck_assert_str_eq(strbuf_str(&sb), dirs[i].names);
		}
	}
}
END_TEST

START_TEST(what_readdir_says_is_what_lookup_says)
{
	struct tree_entry e;

	one_question();
	node("questions/5");
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		uint64_t dir = dir_node(dirs[i].dir);
		size_t nr = readdir_all(dir, true, 3, l, MAX);

		for (size_t k = 2; k < nr; k++) {
			ck_assert_int_eq(lookup(dir, l[k].name, &e), 0);
			ck_assert_uint_eq(l[k].e.st.st_ino, e.st.st_ino);
			ck_assert_uint_eq(l[k].e.st.st_mode & S_IFMT, e.st.st_mode & S_IFMT);
			if (!l[k].e.nodeid) /* a snapshot is made when it is looked up */
				continue;
			ck_assert_uint_eq(l[k].e.nodeid, e.nodeid);
			ck_assert_int_eq(l[k].e.st.st_size, e.st.st_size);
			ck_assert_int_eq(l[k].e.st.st_mtim.tv_sec, e.st.st_mtim.tv_sec);
			ck_assert_uint_eq(l[k].e.st.st_nlink, e.st.st_nlink);
		}
	}
}
END_TEST

START_TEST(the_offset_behind_any_entry_leads_to_the_rest)
{
	one_question();
	node("questions/5");
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		uint64_t dir = dir_node(dirs[i].dir);
		size_t nr = readdir_all(dir, false, 100, l, MAX);

		for (size_t k = 0; k < nr; k++) {
			struct listed rest[20];
			int n = readdir_once(dir, l[k].next, false, rest, 20);

			ck_assert_int_eq(n, (int)(nr - k - 1));
			for (int j = 0; j < n; j++)
				ck_assert_str_eq(rest[j].name, l[k + 1 + (size_t)j].name);
		}
	}
}
END_TEST

START_TEST(readdirplus_counts_lookups_and_takes_back_what_did_not_fit)
{
	uint64_t dir;

	one_question();
	dir = node("questions/5/answers");
	ck_assert_uint_eq(tree_nr_inodes(tree), 2);
	ck_assert_int_eq(readdir_once(dir, 0, true, l, 4), 4); /* the dots and two more */
	ck_assert_uint_eq(tree_nr_inodes(tree), 4);
	ck_assert_uint_eq(l[0].e.nodeid, 0);
	ck_assert_uint_eq(l[1].e.nodeid, 0);
	tree_forget(tree, l[2].e.nodeid, 1);
	tree_forget(tree, l[3].e.nodeid, 1);
	ck_assert_uint_eq(tree_nr_inodes(tree), 2);
}
END_TEST

START_TEST(plain_readdir_counts_nothing)
{
	uint64_t dir;

	one_question();
	dir = node("questions/5/answers");
	ck_assert_uint_eq(readdir_all(dir, false, 100, l, MAX), 7);
	for (size_t i = 0; i < 7; i++)
		ck_assert_uint_eq(l[i].e.nodeid, 0);
	ck_assert_uint_eq(tree_nr_inodes(tree), 2);
}
END_TEST

START_TEST(a_buffer_without_room_is_no_end)
{
	uint64_t dir;

	one_question();
	dir = node("questions");
	ck_assert_int_eq(readdir_once(dir, 0, true, l, 0), 0);
	ck_assert_uint_eq(tree_nr_inodes(tree), 2);
	ck_assert_uint_eq(readdir_all(dir, true, 1, l, MAX), 3);
}
END_TEST

START_TEST(a_listing_is_delivered_while_it_streams_in)
{
	struct waiting w;
	uint64_t dir = node("questions");
	struct listing_buf b = { .entries = l, .room = MAX };

	server_add_many(1, 350, "c");
	waiting_init(&w);
	ck_assert_int_eq(tree_readdir(tree, dir, 2, true, fill_one, &b, &w.w), -EINPROGRESS);
	ck_assert(server_answer_one());
	ck_assert_int_eq(w.nr_wakes, 1);
	waiting_init(&w);
	ck_assert_int_eq(tree_readdir(tree, dir, 0, true, fill_one, &b, &w.w), 0);
	ck_assert_uint_eq(b.nr, 102);
	ck_assert(!store_cancel(f.store, &w.w)); /* who got something does not wait */
	b.nr = 0;
	ck_assert_int_eq(tree_readdir(tree, dir, l[101].next, true, fill_one, &b, &w.w),
			 -EINPROGRESS);
	ck_assert_uint_eq(b.nr, 0);
	server_answer_all();
	ck_assert_int_eq(w.nr_wakes, 1);
	ck_assert_int_eq(tree_readdir(tree, dir, l[101].next, true, fill_one, &b, NULL), 0);
	ck_assert_uint_eq(b.nr, 250);
}
END_TEST

START_TEST(each_name_once_while_questions_come_and_go)
{
	static bool seen[2000];
	uint64_t dir = node("questions");
	off_t off = 0;
	int64_t next_id = 1001;

	server_add_many(1, 250, "c");
	store_list_questions(f.store, 0, 0, &(struct store_question){ 0 }, 1, NULL);
	server_answer_all();
	for (int step = 0;; step++) {
		int64_t id;
		int n = readdir_once(dir, off, step % 2, l, 1);

		ck_assert_int_ge(n, 0);
		if (!n)
			break;
		off = l[0].next;
		id = atoll(l[0].name);
		if (!id)
			continue;
		ck_assert_int_lt(id, 2000);
		ck_assert(!seen[id]);
		seen[id] = true;
		if (step % 10 == 5) { /* what he has just read, and what he will not see any more */
			server_delete(id);
			refresh(id);
			server_delete(id + 3);
			refresh(id + 3);
			server_add(next_id, T0 + 5, "c");
			refresh(next_id++);
		}
		ck_assert_int_lt(step, 2000);
	}
	for (int64_t id = 1; id < 2000; id++)
		if (server_find(id))
			ck_assert(seen[id]);
}
END_TEST

START_TEST(a_failure_is_an_error_and_not_an_end)
{
	struct waiting w;
	struct listing_buf b = { .entries = l, .room = MAX };
	uint64_t dir = node("questions");

	server_add_many(1, 5, "c");
	waiting_init(&w);
	/* The dots are delivered; behind them the reader waits. */
	ck_assert_int_eq(tree_readdir(tree, dir, 0, true, fill_one, &b, &w.w), 0);
	ck_assert_uint_eq(b.nr, 2);
	b.nr = 0;
	ck_assert_int_eq(tree_readdir(tree, dir, l[1].next, true, fill_one, &b, &w.w),
			 -EINPROGRESS);
	server_fail_all(-EDQUOT);
	ck_assert_int_eq(w.nr_wakes, 1);
	ck_assert_int_eq(w.failure.err, -EDQUOT);
}
END_TEST

START_TEST(what_is_no_directory_any_more_says_so)
{
	uint64_t question, answers;

	one_question();
	ck_assert_int_eq(readdir_once(4711, 0, true, l, 9), -ESTALE);
	ck_assert_int_eq(readdir_once(node("questions/5/body.md"), 2, true, l, 9), -ENOTDIR);
	question = node("questions/5");
	answers = node("questions/5/answers");
	server_delete(5);
	refresh(5);
	ck_assert_int_eq(readdir_once(question, 2, true, l, 9), -ENOENT);
	ck_assert_int_eq(readdir_once(answers, 2, true, l, 9), -ENOENT);
}
END_TEST

START_TEST(a_tree_read_to_the_end_costs_the_listing_and_nothing_below_it)
{
	size_t nr;

	server_add_many(1, 100, "c");
	nr = readdir_all(node("questions"), true, 20, l, MAX);
	ck_assert_uint_eq(nr, 102);
	for (size_t i = 2; i < nr; i++) {
		struct listed files[8];
		size_t n = readdir_all(l[i].e.nodeid, true, 8, files, 16);

		ck_assert_uint_eq(n, 5);
		for (size_t k = 2; k < n; k++) {
			int err;

			if (S_ISREG(files[k].e.st.st_mode))
				free(node_text(files[k].e.nodeid, &err));
			else
				ck_assert_uint_eq(readdir_all(files[k].e.nodeid, true, 8,
							      &(struct listed[16]){ 0 }[0], 16),
						  2);
		}
	}
	ck_assert_uint_eq(server.nr_queries, 1);
}
END_TEST

static Suite *tree_dir_suite(void)
{
	Suite *s = suite_create("tree_dir");
	TCase *tc = tcase_create("tree_dir");

	tcase_set_timeout(tc, 60); /* sanitizers are slow */
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, each_directory_with_buffers_of_any_size);
	tcase_add_test(tc, what_readdir_says_is_what_lookup_says);
	tcase_add_test(tc, the_offset_behind_any_entry_leads_to_the_rest);
	tcase_add_test(tc, readdirplus_counts_lookups_and_takes_back_what_did_not_fit);
	tcase_add_test(tc, plain_readdir_counts_nothing);
	tcase_add_test(tc, a_buffer_without_room_is_no_end);
	tcase_add_test(tc, a_listing_is_delivered_while_it_streams_in);
	tcase_add_test(tc, each_name_once_while_questions_come_and_go);
	tcase_add_test(tc, a_failure_is_an_error_and_not_an_end);
	tcase_add_test(tc, what_is_no_directory_any_more_says_so);
	tcase_add_test(tc, a_tree_read_to_the_end_costs_the_listing_and_nothing_below_it);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(tree_dir_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
