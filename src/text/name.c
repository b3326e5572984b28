#include <sofs/text.h>

#include <string.h>

enum {
	NAME_BYTES = 255, /* NAME_MAX of Linux, and what a user's disk can copy */
	ID_DIGITS = 16,   /* of ID_MAX */
	ESCAPE_BYTES = 3, /* %XX */
};

#define ID_MAX (INT64_C(1) << 53) /* beyond it JSON numbers are not exact */

static bool is_escaped_byte(unsigned char c)
{
	return c < 0x20 || c == 0x7f || c == '/' || c == '%';
}

static bool is_dots(const char *name, size_t len)
{
	return (len == 1 || len == 2) && name[0] == '.' && name[len - 1] == '.';
}

/* The name as it is in a file system, into buf. Its length, or 0 if it has none. */
static size_t escape_name(char buf[static NAME_BYTES], const char *name, size_t len)
{
	static const char hex[] = "0123456789ABCDEF";
	bool dots = is_dots(name, len);
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)name[i];
		bool escape = dots || is_escaped_byte(c);

		if (n + (escape ? ESCAPE_BYTES : 1) > NAME_BYTES)
			return 0;
		if (escape) {
			buf[n++] = '%';
			buf[n++] = hex[c >> 4];
			buf[n++] = hex[c & 15];
		} else {
			buf[n++] = (char)c;
		}
	}
	return n;
}

bool text_add_name(struct strbuf *sb, const char *name, size_t len)
{
	char buf[NAME_BYTES];
	size_t n = escape_name(buf, name, len);

	if (n == 0)
		return false;
	strbuf_add(sb, buf, n);
	return true;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Decodes leniently, then asks whether the result would be written in just this way: so each name has
 * one spelling only, and this function cannot disagree with the one above. */
bool text_parse_name(struct strbuf *sb, const char *file_name)
{
	size_t len = strnlen(file_name, NAME_BYTES + 1), n = 0;
	char decoded[NAME_BYTES], again[NAME_BYTES];

	if (len == 0 || len > NAME_BYTES)
		return false;
	for (size_t i = 0; i < len; i++) {
		decoded[n] = file_name[i];
		if (file_name[i] == '%') {
			int high = hex_value(file_name[i + 1]);
			int low = high < 0 ? -1 : hex_value(file_name[i + 2]);

			if (low < 0)
				return false;
			decoded[n] = (char)(high << 4 | low);
			i += 2;
		}
		n++;
	}
	if (escape_name(again, decoded, n) != len || memcmp(again, file_name, len) != 0)
		return false;
	strbuf_add(sb, decoded, n);
	return true;
}

bool text_parse_id(const char *s, size_t len, int64_t *ret)
{
	int64_t id = 0;

	if (len == 0 || len > ID_DIGITS || s[0] == '0')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		id = id * 10 + (s[i] - '0');
	}
	if (id > ID_MAX)
		return false;
	*ret = id;
	return true;
}
