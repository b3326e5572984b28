/* A tree over a store over the server in memory, and a kernel that notes what it is told. */
#pragma once

#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/base/clock.h>
#include <sofs/base/strbuf.h>
#include <sofs/tree.h>

#include "fake_server.h"

static struct fixture f;
static struct tree *tree;
static struct strbuf notices; /* a line each: what, and the path */
static const char *snapshot_text = "all is well\n";

static char *make_snapshot(void *userdata, enum tree_snapshot which)
{
	return strdup(snapshot_text);
}

static void note(void *userdata, const struct tree_notice *n)
{
	static const char *const kinds[] = {
		[TREE_INVAL_ENTRY] = "entry",
		[TREE_INVAL_INODE] = "inode",
		[TREE_INVAL_ATTR] = "attr",
	};

	strbuf_addf(&notices, "%s ", kinds[n->kind]);
	tree_add_path(tree, n->nodeid, NULL, &notices);
	if (n->kind == TREE_INVAL_ENTRY)
		strbuf_addf(&notices, "/%s", n->name);
	strbuf_addch(&notices, '\n');
}

__attribute__((unused)) static struct tree *new_tree(void)
{
	const struct tree_config config = {
		.uid = 1000,
		.gid = 100,
		.umask = 022,
		.mounted_at_s = T0 - 7,
		.snapshot = make_snapshot,
		.notice = note,
	};
	struct tree *t;

	ck_assert_int_eq(tree_new(&config, f.store, &t), 0);
	return t;
}

static void setup(void)
{
	server_start();
	fixture_config(&f);
	fixture_open(&f);
	strbuf_reset(&notices);
	tree = new_tree();
}

static void teardown(void)
{
	fixture_close(&f);
	tree_free(tree);
	server_stop();
	strbuf_release(&notices);
}

/* As the kernel does, waiting as long as it takes. */
static int lookup(uint64_t parent, const char *name, struct tree_entry *e)
{
	for (;;) {
		struct waiting w;
		int r;

		waiting_init(&w);
		r = tree_lookup(tree, parent, name, e, &w.w);
		if (r != -EINPROGRESS)
			return r;
		server_answer_all();
		ck_assert_int_eq(w.nr_wakes, 1);
		if (w.failure.err)
			return w.failure.err;
	}
}

/* Looks a path up. Only the last lookup counts, those before it are given back. */
static int walk(const char *path, struct tree_entry *e)
{
	uint64_t dir = 1;
	char name[256];
	int r;

	do {
		size_t n = strcspn(path, "/");

		snprintf(name, sizeof(name), "%.*s", (int)n, path);
		r = lookup(dir, name, e);
		if (dir != 1)
			tree_forget(tree, dir, 1);
		dir = e->nodeid;
		path += n + (path[n] == '/');
	} while (r == 0 && *path);
	return r;
}

/* The node id of what must be there; a lookup is counted. */
__attribute__((unused)) static uint64_t node(const char *path)
{
	struct tree_entry e;

	ck_assert_msg(walk(path, &e) == 0, "%s", path);
	return e.nodeid;
}

/* The text of a node; the test frees it. NULL: *ret_err says why. */
__attribute__((unused)) static char *node_text(uint64_t nodeid, int *ret_err)
{
	for (;;) {
		struct waiting w;
		struct blob *b;
		size_t off, size;
		char *s;

		waiting_init(&w);
		*ret_err = tree_get_text(tree, nodeid, &b, &off, &size, &w.w);
		if (*ret_err == -EINPROGRESS) {
			server_answer_all();
			ck_assert_int_eq(w.nr_wakes, 1);
			continue;
		}
		if (*ret_err < 0)
			return NULL;
		s = strndup(b->data + off, size);
		blob_unref(b);
		return s;
	}
}

__attribute__((unused)) static void assert_node_text(uint64_t nodeid, const char *expected)
{
	struct stat st;
	double timeout;
	int err;
	_cleanup_free_ char *s = node_text(nodeid, &err);

	ck_assert_pstr_eq(s, expected);
	ck_assert_int_eq(tree_getattr(tree, nodeid, &st, &timeout), 0);
	ck_assert_int_eq(st.st_size, (off_t)strlen(expected));
}

/* One question, or everything, asked of the server again. */
__attribute__((unused)) static void refresh(int64_t id)
{
	struct waiting w;

	clock_fake_advance(100000);
	waiting_init(&w);
	ck_assert_int_eq(store_refresh(f.store, id, &w.w), -EINPROGRESS);
	server_answer_all();
	ck_assert_int_eq(w.nr_wakes, 1);
	ck_assert_int_eq(w.failure.err, 0);
}

struct listed {
	char name[256];
	struct tree_entry e;
	off_t next;
};

/* What a readdir with a buffer for `room` entries gives. */
struct listing_buf {
	struct listed *entries;
	size_t nr, room;
};

static bool fill_one(void *userdata, const char *name, const struct tree_entry *e, off_t next)
{
	struct listing_buf *b = userdata;
	struct listed *l;

	if (b->nr == b->room)
		return false;
	l = &b->entries[b->nr++];
	snprintf(l->name, sizeof(l->name), "%s", name);
	l->e = *e;
	l->next = next;
	return true;
}

/* One call, waiting as long as it takes. The number of entries or -errno. */
static int readdir_once(uint64_t dir, off_t off, bool plus, struct listed *ret, size_t room)
{
	for (;;) {
		struct listing_buf b = { .entries = ret, .room = room };
		struct waiting w;
		int r;

		waiting_init(&w);
		r = tree_readdir(tree, dir, off, plus, fill_one, &b, &w.w);
		if (r == 0)
			return (int)b.nr;
		ck_assert_uint_eq(b.nr, 0);
		if (r != -EINPROGRESS)
			return r;
		while (!w.nr_wakes)
			ck_assert(server_answer_one());
		if (w.failure.err)
			return w.failure.err;
	}
}

/* The whole directory with calls of `room` entries each, "." and ".." included. */
__attribute__((unused)) static size_t readdir_all(uint64_t dir, bool plus, size_t room,
						  struct listed *ret, size_t max)
{
	off_t off = 0;
	size_t nr = 0;
	int n;

	for (;;) {
		ck_assert_uint_le(nr + room, max);
		n = readdir_once(dir, off, plus, ret + nr, room);
		ck_assert_int_ge(n, 0);
		if (!n)
			return nr;
		nr += (size_t)n;
		off = ret[nr - 1].next;
	}
}

/* What was told since the last time. */
__attribute__((unused)) static const char *take_notices(void)
{
	static char text[65536];

	snprintf(text, sizeof(text), "%s", strbuf_str(&notices));
	strbuf_reset(&notices);
	return text;
}
