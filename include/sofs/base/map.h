/* Hash map from a 64-bit key to a pointer: open addressing, linear probing, 16 bytes a slot.
 * Any key is allowed; values are never NULL and stay the caller's. Not thread-safe. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sofs/base/cleanup.h>

struct map_slot {
	uint64_t key;
	void *value; /* NULL: free slot */
};

struct map {
	struct map_slot *slots;
	size_t nr;   /* used slots */
	size_t size; /* slots, 0 or a power of two */
};

void map_release(struct map *m);
void *map_get(const struct map *m, uint64_t key);
/* Adds or replaces. 0, or -ENOMEM with the map unchanged. */
_must_check_ int map_put(struct map *m, uint64_t key, void *value);
/* Removes and returns the value, or NULL. */
void *map_del(struct map *m, uint64_t key);
/* Iterates in no order: start with *pos = 0; false at the end. The map must not change meanwhile. */
bool map_next(const struct map *m, size_t *pos, uint64_t *key, void **value);

/* 64-bit FNV-1a, continued from `seed` (start with HASH_SEED). Stable: inode numbers rest on it. */
#define HASH_SEED 0xcbf29ce484222325ULL
uint64_t hash_bytes(uint64_t seed, const void *data, size_t len);
/* The same purpose for long texts: eight bytes at a time. Not stable over versions of the program. */
uint64_t hash_content(uint64_t seed, const void *data, size_t len);
/* A well mixed 64-bit value of x (splitmix64 finaliser). */
uint64_t hash_u64(uint64_t x);
