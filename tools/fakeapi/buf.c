#include "buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void *xmalloc(size_t n)
{
	void *p = malloc(n ? n : 1);

	if (!p)
		abort();
	return p;
}

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p)
		abort();
	return p;
}

void *xrealloc(void *p, size_t n)
{
	p = realloc(p, n ? n : 1);
	if (!p)
		abort();
	return p;
}

char *xstrndup(const char *s, size_t n)
{
	char *p = xmalloc(n + 1);

	memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

char *xstrdup(const char *s)
{
	return xstrndup(s, strlen(s));
}

char *xasprintf(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	return s;
}

void buf_reserve(struct buf *b, size_t n)
{
	size_t want = b->len + n + 1;

	if (want <= b->cap)
		return;
	b->cap = b->cap * 2 > want ? b->cap * 2 : want;
	if (b->cap < 256)
		b->cap = 256;
	b->data = xrealloc(b->data, b->cap);
}

void buf_add(struct buf *b, const void *data, size_t n)
{
	buf_reserve(b, n);
	if (n)
		memcpy(b->data + b->len, data, n);
	b->len += n;
	b->data[b->len] = '\0';
}

void buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_addc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_add_int(struct buf *b, int64_t v)
{
	char tmp[24];
	char *p = tmp + sizeof(tmp);
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

	do
		*--p = (char)('0' + u % 10);
	while (u /= 10);
	if (v < 0)
		*--p = '-';
	buf_add(b, p, (size_t)(tmp + sizeof(tmp) - p));
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	char *text;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	buf_add(b, text, (size_t)n);
	free(text);
}

void buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ 0 };
}

char *buf_take(struct buf *b)
{
	char *s = b->data ? b->data : xstrdup("");

	*b = (struct buf){ 0 };
	return s;
}

int utf8_decode(const char *str, int32_t *cp)
{
	const unsigned char *s = (const unsigned char *)str;
	int n = s[0] < 0x80 ? 1 : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	int32_t c;

	*cp = s[0];
	if (n == 1)
		return 1;
	*cp = -1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 1;
	c = s[0] & (0x7f >> n);
	for (int i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 1;
		c = c << 6 | (s[i] & 0x3f);
	}
	*cp = c;
	return n;
}

/* .NET WebUtility.HtmlEncode: five ASCII characters, the Latin-1 supplement from U+00A0 and
 * everything beyond the BMP become references; all other characters stay as they are. */
void buf_html_encode(struct buf *b, const char *s)
{
	while (*s) {
		size_t plain = strcspn(s, "<>&\"'\xc2\xc3\xf0\xf1\xf2\xf3\xf4");
		int32_t cp;
		int n;

		buf_add(b, s, plain);
		s += plain;
		if (!*s)
			break;
		n = utf8_decode(s, &cp);
		if (cp == '<')
			buf_adds(b, "&lt;");
		else if (cp == '>')
			buf_adds(b, "&gt;");
		else if (cp == '&')
			buf_adds(b, "&amp;");
		else if (cp == '"')
			buf_adds(b, "&quot;");
		else if (cp == '\'')
			buf_adds(b, "&#39;");
		else if ((cp >= 0xa0 && cp <= 0xff) || cp > 0xffff)
			buf_addf(b, "&#%d;", (int)cp);
		else
			buf_add(b, s, (size_t)n);
		s += n;
	}
}

static void add_unicode_escape(struct buf *b, int32_t cp)
{
	if (cp > 0xffff) {
		cp -= 0x10000;
		buf_addf(b, "\\u%04x\\u%04x", 0xd800u + ((unsigned)cp >> 10),
			 0xdc00u + ((unsigned)cp & 0x3ff));
	} else {
		buf_addf(b, "\\u%04x", (unsigned)cp);
	}
}

static void json_escape(struct buf *b, const char *s, enum json_escape esc)
{
	for (;;) {
		const unsigned char *p = (const unsigned char *)s;
		int32_t cp;
		int n;

		while (*p >= 0x20 && *p != '"' && *p != '\\' &&
		       (*p < 0x80 || (esc != JSON_ESCAPE_ALL && *p < 0xf0)))
			p++;
		buf_add(b, s, (size_t)((const char *)p - s));
		s = (const char *)p;
		if (!*s)
			return;
		n = utf8_decode(s, &cp);
		switch (cp) {
		case '"':
			buf_adds(b, "\\\"");
			break;
		case '\\':
			buf_adds(b, "\\\\");
			break;
		case '\n':
			buf_adds(b, "\\n");
			break;
		case '\r':
			buf_adds(b, "\\r");
			break;
		case '\t':
			buf_adds(b, "\\t");
			break;
		default:
			if (cp >= 0 && (cp < 0x20 || esc != JSON_ESCAPE_NONE))
				add_unicode_escape(b, cp);
			else
				buf_add(b, s, (size_t)n);
		}
		s += n;
	}
}

void buf_json_string(struct buf *b, const char *s, int html_times, enum json_escape esc)
{
	struct buf tmp[2] = { { 0 } };

	for (int i = 0; i < html_times && i < 2; i++) {
		buf_html_encode(&tmp[i], s);
		s = tmp[i].data ? tmp[i].data : "";
	}
	buf_addc(b, '"');
	json_escape(b, s, esc);
	buf_addc(b, '"');
	buf_free(&tmp[0]);
	buf_free(&tmp[1]);
}

uint64_t hash_bytes(const void *data, size_t n, uint64_t seed)
{
	const unsigned char *p = data;
	uint64_t h = 0xcbf29ce484222325u ^ seed;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93u;
	return h ^ h >> 32;
}

uint64_t hash_string(const char *s)
{
	return hash_bytes(s, strlen(s), 0);
}

uint64_t prng_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static int64_t clock_ms(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t mono_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

int64_t wall_ms(void)
{
	return clock_ms(CLOCK_REALTIME);
}
