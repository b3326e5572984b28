/* Plain data of a thread as the API gives it: a question, its answers, their comments.
 *
 * All strings are owned by the struct, UTF-8, NUL-terminated, entities already decoded; line ends are
 * as the server sent them. Times are Unix seconds UTC, 0 where the server said nothing. Ids are
 * positive, below 2^53 (the decoder refuses others), except user ids, where -1 is "Community". */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sofs/base/cleanup.h>

struct user {
	int64_t id; /* 0: the server gave none */
	char *name; /* NULL: the server gave none */
};

struct comment {
	int64_t id, post_id;
	int64_t created_s;
	int64_t score;
	bool is_edited;
	struct user owner;
	char *markdown; /* never NULL */
};

struct answer {
	int64_t id, question_id;
	int64_t created_s, activity_s, edited_s;
	int64_t score;
	bool is_accepted;
	struct user owner;
	char *markdown;           /* never NULL */
	char *link;               /* NULL: none */
	struct comment *comments; /* oldest first */
	size_t nr_comments;
};

struct question {
	int64_t id;
	int64_t created_s, activity_s, edited_s;
	int64_t score;
	int64_t accepted_answer_id; /* 0: none */
	struct user owner;
	char *title;    /* never NULL */
	char *markdown; /* never NULL */
	char *link;     /* NULL: none */
	char **tags;    /* nr_tags strings */
	size_t nr_tags;
	struct comment *comments; /* oldest first */
	size_t nr_comments;
	struct answer *answers; /* ascending id */
	size_t nr_answers;
	char *meta_json; /* the text of meta.json, made from all that the server said; never NULL */
};

struct tag {
	char *name;
	int64_t count; /* questions; -1: unknown */
};

void question_free(struct question *q); /* also half-built ones, and NULL */
static inline void question_freep(struct question **q)
{
	question_free(*q);
}
void tag_release(struct tag *t);
