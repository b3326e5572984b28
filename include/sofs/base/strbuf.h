/* A growing byte string, always NUL-terminated once something was added.
 *
 * Out of memory is sticky: after a failed growth every further call does nothing and
 * strbuf_failed() is true, so a producer of many pieces checks once at its end.
 * Not thread-safe; zero-initialise or use STRBUF_INIT. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <sofs/base/cleanup.h>

struct strbuf {
	char *buf;  /* owned; NULL while empty */
	size_t len; /* bytes, without the terminating NUL */
	size_t cap;
	bool failed;
};

#define STRBUF_INIT \
	{           \
		0   \
	}

void strbuf_release(struct strbuf *sb);
void strbuf_reset(struct strbuf *sb); /* empties it and keeps the memory; clears the failure */
bool strbuf_reserve(struct strbuf *sb, size_t more);
void strbuf_add(struct strbuf *sb, const void *data, size_t len);
void strbuf_adds(struct strbuf *sb, const char *s);
void strbuf_addch(struct strbuf *sb, char c);
void strbuf_addf(struct strbuf *sb, const char *fmt, ...) _printf_(2, 3);
void strbuf_vaddf(struct strbuf *sb, const char *fmt, va_list ap) _printf_(2, 0);
static inline bool strbuf_failed(const struct strbuf *sb)
{
	return sb->failed;
}
/* The text so far, never NULL; borrowed until the next change. */
const char *strbuf_str(const struct strbuf *sb);
/* Hands the text over (caller frees with free()) and leaves sb empty; NULL if anything failed. */
char *strbuf_detach(struct strbuf *sb);
/* Overwrites the content before freeing: for secrets. */
void strbuf_wipe(struct strbuf *sb);
