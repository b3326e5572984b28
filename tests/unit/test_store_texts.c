/* Texts come and go: what is evicted is made again, or fetched again in vectors. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/base/clock.h>

#include "fake_server.h"
#include "internal.h"

static struct fixture f;
static struct store *st;

static void open_with(size_t memory_bytes, size_t nr, size_t padding)
{
	f.config.memory_bytes = memory_bytes;
	fixture_open(&f);
	st = f.store;
	server_add_many(1, nr, "c");
	for (size_t i = 0; i < nr; i++)
		server.questions[i].padding = padding;
	ck_assert_int_eq(list_all(st, 0, NULL, 0), (int)nr);
}

static void setup(void)
{
	server_start();
	fixture_config(&f);
}

static void teardown(void)
{
	fixture_close(&f);
	server_stop();
}

static void read_one(int64_t id)
{
	_cleanup_free_ char *s = read_text(st, id, FILE_BODY, id);
	struct store_file file;

	ck_assert_ptr_nonnull(s);
	ck_assert_int_eq(store_get_file(st, id, FILE_BODY, id, &file), 0);
	ck_assert_uint_eq(strlen(s), file.size);
}

static void assert_memory_holds(size_t largest)
{
	struct store_status status;

	store_get_status(st, &status);
	ck_assert_uint_le(status.rendered_bytes + status.packed_bytes,
			  status.memory_bytes + largest);
}

START_TEST(what_fits_is_read_without_a_request)
{
	unsigned before;

	open_with(64 << 20, 300, 1000);
	before = server.nr_queries;
	for (int64_t id = 1; id <= 300; id++)
		read_one(id);
	ck_assert_uint_eq(server.nr_queries, before);
}
END_TEST

START_TEST(a_text_is_made_again_from_the_json_that_is_kept)
{
	struct store_status status;
	unsigned before;

	/* All the JSON fits, but not all texts with it. */
	open_with(1 << 20, 1000, 300);
	store_get_status(st, &status);
	ck_assert_uint_gt(status.nr_evictions, 100);
	before = server.nr_queries;
	for (int64_t id = 1; id <= 1000; id++)
		read_one(id);
	ck_assert_uint_eq(server.nr_queries, before);
	assert_memory_holds(3000);
}
END_TEST

START_TEST(a_scan_of_what_was_evicted_fetches_in_vectors)
{
	struct query_counts c;
	unsigned before;

	open_with(1 << 20, 2000, 2000);
	assert_memory_holds(6000);
	before = server.nr_queries;
	for (int64_t id = 1; id <= 2000; id++)
		read_one(id);
	c = server_counts(before);
	ck_assert_uint_ge(c.vectors, 5);
	ck_assert_uint_le(c.vectors, 21);
	ck_assert_uint_eq(c.pages, 0);
	assert_memory_holds(6000);
	/* And once more at once: the server would count the same vectors as a breach of its rules (the fake one fails the
	 * test). */
	before = server.nr_queries;
	for (int64_t id = 1; id <= 2000; id++)
		read_one(id);
	ck_assert_uint_le(server_counts(before).vectors, 24);
}
END_TEST

/* In whichever order the server sends them: what was evicted while the rest of its vector came in would be asked for
 * again for ever. */
START_TEST(a_scan_makes_progress_though_not_even_one_vector_fits)
{
	open_with(30000, 300, 3000);
	for (size_t i = 0; i < 300; i++)
		server.questions[i].activity_s = T0 + (_i ? (int64_t)i : -(int64_t)i);
	for (int64_t id = 1; id <= 300; id += 10)
		read_one(id);
	assert_memory_holds(2 * 10000);
}
END_TEST

START_TEST(a_question_larger_than_the_memory_can_be_read)
{
	open_with(10000, 2, 50000);
	read_one(1);
	read_one(2);
	read_one(1);
}
END_TEST

START_TEST(names_and_sizes_stay_though_all_texts_are_evicted)
{
	struct store_file file;
	unsigned before;

	open_with(1000, 250, 500);
	before = server.nr_queries;
	for (int64_t id = 1; id <= 250; id++) {
		ck_assert_int_eq(store_get_file(st, id, FILE_BODY, id, &file), 0);
		ck_assert_uint_gt(file.size, 500);
	}
	ck_assert_uint_eq(server.nr_queries, before);
}
END_TEST

START_TEST(a_text_that_was_evicted_and_is_gone_from_the_server)
{
	open_with(10000, 50, 3000);
	server_delete(1);
	ck_assert_ptr_null(read_text(st, 1, FILE_BODY, 1));
	ck_assert(!store_peek_question(st, 1, &(struct store_question){ 0 }));
}
END_TEST

START_TEST(a_text_that_was_evicted_and_edited_meanwhile_is_stale_not_mixed)
{
	struct store_file file;
	struct waiting w;
	struct blob *b;
	size_t off, size;

	open_with(10000, 50, 3000);
	ck_assert_int_eq(store_get_file(st, 1, FILE_BODY, 1, &file), 0);
	server_edit(1, "Other", T0);
	waiting_init(&w);
	ck_assert_int_eq(store_get_text(st, 1, FILE_BODY, 1, file.version, &b, &off, &size, &w.w),
			 -EINPROGRESS);
	server_answer_all();
	ck_assert_int_eq(store_get_text(st, 1, FILE_BODY, 1, file.version, &b, &off, &size, NULL),
			 -ESTALE);
	read_one(1);
}
END_TEST

START_TEST(a_blob_that_is_read_outlives_its_eviction)
{
	struct store_file file;
	struct blob *b;
	size_t off, size;

	open_with(10000, 1, 3000);
	ck_assert_int_eq(store_get_file(st, 1, FILE_BODY, 1, &file), 0);
	ck_assert_int_eq(store_get_text(st, 1, FILE_BODY, 1, file.version, &b, &off, &size, NULL),
			 0);
	pthread_mutex_lock(&st->lock);
	texts_drop_locked(st, entry_find_locked(st, 1));
	pthread_mutex_unlock(&st->lock);
	ck_assert(!memcmp(b->data + off, "---\n", 4));
	blob_unref(b);
}
END_TEST

START_TEST(the_model_is_decoded_from_what_is_kept_or_fetched_again)
{
	struct question *q;
	struct waiting w;

	open_with(64 << 20, 3, 10);
	ck_assert_int_eq(store_get_model(st, 2, &q, NULL), 0);
	ck_assert_int_eq(q->id, 2);
	ck_assert_str_eq(q->owner.name, "Ada");
	question_free(q);
	backing_drop(st->backing, 2);
	waiting_init(&w);
	ck_assert_int_eq(store_get_model(st, 2, &q, &w.w), -EINPROGRESS);
	server_answer_all();
	ck_assert_int_eq(w.nr_wakes, 1);
	ck_assert_int_eq(store_get_model(st, 2, &q, NULL), 0);
	question_free(q);
	ck_assert_int_eq(store_get_model(st, 99, &q, NULL), -ENOENT);
}
END_TEST

static Suite *store_texts_suite(void)
{
	Suite *s = suite_create("store_texts");
	TCase *tc = tcase_create("store_texts");

	tcase_set_timeout(tc, 60); /* sanitizers are slow */
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, what_fits_is_read_without_a_request);
	tcase_add_test(tc, a_text_is_made_again_from_the_json_that_is_kept);
	tcase_add_test(tc, a_scan_of_what_was_evicted_fetches_in_vectors);
	tcase_add_loop_test(tc, a_scan_makes_progress_though_not_even_one_vector_fits, 0, 2);
	tcase_add_test(tc, a_question_larger_than_the_memory_can_be_read);
	tcase_add_test(tc, names_and_sizes_stay_though_all_texts_are_evicted);
	tcase_add_test(tc, a_text_that_was_evicted_and_is_gone_from_the_server);
	tcase_add_test(tc, a_text_that_was_evicted_and_edited_meanwhile_is_stale_not_mixed);
	tcase_add_test(tc, a_blob_that_is_read_outlives_its_eviction);
	tcase_add_test(tc, the_model_is_decoded_from_what_is_kept_or_fetched_again);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(store_texts_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
