#include "meta.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/text.h>

#define MAX_EXACT   9007199254740992.0 /* 2^53 */
#define FEW_MEMBERS 48                 /* sorted without an allocation */

/* What a reader wants first, first. Keys not named here follow in alphabetical order, and after them
 * the nested lists. */
static const char *const order[] = {
	"question_id",
	"answer_id",
	"comment_id",
	"user_id",
	"post_id",
	"post_type",
	"display_name",
	"user_type",
	"reputation",
	"link",
	"share_link",
	"tags",
	"score",
	"view_count",
	"is_answered",
	"is_accepted",
	"accepted_answer_id",
	"answer_count",
	"comment_count",
	"edited",
	"creation_date",
	"last_activity_date",
	"last_edit_date",
	"closed_date",
	"closed_reason",
	"owner",
	"last_editor",
	"reply_to_user",
	"content_license",
};

enum kind { KIND_QUESTION, KIND_ANSWER, KIND_OTHER };

struct member {
	size_t rank, place;
	const cJSON *node;
};

static bool is_text_key(const char *key)
{
	return strcmp(key, "body_markdown") == 0 || strcmp(key, "body") == 0 ||
	       strcmp(key, "title") == 0;
}

static bool is_list_key(const char *key, enum kind kind)
{
	if (kind == KIND_QUESTION && strcmp(key, "answers") == 0)
		return true;
	return kind != KIND_OTHER && strcmp(key, "comments") == 0;
}

static size_t rank_of(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		if (*key == *order[i] && strcmp(key, order[i]) == 0)
			return i;
	return ARRAY_SIZE(order);
}

static int by_rank(const void *va, const void *vb)
{
	const struct member *a = va, *b = vb;
	int r;

	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	r = strcmp(a->node->string, b->node->string);
	return r ? r : (a->place > b->place) - (a->place < b->place);
}

/* Few are inserted one by one: the server's own order is the same for all objects and nearly sorted. */
static void sort_members(struct member *m, size_t nr)
{
	if (nr > FEW_MEMBERS) {
		qsort(m, nr, sizeof(*m), by_rank);
		return;
	}
	for (size_t k = 1; k < nr; k++) {
		struct member x = m[k];
		size_t i = k;

		for (; i && by_rank(&x, &m[i - 1]) < 0; i--)
			m[i] = m[i - 1];
		m[i] = x;
	}
}

static size_t gather_members(const cJSON *object, enum kind kind, struct member *m)
{
	const cJSON *child;
	size_t nr = 0;

	cJSON_ArrayForEach(child, object)
	{
		if (!child->string || cJSON_IsNull(child) || is_text_key(child->string) ||
		    is_list_key(child->string, kind))
			continue;
		m[nr] = (struct member){ rank_of(child->string), nr, child };
		nr++;
	}
	return nr;
}

static void print_value(struct strbuf *sb, const cJSON *node, unsigned level, enum kind kind);

static void newline(struct strbuf *sb, unsigned level)
{
	if (!strbuf_reserve(sb, 1 + 2 * (size_t)level))
		return;
	sb->buf[sb->len++] = '\n';
	memset(sb->buf + sb->len, ' ', 2 * (size_t)level);
	sb->len += 2 * (size_t)level;
	sb->buf[sb->len] = '\0';
}

static void print_array(struct strbuf *sb, const cJSON *array, unsigned level, enum kind kind)
{
	const cJSON *e;
	bool is_first = true;

	strbuf_addch(sb, '[');
	cJSON_ArrayForEach(e, array)
	{
		if (!is_first)
			strbuf_addch(sb, ',');
		is_first = false;
		newline(sb, level + 1);
		print_value(sb, e, level + 1, kind);
	}
	if (!is_first)
		newline(sb, level);
	strbuf_addch(sb, ']');
}

static void print_key(struct strbuf *sb, const char *key, unsigned level, bool *is_first)
{
	if (!*is_first)
		strbuf_addch(sb, ',');
	*is_first = false;
	newline(sb, level + 1);
	text_add_json_string(sb, key);
	strbuf_add(sb, ": ", 2);
}

/* A list that is always there, if only empty. */
static void print_list(struct strbuf *sb, const cJSON *object, const char *key, unsigned level,
		       enum kind element, bool *is_first)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(object, key);

	print_key(sb, key, level, is_first);
	print_array(sb, cJSON_IsArray(list) ? list : NULL, level + 1, element);
}

static void print_object(struct strbuf *sb, const cJSON *object, unsigned level, enum kind kind)
{
	struct member few[FEW_MEMBERS], *m = few;
	size_t nr = (size_t)cJSON_GetArraySize(object);
	bool is_first = true;

	if (nr > FEW_MEMBERS) {
		m = calloc(nr, sizeof(*m));
		if (!m) {
			sb->failed = true;
			return;
		}
	}
	strbuf_addch(sb, '{');
	nr = gather_members(object, kind, m);
	sort_members(m, nr);
	for (size_t i = 0; i < nr; i++) {
		if (i && strcmp(m[i].node->string, m[i - 1].node->string) == 0)
			continue;
		print_key(sb, m[i].node->string, level, &is_first);
		print_value(sb, m[i].node, level + 1, KIND_OTHER);
	}
	if (kind != KIND_OTHER)
		print_list(sb, object, "comments", level, KIND_OTHER, &is_first);
	if (kind == KIND_QUESTION)
		print_list(sb, object, "answers", level, KIND_ANSWER, &is_first);
	if (!is_first)
		newline(sb, level);
	strbuf_addch(sb, '}');
	if (m != few)
		free(m);
}

static void print_number(struct strbuf *sb, double d)
{
	char buf[40];
	int n;

	if (!isfinite(d)) {
		strbuf_adds(sb, "null");
		return;
	}
	if (d >= -MAX_EXACT && d <= MAX_EXACT && d == floor(d)) {
		n = snprintf(buf, sizeof(buf), "%" PRId64, (int64_t)d);
	} else {
		n = snprintf(buf, sizeof(buf), "%.15g", d);
		if (strtod(buf, NULL) != d)
			n = snprintf(buf, sizeof(buf), "%.17g", d);
	}
	strbuf_add(sb, buf, (size_t)n);
}

static void print_value(struct strbuf *sb, const cJSON *node, unsigned level, enum kind kind)
{
	if (cJSON_IsObject(node))
		print_object(sb, node, level, kind);
	else if (cJSON_IsArray(node))
		print_array(sb, node, level, KIND_OTHER);
	else if (cJSON_IsString(node) && node->valuestring)
		text_add_json_string(sb, node->valuestring);
	else if (cJSON_IsNumber(node))
		print_number(sb, node->valuedouble);
	else if (cJSON_IsBool(node))
		strbuf_adds(sb, cJSON_IsTrue(node) ? "true" : "false");
	else
		strbuf_adds(sb, "null");
}

void meta_print(struct strbuf *sb, const cJSON *question)
{
	print_object(sb, question, 0, KIND_QUESTION);
	strbuf_addch(sb, '\n');
}
