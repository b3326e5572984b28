/* The insides of the tree. Lock order: tree, then store (and below). The table's lock is not held when the store may call
 * back, and never while the kernel is told something. */
#pragma once

#include <pthread.h>

#include <sofs/base/map.h>
#include <sofs/tree.h>

enum node_kind {
	NODE_ROOT,
	NODE_README,
	NODE_QUESTIONS,
	NODE_TAGS,
	NODE_TAG,      /* tag */
	NODE_QUESTION, /* tag (0: in questions/), qid */
	NODE_ANSWERS,  /* tag, qid */
	NODE_FILE,     /* qid, file kind, post */
	NODE_SOFS,
	NODE_SNAPSHOT /* post_id: which; a new inode at each lookup */
};

struct inode_key {
	int64_t qid, post_id;
	uint32_t tag;
	uint8_t kind;      /* enum node_kind */
	uint8_t file_kind; /* enum file_kind */
};

struct inode {
	struct inode_key key;
	uint32_t version;
	bool is_old; /* a newer version has been seen */
	/* What the kernel may keep of a directory's listing; see listing_changed_locked(). */
	bool has_listing;  /* it was read to its end: the kernel keeps all of it */
	bool has_begun;    /* it was begun: the kernel keeps a first part of it */
	bool has_missed;   /* and the first part is not true any more */
	bool has_come;     /* a name came behind all others during the calls of this moment */
	unsigned nr_calls; /* of readdir, at this moment */
	uint64_t nodeid;
	uint64_t nlookup;
	int64_t mtime_s;    /* of a file or a directory, when it was last looked up or told */
	uint64_t size;      /* likewise */
	struct blob *text;  /* of an old version, or of a snapshot */
	struct inode *next; /* same hash */
};

struct tree {
	pthread_mutex_t lock;
	struct tree_config config; /* constant */
	struct store *store;       /* constant */
	struct blob *readme;       /* constant */
	struct map by_nodeid;      /* lock */
	struct map by_key;         /* lock; hash of the key -> chain */
	uint64_t next_nodeid;      /* lock */
	struct map negatives; /* lock; hash of (directory, name) the kernel was told not to exist */
	bool has_lost_negatives; /* lock; there were too many: assume every name */
};

/* inode.c; lock held */
struct inode *inode_get_locked(struct tree *t, uint64_t nodeid);
/* The present inode of the key, or NULL if the kernel does not know it. */
struct inode *inode_find_locked(struct tree *t, const struct inode_key *key);
/* The same, made if necessary, with one lookup counted. A file with another version makes the one before old. NULL without
 * memory. */
struct inode *inode_ref_locked(struct tree *t, const struct inode_key *key, uint32_t version);
/* Whether the version of a file, which was asked for without the lock, is still the present one. If so, and the inode
 * is made before the lock is let go, the news of the next version will find it. True for all that is no file. */
bool is_present_locked(struct tree *t, const struct inode_key *key, uint32_t version);
void inode_put_locked(struct tree *t, struct inode *i, uint64_t nlookup);
uint64_t inode_hash(const struct inode_key *key);
/* Stable over remounts: made from ids and names only. */
ino_t inode_number(struct tree *t, const struct inode_key *key);
void inodes_release(struct tree *t);
void negative_note_locked(struct tree *t, uint64_t dir, const char *name);
/* True if the kernel may remember that the name does not exist; it is then forgotten here. */
bool negative_take_locked(struct tree *t, uint64_t dir, const char *name);
/* The directory's names changed; `in_order`: one came behind all others. True: the kernel is to be told now to drop its
 * listing (TREE_INVAL_INODE); else it is told when that is safe. */
bool listing_changed_locked(struct inode *dir, bool in_order);

/* attr.c */
void attr_dir(struct tree *t, const struct inode_key *key, int64_t mtime_s, struct stat *ret);
void attr_file(struct tree *t, const struct inode_key *key, uint64_t size, int64_t mtime_s,
	       unsigned nlink, struct stat *ret);
void file_name(enum file_kind kind, int64_t post_id, char *buf, size_t size);
/* The inverse, for names in a question's directory (in_answers false) or in its answers/. */
bool parse_file_name(const char *name, bool in_answers, int64_t qid, enum file_kind *ret_kind,
		     int64_t *ret_post);
extern const char *const snapshot_names[TREE_NR_SNAPSHOTS];
extern const char readme_text[];

/* change.c: the store's news become notices. */
void tree_news(void *userdata, const struct store_change *change);
