#include "data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ptrs_add(struct ptrs *p, void *item)
{
	if (p->n == p->cap) {
		p->cap = p->cap ? p->cap * 2 : 4;
		p->v = xrealloc(p->v, p->cap * sizeof(*p->v));
	}
	p->v[p->n++] = item;
}

bool ptrs_remove(struct ptrs *p, const void *item)
{
	for (size_t i = 0; i < p->n; i++) {
		if (p->v[i] != item)
			continue;
		memmove(&p->v[i], &p->v[i + 1], (p->n - i - 1) * sizeof(*p->v));
		p->n--;
		return true;
	}
	return false;
}

void ptrs_free(struct ptrs *p)
{
	free(p->v);
	*p = (struct ptrs){ 0 };
}

static size_t id_slot(const struct idmap *m, int64_t key)
{
	size_t i = hash_bytes(&key, sizeof(key), 0) & (m->cap - 1);

	while (m->slots[i].used && m->slots[i].key != key)
		i = (i + 1) & (m->cap - 1);
	return i;
}

void *idmap_get(const struct idmap *m, int64_t key)
{
	return m->cap ? m->slots[id_slot(m, key)].value : NULL;
}

void idmap_set(struct idmap *m, int64_t key, void *value)
{
	size_t i;

	if ((m->n + 1) * 2 > m->cap) {
		struct idmap old = *m;

		m->cap = old.cap ? old.cap * 2 : 64;
		m->n = 0;
		m->slots = xcalloc(m->cap, sizeof(*m->slots));
		for (size_t k = 0; k < old.cap; k++)
			if (old.slots[k].value)
				idmap_set(m, old.slots[k].key, old.slots[k].value);
		free(old.slots);
	}
	i = id_slot(m, key);
	if (!m->slots[i].used)
		m->n++;
	m->slots[i].used = true;
	m->slots[i].key = key;
	m->slots[i].value = value;
}

static size_t str_slot(const struct strmap *m, const char *key)
{
	size_t i = hash_string(key) & (m->cap - 1);

	while (m->slots[i].key && strcmp(m->slots[i].key, key) != 0)
		i = (i + 1) & (m->cap - 1);
	return i;
}

void *strmap_get(const struct strmap *m, const char *key)
{
	return m->cap ? m->slots[str_slot(m, key)].value : NULL;
}

void strmap_set(struct strmap *m, const char *key, void *value)
{
	size_t i;

	if ((m->n + 1) * 2 > m->cap) {
		struct strmap old = *m;

		m->cap = old.cap ? old.cap * 2 : 64;
		m->n = 0;
		m->slots = xcalloc(m->cap, sizeof(*m->slots));
		for (size_t k = 0; k < old.cap; k++)
			if (old.slots[k].key)
				strmap_set(m, old.slots[k].key, old.slots[k].value);
		free(old.slots);
	}
	i = str_slot(m, key);
	if (!m->slots[i].key)
		m->n++;
	m->slots[i].key = key;
	m->slots[i].value = value;
}

void data_init(struct data *d, const char *team)
{
	*d = (struct data){ .team = team, .version = 1 };
	pthread_mutex_init(&d->lock, NULL);
}

const char *data_intern(struct data *d, const char *s)
{
	char *copy;

	if (!s)
		return NULL;
	copy = strmap_get(&d->interned, s);
	if (!copy) {
		copy = xstrdup(s);
		strmap_set(&d->interned, copy, copy);
	}
	return copy;
}

/* A deleted user has no id: {"user_type":"does_not_exist","display_name":"user123"}. */
struct user *data_user(struct data *d, int64_t id, const char *name)
{
	struct user *u = id ? idmap_get(&d->users_by_id, id)
			    : strmap_get(&d->users_by_name, name ? name : "");

	if (u)
		return u;
	u = xcalloc(1, sizeof(*u));
	u->id = id;
	u->display_name = name ? xstrdup(name)
			  : id ? xasprintf("user%lld", (long long)id)
			       : xstrdup("");
	u->user_type = data_intern(d, id == COMMUNITY_USER ? "moderator"
				      : id                 ? "registered"
							   : "does_not_exist");
	if (id) {
		u->reputation = 1;
		idmap_set(&d->users_by_id, id, u);
		ptrs_add(&d->users, u);
	} else {
		strmap_set(&d->users_by_name, u->display_name, u);
	}
	return u;
}

struct tag *data_tag(struct data *d, const char *name)
{
	struct tag *t = strmap_get(&d->tags_by_name, name);

	if (t)
		return t;
	t = xcalloc(1, sizeof(*t));
	t->name = xstrdup(name);
	strmap_set(&d->tags_by_name, t->name, t);
	ptrs_add(&d->tags, t);
	d->tags_version = 0;
	return t;
}

struct post *data_post(const struct data *d, int64_t id, enum post_kind kind)
{
	struct post *p = idmap_get(&d->posts_by_id, id);

	return p && (kind == POST_KINDS || p->kind == kind) ? p : NULL;
}

static int by_post_id(const void *a, const void *b)
{
	const struct post *x = *(struct post *const *)a;
	const struct post *y = *(struct post *const *)b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static int by_comment_date(const void *a, const void *b)
{
	const struct comment *x = *(struct comment *const *)a;
	const struct comment *y = *(struct comment *const *)b;

	if (x->creation_date != y->creation_date)
		return x->creation_date < y->creation_date ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static void sort_ptrs(struct ptrs *p, int (*cmp)(const void *, const void *))
{
	if (p->n > 1)
		qsort(p->v, p->n, sizeof(*p->v), cmp);
}

void data_insert_post(struct data *d, struct post *p)
{
	ptrs_add(&d->posts[p->kind], p);
	idmap_set(&d->posts_by_id, p->id, p);
	if (p->id > d->max_post_id)
		d->max_post_id = p->id;
	if (p->parent) {
		struct ptrs *answers = &p->parent->answers;
		bool in_order =
			answers->n == 0 || ((struct post *)answers->v[answers->n - 1])->id < p->id;

		ptrs_add(answers, p);
		if (!in_order)
			sort_ptrs(answers, by_post_id);
	}
}

void data_insert_comment(struct data *d, struct comment *c)
{
	ptrs_add(&d->comments, c);
	idmap_set(&d->comments_by_id, c->id, c);
	if (c->id > d->max_comment_id)
		d->max_comment_id = c->id;
	ptrs_add(&c->post->comments, c);
}

static void free_revision(struct revision *r)
{
	free(r->comment);
	free(r->title);
	free(r->last_title);
	free(r->body_markdown);
	free(r->last_body_markdown);
	free(r->tags);
	free(r->last_tags);
	free(r);
}

void data_remove_comment(struct data *d, struct comment *c)
{
	ptrs_remove(&d->comments, c);
	idmap_set(&d->comments_by_id, c->id, NULL);
	ptrs_remove(&c->post->comments, c);
	free(c->body_markdown);
	free(c);
}

void data_remove_post(struct data *d, struct post *p)
{
	while (p->answers.n)
		data_remove_post(d, p->answers.v[p->answers.n - 1]);
	while (p->comments.n)
		data_remove_comment(d, p->comments.v[p->comments.n - 1]);
	for (size_t i = 0; i < p->revisions.n; i++)
		free_revision(p->revisions.v[i]);
	if (p->parent) {
		ptrs_remove(&p->parent->answers, p);
		/* accepted_answer_id of the service may go on naming the deleted one;
		 * ours does not, unless the control op "set" says so */
		if (p->parent->accepted_answer_id == p->id)
			p->parent->accepted_answer_id = 0;
	}
	ptrs_remove(&d->posts[p->kind], p);
	idmap_set(&d->posts_by_id, p->id, NULL);
	ptrs_free(&p->answers);
	ptrs_free(&p->comments);
	ptrs_free(&p->revisions);
	ptrs_free(&p->tags);
	free(p->title);
	free(p->body);
	free(p->body_markdown);
	free(p->link);
	free(p->closed_reason);
	free(p);
}

int64_t data_nth_asker(const struct data *d, int n)
{
	const struct ptrs *questions = &d->posts[POST_QUESTION];
	int64_t first = 0;

	for (size_t i = 0; i < questions->n; i++) {
		const struct post *q = questions->v[i];

		if (!q->owner || q->owner->id <= 0 || q->owner->id == first)
			continue;
		if (n == 1 || first)
			return q->owner->id;
		first = q->owner->id;
	}
	return n;
}

void data_update_answered(struct post *q)
{
	q->is_answered = q->accepted_answer_id != 0;
	for (size_t i = 0; i < q->answers.n; i++)
		if (((struct post *)q->answers.v[i])->score > 0)
			q->is_answered = true;
}

static void note_user(struct user *u, int64_t date)
{
	if (u && u->id && (!u->creation_date || date < u->creation_date))
		u->creation_date = date;
}

void data_finish_loading(struct data *d)
{
	for (int kind = 0; kind < POST_KINDS; kind++) {
		for (size_t i = 0; i < d->posts[kind].n; i++) {
			struct post *p = d->posts[kind].v[i];

			sort_ptrs(&p->answers, by_post_id);
			sort_ptrs(&p->comments, by_comment_date);
			note_user(p->owner, p->creation_date);
			if (!p->up_votes && !p->down_votes) {
				p->up_votes = p->score > 0 ? p->score : 0;
				p->down_votes = p->score < 0 ? -p->score : 0;
			}
		}
	}
	for (size_t i = 0; i < d->comments.n; i++) {
		struct comment *c = d->comments.v[i];

		note_user(c->owner, c->creation_date);
	}
	d->version++;
	data_refresh_tags(d);
}

void data_refresh_tags(struct data *d)
{
	if (d->tags_version == d->version)
		return;
	for (size_t i = 0; i < d->tags.n; i++) {
		struct tag *t = d->tags.v[i];

		t->count = 0;
		t->last_activity_date = 0;
	}
	for (size_t i = 0; i < d->posts[POST_QUESTION].n; i++) {
		struct post *q = d->posts[POST_QUESTION].v[i];

		for (size_t k = 0; k < q->tags.n; k++) {
			struct tag *t = q->tags.v[k];

			t->count++;
			/* "activity" of a tag = creation date of its latest question (docs/tags) */
			if (q->creation_date > t->last_activity_date)
				t->last_activity_date = q->creation_date;
		}
	}
	d->tags_version = d->version;
}

/* The guid carries the post's id in its last group, so that a guid alone finds its revision. */
static void make_guid(char guid[37], int64_t post_id, int number)
{
	uint64_t h = hash_bytes(&post_id, sizeof(post_id), (uint64_t)number);

	snprintf(guid, 37, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(h & 0xffffffffu),
		 (unsigned)(h >> 32 & 0xffff), (unsigned)(0x4000 | (h >> 48 & 0xfff)),
		 (unsigned)(0x8000 | (number & 0xfff)),
		 (unsigned long long)post_id & 0xffffffffffffu);
}

struct revision *data_add_revision(struct post *p, int64_t date, struct user *user)
{
	struct revision *r = xcalloc(1, sizeof(*r));

	r->number = (int)p->revisions.n + 1;
	r->creation_date = date;
	r->user = user;
	make_guid(r->guid, p->id, r->number);
	ptrs_add(&p->revisions, r);
	return r;
}

char *data_join_tags(const struct post *p)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < p->tags.n; i++) {
		if (i)
			buf_addc(&b, ';');
		buf_adds(&b, ((struct tag *)p->tags.v[i])->name);
	}
	return buf_take(&b);
}

/* Loaded posts come without their history. The first revision is made up from what is there, a
 * second one if the post was edited (with the same text, because the older one is unknown). */
const struct ptrs *data_revisions(struct data *d, struct post *p)
{
	struct revision *r;

	(void)d;
	if (p->revisions.n)
		return &p->revisions;
	r = data_add_revision(p, p->creation_date, p->owner);
	r->body_markdown = xstrdup(p->body_markdown);
	if (p->title) {
		r->title = xstrdup(p->title);
		r->tags = data_join_tags(p);
	}
	if (p->last_edit_date) {
		r = data_add_revision(p, p->last_edit_date,
				      p->last_editor ? p->last_editor : p->owner);
		r->body_markdown = xstrdup(p->body_markdown);
		r->last_body_markdown = xstrdup(p->body_markdown);
		r->comment = xstrdup("edited");
	}
	return &p->revisions;
}

struct revision *data_revision_by_guid(struct data *d, const char *guid)
{
	const struct ptrs *revisions;
	struct post *p;

	if (strlen(guid) != 36)
		return NULL;
	p = data_post(d, strtoll(guid + 24, NULL, 16), POST_KINDS);
	if (!p)
		return NULL;
	revisions = data_revisions(d, p);
	for (size_t i = 0; i < revisions->n; i++) {
		struct revision *r = revisions->v[i];

		if (strcasecmp(r->guid, guid) == 0)
			return r;
	}
	return NULL;
}
