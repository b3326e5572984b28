/* Objects as JSON, with only the fields that the filter names. */
#pragma once

#include "data.h"
#include "filter.h"

struct writer {
	struct buf *b;
	const struct filter *f;
	bool first;     /* no member yet in the object being written */
	int html_times; /* how often texts are entity-encoded: 0 in unsafe filters */
	enum json_escape escape;
	int nested_cap;  /* nested answers and comments beyond this many are left out; 0 = all */
	bool keep_empty; /* write empty lists as [], as the corpus does and the API does not */
	const char *team;
	const char *host; /* of links we make up */
};

void writer_init(struct writer *w, struct buf *b, const struct filter *f);

/* Members. Each does nothing unless the filter has the field. */
bool w_key(struct writer *w, enum field field);
void w_int(struct writer *w, enum field field, int64_t v);
void w_date(struct writer *w, enum field field, int64_t v); /* 0 = absent */
void w_bool(struct writer *w, enum field field, bool v);
void w_str(struct writer *w, enum field field, const char *s);  /* NULL = absent; never encoded */
void w_text(struct writer *w, enum field field, const char *s); /* encoded by safe filters */
void w_body(struct writer *w, enum field field, const char *html, const char *markdown);
void w_tags(struct writer *w, enum field field, const struct ptrs *tags);
void w_badges(struct writer *w, enum field field);
bool w_open(struct writer *w); /* '{'; returns the old state for w_close() */
void w_close(struct writer *w, bool state);

void render_question(struct writer *w, const struct post *p);
void render_answer(struct writer *w, const struct post *p);
void render_article(struct writer *w, const struct post *p);
void render_post(struct writer *w, const struct post *p); /* as type "post", whatever it is */
void render_comment(struct writer *w, const struct comment *c);
void render_user(struct writer *w, const struct user *u, int64_t questions, int64_t answers);
void render_tag(struct writer *w, const struct tag *t);
void render_tag_wiki(struct writer *w, const struct tag *t);
void render_revision(struct writer *w, const struct revision *r, const struct post *p);
void render_search_excerpt(struct writer *w, const struct post *p, const char *needle);
void render_owner(struct writer *w, enum field field, const struct user *u);

const char *post_kind_name(enum post_kind kind);
char *post_link(const struct writer *w, const struct post *p);       /* caller frees */
char *post_share_link(const struct writer *w, const struct post *p); /* caller frees */
