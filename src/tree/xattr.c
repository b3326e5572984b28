/* Extended attributes: what meta.json says, one fact at a time. Only with the option `xattr`. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <sofs/model/question.h>

#include "internal.h"

/* The post, or its absence, that an inode's attributes speak of. */
struct post {
	int64_t id, score, created_s, edited_s;
	const struct user *owner;
	const char *link;
	bool is_answer, is_accepted;
};

static bool find_post(const struct question *q, const struct inode_key *key, struct post *ret)
{
	if (key->kind != NODE_FILE || key->file_kind < FILE_ANSWER) {
		*ret = (struct post){
			.id = q->id,
			.score = q->score,
			.created_s = q->created_s,
			.edited_s = q->edited_s,
			.owner = &q->owner,
			.link = q->link,
		};
		return true;
	}
	for (size_t i = 0; i < q->nr_answers; i++) {
		const struct answer *a = &q->answers[i];

		if (a->id != key->post_id)
			continue;
		*ret = (struct post){
			.id = a->id,
			.score = a->score,
			.created_s = a->created_s,
			.edited_s = a->edited_s,
			.owner = &a->owner,
			.link = a->link,
			.is_answer = true,
			.is_accepted = a->is_accepted,
		};
		return true;
	}
	return false;
}

/* Appends the value; false if the post has no such attribute. */
static bool add_value(const struct post *p, const char *name, struct strbuf *sb)
{
	if (!strcmp(name, "user.sofs.id"))
		strbuf_addf(sb, "%" PRId64, p->id);
	else if (!strcmp(name, "user.sofs.score"))
		strbuf_addf(sb, "%" PRId64, p->score);
	else if (!strcmp(name, "user.sofs.owner") && p->owner->name)
		strbuf_adds(sb, p->owner->name);
	else if (!strcmp(name, "user.sofs.accepted") && p->is_answer)
		strbuf_adds(sb, p->is_accepted ? "yes" : "no");
	else if (!strcmp(name, "user.sofs.created") && p->created_s)
		strbuf_addf(sb, "%" PRId64, p->created_s);
	else if (!strcmp(name, "user.sofs.edited") && p->edited_s)
		strbuf_addf(sb, "%" PRId64, p->edited_s);
	else if ((!strcmp(name, "user.sofs.url") || !strcmp(name, "user.xdg.origin.url")) &&
		 p->link)
		strbuf_adds(sb, p->link);
	else if (!strcmp(name, "user.sofs.state"))
		strbuf_adds(sb, "published");
	else
		return false;
	return true;
}

static const char *const names[] = {
	"user.sofs.id",       "user.sofs.score",   "user.sofs.owner",
	"user.sofs.accepted", "user.sofs.created", "user.sofs.edited",
	"user.sofs.url",      "user.sofs.state",   "user.xdg.origin.url",
};

static const char mime_name[] = "user.mime_type";

static const char *mime_type(const struct inode_key *key)
{
	if (key->kind == NODE_README)
		return "text/markdown";
	if (key->kind != NODE_FILE)
		return NULL;
	return key->file_kind == FILE_META ? "application/json" : "text/markdown";
}

/* The key, and the question if the inode belongs to one. */
static int get_model(struct tree *t, uint64_t nodeid, struct inode_key *key, struct question **q,
		     struct store_waiter *w)
{
	struct inode *i;

	pthread_mutex_lock(&t->lock);
	i = inode_get_locked(t, nodeid);
	if (i)
		*key = i->key;
	pthread_mutex_unlock(&t->lock);
	if (!i)
		return -ESTALE;
	return key->qid ? store_get_model(t->store, key->qid, q, w) : 0;
}

int tree_getxattr(struct tree *t, uint64_t nodeid, const char *name, struct strbuf *value,
		  struct store_waiter *w)
{
	_cleanup_(question_freep) struct question *q = NULL;
	struct inode_key key;
	struct post p;
	int r;

	if (strncmp(name, "user.", 5))
		return -EOPNOTSUPP; /* without asking anybody: ls -l wants security.* and system.* of all */
	r = get_model(t, nodeid, &key, &q, w);
	if (r < 0)
		return r;
	if (!strcmp(name, mime_name) && mime_type(&key)) {
		strbuf_adds(value, mime_type(&key));
		return strbuf_failed(value) ? -ENOMEM : 0;
	}
	if (!q || !find_post(q, &key, &p) || !add_value(&p, name, value))
		return -ENODATA;
	return strbuf_failed(value) ? -ENOMEM : 0;
}

int tree_listxattr(struct tree *t, uint64_t nodeid, struct strbuf *list, struct store_waiter *w)
{
	_cleanup_(strbuf_release) struct strbuf value = STRBUF_INIT;
	_cleanup_(question_freep) struct question *q = NULL;
	struct inode_key key;
	struct post p;
	int r;

	r = get_model(t, nodeid, &key, &q, w);
	if (r < 0)
		return r;
	if (mime_type(&key))
		strbuf_add(list, mime_name, sizeof(mime_name));
	if (!q || !find_post(q, &key, &p))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (add_value(&p, names[i], &value))
			strbuf_add(list, names[i], strlen(names[i]) + 1);
	return strbuf_failed(list) ? -ENOMEM : 0;
}
