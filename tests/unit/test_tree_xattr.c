/* Extended attributes: the facts of meta.json, one by one. */
#include "tree_fixture.h"

static struct strbuf value;

static int get(const char *path, const char *name)
{
	strbuf_reset(&value);
	return tree_getxattr(tree, node(path), name, &value, NULL);
}

static void one_question(void)
{
	struct fake_question *q = server_add(5, T0 - 1000, "c");

	q->edited_s = T0 - 10;
	q->score = -3;
	q->comment = "why?";
	q->nr_answers = 2;
	q->answers[0] = (struct fake_answer){ .id = 6, .text = "yes", .comment = "ok" };
	q->answers[1] = (struct fake_answer){ .id = 9, .text = "no" };
}

static const struct {
	const char *path, *name, *value; /* NULL: ENODATA */
} facts[] = {
	{ "questions/5/body.md", "user.sofs.id", "5" },
	{ "questions/5/body.md", "user.sofs.score", "-3" },
	{ "questions/5/body.md", "user.sofs.owner", "Ada" },
	{ "questions/5/body.md", "user.sofs.created", "1699999000" },
	{ "questions/5/body.md", "user.sofs.edited", "1699999990" },
	{ "questions/5/body.md", "user.sofs.url", "https://example.com/q/5" },
	{ "questions/5/body.md", "user.xdg.origin.url", "https://example.com/q/5" },
	{ "questions/5/body.md", "user.sofs.state", "published" },
	{ "questions/5/body.md", "user.sofs.accepted", NULL },
	{ "questions/5/body.md", "user.sofs.error", NULL },
	{ "questions/5/body.md", "user.mime_type", "text/markdown" },
	{ "questions/5/meta.json", "user.mime_type", "application/json" },
	{ "questions/5", "user.sofs.id", "5" },
	{ "questions/5", "user.mime_type", NULL },
	{ "questions/5/answers/6.md", "user.sofs.id", "6" },
	{ "questions/5/answers/6.md", "user.sofs.accepted", "yes" },
	{ "questions/5/answers/9.md", "user.sofs.accepted", "no" },
	{ "questions/5/answers/9.md", "user.sofs.edited", NULL },
	{ "questions/5/answers/9.md", "user.sofs.url", NULL },
	{ "questions/5/answers/6.comments.md", "user.sofs.id", "6" },
	{ "questions/5/body.md", "user.other", NULL },
	{ "README.md", "user.mime_type", "text/markdown" },
	{ "README.md", "user.sofs.id", NULL },
	{ "questions", "user.sofs.id", NULL },
};

START_TEST(each_fact_of_each_kind_of_post)
{
	one_question();
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		int r = get(facts[i].path, facts[i].name);

		ck_assert_msg(r == (facts[i].value ? 0 : -ENODATA), "%s %s", facts[i].path,
			      facts[i].name);
		if (facts[i].value)
			ck_assert_str_eq(strbuf_str(&value), facts[i].value);
	}
	strbuf_release(&value);
}
END_TEST

START_TEST(other_peoples_names_are_not_supported_and_cost_nothing)
{
	ck_assert_int_eq(get("questions", "security.capability"), -EOPNOTSUPP);
	ck_assert_int_eq(get("questions", "system.posix_acl_access"), -EOPNOTSUPP);
	ck_assert_int_eq(tree_getxattr(tree, 4711, "user.sofs.id", &value, NULL), -ESTALE);
	ck_assert_uint_eq(server.nr_queries, 0);
	strbuf_release(&value);
}
END_TEST

static const struct {
	const char *path, *names; /* with a space behind each */
} lists[] = {
	{ "questions", "" },
	{ "README.md", "user.mime_type " },
	{ "questions/5", "user.sofs.id user.sofs.score user.sofs.owner user.sofs.created "
			 "user.sofs.edited user.sofs.url user.sofs.state user.xdg.origin.url " },
	{ "questions/5/answers/9.md", "user.mime_type user.sofs.id user.sofs.score "
				      "user.sofs.accepted user.sofs.created user.sofs.state " },
};

START_TEST(the_list_has_those_that_have_a_value)
{
	one_question();
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		strbuf_reset(&value);
		ck_assert_int_eq(tree_listxattr(tree, node(lists[i].path), &value, NULL), 0);
		for (size_t k = 0; k < value.len; k++)
			if (!value.buf[k])
				value.buf[k] = ' ';
		ck_assert_str_eq(strbuf_str(&value), lists[i].names);
	}
	strbuf_release(&value);
}
END_TEST

START_TEST(facts_that_were_evicted_are_waited_for)
{
	struct waiting w;
	uint64_t n;

	fixture_close(&f);
	tree_free(tree);
	f.config.memory_bytes = 100;
	fixture_open(&f);
	tree = new_tree();
	one_question();
	server_add_many(100, 5, "c");
	n = node("questions/5/body.md");
	refresh(100);
	waiting_init(&w);
	ck_assert_int_eq(tree_getxattr(tree, n, "user.sofs.id", &value, &w.w), -EINPROGRESS);
	server_answer_all();
	ck_assert_int_eq(w.nr_wakes, 1);
	ck_assert_int_eq(tree_getxattr(tree, n, "user.sofs.id", &value, NULL), 0);
	ck_assert_str_eq(strbuf_str(&value), "5");
	strbuf_release(&value);
}
END_TEST

static Suite *tree_xattr_suite(void)
{
	Suite *s = suite_create("tree_xattr");
	TCase *tc = tcase_create("tree_xattr");

	tcase_set_timeout(tc, 60); /* sanitizers are slow */
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, each_fact_of_each_kind_of_post);
	tcase_add_test(tc, other_peoples_names_are_not_supported_and_cost_nothing);
	tcase_add_test(tc, the_list_has_those_that_have_a_value);
	tcase_add_test(tc, facts_that_were_evicted_are_waited_for);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(tree_xattr_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
