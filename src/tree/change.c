/* The store's news, as notices for the kernel.
 *
 * The kernel is told only what it can remember: an entry of a directory it knows, a name it was told not to exist, a directory
 * it has read to the end. While a team is being listed for the first time, that is nearly nothing.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

enum { MAX_VIEWS = 65 }; /* questions/ and at most 64 tags */

static void tell(struct tree *t, int kind, uint64_t nodeid, const char *name)
{
	struct tree_notice n = { .nodeid = nodeid };

	n.kind = kind;
	if (name)
		snprintf(n.name, sizeof(n.name), "%s", name);
	if (t->config.notice)
		t->config.notice(t->config.userdata, &n);
}

static uint64_t nodeid_of(struct tree *t, const struct inode_key *key)
{
	struct inode *i;
	uint64_t nodeid = 0;

	pthread_mutex_lock(&t->lock);
	i = inode_find_locked(t, key);
	if (i)
		nodeid = i->nodeid;
	pthread_mutex_unlock(&t->lock);
	return nodeid;
}

/* The directory got a new name. `in_order`: behind all others, where a reader in the middle of it is still to come. */
static void name_came(struct tree *t, const struct inode_key *dir, const char *name, bool in_order)
{
	bool was_negative = false, had_listing = false;
	uint64_t nodeid = 0;
	struct inode *i;

	pthread_mutex_lock(&t->lock);
	i = inode_find_locked(t, dir);
	if (i) {
		nodeid = i->nodeid;
		was_negative = negative_take_locked(t, nodeid, name);
		had_listing = listing_changed_locked(i, in_order);
	}
	pthread_mutex_unlock(&t->lock);
	if (had_listing)
		tell(t, TREE_INVAL_INODE, nodeid, NULL);
	if (was_negative)
		tell(t, TREE_INVAL_ENTRY, nodeid, name);
}

/* A name of the directory is gone or means another inode; `is_listed`: the set of names changed. */
static void name_went(struct tree *t, const struct inode_key *dir, const char *name, bool is_listed)
{
	bool had_listing = false;
	uint64_t nodeid = 0;
	struct inode *i;

	pthread_mutex_lock(&t->lock);
	i = inode_find_locked(t, dir);
	if (i) {
		nodeid = i->nodeid;
		had_listing = is_listed && listing_changed_locked(i, false);
	}
	pthread_mutex_unlock(&t->lock);
	if (!nodeid)
		return;
	if (had_listing)
		tell(t, TREE_INVAL_INODE, nodeid, NULL);
	tell(t, TREE_INVAL_ENTRY, nodeid, name);
}

static struct inode_key view_key(uint32_t tag)
{
	return (struct inode_key){ .kind = tag ? NODE_TAG : NODE_QUESTIONS, .tag = tag };
}

static void question_came(struct tree *t, int64_t id, uint32_t tag, bool in_order)
{
	struct inode_key dir = view_key(tag);
	char name[24];

	snprintf(name, sizeof(name), "%" PRId64, id);
	name_came(t, &dir, name, in_order);
}

static void question_went(struct tree *t, int64_t id, uint32_t tag)
{
	struct inode_key dir = view_key(tag);
	char name[24];

	snprintf(name, sizeof(name), "%" PRId64, id);
	name_went(t, &dir, name, true);
}

/* The views a question may be known in: all, and each of its tags (of now; one that it lost is told by itself). */
static size_t views(struct tree *t, int64_t id, uint32_t *tags)
{
	tags[0] = 0;
	return 1 + store_question_tags(t->store, id, tags + 1, MAX_VIEWS - 1);
}

/* Old inodes of the file keep the old text from now on. */
static void pin_old(struct tree *t, const struct inode_key *key, uint32_t version,
		    struct blob *text)
{
	pthread_mutex_lock(&t->lock);
	for (struct inode *i = map_get(&t->by_key, inode_hash(key)); i; i = i->next) {
		if (i->key.kind != NODE_FILE || i->key.post_id != key->post_id ||
		    i->key.file_kind != key->file_kind || i->key.qid != key->qid ||
		    i->version != version)
			continue;
		i->is_old = true;
		if (!i->text && text)
			i->text = blob_ref(text);
	}
	pthread_mutex_unlock(&t->lock);
}

static void file_changed(struct tree *t, const struct store_change *c)
{
	struct inode_key key = {
		.kind = NODE_FILE,
		.qid = c->id,
		.post_id = c->file.post_id,
		.file_kind = (uint8_t)c->file.kind,
	};
	uint8_t dir_kind = c->file.kind >= FILE_ANSWER ? NODE_ANSWERS : NODE_QUESTION;
	bool is_same_text = c->event == STORE_FILE_CHANGED && c->old_version == c->file.version;
	uint32_t tags[MAX_VIEWS];
	uint64_t nodeid;
	char name[48];
	size_t nr;

	if (is_same_text) { /* only its times or link count */
		nodeid = nodeid_of(t, &key);
		if (nodeid)
			tell(t, TREE_INVAL_ATTR, nodeid, NULL);
		return;
	}
	if (c->event != STORE_FILE_NEW)
		pin_old(t, &key, c->old_version, c->old_text);
	file_name(c->file.kind, c->file.post_id, name, sizeof(name));
	nr = views(t, c->id, tags);
	for (size_t i = 0; i < nr; i++) {
		struct inode_key dir = { .kind = dir_kind, .tag = tags[i], .qid = c->id };

		if (c->event == STORE_FILE_NEW)
			name_came(t, &dir, name, false);
		else
			name_went(t, &dir, name, c->event == STORE_FILE_GONE);
	}
}

/* The time of a directory above the questions is that of the newest activity in it. (What comes or goes in a listing
 * that the kernel keeps is told with it.) */
static void time_changed(struct tree *t, const struct inode_key *dir, int64_t mtime_s)
{
	uint64_t nodeid = 0;
	struct inode *i;

	pthread_mutex_lock(&t->lock);
	i = inode_find_locked(t, dir);
	if (i && mtime_s > 0 && i->mtime_s != mtime_s) {
		i->mtime_s = mtime_s;
		nodeid = i->nodeid;
	}
	pthread_mutex_unlock(&t->lock);
	if (nodeid)
		tell(t, TREE_INVAL_ATTR, nodeid, NULL);
}

static void question_changed(struct tree *t, int64_t id)
{
	const struct inode_key tags_dir = { .kind = NODE_TAGS };
	int64_t newest_s = store_newest_activity(t->store);
	uint32_t tags[MAX_VIEWS];
	size_t nr = views(t, id, tags);

	time_changed(t, &tags_dir, newest_s);
	for (size_t i = 0; i < nr; i++) {
		struct inode_key dir = view_key(tags[i]);
		struct store_tag tag = { .mtime_s = newest_s };

		if (!tags[i] || store_tag_by_index(t->store, tags[i], &tag) == 0)
			time_changed(t, &dir, tag.mtime_s);
	}

	for (size_t i = 0; i < nr; i++) {
		for (uint8_t kind = NODE_QUESTION; kind <= NODE_ANSWERS; kind++) {
			struct inode_key dir = { .kind = kind, .tag = tags[i], .qid = id };
			uint64_t nodeid = nodeid_of(t, &dir);

			if (nodeid)
				tell(t, TREE_INVAL_ATTR, nodeid, NULL);
		}
	}
}

void tree_news(void *userdata, const struct store_change *c)
{
	struct inode_key tags_dir = { .kind = NODE_TAGS };
	uint32_t tags[MAX_VIEWS];
	struct store_tag tag;
	struct tree *t = userdata;
	size_t nr;

	switch (c->event) {
	case STORE_QUESTION_NEW:
		nr = views(t, c->id, tags);
		for (size_t i = 0; i < nr; i++)
			question_came(t, c->id, tags[i], !c->is_back);
		break;
	case STORE_QUESTION_GONE: /* that it left its tags is told by UNTAGGED */
		question_went(t, c->id, 0);
		break;
	case STORE_QUESTION_TAGGED:
		question_came(t, c->id, c->tag, false);
		break;
	case STORE_QUESTION_UNTAGGED:
		question_went(t, c->id, c->tag);
		break;
	case STORE_QUESTION_CHANGED:
		question_changed(t, c->id);
		break;
	case STORE_FILE_CHANGED:
	case STORE_FILE_NEW:
	case STORE_FILE_GONE:
		file_changed(t, c);
		break;
	case STORE_TAG_NEW:
		if (store_tag_by_index(t->store, c->tag, &tag) == 0)
			name_came(t, &tags_dir, tag.name, !c->is_back);
		break;
	case STORE_TAG_GONE:
		if (store_tag_by_index(t->store, c->tag, &tag) != 0 && tag.name)
			name_went(t, &tags_dir, tag.name, true);
		break;
	}
}
