/* The forms of the files, and why they are so: docs/design/formats.md.
 *
 *     body.md                                    comments.md
 *     ---                                        ### Ada Moreau, 2026-03-02 09:14 UTC, 2 points (#4711)
 *     title: "…"
 *     tags: ["a", "b"]                           Text…
 *     ---
 *                                                ### …
 *     Text…
 */
#include <sofs/text.h>

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "utf8.h"

/* Adds the bytes with CRLF and lone CR as LF. */
static void add_lines(struct strbuf *sb, const char *s, size_t len)
{
	const char *end = s + len;

	strbuf_reserve(sb, len + 1);
	while (s < end) {
		const char *cr = memchr(s, '\r', (size_t)(end - s));

		if (!cr) {
			strbuf_add(sb, s, (size_t)(end - s));
			return;
		}
		strbuf_add(sb, s, (size_t)(cr - s));
		/* The LF of a CRLF is left for the next run: one piece per line. */
		s = cr + 1;
		if (s == end || *s != '\n')
			strbuf_addch(sb, '\n');
	}
}

void text_add_markdown(struct strbuf *sb, const char *markdown)
{
	size_t len = strlen(markdown);

	add_lines(sb, markdown, len);
	if (len > 0 && markdown[len - 1] != '\n' && markdown[len - 1] != '\r')
		strbuf_addch(sb, '\n');
}

/* JSON asks for `"`, `\` and the characters below U+0020. The rest is for YAML, which reads the same
 * string in front matter: it forbids DEL, C1 controls and the non-characters of the first plane in its
 * input, takes U+0085, U+2028 and U+2029 for line breaks (they would be folded into a space), and
 * U+FEFF for a byte order mark. Beyond the first plane everything is allowed as it is, which is well,
 * because a surrogate pair of \u escapes is an error in YAML. */
static bool is_json_escaped(uint32_t c)
{
	return c < 0x20 || c == '"' || c == '\\' || (c >= 0x7f && c < 0xa0) || c == 0x2028 ||
	       c == 0x2029 || c == 0xfeff || c == 0xfffe || c == 0xffff;
}

void text_add_json_string(struct strbuf *sb, const char *s)
{
	size_t len = strlen(s), start = 0; /* of the run not yet added */

	strbuf_addch(sb, '"');
	for (size_t i = 0; i < len;) {
		uint32_t c;
		size_t n = utf8_next(s + i, len - i, &c);

		if (c == UTF8_INVALID || is_json_escaped(c)) {
			strbuf_add(sb, s + start, i - start);
			if (c == UTF8_INVALID)
				strbuf_adds(sb, UTF8_REPLACEMENT);
			else if (c == '"' || c == '\\')
				strbuf_addf(sb, "\\%c", (char)c);
			else
				strbuf_addf(sb, "\\u%04" PRIx32, c);
			start = i + n;
		}
		i += n;
	}
	strbuf_add(sb, s + start, len - start);
	strbuf_addch(sb, '"');
}

void text_render_body(struct strbuf *sb, const struct question *q)
{
	strbuf_adds(sb, "---\ntitle: ");
	text_add_json_string(sb, q->title);
	strbuf_adds(sb, "\ntags: [");
	for (size_t i = 0; i < q->nr_tags; i++) {
		if (i > 0)
			strbuf_adds(sb, ", ");
		text_add_json_string(sb, q->tags[i]);
	}
	strbuf_adds(sb, "]\n---\n\n");
	text_add_markdown(sb, q->markdown);
}

void text_render_answer(struct strbuf *sb, const struct answer *a)
{
	text_add_markdown(sb, a->markdown);
}

/* Would break the heading into two lines, or is meant for a terminal. */
static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029;
}

/* Nothing to see: spaces of all kinds, zero-width and direction marks. */
static bool is_blank(uint32_t c)
{
	return is_control(c) || c == ' ' || c == 0xa0 || c == 0xad || c == 0x1680 ||
	       (c >= 0x2000 && c <= 0x200f) || (c >= 0x2028 && c <= 0x202f) ||
	       (c >= 0x205f && c <= 0x2069) || c == 0x3000 || c == 0xfeff;
}

static bool is_blank_name(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len;) {
		uint32_t c;

		i += utf8_next(name + i, len - i, &c);
		if (!is_blank(c))
			return false;
	}
	return true;
}

static void add_owner(struct strbuf *sb, const struct user *owner)
{
	size_t len, n;

	if (!owner->name || is_blank_name(owner->name)) {
		if (owner->id)
			strbuf_addf(sb, "user%" PRId64, owner->id);
		else
			strbuf_adds(sb, "anonymous");
		return;
	}
	len = strlen(owner->name);
	for (size_t i = 0; i < len; i += n) {
		uint32_t c;

		n = utf8_next(owner->name + i, len - i, &c);
		if (c == UTF8_INVALID)
			strbuf_adds(sb, UTF8_REPLACEMENT);
		else if (is_control(c))
			strbuf_addch(sb, ' ');
		else
			strbuf_add(sb, owner->name + i, n);
	}
}

/* Years 1 to 9999, so that a date always has its shape; what lies outside becomes the nearest minute. */
static void add_minute(struct strbuf *sb, int64_t at_s)
{
	const int64_t min_s = INT64_C(-62135596800), max_s = INT64_C(253402300799);
	struct tm tm = { 0 };
	time_t t;

	if (at_s < min_s)
		at_s = min_s;
	if (at_s > max_s)
		at_s = max_s;
	t = (time_t)at_s;
	gmtime_r(&t, &tm); /* a narrow time_t leaves year 1900: wrong, but a date */
	strbuf_addf(sb, "%04d-%02d-%02d %02d:%02d UTC", tm.tm_year + 1900, tm.tm_mon + 1,
		    tm.tm_mday, tm.tm_hour, tm.tm_min);
}

static void add_comment(struct strbuf *sb, const struct comment *c)
{
	size_t len = strlen(c->markdown);

	while (len > 0 && (c->markdown[len - 1] == '\n' || c->markdown[len - 1] == '\r'))
		len--;
	strbuf_adds(sb, "### ");
	add_owner(sb, &c->owner);
	strbuf_adds(sb, ", ");
	add_minute(sb, c->created_s);
	strbuf_addf(sb, ", %" PRId64 " point%s (#%" PRId64 ")\n\n", c->score,
		    c->score == 1 ? "" : "s", c->id);
	add_lines(sb, c->markdown, len);
	strbuf_addch(sb, '\n');
}

void text_render_comments(struct strbuf *sb, const struct comment *comments, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		if (i > 0)
			strbuf_addch(sb, '\n');
		add_comment(sb, &comments[i]);
	}
}
