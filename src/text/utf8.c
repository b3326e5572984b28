#include "utf8.h"

#include <sofs/text.h>

#include <string.h>

size_t utf8_next(const char *s, size_t len, uint32_t *ret)
{
	const unsigned char *p = (const unsigned char *)s;
	unsigned char lo = 0x80, hi = 0xbf; /* bounds of the second byte */
	size_t want;
	uint32_t c;

	*ret = UTF8_INVALID;
	if (p[0] < 0x80) {
		*ret = p[0];
		return 1;
	}
	/* c0, c1: overlong; 80..bf: no start; f5..ff: beyond U+10FFFF. */
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 1;
	if (p[0] < 0xe0) {
		want = 2;
		c = p[0] & 0x1fu;
	} else if (p[0] < 0xf0) {
		want = 3;
		c = p[0] & 0x0fu;
		if (p[0] == 0xe0)
			lo = 0xa0; /* else overlong */
		if (p[0] == 0xed)
			hi = 0x9f; /* else a surrogate */
	} else {
		want = 4;
		c = p[0] & 0x07u;
		if (p[0] == 0xf0)
			lo = 0x90; /* else overlong */
		if (p[0] == 0xf4)
			hi = 0x8f; /* else beyond U+10FFFF */
	}
	for (size_t i = 1; i < want; i++) {
		if (i == len || p[i] < lo || p[i] > hi)
			return i;
		c = c << 6 | (p[i] & 0x3fu);
		lo = 0x80;
		hi = 0xbf;
	}
	*ret = c;
	return want;
}

size_t utf8_put(char *p, uint32_t c)
{
	if (c < 0x80) {
		p[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		p[0] = (char)(0xc0 | c >> 6);
		p[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		p[0] = (char)(0xe0 | c >> 12);
		p[1] = (char)(0x80 | (c >> 6 & 0x3f));
		p[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	p[0] = (char)(0xf0 | c >> 18);
	p[1] = (char)(0x80 | (c >> 12 & 0x3f));
	p[2] = (char)(0x80 | (c >> 6 & 0x3f));
	p[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* How many bytes at the start of s are ASCII; nearly all of nearly every post, so eight at a time. */
static size_t ascii_run(const char *s, size_t len)
{
	size_t i = 0;
	uint64_t eight;

	for (; len - i >= sizeof(eight); i += sizeof(eight)) {
		memcpy(&eight, s + i, sizeof(eight));
		if (eight & 0x8080808080808080ULL)
			break;
	}
	while (i < len && !((unsigned char)s[i] & 0x80))
		i++;
	return i;
}

void text_add_clean_utf8(struct strbuf *sb, const char *s, size_t len)
{
	size_t start = 0; /* of the valid run not yet added */

	strbuf_reserve(sb, len);
	for (size_t i = 0; i < len;) {
		uint32_t c;
		size_t n;

		i += ascii_run(s + i, len - i);
		if (i == len)
			break;
		n = utf8_next(s + i, len - i, &c);
		if (c == UTF8_INVALID) {
			strbuf_add(sb, s + start, i - start);
			strbuf_adds(sb, UTF8_REPLACEMENT);
			start = i + n;
		}
		i += n;
	}
	if (start < len)
		strbuf_add(sb, s + start, len - start);
}
