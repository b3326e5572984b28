/* The JSON behind the texts, compressed and bounded. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/base/strbuf.h>

/* Its insides, to damage them. */
#include "backing_mem.c"

static struct backing *b;
static struct strbuf out;
static unsigned flags;

static void setup(void)
{
	ck_assert_int_eq(backing_new(100000, &b), 0);
	out = (struct strbuf)STRBUF_INIT;
	flags = 0;
}

static void teardown(void)
{
	backing_free(b);
	strbuf_release(&out);
}

/* Bytes that do not compress. */
static void put_noise(int64_t id, size_t len)
{
	_cleanup_free_ char *noise = malloc(len);
	uint64_t x = (uint64_t)id * 2654435761u + 1;

	ck_assert_ptr_nonnull(noise);
	for (size_t i = 0; i < len; i++) {
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		noise[i] = (char)(x >> 56);
	}
	ck_assert_int_eq(backing_put(b, id, noise, len, 0), 0);
}

START_TEST(what_was_put_comes_back_with_its_flags)
{
	ck_assert_int_eq(backing_put(b, 5, "{\"a\":1}", 7, 3), 0);
	strbuf_adds(&out, "before ");
	ck_assert_int_eq(backing_get(b, 5, &out, &flags), 0);
	ck_assert_str_eq(strbuf_str(&out), "before {\"a\":1}");
	ck_assert_uint_eq(flags, 3);
	ck_assert(backing_has(b, 5));
}
END_TEST

START_TEST(an_empty_text_is_a_text)
{
	ck_assert_int_eq(backing_put(b, 5, "", 0, 1), 0);
	ck_assert_int_eq(backing_get(b, 5, &out, &flags), 0);
	ck_assert_uint_eq(out.len, 0);
}
END_TEST

START_TEST(the_newer_one_takes_the_place)
{
	size_t bytes;

	ck_assert_int_eq(backing_put(b, 5, "old", 3, 0), 0);
	bytes = backing_bytes(b);
	ck_assert_int_eq(backing_put(b, 5, "new", 3, 1), 0);
	ck_assert_uint_eq(backing_bytes(b), bytes);
	ck_assert_int_eq(backing_get(b, 5, &out, &flags), 0);
	ck_assert_str_eq(strbuf_str(&out), "new");
	ck_assert_uint_eq(flags, 1);
}
END_TEST

START_TEST(what_is_not_here_is_enoent)
{
	ck_assert_int_eq(backing_get(b, 5, &out, &flags), -ENOENT);
	ck_assert(!backing_has(b, 5));
	backing_drop(b, 5);
	ck_assert_int_eq(backing_put(b, 5, "x", 1, 0), 0);
	backing_drop(b, 5);
	ck_assert_int_eq(backing_get(b, 5, &out, &flags), -ENOENT);
	ck_assert_uint_eq(backing_bytes(b), 0);
}
END_TEST

START_TEST(the_least_recently_used_goes_first)
{
	for (int64_t id = 1; id <= 9; id++)
		put_noise(id, 10000);
	ck_assert_int_eq(backing_get(b, 1, &out, &flags), 0); /* now the most recent */
	put_noise(10, 10000);
	put_noise(11, 10000);
	ck_assert(backing_has(b, 1));
	ck_assert(!backing_has(b, 2));
	ck_assert(!backing_has(b, 3));
	ck_assert(backing_has(b, 4));
	ck_assert(backing_has(b, 11));
}
END_TEST

START_TEST(the_bound_holds)
{
	for (int64_t id = 1; id <= 500; id++) {
		put_noise(id, 777);
		ck_assert_uint_le(backing_bytes(b), 100000);
	}
	ck_assert_uint_gt(backing_bytes(b), 90000);
}
END_TEST

START_TEST(one_larger_than_the_bound_is_kept_alone)
{
	put_noise(1, 500);
	put_noise(2, 200000);
	ck_assert(!backing_has(b, 1));
	ck_assert(backing_has(b, 2));
	put_noise(3, 500);
	ck_assert(!backing_has(b, 2));
	ck_assert(backing_has(b, 3));
}
END_TEST

START_TEST(json_is_kept_in_less_space_than_it_has)
{
	_cleanup_(strbuf_release) struct strbuf json = STRBUF_INIT;

	for (int i = 0; i < 1000; i++)
		strbuf_addf(&json, "{\"question_id\":%d,\"is_answered\":true},", i);
	ck_assert_int_eq(backing_put(b, 1, json.buf, json.len, 0), 0);
	ck_assert_uint_lt(backing_bytes(b), json.len / 4);
	ck_assert_int_eq(backing_get(b, 1, &out, &flags), 0);
	ck_assert_uint_eq(out.len, json.len);
	ck_assert(!memcmp(out.buf, json.buf, json.len));
}
END_TEST

START_TEST(damaged_data_is_said_to_be_and_dropped)
{
	static const char *const damages[] = { "", "x", "no compressed data at all" };

	for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
		struct packed *p;

		ck_assert_int_eq(backing_put(b, 5, "{\"a\":1}", 7, 0), 0);
		p = map_get(&b->by_id, 5);
		b->bytes -= packed_cost(p);
		blob_unref(p->blob);
		p->blob = blob_new(damages[i], strlen(damages[i]));
		b->bytes += packed_cost(p);
		ck_assert_int_eq(backing_get(b, 5, &out, &flags), -EBADMSG);
		ck_assert(!backing_has(b, 5));
		ck_assert_uint_eq(backing_bytes(b), 0);
	}
}
END_TEST

START_TEST(freeing_nothing_is_fine)
{
	backing_free(NULL);
}
END_TEST

static Suite *store_backing_suite(void)
{
	Suite *s = suite_create("store_backing");
	TCase *tc = tcase_create("store_backing");

	tcase_set_timeout(tc, 60); /* sanitizers are slow */
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, what_was_put_comes_back_with_its_flags);
	tcase_add_test(tc, an_empty_text_is_a_text);
	tcase_add_test(tc, the_newer_one_takes_the_place);
	tcase_add_test(tc, what_is_not_here_is_enoent);
	tcase_add_test(tc, the_least_recently_used_goes_first);
	tcase_add_test(tc, the_bound_holds);
	tcase_add_test(tc, one_larger_than_the_bound_is_kept_alone);
	tcase_add_test(tc, json_is_kept_in_less_space_than_it_has);
	tcase_add_test(tc, damaged_data_is_said_to_be_and_dropped);
	tcase_add_test(tc, freeing_nothing_is_fine);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(store_backing_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
