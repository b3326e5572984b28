/* The FUSE low-level callbacks, each named after the operation it serves.
 *
 * The mount is read-only and "zero-message": OPEN, OPENDIR, FLUSH, GETXATTR, LISTXATTR and ACCESS are answered ENOSYS once, and
 * the kernel never asks again (fs/fuse: no_open, no_opendir, no_flush, …); it then keeps pages and listings until it is
 * told otherwise.
 *
 * A request that may have to wait is tried without waiting first; only then it becomes a struct pending. */
#include <errno.h>
#include <string.h>

#include <sofs/base/log.h>

#include "internal.h"

static struct fs *fs_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static void count(atomic_ulong *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	unsigned unwanted = FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_ATOMIC_O_TRUNC |
			    FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE |
			    FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_WRITEBACK_CACHE |
			    FUSE_CAP_FLOCK_LOCKS | FUSE_CAP_POSIX_LOCKS;
	unsigned wanted = FUSE_CAP_EXPLICIT_INVAL_DATA | FUSE_CAP_READDIRPLUS |
			  FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_ASYNC_READ;

	conn->want &= ~unwanted;
	conn->want |= wanted & conn->capable;
	/* Reads of evicted texts wait for the server as background requests: the default of 12 would let a dozen of them
	 * stop all others. */
	conn->max_background = 4096;
	conn->congestion_threshold = 3072;
	conn->time_gran = 1000000000; /* the API has seconds */
}

static void lookup_reply(struct fs *fs, fuse_req_t req, int r, uint64_t parent, const char *name,
			 const struct tree_entry *e)
{
	struct failure failure;

	if (r == 0 || r == -ENOENT) {
		reply_entry(fs, req, r, e);
		return;
	}
	/* Never ESTALE, as in op_getattr(). */
	failure_set(&failure, r == -ESTALE ? -ENOENT : r, "%s", "");
	reply_failure(fs, req, "look up", parent, name, &failure);
}

static int lookup_attempt(struct pending *p)
{
	fuse_req_t req = p->req;
	struct tree_entry e;
	int r = tree_lookup(p->fs->tree, p->nodeid, p->name, &e, &p->waiter);

	if (r == -EINPROGRESS)
		return r;
	lookup_reply(p->fs, req, r, p->nodeid, p->name, &e);
	pending_finish(p);
	return 0;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fs *fs = fs_of(req);
	struct tree_entry e;
	int r;

	count(&fs->nr_lookup);
	r = tree_lookup(fs->tree, parent, name, &e, NULL);
	if (r == -EINPROGRESS) {
		struct pending like = {
			.attempt = lookup_attempt,
			.tried = "look up",
			.nodeid = parent,
			.held_dir = parent,
			.name = (char *)name,
		};

		pending_start(fs, req, &like);
		return;
	}
	lookup_reply(fs, req, r, parent, name, &e);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	tree_forget(fs_of(req)->tree, ino, nlookup);
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t nr, struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < nr; i++)
		tree_forget(fs_of(req)->tree, forgets[i].ino, forgets[i].nlookup);
	fuse_reply_none(req);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct stat st;
	double timeout_s;
	int r;

	count(&fs->nr_getattr);
	r = tree_getattr(fs->tree, ino, &st, &timeout_s);
	/* Never ESTALE: the kernel would repeat the path walk. What it knows and we do not is gone. */
	if (r < 0)
		reply_err(req, r == -ESTALE ? -ENOENT : r);
	else
		fuse_reply_attr(req, &st, timeout_s);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	count(&fs_of(req)->nr_other);
	reply_err(req, -ENOSYS);
}

static void read_reply(fuse_req_t req, struct blob *b, size_t file_off, size_t file_size,
		       size_t size, off_t off)
{
	size_t at = off < 0 || (uint64_t)off > file_size ? file_size : (size_t)off;
	size_t n = file_size - at < size ? file_size - at : size;

	fuse_reply_buf(req, b->data + file_off + at, n);
}

static int read_attempt(struct pending *p)
{
	_cleanup_(blob_unrefp) struct blob *b = NULL;
	struct failure failure;
	size_t off, size;
	int r = tree_get_text(p->fs->tree, p->nodeid, &b, &off, &size, &p->waiter);

	if (r == -EINPROGRESS || r == -ESTALE)
		return r;
	if (r < 0) {
		failure_set(&failure, r, "%s", "");
		reply_failure(p->fs, p->req, p->tried, p->nodeid, NULL, &failure);
	} else {
		read_reply(p->req, b, off, size, p->size, p->off);
	}
	pending_finish(p);
	return 0;
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	_cleanup_(blob_unrefp) struct blob *b = NULL;
	struct fs *fs = fs_of(req);
	size_t file_off, file_size;
	int r;

	count(&fs->nr_read);
	r = tree_get_text(fs->tree, ino, &b, &file_off, &file_size, NULL);
	if (r == 0) {
		read_reply(req, b, file_off, file_size, size, off);
	} else {
		struct pending like = {
			.attempt = read_attempt,
			.tried = "read",
			.nodeid = ino,
			.size = size,
			.off = off,
		};

		pending_start(fs, req, &like);
	}
}

enum { MAX_DIRBUF = 65536 };

struct dirbuf {
	fuse_req_t req;
	bool plus;
	char *buf;
	size_t size, len;
	unsigned nr_counted;
	uint64_t counted[512]; /* inodes with a lookup counted; more do not fit into MAX_DIRBUF */
};

static bool dirbuf_fill(void *userdata, const char *name, const struct tree_entry *entry,
			off_t next)
{
	struct dirbuf *d = userdata;
	size_t n;

	if (d->plus) {
		struct fuse_entry_param e = {
			.ino = entry->nodeid, /* 0: only the name; the kernel looks it up when it must */
			.attr = entry->st,
			.attr_timeout = entry->attr_timeout_s,
			.entry_timeout = entry->entry_timeout_s,
		};

		n = fuse_add_direntry_plus(d->req, d->buf + d->len, d->size - d->len, name, &e,
					   next);
	} else {
		n = fuse_add_direntry(d->req, d->buf + d->len, d->size - d->len, name, &entry->st,
				      next);
	}
	if (n > d->size - d->len || d->nr_counted == ARRAY_SIZE(d->counted))
		return false;
	d->len += n;
	if (d->plus && entry->nodeid)
		d->counted[d->nr_counted++] = entry->nodeid;
	return true;
}

/* 0: answered; -EINPROGRESS: parked (or would be, without a waiter). */
static int readdir_try(struct fs *fs, fuse_req_t req, uint64_t nodeid, size_t size, off_t off,
		       bool plus, struct store_waiter *w)
{
	static _Thread_local char buf[MAX_DIRBUF];
	struct dirbuf d = {
		.req = req,
		.plus = plus,
		.buf = buf,
		.size = size < MAX_DIRBUF ? size : MAX_DIRBUF,
	};
	struct failure failure;
	int r = tree_readdir(fs->tree, nodeid, off, plus, dirbuf_fill, &d, w);

	if (r == 0) {
		/* Not taken (the request was interrupted): the lookups do not count. */
		if (fuse_reply_buf(req, d.buf, d.len) != 0)
			for (unsigned i = 0; i < d.nr_counted; i++)
				tree_forget(fs->tree, d.counted[i], 1);
	} else if (r != -EINPROGRESS) {
		failure_set(&failure, r == -ESTALE ? -ENOENT : r, "%s", "");
		reply_failure(fs, req, "list", nodeid, NULL, &failure);
	}
	return r == -EINPROGRESS ? r : 0;
}

static int readdir_attempt(struct pending *p)
{
	int r = readdir_try(p->fs, p->req, p->nodeid, p->size, p->off, p->plus, &p->waiter);

	if (r == 0)
		pending_finish(p);
	return r;
}

static void readdir_any(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, bool plus)
{
	struct fs *fs = fs_of(req);

	count(&fs->nr_readdir);
	if (readdir_try(fs, req, ino, size, off, plus, NULL) == -EINPROGRESS) {
		struct pending like = {
			.attempt = readdir_attempt,
			.tried = "list",
			.nodeid = ino,
			.held_dir = ino,
			.size = size,
			.off = off,
			.plus = plus,
		};

		pending_start(fs, req, &like);
	}
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	readdir_any(req, ino, size, off, false);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			   struct fuse_file_info *fi)
{
	readdir_any(req, ino, size, off, true);
}

/* From memory and without a request: file managers ask thousands of times. Plausible rather than exact: a team has no
 * size, and tools that watch disks must not find this one full. */
static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct fs *fs = fs_of(req);
	struct store_status status;
	struct statvfs st = {
		.f_bsize = 4096,
		.f_frsize = 4096,
		.f_namemax = 255,
		.f_bfree = 1ULL << 28, /* 1 TiB */
		.f_bavail = 1ULL << 28,
		.f_ffree = 1ULL << 28,
		.f_favail = 1ULL << 28,
	};

	count(&fs->nr_other);
	store_get_status(fs->store, &status);
	st.f_blocks = st.f_bfree + status.nr_files;
	st.f_files = st.f_ffree + status.nr_files;
	fuse_reply_statfs(req, &st);
}

/* Extended attributes; only in fs_ops_xattr. */

static void xattr_reply(fuse_req_t req, const struct strbuf *value, size_t size)
{
	if (size == 0)
		fuse_reply_xattr(req, value->len);
	else if (size < value->len)
		reply_err(req, -ERANGE);
	else
		fuse_reply_buf(req, strbuf_str(value), value->len);
}

static int xattr_try(struct fs *fs, fuse_req_t req, uint64_t nodeid, const char *name, size_t size,
		     struct store_waiter *w)
{
	_cleanup_(strbuf_release) struct strbuf value = STRBUF_INIT;
	struct failure failure;
	int r;

	r = name ? tree_getxattr(fs->tree, nodeid, name, &value, w)
		 : tree_listxattr(fs->tree, nodeid, &value, w);
	if (r == -EINPROGRESS)
		return r;
	if (r < 0) {
		failure_set(&failure, r == -ESTALE ? -ENOENT : r, "%s", "");
		reply_failure(fs, req, "read attributes", nodeid, NULL, &failure);
	} else {
		xattr_reply(req, &value, size);
	}
	return 0;
}

static int xattr_attempt(struct pending *p)
{
	int r = xattr_try(p->fs, p->req, p->nodeid, p->name, p->size, &p->waiter);

	if (r == 0)
		pending_finish(p);
	return r;
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct fs *fs = fs_of(req);

	count(&fs->nr_other);
	if (xattr_try(fs, req, ino, name, size, NULL) == -EINPROGRESS) {
		struct pending like = {
			.attempt = xattr_attempt,
			.tried = "read attributes",
			.nodeid = ino,
			.name = (char *)name,
			.size = size,
		};

		pending_start(fs, req, &like);
	}
}

static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	op_getxattr(req, ino, NULL, size);
}

#define COMMON_OPS                                                                                 \
	.init = op_init, .lookup = op_lookup, .forget = op_forget,                                 \
	.forget_multi = op_forget_multi, .getattr = op_getattr, .open = op_open,                   \
	.opendir = op_open, .read = op_read, .readdir = op_readdir, .readdirplus = op_readdirplus, \
	.statfs = op_statfs

const struct fuse_lowlevel_ops fs_ops = { COMMON_OPS };
const struct fuse_lowlevel_ops fs_ops_xattr = { COMMON_OPS, .getxattr = op_getxattr,
						.listxattr = op_listxattr };
