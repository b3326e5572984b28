/* A made-up team of any size, the same on every machine: question i depends on i alone.
 *
 * Ids are 10 * i + 1 for a question and the numbers after it for its answers (questions and
 * answers share one number space), comments count on their own. Three questions share each
 * second of creation; in teams of 1000 or more, the 150 questions from index 500 share a single
 * one, which is more than a page (bulk imports do that). What can be grepped for is listed in README.md
 * and made by add_needles(). */

#include "data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NR_TAGS           300
#define NR_USERS          500
#define FIRST_DATE        1262304000 /* 2010-01-01 */
#define SAME_SECOND_FIRST 500
#define SAME_SECOND_N     150

static const char *const words[] = {
	"the",       "a",        "server",  "client",     "request", "key",    "token",
	"deploy",    "pipeline", "cluster", "with",       "without", "after",  "before",
	"when",      "rotate",   "sign",    "build",      "test",    "queue",  "message",
	"index",     "query",    "slow",    "fast",       "fails",   "works",  "returns",
	"expects",   "value",    "config",  "option",     "secret",  "vault",  "log",
	"metric",    "alert",    "team",    "service",    "worker",  "thread", "lock",
	"cache",     "page",     "disk",    "memory",     "kernel",  "file",   "directory",
	"mount",     "user",     "group",   "permission", "is",      "was",    "should",
	"must",      "can",      "cannot",  "and",        "or",      "but",    "because",
	"therefore", "version",  "upgrade", "rollback",   "branch",  "merge",  "review",
};

static const char *const odd_tags[] = {
	"c#", "c++", ".net", "node.js", "f#", "asp.net-core", "größe", "日本語", "security", "jwt",
};

static const char *const title_starts[] = {
	"How do I",      "Why does it fail to", "What is the best way to",
	"Is it safe to", "When should we",      "Can't",
	"Where can I",
};

struct text {
	struct buf b;
	uint64_t rng;
	int eol; /* 0 = CRLF, 1 = LF, 2 = mixed */
};

static void newline(struct text *t)
{
	bool crlf = t->eol == 0 || (t->eol == 2 && prng_next(&t->rng) % 2);

	buf_adds(&t->b, crlf ? "\r\n" : "\n");
}

static void sentence(struct text *t)
{
	size_t start = t->b.len;
	uint64_t r = prng_next(&t->rng);
	int n = 6 + (int)(r % 9);

	for (int i = 0; i < n; i++) {
		if (i)
			buf_addc(&t->b, ' ');
		if (i % 6 == 5)
			r = prng_next(&t->rng);
		r >>= 8;
		buf_adds(&t->b, words[(r & 0xffff) % ARRAY_SIZE(words)]);
	}
	t->b.data[start] = (char)(t->b.data[start] & ~0x20);
	buf_adds(&t->b, ". ");
}

static void code_block(struct text *t)
{
	static const char *const lines[] = {
		"    #include <stdio.h>",
		"    for (int i = 0; i < n && !done; i++)",
		"    \tprintf(\"%s: %d\\n\", name[i], \"it's\");",
		"    }",
	};

	newline(t);
	newline(t);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		buf_adds(&t->b, lines[i]);
		newline(t);
	}
	newline(t);
}

/* size_bytes is a lower bound; the text ends with the sentence that passes it. */
static void prose(struct text *t, size_t size_bytes, bool code, bool foreign)
{
	size_t end = t->b.len + size_bytes;
	int n = 0;

	if (foreign)
		buf_adds(&t->b, "Größenänderung – “naïve” café, 日本語, 😀 & it's <b>so</b>. ");
	while (t->b.len < end) {
		sentence(t);
		n++;
		if (code && n == 4)
			code_block(t);
		else if (n % 5 == 0) {
			newline(t);
			newline(t);
		}
	}
	while (t->b.len && strchr(" \r\n", t->b.data[t->b.len - 1]))
		t->b.len--;
	t->b.data[t->b.len] = '\0';
}

static struct user *pick_user(struct data *d, uint64_t r)
{
	if (r % 101 == 0)
		return data_user(d, 0, "user31337");
	return data_user(d, 1 + (int64_t)(r % NR_USERS), NULL);
}

static void make_users(struct data *d)
{
	static const char *const names[] = { "Ada Moreau", "Jörg Ö.", "Mat's Mug", "李雷",
					     "😀 Smile",    "a<b>c",   "O\"Neil",   "Plain Name" };

	for (int64_t i = 1; i <= NR_USERS; i++) {
		char *name =
			xasprintf("%s %lld", names[i % (int64_t)ARRAY_SIZE(names)], (long long)i);
		struct user *u = data_user(d, i, name);

		free(name);
		u->account_id = 100000 + i;
		u->reputation = 1 + i * 37 % 9001;
		u->creation_date = FIRST_DATE - i * 1000;
		u->link = xasprintf("https://stackoverflowteams.com/c/%s/users/%lld", d->team,
				    (long long)i);
	}
}

static void make_tags(struct data *d)
{
	for (size_t i = 0; i < NR_TAGS; i++) {
		char *name = i < ARRAY_SIZE(odd_tags) ? xstrdup(odd_tags[i])
						      : xasprintf("topic-%03zu", i);
		struct tag *t = data_tag(d, name);

		if (i % 3 == 0)
			t->wiki_excerpt = xasprintf("Questions about %s & friends", name);
		if (i % 6 == 0)
			t->wiki_body = xasprintf("All about **%s**.", name);
		free(name);
	}
}

static void pick_tags(struct data *d, struct post *q, int64_t index, uint64_t *rng)
{
	size_t n = 1 + (size_t)(index % 5);

	for (size_t i = 0; i < n; i++) {
		/* the smaller of two draws: early tags are common, late ones rare */
		size_t a = prng_next(rng) % NR_TAGS;
		size_t b = prng_next(rng) % NR_TAGS;
		struct tag *t = d->tags.v[a < b ? a : b];
		bool known = false;

		for (size_t k = 0; k < q->tags.n; k++)
			known = known || q->tags.v[k] == t;
		if (!known)
			ptrs_add(&q->tags, t);
	}
}

static void make_comment(struct data *d, struct post *p, int64_t date, uint64_t *rng,
			 const char *needle)
{
	struct comment *c = xcalloc(1, sizeof(*c));
	struct text t = { .rng = prng_next(rng) };

	sentence(&t);
	if (t.rng % 3 == 0)
		sentence(&t);
	buf_adds(&t.b, needle);
	c->id = d->max_comment_id + 1;
	c->post = p;
	c->owner = pick_user(d, t.rng >> 8);
	c->score = (int64_t)(t.rng % 4);
	c->creation_date = date;
	c->edited = t.rng % 11 == 0;
	c->body_markdown = buf_take(&t.b);
	c->license = p->license;
	data_insert_comment(d, c);
}

static struct post *make_post(struct data *d, enum post_kind kind, int64_t id, int64_t date,
			      uint64_t *rng)
{
	struct post *p = xcalloc(1, sizeof(*p));
	uint64_t r = prng_next(rng);

	p->kind = kind;
	p->id = id;
	p->license = data_intern(d, "CC BY-SA 4.0");
	p->owner = pick_user(d, r);
	p->creation_date = date;
	p->last_activity_date = date;
	p->score = (int64_t)(r >> 16) % 12 - 3;
	if (r % 53 == 0)
		p->score += 40;
	return p;
}

static void make_answer(struct data *d, struct post *q, int64_t index, int k, uint64_t *rng)
{
	int64_t date = q->creation_date + 600 * (k + 1);
	struct post *a = make_post(d, POST_ANSWER, q->id + 1 + k, date, rng);
	struct text t = { .rng = prng_next(rng), .eol = index % 10 == 9 ? 1 : 0 };

	prose(&t, 400 + prng_next(rng) % 1600, (index + k) % 4 == 0, (index + k) % 7 == 0);
	if (k == 0 && index % 500 == 0)
		buf_adds(&t.b, " NEEDLE500A");
	a->parent = q;
	a->body_markdown = buf_take(&t.b);
	if ((index + k) % 8 == 0) {
		a->last_edit_date = a->last_activity_date = date + 200;
		a->last_editor = pick_user(d, t.rng);
	}
	if (a->last_activity_date > q->last_activity_date)
		q->last_activity_date = a->last_activity_date;
	if (k == 0 && index % 3 == 0)
		q->accepted_answer_id = a->id;
	data_insert_post(d, a);
	if ((index + k) % 6 == 0)
		make_comment(d, a, date + 60, rng, "");
}

static char *make_title(int64_t index, uint64_t *rng)
{
	struct text t = { .rng = prng_next(rng) };

	buf_adds(&t.b, title_starts[index % (int64_t)ARRAY_SIZE(title_starts)]);
	for (int i = 0; i < 4; i++)
		buf_addf(&t.b, " %s", words[prng_next(&t.rng) % ARRAY_SIZE(words)]);
	if (index % 20 == 3)
		buf_adds(&t.b, " \"in/out\" <ü>");
	if (index % 1000 == 0)
		buf_adds(&t.b, " NEEDLE1000T");
	buf_addf(&t.b, " (%lld)?", (long long)index);
	return buf_take(&t.b);
}

static void add_needles(struct text *t, int64_t index)
{
	if (index % 97 == 0)
		buf_adds(&t->b, " NEEDLE97");
	if (index % 250 == 0)
		buf_adds(&t->b, " NÄDEL250");
	if (index % 50 == 0)
		buf_adds(&t->b, " Write &lt;b&gt; as &amp;lt;b&amp;gt;.");
	if (index > 10 && index % 40 == 0)
		buf_addf(&t->b, " See /questions/%lld.", (long long)(index - 10) * 10 + 1);
	if (index % 7 == 0)
		newline(t);
}

static void make_question(struct data *d, int64_t index, int64_t total)
{
	static const int nr_answers[10] = { 2, 3, 1, 2, 2, 2, 3, 0, 4, 1 };
	uint64_t rng = (uint64_t)index * 7919 + 17;
	int64_t slot = index;
	struct text t = { .eol = index % 100 == 99 ? 2 : index % 10 >= 8 ? 1 : 0 };
	struct post *q;

	if (total >= 1000 && index >= SAME_SECOND_FIRST &&
	    index < SAME_SECOND_FIRST + SAME_SECOND_N)
		slot = SAME_SECOND_FIRST;
	q = make_post(d, POST_QUESTION, 10 * index + 1, FIRST_DATE + slot / 3 * 7200, &rng);
	t.rng = prng_next(&rng);
	prose(&t, 500 + prng_next(&rng) % 2000, index % 3 == 0, index % 5 == 0);
	add_needles(&t, index);
	q->title = make_title(index, &rng);
	q->body_markdown = buf_take(&t.b);
	q->view_count = (int64_t)(t.rng % 5000);
	if (index % 9 == 0) {
		q->last_edit_date = q->last_activity_date = q->creation_date + 300;
		q->last_editor = pick_user(d, t.rng);
	}
	if (index % 61 == 0) {
		q->closed_date = q->creation_date + 900;
		q->closed_reason = xstrdup("Duplicate");
	}
	pick_tags(d, q, index, &rng);
	data_insert_post(d, q);
	for (int k = 0; k < nr_answers[index % 10]; k++)
		make_answer(d, q, index, k, &rng);
	if (index % 4 == 0)
		for (int64_t k = 0; k <= index % 3; k++)
			make_comment(d, q, q->creation_date + 30 * (k + 1), &rng,
				     k == 0 && index % 400 == 0 ? "NEEDLE400C" : "");
	data_update_answered(q);
}

void synth_questions(struct data *d, int64_t n)
{
	make_users(d);
	data_user(d, COMMUNITY_USER, "Community");
	make_tags(d);
	for (int64_t i = 0; i < n; i++)
		make_question(d, i, n);
}

void synth_articles(struct data *d, int n)
{
	static const char *const types[] = { "knowledge-article", "how-to-guide", "announcement",
					     "policy" };
	int64_t first = (d->max_post_id / 1000 + 1) * 1000;
	int64_t date = FIRST_DATE;

	for (size_t i = 0; i < d->posts[POST_QUESTION].n; i++) {
		const struct post *q = d->posts[POST_QUESTION].v[i];

		if (q->creation_date > date)
			date = q->creation_date;
	}
	for (int i = 0; i < n; i++) {
		uint64_t rng = (uint64_t)i + 4711;
		struct text t = { .rng = (uint64_t)i };
		struct post *p =
			make_post(d, POST_ARTICLE, first + i, date + 86400 * (i + 1), &rng);

		if (d->users.n)
			p->owner = d->users.v[(size_t)i % d->users.n];
		prose(&t, 1500, i % 2, i % 3 == 0);
		p->body_markdown = buf_take(&t.b);
		p->title = xasprintf("Handbook, chapter %d", i + 1);
		p->article_type = types[i % 4];
		p->view_count = 10 * i;
		for (size_t k = 0; k < 2 && k < d->tags.n; k++)
			ptrs_add(&p->tags, d->tags.v[k]);
		data_insert_post(d, p);
		if (i % 2 == 0)
			make_comment(d, p, p->creation_date + 60, &rng, "");
	}
}
