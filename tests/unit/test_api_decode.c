/* Items to the model, and meta.json. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/api.h>

static struct question *decode(const char *json, bool is_encoded)
{
	struct question *q = NULL;
	struct failure f;
	int r = api_decode_question(json, strlen(json), is_encoded, &q, &f);

	ck_assert_msg(r == 0, "%s: %s", json, f.text);
	return q;
}

static const char full[] =
	"{\"zebra\":{\"b\":1,\"a\":[true,null,1.5,{}]},\"tags\":[\"b\",\"a\",\"b\",7],"
	"\"owner\":{\"user_type\":\"registered\",\"display_name\":\"Zo\\u00eb\",\"user_id\":-1},"
	"\"comments\":["
	"{\"comment_id\":12,\"creation_date\":200,\"body_markdown\":\"second\",\"score\":2,"
	"\"edited\":true},"
	"{\"comment_id\":13,\"creation_date\":100,\"body_markdown\":\"first\",\"post_id\":5},"
	"{\"comment_id\":12,\"creation_date\":100,\"body_markdown\":\"twice\"}],"
	"\"answers\":["
	"{\"answer_id\":9,\"is_accepted\":true,\"body_markdown\":\"nine\",\"creation_date\":7},"
	"{\"answer_id\":8,\"body_markdown\":\"eight\",\"title\":\"t\",\"comments\":[]},"
	"{\"no_id\":1},7,{\"answer_id\":0}],"
	"\"last_activity_date\":1700000000,\"creation_date\":1600000000,\"score\":-3,"
	"\"question_id\":5,\"title\":\"T\",\"body\":\"<p>\",\"body_markdown\":\"M\","
	"\"accepted_answer_id\":9,\"link\":\"https://x/q/5\",\"last_edit_date\":null,"
	"\"big\":9007199254740992}";

START_TEST(a_question_is_decoded_sorted_and_without_duplicates)
{
	struct question *q = decode(full, false);

	ck_assert_int_eq(q->id, 5);
	ck_assert_str_eq(q->title, "T");
	ck_assert_str_eq(q->markdown, "M");
	ck_assert_str_eq(q->link, "https://x/q/5");
	ck_assert_int_eq(q->owner.id, -1);
	ck_assert_str_eq(q->owner.name, "Zo\xc3\xab");
	ck_assert_int_eq(q->score, -3);
	ck_assert_int_eq(q->created_s, 1600000000);
	ck_assert_int_eq(q->activity_s, 1700000000);
	ck_assert_int_eq(q->edited_s, 0);
	ck_assert_int_eq(q->accepted_answer_id, 9);
	ck_assert_uint_eq(q->nr_tags, 2);
	ck_assert_str_eq(q->tags[0], "b");
	ck_assert_str_eq(q->tags[1], "a");
	ck_assert_uint_eq(q->nr_comments, 2);
	ck_assert_int_eq(q->comments[0].id, 12); /* of the two with that id, the earlier */
	ck_assert_str_eq(q->comments[0].markdown, "twice");
	ck_assert_int_eq(q->comments[0].post_id, 5);
	ck_assert_int_eq(q->comments[1].id, 13);
	ck_assert_uint_eq(q->nr_answers, 2);
	ck_assert_int_eq(q->answers[0].id, 8);
	ck_assert_str_eq(q->answers[0].markdown, "eight");
	ck_assert_int_eq(q->answers[0].question_id, 5);
	ck_assert(!q->answers[0].is_accepted);
	ck_assert(q->answers[1].is_accepted);
	ck_assert_int_eq(q->answers[1].created_s, 7);
	question_free(q);
}
END_TEST

START_TEST(meta_json_has_a_fixed_order_and_no_texts)
{
	static const char expected[] = "{\n"
				       "  \"question_id\": 5,\n"
				       "  \"link\": \"https://x/q/5\",\n"
				       "  \"tags\": [\n"
				       "    \"b\",\n"
				       "    \"a\",\n"
				       "    \"b\",\n"
				       "    7\n"
				       "  ],\n"
				       "  \"score\": -3,\n"
				       "  \"accepted_answer_id\": 9,\n"
				       "  \"creation_date\": 1600000000,\n"
				       "  \"last_activity_date\": 1700000000,\n"
				       "  \"owner\": {\n"
				       "    \"user_id\": -1,\n"
				       "    \"display_name\": \"Zo\xc3\xab\",\n"
				       "    \"user_type\": \"registered\"\n"
				       "  },\n"
				       "  \"big\": 9007199254740992,\n"
				       "  \"zebra\": {\n"
				       "    \"a\": [\n"
				       "      true,\n"
				       "      null,\n"
				       "      1.5,\n"
				       "      {}\n"
				       "    ],\n"
				       "    \"b\": 1\n"
				       "  },\n"
				       "  \"comments\": [\n"
				       "    {\n"
				       "      \"comment_id\": 12,\n"
				       "      \"creation_date\": 100\n"
				       "    },\n"
				       "    {\n"
				       "      \"comment_id\": 13,\n"
				       "      \"post_id\": 5,\n"
				       "      \"creation_date\": 100\n"
				       "    }\n"
				       "  ],\n"
				       "  \"answers\": [\n"
				       "    {\n"
				       "      \"answer_id\": 8,\n"
				       "      \"comments\": []\n"
				       "    },\n"
				       "    {\n"
				       "      \"answer_id\": 9,\n"
				       "      \"is_accepted\": true,\n"
				       "      \"creation_date\": 7,\n"
				       "      \"comments\": []\n"
				       "    }\n"
				       "  ]\n"
				       "}\n";
	struct question *q = decode(full, false);

	ck_assert_str_eq(q->meta_json, expected);
	question_free(q);
}
END_TEST

START_TEST(what_is_missing_is_empty)
{
	struct question *q = decode("{\"question_id\":9007199254740991,\"comments\":null}", false);

	ck_assert_int_eq(q->id, 9007199254740991);
	ck_assert_str_eq(q->title, "");
	ck_assert_str_eq(q->markdown, "");
	ck_assert_ptr_null(q->link);
	ck_assert_ptr_null(q->owner.name);
	ck_assert_uint_eq(q->nr_answers + q->nr_comments + q->nr_tags, 0);
	ck_assert_str_eq(q->meta_json, "{\n  \"question_id\": 9007199254740991,\n"
				       "  \"comments\": [],\n  \"answers\": []\n}\n");
	question_free(q);
}
END_TEST

START_TEST(entities_are_decoded_once_and_only_if_encoded)
{
	static const char json[] =
		"{\"question_id\":1,\"title\":\"a &amp;lt; b\",\"body_markdown\":\"&#39;\","
		"\"owner\":{\"display_name\":\"&#214;\"},\"tags\":[\"&lt;\"]}";
	struct question *q = decode(json, true);

	ck_assert_str_eq(q->title, "a &lt; b");
	ck_assert_str_eq(q->markdown, "'");
	ck_assert_str_eq(q->owner.name, "\xc3\x96");
	ck_assert_str_eq(q->tags[0], "<");
	ck_assert_ptr_nonnull(strstr(q->meta_json, "\"display_name\": \"\xc3\x96\""));
	question_free(q);
	q = decode(json, false);
	ck_assert_str_eq(q->title, "a &amp;lt; b");
	question_free(q);
}
END_TEST

START_TEST(bytes_that_are_no_utf8_are_replaced)
{
	struct question *q = decode(
		"{\"question_id\":1,\"title\":\"a\xff\xc3\",\"x\xfe\":\"\xed\xa0\x80\"}", false);

	ck_assert_str_eq(q->title, "a\xef\xbf\xbd\xef\xbf\xbd");
	ck_assert_ptr_nonnull(strstr(q->meta_json, "\"x\xef\xbf\xbd\": \""));
	question_free(q);
}
END_TEST

START_TEST(what_is_no_question_is_refused)
{
	static const char *const cases[] = {
		"",
		"[]",
		"{",
		"{}",
		"{\"question_id\":0}",
		"{\"question_id\":-4}",
		"{\"question_id\":\"x\"}",
		"{\"question_id\":9007199254740994}",
		"{\"question_id\":1e300}",
		"{\"question_id\":[1]}",
		"{\"question_id\":1,\"title\":7}",
		"{\"question_id\":1,\"body_markdown\":{}}",
		"{\"question_id\":1,\"tags\":\"a\"}",
		"{\"question_id\":1,\"answers\":7}",
		"{\"question_id\":1,\"comments\":{}}",
		"{\"question_id\":1,\"owner\":\"me\"}",
		"{\"question_id\":1,\"score\":\"many\"}",
		"{\"question_id\":1,\"title\":\"a\",\"title\":\"b\"}",
		"{\"question_id\":1,\"answers\":[{\"answer_id\":1,\"body_markdown\":5}]}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct question *q = NULL;
		struct failure f;

		ck_assert_msg(api_decode_question(cases[i], strlen(cases[i]), false, &q, &f) ==
				      -EBADMSG,
			      "%s", cases[i]);
		ck_assert(f.text[0]);
		ck_assert_ptr_null(q);
	}
}
END_TEST

START_TEST(times_that_make_no_sense_are_none)
{
	struct question *q = decode("{\"question_id\":\"3\",\"creation_date\":-5,"
				    "\"last_activity_date\":9000000000000,\"last_edit_date\":12.9}",
				    false);

	ck_assert_int_eq(q->id, 3);
	ck_assert_int_eq(q->created_s, 0);
	ck_assert_int_eq(q->activity_s, 0);
	ck_assert_int_eq(q->edited_s, 12);
	question_free(q);
}
END_TEST

START_TEST(many_members_and_elements_are_no_trouble)
{
	struct strbuf sb = STRBUF_INIT;
	struct question *q;

	strbuf_adds(&sb, "{\"question_id\":1");
	for (int i = 0; i < 3000; i++)
		strbuf_addf(&sb, ",\"k%04d\":%d", 2999 - i, i);
	strbuf_adds(&sb, ",\"answers\":[{\"answer_id\":20000}");
	for (int i = 0; i < 10000; i++)
		strbuf_addf(&sb, ",{\"answer_id\":%d}", 10000 - i / 2);
	strbuf_adds(&sb, "]}");
	q = decode(strbuf_str(&sb), false);
	ck_assert_uint_eq(q->nr_answers, 5001);
	ck_assert_ptr_nonnull(strstr(q->meta_json, "\"k0000\": 2999,\n  \"k0001\": 2998,"));
	question_free(q);
	strbuf_release(&sb);
}
END_TEST

START_TEST(tags_are_decoded)
{
	static const struct {
		const char *json;
		bool is_encoded;
		const char *name;
		int64_t count;
	} cases[] = {
		{ "{\"name\":\"c#\",\"count\":3}", false, "c#", 3 },
		{ "{\"name\":\"a&amp;b\"}", true, "a&b", -1 },
		{ "{\"name\":\"x\",\"count\":-7}", false, "x", -1 },
		{ "{\"name\":\"\"}", false, NULL, 0 },
		{ "{\"name\":null}", false, NULL, 0 },
		{ "{\"count\":1}", false, NULL, 0 },
		{ "{\"name\":[]}", false, NULL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tag t = { 0 };
		struct failure f;
		int r = api_decode_tag(cases[i].json, strlen(cases[i].json), cases[i].is_encoded,
				       &t, &f);

		ck_assert_int_eq(r, cases[i].name ? 0 : -EBADMSG);
		if (r < 0)
			continue;
		ck_assert_str_eq(t.name, cases[i].name);
		ck_assert_int_eq(t.count, cases[i].count);
		tag_release(&t);
	}
}
END_TEST

/* An id names a file: one that is not exact would name another question. */
START_TEST(an_id_that_is_not_exact_is_refused)
{
	static const char *const items[] = {
		"{\"question_id\":1.5}",
		"{\"question_id\":9007199254740993}",
		"{\"question_id\":9007199254740992}",
		"{\"question_id\":1e30}",
		"{\"question_id\":0}",
		"{\"question_id\":-5}",
	};
	struct failure why;
	struct question *q;

	for (size_t i = 0; i < ARRAY_SIZE(items); i++)
		ck_assert_int_eq(api_decode_question(items[i], strlen(items[i]), false, &q, &why),
				 -EBADMSG);
}
END_TEST

static Suite *api_decode_suite(void)
{
	Suite *s = suite_create("api_decode");
	TCase *tc = tcase_create("api_decode");

	tcase_add_test(tc, an_id_that_is_not_exact_is_refused);
	tcase_add_test(tc, a_question_is_decoded_sorted_and_without_duplicates);
	tcase_add_test(tc, meta_json_has_a_fixed_order_and_no_texts);
	tcase_add_test(tc, what_is_missing_is_empty);
	tcase_add_test(tc, entities_are_decoded_once_and_only_if_encoded);
	tcase_add_test(tc, bytes_that_are_no_utf8_are_replaced);
	tcase_add_test(tc, what_is_no_question_is_refused);
	tcase_add_test(tc, times_that_make_no_sense_are_none);
	tcase_add_test(tc, many_members_and_elements_are_no_trouble);
	tcase_add_test(tc, tags_are_decoded);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(api_decode_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
