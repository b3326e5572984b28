#include "backing.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <sofs/base/blob.h>
#include <sofs/base/list.h>
#include <sofs/base/map.h>

#include "pack.h"

enum { MAX_JSON = 80 * 1024 * 1024 }; /* above any page that net lets through */

struct packed {
	struct list lru;
	int64_t id;
	unsigned flags;
	struct blob *blob; /* see pack.h */
};

struct backing {
	pthread_mutex_t lock;
	struct map by_id; /* lock */
	struct list lru;  /* lock; most recent first */
	size_t bytes;     /* lock */
	size_t max_bytes; /* constant */
};

int backing_new(size_t max_bytes, struct backing **ret)
{
	struct backing *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	pthread_mutex_init(&b->lock, NULL);
	list_init(&b->lru);
	b->max_bytes = max_bytes;
	*ret = b;
	return 0;
}

static size_t packed_cost(const struct packed *p)
{
	return sizeof(*p) + sizeof(*p->blob) + p->blob->size + 48; /* map slots, malloc headers */
}

static void drop_locked(struct backing *b, struct packed *p)
{
	b->bytes -= packed_cost(p);
	list_del(&p->lru);
	map_del(&b->by_id, (uint64_t)p->id);
	blob_unref(p->blob);
	free(p);
}

void backing_free(struct backing *b)
{
	if (!b)
		return;
	while (!list_empty(&b->lru))
		drop_locked(b, list_entry(b->lru.next, struct packed, lru));
	map_release(&b->by_id);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

int backing_put(struct backing *b, int64_t id, const char *json, size_t len, unsigned flags)
{
	_cleanup_(strbuf_release) struct strbuf sb = STRBUF_INIT;
	struct packed *p, *old;
	int r;

	r = json_pack(json, len, &sb);
	if (r < 0)
		return r;
	p = malloc(sizeof(*p));
	if (!p)
		return -ENOMEM;
	*p = (struct packed){ .id = id, .flags = flags, .blob = blob_new(sb.buf, sb.len) };
	if (!p->blob) {
		free(p);
		return -ENOMEM;
	}
	pthread_mutex_lock(&b->lock);
	old = map_get(&b->by_id, (uint64_t)id);
	if (old)
		drop_locked(b, old);
	r = map_put(&b->by_id, (uint64_t)id, p);
	if (r == 0) {
		list_push_front(&b->lru, &p->lru);
		b->bytes += packed_cost(p);
		while (b->bytes > b->max_bytes && b->lru.prev != &p->lru)
			drop_locked(b, list_entry(b->lru.prev, struct packed, lru));
	}
	pthread_mutex_unlock(&b->lock);
	if (r < 0) {
		blob_unref(p->blob);
		free(p);
	}
	return r;
}

int backing_get(struct backing *b, int64_t id, struct strbuf *json, unsigned *flags)
{
	_cleanup_(blob_unrefp) struct blob *blob = NULL;
	struct packed *p;
	int r;

	pthread_mutex_lock(&b->lock);
	p = map_get(&b->by_id, (uint64_t)id);
	if (p) {
		blob = blob_ref(p->blob);
		*flags = p->flags;
		list_del(&p->lru);
		list_push_front(&b->lru, &p->lru);
	}
	pthread_mutex_unlock(&b->lock);
	if (!blob)
		return -ENOENT;
	r = json_unpack(blob->data, blob->size, json, MAX_JSON);
	if (r < 0 && r != -ENOMEM) {
		backing_drop(b, id);
		return -EBADMSG;
	}
	return r;
}

bool backing_has(struct backing *b, int64_t id)
{
	bool has;

	pthread_mutex_lock(&b->lock);
	has = map_get(&b->by_id, (uint64_t)id) != NULL;
	pthread_mutex_unlock(&b->lock);
	return has;
}

void backing_drop(struct backing *b, int64_t id)
{
	struct packed *p;

	pthread_mutex_lock(&b->lock);
	p = map_get(&b->by_id, (uint64_t)id);
	if (p)
		drop_locked(b, p);
	pthread_mutex_unlock(&b->lock);
}

size_t backing_bytes(struct backing *b)
{
	size_t n;

	pthread_mutex_lock(&b->lock);
	n = b->bytes;
	pthread_mutex_unlock(&b->lock);
	return n;
}
