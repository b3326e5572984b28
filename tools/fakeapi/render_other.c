/* Users, tags, revisions, search hits; and HTML from Markdown. */

#include "render.h"

#include <stdlib.h>
#include <string.h>

void render_user(struct writer *w, const struct user *u, int64_t questions, int64_t answers)
{
	bool state = w_open(w);

	w_badges(w, F_user_badge_counts);
	w_int(w, F_user_view_count, u->view_count);
	w_int(w, F_user_down_vote_count, u->down_votes);
	w_int(w, F_user_up_vote_count, u->up_votes);
	w_int(w, F_user_answer_count, answers);
	w_int(w, F_user_question_count, questions);
	if (u->account_id)
		w_int(w, F_user_account_id, u->account_id);
	w_bool(w, F_user_is_employee, false);
	w_int(w, F_user_last_modified_date, u->creation_date);
	w_int(w, F_user_last_access_date, u->creation_date);
	w_int(w, F_user_reputation_change_year, 0);
	w_int(w, F_user_reputation_change_quarter, 0);
	w_int(w, F_user_reputation_change_month, 0);
	w_int(w, F_user_reputation_change_week, 0);
	w_int(w, F_user_reputation_change_day, 0);
	w_int(w, F_user_reputation, u->reputation);
	w_int(w, F_user_creation_date, u->creation_date);
	w_str(w, F_user_user_type, u->user_type);
	w_int(w, F_user_user_id, u->id);
	w_str(w, F_user_link, u->link);
	w_str(w, F_user_profile_image, u->profile_image);
	w_text(w, F_user_display_name, u->display_name);
	w_close(w, state);
}

void render_tag(struct writer *w, const struct tag *t)
{
	bool state = w_open(w);

	w_bool(w, F_tag_has_synonyms, t->has_synonyms);
	w_bool(w, F_tag_is_moderator_only, t->is_moderator_only);
	w_bool(w, F_tag_is_required, t->is_required);
	w_int(w, F_tag_count, t->count);
	w_date(w, F_tag_last_activity_date, t->last_activity_date);
	w_str(w, F_tag_name, t->name);
	w_close(w, state);
}

void render_tag_wiki(struct writer *w, const struct tag *t)
{
	bool state = w_open(w);

	w_str(w, F_tag_wiki_tag_name, t->name);
	w_text(w, F_tag_wiki_excerpt, t->wiki_excerpt);
	w_body(w, F_tag_wiki_body, NULL, t->wiki_body ? t->wiki_body : "");
	w_close(w, state);
}

static void w_tag_list(struct writer *w, enum field field, const char *joined)
{
	if (!joined || !w_key(w, field))
		return;
	buf_addc(w->b, '[');
	for (const char *s = joined; *s;) {
		size_t n = strcspn(s, ";");
		char *name = xstrndup(s, n);

		if (s != joined)
			buf_addc(w->b, ',');
		buf_json_string(w->b, name, 0, w->escape);
		free(name);
		s += n + (s[n] == ';');
	}
	buf_addc(w->b, ']');
}

void render_revision(struct writer *w, const struct revision *r, const struct post *p)
{
	bool state = w_open(w);

	w_tag_list(w, F_revision_tags, r->tags);
	w_tag_list(w, F_revision_last_tags, r->last_tags);
	render_owner(w, F_revision_user, r->user);
	w_int(w, F_revision_creation_date, r->creation_date);
	w_bool(w, F_revision_is_rollback, r->is_rollback);
	w_str(w, F_revision_content_license, p->license);
	w_bool(w, F_revision_set_community_wiki, false);
	w_int(w, F_revision_post_id, p->id);
	w_str(w, F_revision_post_type, post_kind_name(p->kind));
	w_str(w, F_revision_revision_guid, r->guid);
	w_int(w, F_revision_revision_number, r->number);
	w_str(w, F_revision_revision_type, "single_user");
	w_text(w, F_revision_comment, r->comment ? r->comment : "");
	w_text(w, F_revision_title, r->title);
	w_text(w, F_revision_last_title, r->last_title);
	if (r->body_markdown)
		w_body(w, F_revision_body, NULL, r->body_markdown);
	if (r->last_body_markdown)
		w_body(w, F_revision_last_body, NULL, r->last_body_markdown);
	w_close(w, state);
}

/* The excerpt is HTML with the hit in a span, cut from around it. */
static void w_excerpt(struct writer *w, const struct post *p, const char *needle)
{
	const char *hit = needle && *needle ? strcasestr(p->body_markdown, needle) : NULL;
	const char *start = hit && hit - p->body_markdown > 60 ? hit - 60 : p->body_markdown;
	size_t n = strlen(start) < 200 ? strlen(start) : 200;
	struct buf html = { 0 };
	char *part;

	if (!filter_has(w->f, F_search_excerpt_excerpt))
		return;
	while (((unsigned char)*start & 0xc0) == 0x80)
		start++, n--;
	while (n && ((unsigned char)start[n] & 0xc0) == 0x80)
		n--;
	if (hit && hit >= start && (size_t)(hit - start) + strlen(needle) <= n) {
		size_t before = (size_t)(hit - start);

		part = xstrndup(start, before);
		buf_html_encode(&html, part);
		free(part);
		buf_adds(&html, "<span class=\"highlight\">");
		part = xstrndup(hit, strlen(needle));
		buf_html_encode(&html, part);
		free(part);
		buf_adds(&html, "</span>");
		start = hit + strlen(needle);
		n -= before + strlen(needle);
	}
	part = xstrndup(start, n);
	buf_html_encode(&html, part);
	free(part);
	w_str(w, F_search_excerpt_excerpt, html.data ? html.data : "");
	buf_free(&html);
}

void render_search_excerpt(struct writer *w, const struct post *p, const char *needle)
{
	const struct post *q = p->parent ? p->parent : p;
	bool state = w_open(w);

	w_tags(w, F_search_excerpt_tags, &q->tags);
	render_owner(w, F_search_excerpt_owner, p->owner);
	w_int(w, F_search_excerpt_question_score, q->score);
	if (p->kind == POST_ANSWER) {
		w_int(w, F_search_excerpt_answer_id, p->id);
		w_bool(w, F_search_excerpt_is_accepted, q->accepted_answer_id == p->id);
	} else {
		w_bool(w, F_search_excerpt_is_answered, q->is_answered);
		w_bool(w, F_search_excerpt_has_accepted_answer, q->accepted_answer_id != 0);
		w_int(w, F_search_excerpt_answer_count, (int64_t)q->answers.n);
	}
	w_int(w, F_search_excerpt_question_id, q->id);
	w_str(w, F_search_excerpt_item_type, post_kind_name(p->kind));
	w_int(w, F_search_excerpt_score, p->score);
	w_int(w, F_search_excerpt_last_activity_date, p->last_activity_date);
	w_int(w, F_search_excerpt_creation_date, p->creation_date);
	w_date(w, F_search_excerpt_closed_date, q->closed_date);
	w_date(w, F_search_excerpt_locked_date, q->locked_date);
	w_body(w, F_search_excerpt_body, p->body, p->body_markdown);
	w_excerpt(w, p, needle);
	w_text(w, F_search_excerpt_title, q->title);
	w_close(w, state);
}

/* Paragraphs at empty lines, code where lines start with four spaces or a tab. */
void markdown_to_html(struct buf *b, const char *s)
{
	enum { NONE, PARAGRAPH, CODE } in = NONE;

	while (*s) {
		size_t n = strcspn(s, "\r\n");
		bool code = strncmp(s, "    ", 4) == 0 || *s == '\t';
		char *line = xstrndup(s, n);

		s += n;
		if (*s == '\r' && s[1] == '\n')
			s++;
		if (*s)
			s++;
		if (n == 0 || (in == CODE && !code)) {
			buf_adds(b, in == PARAGRAPH ? "</p>\n"
				    : in == CODE    ? "</code></pre>\n"
						    : "");
			in = NONE;
		}
		if (n > 0) {
			if (in == NONE) {
				in = code ? CODE : PARAGRAPH;
				buf_adds(b, code ? "<pre><code>" : "<p>");
			}
			if (in == CODE) {
				struct buf enc = { 0 };

				buf_html_encode(&enc, line[0] == '\t' ? line + 1 : line + 4);
				buf_adds(b, enc.data ? enc.data : "");
				buf_free(&enc);
			} else {
				buf_adds(b, line);
			}
			buf_addc(b, '\n');
		}
		free(line);
	}
	buf_adds(b, in == PARAGRAPH ? "</p>\n" : in == CODE ? "</code></pre>\n" : "");
}
