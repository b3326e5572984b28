#include <check.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/base/blob.h>

START_TEST(a_blob_is_a_terminated_copy)
{
	char data[] = { 'a', '\0', 'b' };
	struct blob *b = blob_new(data, sizeof(data));

	data[0] = 'X';
	ck_assert_uint_eq(b->size, 3);
	ck_assert_mem_eq(b->data, "a\0b", 4);
	blob_unref(b);
}
END_TEST

START_TEST(an_empty_blob_and_no_blob_are_fine)
{
	struct blob *b = blob_new(NULL, 0);

	ck_assert_uint_eq(b->size, 0);
	ck_assert_int_eq(b->data[0], '\0');
	blob_unref(b);
	blob_unref(NULL);
}
END_TEST

START_TEST(a_size_that_would_wrap_around_is_no_blob)
{
	/* volatile: the compiler would warn of the size, which is the point here. */
	volatile size_t size = SIZE_MAX - sizeof(struct blob);

	ck_assert_ptr_null(blob_new("x", size));
}
END_TEST

static void *take_and_drop(void *arg)
{
	struct blob *b = arg;

	for (int i = 0; i < 10000; i++) {
		blob_unref(blob_ref(b));
		ck_assert_int_eq(b->data[0], 'x');
	}
	blob_unref(b);
	return NULL;
}

START_TEST(the_last_reference_of_many_threads_frees)
{
	struct blob *b = blob_new("x", 1);
	pthread_t threads[4];

	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, take_and_drop, blob_ref(b)), 0);
	blob_unref(b);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
}
END_TEST

static Suite *base_blob_suite(void)
{
	Suite *s = suite_create("base_blob");
	TCase *tc = tcase_create("base_blob");

	tcase_add_test(tc, a_blob_is_a_terminated_copy);
	tcase_add_test(tc, an_empty_blob_and_no_blob_are_fine);
	tcase_add_test(tc, a_size_that_would_wrap_around_is_no_blob);
	tcase_add_test(tc, the_last_reference_of_many_threads_frees);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(base_blob_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
