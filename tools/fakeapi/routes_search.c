/* Searching. The service calls its algorithm undocumented; ours: every word of q must stand in the
 * title or text; "quoted words" are one; [tag], user:ID, score:N, is:question as on the web. */

#include "routes.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WORDS 16

struct search {
	char words[MAX_WORDS][128];
	int nr_words;
	struct tag_list tagged; /* OR */
	struct tag_list in_q;   /* [tags] of q: AND */
	struct tag_list nottagged;
	const char *title, *body, *url;
	int64_t user, min_score, min_answers, min_views;
	int accepted, closed, wiki, migrated, notice; /* -1 = does not matter */
	bool has_score, only_questions, only_answers;
};

static void add_word(struct search *s, const char *text, size_t n)
{
	char word[128];

	if (!n || n >= sizeof(word))
		return;
	memcpy(word, text, n);
	word[n] = '\0';
	if (strncmp(word, "user:", 5) == 0)
		s->user = atoll(word + 5);
	else if (strncmp(word, "score:", 6) == 0)
		s->min_score = atoll(word + 6), s->has_score = true;
	else if (strcmp(word, "is:question") == 0)
		s->only_questions = true;
	else if (strcmp(word, "is:answer") == 0)
		s->only_answers = true;
	else if (strcmp(word, "hasaccepted:yes") == 0)
		s->accepted = 1;
	else if (s->nr_words < MAX_WORDS)
		memcpy(s->words[s->nr_words++], word, n + 1);
}

static void parse_q(struct search *s, const char *q)
{
	while (*q) {
		size_t n;

		q += strspn(q, " \t\r\n");
		if (*q == '"') {
			n = strcspn(++q, "\"");
			add_word(s, q, n);
		} else if (*q == '[') {
			n = strcspn(++q, "]");
			if (n < 80 && s->in_q.n < (int)ARRAY_SIZE(s->in_q.names)) {
				memcpy(s->in_q.names[s->in_q.n], q, n);
				s->in_q.names[s->in_q.n++][n] = '\0';
			}
		} else {
			n = strcspn(q, " \t\r\n");
			add_word(s, q, n);
		}
		q += n;
		if (*q)
			q++;
	}
}

/* strcasestr() of glibc is several times slower on long texts. */
static bool contains(const char *text, const char *word)
{
	char first[3] = { (char)tolower((unsigned char)*word), (char)toupper((unsigned char)*word),
			  0 };
	size_t n = strlen(word);

	for (const char *s = text; (s = strpbrk(s, first)); s++)
		if (strncasecmp(s, word, n) == 0)
			return true;
	return n == 0;
}

static int flag(const struct request *rq, struct result *res, const char *name)
{
	const char *v = request_param(rq, name);

	if (!v || !*v)
		return -1;
	if (strcasecmp(v, "true") == 0)
		return 1;
	if (strcasecmp(v, "false") != 0)
		result_fail(res, 400, "%s", name);
	return 0;
}

static int64_t number(const struct request *rq, const char *name)
{
	const char *v = request_param(rq, name);

	return v ? atoll(v) : 0;
}

static void parse_search(struct search *s, const struct request *rq, struct result *res)
{
	*s = (struct search){ .accepted = -1 };
	s->accepted = flag(rq, res, "accepted");
	s->closed = flag(rq, res, "closed");
	s->wiki = flag(rq, res, "wiki");
	s->migrated = flag(rq, res, "migrated");
	s->notice = flag(rq, res, "notice");
	s->title = request_param(rq, "title");
	s->body = request_param(rq, "body");
	s->url = request_param(rq, "url");
	s->user = number(rq, "user");
	s->min_answers = number(rq, "answers");
	s->min_views = number(rq, "views");
	tag_list_parse(&s->tagged, request_param(rq, "tagged"));
	/* nottagged works only together with tagged */
	if (s->tagged.n)
		tag_list_parse(&s->nottagged, request_param(rq, "nottagged"));
	parse_q(s, request_param(rq, "q") ? request_param(rq, "q") : "");
}

/* How well a post fits: 0 = not at all; hits in the title weigh more. */
static int64_t fit(const struct search *s, const struct post *p)
{
	const struct post *q = p->parent ? p->parent : p;
	int64_t mark = 1;

	if (s->tagged.n && !post_has_any_tag(q, &s->tagged))
		return 0;
	if (post_has_any_tag(q, &s->nottagged) || !post_has_all_tags(q, &s->in_q))
		return 0;
	if (s->user && (!p->owner || p->owner->id != s->user))
		return 0;
	if (s->has_score && p->score < s->min_score)
		return 0;
	if (s->min_answers && (int64_t)q->answers.n < s->min_answers)
		return 0;
	if (s->min_views && q->view_count < s->min_views)
		return 0;
	if (s->accepted >= 0 && (q->accepted_answer_id != 0) != s->accepted)
		return 0;
	if (s->closed >= 0 && (q->closed_date != 0) != s->closed)
		return 0;
	if (s->wiki >= 0 && (p->community_owned_date != 0) != s->wiki)
		return 0;
	if (s->migrated == 1 || s->notice == 1)
		return 0;
	if (s->title && *s->title && !contains(q->title, s->title))
		return 0;
	if (s->body && *s->body && !contains(p->body_markdown, s->body))
		return 0;
	if (s->url && *s->url && !contains(p->body_markdown, s->url))
		return 0;
	for (int i = 0; i < s->nr_words; i++) {
		bool in_title = contains(q->title, s->words[i]);

		if (!in_title && !contains(p->body_markdown, s->words[i]))
			return 0;
		mark += in_title ? 10 : 1;
	}
	return mark * 1000 + p->score;
}

static bool is_empty(const struct request *rq)
{
	static const char *const any[] = { "q",      "title",    "body",  "accepted", "answers",
					   "closed", "wiki",     "url",   "user",     "views",
					   "tagged", "migrated", "notice" };

	for (size_t i = 0; i < ARRAY_SIZE(any); i++) {
		const char *v = request_param(rq, any[i]);

		if (v && *v)
			return false;
	}
	return true;
}

static void render_as_excerpt(struct writer *w, void *o, void *ctx)
{
	render_search_excerpt(w, o, ctx);
}

static void search_posts(struct request *rq, struct result *res, bool excerpts)
{
	struct ptrs list = { 0 };
	struct search s;
	struct query q;

	res->type = excerpts ? "search_excerpt" : "question";
	parse_search(&s, rq, res);
	if (!query_parse(&q, rq, res, FAMILY_SEARCH))
		return;
	if (is_empty(rq)) {
		result_fail(res, 400, "one of q, title, body, tagged, ... must be set");
		return;
	}
	for (int kind = POST_QUESTION; kind <= (excerpts ? POST_ANSWER : POST_QUESTION); kind++) {
		const struct ptrs *all = &rq->data->posts[kind];

		if ((kind == POST_QUESTION && s.only_answers) ||
		    (kind == POST_ANSWER && s.only_questions))
			continue;
		for (size_t i = 0; i < all->n; i++) {
			struct post *p = all->v[i];

			p->mark = fit(&s, p);
			if (p->mark > 0)
				ptrs_add(&list, p);
		}
	}
	query_emit(&q, rq, res, &list, OBJECT_POST, false,
		   excerpts ? render_as_excerpt : render_as_question,
		   s.nr_words ? s.words[0] : NULL);
}

void route_search_advanced(struct request *rq, struct result *res)
{
	search_posts(rq, res, false);
}

void route_search_excerpts(struct request *rq, struct result *res)
{
	search_posts(rq, res, true);
}

void route_search(struct request *rq, struct result *res)
{
	const char *intitle = request_param(rq, "intitle");
	const struct ptrs *all = &rq->data->posts[POST_QUESTION];
	struct tag_list tagged;
	struct tag_list nottagged = { .n = 0 };
	struct ptrs list = { 0 };
	struct query q;

	res->type = "question";
	if (!query_parse(&q, rq, res, FAMILY_SEARCH))
		return;
	tag_list_parse(&tagged, request_param(rq, "tagged"));
	if (tagged.n)
		tag_list_parse(&nottagged, request_param(rq, "nottagged"));
	if (!tagged.n && !(intitle && *intitle)) {
		result_fail(res, 400, "one of `tagged` or `intitle` must be set");
		return;
	}
	for (size_t i = 0; i < all->n; i++) {
		struct post *p = all->v[i];

		p->mark = p->score;
		if (tagged.n && !post_has_any_tag(p, &tagged))
			continue;
		if (post_has_any_tag(p, &nottagged))
			continue;
		if (!intitle || contains(p->title, intitle))
			ptrs_add(&list, p);
	}
	query_emit(&q, rq, res, &list, OBJECT_POST, false, render_as_question, NULL);
}

/* Similar: shares words of the title; tagged is a hint, nottagged excludes. */
void route_similar(struct request *rq, struct result *res)
{
	const char *title = request_param(rq, "title");
	const struct ptrs *all = &rq->data->posts[POST_QUESTION];
	struct tag_list tagged;
	struct tag_list nottagged;
	struct search words = { .nr_words = 0 };
	struct ptrs list = { 0 };
	struct query q;

	res->type = "question";
	if (!query_parse(&q, rq, res, FAMILY_SEARCH))
		return;
	if (!title || !*title) {
		result_fail(res, 400, "title");
		return;
	}
	tag_list_parse(&tagged, request_param(rq, "tagged"));
	tag_list_parse(&nottagged, request_param(rq, "nottagged"));
	parse_q(&words, title);
	for (size_t i = 0; i < all->n; i++) {
		struct post *p = all->v[i];

		p->mark = 0;
		for (int k = 0; k < words.nr_words; k++)
			if (strlen(words.words[k]) > 3 && contains(p->title, words.words[k]))
				p->mark++;
		if (!p->mark || post_has_any_tag(p, &nottagged))
			continue;
		p->mark = p->mark * 10 + post_has_any_tag(p, &tagged);
		ptrs_add(&list, p);
	}
	query_emit(&q, rq, res, &list, OBJECT_POST, false, render_as_question, NULL);
}
