/* One-shot compression for records on disk: zlib format, because its checksum finds damage, and level
 * 1, because a record is written often and read rarely. Setting up a stream costs more than packing a
 * page of text, so each thread keeps its two streams; they go when the thread does. */
#include <sofs/net.h>

#include <errno.h>
#include <pthread.h>
#include <zlib.h>

struct streams {
	z_stream deflate, inflate;
	bool has_deflate, has_inflate;
};

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool has_key;

static void streams_free(void *p)
{
	struct streams *s = p;

	if (s->has_deflate)
		deflateEnd(&s->deflate);
	if (s->has_inflate)
		inflateEnd(&s->inflate);
	free(s);
}

/* Thread-specific data of the main thread is not destroyed at exit by itself. */
__attribute__((destructor)) static void free_main(void)
{
	struct streams *s = has_key ? pthread_getspecific(key) : NULL;

	if (s) {
		pthread_setspecific(key, NULL);
		streams_free(s);
	}
}

static void make_key(void)
{
	has_key = pthread_key_create(&key, streams_free) == 0;
}

static struct streams *streams_get(void)
{
	struct streams *s;

	pthread_once(&once, make_key);
	if (!has_key)
		return NULL;
	s = pthread_getspecific(key);
	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	if (s && pthread_setspecific(key, s) != 0) {
		free(s);
		s = NULL;
	}
	return s;
}

int deflate_pack(const void *data, size_t len, struct strbuf *out)
{
	struct streams *s = streams_get();
	size_t bound;

	if (!s)
		return -ENOMEM;
	if (len > NET_MAX_BODY)
		return -EFBIG;
	if (s->has_deflate ? deflateReset(&s->deflate) != Z_OK
			   : deflateInit(&s->deflate, Z_BEST_SPEED) != Z_OK)
		return -ENOMEM;
	s->has_deflate = true;
	bound = deflateBound(&s->deflate, len);
	if (!strbuf_reserve(out, bound))
		return -ENOMEM;
	s->deflate.next_in = (unsigned char *)(uintptr_t)data;
	s->deflate.avail_in = (unsigned)len;
	s->deflate.next_out = (unsigned char *)out->buf + out->len;
	s->deflate.avail_out = (unsigned)bound;
	if (deflate(&s->deflate, Z_FINISH) != Z_STREAM_END)
		return -ENOMEM;
	out->len += bound - s->deflate.avail_out;
	out->buf[out->len] = '\0';
	return 0;
}

int inflate_unpack(const void *data, size_t len, struct strbuf *out, size_t max)
{
	struct streams *s = streams_get();
	size_t start = out->len;
	int r = Z_OK;

	if (!s)
		return -ENOMEM;
	if (len > UINT32_MAX)
		return -EFBIG;
	if (s->has_inflate ? inflateReset(&s->inflate) != Z_OK : inflateInit(&s->inflate) != Z_OK)
		return -ENOMEM;
	s->has_inflate = true;
	s->inflate.next_in = (unsigned char *)(uintptr_t)data;
	s->inflate.avail_in = (unsigned)len;
	while (r == Z_OK) {
		size_t room = max - (out->len - start); /* never negative: more returns below */
		size_t want = len * 4 < 65536 ? 4096 : 65536;

		if (want > room)
			want = room + 1; /* one more byte proves the excess */
		if (!strbuf_reserve(out, want))
			return -ENOMEM;
		s->inflate.next_out = (unsigned char *)out->buf + out->len;
		s->inflate.avail_out = (unsigned)want;
		r = inflate(&s->inflate, Z_NO_FLUSH);
		out->len += want - s->inflate.avail_out;
		out->buf[out->len] = '\0';
		if (out->len - start > max)
			return -EFBIG;
	}
	if (r == Z_STREAM_END)
		return s->inflate.avail_in ? -EBADMSG : 0;
	return r == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
}
