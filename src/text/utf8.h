/* UTF-8, character by character. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { UTF8_MAX_BYTES = 4 };

#define UTF8_INVALID     UINT32_MAX
#define UTF8_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* The first character of s (len > 0 bytes). Returns the bytes it takes, at least 1. For an ill-formed
 * sequence *ret is UTF8_INVALID, and the bytes are its longest start that could have become a
 * character (Unicode's "maximal subpart"): each such start is worth one replacement character. */
size_t utf8_next(const char *s, size_t len, uint32_t *ret);
/* Writes a Unicode scalar value to p (room for UTF8_MAX_BYTES) and returns the bytes written. */
size_t utf8_put(char *p, uint32_t c);
