#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/base/map.h>

START_TEST(an_empty_map_has_nothing)
{
	struct map m = { 0 };
	uint64_t key;
	void *value;
	size_t pos = 0;

	ck_assert_ptr_null(map_get(&m, 0));
	ck_assert_ptr_null(map_del(&m, 0));
	ck_assert(!map_next(&m, &pos, &key, &value));
	map_release(&m);
}
END_TEST

START_TEST(any_key_is_allowed)
{
	static const uint64_t keys[] = { 0, 1, UINT64_MAX, 1ULL << 63, 42 };
	char values[ARRAY_SIZE(keys)];
	struct map m = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		ck_assert_int_eq(map_put(&m, keys[i], &values[i]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		ck_assert_ptr_eq(map_get(&m, keys[i]), &values[i]);
	ck_assert_ptr_null(map_get(&m, 43));
	map_release(&m);
}
END_TEST

START_TEST(putting_again_replaces)
{
	struct map m = { 0 };
	char a, b;

	ck_assert_int_eq(map_put(&m, 7, &a), 0);
	ck_assert_int_eq(map_put(&m, 7, &b), 0);
	ck_assert_ptr_eq(map_get(&m, 7), &b);
	ck_assert_uint_eq(m.nr, 1);
	ck_assert_ptr_eq(map_del(&m, 7), &b);
	ck_assert_ptr_null(map_del(&m, 7));
	ck_assert_uint_eq(m.nr, 0);
	map_release(&m);
}
END_TEST

static void check_same(const struct map *m, void *const *reference, size_t nr_keys)
{
	size_t pos = 0, seen = 0, expected = 0;
	uint64_t key;
	void *value;

	while (map_next(m, &pos, &key, &value)) {
		ck_assert_uint_lt(key, nr_keys);
		ck_assert_ptr_eq(reference[key], value);
		seen++;
	}
	for (size_t i = 0; i < nr_keys; i++) {
		expected += reference[i] != NULL;
		ck_assert_ptr_eq(map_get(m, i), reference[i]);
	}
	ck_assert_uint_eq(seen, expected);
	ck_assert_uint_eq(m->nr, expected);
}

/* Deletion moves later slots back over the hole: a mistake there loses keys behind a run, or behind
 * the wrap from the last slot to the first. Against the plainest map there is. */
START_TEST(random_changes_agree_with_a_plain_array)
{
	enum { OPS = 100000, KEYS = 700 };
	static void *reference[KEYS];
	static char values[64];
	struct map m = { 0 };
	uint64_t seed = 1;

	for (unsigned i = 0; i < OPS; i++) {
		/* Phases of growth and of shrinking, so that sizes change and runs get long. */
		unsigned puts_of_8 = i / 5000 % 2 ? 2 : 6;
		uint64_t x = hash_u64(seed += 0x9e3779b97f4a7c15ULL);
		size_t key = x % KEYS;
		void *value = &values[x >> 32 & 63];

		if ((x >> 40 & 7) < puts_of_8) {
			ck_assert_int_eq(map_put(&m, key, value), 0);
			reference[key] = value;
		} else {
			ck_assert_ptr_eq(map_del(&m, key), reference[key]);
			reference[key] = NULL;
		}
		if (i % 1000 == 0)
			check_same(&m, reference, KEYS);
	}
	check_same(&m, reference, KEYS);
	for (size_t i = 0; i < KEYS; i++)
		map_del(&m, i);
	ck_assert_uint_eq(m.nr, 0);
	ck_assert_uint_le(m.size, 64); /* it gave memory back */
	map_release(&m);
}
END_TEST

/* Eleven keys of one home slot in a table of sixteen, each deleted in turn. */
START_TEST(a_run_survives_the_loss_of_any_member)
{
	uint64_t keys[11];
	char values[ARRAY_SIZE(keys)];

	for (size_t home = 0; home < 16; home += 5) {
		size_t nr = 0;

		for (uint64_t k = 1; nr < ARRAY_SIZE(keys); k++)
			if ((hash_u64(k) & 15) == home)
				keys[nr++] = k;
		for (size_t gone = 0; gone < nr; gone++) {
			struct map m = { 0 };

			for (size_t i = 0; i < nr; i++)
				ck_assert_int_eq(map_put(&m, keys[i], &values[i]), 0);
			ck_assert_uint_eq(m.size, 16);
			ck_assert_ptr_eq(map_del(&m, keys[gone]), &values[gone]);
			for (size_t i = 0; i < nr; i++)
				ck_assert_ptr_eq(map_get(&m, keys[i]),
						 i == gone ? NULL : &values[i]);
			map_release(&m);
		}
	}
}
END_TEST

/* Inode numbers rest on these values: a change renumbers every file of every user. */
START_TEST(hashes_are_stable)
{
	ck_assert_uint_eq(hash_bytes(HASH_SEED, "", 0), HASH_SEED);
	ck_assert_uint_eq(hash_bytes(HASH_SEED, "a", 1), 0xaf63dc4c8601ec8cULL);
	ck_assert_uint_eq(hash_bytes(HASH_SEED, "foobar", 6), 0x85944171f73967e8ULL);
	ck_assert_uint_eq(hash_bytes(hash_bytes(HASH_SEED, "foo", 3), "bar", 3),
			  hash_bytes(HASH_SEED, "foobar", 6));
	ck_assert_uint_eq(hash_u64(0), 0);
	ck_assert_uint_eq(hash_u64(0x9e3779b97f4a7c15ULL), 0xe220a8397b1dcdafULL);
}
END_TEST

static Suite *base_map_suite(void)
{
	Suite *s = suite_create("base_map");
	TCase *tc = tcase_create("base_map");

	tcase_add_test(tc, an_empty_map_has_nothing);
	tcase_add_test(tc, any_key_is_allowed);
	tcase_add_test(tc, putting_again_replaces);
	tcase_add_test(tc, random_changes_agree_with_a_plain_array);
	tcase_add_test(tc, a_run_survives_the_loss_of_any_member);
	tcase_add_test(tc, hashes_are_stable);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(base_map_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
