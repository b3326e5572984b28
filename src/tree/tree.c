/* Looking up names and reading files. What each directory contains is in dir.c. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sofs/base/clock.h>
#include <sofs/text.h>

#include "internal.h"

/* An absent id may be posted any moment; this is how long the kernel may not ask again. */
#define NEGATIVE_S 60.0

int tree_new(const struct tree_config *config, struct store *store, struct tree **ret)
{
	struct inode_key root = { .kind = NODE_ROOT };
	struct tree *t = calloc(1, sizeof(*t));
	struct inode *i;

	if (!t)
		return -ENOMEM;
	pthread_mutex_init(&t->lock, NULL);
	t->config = *config;
	t->store = store;
	t->readme = blob_new(readme_text, strlen(readme_text));
	pthread_mutex_lock(&t->lock);
	i = inode_ref_locked(t, &root, 0); /* the first node id is 1, FUSE_ROOT_ID */
	pthread_mutex_unlock(&t->lock);
	if (!t->readme || !i) {
		tree_free(t);
		return -ENOMEM;
	}
	store_set_news(store, tree_news, t);
	*ret = t;
	return 0;
}

void tree_free(struct tree *t)
{
	if (!t)
		return;
	inodes_release(t);
	blob_unref(t->readme);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

uint64_t tree_nr_inodes(struct tree *t)
{
	uint64_t n;

	pthread_mutex_lock(&t->lock);
	n = t->by_nodeid.nr;
	pthread_mutex_unlock(&t->lock);
	return n;
}

void tree_forget(struct tree *t, uint64_t nodeid, uint64_t nlookup)
{
	struct inode *i;

	pthread_mutex_lock(&t->lock);
	i = inode_get_locked(t, nodeid);
	if (i)
		inode_put_locked(t, i, nlookup);
	pthread_mutex_unlock(&t->lock);
}

/* Everything but the inode: which object the name is. 0, -ENOENT (ret->entry_timeout_s says how long that holds), -errno. */
static int find_question(struct tree *t, uint32_t tag, const char *name, struct inode_key *key,
			 struct tree_entry *ret, struct store_waiter *w)
{
	struct store_question q;
	int r;

	ret->entry_timeout_s = TREE_FOREVER;
	if (!text_parse_id(name, strlen(name), &key->qid))
		return -ENOENT;
	r = store_get_question(t->store, key->qid, &q, w);
	if (r == 0 && tag && !store_has_tag(t->store, key->qid, tag))
		r = -ENOENT;
	else if (r == -ENOENT)
		ret->entry_timeout_s = NEGATIVE_S;
	if (r < 0)
		return r;
	key->kind = NODE_QUESTION;
	key->tag = tag;
	attr_dir(t, key, q.activity_s, &ret->st);
	return 0;
}

static int find_tag(struct tree *t, const char *name, struct inode_key *key, struct tree_entry *ret,
		    struct store_waiter *w)
{
	struct store_tag tag;
	int r = store_get_tag(t->store, name, &tag, w);

	ret->entry_timeout_s =
		r == -ENOENT && !text_is_probe_name(name) ? NEGATIVE_S : TREE_FOREVER;
	if (r < 0)
		return r;
	key->kind = NODE_TAG;
	key->tag = tag.index;
	attr_dir(t, key, tag.mtime_s, &ret->st);
	return 0;
}

static unsigned link_count(struct tree *t, int64_t qid)
{
	struct store_question q;

	return store_peek_question(t->store, qid, &q) ? q.nr_tags + 1 : 1;
}

static int find_file(struct tree *t, const struct inode_key *dir, const char *name,
		     struct inode_key *key, uint32_t *version, struct tree_entry *ret)
{
	struct store_question q;
	struct store_file f;
	enum file_kind kind;

	ret->entry_timeout_s = TREE_FOREVER;
	key->qid = dir->qid;
	if (dir->kind == NODE_QUESTION && !strcmp(name, "answers")) {
		if (!store_peek_question(t->store, dir->qid, &q))
			return -ENOENT;
		key->kind = NODE_ANSWERS;
		key->tag = dir->tag;
		attr_dir(t, key, q.activity_s, &ret->st);
		return 0;
	}
	if (!parse_file_name(name, dir->kind == NODE_ANSWERS, dir->qid, &kind, &key->post_id) ||
	    store_get_file(t->store, dir->qid, kind, key->post_id, &f) < 0)
		return -ENOENT;
	key->kind = NODE_FILE;
	key->file_kind = (uint8_t)kind;
	*version = f.version;
	attr_file(t, key, f.size, f.mtime_s, link_count(t, dir->qid), &ret->st);
	return 0;
}

static int find_top(struct tree *t, const char *name, struct inode_key *key, struct tree_entry *ret)
{
	ret->entry_timeout_s = TREE_FOREVER;
	if (!strcmp(name, "README.md")) {
		key->kind = NODE_README;
		attr_file(t, key, t->readme->size, 0, 1, &ret->st);
		return 0;
	}
	if (!strcmp(name, "questions"))
		key->kind = NODE_QUESTIONS;
	else if (!strcmp(name, "tags"))
		key->kind = NODE_TAGS;
	else if (!strcmp(name, ".sofs"))
		key->kind = NODE_SOFS;
	else
		return -ENOENT;
	attr_dir(t, key, key->kind == NODE_SOFS ? 0 : store_newest_activity(t->store), &ret->st);
	return 0;
}

/* A file in .sofs/ is made anew at each lookup, as an inode of its own that nobody else will find. */
static int lookup_snapshot(struct tree *t, const char *name, struct tree_entry *ret)
{
	struct inode_key key = { .kind = NODE_SNAPSHOT };
	struct inode *i;
	struct blob *b;
	char *text;
	int which = 0;

	while (which < TREE_NR_SNAPSHOTS && strcmp(name, snapshot_names[which]))
		which++;
	ret->entry_timeout_s = which == TREE_NR_SNAPSHOTS ? TREE_FOREVER : 0;
	if (which == TREE_NR_SNAPSHOTS)
		return -ENOENT;
	text = t->config.snapshot(t->config.userdata, (enum tree_snapshot)which);
	b = text ? blob_new(text, strlen(text)) : NULL;
	free(text);
	if (!b)
		return -ENOMEM;
	key.post_id = which;
	attr_file(t, &key, b->size, clock_wall_s(), 1, &ret->st);
	pthread_mutex_lock(&t->lock);
	i = inode_ref_locked(t, &key, 0);
	if (i) {
		i->text = b;
		i->mtime_s = ret->st.st_mtim.tv_sec;
		i->size = b->size;
		i->is_old = true;
		ret->nodeid = i->nodeid;
	}
	pthread_mutex_unlock(&t->lock);
	if (!i)
		blob_unref(b);
	ret->attr_timeout_s = TREE_FOREVER;
	return i ? 0 : -ENOMEM;
}

static int find(struct tree *t, const struct inode_key *dir, const char *name,
		struct inode_key *key, uint32_t *version, struct tree_entry *ret,
		struct store_waiter *w)
{
	switch ((enum node_kind)dir->kind) {
	case NODE_ROOT:
		return find_top(t, name, key, ret);
	case NODE_QUESTIONS:
		return find_question(t, 0, name, key, ret, w);
	case NODE_TAGS:
		return find_tag(t, name, key, ret, w);
	case NODE_TAG:
		return find_question(t, dir->tag, name, key, ret, w);
	case NODE_QUESTION:
	case NODE_ANSWERS:
		return find_file(t, dir, name, key, version, ret);
	default:
		return -ENOTDIR;
	}
}

/* -EAGAIN: it changed while it was looked for. */
static int lookup_once(struct tree *t, uint64_t parent, const char *name, struct tree_entry *ret,
		       struct store_waiter *w)
{
	struct inode_key dir, key = { 0 };
	uint32_t version = 0;
	struct inode *i;
	int r;

	*ret = (struct tree_entry){ .attr_timeout_s = TREE_FOREVER };
	pthread_mutex_lock(&t->lock);
	i = inode_get_locked(t, parent);
	if (i)
		dir = i->key;
	pthread_mutex_unlock(&t->lock);
	if (!i)
		return -ESTALE;
	if (dir.kind == NODE_SOFS)
		return lookup_snapshot(t, name, ret);
	/* Noted before it is looked for: news that come in between then find it. */
	pthread_mutex_lock(&t->lock);
	negative_note_locked(t, parent, name);
	pthread_mutex_unlock(&t->lock);
	r = find(t, &dir, name, &key, &version, ret, w);
	if (r == -ENOENT)
		return r;
	pthread_mutex_lock(&t->lock);
	if (!t->has_lost_negatives)
		negative_take_locked(t, parent, name);
	if (r == 0 && !is_present_locked(t, &key, version)) {
		r = -EAGAIN;
	} else if (r == 0) {
		i = inode_ref_locked(t, &key, version);
		if (i) {
			ret->nodeid = i->nodeid;
			i->mtime_s = ret->st.st_mtim.tv_sec;
			i->size = (uint64_t)ret->st.st_size;
		} else {
			r = -ENOMEM;
		}
	}
	pthread_mutex_unlock(&t->lock);
	return r;
}

int tree_lookup(struct tree *t, uint64_t parent, const char *name, struct tree_entry *ret,
		struct store_waiter *w)
{
	int r;

	do
		r = lookup_once(t, parent, name, ret, w);
	while (r == -EAGAIN);
	return r;
}

int tree_getattr(struct tree *t, uint64_t nodeid, struct stat *ret, double *ret_timeout_s)
{
	struct inode_key key;
	struct store_question q;
	struct store_tag tag;
	struct store_file f;
	struct inode *i;
	bool is_old = false;
	uint32_t version;
	int r = 0;

	*ret_timeout_s = TREE_FOREVER;
	pthread_mutex_lock(&t->lock);
	i = inode_get_locked(t, nodeid);
	if (i) {
		key = i->key;
		version = i->version;
		is_old = i->is_old;
		attr_file(t, &i->key, i->size, i->mtime_s, 1, ret);
	}
	pthread_mutex_unlock(&t->lock);
	if (!i)
		return -ESTALE;
	if (is_old)
		return 0;
	switch ((enum node_kind)key.kind) {
	case NODE_README:
		attr_file(t, &key, t->readme->size, 0, 1, ret);
		return 0;
	case NODE_TAG:
		r = store_tag_by_index(t->store, key.tag, &tag);
		attr_dir(t, &key, r == 0 ? tag.mtime_s : 0, ret);
		return 0;
	case NODE_QUESTION:
	case NODE_ANSWERS:
		if (!store_peek_question(t->store, key.qid, &q))
			return -ENOENT;
		attr_dir(t, &key, q.activity_s, ret);
		return 0;
	case NODE_FILE:
		r = store_get_file(t->store, key.qid, (enum file_kind)key.file_kind, key.post_id,
				   &f);
		if (r < 0 || f.version != version)
			return 0; /* replaced a moment ago: as it was */
		attr_file(t, &key, f.size, f.mtime_s, link_count(t, key.qid), ret);
		return 0;
	case NODE_QUESTIONS:
	case NODE_TAGS:
		attr_dir(t, &key, store_newest_activity(t->store), ret);
		return 0;
	default:
		attr_dir(t, &key, 0, ret);
		return 0;
	}
}

int tree_get_text(struct tree *t, uint64_t nodeid, struct blob **ret, size_t *ret_off,
		  size_t *ret_size, struct store_waiter *w)
{
	struct blob *text = NULL;
	struct inode_key key;
	struct inode *i;
	uint32_t version;

	pthread_mutex_lock(&t->lock);
	i = inode_get_locked(t, nodeid);
	if (i) {
		key = i->key;
		version = i->version;
		if (i->text)
			text = blob_ref(i->text);
	}
	pthread_mutex_unlock(&t->lock);
	if (!i)
		return -ESTALE;
	if (!text && key.kind == NODE_README)
		text = blob_ref(t->readme);
	if (text) {
		*ret = text;
		*ret_off = 0;
		*ret_size = text->size;
		return 0;
	}
	if (key.kind != NODE_FILE)
		return -EISDIR;
	return store_get_text(t->store, key.qid, (enum file_kind)key.file_kind, key.post_id,
			      version, ret, ret_off, ret_size, w);
}
