/* The model is plain data; what can go wrong is freeing. Run with a leak checker. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/model/question.h>

START_TEST(nothing_can_be_freed)
{
	question_free(NULL);
	question_free(calloc(1, sizeof(struct question)));
}
END_TEST

START_TEST(a_whole_thread_is_freed)
{
	_cleanup_(question_freep) struct question *q = calloc(1, sizeof(*q));

	q->title = strdup("title");
	q->markdown = strdup("text");
	q->link = strdup("link");
	q->meta_json = strdup("{}");
	q->owner.name = strdup("Ada");
	q->nr_tags = 2;
	q->tags = calloc(q->nr_tags, sizeof(*q->tags));
	q->tags[0] = strdup("a");
	q->tags[1] = strdup("b");
	q->nr_comments = 1;
	q->comments = calloc(q->nr_comments, sizeof(*q->comments));
	q->comments[0].markdown = strdup("comment");
	q->comments[0].owner.name = strdup("Bob");
	q->nr_answers = 1;
	q->answers = calloc(q->nr_answers, sizeof(*q->answers));
	q->answers[0].markdown = strdup("answer");
	q->answers[0].link = strdup("link");
	q->answers[0].owner.name = strdup("Cyd");
	q->answers[0].nr_comments = 1;
	q->answers[0].comments = calloc(1, sizeof(*q->answers[0].comments));
	q->answers[0].comments[0].markdown = strdup("comment");
}
END_TEST

/* As a decoder leaves it that ran out of memory: counts set, arrays missing or partly filled. */
START_TEST(half_built_threads_are_freed)
{
	struct question *q = calloc(1, sizeof(*q));

	q->title = strdup("title");
	q->nr_tags = 3;
	q->nr_comments = 2;
	q->nr_answers = 2;
	question_free(q);

	q = calloc(1, sizeof(*q));
	q->nr_tags = 3;
	q->tags = calloc(q->nr_tags, sizeof(*q->tags));
	q->tags[0] = strdup("a");
	q->nr_answers = 2;
	q->answers = calloc(q->nr_answers, sizeof(*q->answers));
	q->answers[0].nr_comments = 5;
	question_free(q);
}
END_TEST

START_TEST(a_released_tag_is_empty)
{
	struct tag t = { .name = strdup("c#"), .count = 3 };

	tag_release(&t);
	ck_assert_ptr_null(t.name);
	ck_assert_int_eq(t.count, 0);
	tag_release(&t);
}
END_TEST

static Suite *model_suite(void)
{
	Suite *s = suite_create("model");
	TCase *tc = tcase_create("model");

	tcase_add_test(tc, nothing_can_be_freed);
	tcase_add_test(tc, a_whole_thread_is_freed);
	tcase_add_test(tc, half_built_threads_are_freed);
	tcase_add_test(tc, a_released_tag_is_empty);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(model_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
