/* What is behind the LRU of rendered texts: the JSON of each question, compressed.
 *
 * This interface is all that the rest of the room knows of it. Today it is memory (backing_mem.c), with a bound and
 * a least-recently-used order of its own; what is dropped is fetched again from the server.
 * Safe from any thread; its lock is below the store's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sofs/base/strbuf.h>

struct backing;

_must_check_ int backing_new(size_t max_bytes, struct backing **ret);
void backing_free(struct backing *b);
/* Keeps a copy under the id, in place of an older one, dropping others if there are too many. `flags` come back as
 * they were given. 0 or -errno with nothing kept. */
_must_check_ int backing_put(struct backing *b, int64_t id, const char *json, size_t len,
			     unsigned flags);
/* Appends the JSON. -ENOENT: dropped or never here; -EBADMSG: damaged, and now dropped. */
_must_check_ int backing_get(struct backing *b, int64_t id, struct strbuf *json, unsigned *flags);
bool backing_has(struct backing *b, int64_t id);
void backing_drop(struct backing *b, int64_t id);
size_t backing_bytes(struct backing *b);
