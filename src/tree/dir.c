/* What each directory contains.
 *
 * The offset behind an entry is made from what the entry is, not from its position: a question's or answer's id, so that
 * a reader in the middle of a directory neither skips nor repeats when others come and go. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

enum {
	OFF_DOT = 1,
	OFF_DOTDOT = 2,
	OFF_FIRST = 3, /* the first of the others */
	BATCH = 64,    /* questions asked of the store at a time */
};

struct fill {
	struct tree *t;
	bool plus;
	tree_fill_fn fn;
	void *userdata;
	bool is_full;
	unsigned nr;
};

/* Adds one entry; false: it did not fit, stop. */
static bool fill_add(struct fill *f, const char *name, const struct inode_key *key,
		     uint32_t version, struct tree_entry *e, off_t next)
{
	struct inode *i = NULL;

	e->nodeid = 0;
	e->entry_timeout_s = e->attr_timeout_s = TREE_FOREVER;
	if (f->plus && key->kind != NODE_SNAPSHOT) {
		pthread_mutex_lock(&f->t->lock);
		/* What was replaced in this moment the kernel will look up when it needs it. */
		if (is_present_locked(f->t, key, version))
			i = inode_ref_locked(f->t, key, version);
		if (i) {
			e->nodeid = i->nodeid;
			i->mtime_s = e->st.st_mtim.tv_sec;
			i->size = (uint64_t)e->st.st_size;
		}
		pthread_mutex_unlock(&f->t->lock);
	}
	if (f->fn(f->userdata, name, e, next)) {
		f->nr++;
		return true;
	}
	if (i)
		tree_forget(f->t, e->nodeid, 1);
	f->is_full = true;
	return false;
}

static bool fill_dots(struct fill *f, off_t off, const struct inode_key *self)
{
	struct tree_entry e = { 0 };

	e.st.st_mode = S_IFDIR;
	e.st.st_ino = inode_number(f->t, self);
	for (off_t i = off < 0 ? 0 : off; i < OFF_DOTDOT; i++) {
		if (!f->fn(f->userdata, i < OFF_DOT ? "." : "..", &e, i + 1)) {
			f->is_full = true;
			return false;
		}
		f->nr++;
	}
	return true;
}

static int fill_root(struct fill *f, off_t off)
{
	static const struct {
		const char *name;
		enum node_kind kind;
	} names[] = {
		{ ".sofs", NODE_SOFS },
		{ "README.md", NODE_README },
		{ "questions", NODE_QUESTIONS },
		{ "tags", NODE_TAGS },
	};
	int64_t newest = store_newest_activity(f->t->store);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct inode_key key = { .kind = (uint8_t)names[i].kind };
		struct tree_entry e = { 0 };
		off_t here = OFF_FIRST + (off_t)i;

		if (off >= here)
			continue;
		if (key.kind == NODE_README)
			attr_file(f->t, &key, f->t->readme->size, 0, 1, &e.st);
		else
			attr_dir(f->t, &key, key.kind == NODE_SOFS ? 0 : newest, &e.st);
		if (!fill_add(f, names[i].name, &key, 0, &e, here))
			break;
	}
	return 0;
}

static int fill_snapshots(struct fill *f, off_t off)
{
	for (int i = 0; i < TREE_NR_SNAPSHOTS; i++) {
		struct inode_key key = { .kind = NODE_SNAPSHOT, .post_id = i };
		struct tree_entry e = { 0 };

		if (off >= OFF_FIRST + i)
			continue;
		e.st.st_mode = S_IFREG;
		e.st.st_ino = inode_number(f->t, &key);
		if (!fill_add(f, snapshot_names[i], &key, 0, &e, OFF_FIRST + i))
			break;
	}
	return 0;
}

static int fill_questions(struct fill *f, uint32_t tag, off_t off, struct store_waiter *w)
{
	int64_t after = off > OFF_DOTDOT ? off - OFF_DOTDOT : 0;
	struct store_question q[BATCH];
	int n;

	while (!f->is_full) {
		/* What is there is delivered now; only somebody with nothing at all waits. */
		n = store_list_questions(f->t->store, tag, after, q, BATCH, f->nr ? NULL : w);
		if (n <= 0)
			return f->nr ? 0 : n;
		for (int i = 0; i < n; i++) {
			struct inode_key key = { .kind = NODE_QUESTION,
						 .tag = tag,
						 .qid = q[i].id };
			struct tree_entry e = { 0 };
			char name[24];

			snprintf(name, sizeof(name), "%" PRId64, q[i].id);
			attr_dir(f->t, &key, q[i].activity_s, &e.st);
			if (!fill_add(f, name, &key, 0, &e, q[i].id + OFF_DOTDOT))
				break;
			after = q[i].id;
		}
	}
	return 0;
}

static int fill_tags(struct fill *f, off_t off, struct store_waiter *w)
{
	uint32_t after = off > OFF_DOTDOT ? (uint32_t)(off - OFF_DOTDOT) : 0;
	struct store_tag tags[BATCH];
	int n;

	while (!f->is_full) {
		n = store_list_tags(f->t->store, after, tags, BATCH, f->nr ? NULL : w);
		if (n <= 0)
			return f->nr ? 0 : n;
		for (int i = 0; i < n; i++) {
			struct inode_key key = { .kind = NODE_TAG, .tag = tags[i].index };
			struct tree_entry e = { 0 };

			attr_dir(f->t, &key, tags[i].mtime_s, &e.st);
			if (!fill_add(f, tags[i].name, &key, 0, &e,
				      (off_t)tags[i].index + OFF_DOTDOT))
				break;
			after = tags[i].index;
		}
	}
	return 0;
}

static bool fill_file(struct fill *f, int64_t qid, unsigned nlink, const struct store_file *file,
		      off_t next)
{
	struct inode_key key = {
		.kind = NODE_FILE,
		.qid = qid,
		.post_id = file->post_id,
		.file_kind = (uint8_t)file->kind,
	};
	struct tree_entry e = { 0 };
	char name[48];

	file_name(file->kind, file->post_id, name, sizeof(name));
	attr_file(f->t, &key, file->size, file->mtime_s, nlink, &e.st);
	return fill_add(f, name, &key, file->version, &e, next);
}

static int fill_question(struct fill *f, const struct inode_key *dir, off_t off)
{
	_cleanup_free_ struct store_file *files = NULL;
	struct inode_key answers = { .kind = NODE_ANSWERS, .tag = dir->tag, .qid = dir->qid };
	struct tree_entry e = { 0 };
	struct store_question q;
	size_t nr;
	int r;

	r = store_get_files(f->t->store, dir->qid, &files, &nr);
	if (r < 0 || !store_peek_question(f->t->store, dir->qid, &q))
		return -ENOENT;
	for (size_t i = 0; i < nr; i++) {
		off_t next = OFF_FIRST + (off_t)files[i].kind;

		if (files[i].kind > FILE_COMMENTS || off >= next)
			continue;
		if (!fill_file(f, dir->qid, q.nr_tags + 1, &files[i], next))
			return 0;
	}
	if (off < OFF_FIRST + FILE_COMMENTS + 1) {
		attr_dir(f->t, &answers, q.activity_s, &e.st);
		fill_add(f, "answers", &answers, 0, &e, OFF_FIRST + FILE_COMMENTS + 1);
	}
	return 0;
}

static int fill_answers(struct fill *f, const struct inode_key *dir, off_t off)
{
	_cleanup_free_ struct store_file *files = NULL;
	struct store_question q;
	size_t nr;
	int r;

	r = store_get_files(f->t->store, dir->qid, &files, &nr);
	if (r < 0 || !store_peek_question(f->t->store, dir->qid, &q))
		return -ENOENT;
	for (size_t i = 0; i < nr; i++) {
		off_t next =
			files[i].post_id * 2 + (files[i].kind == FILE_ANSWER_COMMENTS) + OFF_FIRST;

		if (files[i].kind < FILE_ANSWER || off >= next)
			continue;
		if (!fill_file(f, dir->qid, q.nr_tags + 1, &files[i], next))
			return 0;
	}
	return 0;
}

static int fill_names(struct fill *f, const struct inode_key *key, off_t off,
		      struct store_waiter *w)
{
	switch ((enum node_kind)key->kind) {
	case NODE_ROOT:
		return fill_root(f, off);
	case NODE_SOFS:
		return fill_snapshots(f, off);
	case NODE_QUESTIONS:
		return fill_questions(f, 0, off, w);
	case NODE_TAG:
		return fill_questions(f, key->tag, off, w);
	case NODE_TAGS:
		return fill_tags(f, off, w);
	case NODE_QUESTION:
		return fill_question(f, key, off);
	case NODE_ANSWERS:
		return fill_answers(f, key, off);
	default:
		return -ENOTDIR;
	}
}

/* The kernel fills its copy of a listing from the front, and uses it when it has seen the end. As long as it is not
 * complete it must not be dropped: the kernel (fs/fuse/readdir.c, fuse_add_dirent_to_cache) would never go on
 * filling it, and every later reader would come to us. So what makes the first part untrue meanwhile is kept in mind
 * until the end was read; then the whole is dropped, and the next reader fills it anew. */
bool listing_changed_locked(struct inode *dir, bool in_order)
{
	if (dir->has_listing) {
		dir->has_listing = dir->has_begun = false;
		return true;
	}
	if (!in_order)
		dir->has_missed = dir->has_begun;
	else if (
		dir->nr_calls) /* harmless, unless one of them is about to say that this is the end */
		dir->has_come = true;
	return false;
}

static int begin_reading(struct tree *t, uint64_t nodeid, off_t off, struct inode_key *ret)
{
	struct inode *i;

	pthread_mutex_lock(&t->lock);
	i = inode_get_locked(t, nodeid);
	if (i) {
		*ret = i->key;
		i->nr_calls++;
		if (!off)
			i->has_begun = true;
	}
	pthread_mutex_unlock(&t->lock);
	return i ? 0 : -ESTALE;
}

static void end_reading(struct tree *t, uint64_t nodeid, bool is_end)
{
	struct tree_notice n = { .kind = TREE_INVAL_INODE, .nodeid = nodeid };
	bool has_missed = false;
	struct inode *i;

	pthread_mutex_lock(&t->lock);
	i = inode_get_locked(t, nodeid);
	if (i && is_end) {
		has_missed = i->has_missed || i->has_come;
		i->has_listing = !has_missed;
		i->has_begun = !has_missed;
		i->has_missed = false;
	}
	if (i && i->nr_calls && !--i->nr_calls)
		i->has_come = false;
	pthread_mutex_unlock(&t->lock);
	if (has_missed && t->config.notice)
		t->config.notice(t->config.userdata, &n);
}

int tree_readdir(struct tree *t, uint64_t nodeid, off_t off, bool plus, tree_fill_fn fill,
		 void *userdata, struct store_waiter *w)
{
	struct fill f = { .t = t, .plus = plus, .fn = fill, .userdata = userdata };
	struct inode_key key;
	int r;

	r = begin_reading(t, nodeid, off, &key);
	if (r < 0)
		return r;
	if (fill_dots(&f, off, &key))
		r = fill_names(&f, &key, off, w);
	end_reading(t, nodeid, r == 0 && !f.nr && !f.is_full);
	return r;
}
