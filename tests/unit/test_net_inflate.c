/* Bodies in every wrapping that was seen or feared. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <sofs/net.h>

static const char text[] = "{\"items\":[\"some text, some text, some text\"]}";

/* window_bits as of deflateInit2: 15 zlib, -15 raw, 31 gzip; 0: plain */
static void wrap(struct strbuf *sb, const void *data, size_t len, int window_bits)
{
	z_stream z = { 0 };

	if (!window_bits) {
		strbuf_add(sb, data, len);
		return;
	}
	ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
	ck_assert(strbuf_reserve(sb, deflateBound(&z, len) + 32));
	z.next_in = (unsigned char *)(uintptr_t)data;
	z.avail_in = (unsigned)len;
	z.next_out = (unsigned char *)sb->buf + sb->len;
	z.avail_out = (unsigned)(sb->cap - sb->len);
	ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	sb->len += z.total_out;
	deflateEnd(&z);
}

static int feed(const struct strbuf *in, enum inflate_encoding enc, size_t piece, size_t max,
		struct strbuf *out)
{
	struct inflater *inf = inflater_new();
	int r = 0;

	inflater_reset(inf, enc);
	for (size_t i = 0; r == 0 && i < in->len; i += piece)
		r = inflater_feed(inf, in->buf + i, in->len - i < piece ? in->len - i : piece, out,
				  max);
	if (r == 0)
		r = inflater_finish(inf, out, max);
	inflater_free(inf);
	return r;
}

START_TEST(the_first_bytes_decide_not_the_announcement)
{
	static const struct {
		int window_bits;
		enum inflate_encoding enc;
	} cases[] = {
		{ 31, INFLATE_GZIP },     { 31, INFLATE_UNKNOWN }, { 31, INFLATE_DEFLATE },
		{ 15, INFLATE_DEFLATE },  { 15, INFLATE_GZIP },    { 15, INFLATE_UNKNOWN },
		{ -15, INFLATE_DEFLATE }, { 0, INFLATE_GZIP },     { 0, INFLATE_UNKNOWN },
		{ 0, INFLATE_DEFLATE },
	};
	static const size_t pieces[] = { 1, 2, 3, 7, 4096 };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(pieces); k++) {
			struct strbuf in = STRBUF_INIT, out = STRBUF_INIT;

			wrap(&in, text, strlen(text), cases[i].window_bits);
			ck_assert_int_eq(feed(&in, cases[i].enc, pieces[k], NET_MAX_BODY, &out), 0);
			ck_assert_str_eq(strbuf_str(&out), text);
			strbuf_release(&in);
			strbuf_release(&out);
		}
	}
}
END_TEST

START_TEST(short_bodies_are_plain)
{
	static const char *const cases[] = { "", "x", "{", "\x1f", "{}", "<html>" };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct strbuf in = STRBUF_INIT, out = STRBUF_INIT;

		strbuf_adds(&in, cases[i]);
		ck_assert_int_eq(feed(&in, INFLATE_GZIP, 1, NET_MAX_BODY, &out), 0);
		ck_assert_str_eq(strbuf_str(&out), cases[i]);
		strbuf_release(&in);
		strbuf_release(&out);
	}
}
END_TEST

START_TEST(members_of_gzip_are_joined_and_garbage_behind_them_ignored)
{
	struct strbuf in = STRBUF_INIT, out = STRBUF_INIT;

	wrap(&in, "one ", 4, 31);
	wrap(&in, "two", 3, 31);
	strbuf_adds(&in, "garbage");
	for (size_t piece = 1; piece < 40; piece++) {
		strbuf_reset(&out);
		ck_assert_int_eq(feed(&in, INFLATE_GZIP, piece, NET_MAX_BODY, &out), 0);
		ck_assert_str_eq(strbuf_str(&out), "one two");
	}
	strbuf_release(&in);
	strbuf_release(&out);
}
END_TEST

START_TEST(every_truncation_is_noticed)
{
	static const int kinds[] = { 31, 15 };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct strbuf in = STRBUF_INIT, out = STRBUF_INIT;

		wrap(&in, text, strlen(text), kinds[i]);
		while (in.len > 2) {
			in.len--;
			strbuf_reset(&out);
			ck_assert_int_eq(feed(&in, INFLATE_GZIP, 5, NET_MAX_BODY, &out), -EBADMSG);
		}
		strbuf_release(&in);
		strbuf_release(&out);
	}
}
END_TEST

START_TEST(a_changed_byte_is_noticed)
{
	struct strbuf in = STRBUF_INIT, out = STRBUF_INIT;

	wrap(&in, text, strlen(text), 31);
	in.buf[in.len - 6] ^= 1; /* of the check sum */
	ck_assert_int_eq(feed(&in, INFLATE_GZIP, 9, NET_MAX_BODY, &out), -EBADMSG);
	strbuf_release(&in);
	strbuf_release(&out);
}
END_TEST

START_TEST(a_bomb_ends_at_the_bound)
{
	size_t size = 8 << 20;
	char *zeros = calloc(1, size);
	struct strbuf in = STRBUF_INIT, out = STRBUF_INIT;

	wrap(&in, zeros, size, 31);
	ck_assert_int_eq(feed(&in, INFLATE_GZIP, 1000, size - 1, &out), -EFBIG);
	ck_assert_uint_le(out.cap, 2 * size);
	strbuf_reset(&out);
	ck_assert_int_eq(feed(&in, INFLATE_GZIP, 1000, size, &out), 0);
	ck_assert_uint_eq(out.len, size);
	strbuf_reset(&out);
	strbuf_reset(&in);
	strbuf_add(&in, zeros, size);
	ck_assert_int_eq(feed(&in, INFLATE_UNKNOWN, 4096, 5000, &out), -EFBIG);
	strbuf_release(&in);
	strbuf_release(&out);
	free(zeros);
}
END_TEST

static Suite *net_inflate_suite(void)
{
	Suite *s = suite_create("net_inflate");
	TCase *tc = tcase_create("net_inflate");

	tcase_add_test(tc, the_first_bytes_decide_not_the_announcement);
	tcase_add_test(tc, short_bodies_are_plain);
	tcase_add_test(tc, members_of_gzip_are_joined_and_garbage_behind_them_ignored);
	tcase_add_test(tc, every_truncation_is_noticed);
	tcase_add_test(tc, a_changed_byte_is_noticed);
	tcase_add_test(tc, a_bomb_ends_at_the_bound);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(net_inflate_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
