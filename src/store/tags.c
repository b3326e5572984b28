/* Tags: the index of questions by tag, the server's list of tags, and single tags asked for by name.
 *
 * A tag is known because a question has it, because the server's list has it, or because the server said so when it was
 * looked up. It is never freed: its index is its name in the rest of the program. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/base/clock.h>
#include <sofs/base/log.h>
#include <sofs/text.h>

#include "internal.h"

static uint64_t name_hash(const char *file_name)
{
	return hash_bytes(HASH_SEED, file_name, strlen(file_name));
}

static struct tagent *tag_find_locked(struct store *st, const char *file_name)
{
	struct tagent *t = map_get(&st->tags_by_name, name_hash(file_name));

	while (t && strcmp(t->file_name, file_name))
		t = t->same_hash;
	return t;
}

struct tagent *tag_get_locked(struct store *st, uint32_t index)
{
	return index && index <= st->nr_tags ? st->tags[index] : NULL;
}

static bool tag_exists(const struct tagent *t)
{
	return t->is_listed || t->nr_live;
}

static struct tagent *tag_new_locked(struct store *st, const char *name, char *file_name)
{
	struct tagent *t;

	if (st->nr_tags + 1 >= st->cap_tags) {
		size_t cap = st->cap_tags ? st->cap_tags * 2 : 64;
		struct tagent **p = reallocarray(st->tags, cap, sizeof(*p));

		if (!p)
			return NULL;
		st->tags = p;
		st->tags[0] = NULL;
		st->cap_tags = cap;
	}
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->name = strdup(name);
	t->file_name = file_name;
	t->same_hash = map_get(&st->tags_by_name, name_hash(file_name));
	if (!t->name || map_put(&st->tags_by_name, name_hash(file_name), t) < 0) {
		free(t->name);
		free(t);
		return NULL;
	}
	t->index = (uint32_t)++st->nr_tags;
	st->tags[t->index] = t;
	return t;
}

/* NULL if the name cannot be a file name, or without memory. */
struct tagent *tag_intern_locked(struct store *st, const char *name)
{
	_cleanup_(strbuf_release) struct strbuf sb = STRBUF_INIT;
	struct tagent *t;
	char *file_name;

	if (!text_add_name(&sb, name, strlen(name))) {
		log_warning("store", "left out a tag that cannot be a file name bytes=%zu",
			    strlen(name));
		return NULL;
	}
	t = tag_find_locked(st, strbuf_str(&sb));
	if (t)
		return t;
	file_name = strbuf_detach(&sb);
	if (!file_name)
		return NULL;
	t = tag_new_locked(st, name, file_name);
	if (!t) {
		free(file_name);
		return NULL;
	}
	map_del(&st->negative_tags, name_hash(file_name));
	return t;
}

/* After a change: tells if the tag's directory came or went by it. */
static void tag_tell(struct tagent *t, bool existed, struct news *news)
{
	if (tag_exists(t) == existed)
		return;
	news_add(news, &(struct store_change){
			       .event = existed ? STORE_TAG_GONE : STORE_TAG_NEW,
			       .tag = t->index,
			       .is_back = !existed && t->has_been,
		       });
	t->has_been = true;
}

static void tag_set_listed(struct tagent *t, bool is_listed, struct news *news)
{
	bool existed = tag_exists(t);

	t->is_listed = is_listed;
	tag_tell(t, existed, news);
}

/* The position of the first entry with a seq not below. */
static size_t tag_position(const struct tagent *t, uint64_t seq)
{
	size_t lo = 0, hi = t->nr_order;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->order[mid]->seq < seq)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int tag_insert_locked(struct tagent *t, struct entry *e, struct news *news)
{
	size_t at = tag_position(t, e->seq);
	bool existed = tag_exists(t);

	if (at < t->nr_order && t->order[at] == e)
		return 0;
	if (t->nr_order == t->cap_order) {
		size_t cap = t->cap_order ? t->cap_order * 2 : 8;
		struct entry **p = reallocarray(t->order, cap, sizeof(struct entry *));

		if (!p)
			return -ENOMEM;
		t->order = p;
		t->cap_order = cap;
	}
	memmove(&t->order[at + 1], &t->order[at], (t->nr_order - at) * sizeof(struct entry *));
	t->order[at] = e;
	t->nr_order++;
	t->nr_live = t->nr_order;
	tag_tell(t, existed, news);
	return 0;
}

/* Places are found by seq, which a question keeps for good, so it can really be taken out. */
void tag_remove_locked(struct tagent *t, struct entry *e, struct news *news)
{
	size_t at = tag_position(t, e->seq);
	bool existed = tag_exists(t);

	if (at == t->nr_order || t->order[at] != e)
		return;
	t->nr_order--;
	memmove(&t->order[at], &t->order[at + 1], (t->nr_order - at) * sizeof(struct entry *));
	t->nr_live = t->nr_order;
	tag_tell(t, existed, news);
}

void tags_release(struct store *st)
{
	for (size_t i = 1; i <= st->nr_tags; i++) {
		struct tagent *t = st->tags[i];

		if (t->listing)
			listing_release(t->listing);
		free(t->listing);
		free(t->order);
		free(t->name);
		free(t->file_name);
		free(t);
	}
	free(st->tags);
	map_release(&st->tags_by_name);
	map_release(&st->negative_tags);
}

static void tag_public(const struct tagent *t, struct store_tag *ret)
{
	*ret = (struct store_tag){ .index = t->index,
				   .name = t->file_name,
				   .mtime_s = t->newest_s };
}

int store_tag_by_index(struct store *st, uint32_t index, struct store_tag *ret)
{
	struct tagent *t;
	int r = -ENOENT;

	pthread_mutex_lock(&st->lock);
	t = tag_get_locked(st, index);
	if (t) {
		tag_public(t, ret);
		r = tag_exists(t) ? 0 : -ENOENT;
	}
	pthread_mutex_unlock(&st->lock);
	return r;
}

/* The list of tags: page after page, since few teams have more than a handful of pages. */

static int tags_ask_locked(struct store *st);

/* The list is complete: what it does not have any more is gone, unless a question has it. */
static void tags_sweep_locked(struct store *st, struct news *news)
{
	for (size_t i = 1; i <= st->nr_tags; i++)
		if (st->tags[i]->is_listed && st->tags[i]->list_round != st->tags_round)
			tag_set_listed(st->tags[i], false, news);
}

static void tags_done(void *userdata, const struct failure *failure, const struct api_page *page)
{
	struct store *st = userdata;
	struct news news = { 0 };
	struct list woken;
	int r;

	list_init(&woken);
	pthread_mutex_lock(&st->lock);
	for (size_t i = 0; page && i < page->nr_items; i++) {
		struct failure why;
		struct tag tag = { 0 };
		struct tagent *t;

		if (api_decode_tag(page->items[i].json, page->items[i].len, page->is_encoded, &tag,
				   &why) < 0) {
			log_warning("store", "left out something that is no tag: %s", why.text);
			continue;
		}
		t = tag_intern_locked(st, tag.name);
		if (t) {
			tag_set_listed(t, true, &news);
			t->list_round = st->tags_round;
		}
		tag_release(&tag);
	}
	if (page && st->tags_state == TAGS_RUNNING) {
		bool is_full = (uint64_t)st->tags_page * st->tags_pagesize >= st->config.list_limit;

		st->fetched_at_s = clock_wall_s();
		if (page->has_more && !is_full) {
			st->tags_page++;
			r = tags_ask_locked(st);
			if (r < 0)
				st->tags_state = TAGS_NONE;
		} else {
			st->tags_state = TAGS_COMPLETE;
			st->tags_cut = page->has_more;
			if (!st->tags_cut)
				tags_sweep_locked(st, &news);
		}
	} else if (!page) {
		st->tags_state = TAGS_NONE;
	}
	waiters_take_locked(st, &st->tag_list_waiters, &woken);
	pthread_mutex_unlock(&st->lock);
	store_tell(st, &news);
	waiters_wake(&woken, failure);
}

static int tags_ask_locked(struct store *st)
{
	struct api_query q = {
		API_QUERY_INIT,
		.route = API_TAGS,
		.sort = st->config.is_public ? "popular" : "name",
		.is_ascending = !st->config.is_public,
		.page = st->tags_page,
		.pagesize = st->tags_pagesize,
		.budget_ms = LISTING_BUDGET_MS,
	};

	return api_get(st->api, &q, tags_done, st, NULL);
}

void tags_restart_locked(struct store *st)
{
	if (st->tags_state != TAGS_COMPLETE)
		return;
	st->tags_page = 1;
	st->tags_round++;
	/* Pages of another size: the very same ones would come from the server's cache for a minute. */
	st->tags_pagesize =
		st->tags_pagesize > MIN_TAGS_PAGE ? st->tags_pagesize - 1 : API_PAGESIZE;
	st->tags_state = tags_ask_locked(st) < 0 ? TAGS_COMPLETE : TAGS_RUNNING;
}

/* A failed list goes on where it stopped: pages that arrived are not asked again. */
static int tags_start_locked(struct store *st)
{
	int r;

	if (st->tags_state != TAGS_NONE)
		return 0;
	if (!st->tags_page) {
		st->tags_page = 1;
		st->tags_pagesize = API_PAGESIZE;
	}
	r = tags_ask_locked(st);
	if (r == 0)
		st->tags_state = TAGS_RUNNING;
	return r;
}

int store_list_tags(struct store *st, uint32_t after, struct store_tag *ret, size_t max,
		    struct store_waiter *w)
{
	size_t n = 0;
	int r = 0;

	pthread_mutex_lock(&st->lock);
	r = tags_start_locked(st);
	for (uint32_t i = after + 1; i <= st->nr_tags && n < max; i++)
		if (tag_exists(st->tags[i]))
			tag_public(st->tags[i], &ret[n++]);
	if (n)
		r = (int)n;
	else if (r == 0 && st->tags_state == TAGS_RUNNING) {
		waiter_park_locked(st, &st->tag_list_waiters, API_TAGS, w);
		r = -EINPROGRESS;
	}
	pthread_mutex_unlock(&st->lock);
	return r;
}

/* One tag by name: /tags/{tag}/info. */

static void tag_info_done(void *userdata, const struct failure *failure,
			  const struct api_page *page)
{
	struct tag_want *tw = userdata;
	struct store *st = tw->st;
	struct news news = { 0 };
	struct failure broken = { 0 };
	struct list woken;
	bool found = false;

	size_t nr_broken = page ? page->nr_dropped : 0;

	list_init(&woken);
	pthread_mutex_lock(&st->lock);
	for (size_t i = 0; page && i < page->nr_items; i++) {
		struct failure why;
		struct tag tag = { 0 };
		struct tagent *t;

		if (api_decode_tag(page->items[i].json, page->items[i].len, page->is_encoded, &tag,
				   &why) < 0) {
			nr_broken++;
			continue;
		}
		/* A synonym may answer for its master: that is another name, and not what was asked. */
		t = strcmp(tag.name, tw->name) ? NULL : tag_intern_locked(st, tag.name);
		if (t) {
			tag_set_listed(t, true, &news);
			t->list_round = st->tags_round;
			found = true;
		}
		tag_release(&tag);
	}
	if (st->negative_tags.nr >= MAX_NEGATIVES)
		map_release(&st->negative_tags); /* asking again is right, only slower */
	if (page && !found && nr_broken) {
		failure_set(&broken, -EIO, "the server sent something that is no tag in its place");
		failure = &broken;
	} else if (page && !found &&
		   map_put(&st->negative_tags, name_hash(tw->file_name),
			   (void *)(uintptr_t)(clock_mono_ms() / 1000 + NEGATIVE_TTL_S)) < 0)
		log_error("store", "out of memory: an absent tag is not remembered");
	waiters_take_locked(st, &tw->waiters, &woken);
	list_del(&tw->node);
	pthread_mutex_unlock(&st->lock);
	store_tell(st, &news);
	waiters_wake(&woken, failure);
	free(tw->file_name);
	free(tw->name);
	free(tw);
}

static int tag_want_locked(struct store *st, const char *file_name, const char *name,
			   struct store_waiter *w)
{
	struct api_query q = { API_QUERY_INIT, .route = API_TAG_INFO, .tag = name };
	struct tag_want *tw;
	int r;

	list_for_each (pos, &st->tag_wants) {
		tw = list_entry(pos, struct tag_want, node);
		if (!strcmp(tw->file_name, file_name)) {
			waiter_park_locked(st, &tw->waiters, API_TAG_INFO, w);
			return -EINPROGRESS;
		}
	}
	tw = calloc(1, sizeof(*tw));
	if (!tw)
		return -ENOMEM;
	*tw = (struct tag_want){ .st = st, .file_name = strdup(file_name), .name = strdup(name) };
	list_init(&tw->waiters);
	r = tw->file_name && tw->name ? api_get(st->api, &q, tag_info_done, tw, NULL) : -ENOMEM;
	if (r < 0) {
		free(tw->file_name);
		free(tw->name);
		free(tw);
		return r;
	}
	list_push_back(&st->tag_wants, &tw->node);
	waiter_park_locked(st, &tw->waiters, API_TAG_INFO, w);
	return -EINPROGRESS;
}

int store_get_tag(struct store *st, const char *file_name, struct store_tag *ret,
		  struct store_waiter *w)
{
	_cleanup_(strbuf_release) struct strbuf name = STRBUF_INIT;
	uintptr_t until;
	struct tagent *t;
	int r = -ENOENT;

	pthread_mutex_lock(&st->lock);
	t = tag_find_locked(st, file_name);
	until = (uintptr_t)map_get(&st->negative_tags, name_hash(file_name));
	if (t && tag_exists(t)) {
		tag_public(t, ret);
		r = 0;
	} else if ((st->tags_state == TAGS_COMPLETE && !st->tags_cut) ||
		   until > clock_mono_ms() / 1000 || text_is_probe_name(file_name) ||
		   strchr(file_name, '%') /* such a name can only come from a listing */ ||
		   !text_parse_name(&name, file_name) || !text_can_be_tag(strbuf_str(&name))) {
		r = -ENOENT;
	} else if (st->tags_state == TAGS_RUNNING) {
		waiter_park_locked(st, &st->tag_list_waiters, API_TAGS, w);
		r = -EINPROGRESS;
	} else {
		r = tag_want_locked(st, file_name, strbuf_str(&name), w);
	}
	pthread_mutex_unlock(&st->lock);
	return r;
}

bool store_has_tag(struct store *st, int64_t id, uint32_t tag)
{
	struct entry *e;
	bool has = false;

	pthread_mutex_lock(&st->lock);
	e = entry_find_locked(st, id);
	for (size_t i = 0; e && i < e->nr_tags; i++)
		has = has || e->tags[i] == tag;
	pthread_mutex_unlock(&st->lock);
	return has;
}

size_t store_question_tags(struct store *st, int64_t id, uint32_t *ret, size_t max)
{
	struct entry *e;
	size_t n = 0;

	pthread_mutex_lock(&st->lock);
	e = entry_find_locked(st, id);
	for (; e && n < e->nr_tags && n < max; n++)
		ret[n] = e->tags[n];
	pthread_mutex_unlock(&st->lock);
	return n;
}
