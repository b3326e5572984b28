#include "cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define NR_SLOTS  4096
#define MAX_BYTES ((size_t)512 << 20) /* then the least recently used go */

static struct {
	pthread_mutex_t lock; /* guards all, and the private fields of entries */
	struct cached *slots[NR_SLOTS];
	struct cached *newest, *oldest;
	size_t bytes;
} cache = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct cached **find_locked(const char *key)
{
	struct cached **c = &cache.slots[hash_string(key) % NR_SLOTS];

	while (*c && strcmp((*c)->key, key) != 0)
		c = &(*c)->next_in_slot;
	return c;
}

static void unref_locked(struct cached *c)
{
	if (--c->refs)
		return;
	chunk_release(&c->head);
	free(c->key);
	free(c);
}

static void unlink_lru_locked(struct cached *c)
{
	*(c->newer ? &c->newer->older : &cache.newest) = c->older;
	*(c->older ? &c->older->newer : &cache.oldest) = c->newer;
}

static void link_newest_locked(struct cached *c)
{
	c->newer = NULL;
	c->older = cache.newest;
	*(cache.newest ? &cache.newest->newer : &cache.oldest) = c;
	cache.newest = c;
}

static void remove_locked(struct cached **slot)
{
	struct cached *c = *slot;

	*slot = c->next_in_slot;
	unlink_lru_locked(c);
	cache.bytes -= c->head.z_len;
	unref_locked(c);
}

struct cached *cache_get(const char *key, int64_t cache_s, uint64_t version)
{
	int64_t now = mono_ms();
	struct cached **slot;
	struct cached *c;

	pthread_mutex_lock(&cache.lock);
	slot = find_locked(key);
	c = *slot;
	if (c && now - c->created_ms >= cache_s * 1000) {
		if (c->version == version && !c->is_volatile) {
			c->created_ms = now; /* a fresh answer would be the same */
		} else {
			remove_locked(slot);
			c = NULL;
		}
	}
	if (c) {
		c->refs++;
		unlink_lru_locked(c);
		link_newest_locked(c);
	}
	pthread_mutex_unlock(&cache.lock);
	return c;
}

struct cached *cache_put(struct cached entry, const char *key, uint64_t version, bool is_volatile)
{
	struct cached *c = xmalloc(sizeof(*c));
	struct cached **slot;

	*c = entry;
	c->key = xstrdup(key);
	c->created_ms = mono_ms();
	c->version = version;
	c->is_volatile = is_volatile;
	c->refs = 2; /* the table's and the caller's */
	pthread_mutex_lock(&cache.lock);
	slot = find_locked(key);
	if (*slot)
		remove_locked(slot);
	slot = &cache.slots[hash_string(key) % NR_SLOTS];
	c->next_in_slot = *slot;
	*slot = c;
	link_newest_locked(c);
	cache.bytes += c->head.z_len;
	while (cache.bytes > MAX_BYTES && cache.oldest != c)
		remove_locked(find_locked(cache.oldest->key));
	pthread_mutex_unlock(&cache.lock);
	return c;
}

void cache_unref(struct cached *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&cache.lock);
	unref_locked(c);
	pthread_mutex_unlock(&cache.lock);
}

void cache_clear(void)
{
	pthread_mutex_lock(&cache.lock);
	while (cache.oldest)
		remove_locked(find_locked(cache.oldest->key));
	pthread_mutex_unlock(&cache.lock);
}
