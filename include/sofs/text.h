/* Between the model and what a person sees: Markdown files, front matter, file names.
 * Pure functions of their arguments: no state, no time, any thread. What they append to a strbuf is
 * complete or strbuf_failed(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sofs/base/strbuf.h>
#include <sofs/model/question.h>

/* The canonical form of a post's text: CRLF and lone CR become LF; a final LF is added if the text is not
 * empty and has none; nothing else is changed. */
void text_add_markdown(struct strbuf *sb, const char *markdown);

/* questions/<id>/body.md: front matter (title and tags as JSON strings), one empty line, the text.
 * Without text the file ends after that empty line. The exact forms: docs/design/formats.md. */
void text_render_body(struct strbuf *sb, const struct question *q);
/* answers/<id>.md: the text and nothing else. */
void text_render_answer(struct strbuf *sb, const struct answer *a);
/* comments.md and <id>.comments.md. Nothing is added for no comments. */
void text_render_comments(struct strbuf *sb, const struct comment *comments, size_t nr);

/* A JSON string with its quotes, which YAML reads as the same string: control characters, and the few
 * others that YAML does not take as they are, are escaped; other non-ASCII stays. Invalid UTF-8 becomes
 * U+FFFD. */
void text_add_json_string(struct strbuf *sb, const char *s);

/* A name from the server as a file name: `/`, NUL, control characters, `%`, and names that are just
 * `.` or `..`, become %XX (docs/design/formats.md). False, with nothing added, if the name is empty or
 * would be longer than 255 bytes: it has to be left out. `len` bytes, which may include NUL. */
bool text_add_name(struct strbuf *sb, const char *name, size_t len);
/* The inverse. False (content of sb undefined beyond its old length) if `file_name` is not something
 * text_add_name() makes: stray or lower-case %XX, an escape of a byte that needs none, control bytes. */
bool text_parse_name(struct strbuf *sb, const char *file_name);
/* The id in a name of decimal digits, as printed with %PRId64: 1 .. 2^53, no sign, no leading zero. */
bool text_parse_id(const char *s, size_t len, int64_t *ret);

/* Names that editors, file managers, version control and search tools probe for everywhere, and that no
 * team's tag will be asked of the server for: hidden names except those that start with `.net`, `RCS`,
 * `CVS`, `4913`, `autorun.inf`, … Only for names that are in no listing: a listed tag wins. */
bool text_is_probe_name(const char *name);
/* Whether the service could have a tag of this (decoded) name: at most 35 UTF-16 units, nothing that it
 * forbids, no ASCII upper case. Also only for names that are in no listing; a file name with an escape
 * in it can only come from one. */
bool text_can_be_tag(const char *name);

/* Decodes HTML entities exactly once, in one pass from left to right, in place: &lt; &gt; &amp; &quot;
 * &#N; &#xN; and nothing else. References to NUL, surrogates or beyond U+10FFFF stay as they are. */
void text_decode_entities(char *s);
/* Appends the bytes with every invalid UTF-8 sequence (overlong, surrogate, truncated, beyond U+10FFFF)
 * replaced by U+FFFD. NUL is a valid character and stays. */
void text_add_clean_utf8(struct strbuf *sb, const char *s, size_t len);
