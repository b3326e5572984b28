#include "control.h"

#include "data_edit.h"
#include "render.h"

#include <stdlib.h>
#include <string.h>

struct op {
	struct data *d;
	const cJSON *json;
	int64_t now_s;
	struct user *by;
	cJSON *out;
};

static const char *text(const struct op *op, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(op->json, name));
}

static int64_t number(const struct op *op, const char *name, int64_t dflt)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(op->json, name);

	return cJSON_IsNumber(v) ? (int64_t)v->valuedouble : dflt;
}

/* Tags come as an array or as a string joined with ';'. NULL if absent; caller frees. */
static char *tags(const struct op *op)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(op->json, "tags");
	struct buf b = { 0 };
	const cJSON *tag;

	if (cJSON_IsString(v))
		return xstrdup(v->valuestring);
	if (!cJSON_IsArray(v))
		return NULL;
	cJSON_ArrayForEach(tag, v)
	{
		if (!cJSON_IsString(tag))
			continue;
		if (b.len)
			buf_addc(&b, ';');
		buf_adds(&b, tag->valuestring);
	}
	return buf_take(&b);
}

/* The object as an unsafe filter with all fields would show it. */
static void output_post(struct op *op, const struct post *p)
{
	struct filter f = { .is_unsafe = true };
	struct buf b = { 0 };
	struct writer w;

	filter_set_all(&f);
	writer_init(&w, &b, &f);
	if (p->kind == POST_QUESTION)
		render_question(&w, p);
	else if (p->kind == POST_ANSWER)
		render_answer(&w, p);
	else
		render_article(&w, p);
	cJSON_AddItemToObject(op->out, "object", cJSON_Parse(b.data));
	cJSON_AddNumberToObject(op->out, "id", (double)p->id);
	buf_free(&b);
}

static void output_comment(struct op *op, const struct comment *c)
{
	struct filter f = { .is_unsafe = true };
	struct buf b = { 0 };
	struct writer w;

	filter_set_all(&f);
	writer_init(&w, &b, &f);
	render_comment(&w, c);
	cJSON_AddItemToObject(op->out, "object", cJSON_Parse(b.data));
	cJSON_AddNumberToObject(op->out, "id", (double)c->id);
	buf_free(&b);
}

static struct post *post(const struct op *op, const char *name, enum post_kind kind)
{
	return data_post(op->d, number(op, name, 0), kind);
}

static struct comment *comment(const struct op *op)
{
	return idmap_get(&op->d->comments_by_id, number(op, "id", 0));
}

static const char *edit_post(struct op *op, enum post_kind kind)
{
	struct post *p = post(op, "id", kind);
	char *joined = tags(op);
	struct post_edit e = { .title = text(op, "title"),
			       .body = text(op, "body_markdown"),
			       .tags = joined,
			       .comment = text(op, "comment"),
			       .bump = !cJSON_IsFalse(
				       cJSON_GetObjectItemCaseSensitive(op->json, "bump")) };

	if (p) {
		data_edit_post(op->d, p, op->by, &e, op->now_s);
		output_post(op, p);
	}
	free(joined);
	return p ? NULL : "no such post";
}

static const char *op_edit_question(struct op *op)
{
	return edit_post(op, POST_QUESTION);
}

static const char *op_edit_answer(struct op *op)
{
	return edit_post(op, POST_ANSWER);
}

static const char *op_edit_article(struct op *op)
{
	return edit_post(op, POST_ARTICLE);
}

static const char *op_add_question(struct op *op)
{
	const char *title = text(op, "title");
	const char *body = text(op, "body_markdown");
	char *joined = tags(op);
	struct post *p =
		data_add_question(op->d, op->by, title ? title : "A new question",
				  body ? body : "A new text.", joined ? joined : "", op->now_s);

	output_post(op, p);
	free(joined);
	return NULL;
}

static const char *op_add_article(struct op *op)
{
	const char *title = text(op, "title");
	const char *body = text(op, "body_markdown");
	const char *type = text(op, "article_type");
	char *joined = tags(op);
	struct post *p = data_add_article(op->d, op->by, title ? title : "A new article",
					  body ? body : "A new text.", joined ? joined : "",
					  type ? type : "knowledge-article", op->now_s);

	output_post(op, p);
	free(joined);
	return NULL;
}

static const char *op_add_answer(struct op *op)
{
	struct post *q = post(op, "question_id", POST_QUESTION);
	const char *body = text(op, "body_markdown");

	if (!q)
		return "no such question_id";
	output_post(op,
		    data_add_answer(op->d, q, op->by, body ? body : "A new answer.", op->now_s));
	return NULL;
}

static const char *op_add_comment(struct op *op)
{
	struct post *p = post(op, "post_id", POST_KINDS);
	const char *body = text(op, "body_markdown");

	if (!p)
		return "no such post_id";
	output_comment(
		op, data_add_comment(op->d, p, op->by, body ? body : "A new comment.", op->now_s));
	return NULL;
}

static const char *op_edit_comment(struct op *op)
{
	struct comment *c = comment(op);

	if (!c)
		return "no such comment";
	data_edit_comment(op->d, c, text(op, "body_markdown") ? text(op, "body_markdown") : "");
	output_comment(op, c);
	return NULL;
}

static const char *op_delete_comment(struct op *op)
{
	struct comment *c = comment(op);

	if (!c)
		return "no such comment";
	cJSON_AddNumberToObject(op->out, "id", (double)c->id);
	data_delete_comment(op->d, c);
	return NULL;
}

static const char *delete_post(struct op *op, enum post_kind kind)
{
	struct post *p = post(op, "id", kind);

	if (!p)
		return "no such post";
	cJSON_AddNumberToObject(op->out, "id", (double)p->id);
	data_delete_post(op->d, p);
	return NULL;
}

static const char *op_delete_question(struct op *op)
{
	return delete_post(op, POST_QUESTION);
}

static const char *op_delete_answer(struct op *op)
{
	return delete_post(op, POST_ANSWER);
}

static const char *op_delete_article(struct op *op)
{
	return delete_post(op, POST_ARTICLE);
}

static const char *op_vote(struct op *op)
{
	struct post *p = post(op, "id", POST_KINDS);

	if (!p)
		return "no such post";
	data_vote(op->d, p, number(op, "delta", 1));
	output_post(op, p);
	return NULL;
}

static const char *op_accept(struct op *op)
{
	struct post *a = post(op, "id", POST_ANSWER);

	if (!a)
		return "no such answer";
	data_accept(op->d, a->parent,
		    cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(op->json, "undo")) ? NULL : a);
	output_post(op, a);
	return NULL;
}

static const char *op_add_tag(struct op *op)
{
	const char *name = text(op, "name");

	if (!name || !*name)
		return "no name";
	data_tag(op->d, name);
	op->d->version++;
	return NULL;
}

/* Sets numbers as they are, without any consequence: for states that changes do not lead to. */
static const char *op_set(struct op *op)
{
	static struct post none;
	struct post *found = post(op, "id", POST_KINDS);
	struct post *p = found ? found : &none;
	const char *reason = text(op, "closed_reason");
	const struct {
		const char *name;
		int64_t *value;
	} members[] = {
		{ "score", &p->score },
		{ "view_count", &p->view_count },
		{ "creation_date", &p->creation_date },
		{ "last_activity_date", &p->last_activity_date },
		{ "last_edit_date", &p->last_edit_date },
		{ "closed_date", &p->closed_date },
		{ "locked_date", &p->locked_date },
		{ "protected_date", &p->protected_date },
		{ "community_owned_date", &p->community_owned_date },
		{ "accepted_answer_id", &p->accepted_answer_id },
		{ "bounty_amount", &p->bounty_amount },
		{ "bounty_closes_date", &p->bounty_closes_date },
	};

	if (!found)
		return "no such post";
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		*members[i].value = number(op, members[i].name, *members[i].value);
	if (reason) {
		free(p->closed_reason);
		p->closed_reason = xstrdup(reason);
	}
	op->d->version++;
	output_post(op, p);
	return NULL;
}

/* Takes a post's owner or editor away, as a deleted account leaves it. */
static const char *op_delete_owner(struct op *op)
{
	struct post *p = post(op, "id", POST_KINDS);
	const char *name = text(op, "name");

	if (!p)
		return "no such post";
	p->owner = name ? data_user(op->d, 0, name) : NULL;
	op->d->version++;
	output_post(op, p);
	return NULL;
}

static void report(cJSON *list, const char *what, int64_t id, int64_t question_id)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "op", what);
	cJSON_AddNumberToObject(o, "id", (double)id);
	cJSON_AddNumberToObject(o, "question_id", (double)question_id);
	cJSON_AddItemToArray(list, o);
}

static void *pick(const struct ptrs *list, uint64_t *rng)
{
	return list->n ? list->v[prng_next(rng) % list->n] : NULL;
}

/* One change drawn by rng: mostly edits and additions, sometimes votes and deletions. */
static void random_change(struct op *op, uint64_t *rng, cJSON *list)
{
	struct data *d = op->d;
	struct user *by = pick(&d->users, rng);
	struct post *q = pick(&d->posts[POST_QUESTION], rng);
	struct post *a = pick(&d->posts[POST_ANSWER], rng);
	struct comment *c = pick(&d->comments, rng);
	uint64_t kind = prng_next(rng) % 16;
	char *body = xasprintf("Random text %llx.\r\n\r\nÄnderung & <b>more</b>.",
			       (unsigned long long)prng_next(rng));
	struct post_edit e = { .body = body, .bump = true };

	if (!q || kind == 0) {
		q = data_add_question(d, by, body, body,
				      d->tags.n ? ((struct tag *)d->tags.v[0])->name : "",
				      op->now_s);
		report(list, "add_question", q->id, q->id);
	} else if (kind <= 3) {
		data_edit_post(d, q, by, &e, op->now_s);
		report(list, "edit_question", q->id, q->id);
	} else if (kind <= 5) {
		a = data_add_answer(d, q, by, body, op->now_s);
		report(list, "add_answer", a->id, q->id);
	} else if (kind <= 8) {
		c = data_add_comment(d, kind == 6 && a ? a : q, by, body, op->now_s);
		report(list, "add_comment", c->id,
		       c->post->parent ? c->post->parent->id : c->post->id);
	} else if (kind == 9 && c) {
		data_edit_comment(d, c, body);
		report(list, "edit_comment", c->id,
		       c->post->parent ? c->post->parent->id : c->post->id);
	} else if (kind == 10 && c) {
		report(list, "delete_comment", c->id,
		       c->post->parent ? c->post->parent->id : c->post->id);
		data_delete_comment(d, c);
	} else if (kind == 11) {
		report(list, "delete_question", q->id, q->id);
		data_delete_post(d, q);
	} else if (a && kind == 12) {
		report(list, "delete_answer", a->id, a->parent->id);
		data_delete_post(d, a);
	} else if (a && kind <= 14) {
		e.bump = kind == 13;
		data_edit_post(d, a, by, &e, op->now_s);
		report(list, "edit_answer", a->id, a->parent->id);
	} else {
		data_vote(d, q, 1);
		report(list, "vote", q->id, q->id);
	}
	free(body);
}

static const char *op_random(struct op *op)
{
	uint64_t rng = (uint64_t)number(op, "seed", 1);
	int64_t n = number(op, "n", 1);
	cJSON *list = cJSON_AddArrayToObject(op->out, "changes");

	if (n < 0 || n > 100000)
		return "n out of range";
	for (int64_t i = 0; i < n; i++)
		random_change(op, &rng, list);
	return NULL;
}

static const struct {
	const char *name;
	const char *(*run)(struct op *op);
} ops[] = {
	{ "add_question", op_add_question },
	{ "edit_question", op_edit_question },
	{ "delete_question", op_delete_question },
	{ "add_answer", op_add_answer },
	{ "edit_answer", op_edit_answer },
	{ "delete_answer", op_delete_answer },
	{ "add_article", op_add_article },
	{ "edit_article", op_edit_article },
	{ "delete_article", op_delete_article },
	{ "add_comment", op_add_comment },
	{ "edit_comment", op_edit_comment },
	{ "delete_comment", op_delete_comment },
	{ "vote", op_vote },
	{ "accept", op_accept },
	{ "add_tag", op_add_tag },
	{ "set", op_set },
	{ "delete_owner", op_delete_owner },
	{ "random", op_random },
};

static const char *run_one(struct op *op, int64_t default_user)
{
	const char *name = text(op, "op");

	op->by = data_user(op->d, number(op, "user", default_user), NULL);
	op->now_s = number(op, "date", op->now_s);
	for (size_t i = 0; name && i < ARRAY_SIZE(ops); i++)
		if (strcmp(name, ops[i].name) == 0)
			return ops[i].run(op);
	return "unknown op";
}

const char *control_data(struct data *d, const cJSON *json, int64_t now_s, int64_t default_user,
			 cJSON *out)
{
	struct op op = { .d = d, .json = json, .now_s = now_s, .out = out };
	const char *wrong = NULL;
	cJSON *results;

	pthread_mutex_lock(&d->lock);
	if (!default_user)
		default_user = data_nth_asker(d, 2);
	if (cJSON_IsArray(json)) {
		results = cJSON_AddArrayToObject(out, "results");
		cJSON_ArrayForEach(op.json, json)
		{
			op.out = cJSON_CreateObject();
			cJSON_AddItemToArray(results, op.out);
			op.now_s = now_s;
			if (!wrong)
				wrong = run_one(&op, default_user);
		}
	} else {
		wrong = run_one(&op, default_user);
	}
	pthread_mutex_unlock(&d->lock);
	return wrong;
}

static const char question_fields[] =
	"question.question_id;question.title;question.tags;question.link;question.view_count;"
	"question.owner;question.last_editor;question.score;question.creation_date;"
	"question.last_activity_date;question.last_edit_date;question.content_license;question."
	"body;"
	"question.body_markdown;question.comment_count;question.comments;question.accepted_answer_"
	"id;"
	"question.is_answered;question.answer_count;question.answers;question.favorite_count;"
	"question.protected_date;question.closed_date;question.closed_reason;question.locked_date;"
	"question.community_owned_date;answer.answer_id;answer.question_id;answer.is_accepted;"
	"answer.link;answer.title;answer.owner;answer.last_editor;answer.score;answer.creation_"
	"date;"
	"answer.last_activity_date;answer.last_edit_date;answer.content_license;answer.body;"
	"answer.body_markdown;answer.comment_count;answer.comments;answer.community_owned_date;"
	"comment.comment_id;comment.post_id;comment.post_type;comment.score;comment.creation_date;"
	"comment.edited;comment.body_markdown;comment.content_license;comment.owner;"
	"comment.reply_to_user;shallow_user.account_id;shallow_user.reputation;shallow_user.user_"
	"id;"
	"shallow_user.user_type;shallow_user.profile_image;shallow_user.display_name;shallow_user."
	"link;"
	"article.article_id;article.article_type;article.body;article.body_markdown;"
	"article.comment_count;article.comments;article.creation_date;article.last_activity_date;"
	"article.last_edit_date;article.last_editor;article.link;article.owner;article.score;"
	"article.tags;article.title;article.view_count";

bool control_dump(struct data *d, const char *what, struct buf *out)
{
	struct filter f = { .is_unsafe = true };
	struct writer w;

	filter_change(&f, question_fields, true);
	filter_change(&f,
		      "tag.count;tag.has_synonyms;tag.is_moderator_only;tag.is_required;tag.name;"
		      "user.user_id;user.account_id;user.display_name;user.reputation;"
		      "user.creation_date;user.user_type;user.view_count;user.up_vote_count;"
		      "user.down_vote_count;user.link;user.profile_image",
		      true);
	pthread_mutex_lock(&d->lock);
	data_refresh_tags(d);
	const struct ptrs *list = strcmp(what, "questions") == 0  ? &d->posts[POST_QUESTION]
				  : strcmp(what, "articles") == 0 ? &d->posts[POST_ARTICLE]
				  : strcmp(what, "tags") == 0     ? &d->tags
				  : strcmp(what, "users") == 0    ? &d->users
								  : NULL;

	for (size_t i = 0; list && i < list->n; i++) {
		writer_init(&w, out, &f);
		w.keep_empty = true;
		w.team = d->team;
		if (list == &d->posts[POST_QUESTION])
			render_question(&w, list->v[i]);
		else if (list == &d->posts[POST_ARTICLE])
			render_article(&w, list->v[i]);
		else if (list == &d->tags)
			render_tag(&w, list->v[i]);
		else
			render_user(&w, list->v[i], 0, 0);
		buf_addc(out, '\n');
	}
	pthread_mutex_unlock(&d->lock);
	return list != NULL;
}
