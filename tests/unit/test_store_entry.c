/* Questions that change: versions, and the news that are told of them. */
#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/base/clock.h>
#include <sofs/base/strbuf.h>

#include "fake_server.h"
#include "internal.h"

/* The news as lines, in the order in which they were told. */
static struct strbuf news;

static struct fixture f;

static void note_news(void *userdata, const struct store_change *c)
{
	static const char *const kinds[] = { "body", "meta", "comments", "answer",
					     "answer comments" };
	static const char *const events[] = {
		[STORE_QUESTION_NEW] = "new",
		[STORE_QUESTION_GONE] = "gone",
		[STORE_QUESTION_CHANGED] = "changed",
		[STORE_FILE_CHANGED] = "~",
		[STORE_FILE_NEW] = "+",
		[STORE_FILE_GONE] = "-",
		[STORE_QUESTION_TAGGED] = "tagged",
		[STORE_QUESTION_UNTAGGED] = "untagged",
		[STORE_TAG_NEW] = "new tag",
		[STORE_TAG_GONE] = "gone tag",
	};
	struct store_file now;
	struct store_tag tag = { .name = "?" };

	strbuf_adds(&news, events[c->event]);
	if (c->id)
		strbuf_addf(&news, " %" PRId64, c->id);
	switch (c->event) {
	case STORE_FILE_CHANGED:
	case STORE_FILE_NEW:
		/* Who is told can rely on it: the store is already as it says. */
		ck_assert_int_eq(
			store_get_file(f.store, c->id, c->file.kind, c->file.post_id, &now), 0);
		ck_assert_uint_eq(now.version, c->file.version);
		_fallthrough_;
	case STORE_FILE_GONE:
		strbuf_addf(&news, " %s %" PRId64, kinds[c->file.kind], c->file.post_id);
		if (c->event == STORE_FILE_CHANGED && c->old_version == c->file.version)
			strbuf_adds(&news, " same text");
		else if (c->event != STORE_FILE_NEW && c->file.kind != FILE_META)
			strbuf_addf(&news, " was \"%s\"", c->old_text ? c->old_text->data : "lost");
		break;
	case STORE_QUESTION_TAGGED:
	case STORE_QUESTION_UNTAGGED:
	case STORE_TAG_NEW:
	case STORE_TAG_GONE:
		(void)!store_tag_by_index(f.store, c->tag, &tag);
		strbuf_addf(&news, " %s", tag.name);
		break;
	default:
		break;
	}
	strbuf_addch(&news, '\n');
}

static struct store *st;

static void setup(void)
{
	server_start();
	fixture_config(&f);
	fixture_open(&f);
	st = f.store;
	strbuf_reset(&news);
	store_set_news(st, note_news, NULL);
}

static void teardown(void)
{
	fixture_close(&f);
	server_stop();
	strbuf_release(&news);
}

#define BODY(tags, text) "---\ntitle: \"A title\"\ntags: [" tags "]\n---\n\n" text "\n"

/* Asks the server again for one question; what was told before is forgotten. */
static const char *news_of_refresh(int64_t id)
{
	struct waiting w;

	strbuf_reset(&news);
	clock_fake_advance(70000);
	waiting_init(&w);
	ck_assert_int_eq(store_refresh(st, id, &w.w), -EINPROGRESS);
	server_answer_all();
	ck_assert_int_eq(w.nr_wakes, 1);
	ck_assert_int_eq(w.failure.err, 0);
	return strbuf_str(&news);
}

static struct fake_question *one_question(void)
{
	struct fake_question *q = server_add(1, T0 - 1000, "c");
	struct store_question ret;

	q->nr_answers = 1;
	q->answers[0] = (struct fake_answer){ .id = 11, .text = "yes" };
	ck_assert_int_eq(get_question(st, 1, &ret), 0);
	return q;
}

static uint32_t version_of(enum file_kind kind, int64_t post_id)
{
	struct store_file file;

	ck_assert_int_eq(store_get_file(st, 1, kind, post_id, &file), 0);
	return file.version;
}

static void assert_text(enum file_kind kind, int64_t post_id, const char *expected)
{
	_cleanup_free_ char *s = read_text(st, 1, kind, post_id);

	ck_assert_pstr_eq(s, expected);
}

START_TEST(a_new_question_is_told_as_one)
{
	one_question();
	ck_assert_str_eq(strbuf_str(&news), "new tag c\nnew 1\n");
}
END_TEST

START_TEST(its_files_are_in_a_stable_order_with_exact_sizes_and_their_own_times)
{
	static const struct {
		enum file_kind kind;
		int64_t post_id, mtime_s;
	} expected[] = {
		{ FILE_BODY, 1, T0 - 500 },
		{ FILE_META, 1, T0 - 400 },
		{ FILE_COMMENTS, 1, T0 - 450 },
		{ FILE_ANSWER, 11, T0 - 990 },
		{ FILE_ANSWER_COMMENTS, 11, T0 - 980 },
		{ FILE_ANSWER, 12, T0 - 300 },
	};
	_cleanup_free_ struct store_file *files = NULL;
	struct fake_question *q = server_add(1, T0 - 1000, "c");
	struct store_question ret;
	size_t nr;

	q->edited_s = T0 - 500;
	q->activity_s = T0 - 400;
	q->comment = "why?";
	q->comment_s = T0 - 450;
	q->nr_answers = 2;
	q->answers[0] = (struct fake_answer){ .id = 12, .text = "no", .edited_s = T0 - 300 };
	q->answers[1] = (struct fake_answer){ .id = 11, .text = "yes", .comment = "ok" };
	ck_assert_int_eq(get_question(st, 1, &ret), 0);
	ck_assert_int_eq(store_get_files(st, 1, &files, &nr), 0);
	ck_assert_uint_eq(nr, ARRAY_SIZE(expected));
	for (size_t i = 0; i < nr; i++) {
		_cleanup_free_ char *s = read_text(st, 1, expected[i].kind, expected[i].post_id);

		ck_assert_int_eq(files[i].kind, expected[i].kind);
		ck_assert_int_eq(files[i].post_id, expected[i].post_id);
		ck_assert_int_eq(files[i].mtime_s, expected[i].mtime_s);
		ck_assert_ptr_nonnull(s);
		ck_assert_uint_eq(files[i].size, strlen(s));
	}
	assert_text(FILE_BODY, 1, BODY("\"c\"", "A text"));
	assert_text(FILE_ANSWER, 11, "yes\n");
}
END_TEST

START_TEST(an_answer_as_before_is_no_news)
{
	one_question();
	ck_assert_str_eq(news_of_refresh(1), "");
}
END_TEST

START_TEST(a_changed_text_is_a_new_version_and_the_old_text_is_handed_over)
{
	uint32_t before, answer_before;
	struct blob *b;
	size_t off, size;

	one_question();
	before = version_of(FILE_BODY, 1);
	answer_before = version_of(FILE_ANSWER, 11);
	server_edit(1, "Another text", T0 - 5);
	ck_assert_str_eq(news_of_refresh(1),
			 "~ 1 body 1 was \"" BODY("\"c\"", "A text") "\"\n"
								     "~ 1 meta 1\n"
								     "changed 1\n");
	assert_text(FILE_BODY, 1, BODY("\"c\"", "Another text"));
	ck_assert_uint_ne(version_of(FILE_BODY, 1), before);
	ck_assert_uint_eq(version_of(FILE_ANSWER, 11), answer_before);
	ck_assert_int_eq(store_get_text(st, 1, FILE_BODY, 1, before, &b, &off, &size, NULL),
			 -ESTALE);
}
END_TEST

START_TEST(a_text_that_returns_to_what_it_was_is_a_version_of_its_own)
{
	uint32_t first;

	one_question();
	first = version_of(FILE_BODY, 1);
	server_edit(1, "Another text", T0 - 5);
	news_of_refresh(1);
	server_edit(1, "A text", T0 - 4);
	news_of_refresh(1);
	ck_assert_uint_ne(version_of(FILE_BODY, 1), first);
}
END_TEST

START_TEST(a_vote_changes_meta_json_alone)
{
	struct fake_question *q = one_question();

	q->score = 5;
	ck_assert_str_eq(news_of_refresh(1), "~ 1 meta 1\nchanged 1\n");
}
END_TEST

START_TEST(an_edit_that_leaves_the_text_is_told_as_such)
{
	struct fake_question *q = one_question();

	q->edited_s = T0 - 3;
	ck_assert_str_eq(news_of_refresh(1), "~ 1 body 1 same text\n~ 1 meta 1\nchanged 1\n");
}
END_TEST

START_TEST(answers_and_comments_come_and_go)
{
	struct fake_question *q = one_question();
	struct store_status before, after;

	store_get_status(st, &before);
	q->nr_answers = 2;
	q->answers[1] = (struct fake_answer){ .id = 12, .text = "no" };
	ck_assert_str_eq(news_of_refresh(1), "~ 1 meta 1\n+ 1 answer 12\nchanged 1\n");
	q->answers[1].comment = "why?";
	ck_assert_str_eq(news_of_refresh(1), "~ 1 meta 1\n+ 1 answer comments 12\nchanged 1\n");
	q->answers[1].comment = NULL;
	q->answers[0].text = "perhaps";
	q->nr_answers = 1;
	ck_assert_ptr_nonnull(strstr(news_of_refresh(1), "- 1 answer 12 was \"no\n\"\n"));
	ck_assert_ptr_nonnull(strstr(strbuf_str(&news), "~ 1 answer 11 was \"yes\n\"\n"));
	ck_assert_ptr_nonnull(strstr(strbuf_str(&news), "- 1 answer comments 12 was \"### "));
	store_get_status(st, &after);
	ck_assert_uint_eq(after.nr_files, before.nr_files);
}
END_TEST

START_TEST(a_question_that_got_another_tag_moves)
{
	struct fake_question *q = one_question();
	struct store_tag c, git;
	struct store_question ret;

	q->tags = "git";
	ck_assert_str_eq(news_of_refresh(1),
			 "gone tag c\n"
			 "untagged 1 c\n"
			 "new tag git\n"
			 "tagged 1 git\n"
			 "~ 1 body 1 was \"" BODY("\"c\"", "A text") "\"\n"
								     "~ 1 meta 1\n"
								     "~ 1 answer 11 same text\n"
								     "changed 1\n");
	ck_assert_int_eq(store_get_tag(st, "git", &git, NULL), 0);
	ck_assert(store_has_tag(st, 1, git.index));
	ck_assert_int_eq(list_all(st, 0, NULL, 0), 1);
	ck_assert_int_eq(list_all(st, git.index, NULL, 0), 1);
	c.index = 1;
	ck_assert_int_eq(list_all(st, c.index, NULL, 0), 0);
	ck_assert_int_eq(store_get_question(st, 1, &ret, NULL), 0);
	ck_assert_uint_eq(ret.nr_tags, 1);
}
END_TEST

START_TEST(a_deleted_question_leaves_its_files_its_directory_and_its_tags)
{
	one_question();
	server_delete(1);
	ck_assert_ptr_nonnull(
		strstr(news_of_refresh(1), "- 1 body 1 was \"" BODY("\"c\"", "A text") "\"\n"));
	ck_assert_ptr_nonnull(strstr(strbuf_str(&news), "- 1 answer 11 was \"yes\n\"\n"));
	ck_assert_ptr_nonnull(strstr(strbuf_str(&news), "\ngone 1\ngone tag c\nuntagged 1 c\n"));
	ck_assert(!store_has_tag(st, 1, 1));
	ck_assert_int_eq(store_get_files(st, 1, &(struct store_file *){ NULL }, &(size_t){ 0 }),
			 -ENOENT);
}
END_TEST

START_TEST(a_question_that_returns_is_new_with_new_versions_in_its_old_place)
{
	struct store_question q[4];
	uint32_t before;

	one_question();
	server_add(2, T0 - 10, "c");
	ck_assert_int_eq(get_question(st, 2, q), 0);
	ck_assert_int_eq(list_all(st, 0, NULL, 0), 2);
	before = version_of(FILE_BODY, 1);
	server_delete(1);
	news_of_refresh(1);
	ck_assert_int_eq(store_list_questions(st, 0, 0, q, 4, NULL), 1);
	server.questions[0].is_deleted = false;
	ck_assert_str_eq(news_of_refresh(1), "new 1\n");
	ck_assert_uint_ne(version_of(FILE_BODY, 1), before);
	ck_assert_int_eq(store_list_questions(st, 0, 0, q, 4, NULL), 2);
	ck_assert_int_eq(q[0].id, 1);
}
END_TEST

START_TEST(the_old_text_is_made_again_from_the_json_if_it_was_evicted)
{
	one_question();
	pthread_mutex_lock(&st->lock);
	texts_drop_locked(st, entry_find_locked(st, 1));
	pthread_mutex_unlock(&st->lock);
	server_edit(1, "Another text", T0 - 5);
	ck_assert_ptr_nonnull(strstr(news_of_refresh(1), "A text"));
}
END_TEST

START_TEST(if_even_the_json_is_gone_the_old_text_is_lost_and_said_to_be)
{
	one_question();
	pthread_mutex_lock(&st->lock);
	texts_drop_locked(st, entry_find_locked(st, 1));
	pthread_mutex_unlock(&st->lock);
	backing_drop(st->backing, 1);
	server_edit(1, "Another text", T0 - 5);
	ck_assert_ptr_nonnull(strstr(news_of_refresh(1), "~ 1 body 1 was \"lost\"\n"));
	assert_text(FILE_BODY, 1, BODY("\"c\"", "Another text"));
}
END_TEST

/* The network thread puts the JSON of a new version away a moment before it installs that version. Who makes the text again
 * in this moment must not get a piece of the new text in the place of the old. */
START_TEST(a_text_made_from_the_json_of_another_version_is_not_taken_for_it)
{
	static const char newer[] =
		"{\"question_id\":1,\"title\":\"A title\",\"tags\":[\"c\"],"
		"\"body_markdown\":\"Other, and much longer than the text before it was\"}";
	uint32_t version;
	struct blob *b;
	size_t off, size;

	one_question();
	version = version_of(FILE_BODY, 1);
	pthread_mutex_lock(&st->lock);
	texts_drop_locked(st, entry_find_locked(st, 1));
	pthread_mutex_unlock(&st->lock);
	ck_assert_int_eq(backing_put(st->backing, 1, newer, strlen(newer), 0), 0);
	ck_assert_int_eq(store_get_text(st, 1, FILE_BODY, 1, version, &b, &off, &size, NULL),
			 -ESTALE);
}
END_TEST

START_TEST(the_newest_activity_is_that_of_all_questions)
{
	ck_assert_int_eq(store_newest_activity(st), 0);
	one_question();
	ck_assert_int_eq(store_newest_activity(st), T0 - 1000);
	server_edit(1, "x", T0 - 7);
	news_of_refresh(1);
	ck_assert_int_eq(store_newest_activity(st), T0 - 7);
}
END_TEST

START_TEST(what_the_server_says_twice_in_a_list_is_there_once)
{
	struct store_question ret;

	server_add(1, T0 - 9, "c,c,git,c");
	ck_assert_int_eq(get_question(st, 1, &ret), 0);
	ck_assert_uint_eq(ret.nr_tags, 2);
}
END_TEST

START_TEST(a_question_with_a_thousand_tags_has_those_that_we_allow)
{
	_cleanup_(strbuf_release) struct strbuf tags = STRBUF_INIT;
	struct store_question ret;

	for (int i = 0; i < 1000; i++)
		strbuf_addf(&tags, "%st%d", i ? "," : "", i);
	server_add(1, T0 - 9, strbuf_str(&tags));
	ck_assert_int_eq(get_question(st, 1, &ret), 0);
	ck_assert_uint_eq(ret.nr_tags, MAX_TAGS);
}
END_TEST

START_TEST(tens_of_thousands_of_answers_are_compared_in_a_moment)
{
	enum { MANY = 15000 };
	_cleanup_(strbuf_release) struct strbuf json = STRBUF_INIT;
	struct api_item item;
	struct store_file file;
	struct entry *e;

	for (int round = 0; round < 2; round++) {
		strbuf_reset(&json);
		strbuf_addf(&json, "{\"question_id\":1,\"score\":%d,\"answers\":[", round);
		for (int i = 0; i < MANY; i++)
			strbuf_addf(&json, "%s{\"answer_id\":%d,\"body_markdown\":\"%d\"}",
				    i ? "," : "", i + 2, round * i);
		strbuf_adds(&json, "]}");
		item = (struct api_item){ json.buf, json.len };
		ck_assert_int_eq(store_ingest(st, &item, false, NULL, &e), 1);
	}
	ck_assert_int_eq(store_get_file(st, 1, FILE_ANSWER, MANY + 1, &file), 0);
	ck_assert_int_eq(store_get_file(st, 1, FILE_ANSWER, MANY + 2, &file), -ENOENT);
	ck_assert_int_eq(store_get_file(st, 1, FILE_ANSWER_COMMENTS, 5, &file), -ENOENT);
	ck_assert_int_eq(store_get_file(st, 1, FILE_COMMENTS, 1, &file), -ENOENT);
}
END_TEST

static Suite *store_entry_suite(void)
{
	Suite *s = suite_create("store_entry");
	TCase *tc = tcase_create("store_entry");

	tcase_set_timeout(tc, 60); /* sanitizers are slow */
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_new_question_is_told_as_one);
	tcase_add_test(tc, its_files_are_in_a_stable_order_with_exact_sizes_and_their_own_times);
	tcase_add_test(tc, an_answer_as_before_is_no_news);
	tcase_add_test(tc, a_changed_text_is_a_new_version_and_the_old_text_is_handed_over);
	tcase_add_test(tc, a_text_that_returns_to_what_it_was_is_a_version_of_its_own);
	tcase_add_test(tc, a_vote_changes_meta_json_alone);
	tcase_add_test(tc, an_edit_that_leaves_the_text_is_told_as_such);
	tcase_add_test(tc, answers_and_comments_come_and_go);
	tcase_add_test(tc, a_question_that_got_another_tag_moves);
	tcase_add_test(tc, a_deleted_question_leaves_its_files_its_directory_and_its_tags);
	tcase_add_test(tc, a_question_that_returns_is_new_with_new_versions_in_its_old_place);
	tcase_add_test(tc, the_old_text_is_made_again_from_the_json_if_it_was_evicted);
	tcase_add_test(tc, if_even_the_json_is_gone_the_old_text_is_lost_and_said_to_be);
	tcase_add_test(tc, a_text_made_from_the_json_of_another_version_is_not_taken_for_it);
	tcase_add_test(tc, the_newest_activity_is_that_of_all_questions);
	tcase_add_test(tc, what_the_server_says_twice_in_a_list_is_there_once);
	tcase_add_test(tc, a_question_with_a_thousand_tags_has_those_that_we_allow);
	tcase_add_test(tc, tens_of_thousands_of_answers_are_compared_in_a_moment);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(store_entry_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
