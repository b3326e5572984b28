#include <sofs/base/map.h>

#include <errno.h>
#include <string.h>

uint64_t hash_u64(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ULL;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebULL;
	x ^= x >> 31;
	return x;
}

uint64_t hash_bytes(uint64_t seed, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++)
		seed = (seed ^ p[i]) * 0x100000001b3ULL;
	return seed;
}

uint64_t hash_content(uint64_t seed, const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t h = seed ^ (len * 0x9e3779b97f4a7c15ULL), w;

	for (; len >= 8; len -= 8, p += 8) {
		memcpy(&w, p, 8);
		h = (h ^ w) * 0xff51afd7ed558ccdULL;
		h ^= h >> 32;
	}
	w = 0;
	memcpy(&w, p, len);
	return hash_u64(h ^ w);
}

void map_release(struct map *m)
{
	free(m->slots);
	*m = (struct map){ 0 };
}

/* The slot of the key, or the free slot where it would go. The map has at least one free slot. */
static struct map_slot *map_find(const struct map *m, uint64_t key)
{
	size_t i = hash_u64(key) & (m->size - 1);

	while (m->slots[i].value && m->slots[i].key != key)
		i = (i + 1) & (m->size - 1);
	return &m->slots[i];
}

void *map_get(const struct map *m, uint64_t key)
{
	return m->size ? map_find(m, key)->value : NULL;
}

static int map_resize(struct map *m, size_t size)
{
	struct map bigger = { .size = size, .nr = m->nr };

	bigger.slots = calloc(size, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < m->size; i++)
		if (m->slots[i].value)
			*map_find(&bigger, m->slots[i].key) = m->slots[i];
	free(m->slots);
	*m = bigger;
	return 0;
}

int map_put(struct map *m, uint64_t key, void *value)
{
	struct map_slot *s;

	if ((m->nr + 1) * 4 > m->size * 3) {
		int r = map_resize(m, m->size ? m->size * 2 : 16);

		if (r < 0)
			return r;
	}
	s = map_find(m, key);
	if (!s->value)
		m->nr++;
	*s = (struct map_slot){ .key = key, .value = value };
	return 0;
}

/* Deletion closes the gap by moving later slots of the same run back, so there are no tombstones. */
void *map_del(struct map *m, uint64_t key)
{
	struct map_slot *s;
	size_t hole, i;
	void *value;

	if (!m->size)
		return NULL;
	s = map_find(m, key);
	value = s->value;
	if (!value)
		return NULL;
	hole = (size_t)(s - m->slots);
	for (i = (hole + 1) & (m->size - 1); m->slots[i].value; i = (i + 1) & (m->size - 1)) {
		size_t home = hash_u64(m->slots[i].key) & (m->size - 1);

		/* Movable unless its home lies cyclically in (hole, i]. */
		if (((i - home) & (m->size - 1)) >= ((i - hole) & (m->size - 1))) {
			m->slots[hole] = m->slots[i];
			hole = i;
		}
	}
	m->slots[hole].value = NULL;
	m->nr--;
	if (m->size > 64 && m->nr * 8 < m->size)
		map_resize(m, m->size / 2); /* failing to shrink is fine */
	return value;
}

bool map_next(const struct map *m, size_t *pos, uint64_t *key, void **value)
{
	for (; *pos < m->size; ++*pos) {
		if (m->slots[*pos].value) {
			*key = m->slots[*pos].key;
			*value = m->slots[*pos].value;
			++*pos;
			return true;
		}
	}
	return false;
}
