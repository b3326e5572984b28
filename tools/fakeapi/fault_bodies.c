/* Wrong bodies made from right ones: parsed, spoilt, printed again. */

#include "faults.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cJSON ends strings at NUL, so an escaped NUL is put in afterwards. */
#define NUL_MARK "@NUL@"

static void set(cJSON *o, const char *name, cJSON *value)
{
	if (cJSON_HasObjectItem(o, name))
		cJSON_ReplaceItemInObjectCaseSensitive(o, name, value);
	else
		cJSON_AddItemToObject(o, name, value);
}

/* Works on a copy of the name, because it may be the old member's own, which is freed. */
static void replace_member(cJSON *o, const char *name, cJSON *value)
{
	char *copy = xstrdup(name);

	cJSON_ReplaceItemInObjectCaseSensitive(o, copy, value);
	free(copy);
}

/* Every number becomes a string, through all levels. */
static void stringify(cJSON *o)
{
	cJSON *child = o->child;

	while (child) {
		cJSON *next = child->next;

		if (cJSON_IsNumber(child)) {
			char text[32];

			snprintf(text, sizeof(text), "%.0f", child->valuedouble);
			if (child->string)
				replace_member(o, child->string, cJSON_CreateString(text));
			else
				cJSON_ReplaceItemViaPointer(o, child, cJSON_CreateString(text));
		} else {
			stringify(child);
		}
		child = next;
	}
}

static cJSON *some_object(void)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "unexpected", "object");
	return o;
}

/* Another member of each item is wrong, in turn. */
static void spoil_item(cJSON *items, cJSON *item, int i)
{
	static const char *const ids[] = { "question_id", "answer_id", "comment_id",
					   "post_id",     "user_id",   "article_id" };

	switch (i % 10) {
	case 0:
		for (size_t k = 0; k < ARRAY_SIZE(ids); k++)
			if (cJSON_HasObjectItem(item, ids[k]))
				set(item, ids[k], cJSON_CreateString("17"));
		break;
	case 1:
		set(item, "title", cJSON_CreateNumber(5));
		set(item, "body_markdown", cJSON_CreateNull());
		break;
	case 2:
		set(item, "tags", some_object());
		set(item, "name", cJSON_CreateNumber(7));
		break;
	case 3:
		set(item, "owner", cJSON_CreateArray());
		break;
	case 4:
		set(item, "answers", some_object());
		set(item, "comments", cJSON_CreateString("none"));
		break;
	case 5:
		set(item, "creation_date", cJSON_CreateNumber(1.5e9 + 0.25));
		set(item, "last_activity_date", cJSON_CreateString("2020-01-01"));
		set(item, "score", cJSON_CreateBool(1));
		break;
	case 6:
		cJSON_ReplaceItemViaPointer(items, item, cJSON_CreateNull());
		break;
	case 7:
		cJSON_ReplaceItemViaPointer(items, item, cJSON_CreateString("an item"));
		break;
	case 8:
		cJSON_ReplaceItemViaPointer(items, item, cJSON_CreateArray());
		break;
	case 9:
		cJSON_ReplaceItemViaPointer(items, item, cJSON_CreateObject());
		break;
	}
}

static cJSON *wrong_types(cJSON *root, const char *variant)
{
	cJSON *items = cJSON_GetObjectItemCaseSensitive(root, "items");
	cJSON *item = items ? items->child : NULL;

	if (strcmp(variant, "strings") == 0) {
		stringify(root);
	} else if (strcmp(variant, "items_object") == 0) {
		set(root, "items", some_object());
	} else if (strcmp(variant, "items_null") == 0) {
		set(root, "items", cJSON_CreateNull());
	} else if (strcmp(variant, "root_array") == 0) {
		cJSON_Delete(root);
		root = cJSON_CreateArray();
	} else if (strcmp(variant, "root_string") == 0) {
		cJSON_Delete(root);
		root = cJSON_CreateString("hello");
	} else {
		for (int i = 0; item; i++) {
			cJSON *next = item->next;

			spoil_item(items, item, i);
			item = next;
		}
		if (strcmp(variant, "wrapper") == 0) {
			set(root, "has_more", cJSON_CreateString("false"));
			set(root, "quota_remaining", cJSON_CreateString("many"));
			set(root, "backoff", some_object());
		}
	}
	return root;
}

#define E10  "éééééééééé"
#define E150 E10 E10 E10 E10 E10 E10 E10 E10 E10 E10 E10 E10 E10 E10 E10 /* 300 bytes */

static const char *bad_name(int i)
{
	static const char *const names[] = {
		"a/b",
		"..",
		"",
		"x" NUL_MARK "y",
		".",
		"../../etc/passwd",
		"new\nline",
		"100%",
		"-rf",
		"tab\there",
		"\xff\xfe invalid",
		"%2e%2e",
		"COM1",
		"con\x1b[31mred",
		" ",
		E150,
	};

	return names[i % (int)ARRAY_SIZE(names)];
}

static void bad_names(cJSON *items)
{
	cJSON *item;
	int i = 0;

	cJSON_ArrayForEach(item, items)
	{
		cJSON *tags = cJSON_GetObjectItemCaseSensitive(item, "tags");
		cJSON *owner = cJSON_GetObjectItemCaseSensitive(item, "owner");

		if (cJSON_IsArray(tags))
			cJSON_AddItemToArray(tags, cJSON_CreateString(bad_name(i)));
		if (cJSON_IsArray(tags) && cJSON_GetArraySize(tags) > 1)
			cJSON_DeleteItemFromArray(tags, 0);
		if (cJSON_HasObjectItem(item, "title"))
			set(item, "title", cJSON_CreateString(bad_name(i)));
		if (cJSON_HasObjectItem(item, "name"))
			set(item, "name", cJSON_CreateString(bad_name(i)));
		if (cJSON_HasObjectItem(item, "display_name"))
			set(item, "display_name", cJSON_CreateString(bad_name(i)));
		if (cJSON_IsObject(owner))
			set(owner, "display_name", cJSON_CreateString(bad_name(i)));
		i++;
	}
}

/* Raw numbers, because cJSON would print 2^53 + 1 as a double. */
static void bad_ids(cJSON *items)
{
	static const char *const ids[] = { "question_id", "answer_id", "comment_id",
					   "post_id",     "user_id",   "article_id" };
	static const char *const values[] = {
		"-5",   "0",   "9007199254740993",    "18446744073709551616",
		"1e30", "1.5", "9223372036854775807", "-9223372036854775809"
	};
	cJSON *previous = NULL;
	cJSON *item;
	int i = 0;

	cJSON_ArrayForEach(item, items)
	{
		for (size_t k = 0; k < ARRAY_SIZE(ids); k++) {
			const cJSON *twin = cJSON_GetObjectItemCaseSensitive(previous, ids[k]);

			if (!cJSON_HasObjectItem(item, ids[k]))
				continue;
			if (i % 9 < (int)ARRAY_SIZE(values))
				set(item, ids[k], cJSON_CreateRaw(values[i % 9]));
			else if (twin)
				set(item, ids[k], cJSON_Duplicate(twin, true));
		}
		previous = item;
		i++;
	}
}

static char *restore_nul(char *json)
{
	struct buf b = { 0 };
	char *mark;
	char *s = json;

	while ((mark = strstr(s, NUL_MARK))) {
		buf_add(&b, s, (size_t)(mark - s));
		buf_adds(&b, "\\u0000");
		s = mark + strlen(NUL_MARK);
	}
	buf_adds(&b, s);
	free(json);
	return buf_take(&b);
}

static char *deep_body(int64_t depth)
{
	struct buf b = { 0 };

	buf_adds(&b, "{\"items\":");
	for (int64_t i = 0; i < depth; i++)
		buf_addc(&b, '[');
	for (int64_t i = 0; i < depth; i++)
		buf_addc(&b, ']');
	buf_adds(&b, ",\"has_more\":false,\"quota_max\":10000,\"quota_remaining\":9000}");
	return buf_take(&b);
}

static char *invalid_json(const char *json, size_t len, const char *variant)
{
	if (strcmp(variant, "garbage") == 0)
		return xstrdup("\x01\x02 this is not JSON");
	if (strcmp(variant, "trailing") == 0)
		return xasprintf("%s}]", json);
	if (strcmp(variant, "comma") == 0)
		return xasprintf("{,%s", json + 1);
	return xstrndup(json, len / 2);
}

char *fault_body(const struct fault *f, const char *json, size_t *len)
{
	cJSON *root = NULL;
	cJSON *items;
	char *out = NULL;

	if (f->kind == FAULT_WRONG_TYPES || f->kind == FAULT_BAD_NAMES ||
	    f->kind == FAULT_BAD_IDS) {
		root = cJSON_ParseWithLength(json, *len);
		items = cJSON_GetObjectItemCaseSensitive(root, "items");
		if (root && f->kind == FAULT_WRONG_TYPES)
			root = wrong_types(root, f->variant);
		else if (f->kind == FAULT_BAD_NAMES)
			bad_names(items);
		else
			bad_ids(items);
		out = root ? cJSON_PrintUnformatted(root) : NULL;
		out = restore_nul(out ? out : xstrdup(json));
		cJSON_Delete(root);
	} else if (f->kind == FAULT_DEEP) {
		out = deep_body(f->depth);
	} else if (f->kind == FAULT_INVALID_JSON) {
		out = invalid_json(json, *len, f->variant);
	} else if (f->kind == FAULT_BOM) {
		out = xasprintf("\xef\xbb\xbf%s", json);
	} else if (f->kind == FAULT_EMPTY_BODY) {
		out = xstrdup("");
	} else {
		out = xstrndup(json, *len);
	}
	*len = strlen(out);
	return out;
}
