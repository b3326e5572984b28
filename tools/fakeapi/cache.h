/* The server's own response cache. The service promises that identical requests within a minute get
 * the same data (docs/throttle); the same store also keeps compressed pages whose data have not changed
 * since, so that a benchmark measures the client and not this server. */
#pragma once

#include "encode.h"

struct cached {
	struct chunk head; /* from '{' to the end of the items */
	int64_t nr_items;
	bool has_more;
	int64_t total, page, pagesize;
	const char *type;
	/* private */
	char *key;
	int64_t created_ms;
	uint64_t version;
	bool is_volatile;
	int refs;
	struct cached *next_in_slot;
	struct cached *newer, *older;
};

/* Both return an entry to be given back with cache_unref(). cache_s is the promise: younger entries
 * are returned whatever has happened to the data. */
struct cached *cache_get(const char *key, int64_t cache_s, uint64_t version);
struct cached *cache_put(struct cached entry, const char *key, uint64_t version, bool is_volatile);
void cache_unref(struct cached *c);
void cache_clear(void);
