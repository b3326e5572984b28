/* Items to the model.
 *
 * The tree that cJSON makes of an item is first cleaned (entities, UTF-8), then its lists are sorted and
 * freed of duplicates, so that the model and meta.json, which is printed from the same tree, agree. Texts
 * are not copied: the model takes them out of the tree.
 *
 * Nothing about an item is trusted: ids and types are checked here, once, and an item that fails is
 * refused as a whole, but a broken answer or comment is left out of its list alone.
 *
 * Entities, UTF-8 and JSON strings come from room `text`, which is on the same floor: there should be one
 * decoder of each, and the text room knows nothing of this one, so the order stays acyclic. */
#include <sofs/api.h>

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <sofs/base/log.h>
#include <sofs/base/map.h>
#include <sofs/text.h>

#include "meta.h"

#define MAX_ID     ((int64_t)1 << 53)
#define MAX_TIME_S 253402300799 /* the end of year 9999 */
#define MAX_TAGS   64           /* of one question; the service allows 5 */

/* ---- Cleaning ----------------------------------------------------------------------------------- */

static bool is_ascii(const char *s, size_t len)
{
	size_t i = 0;

	for (; i + 8 <= len; i += 8) {
		uint64_t w;

		memcpy(&w, s + i, 8);
		if (w & 0x8080808080808080)
			return false;
	}
	for (; i < len; i++)
		if (s[i] & 0x80)
			return false;
	return true;
}

/* Replaces *s, which cJSON allocated, if it is not UTF-8. */
static int clean_string(char **s, bool is_encoded, struct strbuf *scratch)
{
	size_t len;
	char *copy;

	if (is_encoded)
		text_decode_entities(*s);
	len = strlen(*s);
	if (is_ascii(*s, len))
		return 0;
	strbuf_reset(scratch);
	text_add_clean_utf8(scratch, *s, len);
	if (strbuf_failed(scratch))
		return -ENOMEM;
	if (scratch->len == len && memcmp(scratch->buf, *s, len) == 0)
		return 0;
	copy = cJSON_malloc(scratch->len + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, scratch->buf, scratch->len + 1);
	cJSON_free(*s);
	*s = copy;
	return 0;
}

static int clean_tree(cJSON *node, bool is_encoded, struct strbuf *scratch)
{
	cJSON *child;
	int r = 0;

	if (cJSON_IsString(node) && node->valuestring)
		r = clean_string(&node->valuestring, is_encoded, scratch);
	if (r == 0 && node->string)
		r = clean_string(&node->string, false, scratch);
	cJSON_ArrayForEach(child, node)
	{
		if (r == 0)
			r = clean_tree(child, is_encoded, scratch);
	}
	return r;
}

/* ---- Fields ------------------------------------------------------------------------------------- */

enum type {
	TYPE_ID,   /* 1 .. 2^53 */
	TYPE_INT,  /* -2^53 .. 2^53 */
	TYPE_TIME, /* 0 if it makes no sense */
	TYPE_BOOL,
	TYPE_TEXT, /* taken out of the tree: only for what meta.json leaves out */
	TYPE_COPY, /* a string */
	TYPE_USER
};

struct field {
	const char *name;
	enum type type;
	size_t offset;
};

static bool to_int(const cJSON *n, int64_t *ret)
{
	double d;
	char *end;

	if (cJSON_IsNumber(n)) {
		d = n->valuedouble;
	} else if (cJSON_IsString(n) && n->valuestring && *n->valuestring) {
		d = strtod(n->valuestring, &end);
		if (*end)
			return false;
	} else {
		return false;
	}
	if (!(d >= (double)-MAX_ID && d <= (double)MAX_ID))
		return false;
	*ret = (int64_t)floor(d);
	return true;
}

/* An id names a file, so it must be exact: whole, positive, and below 2^53, where doubles begin to skip numbers. */
static bool to_id(const cJSON *n, int64_t *ret)
{
	return to_int(n, ret) && *ret >= 1 && *ret < MAX_ID &&
	       (!cJSON_IsNumber(n) || n->valuedouble == (double)*ret);
}

static int read_object(const cJSON *object, const struct field *fields, size_t nr, void *to,
		       struct failure *failure);

static const struct field user_fields[] = {
	{ "user_id", TYPE_INT, offsetof(struct user, id) },
	{ "display_name", TYPE_COPY, offsetof(struct user, name) },
};

static int copy_text(const cJSON *n, char **to)
{
	char *s;

	if (!cJSON_IsString(n) || !n->valuestring)
		return -EBADMSG;
	s = strdup(n->valuestring);
	if (!s)
		return -ENOMEM;
	free(*to);
	*to = s;
	return 0;
}

static int take_text(cJSON *n, char **to)
{
	if (!cJSON_IsString(n) || !n->valuestring || *to)
		return -EBADMSG; /* or twice */
	*to = n->valuestring;    /* cJSON allocates with malloc unless told otherwise */
	n->valuestring = NULL;
	return 0;
}

static int read_field(cJSON *n, const struct field *f, void *to, struct failure *failure)
{
	void *member = (char *)to + f->offset;
	int64_t v;

	switch (f->type) {
	case TYPE_TEXT:
		return take_text(n, member);
	case TYPE_COPY:
		return copy_text(n, member);
	case TYPE_USER:
		if (!cJSON_IsObject(n))
			return -EBADMSG;
		return read_object(n, user_fields, ARRAY_SIZE(user_fields), member, failure);
	case TYPE_BOOL:
		if (!cJSON_IsBool(n))
			return -EBADMSG;
		*(bool *)member = cJSON_IsTrue(n);
		return 0;
	case TYPE_ID:
	case TYPE_INT:
	case TYPE_TIME:
		break;
	}
	if (f->type == TYPE_ID ? !to_id(n, &v) : !to_int(n, &v))
		return -EBADMSG;
	if (f->type == TYPE_TIME && (v < 0 || v > MAX_TIME_S))
		v = 0;
	*(int64_t *)member = v;
	return 0;
}

/* Every known member; null counts as absent. -EBADMSG names the member in *failure. */
static int read_object(const cJSON *object, const struct field *fields, size_t nr, void *to,
		       struct failure *failure)
{
	cJSON *n;

	cJSON_ArrayForEach(n, object)
	{
		const struct field *f = fields;
		int r;

		while (f < fields + nr && (*f->name != *n->string || strcmp(f->name, n->string)))
			f++;
		if (f == fields + nr || cJSON_IsNull(n))
			continue;
		r = read_field(n, f, to, failure);
		if (r == -EBADMSG && !failure->err)
			failure_set(failure, r, "the server's %s is not what it must be", f->name);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- Lists -------------------------------------------------------------------------------------- */

struct element {
	int64_t first, second; /* sort keys */
	int64_t id;
	cJSON *node;
};

static int by_keys(const void *va, const void *vb)
{
	const struct element *a = va, *b = vb;

	if (a->first != b->first)
		return a->first < b->first ? -1 : 1;
	return (a->second > b->second) - (a->second < b->second);
}

/* Leaves the first of each id; returns how many are left. The same id could carry two dates, so they need
 * not be neighbours. */
static int drop_twice(struct element *e, size_t *nr)
{
	struct map seen = { 0 };
	size_t kept = 0;
	int r = 0;

	for (size_t i = 0; i < *nr; i++) {
		if (r < 0 || map_get(&seen, (uint64_t)e[i].id)) {
			cJSON_Delete(e[i].node);
			continue;
		}
		r = map_put(&seen, (uint64_t)e[i].id, e[i].node);
		e[kept++] = e[i];
	}
	map_release(&seen);
	*nr = kept;
	return r;
}

static bool is_in_order(const struct element *e, size_t nr)
{
	for (size_t i = 1; i < nr; i++)
		if (e[i].id <= e[i - 1].id)
			return false;
	return true;
}

/* The list's elements, sorted by (date_name, id_name) or by id_name alone; objects with a proper id only,
 * each id once. The tree's list is put in the same order, and loses the rest. *ret is owned. */
static int sort_list(cJSON *list, const char *date_name, const char *id_name, struct element **ret,
		     size_t *ret_nr)
{
	size_t nr = 0, size = (size_t)cJSON_GetArraySize(list);
	struct element *e = calloc(size ? size : 1, sizeof(*e));
	size_t nr_broken = 0;
	cJSON *n;
	int r = 0;

	if (!e)
		return -ENOMEM;
	while ((n = list->child)) {
		struct element *x = &e[nr];

		x->node = cJSON_DetachItemViaPointer(list, n);
		if (!cJSON_IsObject(n) ||
		    !to_id(cJSON_GetObjectItemCaseSensitive(n, id_name), &x->id)) {
			cJSON_Delete(n);
			nr_broken++;
			continue;
		}
		x->first = x->second = x->id;
		if (date_name && !to_int(cJSON_GetObjectItemCaseSensitive(n, date_name), &x->first))
			x->first = 0;
		nr++;
	}
	if (nr_broken)
		log_warning("api", "%zu elements without a proper %s are left out", nr_broken,
			    id_name);
	qsort(e, nr, sizeof(*e), by_keys);
	if (!is_in_order(e, nr)) /* seldom: ids grow with dates, and come once */
		r = drop_twice(e, &nr);
	for (size_t i = 0; i < nr; i++)
		cJSON_AddItemToArray(list, e[i].node);
	*ret = e;
	*ret_nr = nr;
	return r;
}

static const struct field comment_fields[] = {
	{ "comment_id", TYPE_ID, offsetof(struct comment, id) },
	{ "post_id", TYPE_INT, offsetof(struct comment, post_id) },
	{ "body_markdown", TYPE_TEXT, offsetof(struct comment, markdown) },
	{ "owner", TYPE_USER, offsetof(struct comment, owner) },
	{ "creation_date", TYPE_TIME, offsetof(struct comment, created_s) },
	{ "score", TYPE_INT, offsetof(struct comment, score) },
	{ "edited", TYPE_BOOL, offsetof(struct comment, is_edited) },
};

static const struct field answer_fields[] = {
	{ "answer_id", TYPE_ID, offsetof(struct answer, id) },
	{ "question_id", TYPE_INT, offsetof(struct answer, question_id) },
	{ "body_markdown", TYPE_TEXT, offsetof(struct answer, markdown) },
	{ "owner", TYPE_USER, offsetof(struct answer, owner) },
	{ "creation_date", TYPE_TIME, offsetof(struct answer, created_s) },
	{ "last_activity_date", TYPE_TIME, offsetof(struct answer, activity_s) },
	{ "last_edit_date", TYPE_TIME, offsetof(struct answer, edited_s) },
	{ "score", TYPE_INT, offsetof(struct answer, score) },
	{ "is_accepted", TYPE_BOOL, offsetof(struct answer, is_accepted) },
	{ "link", TYPE_COPY, offsetof(struct answer, link) },
};

static const struct field question_fields[] = {
	{ "question_id", TYPE_ID, offsetof(struct question, id) },
	{ "title", TYPE_TEXT, offsetof(struct question, title) },
	{ "body_markdown", TYPE_TEXT, offsetof(struct question, markdown) },
	{ "owner", TYPE_USER, offsetof(struct question, owner) },
	{ "creation_date", TYPE_TIME, offsetof(struct question, created_s) },
	{ "last_activity_date", TYPE_TIME, offsetof(struct question, activity_s) },
	{ "last_edit_date", TYPE_TIME, offsetof(struct question, edited_s) },
	{ "score", TYPE_INT, offsetof(struct question, score) },
	{ "accepted_answer_id", TYPE_INT, offsetof(struct question, accepted_answer_id) },
	{ "link", TYPE_COPY, offsetof(struct question, link) },
};

static int set_default_text(char **text)
{
	if (!*text)
		*text = strdup("");
	return *text ? 0 : -ENOMEM;
}

/* The list of that name; NULL if absent or null. A list that is something else is refused. */
static int find_list(cJSON *object, const char *name, cJSON **ret)
{
	*ret = cJSON_GetObjectItemCaseSensitive(object, name);
	if (*ret && cJSON_IsNull(*ret))
		*ret = NULL;
	return *ret && !cJSON_IsArray(*ret) ? -EBADMSG : 0;
}

static int read_comments(cJSON *post, int64_t id, struct comment **ret, size_t *ret_nr,
			 struct failure *failure)
{
	_cleanup_free_ struct element *e = NULL;
	struct comment *c;
	size_t nr;
	cJSON *list;
	int r = find_list(post, "comments", &list);

	if (r < 0)
		failure_set(failure, r, "the server's comments are no list");
	if (r < 0 || !list)
		return r;
	r = sort_list(list, "creation_date", "comment_id", &e, &nr);
	if (r < 0 || !nr)
		return r;
	*ret = c = calloc(nr, sizeof(*c));
	if (!c)
		return -ENOMEM;
	*ret_nr = nr;
	for (size_t i = 0; i < nr; i++) {
		r = read_object(e[i].node, comment_fields, ARRAY_SIZE(comment_fields), &c[i],
				failure);
		if (r == 0)
			r = set_default_text(&c[i].markdown);
		if (r < 0)
			return r;
		if (!c[i].post_id)
			c[i].post_id = id;
	}
	return 0;
}

static int read_answers(cJSON *question, struct question *q, struct failure *failure)
{
	_cleanup_free_ struct element *e = NULL;
	cJSON *list;
	size_t nr;
	int r = find_list(question, "answers", &list);

	if (r < 0)
		failure_set(failure, r, "the server's answers are no list");
	if (r < 0 || !list)
		return r;
	r = sort_list(list, NULL, "answer_id", &e, &nr);
	if (r < 0 || !nr)
		return r;
	q->answers = calloc(nr, sizeof(*q->answers));
	if (!q->answers)
		return -ENOMEM;
	q->nr_answers = nr;
	for (size_t i = 0; i < nr; i++) {
		struct answer *a = &q->answers[i];

		r = read_object(e[i].node, answer_fields, ARRAY_SIZE(answer_fields), a, failure);
		if (r == 0)
			r = set_default_text(&a->markdown);
		if (r == 0)
			r = read_comments(e[i].node, a->id, &a->comments, &a->nr_comments, failure);
		if (r < 0)
			return r;
		if (!a->question_id)
			a->question_id = q->id;
	}
	return 0;
}

static bool has_tag(const struct question *q, const char *tag)
{
	for (size_t i = 0; i < q->nr_tags; i++)
		if (strcmp(q->tags[i], tag) == 0)
			return true;
	return false;
}

static int read_tags(cJSON *question, struct question *q, struct failure *failure)
{
	cJSON *list, *n;
	int r = find_list(question, "tags", &list);

	if (r < 0)
		failure_set(failure, r, "the server's tags are no list");
	if (r < 0 || !list || !list->child)
		return r;
	q->tags = calloc(MAX_TAGS, sizeof(*q->tags));
	if (!q->tags)
		return -ENOMEM;
	cJSON_ArrayForEach(n, list)
	{
		if (q->nr_tags == MAX_TAGS)
			break;
		if (!cJSON_IsString(n) || !n->valuestring || has_tag(q, n->valuestring))
			continue;
		q->tags[q->nr_tags] = strdup(n->valuestring);
		if (!q->tags[q->nr_tags])
			return -ENOMEM;
		q->nr_tags++;
	}
	return 0;
}

/* ---- Items -------------------------------------------------------------------------------------- */

static int parse(const char *json, size_t len, bool is_encoded, cJSON **ret,
		 struct failure *failure)
{
	struct strbuf scratch = STRBUF_INIT;
	cJSON *tree = cJSON_ParseWithLength(json, len);
	int r;

	*failure = (struct failure){ 0 };
	if (!cJSON_IsObject(tree)) {
		cJSON_Delete(tree);
		failure_set(failure, -EBADMSG, "not a JSON object");
		return -EBADMSG;
	}
	r = clean_tree(tree, is_encoded, &scratch);
	strbuf_release(&scratch);
	if (r < 0)
		cJSON_Delete(tree);
	else
		*ret = tree;
	return r;
}

static int read_question(cJSON *tree, struct question *q, struct failure *failure)
{
	int r = read_object(tree, question_fields, ARRAY_SIZE(question_fields), q, failure);

	if (r == 0 && !q->id) {
		r = -EBADMSG;
		failure_set(failure, r, "a question without question_id");
	}
	if (r == 0)
		r = set_default_text(&q->title);
	if (r == 0)
		r = set_default_text(&q->markdown);
	if (r == 0)
		r = read_tags(tree, q, failure);
	if (r == 0)
		r = read_comments(tree, q->id, &q->comments, &q->nr_comments, failure);
	if (r == 0)
		r = read_answers(tree, q, failure);
	if (q->accepted_answer_id < 0)
		q->accepted_answer_id = 0;
	return r;
}

int api_decode_question(const char *json, size_t len, bool is_encoded, struct question **ret,
			struct failure *failure)
{
	_cleanup_(question_freep) struct question *q = NULL;
	struct strbuf meta = STRBUF_INIT;
	cJSON *tree;
	int r;

	r = parse(json, len, is_encoded, &tree, failure);
	if (r == 0) {
		q = calloc(1, sizeof(*q));
		r = q ? read_question(tree, q, failure) : -ENOMEM;
		if (r == 0) {
			strbuf_reserve(&meta, len / 2);
			meta_print(&meta, tree);
			q->meta_json = strbuf_detach(&meta);
			r = q->meta_json ? 0 : -ENOMEM;
		}
		strbuf_release(&meta);
		cJSON_Delete(tree);
	}
	if (r == 0)
		*ret = TAKE_PTR(q);
	else if (!failure->err)
		failure_set(failure, r, "out of memory");
	return r;
}

static const struct field tag_fields[] = {
	{ "name", TYPE_COPY, offsetof(struct tag, name) },
	{ "count", TYPE_INT, offsetof(struct tag, count) },
};

int api_decode_tag(const char *json, size_t len, bool is_encoded, struct tag *ret,
		   struct failure *failure)
{
	struct tag t = { .count = -1 };
	cJSON *tree;
	int r;

	r = parse(json, len, is_encoded, &tree, failure);
	if (r == 0) {
		r = read_object(tree, tag_fields, ARRAY_SIZE(tag_fields), &t, failure);
		cJSON_Delete(tree);
	}
	if (r == 0 && (!t.name || !*t.name)) {
		r = -EBADMSG;
		failure_set(failure, r, "a tag without a name");
	}
	if (r < 0) {
		if (!failure->err)
			failure_set(failure, r, "out of memory");
		tag_release(&t);
		return r;
	}
	if (t.count < 0)
		t.count = -1;
	*ret = t;
	return 0;
}
