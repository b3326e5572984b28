/* The handlers of all methods. Each runs with data->lock held, after authentication, and either
 * fills res->items or fails. */
#pragma once

#include "query.h"

void route_questions(struct request *rq, struct result *res);
void route_questions_unanswered(struct request *rq, struct result *res);
void route_questions_no_answers(struct request *rq, struct result *res);
void route_questions_featured(struct request *rq, struct result *res);
void route_questions_by_ids(struct request *rq, struct result *res);
void route_question_answers(struct request *rq, struct result *res);
void route_question_linked(struct request *rq, struct result *res);
void route_question_related(struct request *rq, struct result *res);
void route_question_timeline(struct request *rq, struct result *res);
void route_post_comments(struct request *rq, struct result *res); /* of questions, answers, ... */
void route_answers(struct request *rq, struct result *res);       /* with or without ids */
void route_answer_questions(struct request *rq, struct result *res);
void route_comments(struct request *rq, struct result *res);
void route_posts(struct request *rq, struct result *res);
void route_post_revisions(struct request *rq, struct result *res);
void route_revisions(struct request *rq, struct result *res);
void route_articles(struct request *rq, struct result *res);

void route_tags(struct request *rq, struct result *res); /* also {tags}/info */
void route_tag_wikis(struct request *rq, struct result *res);
void route_tag_related(struct request *rq, struct result *res);
void route_tag_synonyms(struct request *rq, struct result *res);
void route_tag_faq(struct request *rq, struct result *res);

void route_search(struct request *rq, struct result *res);
void route_search_advanced(struct request *rq, struct result *res);
void route_search_excerpts(struct request *rq, struct result *res);
void route_similar(struct request *rq, struct result *res);

void route_users(struct request *rq, struct result *res); /* with or without ids */
void route_user_questions(struct request *rq, struct result *res);
void route_user_answers(struct request *rq, struct result *res);
void route_user_posts(struct request *rq, struct result *res);
void route_user_comments(struct request *rq, struct result *res);
void route_user_tags(struct request *rq, struct result *res);
void route_write_permissions(struct request *rq, struct result *res);

void route_info(struct request *rq, struct result *res);
void route_events(struct request *rq, struct result *res);
void route_errors(struct request *rq, struct result *res);
void route_error(struct request *rq, struct result *res);
void route_filter_create(struct request *rq, struct result *res);
void route_filters(struct request *rq, struct result *res);

/* Shared by the above. */
void render_as_question(struct writer *w, void *o, void *ctx);
void render_as_answer(struct writer *w, void *o, void *ctx);
void render_as_comment(struct writer *w, void *o, void *ctx);
void render_as_post(struct writer *w, void *o, void *ctx);

/* Adds the posts of a kind that the vector names. Ids without an object are simply absent. */
void posts_of_ids(const struct request *rq, enum post_kind kind, struct ptrs *list);

/* A list of tag names joined with ';'. */
struct tag_list {
	char names[32][80];
	int n;
};
void tag_list_parse(struct tag_list *t, const char *joined);
bool post_has_tag(const struct post *p, const char *name);
bool post_has_all_tags(const struct post *p, const struct tag_list *t);
bool post_has_any_tag(const struct post *p, const struct tag_list *t);
