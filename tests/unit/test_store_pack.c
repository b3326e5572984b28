/* What the store keeps of a question, packed. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pack.h"

START_TEST(what_was_packed_is_unpacked)
{
	static const size_t sizes[] = { 0, 1, 100, 4096, 100000, 3000000 };
	char *data = malloc(3000000);

	for (size_t i = 0; i < 3000000; i++)
		data[i] = (char)(i * i >> 7);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct strbuf packed = STRBUF_INIT, out = STRBUF_INIT;

		strbuf_adds(&packed, "head");
		strbuf_adds(&out, "before");
		ck_assert_int_eq(json_pack(data, sizes[i], &packed), 0);
		ck_assert_int_eq(json_unpack(packed.buf + 4, packed.len - 4, &out, sizes[i]), 0);
		ck_assert_uint_eq(out.len, 6 + sizes[i]);
		ck_assert_mem_eq(out.buf, "before", 6);
		ck_assert(memcmp(out.buf + 6, data, sizes[i]) == 0);
		if (sizes[i]) {
			strbuf_reset(&out);
			ck_assert_int_eq(
				json_unpack(packed.buf + 4, packed.len - 4, &out, sizes[i] - 1),
				-EFBIG);
		}
		strbuf_release(&packed);
		strbuf_release(&out);
	}
	free(data);
}
END_TEST

START_TEST(damage_is_noticed)
{
	struct strbuf packed = STRBUF_INIT, out = STRBUF_INIT;

	ck_assert_int_eq(json_pack("some text, some text", 20, &packed), 0);
	for (size_t len = 0; len < packed.len; len++)
		ck_assert_int_eq(json_unpack(packed.buf, len, &out, 1000), -EBADMSG);
	strbuf_addch(&packed, 'x');
	ck_assert_int_eq(json_unpack(packed.buf, packed.len, &out, 1000), -EBADMSG);
	packed.buf[packed.len - 2] ^= 1;
	ck_assert_int_eq(json_unpack(packed.buf, packed.len - 1, &out, 1000), -EBADMSG);
	strbuf_release(&packed);
	strbuf_release(&out);
}
END_TEST

static Suite *store_pack_suite(void)
{
	Suite *s = suite_create("store_pack");
	TCase *tc = tcase_create("store_pack");

	tcase_add_test(tc, what_was_packed_is_unpacked);
	tcase_add_test(tc, damage_is_noticed);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(store_pack_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
