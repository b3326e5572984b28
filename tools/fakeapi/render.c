#include "render.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void writer_init(struct writer *w, struct buf *b, const struct filter *f)
{
	*w = (struct writer){ .b = b,
			      .f = f,
			      .first = true,
			      .html_times = f->is_unsafe ? 0 : 1,
			      .team = "acme",
			      .host = "https://stackoverflowteams.com" };
}

bool w_key(struct writer *w, enum field field)
{
	const char *key;
	size_t len;

	if (!filter_has(w->f, field))
		return false;
	if (!w->first)
		buf_addc(w->b, ',');
	w->first = false;
	key = field_json_key(field, &len);
	buf_add(w->b, key, len);
	return true;
}

void w_int(struct writer *w, enum field field, int64_t v)
{
	if (w_key(w, field))
		buf_add_int(w->b, v);
}

void w_date(struct writer *w, enum field field, int64_t v)
{
	if (v)
		w_int(w, field, v);
}

void w_bool(struct writer *w, enum field field, bool v)
{
	if (w_key(w, field))
		buf_adds(w->b, v ? "true" : "false");
}

void w_str(struct writer *w, enum field field, const char *s)
{
	if (s && w_key(w, field))
		buf_json_string(w->b, s, 0, w->escape);
}

void w_text(struct writer *w, enum field field, const char *s)
{
	if (s && w_key(w, field))
		buf_json_string(w->b, s, w->html_times, w->escape);
}

bool w_open(struct writer *w)
{
	bool state = w->first;

	buf_addc(w->b, '{');
	w->first = true;
	return state;
}

void w_close(struct writer *w, bool state)
{
	buf_addc(w->b, '}');
	w->first = state;
}

static void w_empty_list(struct writer *w, enum field field)
{
	if (w_key(w, field))
		buf_adds(w->b, "[]");
}

const char *post_kind_name(enum post_kind kind)
{
	static const char *const names[] = { "question", "answer", "article" };

	return names[kind];
}

/* The last part of a link is the title made harmless; lossy, as on the real service. */
static void add_slug(struct buf *b, const char *title)
{
	bool dash = false;
	size_t start = b->len;

	for (const char *s = title ? title : ""; *s && b->len - start < 80; s++) {
		if (isalnum((unsigned char)*s)) {
			if (dash && b->len > start)
				buf_addc(b, '-');
			dash = false;
			buf_addc(b, (char)tolower((unsigned char)*s));
		} else {
			dash = true;
		}
	}
}

char *post_link(const struct writer *w, const struct post *p)
{
	const struct post *q = p->parent ? p->parent : p;
	struct buf b = { 0 };

	if (p->link)
		return xstrdup(p->link);
	buf_addf(&b, "%s/c/%s/%s/%lld/", w->host, w->team,
		 p->kind == POST_ARTICLE ? "articles" : "questions", (long long)q->id);
	add_slug(&b, q->title);
	if (p->parent)
		buf_addf(&b, "/%lld#%lld", (long long)p->id, (long long)p->id);
	return buf_take(&b);
}

char *post_share_link(const struct writer *w, const struct post *p)
{
	return xasprintf("%s/c/%s/%s/%lld", w->host, w->team,
			 p->kind == POST_QUESTION ? "q"
			 : p->kind == POST_ANSWER ? "a"
						  : "articles",
			 (long long)p->id);
}

static void w_take_str(struct writer *w, enum field field, char *s)
{
	w_str(w, field, s);
	free(s);
}

static void w_link(struct writer *w, enum field field, const struct post *p)
{
	if (filter_has(w->f, field))
		w_take_str(w, field, post_link(w, p));
}

static void w_share_link(struct writer *w, enum field field, const struct post *p)
{
	if (filter_has(w->f, field))
		w_take_str(w, field, post_share_link(w, p));
}

/* Stored HTML is the same in safe and unsafe filters. */
void w_body(struct writer *w, enum field field, const char *html, const char *markdown)
{
	struct buf tmp = { 0 };

	if (!filter_has(w->f, field))
		return;
	if (!html) {
		markdown_to_html(&tmp, markdown);
		html = tmp.data ? tmp.data : "";
	}
	w_str(w, field, html);
	buf_free(&tmp);
}

void w_badges(struct writer *w, enum field field)
{
	bool state;

	if (!w_key(w, field))
		return;
	state = w_open(w);
	w_int(w, F_badge_count_bronze, 0);
	w_int(w, F_badge_count_silver, 0);
	w_int(w, F_badge_count_gold, 0);
	w_close(w, state);
}

void render_owner(struct writer *w, enum field field, const struct user *u)
{
	bool state;

	if (!u || !w_key(w, field))
		return;
	state = w_open(w);
	if (u->account_id)
		w_int(w, F_shallow_user_account_id, u->account_id);
	if (u->id) {
		w_int(w, F_shallow_user_reputation, u->reputation);
		w_int(w, F_shallow_user_user_id, u->id);
	}
	w_str(w, F_shallow_user_user_type, u->user_type);
	w_str(w, F_shallow_user_profile_image, u->profile_image);
	w_text(w, F_shallow_user_display_name, u->display_name);
	w_str(w, F_shallow_user_link, u->link);
	if (u->id && !w->keep_empty)
		w_badges(w, F_shallow_user_badge_counts);
	w_close(w, state);
}

void w_tags(struct writer *w, enum field field, const struct ptrs *tags)
{
	if (!w_key(w, field))
		return;
	buf_addc(w->b, '[');
	for (size_t i = 0; i < tags->n; i++) {
		if (i)
			buf_addc(w->b, ',');
		buf_json_string(w->b, ((struct tag *)tags->v[i])->name, 0, w->escape);
	}
	buf_addc(w->b, ']');
}

static size_t capped(const struct writer *w, size_t n)
{
	return w->nested_cap > 0 && n > (size_t)w->nested_cap ? (size_t)w->nested_cap : n;
}

/* Zero comments (answers): the key is absent, not [], as recorded. */
static void w_comments(struct writer *w, enum field field, const struct ptrs *comments)
{
	size_t n = capped(w, comments->n);

	if (!n && !w->keep_empty)
		return;
	if (!w_key(w, field))
		return;
	buf_addc(w->b, '[');
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_addc(w->b, ',');
		render_comment(w, comments->v[i]);
	}
	buf_addc(w->b, ']');
}

static void w_answers(struct writer *w, const struct ptrs *answers)
{
	size_t n = capped(w, answers->n);

	if (!n && !w->keep_empty)
		return;
	if (!w_key(w, F_question_answers))
		return;
	buf_addc(w->b, '[');
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_addc(w->b, ',');
		render_answer(w, answers->v[i]);
	}
	buf_addc(w->b, ']');
}

static void w_closed_details(struct writer *w, const struct post *p)
{
	bool state;

	if (!p->closed_date || !w_key(w, F_question_closed_details))
		return;
	state = w_open(w);
	w_bool(w, F_closed_details_on_hold, false);
	w_str(w, F_closed_details_reason, p->closed_reason ? p->closed_reason : "");
	w_str(w, F_closed_details_description, "<p>closed by the team</p>");
	w_empty_list(w, F_closed_details_by_users);
	w_close(w, state);
}

/* What the person may do is the same for everybody here: these flags depend on rights that the
 * double does not model. */
static void w_question_rights(struct writer *w, const struct post *p)
{
	w_bool(w, F_question_can_answer, !p->closed_date && !p->locked_date);
	w_bool(w, F_question_can_close, true);
	w_bool(w, F_question_can_comment, !p->locked_date);
	w_bool(w, F_question_can_edit, !p->locked_date);
	w_bool(w, F_question_can_flag, true);
	w_bool(w, F_question_can_suggest_edit, false);
	w_int(w, F_question_close_vote_count, 0);
	w_int(w, F_question_delete_vote_count, 0);
	w_int(w, F_question_reopen_vote_count, 0);
	w_bool(w, F_question_downvoted, false);
	w_bool(w, F_question_favorited, false);
	w_bool(w, F_question_upvoted, false);
}

void render_question(struct writer *w, const struct post *p)
{
	bool state = w_open(w);

	w_tags(w, F_question_tags, &p->tags);
	w_answers(w, &p->answers);
	w_comments(w, F_question_comments, &p->comments);
	render_owner(w, F_question_owner, p->owner);
	render_owner(w, F_question_last_editor, p->last_editor);
	w_bool(w, F_question_is_answered, p->is_answered);
	w_int(w, F_question_view_count, p->view_count);
	w_date(w, F_question_accepted_answer_id, p->accepted_answer_id);
	w_int(w, F_question_answer_count, (int64_t)p->answers.n);
	w_int(w, F_question_comment_count, (int64_t)p->comments.n);
	w_date(w, F_question_closed_date, p->closed_date);
	w_str(w, F_question_closed_reason, p->closed_date ? p->closed_reason : NULL);
	w_closed_details(w, p);
	w_date(w, F_question_community_owned_date, p->community_owned_date);
	w_date(w, F_question_locked_date, p->locked_date);
	w_date(w, F_question_protected_date, p->protected_date);
	w_date(w, F_question_bounty_amount, p->bounty_amount);
	w_date(w, F_question_bounty_closes_date, p->bounty_closes_date);
	w_int(w, F_question_score, p->score);
	w_int(w, F_question_up_vote_count, p->up_votes);
	w_int(w, F_question_down_vote_count, p->down_votes);
	if (p->favorite_count || !w->keep_empty)
		w_int(w, F_question_favorite_count, p->favorite_count);
	w_int(w, F_question_last_activity_date, p->last_activity_date);
	w_int(w, F_question_creation_date, p->creation_date);
	w_date(w, F_question_last_edit_date, p->last_edit_date);
	w_int(w, F_question_question_id, p->id);
	w_str(w, F_question_content_license, p->license);
	w_share_link(w, F_question_share_link, p);
	w_text(w, F_question_body_markdown, p->body_markdown);
	w_link(w, F_question_link, p);
	w_text(w, F_question_title, p->title);
	w_body(w, F_question_body, p->body, p->body_markdown);
	if (!w->keep_empty)
		w_question_rights(w, p);
	w_close(w, state);
}

void render_answer(struct writer *w, const struct post *p)
{
	bool is_accepted = p->parent && p->parent->accepted_answer_id == p->id;
	bool state = w_open(w);

	w_comments(w, F_answer_comments, &p->comments);
	render_owner(w, F_answer_owner, p->owner);
	render_owner(w, F_answer_last_editor, p->last_editor);
	w_bool(w, F_answer_is_accepted, is_accepted);
	w_int(w, F_answer_score, p->score);
	w_int(w, F_answer_up_vote_count, p->up_votes);
	w_int(w, F_answer_down_vote_count, p->down_votes);
	w_int(w, F_answer_comment_count, (int64_t)p->comments.n);
	w_date(w, F_answer_community_owned_date, p->community_owned_date);
	w_date(w, F_answer_locked_date, p->locked_date);
	w_int(w, F_answer_last_activity_date, p->last_activity_date);
	w_date(w, F_answer_last_edit_date, p->last_edit_date);
	w_int(w, F_answer_creation_date, p->creation_date);
	w_int(w, F_answer_answer_id, p->id);
	w_int(w, F_answer_question_id, p->parent ? p->parent->id : 0);
	w_str(w, F_answer_content_license, p->license);
	w_share_link(w, F_answer_share_link, p);
	w_text(w, F_answer_body_markdown, p->body_markdown);
	w_link(w, F_answer_link, p);
	w_text(w, F_answer_title, p->parent ? p->parent->title : NULL);
	w_body(w, F_answer_body, p->body, p->body_markdown);
	if (!w->keep_empty) {
		if (p->parent)
			w_tags(w, F_answer_tags, &p->parent->tags);
		w_bool(w, F_answer_accepted, false);
		w_bool(w, F_answer_can_comment, !p->locked_date);
		w_bool(w, F_answer_can_edit, !p->locked_date);
		w_bool(w, F_answer_can_flag, true);
		w_bool(w, F_answer_can_suggest_edit, false);
		w_bool(w, F_answer_downvoted, false);
		w_bool(w, F_answer_upvoted, false);
	}
	w_close(w, state);
}

void render_comment(struct writer *w, const struct comment *c)
{
	bool state = w_open(w);

	render_owner(w, F_comment_owner, c->owner);
	render_owner(w, F_comment_reply_to_user, c->reply_to);
	w_bool(w, F_comment_edited, c->edited);
	w_int(w, F_comment_score, c->score);
	w_str(w, F_comment_post_type, post_kind_name(c->post->kind));
	w_int(w, F_comment_creation_date, c->creation_date);
	w_int(w, F_comment_post_id, c->post->id);
	w_int(w, F_comment_comment_id, c->id);
	w_str(w, F_comment_content_license, c->license);
	w_text(w, F_comment_body_markdown, c->body_markdown);
	if (!w->keep_empty) {
		if (filter_has(w->f, F_comment_link)) {
			char *post = post_link(w, c->post);

			w_take_str(w, F_comment_link,
				   xasprintf("%.*s#comment%lld_%lld", (int)strcspn(post, "#"), post,
					     (long long)c->id, (long long)c->post->id));
			free(post);
		}
		if (filter_has(w->f, F_comment_body)) {
			struct buf html = { 0 };

			/* recorded: a fragment with &#39; and &quot;, in both kinds of filter */
			buf_html_encode(&html, c->body_markdown);
			w_take_str(w, F_comment_body, buf_take(&html));
		}
		w_bool(w, F_comment_can_flag, true);
		w_bool(w, F_comment_upvoted, false);
	}
	w_close(w, state);
}

void render_post(struct writer *w, const struct post *p)
{
	bool state = w_open(w);

	w_comments(w, F_post_comments, &p->comments);
	render_owner(w, F_post_owner, p->owner);
	render_owner(w, F_post_last_editor, p->last_editor);
	w_int(w, F_post_score, p->score);
	w_int(w, F_post_up_vote_count, p->up_votes);
	w_int(w, F_post_down_vote_count, p->down_votes);
	w_bool(w, F_post_upvoted, false);
	w_bool(w, F_post_downvoted, false);
	w_int(w, F_post_comment_count, (int64_t)p->comments.n);
	w_date(w, F_post_last_edit_date, p->last_edit_date);
	w_int(w, F_post_last_activity_date, p->last_activity_date);
	w_int(w, F_post_creation_date, p->creation_date);
	w_str(w, F_post_post_type, post_kind_name(p->kind));
	w_int(w, F_post_post_id, p->id);
	w_str(w, F_post_content_license, p->license);
	w_share_link(w, F_post_share_link, p);
	w_text(w, F_post_body_markdown, p->body_markdown);
	w_link(w, F_post_link, p);
	w_text(w, F_post_title, p->parent ? p->parent->title : p->title);
	w_body(w, F_post_body, p->body, p->body_markdown);
	w_close(w, state);
}

void render_article(struct writer *w, const struct post *p)
{
	bool state = w_open(w);

	w_tags(w, F_article_tags, &p->tags);
	w_comments(w, F_article_comments, &p->comments);
	render_owner(w, F_article_owner, p->owner);
	render_owner(w, F_article_last_editor, p->last_editor);
	w_int(w, F_article_view_count, p->view_count);
	w_int(w, F_article_score, p->score);
	w_int(w, F_article_comment_count, (int64_t)p->comments.n);
	w_int(w, F_article_last_activity_date, p->last_activity_date);
	w_int(w, F_article_creation_date, p->creation_date);
	w_date(w, F_article_last_edit_date, p->last_edit_date);
	w_int(w, F_article_article_id, p->id);
	w_str(w, F_article_article_type, p->article_type ? p->article_type : "knowledge-article");
	w_text(w, F_article_body_markdown, p->body_markdown);
	w_link(w, F_article_link, p);
	w_text(w, F_article_title, p->title);
	w_body(w, F_article_body, p->body, p->body_markdown);
	w_close(w, state);
}
