#include "encode.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static void deflate_raw(struct buf *out, const void *data, size_t n, int level, int flush)
{
	/* tails are tiny: a small window saves clearing 256 KB for each */
	int mem_level = n < 4096 ? 1 : 8;
	int window = n < 4096 ? -9 : -15;
	z_stream z = { 0 };

	if (deflateInit2(&z, level, Z_DEFLATED, window, mem_level, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	buf_reserve(out, deflateBound(&z, n) + 64);
	z.next_in = (void *)(uintptr_t)data;
	z.avail_in = (unsigned)n;
	z.next_out = (unsigned char *)out->data + out->len;
	z.avail_out = (unsigned)(out->cap - out->len - 1);
	deflate(&z, flush);
	if (z.avail_in)
		abort(); /* deflateBound() was wrong */
	out->len += z.total_out;
	deflateEnd(&z);
}

void chunk_deflate(struct chunk *c, const void *data, size_t n, int level)
{
	struct buf out = { 0 };

	deflate_raw(&out, data, n, level, Z_FULL_FLUSH);
	*c = (struct chunk){ .z = xrealloc(out.data, out.len + 1),
			     .z_len = out.len,
			     .raw_len = n,
			     .crc = (uint32_t)crc32(0, data, (unsigned)n),
			     .adler = (uint32_t)adler32(1, data, (unsigned)n) };
}

void chunk_inflate(const struct chunk *c, struct buf *out)
{
	z_stream z = { 0 };

	if (inflateInit2(&z, -15) != Z_OK)
		abort();
	buf_reserve(out, c->raw_len);
	z.next_in = c->z;
	z.avail_in = (unsigned)c->z_len;
	z.next_out = (unsigned char *)out->data + out->len;
	z.avail_out = (unsigned)c->raw_len;
	inflate(&z, Z_SYNC_FLUSH);
	out->len += z.total_out;
	out->data[out->len] = '\0';
	inflateEnd(&z);
}

void chunk_release(struct chunk *c)
{
	free(c->z);
	*c = (struct chunk){ 0 };
}

/* True if name stands in the header and not with q=0. */
static bool is_accepted(const char *header, const char *name)
{
	size_t n = strlen(name);

	for (const char *s = header; s && *s;) {
		size_t len = strcspn(s, ",");
		size_t skip = strspn(s, " \t");

		if (len >= skip + n && strncasecmp(s + skip, name, n) == 0 &&
		    strchr(" \t;,", s[skip + n])) {
			char *q = memmem(s, len, "q=", 2);

			return !q || strtod(q + 2, NULL) > 0;
		}
		s += len + (s[len] == ',');
	}
	return false;
}

enum compression encode_choose(enum compression setting, const char *accept)
{
	if (setting != COMPRESS_AUTO)
		return setting;
	return !is_accepted(accept, "gzip") && is_accepted(accept, "deflate") ? COMPRESS_DEFLATE
									      : COMPRESS_GZIP;
}

static void add_le32(struct buf *b, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		buf_addc(b, (char)(v >> 8 * i));
}

static void add_be32(struct buf *b, uint32_t v)
{
	for (int i = 3; i >= 0; i--)
		buf_addc(b, (char)(v >> 8 * i));
}

static const char gzip_header[10] = { 0x1f, (char)0x8b, 8, 0, 0, 0, 0, 0, 4, 0 };
static const char zlib_header[2] = { 0x78, 0x01 };

static void add_container(struct buf *out, enum compression c, const struct chunk *head,
			  const char *tail, size_t tail_len)
{
	bool gzip =
		c == COMPRESS_GZIP || c == COMPRESS_GZIP_NO_HEADER || c == COMPRESS_GZIP_AS_DEFLATE;
	bool zlib = c == COMPRESS_DEFLATE || c == COMPRESS_DEFLATE_AS_GZIP;
	uLong crc = crc32(0, (const unsigned char *)tail, (unsigned)tail_len);
	uLong adler = adler32(1, (const unsigned char *)tail, (unsigned)tail_len);
	uint64_t raw_len = tail_len;

	if (gzip)
		buf_add(out, gzip_header, sizeof(gzip_header));
	if (zlib)
		buf_add(out, zlib_header, sizeof(zlib_header));
	if (head) {
		buf_add(out, head->z, head->z_len);
		crc = crc32_combine(head->crc, crc, (z_off_t)tail_len);
		adler = adler32_combine(head->adler, adler, (z_off_t)tail_len);
		raw_len += head->raw_len;
	}
	deflate_raw(out, tail, tail_len, 1, Z_FINISH);
	if (gzip) {
		add_le32(out, (uint32_t)crc);
		add_le32(out, (uint32_t)raw_len);
	}
	if (zlib)
		add_be32(out, (uint32_t)adler);
}

const char *encode(struct buf *out, enum compression c, const struct chunk *head, const char *tail,
		   size_t tail_len)
{
	static const char *const names[] = {
		[COMPRESS_GZIP] = "gzip",
		[COMPRESS_DEFLATE] = "deflate",
		[COMPRESS_RAW_DEFLATE] = "deflate",
		[COMPRESS_NONE] = NULL,
		[COMPRESS_GZIP_NO_HEADER] = NULL,
		[COMPRESS_DEFLATE_AS_GZIP] = "gzip",
		[COMPRESS_GZIP_AS_DEFLATE] = "deflate",
	};

	buf_reserve(out, (head ? head->z_len : 0) + tail_len + 256);
	if (c == COMPRESS_NONE) {
		if (head)
			chunk_inflate(head, out);
		buf_add(out, tail, tail_len);
	} else {
		add_container(out, c, head, tail, tail_len);
	}
	return names[c];
}

void encode_repeated(struct buf *out, const char *before, const char *filler, const char *after,
		     uint64_t total_bytes)
{
	const size_t block_bytes = 1u << 20;
	size_t filler_len = strlen(filler);
	struct buf block = { 0 };
	struct chunk start;
	struct chunk piece;
	struct chunk sum;
	uint64_t n;

	while (block.len + filler_len <= block_bytes)
		buf_add(&block, filler, filler_len);
	n = total_bytes / block.len + 1;
	chunk_deflate(&start, before, strlen(before), 9);
	chunk_deflate(&piece, block.data, block.len, 9);
	sum = (struct chunk){ .crc = start.crc, .adler = start.adler, .raw_len = start.raw_len };
	struct buf z = { 0 };

	buf_add(&z, start.z, start.z_len);
	for (uint64_t i = 0; i < n; i++) {
		buf_add(&z, piece.z, piece.z_len);
		sum.crc = (uint32_t)crc32_combine(sum.crc, piece.crc, (z_off_t)piece.raw_len);
		sum.raw_len += piece.raw_len;
	}
	sum.z = (unsigned char *)z.data;
	sum.z_len = z.len;
	add_container(out, COMPRESS_GZIP, &sum, after, strlen(after));
	buf_free(&z);
	buf_free(&block);
	chunk_release(&start);
	chunk_release(&piece);
}
