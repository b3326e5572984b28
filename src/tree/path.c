/* Between inodes and paths, for messages and for `sofs refresh PATH`. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <sofs/text.h>

#include "internal.h"

static void add_key(struct tree *t, const struct inode_key *key, struct strbuf *sb)
{
	struct store_tag tag = { .name = "" };
	char name[48];

	switch ((enum node_kind)key->kind) {
	case NODE_ROOT:
		break;
	case NODE_README:
		strbuf_adds(sb, "README.md");
		break;
	case NODE_QUESTIONS:
		strbuf_adds(sb, "questions");
		break;
	case NODE_TAGS:
		strbuf_adds(sb, "tags");
		break;
	case NODE_SOFS:
		strbuf_adds(sb, ".sofs");
		break;
	case NODE_SNAPSHOT:
		strbuf_addf(sb, ".sofs/%s", snapshot_names[key->post_id]);
		break;
	case NODE_FILE:
		file_name((enum file_kind)key->file_kind, key->post_id, name, sizeof(name));
		strbuf_addf(sb, "questions/%" PRId64 "/%s%s", key->qid,
			    key->file_kind >= FILE_ANSWER ? "answers/" : "", name);
		break;
	case NODE_TAG:
	case NODE_QUESTION:
	case NODE_ANSWERS:
		if (key->tag) {
			(void)!store_tag_by_index(t->store, key->tag, &tag);
			strbuf_addf(sb, "tags/%s", tag.name);
		} else {
			strbuf_adds(sb, "questions");
		}
		if (key->kind != NODE_TAG)
			strbuf_addf(sb, "/%" PRId64, key->qid);
		if (key->kind == NODE_ANSWERS)
			strbuf_adds(sb, "/answers");
		break;
	}
}

void tree_add_path(struct tree *t, uint64_t nodeid, const char *name, struct strbuf *sb)
{
	struct inode_key key = { 0 };
	struct inode *i;

	pthread_mutex_lock(&t->lock);
	i = inode_get_locked(t, nodeid);
	if (i)
		key = i->key;
	pthread_mutex_unlock(&t->lock);
	if (i)
		add_key(t, &key, sb);
	if (name)
		strbuf_addf(sb, "%s%s", sb->len ? "/" : "", name);
}

/* The length of the component at s. */
static size_t component(const char *s)
{
	return strcspn(s, "/");
}

int tree_parse_path(const char *path, int64_t *ret_id)
{
	size_t n;

	*ret_id = 0;
	path += strspn(path, "/");
	n = component(path);
	if (n == 0)
		return 0;
	if (n == 4 && !strncmp(path, "tags", 4)) {
		path += n + strspn(path + n, "/");
		n = component(path); /* the tag */
	} else if (n != 9 || strncmp(path, "questions", 9)) {
		return -ENOENT;
	}
	path += n + strspn(path + n, "/");
	n = component(path);
	if (n == 0)
		return 0;
	return text_parse_id(path, n, ret_id) ? 0 : -ENOENT;
}
