/* Answers to the kernel. */
#include <errno.h>
#include <string.h>

#include "internal.h"

void reply_err(fuse_req_t req, int err)
{
	fuse_reply_err(req, err < 0 ? -err : err);
}

void reply_entry(struct fs *fs, fuse_req_t req, int r, const struct tree_entry *e)
{
	struct fuse_entry_param p = {
		.ino = e->nodeid,
		.attr = e->st,
		.attr_timeout = e->attr_timeout_s,
		.entry_timeout = e->entry_timeout_s,
	};

	if (r == -ENOENT) {
		p.ino = 0; /* "there is none": a negative entry */
		fuse_reply_entry(req, &p);
		return;
	}
	/* The kernel did not take it (the request was interrupted): the lookup does not count. */
	if (fuse_reply_entry(req, &p) != 0)
		tree_forget(fs->tree, e->nodeid, 1);
}

static const char *advice(int err)
{
	switch (-err) {
	case EHOSTUNREACH:
		return "what was fetched before is still served; the rest works again when the "
		       "server answers";
	case ETIMEDOUT:
		return "try again; `sofs status` shows whether the server answers";
	case EBUSY:
		return "the server asked us to slow down; try again later";
	case EDQUOT:
		return "the daily quota is spent; what was fetched before is still served";
	case EACCES:
		return "check the token with `sofs check`, then mount again";
	case EIO:
		return "try again; if it stays, the server or its data is broken";
	case ENOMEM:
		return "free some memory and try again";
	default:
		return "try again";
	}
}

void reply_failure(struct fs *fs, fuse_req_t req, const char *tried, uint64_t nodeid,
		   const char *name, const struct failure *failure)
{
	_cleanup_(strbuf_release) struct strbuf path = STRBUF_INIT;
	int err = failure->err;

	if (err == -ECANCELED)
		err = -EIO;
	switch (-err) {
	case ENOENT:
	case EINTR:
	case ENOSYS:
	case ENODATA:
	case EOPNOTSUPP:
	case ERANGE:
		break;
	default:
		tree_add_path(fs->tree, nodeid, name, &path);
		errors_add(err, strbuf_str(&path), tried, failure->text, advice(err));
	}
	reply_err(req, err);
}
