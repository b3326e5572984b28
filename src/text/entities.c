/* A safe filter of the API encodes text as .NET's HtmlEncode does: four names, and numeric references
 * (decimal in all that was seen; hexadecimal is accepted too). Other names are not decoded: Markdown
 * that says `&nbsp;` means it.
 *
 * Everything is decoded in one pass, so `&amp;lt;` becomes `&lt;` and stays so, which is what the
 * author wrote. A reference is never shorter than its character in UTF-8 (`&#9;` is 4 bytes for 1, and
 * the longest character, 4 bytes, needs `&#65536;` or `&#x10000;`), so decoding in place is safe. */
#include <sofs/text.h>

#include <string.h>

#include "utf8.h"

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

/* The reference at s ("&#…"): its length with the `;`, or 0 if it is none or must stay as it is. */
static size_t numeric_reference(const char *s, uint32_t *ret)
{
	const char *p = s + 2;
	uint32_t base = 10, c = 0;
	const char *digits;

	if (*p == 'x' || *p == 'X') {
		base = 16;
		p++;
	}
	for (digits = p; digit_value(*p) < (int)base; p++)
		if (c <= 0x10ffff)
			c = c * base + (uint32_t)digit_value(*p);
	if (p == digits || *p != ';')
		return 0;
	if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret = c;
	return (size_t)(p + 1 - s);
}

/* The reference at s (which starts with `&`), or 0. */
static size_t reference(const char *s, uint32_t *ret)
{
	static const struct {
		const char *text;
		size_t len;
		char c;
	} names[] = {
		{ "&lt;", 4, '<' },
		{ "&gt;", 4, '>' },
		{ "&amp;", 5, '&' },
		{ "&quot;", 6, '"' },
	};

	if (s[1] == '#')
		return numeric_reference(s, ret);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strncmp(s, names[i].text, names[i].len) == 0) {
			*ret = (unsigned char)names[i].c;
			return names[i].len;
		}
	}
	return 0;
}

void text_decode_entities(char *s)
{
	const char *from = strchr(s, '&');
	char *to;

	if (!from)
		return;
	to = s + (from - s);
	while (*from) { /* *from is `&` */
		const char *next;
		size_t n, run;
		uint32_t c;

		n = reference(from, &c);
		if (n > 0) {
			to += utf8_put(to, c);
			from += n;
		} else {
			*to++ = *from++;
		}
		next = strchrnul(from, '&');
		run = (size_t)(next - from);
		memmove(to, from, run);
		to += run;
		from = next;
	}
	*to = '\0';
}
