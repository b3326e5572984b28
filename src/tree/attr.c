/* Names and attributes. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sofs/text.h>

#include "internal.h"

const char *const snapshot_names[TREE_NR_SNAPSHOTS] = { "status", "status.json", "errors" };

static void attr_common(struct tree *t, const struct inode_key *key, mode_t mode, int64_t mtime_s,
			struct stat *ret)
{
	if (mtime_s <= 0)
		mtime_s = t->config.mounted_at_s;
	*ret = (struct stat){
		.st_ino = inode_number(t, key),
		.st_mode = mode & ~(t->config.umask & 0777),
		.st_nlink = 1,
		.st_uid = t->config.uid,
		.st_gid = t->config.gid,
		.st_blksize = 4096,
		.st_mtim.tv_sec = mtime_s,
		.st_ctim.tv_sec = mtime_s,
		.st_atim.tv_sec = mtime_s,
	};
}

/* The link count of a directory is 1, which find(1) and fts(3) read as "number of subdirectories unknown". */
void attr_dir(struct tree *t, const struct inode_key *key, int64_t mtime_s, struct stat *ret)
{
	attr_common(t, key, S_IFDIR | 0555, mtime_s, ret);
}

void attr_file(struct tree *t, const struct inode_key *key, uint64_t size, int64_t mtime_s,
	       unsigned nlink, struct stat *ret)
{
	attr_common(t, key, S_IFREG | 0444, mtime_s, ret);
	ret->st_size = (off_t)size;
	ret->st_blocks = (blkcnt_t)((size + 4095) / 4096 * 8);
	ret->st_nlink = nlink;
}

void file_name(enum file_kind kind, int64_t post_id, char *buf, size_t size)
{
	switch (kind) {
	case FILE_BODY:
		snprintf(buf, size, "body.md");
		break;
	case FILE_META:
		snprintf(buf, size, "meta.json");
		break;
	case FILE_COMMENTS:
		snprintf(buf, size, "comments.md");
		break;
	case FILE_ANSWER:
		snprintf(buf, size, "%" PRId64 ".md", post_id);
		break;
	case FILE_ANSWER_COMMENTS:
		snprintf(buf, size, "%" PRId64 ".comments.md", post_id);
		break;
	}
}

bool parse_file_name(const char *name, bool in_answers, int64_t qid, enum file_kind *ret_kind,
		     int64_t *ret_post)
{
	size_t digits = strspn(name, "0123456789");

	if (!in_answers) {
		*ret_post = qid;
		if (!strcmp(name, "body.md"))
			*ret_kind = FILE_BODY;
		else if (!strcmp(name, "meta.json"))
			*ret_kind = FILE_META;
		else if (!strcmp(name, "comments.md"))
			*ret_kind = FILE_COMMENTS;
		else
			return false;
		return true;
	}
	if (!strcmp(name + digits, ".md"))
		*ret_kind = FILE_ANSWER;
	else if (!strcmp(name + digits, ".comments.md"))
		*ret_kind = FILE_ANSWER_COMMENTS;
	else
		return false;
	return text_parse_id(name, digits, ret_post);
}
