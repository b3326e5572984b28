/* Changes, with all that follows from them: dates, counts, revisions, events, the data's version.
 * Dates follow what the public data dumps show: a new answer bumps its question, a comment does
 * not, a vote changes no date. All need data->lock. Texts are copied. */
#pragma once

#include "data.h"

struct post *data_add_question(struct data *d, struct user *by, const char *title, const char *body,
			       const char *tags, int64_t now_s);
struct post *data_add_answer(struct data *d, struct post *question, struct user *by,
			     const char *body, int64_t now_s);
struct post *data_add_article(struct data *d, struct user *by, const char *title, const char *body,
			      const char *tags, const char *type, int64_t now_s);
struct comment *data_add_comment(struct data *d, struct post *p, struct user *by, const char *body,
				 int64_t now_s);

/* NULL leaves a part as it is. bump: whether an answer's edit moves its question's activity. */
struct post_edit {
	const char *title;
	const char *body;
	const char *tags; /* joined with ';' */
	const char *comment;
	bool bump;
};
void data_edit_post(struct data *d, struct post *p, struct user *by, const struct post_edit *e,
		    int64_t now_s);
void data_edit_comment(struct data *d, struct comment *c, const char *body);
void data_delete_post(struct data *d, struct post *p);
void data_delete_comment(struct data *d, struct comment *c);
void data_vote(struct data *d, struct post *p, int64_t delta);
void data_accept(struct data *d, struct post *question, struct post *answer); /* NULL undoes */
