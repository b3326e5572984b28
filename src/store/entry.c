/* Questions in the store: taking one in, finding what changed, and letting one go. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/base/clock.h>
#include <sofs/base/log.h>

#include "internal.h"

struct entry *entry_find_locked(struct store *st, int64_t id)
{
	struct entry *e = map_get(&st->entries, (uint64_t)id);

	return e && !e->is_gone ? e : NULL;
}

void entry_free(struct entry *e)
{
	blob_unref(e->texts);
	free(e->files);
	free(e->tags);
	free(e);
}

void entry_public(const struct entry *e, struct store_question *ret)
{
	*ret = (struct store_question){
		.id = e->id,
		.created_s = e->created_s,
		.activity_s = e->activity_s,
		.nr_tags = e->nr_tags,
		.nr_answers = e->nr_answers,
	};
}

struct store_file file_public(const struct file *f)
{
	return (struct store_file){
		.kind = (enum file_kind)f->kind,
		.post_id = f->post_id,
		.version = f->version,
		.size = f->size,
		.mtime_s = f->mtime_s,
	};
}

/* In the order of the files: first the question's own (their post_id is the question's), by kind; then by post, its
 * comments last. */
static int file_compare(const struct file *f, enum file_kind kind, int64_t post_id)
{
	bool is_answers = f->kind >= FILE_ANSWER;

	if (is_answers != (kind >= FILE_ANSWER))
		return is_answers ? 1 : -1;
	if (is_answers && f->post_id != post_id)
		return f->post_id < post_id ? -1 : 1;
	return (int)f->kind - (int)kind;
}

static struct file *files_find(struct file *files, uint32_t nr, enum file_kind kind,
			       int64_t post_id)
{
	uint32_t lo = 0, hi = nr;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int c = file_compare(&files[mid], kind, post_id);

		if (c == 0)
			return files[mid].post_id == post_id ? &files[mid] : NULL;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

struct file *texts_find(const struct texts *t, enum file_kind kind, int64_t post_id)
{
	return files_find(t->files, t->nr_files, kind, post_id);
}

struct file *file_find(const struct entry *e, enum file_kind kind, int64_t post_id)
{
	return files_find(e->files, e->nr_files, kind, post_id);
}

/* Adds a change; takes its own reference to old_text. A notice that cannot be kept for want of memory is lost, which is
 * said aloud: the kernel then shows the old text until it forgets it. */
void news_add(struct news *news, const struct store_change *change)
{
	if (news->nr == news->cap) {
		size_t cap = news->cap ? news->cap * 2 : 16;
		struct store_change *p = reallocarray(news->items, cap, sizeof(*p));

		if (!p) {
			log_error("store", "out of memory: a change is not announced id=%lld",
				  (long long)change->id);
			return;
		}
		news->items = p;
		news->cap = cap;
	}
	news->items[news->nr] = *change;
	if (change->old_text)
		blob_ref(change->old_text);
	news->nr++;
}

void store_tell(struct store *st, struct news *news)
{
	for (size_t i = 0; i < news->nr; i++) {
		if (st->news)
			st->news(st->news_userdata, &news->items[i]);
		blob_unref(news->items[i].old_text);
	}
	free(news->items);
	*news = (struct news){ 0 };
}

static void tell_file(struct news *news, enum store_event event, int64_t id, const struct file *f,
		      uint32_t old_version, struct blob *old_text)
{
	struct store_change c = {
		.event = event,
		.id = id,
		.file = file_public(f),
		.old_version = old_version,
		.old_text = old_text,
	};

	news_add(news, &c);
}

static void tell_question(struct news *news, enum store_event event, int64_t id, uint32_t tag)
{
	news_add(news, &(struct store_change){ .event = event, .id = id, .tag = tag });
}

/* A piece of the old blob as a blob of its own: readers of the old version may keep it long after the rest is gone. */
static struct blob *old_text(const struct blob *old, const struct file *f)
{
	if (!old || (uint64_t)f->off + f->size > old->size)
		return NULL;
	return blob_new(old->data + f->off, f->size);
}

/* Gives each new file its version and tells what differs from the old ones. */
static void diff_files_locked(struct store *st, struct entry *e, struct texts *t,
			      const struct blob *old, bool tags_changed, struct news *news)
{
	for (uint32_t i = 0; i < t->nr_files; i++) {
		struct file *f = &t->files[i];
		struct file *was = file_find(e, (enum file_kind)f->kind, f->post_id);

		if (was && was->hash == f->hash && was->size == f->size) {
			f->version = was->version;
			if (was->mtime_s != f->mtime_s || tags_changed)
				tell_file(news, STORE_FILE_CHANGED, e->id, f, f->version, NULL);
			continue;
		}
		f->version = ++st->next_version;
		if (was) {
			_cleanup_(blob_unrefp) struct blob *text = old_text(old, was);

			tell_file(news, STORE_FILE_CHANGED, e->id, f, was->version, text);
		} else {
			tell_file(news, STORE_FILE_NEW, e->id, f, 0, NULL);
		}
	}
	for (uint32_t i = 0; i < e->nr_files; i++) {
		struct file *was = &e->files[i];

		if (!files_find(t->files, t->nr_files, (enum file_kind)was->kind, was->post_id)) {
			_cleanup_(blob_unrefp) struct blob *text = old_text(old, was);

			tell_file(news, STORE_FILE_GONE, e->id, was, was->version, text);
		}
	}
}

static bool has_index(const uint32_t *tags, size_t nr, uint32_t index)
{
	for (size_t i = 0; i < nr; i++)
		if (tags[i] == index)
			return true;
	return false;
}

/* Replaces the entry's tags. True if they differ (in any order); is_new: nothing is told of single tags. */
static int set_tags_locked(struct store *st, struct entry *e, const struct question *q, bool is_new,
			   struct news *news, bool *ret_changed)
{
	size_t max = q->nr_tags < MAX_TAGS ? q->nr_tags : MAX_TAGS;
	uint32_t *tags = calloc(max ? max : 1, sizeof(*tags));
	size_t nr = 0;
	bool changed = false;

	if (!tags)
		return -ENOMEM;
	for (size_t i = 0; i < max; i++) {
		struct tagent *t = tag_intern_locked(st, q->tags[i]);

		if (t && !has_index(tags, nr, t->index))
			tags[nr++] = t->index;
	}
	for (size_t i = 0; i < e->nr_tags; i++) {
		if (has_index(tags, nr, e->tags[i]))
			continue;
		changed = true;
		tag_remove_locked(tag_get_locked(st, e->tags[i]), e, news);
		tell_question(news, STORE_QUESTION_UNTAGGED, e->id, e->tags[i]);
	}
	for (size_t i = 0; i < nr; i++) {
		struct tagent *t = tag_get_locked(st, tags[i]);

		if (e->activity_s > t->newest_s)
			t->newest_s = e->activity_s;
		if (has_index(e->tags, e->nr_tags, tags[i]))
			continue;
		if (tag_insert_locked(t, e, news) < 0)
			log_error("store",
				  "out of memory: question is missing in a tag id=%lld tag=%s",
				  (long long)e->id, t->name);
		changed = true;
		if (!is_new)
			tell_question(news, STORE_QUESTION_TAGGED, e->id, tags[i]);
	}
	free(e->tags);
	e->tags = tags;
	e->nr_tags = (uint16_t)nr;
	*ret_changed = changed;
	return 0;
}

static struct entry *entry_new_locked(struct store *st, int64_t id)
{
	struct entry *e;

	if (st->nr_order == st->cap_order) {
		size_t cap = st->cap_order ? st->cap_order * 2 : 256;
		struct entry **p = reallocarray(st->order, cap, sizeof(*p));

		if (!p)
			return NULL;
		st->order = p;
		st->cap_order = cap;
	}
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->id = id;
	e->is_gone = true; /* until it is installed */
	list_init(&e->lru);
	if (map_put(&st->entries, (uint64_t)id, e) < 0) {
		free(e);
		return NULL;
	}
	e->seq = st->nr_order;
	st->order[st->nr_order++] = e;
	return e;
}

static int install_locked(struct store *st, const struct question *q, uint64_t json_hash,
			  struct texts *t, const struct blob *old, struct news *news,
			  struct entry **ret)
{
	struct entry *e = map_get(&st->entries, (uint64_t)q->id);
	bool is_new, is_back = e, tags_changed = false;
	int r;

	if (!e)
		e = entry_new_locked(st, q->id);
	if (!e)
		return -ENOMEM;
	is_new = e->is_gone;
	e->created_s = q->created_s;
	e->activity_s = q->activity_s;
	r = set_tags_locked(st, e, q, is_new, news, &tags_changed);
	if (r < 0)
		return r;
	if (is_new) {
		for (uint32_t i = 0; i < t->nr_files; i++)
			t->files[i].version = ++st->next_version;
		e->is_gone = false;
		st->nr_live++;
		news_add(news, &(struct store_change){ .event = STORE_QUESTION_NEW,
						       .id = e->id,
						       .is_back = is_back });
	} else {
		diff_files_locked(st, e, t, old, tags_changed, news);
		tell_question(news, STORE_QUESTION_CHANGED, e->id, 0);
	}
	st->nr_files = st->nr_files - e->nr_files + t->nr_files; /* 64 bits: it may shrink */
	free(e->files);
	e->files = TAKE_PTR(t->files);
	e->nr_files = t->nr_files;
	e->nr_answers = (uint32_t)q->nr_answers;
	e->json_hash = json_hash;
	if (e->activity_s > st->newest_activity_s)
		st->newest_activity_s = e->activity_s;
	texts_keep_locked(st, e, t->blob);
	*ret = e;
	return 0;
}

/* The texts that readers of the present version may still want when it is replaced; NULL if they are lost. */
static struct blob *texts_before(struct store *st, int64_t id)
{
	struct texts t = { 0 };
	struct entry *e;
	struct blob *b = NULL;

	pthread_mutex_lock(&st->lock);
	e = entry_find_locked(st, id);
	if (e && e->texts)
		b = blob_ref(e->texts);
	pthread_mutex_unlock(&st->lock);
	if (!b && e && texts_rebuild(st, id, &t) == 0) {
		b = blob_ref(t.blob);
		texts_release(&t);
	}
	return b;
}

/* As before, but perhaps its texts or its JSON had been evicted: then they are here again. */
static int ingest_unchanged(struct store *st, const struct question *q, struct entry *e)
{
	struct texts t = { 0 };
	bool has_texts;
	int r;

	pthread_mutex_lock(&st->lock);
	has_texts = e->texts != NULL;
	if (has_texts)
		texts_touch_locked(st, e);
	negative_del_locked(st, q->id);
	pthread_mutex_unlock(&st->lock);
	if (has_texts)
		return 0;
	r = texts_render(q, &t);
	if (r < 0)
		return r;
	pthread_mutex_lock(&st->lock);
	texts_keep_locked(st, e, t.blob);
	pthread_mutex_unlock(&st->lock);
	texts_release(&t);
	return 0;
}

/* A server whose data are broken has thousands of them: the first few say what is wrong. */
static void warn_left_out(const char *why)
{
	enum { LOUD = 20 };
	static atomic_uint nr;
	unsigned n = atomic_fetch_add(&nr, 1);

	if (n < LOUD)
		log_warning("store", "left out something that is no question: %s%s", why,
			    n == LOUD - 1 ? "; further ones are told at level debug only" : "");
	else
		log_debug("store", "left out something that is no question: %s", why);
}

int64_t store_ingest(struct store *st, const struct api_item *item, bool is_encoded,
		     const struct vector *asked, struct entry **ret)
{
	_cleanup_(question_freep) struct question *q = NULL;
	_cleanup_(blob_unrefp) struct blob *old = NULL;
	uint64_t hash = hash_content(HASH_SEED + is_encoded, item->json, item->len);
	unsigned flags = is_encoded ? BACKING_ENCODED : 0;
	struct failure failure = { 0 };
	struct news news = { 0 };
	struct texts t = { 0 };
	struct entry *e;
	int r;

	r = api_decode_question(item->json, item->len, is_encoded, &q, &failure);
	if (r < 0) {
		warn_left_out(failure.text);
		return r;
	}
	if (asked && !vector_has(asked, q->id)) {
		log_warning("store", "left out a question that was not asked for id=%lld",
			    (long long)q->id);
		return -EBADMSG;
	}
	pthread_mutex_lock(&st->lock);
	e = entry_find_locked(st, q->id);
	if (e && e->json_hash != hash)
		e = NULL;
	pthread_mutex_unlock(&st->lock);
	if (!e || !backing_has(st->backing, q->id)) {
		if (!e)
			old = texts_before(st, q->id);
		/* Not being able to keep the JSON is no reason to refuse the question. */
		if (backing_put(st->backing, q->id, item->json, item->len, flags) < 0)
			backing_drop(st->backing, q->id);
	}
	if (e) {
		r = ingest_unchanged(st, q, e);
		*ret = e;
		return r < 0 ? r : q->id;
	}
	r = texts_render(q, &t);
	if (r < 0)
		return r;
	pthread_mutex_lock(&st->lock);
	r = install_locked(st, q, hash, &t, old, &news, ret);
	negative_del_locked(st, q->id);
	pthread_mutex_unlock(&st->lock);
	if (r < 0) /* what is kept must not be newer than what is known */
		backing_drop(st->backing, q->id);
	texts_release(&t);
	store_tell(st, &news);
	return r < 0 ? r : q->id;
}

void store_remove(struct store *st, int64_t id)
{
	_cleanup_(blob_unrefp) struct blob *old = texts_before(st, id);
	struct news news = { 0 };
	struct entry *e;

	pthread_mutex_lock(&st->lock);
	e = entry_find_locked(st, id);
	if (!e) {
		pthread_mutex_unlock(&st->lock);
		return;
	}
	for (uint32_t i = 0; i < e->nr_files; i++) {
		_cleanup_(blob_unrefp) struct blob *text = old_text(old, &e->files[i]);

		tell_file(&news, STORE_FILE_GONE, id, &e->files[i], e->files[i].version, text);
	}
	tell_question(&news, STORE_QUESTION_GONE, id, 0);
	for (size_t i = 0; i < e->nr_tags; i++) {
		tag_remove_locked(tag_get_locked(st, e->tags[i]), e, &news);
		tell_question(&news, STORE_QUESTION_UNTAGGED, id, e->tags[i]);
	}
	texts_drop_locked(st, e);
	st->nr_files -= e->nr_files;
	st->nr_live--;
	free(e->files);
	e->files = NULL;
	e->nr_files = 0;
	e->nr_tags = 0;
	e->is_gone = true;
	pthread_mutex_unlock(&st->lock);
	backing_drop(st->backing, id);
	store_tell(st, &news);
}
