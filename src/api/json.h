/* JSON text as it stands: checking it, and walking over it without building a tree.
 *
 * A page has 100 questions of which each becomes a tree of its own later; a tree of the whole would be
 * built only to be cut up. json_check() first makes the text safe in one pass; the walkers below then
 * trust it and must be given nothing else. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_MAX_DEPTH 64

/* A value (or a key, with its quotes) inside a checked text; borrowed from it. */
struct json_slice {
	const char *s;
	size_t len;
};

/* NULL if s is one complete JSON value of at most JSON_MAX_DEPTH levels, else what is wrong with it.
 * s[len] must be NUL. Escapes that no UTF-8 string can hold (\u0000, half a surrogate pair) are replaced
 * by \ufffd in place; unescaped control characters are let pass, because old posts contain them. */
const char *json_check(char *s, size_t len);

/* The members of the object, or elements of the array, that `in` is; an iterator over anything else is
 * at its end at once. */
struct json_iter {
	const char *p; /* NULL: the end */
};
struct json_iter json_members(struct json_slice in);
struct json_iter json_elements(struct json_slice in);
bool json_next_member(struct json_iter *it, struct json_slice *key, struct json_slice *value);
bool json_next_element(struct json_iter *it, struct json_slice *value);

/* The key is this name (which needs no escapes). */
bool json_key_is(struct json_slice key, const char *name);
/* A number, or a string that is one; fractions are rounded up. False for anything else, and beyond 2^53. */
bool json_to_int(struct json_slice value, int64_t *ret);
bool json_to_bool(struct json_slice value); /* true, "true", a number but 0 */
/* A string without its escapes, cut to the size of buf; "" for anything else. */
void json_to_text(struct json_slice value, char *buf, size_t size);
size_t json_count(struct json_slice array);
