/* Decoding of response bodies, piece by piece and with a bound.
 *
 * The service compresses whatever was asked for, proxies on the way sometimes undo it, and either may
 * forget the header (api-v2.3, "Compression"). So the header is only a hint, and the first bytes
 * decide:
 *
 *     1f 8b                       gzip
 *     a zlib header               zlib: neither JSON nor HTML begins like one
 *     announced deflate, and not
 *       { [ white space, BOM      raw deflate: no such stream of JSON begins with these
 *     else                        plain
 *
 * libcurl could decode by itself, but fails for wrong announcements and has no bound on the result. */
#include <sofs/net.h>

#include <errno.h>
#include <string.h>
#include <zlib.h>

enum mode {
	MODE_SNIFF, /* nothing decided yet */
	MODE_PLAIN,
	MODE_INFLATE,
	MODE_NEXT, /* between gzip members, or at the end */
	MODE_END   /* what follows is ignored, as gzip(1) does */
};

#define SNIFF_BYTES 2
#define CHUNK       65536

struct inflater {
	z_stream z;
	bool is_ready; /* z is initialised */
	bool is_gzip;
	enum inflate_encoding enc;
	enum mode mode;
	unsigned char head[SNIFF_BYTES]; /* held back until the mode is known */
	size_t nr_head;
	size_t nr_in;
};

struct inflater *inflater_new(void)
{
	return calloc(1, sizeof(struct inflater));
}

void inflater_free(struct inflater *inf)
{
	if (!inf)
		return;
	if (inf->is_ready)
		inflateEnd(&inf->z);
	free(inf);
}

void inflater_reset(struct inflater *inf, enum inflate_encoding enc)
{
	inf->enc = enc;
	inf->mode = MODE_SNIFF;
	inf->nr_head = 0;
	inf->nr_in = 0;
	inf->is_gzip = false;
}

/* window_bits as of inflateInit2: 15 zlib, -15 raw, 15 + 16 gzip */
static int start(struct inflater *inf, int window_bits)
{
	int r;

	if (inf->is_ready)
		r = inflateReset2(&inf->z, window_bits);
	else
		r = inflateInit2(&inf->z, window_bits);
	if (r != Z_OK)
		return r == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
	inf->is_ready = true;
	inf->mode = MODE_INFLATE;
	return 0;
}

static bool begins_like_json(unsigned char c)
{
	return c == '{' || c == '[' || c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == 0xef;
}

/* The head is complete, or the input has ended before it was. */
static int decide(struct inflater *inf)
{
	const unsigned char *h = inf->head;
	bool is_two = inf->nr_head == SNIFF_BYTES;

	if (inf->mode == MODE_NEXT && !(h[0] == 0x1f && h[1] == 0x8b)) {
		inf->mode = MODE_END;
		return 0;
	}
	if (is_two && h[0] == 0x1f && h[1] == 0x8b) {
		inf->is_gzip = true;
		return start(inf, 15 + 16);
	}
	if (is_two && (h[0] & 0x8f) == 0x08 && (h[0] * 256 + h[1]) % 31 == 0)
		return start(inf, 15);
	if (is_two && inf->enc == INFLATE_DEFLATE && !begins_like_json(h[0]))
		return start(inf, -15);
	inf->mode = MODE_PLAIN;
	return 0;
}

static int add_bounded(struct strbuf *out, const void *data, size_t len, size_t max)
{
	if (len > max || out->len > max - len)
		return -EFBIG;
	strbuf_add(out, data, len);
	return strbuf_failed(out) ? -ENOMEM : 0;
}

/* Takes from *data until the input is used up or the member ends. */
static int run(struct inflater *inf, const unsigned char **data, size_t *len, struct strbuf *out,
	       size_t max)
{
	inf->z.next_in = (unsigned char *)(uintptr_t)*data;
	inf->z.avail_in = (unsigned)*len;
	for (;;) {
		size_t room = out->len < max ? max - out->len : 0;
		size_t want = room < CHUNK ? room + 1 : CHUNK; /* one more byte proves the excess */
		int r;

		if (!strbuf_reserve(out, want))
			return -ENOMEM;
		inf->z.next_out = (unsigned char *)out->buf + out->len;
		inf->z.avail_out = (unsigned)want;
		r = inflate(&inf->z, Z_NO_FLUSH);
		out->len += want - inf->z.avail_out;
		out->buf[out->len] = '\0';
		*data += *len - inf->z.avail_in;
		*len = inf->z.avail_in;
		if (out->len > max)
			return -EFBIG;
		if (r == Z_STREAM_END) {
			inf->mode = inf->is_gzip ? MODE_NEXT : MODE_END;
			inf->nr_head = 0;
			return 0;
		}
		if (r != Z_OK && r != Z_BUF_ERROR)
			return r == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
		if (r == Z_BUF_ERROR || (!*len && inf->z.avail_out))
			return 0;
	}
}

static int take(struct inflater *inf, const unsigned char **data, size_t *len, struct strbuf *out,
		size_t max)
{
	size_t all = *len;

	if (inf->mode == MODE_INFLATE)
		return run(inf, data, len, out, max);
	*data += all;
	*len = 0;
	return inf->mode == MODE_PLAIN ? add_bounded(out, *data - all, all, max) : 0;
}

/* Decides with the bytes held back, and decodes them. */
static int take_head(struct inflater *inf, struct strbuf *out, size_t max)
{
	const unsigned char *p = inf->head;
	size_t len = inf->nr_head;
	int r = decide(inf);

	return r < 0 ? r : take(inf, &p, &len, out, max);
}

int inflater_feed(struct inflater *inf, const void *data, size_t len, struct strbuf *out,
		  size_t max)
{
	const unsigned char *p = data;
	int r = 0;

	/* The wire is bounded too: a stream of empty blocks inflates to nothing and never ends. */
	if (len > NET_MAX_BODY || inf->nr_in > NET_MAX_BODY - len)
		return -EFBIG;
	inf->nr_in += len;
	while (r == 0 && len) {
		if (inf->mode != MODE_SNIFF && inf->mode != MODE_NEXT) {
			r = take(inf, &p, &len, out, max);
			continue;
		}
		inf->head[inf->nr_head++] = *p++;
		len--;
		if (inf->nr_head == SNIFF_BYTES)
			r = take_head(inf, out, max);
	}
	return r;
}

int inflater_finish(struct inflater *inf, struct strbuf *out, size_t max)
{
	int r = inf->mode == MODE_SNIFF ? take_head(inf, out, max) : 0;

	if (r < 0)
		return r;
	return inf->mode == MODE_INFLATE ? -EBADMSG : 0;
}
