/* The tree a user sees: which names there are in which directory, their attributes, and the inode table.
 *
 * An inode is known to the kernel by its node id: a running number that is never used twice. It is kept as long as
 * the kernel counts lookups of it. A file's inode is keyed by (question, kind, post, version): a changed text is a new
 * inode with the same st_ino, and the old one serves the old text until it is forgotten. All views of a question
 * share its files' inodes; directories are inodes of their own in each view, because the kernel keeps only one place for a
 * directory (fs/dcache: a directory has one dentry).
 *
 * Functions that may need the server take a waiter, and return -EINPROGRESS when they parked it (see store.h).
 * Safe from any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include <sofs/store.h>

#define TREE_FOREVER 1e9 /* seconds; the kernel is told when something changes */

enum tree_snapshot { TREE_STATUS, TREE_STATUS_JSON, TREE_ERRORS, TREE_NR_SNAPSHOTS };

/* What the kernel has to be told. */
struct tree_notice {
	enum { TREE_INVAL_ENTRY, TREE_INVAL_INODE, TREE_INVAL_ATTR } kind;
	uint64_t nodeid; /* the inode, or the parent of the entry */
	char name[256];  /* of the entry */
};

struct tree_config {
	uid_t uid;
	gid_t gid;
	mode_t umask;
	int64_t mounted_at_s;
	/* malloc'd text of a file in .sofs/, or NULL without memory */
	char *(*snapshot)(void *userdata, enum tree_snapshot which);
	/* called in the order of changes, no lock held */
	void (*notice)(void *userdata, const struct tree_notice *notice);
	void *userdata;
};

struct tree;

_must_check_ int tree_new(const struct tree_config *config, struct store *store, struct tree **ret);
void tree_free(struct tree *t);

struct tree_entry {
	uint64_t nodeid; /* 0: no such name, or (readdir) look it up when needed */
	struct stat st;
	double entry_timeout_s, attr_timeout_s;
};

/* 0 with a lookup counted; -ENOENT with ret->entry_timeout_s set (how long to remember it); or -errno. */
int tree_lookup(struct tree *t, uint64_t parent, const char *name, struct tree_entry *ret,
		struct store_waiter *w);
void tree_forget(struct tree *t, uint64_t nodeid, uint64_t nlookup);
int tree_getattr(struct tree *t, uint64_t nodeid, struct stat *ret, double *ret_timeout_s);

/* Adds an entry to the reply. False: it does not fit; the tree then takes the lookup back and stops. With
 * entry->nodeid 0 only the name, type and st_ino are meant. */
typedef bool (*tree_fill_fn)(void *userdata, const char *name, const struct tree_entry *entry,
			     off_t next);
/* From the entry behind `off` on (0: the beginning). `plus`: with node ids and lookups counted. 0, also at the end, or
 * -errno with nothing filled. */
int tree_readdir(struct tree *t, uint64_t nodeid, off_t off, bool plus, tree_fill_fn fill,
		 void *userdata, struct store_waiter *w);

/* A reference to the blob that holds the file's bytes, *ret_size of them from *ret_off on. -ESTALE: the version was
 * replaced a moment ago and its text is about to be handed over, or is lost: try again shortly. */
int tree_get_text(struct tree *t, uint64_t nodeid, struct blob **ret, size_t *ret_off,
		  size_t *ret_size, struct store_waiter *w);

/* Extended attributes (option xattr). The value, or the list of names each with its NUL, is appended. -ENODATA. */
int tree_getxattr(struct tree *t, uint64_t nodeid, const char *name, struct strbuf *value,
		  struct store_waiter *w);
int tree_listxattr(struct tree *t, uint64_t nodeid, struct strbuf *names, struct store_waiter *w);

/* For messages: the path from the mount point, with `name` (may be NULL) behind it. Appended. */
void tree_add_path(struct tree *t, uint64_t nodeid, const char *name, struct strbuf *sb);
/* The question a path from the mount point belongs to (0: none, so everything is meant); -ENOENT for nonsense. */
int tree_parse_path(const char *path, int64_t *ret_id);

uint64_t tree_nr_inodes(struct tree *t);
