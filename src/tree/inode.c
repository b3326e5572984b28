/* The inode table: node ids, lookup counts, versions. */
#include <string.h>

#include "internal.h"

enum { MAX_NEGATIVES = 100000 };

uint64_t inode_hash(const struct inode_key *key)
{
	uint64_t h = hash_u64((uint64_t)key->qid * 31 + key->kind);

	return hash_u64(h ^ (uint64_t)key->post_id) ^
	       hash_u64(((uint64_t)key->tag << 8) + key->file_kind);
}

static bool same_key(const struct inode_key *a, const struct inode_key *b)
{
	return a->kind == b->kind && a->qid == b->qid && a->post_id == b->post_id &&
	       a->tag == b->tag && a->file_kind == b->file_kind;
}

struct inode *inode_get_locked(struct tree *t, uint64_t nodeid)
{
	return map_get(&t->by_nodeid, nodeid);
}

struct inode *inode_find_locked(struct tree *t, const struct inode_key *key)
{
	struct inode *i = map_get(&t->by_key, inode_hash(key));

	while (i && (i->is_old || !same_key(&i->key, key)))
		i = i->next;
	return i;
}

static struct inode *inode_new_locked(struct tree *t, const struct inode_key *key, uint32_t version)
{
	uint64_t hash = inode_hash(key);
	struct inode *i = calloc(1, sizeof(*i));

	if (!i)
		return NULL;
	i->key = *key;
	i->version = version;
	i->nodeid = ++t->next_nodeid;
	i->next = map_get(&t->by_key, hash);
	if (map_put(&t->by_nodeid, i->nodeid, i) < 0) {
		free(i);
		return NULL;
	}
	if (map_put(&t->by_key, hash, i) < 0) {
		map_del(&t->by_nodeid, i->nodeid);
		free(i);
		return NULL;
	}
	return i;
}

struct inode *inode_ref_locked(struct tree *t, const struct inode_key *key, uint32_t version)
{
	struct inode *i = inode_find_locked(t, key);

	if (i && i->version != version) {
		i->is_old = true;
		i = NULL;
	}
	if (!i)
		i = inode_new_locked(t, key, version);
	if (i)
		i->nlookup++;
	return i;
}

bool is_present_locked(struct tree *t, const struct inode_key *key, uint32_t version)
{
	struct store_file f;

	return key->kind != NODE_FILE ||
	       (store_get_file(t->store, key->qid, (enum file_kind)key->file_kind, key->post_id,
			       &f) == 0 &&
		f.version == version);
}

static void inode_free_locked(struct tree *t, struct inode *i)
{
	uint64_t hash = inode_hash(&i->key);
	struct inode *head = map_get(&t->by_key, hash);

	map_del(&t->by_nodeid, i->nodeid);
	if (head == i) {
		/* Replacing a value in a slot that is there cannot fail. */
		if (!i->next || map_put(&t->by_key, hash, i->next) < 0)
			map_del(&t->by_key, hash);
	} else {
		while (head->next != i)
			head = head->next;
		head->next = i->next;
	}
	blob_unref(i->text);
	free(i);
}

void inode_put_locked(struct tree *t, struct inode *i, uint64_t nlookup)
{
	i->nlookup -= nlookup < i->nlookup ? nlookup : i->nlookup;
	if (!i->nlookup && i->key.kind != NODE_ROOT)
		inode_free_locked(t, i);
}

void inodes_release(struct tree *t)
{
	size_t pos = 0;
	uint64_t key;
	void *value;

	while (map_next(&t->by_nodeid, &pos, &key, &value)) {
		struct inode *i = value;

		blob_unref(i->text);
		free(i);
	}
	map_release(&t->by_nodeid);
	map_release(&t->by_key);
	map_release(&t->negatives);
}

/* What a post or a directory is called in st_ino: question and answer ids share one number space (api-v2.3, section 10,
 * item 7), so id * 16 + a number for the role is unique; names are hashed into the upper half. */
ino_t inode_number(struct tree *t, const struct inode_key *key)
{
	struct store_tag tag = { .name = "" };
	uint64_t h;

	switch ((enum node_kind)key->kind) {
	case NODE_FILE:
		return ((uint64_t)key->post_id << 4) | (key->file_kind + 4u);
	case NODE_QUESTION:
	case NODE_ANSWERS:
		if (!key->tag)
			return ((uint64_t)key->qid << 4) | (key->kind == NODE_QUESTION ? 2 : 3);
		_fallthrough_;
	case NODE_TAG:
		(void)!store_tag_by_index(t->store, key->tag,
					  &tag); /* a name even if no question has it now */
		h = hash_bytes(HASH_SEED, tag.name, strlen(tag.name));
		h = hash_u64(h ^ hash_u64((uint64_t)key->qid * 16 + key->kind));
		return h | (1ULL << 63);
	case NODE_SNAPSHOT:
		return 11 + (ino_t)key->post_id;
	default:
		return key->kind + 1u;
	}
}

static uint64_t negative_hash(uint64_t dir, const char *name)
{
	return hash_u64(dir) ^ hash_bytes(HASH_SEED, name, strlen(name));
}

void negative_note_locked(struct tree *t, uint64_t dir, const char *name)
{
	if (t->has_lost_negatives)
		return;
	if (t->negatives.nr >= MAX_NEGATIVES ||
	    map_put(&t->negatives, negative_hash(dir, name), t) < 0) {
		t->has_lost_negatives = true;
		map_release(&t->negatives);
	}
}

bool negative_take_locked(struct tree *t, uint64_t dir, const char *name)
{
	return map_del(&t->negatives, negative_hash(dir, name)) || t->has_lost_negatives;
}
