/* Reading a corpus: JSON Lines, gzipped or not, one object in API shape per line. */

#include "data.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define MAX_LINE (64u << 20) /* a question with all its answers; more is a broken file */

static int64_t get_int(const cJSON *o, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);

	return cJSON_IsNumber(v) ? (int64_t)v->valuedouble : 0;
}

static const char *get_str(const cJSON *o, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);

	return cJSON_IsString(v) ? v->valuestring : NULL;
}

static bool get_bool(const cJSON *o, const char *name)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, name));
}

static char *dup_str(const cJSON *o, const char *name)
{
	const char *s = get_str(o, name);

	return s ? xstrdup(s) : NULL;
}

static struct user *load_shallow_user(struct data *d, const cJSON *o)
{
	int64_t id = get_int(o, "user_id");
	struct user *u;

	if (!cJSON_IsObject(o))
		return NULL;
	u = data_user(d, id, get_str(o, "display_name"));
	if (u->link || u->account_id)
		return u;
	u->account_id = get_int(o, "account_id");
	if (cJSON_HasObjectItem(o, "reputation"))
		u->reputation = get_int(o, "reputation");
	if (get_str(o, "user_type"))
		u->user_type = data_intern(d, get_str(o, "user_type"));
	u->link = dup_str(o, "link");
	u->profile_image = dup_str(o, "profile_image");
	return u;
}

static void load_comments(struct data *d, struct post *p, const cJSON *list)
{
	const cJSON *o;

	cJSON_ArrayForEach(o, list)
	{
		struct comment *c = xcalloc(1, sizeof(*c));

		c->id = get_int(o, "comment_id");
		c->post = p;
		c->owner = load_shallow_user(d, cJSON_GetObjectItemCaseSensitive(o, "owner"));
		c->reply_to =
			load_shallow_user(d, cJSON_GetObjectItemCaseSensitive(o, "reply_to_user"));
		c->score = get_int(o, "score");
		c->creation_date = get_int(o, "creation_date");
		c->edited = get_bool(o, "edited");
		c->body_markdown = dup_str(o, "body_markdown");
		if (!c->body_markdown)
			c->body_markdown = xstrdup("");
		c->license = data_intern(d, get_str(o, "content_license"));
		data_insert_comment(d, c);
	}
}

static struct post *load_post(struct data *d, enum post_kind kind, const cJSON *o,
			      struct post *parent)
{
	static const char *const id_names[] = { "question_id", "answer_id", "article_id" };
	struct post *p = xcalloc(1, sizeof(*p));
	const cJSON *tag;

	p->kind = kind;
	p->id = get_int(o, id_names[kind]);
	p->parent = parent;
	if (kind != POST_ANSWER) {
		p->title = dup_str(o, "title");
		if (!p->title)
			p->title = xstrdup("");
	}
	p->body = dup_str(o, "body");
	p->body_markdown = dup_str(o, "body_markdown");
	if (!p->body_markdown)
		p->body_markdown = xstrdup("");
	p->link = dup_str(o, "link");
	p->license = data_intern(d, get_str(o, "content_license"));
	p->article_type = data_intern(d, get_str(o, "article_type"));
	p->owner = load_shallow_user(d, cJSON_GetObjectItemCaseSensitive(o, "owner"));
	p->last_editor = load_shallow_user(d, cJSON_GetObjectItemCaseSensitive(o, "last_editor"));
	p->creation_date = get_int(o, "creation_date");
	p->last_activity_date = get_int(o, "last_activity_date");
	if (!p->last_activity_date)
		p->last_activity_date = p->creation_date;
	p->last_edit_date = get_int(o, "last_edit_date");
	p->community_owned_date = get_int(o, "community_owned_date");
	p->locked_date = get_int(o, "locked_date");
	p->protected_date = get_int(o, "protected_date");
	p->closed_date = get_int(o, "closed_date");
	p->closed_reason = dup_str(o, "closed_reason");
	p->score = get_int(o, "score");
	p->up_votes = get_int(o, "up_vote_count");
	p->down_votes = get_int(o, "down_vote_count");
	p->view_count = get_int(o, "view_count");
	p->favorite_count = get_int(o, "favorite_count");
	p->accepted_answer_id = get_int(o, "accepted_answer_id");
	p->bounty_amount = get_int(o, "bounty_amount");
	p->bounty_closes_date = get_int(o, "bounty_closes_date");
	p->is_answered = get_bool(o, "is_answered");
	cJSON_ArrayForEach(tag, cJSON_GetObjectItemCaseSensitive(o, "tags"))
	{
		if (cJSON_IsString(tag))
			ptrs_add(&p->tags, data_tag(d, tag->valuestring));
	}
	data_insert_post(d, p);
	load_comments(d, p, cJSON_GetObjectItemCaseSensitive(o, "comments"));
	return p;
}

static void load_question(struct data *d, const cJSON *o)
{
	struct post *q;
	const cJSON *a;

	if (idmap_get(&d->posts_by_id, get_int(o, "question_id")))
		return;
	q = load_post(d, POST_QUESTION, o, NULL);
	cJSON_ArrayForEach(a, cJSON_GetObjectItemCaseSensitive(o, "answers"))
		load_post(d, POST_ANSWER, a, q);
	if (!cJSON_HasObjectItem(o, "is_answered"))
		data_update_answered(q);
}

static void load_article(struct data *d, const cJSON *o)
{
	if (!idmap_get(&d->posts_by_id, get_int(o, "article_id")))
		load_post(d, POST_ARTICLE, o, NULL);
}

static void load_tag(struct data *d, const cJSON *o)
{
	const char *name = get_str(o, "name");
	struct tag *t;

	if (!name)
		return;
	t = data_tag(d, name);
	t->has_synonyms = get_bool(o, "has_synonyms");
	t->is_moderator_only = get_bool(o, "is_moderator_only");
	t->is_required = get_bool(o, "is_required");
	if (!t->wiki_excerpt)
		t->wiki_excerpt = dup_str(o, "_tag_wiki_excerpt_markdown");
	if (!t->wiki_body)
		t->wiki_body = dup_str(o, "_tag_wiki_wiki_markdown");
}

static void load_user(struct data *d, const cJSON *o)
{
	struct user *u;

	if (!get_int(o, "user_id"))
		return;
	u = load_shallow_user(d, o);
	u->creation_date = get_int(o, "creation_date");
	u->view_count = get_int(o, "view_count");
	u->up_votes = get_int(o, "up_vote_count");
	u->down_votes = get_int(o, "down_vote_count");
}

/* gzread passes plain files through, so one loop serves both forms. */
static int for_each_line(struct data *d, const char *path,
			 void (*load)(struct data *, const cJSON *))
{
	gzFile f = gzopen(path, "rb");
	size_t cap = 1u << 20;
	size_t len = 0;
	size_t line_no = 1;
	char *text;
	int n;

	if (!f)
		return -errno;
	gzbuffer(f, 1u << 17);
	text = xmalloc(cap + 1);
	do {
		char *start = text;
		char *end;

		if (len == cap) {
			if (cap >= MAX_LINE)
				break;
			cap *= 2;
			text = xrealloc(text, cap + 1);
			start = text;
		}
		n = gzread(f, text + len, (unsigned)(cap - len));
		if (n < 0)
			break;
		len += (size_t)n;
		if (n == 0 && len && text[len - 1] != '\n' && len < cap)
			text[len++] = '\n';
		while ((end = memchr(start, '\n', len - (size_t)(start - text)))) {
			cJSON *o;

			*end = '\0';
			o = cJSON_Parse(start);
			if (cJSON_IsObject(o))
				load(d, o);
			else if (end != start)
				fprintf(stderr, "fakeapi: %s:%zu: not a JSON object\n", path,
					line_no);
			cJSON_Delete(o);
			line_no++;
			start = end + 1;
		}
		len -= (size_t)(start - text);
		memmove(text, start, len);
	} while (n > 0);
	free(text);
	gzclose(f);
	if (n != 0) {
		fprintf(stderr, "fakeapi: %s: unreadable after line %zu\n", path, line_no);
		return -EIO;
	}
	return 0;
}

int data_load_file(struct data *d, const char *path)
{
	int r = for_each_line(d, path, load_question);

	if (r < 0)
		fprintf(stderr, "fakeapi: %s: %s\n", path, strerror(-r));
	return r;
}

int data_load_beside(struct data *d, const char *path)
{
	static const struct {
		const char *name;
		void (*load)(struct data *, const cJSON *);
	} files[] = {
		{ "tags", load_tag },
		{ "users", load_user },
		{ "articles", load_article },
	};
	const char *slash = strrchr(path, '/');
	int dir_len = slash ? (int)(slash - path) + 1 : 0;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		for (int gz = 0; gz < 2; gz++) {
			char *name = xasprintf("%.*s%s.jsonl%s", dir_len, path, files[i].name,
					       gz ? ".gz" : "");
			int r = for_each_line(d, name, files[i].load);

			free(name);
			if (r == 0)
				break;
			if (r != -ENOENT)
				return r;
		}
	}
	return 0;
}
