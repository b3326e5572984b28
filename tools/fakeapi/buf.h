/* Growable text buffer, and the two escapings that an API answer needs: JSON and HTML entities.
 *
 * This is a test server: running out of memory ends it at once (xmalloc and friends abort), so
 * that no caller carries error paths that can never be tested. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define ARRAY_SIZE(a)  (sizeof(a) / sizeof((a)[0]))

struct buf {
	char *data; /* always terminated by NUL once something was added */
	size_t len;
	size_t cap;
};

/* How characters beyond ASCII are written in JSON. The service has been seen to send astral
 * characters as surrogate pairs, so that is what we do by default. */
enum json_escape { JSON_ESCAPE_ASTRAL, JSON_ESCAPE_NONE, JSON_ESCAPE_ALL };

void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) _printf_(1, 2);

void buf_add(struct buf *b, const void *data, size_t n);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_add_int(struct buf *b, int64_t v);
void buf_addf(struct buf *b, const char *fmt, ...) _printf_(2, 3);
void buf_reserve(struct buf *b, size_t n); /* room for n more bytes and a NUL */
void buf_free(struct buf *b);
char *buf_take(struct buf *b); /* hands over the string (never NULL); b is empty afterwards */

/* A JSON string with its quotes. html_times is how often the text goes through HtmlEncode first
 * (0 = raw as in unsafe filters, 1 = safe filter, 2 = the double encoding bug). */
void buf_json_string(struct buf *b, const char *s, int html_times, enum json_escape esc);
void buf_html_encode(struct buf *b, const char *s);

/* One UTF-8 sequence at s. Returns its length (1..4) and the code point; a broken sequence counts
 * as one byte with *cp = -1. */
int utf8_decode(const char *s, int32_t *cp);

uint64_t hash_bytes(const void *data, size_t n, uint64_t seed);
uint64_t hash_string(const char *s);
uint64_t prng_next(uint64_t *state); /* splitmix64: good enough, and the same on every machine */

int64_t mono_ms(void); /* CLOCK_MONOTONIC, unaffected by the clock offset */
int64_t wall_ms(void); /* CLOCK_REALTIME, without the configured offset */
