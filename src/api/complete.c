/* Complete nested lists.
 *
 * Questions come with their answers, and both with their comments, but the service may leave some out of
 * large ones: nothing documents a limit, so the lengths are compared with the counts that it sends along.
 * What is missing is fetched for all questions of the page together, as the methods take up to 100 ids:
 *
 *     /questions/{ids}/answers   of the questions that lack answers
 *     /posts/{ids}/comments      of the posts that lack comments, those new answers included
 *
 * and merged by id. If the counts then still differ, what there is is accepted: deleted posts may be
 * counted; and a question for which nothing new came is remembered, so that it costs its requests once
 * and not with every page it is on. Complete pages, by far the most, are only scanned and not parsed. */
#include "internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <sofs/base/clock.h>
#include <sofs/base/log.h>
#include <sofs/base/map.h>

#define MAX_PAGES 60    /* for all lists of one page of questions together */
#define MAX_GAPS  10000 /* remembered */
#define RECENT_MS 60000 /* the server answers the same from its cache, and calls it a repetition */
#define MAX_LIST  10000 /* a list that is longer already is left as it is */

/* ---- Is anything missing? ----------------------------------------------------------------------- */

struct shape {
	int64_t question_id;
	bool is_whole;
	uint64_t hash; /* of all counts and lengths */
};

static void add_to_shape(struct shape *s, int64_t count, size_t nr)
{
	s->hash = hash_u64(s->hash ^ hash_u64((uint64_t)count) ^ nr);
	if (count >= 0 && (uint64_t)count != nr)
		s->is_whole = false;
}

/* A post's counts beside the lengths of its lists. An absent list is an empty one. */
static void scan_post(struct json_slice post, struct shape *s)
{
	struct json_iter it = json_members(post), answers = { NULL };
	struct json_slice key, value;
	int64_t answer_count = -1, comment_count = -1;
	size_t nr_answers = 0, nr_comments = 0;

	while (json_next_member(&it, &key, &value)) {
		if (json_key_is(key, "answer_count")) {
			json_to_int(value, &answer_count);
		} else if (json_key_is(key, "comment_count")) {
			json_to_int(value, &comment_count);
		} else if (json_key_is(key, "comments")) {
			nr_comments = json_count(value);
		} else if (json_key_is(key, "answers")) {
			nr_answers = json_count(value);
			answers = json_elements(value);
		} else if (json_key_is(key, "question_id") && !s->question_id) {
			json_to_int(value, &s->question_id);
		}
	}
	add_to_shape(s, answer_count, nr_answers);
	add_to_shape(s, comment_count, nr_comments);
	while (json_next_element(&answers, &value))
		scan_post(value, s);
}

static struct shape scan_item(const struct api_item *item)
{
	struct shape s = { .is_whole = true };

	scan_post((struct json_slice){ item->json, item->len }, &s);
	s.hash |= 1; /* fits a map's value, which is never NULL */
	return s;
}

static bool is_item_whole(const struct api *api, const struct api_item *item)
{
	struct shape s = scan_item(item);

	return s.is_whole ||
	       map_get(&api->gaps, (uint64_t)s.question_id) == (void *)(uintptr_t)s.hash;
}

bool complete_is_whole(const struct api *api, const struct api_item *items, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (!is_item_whole(api, &items[i]))
			return false;
	return true;
}

/* Asking for what was missing gave nothing new: the same shape is not asked for again. Not remembering it
 * costs only requests. */
static void remember_gap(struct api *api, const struct shape *s)
{
	if (api->gaps.nr >= MAX_GAPS) {
		map_release(&api->gaps);
		api->gaps = (struct map){ 0 };
	}
	if (map_put(&api->gaps, (uint64_t)s->question_id, (void *)(uintptr_t)s->hash) < 0)
		log_debug("api", "out of memory");
}

/* ---- Fetching what is --------------------------------------------------------------------------- */

enum phase { PHASE_ANSWERS, PHASE_COMMENTS };

struct entry {
	struct api_item item; /* into struct completion.text, or printed */
	cJSON *tree;          /* NULL: nothing was missing */
	char *printed;        /* owned; the tree after merging */
};

struct completion {
	struct api *api;
	enum api_priority priority;
	uint64_t deadline_ms;
	complete_done_fn done;
	void *userdata;
	char *text;            /* a copy of all items */
	struct entry *entries; /* nr_entries */
	size_t nr_entries;
	enum phase phase;
	struct map posts; /* id -> cJSON of the post in a tree: the phase's targets */
	struct map asked; /* the ids whose list of this phase was asked for */
	int64_t ids[API_MAX_IDS];
	size_t nr_ids;
	unsigned page, nr_pages;
	unsigned pagesize;
};

static void completion_free(struct completion *c)
{
	for (size_t i = 0; c->entries && i < c->nr_entries; i++) {
		cJSON_Delete(c->entries[i].tree);
		cJSON_free(c->entries[i].printed);
	}
	free(c->entries);
	free(c->text);
	map_release(&c->posts);
	map_release(&c->asked);
	free(c);
}

static void print_entry(struct api *api, struct entry *e)
{
	struct shape before, after;

	if (e->tree)
		e->printed = cJSON_PrintUnformatted(e->tree);
	if (!e->printed)
		return;
	before = scan_item(&e->item);
	e->item = (struct api_item){ e->printed, strlen(e->printed) };
	after = scan_item(&e->item);
	if (!after.is_whole && after.hash == before.hash)
		remember_gap(api, &after);
}

static void finish_with(struct completion *c, const struct failure *failure)
{
	struct api_item *items = NULL;
	struct page_items page;
	struct failure no_memory;

	if (!failure) {
		items = calloc(c->nr_entries ? c->nr_entries : 1, sizeof(*items));
		if (!items) {
			failure_set(&no_memory, -ENOMEM, "out of memory");
			failure = &no_memory;
		}
	}
	for (size_t i = 0; items && i < c->nr_entries; i++) {
		struct entry *e = &c->entries[i];

		print_entry(c->api, e);
		items[i] = e->item;
	}
	page = (struct page_items){ items, c->nr_entries };
	c->done(c->userdata, failure, failure ? NULL : &page);
	free(items);
	completion_free(c);
}

static int64_t get_int(const cJSON *o, const char *name, int64_t dflt)
{
	const cJSON *n = cJSON_GetObjectItemCaseSensitive(o, name);
	double d = cJSON_IsNumber(n) ? n->valuedouble : -1;

	return d >= 0 && d <= 9007199254740992.0 ? (int64_t)d : dflt;
}

static int64_t post_id(const cJSON *post)
{
	int64_t id = get_int(post, "answer_id", 0);

	return id ? id : get_int(post, "question_id", 0);
}

static const char *list_name(const struct completion *c)
{
	return c->phase == PHASE_ANSWERS ? "answers" : "comments";
}

/* Notes the post if its list of this phase is missing something; true if its id is to be asked for. */
static bool note_post(struct completion *c, cJSON *post)
{
	const char *count_name = c->phase == PHASE_ANSWERS ? "answer_count" : "comment_count";
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(post, list_name(c));
	int64_t nr = cJSON_GetArraySize(list);
	int64_t id = post_id(post);

	if (id < 1 || nr > MAX_LIST || get_int(post, count_name, nr) == nr ||
	    map_get(&c->asked, (uint64_t)id))
		return false;
	if (map_put(&c->posts, (uint64_t)id, post) < 0 ||
	    map_put(&c->asked, (uint64_t)id, post) < 0)
		return false;
	c->ids[c->nr_ids++] = id;
	return c->nr_ids == API_MAX_IDS;
}

/* Gathers the next ids of this phase, at most a vector full. */
static void gather(struct completion *c)
{
	c->nr_ids = 0;
	c->page = 1;
	map_release(&c->posts);
	c->posts = (struct map){ 0 };
	for (size_t i = 0; i < c->nr_entries; i++) {
		cJSON *tree = c->entries[i].tree, *answer;

		if (!tree)
			continue;
		if (note_post(c, tree))
			return;
		if (c->phase == PHASE_ANSWERS)
			continue;
		cJSON_ArrayForEach(answer, cJSON_GetObjectItemCaseSensitive(tree, "answers"))
		{
			if (note_post(c, answer))
				return;
		}
	}
}

static bool has_element(const cJSON *list, const char *id_name, int64_t id)
{
	const cJSON *e;

	cJSON_ArrayForEach(e, list)
	{
		if (get_int(e, id_name, 0) == id)
			return true;
	}
	return false;
}

/* An answer goes to its question, a comment to its post. */
static void merge(struct completion *c, const struct api_item *item)
{
	bool is_answer = c->phase == PHASE_ANSWERS;
	cJSON *element = cJSON_ParseWithLength(item->json, item->len);
	int64_t parent = get_int(element, is_answer ? "question_id" : "post_id", 0);
	int64_t id = get_int(element, is_answer ? "answer_id" : "comment_id", 0);
	cJSON *post = map_get(&c->posts, (uint64_t)parent);
	cJSON *list = cJSON_GetObjectItemCaseSensitive(post, list_name(c));

	if (post && id && list && !cJSON_IsArray(list)) {
		cJSON_DeleteItemFromObjectCaseSensitive(post, list_name(c));
		list = NULL;
	}
	if (post && id && !list)
		list = cJSON_AddArrayToObject(post, list_name(c));
	if (!post || !id || !list ||
	    has_element(list, is_answer ? "answer_id" : "comment_id", id) ||
	    !cJSON_AddItemToArray(list, element))
		cJSON_Delete(element);
}

static int by_id(const void *va, const void *vb)
{
	const int64_t *a = va, *b = vb;

	return (*a > *b) - (*a < *b);
}

static bool was_asked_lately(const struct api *api, uint64_t hash)
{
	uint64_t now_ms = clock_mono_ms();

	for (size_t i = 0; i < API_MAX_LISTS; i++)
		if (api->lists[i].hash == hash && api->lists[i].at_ms + RECENT_MS > now_ms)
			return true;
	return false;
}

/* The same gaps may have to be filled again within a minute: a question that was looked up is on a page of the
 * listing, or is refreshed. Pages of another size are another request. The order of the ids means nothing. */
static void choose_pagesize(struct completion *c)
{
	struct api *api = c->api;
	int64_t ids[API_MAX_IDS];
	uint64_t hash, size;

	memcpy(ids, c->ids, c->nr_ids * sizeof(*ids));
	qsort(ids, c->nr_ids, sizeof(*ids), by_id);
	hash = hash_bytes(HASH_SEED + c->phase, ids, c->nr_ids * sizeof(*ids));
	for (size = API_PAGESIZE; size > 1 && was_asked_lately(api, hash_u64(hash ^ size)); size--)
		;
	c->pagesize = (unsigned)size;
	api->lists[api->next_list].hash = hash_u64(hash ^ size);
	api->lists[api->next_list].at_ms = clock_mono_ms();
	api->next_list = (api->next_list + 1) % API_MAX_LISTS;
}

static void fetched(void *userdata, const struct outcome *failure, struct reply *reply);

static int fetch(struct completion *c)
{
	struct strbuf path = STRBUF_INIT, params = STRBUF_INIT;
	bool is_answers = c->phase == PHASE_ANSWERS;
	struct request *r;

	strbuf_adds(&path, is_answers ? "/questions/" : "/posts/");
	for (size_t i = 0; i < c->nr_ids; i++)
		strbuf_addf(&path, "%s%" PRId64, i ? ";" : "", c->ids[i]);
	strbuf_adds(&path, is_answers ? "/answers" : "/comments");
	strbuf_addf(&params, "order=asc&sort=creation&page=%u&pagesize=%u", c->page, c->pagesize);
	r = request_new(is_answers ? METHOD_QUESTION_ANSWERS : METHOD_POST_COMMENTS, &path,
			&params);
	if (!r)
		return -ENOMEM;
	r->filter = FILTER_OURS;
	r->priority = c->priority;
	r->deadline_ms = c->deadline_ms;
	r->done = fetched;
	r->userdata = c;
	c->nr_pages++;
	return client_submit(c->api, r, NULL);
}

/* Starts what is to be fetched next, or ends. */
static void advance(struct completion *c)
{
	struct failure failure;
	int r;

	gather(c);
	if (!c->nr_ids && c->phase == PHASE_ANSWERS) {
		c->phase = PHASE_COMMENTS;
		map_release(&c->asked);
		c->asked = (struct map){ 0 };
		gather(c);
	}
	if (!c->nr_ids || c->nr_pages >= MAX_PAGES) {
		finish_with(c, NULL);
		return;
	}
	choose_pagesize(c);
	r = fetch(c);
	if (r < 0) {
		failure_set(&failure, r, "%s", strerror(-r));
		finish_with(c, &failure);
	}
}

static void fetched(void *userdata, const struct outcome *failure, struct reply *reply)
{
	struct completion *c = userdata;
	struct failure no_memory;

	if (failure) {
		finish_with(c, &failure->failure);
		return;
	}
	for (size_t i = 0; i < reply->env->nr_items; i++)
		merge(c, &reply->env->items[i]);
	if (!reply->env->has_more || c->nr_pages >= MAX_PAGES) {
		advance(c);
		return;
	}
	c->page++;
	if (fetch(c) < 0) {
		failure_set(&no_memory, -ENOMEM, "out of memory");
		finish_with(c, &no_memory);
	}
}

/* The items' bytes live in the answer's body only until its callback returns. */
static int copy_items(struct completion *c, const struct api_item *items, size_t nr)
{
	size_t size = 0, at = 0;

	for (size_t i = 0; i < nr; i++)
		size += items[i].len;
	c->text = calloc(1, size + 1);
	c->entries = calloc(nr, sizeof(*c->entries));
	if (!c->text || !c->entries)
		return -ENOMEM;
	c->nr_entries = nr;
	for (size_t i = 0; i < nr; i++) {
		struct entry *e = &c->entries[i];

		memcpy(c->text + at, items[i].json, items[i].len);
		e->item = (struct api_item){ c->text + at, items[i].len };
		at += items[i].len;
		/* One that cannot be parsed stays as it is; its decoder will say why. */
		if (!is_item_whole(c->api, &items[i]))
			e->tree = cJSON_ParseWithLength(e->item.json, e->item.len);
	}
	return 0;
}

void complete_items(struct api *api, const struct api_item *items, size_t nr,
		    enum api_priority priority, uint64_t deadline_ms, complete_done_fn done,
		    void *userdata)
{
	struct completion *c = calloc(1, sizeof(*c));
	struct failure failure;

	if (c)
		*c = (struct completion){ .api = api,
					  .priority = priority,
					  .deadline_ms = deadline_ms,
					  .done = done,
					  .userdata = userdata,
					  .phase = PHASE_ANSWERS };
	if (!c || copy_items(c, items, nr) < 0) {
		failure_set(&failure, -ENOMEM, "out of memory");
		done(userdata, &failure, NULL);
		if (c)
			completion_free(c);
		return;
	}
	advance(c);
}
