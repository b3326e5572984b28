#include "pack.h"

#include <errno.h>
#include <pthread.h>
#include <zstd.h>

enum { LEVEL = 1 };

/* One pair of contexts a thread: making them costs more than a question. */
struct contexts {
	ZSTD_CCtx *c;
	ZSTD_DCtx *d;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;

static void contexts_free(void *p)
{
	struct contexts *ctx = p;

	ZSTD_freeCCtx(ctx->c);
	ZSTD_freeDCtx(ctx->d);
	free(ctx);
}

static void make_key(void)
{
	if (pthread_key_create(&key, contexts_free) != 0)
		abort(); /* at the start, before anything is mounted */
}

static struct contexts *contexts_get(void)
{
	struct contexts *ctx;

	pthread_once(&once, make_key);
	ctx = pthread_getspecific(key);
	if (ctx)
		return ctx;
	ctx = calloc(1, sizeof(*ctx));
	if (!ctx)
		return NULL;
	ctx->c = ZSTD_createCCtx();
	ctx->d = ZSTD_createDCtx();
	if (!ctx->c || !ctx->d ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(ctx->c, ZSTD_c_compressionLevel, LEVEL)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(ctx->c, ZSTD_c_checksumFlag, 1)) ||
	    pthread_setspecific(key, ctx) != 0) {
		contexts_free(ctx);
		return NULL;
	}
	return ctx;
}

int json_pack(const void *data, size_t len, struct strbuf *out)
{
	struct contexts *ctx = contexts_get();
	size_t bound = ZSTD_compressBound(len), n;

	if (!ctx || ZSTD_isError(bound) || !strbuf_reserve(out, bound))
		return -ENOMEM;
	n = ZSTD_compress2(ctx->c, out->buf + out->len, bound, data, len);
	if (ZSTD_isError(n))
		return -ENOMEM;
	out->len += n;
	out->buf[out->len] = '\0';
	return 0;
}

int json_unpack(const void *data, size_t len, struct strbuf *out, size_t max)
{
	struct contexts *ctx = contexts_get();
	unsigned long long size = ZSTD_getFrameContentSize(data, len);
	size_t n;

	if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN)
		return -EBADMSG;
	if (size > max)
		return -EFBIG;
	if (!ctx || !strbuf_reserve(out, (size_t)size))
		return -ENOMEM;
	n = ZSTD_decompressDCtx(ctx->d, out->buf + out->len, (size_t)size, data, len);
	if (ZSTD_isError(n) || n != size)
		return -EBADMSG;
	out->len += n;
	out->buf[out->len] = '\0';
	return 0;
}
