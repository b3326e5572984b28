#include "data_edit.h"

#include <stdlib.h>
#include <string.h>

#define MAX_EVENTS 2000

static void add_event(struct data *d, const char *type, int64_t id, int64_t now_s, const char *text)
{
	struct event *e = xcalloc(1, sizeof(*e));
	size_t n = strlen(text) < 100 ? strlen(text) : 100;

	while (n && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--;
	e->type = type;
	e->id = id;
	e->date = now_s;
	e->excerpt = xstrndup(text, n);
	ptrs_add(&d->events, e);
	if (d->events.n > MAX_EVENTS) {
		struct event *oldest = d->events.v[0];

		ptrs_remove(&d->events, oldest);
		free(oldest->excerpt);
		free(oldest->link);
		free(oldest);
	}
}

static void set_tags(struct data *d, struct post *p, const char *joined)
{
	p->tags.n = 0;
	for (const char *s = joined; *s;) {
		size_t n = strcspn(s, ";");
		char *name = xstrndup(s, n);

		if (n)
			ptrs_add(&p->tags, data_tag(d, name));
		free(name);
		s += n + (s[n] == ';');
	}
}

static struct post *add_post(struct data *d, enum post_kind kind, struct user *by, const char *body,
			     int64_t now_s)
{
	struct post *p = xcalloc(1, sizeof(*p));

	p->kind = kind;
	p->id = d->max_post_id + 1;
	p->owner = by;
	p->body_markdown = xstrdup(body);
	p->license = data_intern(d, "CC BY-SA 4.0");
	p->creation_date = p->last_activity_date = now_s;
	d->version++;
	return p;
}

struct post *data_add_question(struct data *d, struct user *by, const char *title, const char *body,
			       const char *tags, int64_t now_s)
{
	struct post *p = add_post(d, POST_QUESTION, by, body, now_s);

	p->title = xstrdup(title);
	set_tags(d, p, tags);
	data_insert_post(d, p);
	data_revisions(d, p);
	add_event(d, "question_posted", p->id, now_s, title);
	return p;
}

struct post *data_add_article(struct data *d, struct user *by, const char *title, const char *body,
			      const char *tags, const char *type, int64_t now_s)
{
	struct post *p = add_post(d, POST_ARTICLE, by, body, now_s);

	p->title = xstrdup(title);
	p->article_type = data_intern(d, type);
	set_tags(d, p, tags);
	data_insert_post(d, p);
	data_revisions(d, p);
	return p;
}

struct post *data_add_answer(struct data *d, struct post *question, struct user *by,
			     const char *body, int64_t now_s)
{
	struct post *p = add_post(d, POST_ANSWER, by, body, now_s);

	p->parent = question;
	data_insert_post(d, p);
	question->last_activity_date = now_s;
	data_revisions(d, p);
	add_event(d, "answer_posted", p->id, now_s, body);
	return p;
}

struct comment *data_add_comment(struct data *d, struct post *p, struct user *by, const char *body,
				 int64_t now_s)
{
	struct comment *c = xcalloc(1, sizeof(*c));

	c->id = d->max_comment_id + 1;
	c->post = p;
	c->owner = by;
	c->creation_date = now_s;
	c->body_markdown = xstrdup(body);
	c->license = data_intern(d, "CC BY-SA 4.0");
	data_insert_comment(d, c);
	d->version++;
	add_event(d, "comment_posted", c->id, now_s, body);
	return c;
}

static void replace(char **text, const char *by)
{
	free(*text);
	*text = xstrdup(by);
}

void data_edit_post(struct data *d, struct post *p, struct user *by, const struct post_edit *e,
		    int64_t now_s)
{
	struct revision *r;

	data_revisions(d, p); /* so that the older text is kept as a revision */
	r = data_add_revision(p, now_s, by);
	if (e->comment)
		r->comment = xstrdup(e->comment);
	if (e->body) {
		r->last_body_markdown = xstrdup(p->body_markdown);
		r->body_markdown = xstrdup(e->body);
		replace(&p->body_markdown, e->body);
		free(p->body);
		p->body = NULL; /* derived from the Markdown from now on */
	}
	if (e->title && p->title) {
		r->last_title = xstrdup(p->title);
		r->title = xstrdup(e->title);
		replace(&p->title, e->title);
	}
	if (e->tags && p->kind != POST_ANSWER) {
		r->last_tags = data_join_tags(p);
		r->tags = xstrdup(e->tags);
		set_tags(d, p, e->tags);
	}
	p->last_editor = by;
	p->last_edit_date = now_s;
	p->last_activity_date = now_s;
	if (p->parent && e->bump)
		p->parent->last_activity_date = now_s;
	d->version++;
	add_event(d, "post_edited", p->id, now_s, p->body_markdown);
}

void data_edit_comment(struct data *d, struct comment *c, const char *body)
{
	replace(&c->body_markdown, body);
	c->edited = true;
	d->version++;
}

void data_delete_post(struct data *d, struct post *p)
{
	struct post *parent = p->parent;

	data_remove_post(d, p);
	if (parent)
		data_update_answered(parent);
	d->version++;
}

void data_delete_comment(struct data *d, struct comment *c)
{
	data_remove_comment(d, c);
	d->version++;
}

void data_vote(struct data *d, struct post *p, int64_t delta)
{
	p->score += delta;
	*(delta > 0 ? &p->up_votes : &p->down_votes) += delta > 0 ? delta : -delta;
	if (p->parent)
		data_update_answered(p->parent);
	d->version++;
}

void data_accept(struct data *d, struct post *question, struct post *answer)
{
	question->accepted_answer_id = answer ? answer->id : 0;
	data_update_answered(question);
	d->version++;
}
