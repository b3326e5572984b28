/* Paths that people give to `sofs refresh`. */
#include "tree_fixture.h"

static const struct {
	const char *path;
	int r;
	int64_t id;
} paths[] = {
	{ "", 0, 0 },
	{ "/", 0, 0 },
	{ "questions", 0, 0 },
	{ "questions/", 0, 0 },
	{ "tags", 0, 0 },
	{ "tags/", 0, 0 },
	{ "tags/c#", 0, 0 },
	{ "tags/c#/", 0, 0 },
	{ "questions/12", 0, 12 },
	{ "/questions/12/", 0, 12 },
	{ "questions//12", 0, 12 },
	{ "questions/12/body.md", 0, 12 },
	{ "questions/12/answers/13.md", 0, 12 },
	{ "tags/c#/12", 0, 12 },
	{ "//tags//c#//12//answers", 0, 12 },
	{ "tags/12/7", 0, 7 },
	{ "questions/9007199254740992", 0, (int64_t)1 << 53 },
	{ "questions/9007199254740993", -ENOENT, 0 },
	{ "questions/99999999999999999999999", -ENOENT, 0 },
	{ "questions/0", -ENOENT, 0 },
	{ "questions/-1", -ENOENT, 0 },
	{ "questions/012", -ENOENT, 0 },
	{ "questions/12x", -ENOENT, 0 },
	{ "questions/x", -ENOENT, 0 },
	{ "tags/c/x", -ENOENT, 0 },
	{ "questionsx/12", -ENOENT, 0 },
	{ "question/12", -ENOENT, 0 },
	{ "tagsx/c/12", -ENOENT, 0 },
	{ "README.md", -ENOENT, 0 },
	{ ".sofs/status", -ENOENT, 0 },
	{ "..", -ENOENT, 0 },
};

START_TEST(a_path_means_a_question_or_everything)
{
	int64_t id = -1;

	ck_assert_msg(tree_parse_path(paths[_i].path, &id) == paths[_i].r, "%s", paths[_i].path);
	if (paths[_i].r == 0)
		ck_assert_int_eq(id, paths[_i].id);
}
END_TEST

static Suite *tree_path_suite(void)
{
	Suite *s = suite_create("tree_path");
	TCase *tc = tcase_create("tree_path");

	tcase_set_timeout(tc, 60); /* sanitizers are slow */
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_path_means_a_question_or_everything, 0, ARRAY_SIZE(paths));
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(tree_path_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
