/* Names, attributes, texts and versions, as the kernel sees them. */
#include "tree_fixture.h"

/* A question with everything: two tags, a comment, two answers of which one has a comment. */
static struct fake_question *full_question(void)
{
	struct fake_question *q = server_add(5, T0 - 1000, "c,git");

	q->activity_s = T0 - 100;
	q->edited_s = T0 - 300;
	q->comment = "why?";
	q->comment_s = T0 - 200;
	q->nr_answers = 2;
	q->answers[0] = (struct fake_answer){ .id = 6, .text = "yes", .comment = "ok" };
	q->answers[1] = (struct fake_answer){ .id = 9, .text = "", .edited_s = T0 - 150 };
	return q;
}

static const struct {
	const char *path;
	mode_t mode;
	nlink_t nlink;
	int64_t mtime_s;
} names[] = {
	{ "README.md", S_IFREG | 0444, 1, T0 - 7 },
	{ ".sofs", S_IFDIR | 0555, 1, T0 - 7 },
	{ ".sofs/status", S_IFREG | 0444, 1, T0 },
	{ ".sofs/status.json", S_IFREG | 0444, 1, T0 },
	{ ".sofs/errors", S_IFREG | 0444, 1, T0 },
	{ "questions", S_IFDIR | 0555, 1, T0 - 100 },
	{ "tags", S_IFDIR | 0555, 1, T0 - 100 },
	{ "tags/git", S_IFDIR | 0555, 1, T0 - 100 },
	{ "tags/git/5", S_IFDIR | 0555, 1, T0 - 100 },
	{ "tags/git/5/body.md", S_IFREG | 0444, 3, T0 - 300 },
	{ "tags/git/5/answers", S_IFDIR | 0555, 1, T0 - 100 },
	{ "tags/git/5/answers/6.md", S_IFREG | 0444, 3, T0 - 990 },
	{ "questions/5", S_IFDIR | 0555, 1, T0 - 100 },
	{ "questions/5/body.md", S_IFREG | 0444, 3, T0 - 300 },
	{ "questions/5/meta.json", S_IFREG | 0444, 3, T0 - 100 },
	{ "questions/5/comments.md", S_IFREG | 0444, 3, T0 - 200 },
	{ "questions/5/answers", S_IFDIR | 0555, 1, T0 - 100 },
	{ "questions/5/answers/6.md", S_IFREG | 0444, 3, T0 - 990 },
	{ "questions/5/answers/6.comments.md", S_IFREG | 0444, 3, T0 - 980 },
	{ "questions/5/answers/9.md", S_IFREG | 0444, 3, T0 - 150 },
};

START_TEST(every_name_has_its_attributes)
{
	struct tree_entry e;

	full_question();
	node("questions/5");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct stat st;
		double timeout;

		ck_assert_msg(walk(names[i].path, &e) == 0, "%s", names[i].path);
		ck_assert_uint_eq(e.st.st_mode, names[i].mode);
		ck_assert_uint_eq(e.st.st_nlink, names[i].nlink);
		ck_assert_msg(e.st.st_mtim.tv_sec == names[i].mtime_s, "%s", names[i].path);
		ck_assert_uint_eq(e.st.st_uid, 1000);
		ck_assert_uint_eq(e.st.st_gid, 100);
		/* What getattr says is the same. */
		ck_assert_int_eq(tree_getattr(tree, e.nodeid, &st, &timeout), 0);
		ck_assert_uint_eq(st.st_ino, e.st.st_ino);
		ck_assert_uint_eq(st.st_mode, e.st.st_mode);
		ck_assert_int_eq(st.st_size, e.st.st_size);
		ck_assert_int_eq(st.st_mtim.tv_sec, e.st.st_mtim.tv_sec);
		ck_assert_uint_eq(st.st_nlink, e.st.st_nlink);
		if (S_ISREG(st.st_mode)) {
			int err;
			_cleanup_free_ char *s = node_text(e.nodeid, &err);

			ck_assert_ptr_nonnull(s);
			ck_assert_int_eq(st.st_size, (off_t)strlen(s));
		}
	}
}
END_TEST

static const struct {
	const char *dir, *name;
	double timeout_s;
} absent[] = {
	{ "", "nothing", TREE_FOREVER },
	{ "", ".git", TREE_FOREVER },
	{ "questions", "abc", TREE_FOREVER },
	{ "questions", "05", TREE_FOREVER },
	{ "questions", "-5", TREE_FOREVER },
	{ "questions", "9007199254740993", TREE_FOREVER },
	{ "questions", ".hidden", TREE_FOREVER },
	{ "questions", "77", 60 },
	{ "tags", ".git", TREE_FOREVER },
	{ "tags", "java", 60 },
	{ "tags/git", "12", TREE_FOREVER }, /* it is here, but has another tag */
	{ "tags/git", "78", 60 },
	{ "tags/git", "x", TREE_FOREVER },
	{ "questions/5", "comment.md", TREE_FOREVER },
	{ "questions/5", "answers.md", TREE_FOREVER },
	{ "questions/5", "6.md", TREE_FOREVER },
	{ "questions/5/answers", "body.md", TREE_FOREVER },
	{ "questions/5/answers", "7.md", TREE_FOREVER },
	{ "questions/5/answers", "06.md", TREE_FOREVER },
	{ "questions/5/answers", ".md", TREE_FOREVER },
	{ "questions/5/answers", "9.comments.md", TREE_FOREVER },
	{ "questions/5/answers", "5.md", TREE_FOREVER },
	{ ".sofs", "nothing", TREE_FOREVER },
};

START_TEST(absent_names_are_remembered_as_long_as_that_holds)
{
	struct tree_entry e;

	full_question();
	server_add(12, T0 - 50, "c");
	node("questions/5");
	node("questions/12");
	for (size_t i = 0; i < ARRAY_SIZE(absent); i++) {
		uint64_t dir = *absent[i].dir ? node(absent[i].dir) : 1;

		ck_assert_msg(lookup(dir, absent[i].name, &e) == -ENOENT, "%s/%s", absent[i].dir,
			      absent[i].name);
		ck_assert_uint_eq(e.nodeid, 0);
		ck_assert_msg(e.entry_timeout_s == absent[i].timeout_s, "%s/%s", absent[i].dir,
			      absent[i].name);
	}
	/* Three ids and a tag were asked for, and the names that cannot be were not. */
	ck_assert_uint_eq(server_counts(0).ids, 4);
	ck_assert_uint_eq(server_counts(0).tag_infos, 1);
}
END_TEST

START_TEST(what_is_not_a_directory_or_not_a_file_says_so)
{
	struct tree_entry e;
	struct stat st;
	double timeout;
	struct blob *b;
	size_t off, size;

	full_question();
	ck_assert_int_eq(lookup(node("README.md"), "x", &e), -ENOTDIR);
	ck_assert_int_eq(lookup(node("questions/5/body.md"), "x", &e), -ENOTDIR);
	ck_assert_int_eq(tree_get_text(tree, node("questions/5"), &b, &off, &size, NULL), -EISDIR);
	ck_assert_int_eq(lookup(4711, "x", &e), -ESTALE);
	ck_assert_int_eq(tree_getattr(tree, 4711, &st, &timeout), -ESTALE);
	ck_assert_int_eq(tree_get_text(tree, 4711, &b, &off, &size, NULL), -ESTALE);
}
END_TEST

/* ---- The table ----------------------------------------------------------------------------------- */

START_TEST(lookups_are_counted_and_the_last_forget_frees)
{
	uint64_t n;

	full_question();
	ck_assert_uint_eq(tree_nr_inodes(tree), 1);
	n = node("questions/5/body.md");
	ck_assert_uint_eq(node("questions/5/body.md"), n);
	ck_assert_uint_eq(node("questions/5/body.md"), n);
	ck_assert_uint_eq(tree_nr_inodes(tree), 2);
	tree_forget(tree, n, 1);
	tree_forget(tree, n, 1);
	ck_assert_uint_eq(tree_nr_inodes(tree), 2);
	tree_forget(tree, n, 1);
	ck_assert_uint_eq(tree_nr_inodes(tree), 1);
	ck_assert_uint_ne(node("questions/5/body.md"), n); /* a node id is never used twice */
}
END_TEST

START_TEST(forgetting_too_much_or_the_root_does_no_harm)
{
	struct tree_entry e;
	uint64_t n = node("questions");

	tree_forget(tree, n, 100);
	tree_forget(tree, n, 1);
	tree_forget(tree, 4711, 1);
	tree_forget(tree, 1, 100);
	ck_assert_uint_eq(tree_nr_inodes(tree), 1);
	ck_assert_int_eq(lookup(1, "tags", &e), 0);
}
END_TEST

START_TEST(a_lookup_that_waits_is_not_counted)
{
	struct tree_entry e;
	struct waiting w;
	uint64_t dir = node("questions");

	full_question();
	waiting_init(&w);
	ck_assert_int_eq(tree_lookup(tree, dir, "5", &e, &w.w), -EINPROGRESS);
	server_answer_all();
	ck_assert_int_eq(w.nr_wakes, 1);
	ck_assert_uint_eq(tree_nr_inodes(tree), 2);
}
END_TEST

START_TEST(a_file_is_one_inode_in_all_views_and_a_directory_is_not)
{
	static const char *const files[] = { "body.md", "meta.json", "answers/6.md" };
	struct tree_entry a, b;

	full_question();
	node("questions/5");
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char path[64];

		snprintf(path, sizeof(path), "questions/5/%s", files[i]);
		ck_assert_int_eq(walk(path, &a), 0);
		snprintf(path, sizeof(path), "tags/git/5/%s", files[i]);
		ck_assert_int_eq(walk(path, &b), 0);
		ck_assert_uint_eq(a.nodeid, b.nodeid);
		ck_assert_uint_eq(a.st.st_ino, b.st.st_ino);
	}
	ck_assert_int_eq(walk("questions/5", &a), 0);
	ck_assert_int_eq(walk("tags/c/5", &b), 0);
	ck_assert_uint_ne(a.nodeid, b.nodeid);
	ck_assert_uint_ne(a.st.st_ino, b.st.st_ino);
}
END_TEST

static int compare_numbers(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The inode numbers of everything below a directory, appended. */
static size_t add_numbers(uint64_t dir, uint64_t *ret, size_t nr)
{
	struct listed *l = calloc(2048, sizeof(*l));
	size_t n;

	ck_assert_ptr_nonnull(l);
	n = readdir_all(dir, true, 7, l, 2048);
	for (size_t i = 2; i < n; i++) {
		if (!l[i].e.nodeid)
			continue; /* a snapshot */
		ret[nr++] = l[i].e.st.st_ino;
		if (S_ISDIR(l[i].e.st.st_mode))
			nr = add_numbers(l[i].e.nodeid, ret, nr);
	}
	free(l);
	return nr;
}

/* Names in questions/ and in the tags; a file has the same number in each of its views. */
static size_t all_numbers(uint64_t *ret)
{
	size_t nr = add_numbers(1, ret, 0), distinct = 0;

	qsort(ret, nr, sizeof(*ret), compare_numbers);
	for (size_t i = 0; i < nr; i++)
		if (!distinct || ret[distinct - 1] != ret[i])
			ret[distinct++] = ret[i];
	return distinct;
}

START_TEST(inode_numbers_are_distinct_and_the_same_after_a_remount)
{
	static uint64_t before[30000], after[30000];
	size_t nr;
	struct tree *old;

	server_add_many(1, 1000, "c,git");
	for (size_t i = 0; i < 1000; i++) {
		struct fake_question *q = &server.questions[i];

		q->id = (int64_t)i * 3 + ((int64_t)1 << 52);
		q->nr_answers = 2;
		q->answers[0] = (struct fake_answer){ q->id + 1, "yes", 0, "why?" };
		q->answers[1] = (struct fake_answer){ q->id + 2, "no", 0, NULL };
	}
	server.tags[server.nr_tags++] = "c";
	server.tags[server.nr_tags++] = "git";
	nr = all_numbers(before);
	/* Files: body, meta, two answers, comments; directories: 2 in each of 3 views; tags; the top. */
	ck_assert_uint_eq(nr, 1000 * (5 + 6) + 2 + 4);
	old = tree;
	fixture_close(&f);
	tree_free(old);
	clock_fake_advance(100000);
	fixture_open(&f);
	tree = new_tree();
	ck_assert_uint_eq(all_numbers(after), nr);
	ck_assert_int_eq(memcmp(before, after, nr * sizeof(*before)), 0);
}
END_TEST

/* ---- Versions ------------------------------------------------------------------------------------ */

START_TEST(a_changed_text_is_a_new_node_with_the_same_number_and_the_old_one_keeps_its_text)
{
	struct tree_entry old, new;

	full_question();
	ck_assert_int_eq(walk("questions/5/answers/6.md", &old), 0);
	server_find(5)->answers[0].text = "perhaps";
	server_find(5)->activity_s = T0;
	refresh(5);
	assert_node_text(old.nodeid, "yes\n"); /* who has it open reads on */
	ck_assert_int_eq(walk("questions/5/answers/6.md", &new), 0);
	ck_assert_uint_ne(new.nodeid, old.nodeid);
	ck_assert_uint_eq(new.st.st_ino, old.st.st_ino);
	assert_node_text(new.nodeid, "perhaps\n");
	assert_node_text(old.nodeid, "yes\n");
	tree_forget(tree, old.nodeid, 1);
	tree_forget(tree, new.nodeid, 1);
	ck_assert_uint_eq(tree_nr_inodes(tree), 1);
}
END_TEST

START_TEST(several_versions_are_kept_side_by_side)
{
	static const char *const texts[] = { "one", "two", "three", "four" };
	uint64_t nodes[ARRAY_SIZE(texts)];
	struct fake_question *q = full_question();

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		q->answers[0].text = texts[i];
		refresh(5);
		nodes[i] = node("tags/c/5/answers/6.md");
	}
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		char expected[16];

		snprintf(expected, sizeof(expected), "%s\n", texts[i]);
		assert_node_text(nodes[i], expected);
	}
}
END_TEST

START_TEST(a_text_that_did_not_change_keeps_its_node)
{
	uint64_t body, answer;
	struct fake_question *q = full_question();

	body = node("questions/5/body.md");
	answer = node("questions/5/answers/9.md");
	q->score = 12;
	refresh(5);
	ck_assert_uint_eq(node("questions/5/body.md"), body);
	ck_assert_uint_eq(node("questions/5/answers/9.md"), answer);
}
END_TEST

START_TEST(a_deleted_post_can_still_be_read_by_who_has_it_open)
{
	struct tree_entry e;
	uint64_t body, answer, dir;
	struct stat st;
	double timeout;

	full_question();
	body = node("questions/5/body.md");
	answer = node("questions/5/answers/6.md");
	dir = node("questions/5");
	server_delete(5);
	refresh(5);
	ck_assert_int_eq(walk("questions/5", &e), -ENOENT);
	assert_node_text(answer, "yes\n");
	ck_assert_int_eq(tree_getattr(tree, body, &st, &timeout), 0);
	ck_assert_int_gt(st.st_size, 0);
	ck_assert_int_eq(tree_getattr(tree, dir, &st, &timeout), -ENOENT);
	ck_assert_int_eq(lookup(dir, "body.md", &e), -ENOENT);
}
END_TEST

START_TEST(a_vote_or_an_answer_moves_the_time_of_the_directory)
{
	struct fake_question *q = full_question();
	struct stat st;
	double timeout;
	uint64_t dir;

	node("questions/5");
	dir = node("tags/git/5");
	q->activity_s = T0 + 9;
	refresh(5);
	ck_assert_int_eq(tree_getattr(tree, dir, &st, &timeout), 0);
	ck_assert_int_eq(st.st_mtim.tv_sec, T0 + 9);
}
END_TEST

START_TEST(the_link_count_follows_the_tags)
{
	struct fake_question *q = full_question();
	uint64_t n = node("questions/5/answers/9.md");
	struct stat st;
	double timeout;

	q->tags = "c";
	refresh(5);
	ck_assert_int_eq(tree_getattr(tree, n, &st, &timeout), 0);
	ck_assert_uint_eq(st.st_nlink, 2);
}
END_TEST

/* ---- Snapshots ----------------------------------------------------------------------------------- */

START_TEST(each_lookup_of_a_snapshot_makes_a_new_one_with_its_exact_size)
{
	struct tree_entry a, b;

	snapshot_text = "one\n";
	ck_assert_int_eq(walk(".sofs/status", &a), 0);
	snapshot_text = "number two\n";
	ck_assert_int_eq(walk(".sofs/status", &b), 0);
	ck_assert_uint_ne(a.nodeid, b.nodeid);
	ck_assert_uint_eq(a.st.st_ino, b.st.st_ino);
	ck_assert_double_eq(a.entry_timeout_s, 0);
	assert_node_text(a.nodeid, "one\n");
	assert_node_text(b.nodeid, "number two\n");
	tree_forget(tree, a.nodeid, 1);
	tree_forget(tree, b.nodeid, 1);
	ck_assert_uint_eq(tree_nr_inodes(tree), 1);
}
END_TEST

START_TEST(messages_name_the_path)
{
	static const char *const paths[] = { "README.md",
					     ".sofs",
					     ".sofs/errors",
					     "questions",
					     "tags",
					     "tags/git",
					     "tags/git/5",
					     "tags/git/5/answers",
					     "questions/5",
					     "questions/5/answers",
					     "questions/5/body.md",
					     "questions/5/answers/6.comments.md" };
	_cleanup_(strbuf_release) struct strbuf sb = STRBUF_INIT;

	full_question();
	node("questions/5");
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		strbuf_reset(&sb);
		tree_add_path(tree, node(paths[i]), NULL, &sb);
		ck_assert_str_eq(strbuf_str(&sb), paths[i]);
	}
	strbuf_reset(&sb);
	tree_add_path(tree, 1, "nothing", &sb);
	ck_assert_str_eq(strbuf_str(&sb), "nothing");
	strbuf_reset(&sb);
	tree_add_path(tree, node("tags/c"), "77", &sb);
	ck_assert_str_eq(strbuf_str(&sb), "tags/c/77");
}
END_TEST

static Suite *tree_tree_suite(void)
{
	Suite *s = suite_create("tree_tree");
	TCase *tc = tcase_create("tree_tree");

	tcase_set_timeout(tc, 60); /* sanitizers are slow */
	tcase_add_checked_fixture(tc, setup, teardown);

	tcase_add_test(tc, every_name_has_its_attributes);
	tcase_add_test(tc, absent_names_are_remembered_as_long_as_that_holds);
	tcase_add_test(tc, what_is_not_a_directory_or_not_a_file_says_so);
	tcase_add_test(tc, lookups_are_counted_and_the_last_forget_frees);
	tcase_add_test(tc, forgetting_too_much_or_the_root_does_no_harm);
	tcase_add_test(tc, a_lookup_that_waits_is_not_counted);
	tcase_add_test(tc, a_file_is_one_inode_in_all_views_and_a_directory_is_not);
	tcase_add_test(tc, inode_numbers_are_distinct_and_the_same_after_a_remount);
	tcase_add_test(
		tc,
		a_changed_text_is_a_new_node_with_the_same_number_and_the_old_one_keeps_its_text);
	tcase_add_test(tc, several_versions_are_kept_side_by_side);
	tcase_add_test(tc, a_text_that_did_not_change_keeps_its_node);
	tcase_add_test(tc, a_deleted_post_can_still_be_read_by_who_has_it_open);
	tcase_add_test(tc, a_vote_or_an_answer_moves_the_time_of_the_directory);
	tcase_add_test(tc, the_link_count_follows_the_tags);
	tcase_add_test(tc, each_lookup_of_a_snapshot_makes_a_new_one_with_its_exact_size);
	tcase_add_test(tc, messages_name_the_path);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(tree_tree_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
