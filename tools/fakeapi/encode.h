/* Compression of answers.
 *
 * An answer is a head (the items, the same for all who ask the same) and a small tail (quota, which
 * differs every time). The head is deflated once, up to a byte boundary, and kept; an answer then
 * is a memcpy of it, the deflated tail, and a check sum combined from both. */
#pragma once

#include "buf.h"
#include "settings.h"

struct chunk {
	unsigned char *z; /* raw deflate, ends at a byte boundary and not with a final block */
	size_t z_len;
	uint64_t raw_len;
	uint32_t crc;
	uint32_t adler;
};

void chunk_deflate(struct chunk *c, const void *data, size_t n, int level);
void chunk_inflate(const struct chunk *c, struct buf *out); /* appends */
void chunk_release(struct chunk *c);

/* What to do for this client: resolves COMPRESS_AUTO with its Accept-Encoding (may be NULL). */
enum compression encode_choose(enum compression setting, const char *accept_encoding);

/* Appends head (may be NULL) and tail, encoded, to out. Returns the Content-Encoding or NULL. */
const char *encode(struct buf *out, enum compression c, const struct chunk *head, const char *tail,
		   size_t tail_len);

/* gzip of before, then filler as often as needed for total_bytes, then after, without ever holding
 * it unpacked: the compressed filler is repeated. */
void encode_repeated(struct buf *out, const char *before, const char *filler, const char *after,
		     uint64_t total_bytes);
