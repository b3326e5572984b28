/* The table of methods. A segment in braces takes anything; whether it is an id is checked by the
 * caller. Fixed names stand before patterns that would take them as ids. */

#include "routes.h"

#include <string.h>

static const struct route routes[] = {
	{ "questions", route_questions, VECTOR_NONE, 0, 0 },
	{ "questions/unanswered", route_questions_unanswered, VECTOR_NONE, 0, 0 },
	{ "questions/no-answers", route_questions_no_answers, VECTOR_NONE, 0, 0 },
	{ "questions/featured", route_questions_featured, VECTOR_NONE, 0, 0 },
	{ "questions/{ids}", route_questions_by_ids, VECTOR_IDS, 100, 0 },
	{ "questions/{ids}/answers", route_question_answers, VECTOR_IDS, 100, 0 },
	{ "questions/{ids}/comments", route_post_comments, VECTOR_IDS, 100, 0 },
	{ "questions/{ids}/linked", route_question_linked, VECTOR_IDS, 100, 0 },
	{ "questions/{ids}/related", route_question_related, VECTOR_IDS, 100, 0 },
	{ "questions/{ids}/timeline", route_question_timeline, VECTOR_IDS, 100, 0 },
	{ "answers", route_answers, VECTOR_NONE, 0, 0 },
	{ "answers/{ids}", route_answers, VECTOR_IDS, 100, 0 },
	{ "answers/{ids}/questions", route_answer_questions, VECTOR_IDS, 100, 0 },
	{ "answers/{ids}/comments", route_post_comments, VECTOR_IDS, 100, 0 },
	{ "comments", route_comments, VECTOR_NONE, 0, 0 },
	{ "comments/{ids}", route_comments, VECTOR_IDS, 100, 0 },
	{ "posts", route_posts, VECTOR_NONE, 0, 0 },
	{ "posts/{ids}", route_posts, VECTOR_IDS, 100, 0 },
	{ "posts/{ids}/comments", route_post_comments, VECTOR_IDS, 100, 0 },
	{ "posts/{ids}/revisions", route_post_revisions, VECTOR_IDS, 100, 0 },
	{ "revisions/{guids}", route_revisions, VECTOR_WORDS, 100, 0 },
	{ "articles", route_articles, VECTOR_NONE, 0, 0 },
	{ "articles/{ids}", route_articles, VECTOR_IDS, 100, 0 },
	{ "articles/{ids}/comments", route_post_comments, VECTOR_IDS, 100, 0 },
	{ "tags", route_tags, VECTOR_NONE, 0, 0 },
	{ "tags/synonyms", route_tag_synonyms, VECTOR_NONE, 0, 0 },
	{ "tags/{tags}/info", route_tags, VECTOR_TAGS, 100, 0 },
	{ "tags/{tags}/wikis", route_tag_wikis, VECTOR_TAGS, 20, 0 },
	{ "tags/{tags}/related", route_tag_related, VECTOR_TAGS, 4, 0 },
	{ "tags/{tags}/synonyms", route_tag_synonyms, VECTOR_TAGS, 20, 0 },
	{ "tags/{tags}/faq", route_tag_faq, VECTOR_TAGS, 5, 0 },
	{ "search", route_search, VECTOR_NONE, 0, 0 },
	{ "search/advanced", route_search_advanced, VECTOR_NONE, 0, 0 },
	{ "search/excerpts", route_search_excerpts, VECTOR_NONE, 0, 0 },
	{ "similar", route_similar, VECTOR_NONE, 0, 0 },
	{ "users", route_users, VECTOR_NONE, 0, 0 },
	{ "users/{ids}", route_users, VECTOR_IDS, 100, 0 },
	{ "users/{ids}/questions", route_user_questions, VECTOR_IDS, 100, 0 },
	{ "users/{ids}/answers", route_user_answers, VECTOR_IDS, 100, 0 },
	{ "users/{ids}/posts", route_user_posts, VECTOR_IDS, 100, 0 },
	{ "users/{ids}/comments", route_user_comments, VECTOR_IDS, 100, 0 },
	{ "users/{ids}/tags", route_user_tags, VECTOR_IDS, 100, 0 },
	{ "users/{id}/write-permissions", route_write_permissions, VECTOR_ID, 1, ROUTE_TOKEN },
	{ "info", route_info, VECTOR_NONE, 0, 0 },
	{ "events", route_events, VECTOR_NONE, 0, ROUTE_USER },
	{ "errors", route_errors, VECTOR_NONE, 0, ROUTE_OPEN },
	{ "errors/{id}", route_error, VECTOR_ID, 1, ROUTE_OPEN },
	{ "filters/create", route_filter_create, VECTOR_NONE, 0, ROUTE_OPEN | ROUTE_POST },
	{ "filters/{filters}", route_filters, VECTOR_WORDS, 20, ROUTE_OPEN },
};

static bool match(const char *pattern, struct request *rq, char **vector)
{
	for (int i = 0; i < rq->nr_segments; i++) {
		size_t n = strcspn(pattern, "/");

		if (pattern[0] == '{')
			*vector = rq->segments[i];
		else if (strlen(rq->segments[i]) != n || memcmp(pattern, rq->segments[i], n) != 0)
			return false;
		pattern += n;
		if (*pattern == '/')
			pattern++;
		else if (i + 1 < rq->nr_segments)
			return false;
	}
	return *pattern == '\0';
}

const struct route *route_find(struct request *rq)
{
	if (strcmp(rq->segments[0], "me") == 0 && rq->nr_segments < MAX_SEGMENTS) {
		rq->is_me = true;
		memmove(&rq->segments[2], &rq->segments[1],
			(size_t)(rq->nr_segments - 1) * sizeof(*rq->segments));
		rq->segments[0] = request_keep(rq, xstrdup("users"));
		rq->segments[1] = request_keep(rq, xstrdup(""));
		rq->nr_segments++;
	}
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		char *vector = NULL;

		if (!match(routes[i].pattern, rq, &vector))
			continue;
		rq->vector = vector;
		return &routes[i];
	}
	return NULL;
}
