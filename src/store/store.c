/* The store as a whole: creation, waiters, and what is answered from what is here. */
#include <sofs/store.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/base/clock.h>

#include "internal.h"

int store_new(const struct store_config *config, struct api *api, struct store **ret)
{
	struct store *st = calloc(1, sizeof(*st));
	int r;

	if (!st)
		return -ENOMEM;
	pthread_mutex_init(&st->lock, NULL);
	st->config = *config;
	st->api = api;
	list_init(&st->lru);
	list_init(&st->tag_list_waiters);
	list_init(&st->tag_wants);
	vector_init(st);
	listing_init(&st->all, st, 0, false);
	listing_init(&st->refresh, st, 0, true);
	/* Compressed JSON may take most of the memory: it is three times as dense as what it can make again. */
	r = backing_new(config->memory_bytes / 4 * 3, &st->backing);
	if (r < 0) {
		store_free(st);
		return r;
	}
	*ret = st;
	return 0;
}

void store_set_news(struct store *st, store_news_fn fn, void *userdata)
{
	st->news = fn;
	st->news_userdata = userdata;
}

void store_free(struct store *st)
{
	uint64_t key;
	size_t pos = 0;
	void *value;

	if (!st)
		return;
	while (map_next(&st->entries, &pos, &key, &value))
		entry_free(value);
	pos = 0;
	while (map_next(&st->wants, &pos, &key, &value))
		free(value);
	map_release(&st->entries);
	map_release(&st->wants);
	map_release(&st->negatives);
	listing_release(&st->all);
	listing_release(&st->refresh);
	tags_release(st);
	free(st->order);
	backing_free(st->backing);
	pthread_mutex_destroy(&st->lock);
	free(st);
}

void waiter_park_locked(struct store *st, struct list *waiters, enum api_route route,
			struct store_waiter *w)
{
	if (!w)
		return;
	w->route = route;
	list_push_back(waiters, &w->node);
	w->is_parked = true;
	st->nr_waiting++;
}

void waiters_take_locked(struct store *st, struct list *waiters, struct list *out)
{
	list_for_each (pos, waiters) {
		list_entry(pos, struct store_waiter, node)->is_parked = false;
		st->nr_waiting--;
	}
	list_splice(out, waiters);
}

void waiters_wake(struct list *out, const struct failure *failure)
{
	while (!list_empty(out)) {
		struct store_waiter *w = list_entry(out->next, struct store_waiter, node);

		list_del(&w->node);
		w->wake(w, failure);
	}
}

bool store_cancel(struct store *st, struct store_waiter *w)
{
	bool was;

	pthread_mutex_lock(&st->lock);
	was = w->is_parked;
	if (was) {
		list_del(&w->node);
		w->is_parked = false;
		st->nr_waiting--;
	}
	pthread_mutex_unlock(&st->lock);
	return was;
}

/* A pause that the server asked for holds for one route only. */
int store_wait_reason(struct store *st, const struct store_waiter *w, struct failure *failure)
{
	enum api_route route;
	int r;

	pthread_mutex_lock(&st->lock);
	route = w->route;
	pthread_mutex_unlock(&st->lock);
	r = api_obstacle(st->api, route, failure);
	if (r == 0) {
		failure_set(failure, -ETIMEDOUT, "the server did not answer within %u s",
			    st->config.timeout_s);
		r = -ETIMEDOUT;
	}
	return r;
}

bool store_wait_is_vain(struct store *st, const struct store_waiter *w)
{
	enum api_route route;
	struct failure failure;
	bool is_parked;

	pthread_mutex_lock(&st->lock);
	route = w->route;
	is_parked = w->is_parked;
	pthread_mutex_unlock(&st->lock);
	return is_parked &&
	       api_obstacle_for(st->api, route, st->config.timeout_s * 1000ULL, &failure) == -EBUSY;
}

bool store_peek_question(struct store *st, int64_t id, struct store_question *ret)
{
	struct entry *e;

	pthread_mutex_lock(&st->lock);
	e = entry_find_locked(st, id);
	if (e)
		entry_public(e, ret);
	pthread_mutex_unlock(&st->lock);
	return e;
}

int store_get_question(struct store *st, int64_t id, struct store_question *ret,
		       struct store_waiter *w)
{
	struct entry *e;
	int r = 0;

	pthread_mutex_lock(&st->lock);
	e = entry_find_locked(st, id);
	if (e) {
		entry_public(e, ret);
	} else if ((st->all.state == LIST_COMPLETE && !st->all.is_cut && !st->all.nr_broken &&
		    !st->config.is_public) ||
		   negative_check_locked(st, id)) {
		r = -ENOENT;
	} else {
		r = want_locked(st, id, false, w);
		if (r == 0)
			r = -EINPROGRESS;
	}
	pthread_mutex_unlock(&st->lock);
	return r;
}

int store_get_files(struct store *st, int64_t id, struct store_file **ret, size_t *ret_nr)
{
	struct store_file *files = NULL;
	struct entry *e;
	int r = -ENOENT;

	pthread_mutex_lock(&st->lock);
	e = entry_find_locked(st, id);
	if (e) {
		files = calloc(e->nr_files ? e->nr_files : 1, sizeof(*files));
		r = files ? 0 : -ENOMEM;
		for (uint32_t i = 0; files && i < e->nr_files; i++)
			files[i] = file_public(&e->files[i]);
		*ret_nr = e->nr_files;
	}
	pthread_mutex_unlock(&st->lock);
	if (r == 0)
		*ret = files;
	return r;
}

int store_get_file(struct store *st, int64_t id, enum file_kind kind, int64_t post_id,
		   struct store_file *ret)
{
	struct entry *e;
	struct file *f = NULL;

	pthread_mutex_lock(&st->lock);
	e = entry_find_locked(st, id);
	if (e)
		f = file_find(e, kind, post_id);
	if (f)
		*ret = file_public(f);
	pthread_mutex_unlock(&st->lock);
	return f ? 0 : -ENOENT;
}

/* Whether what was rendered just now is what the file should be. For a moment, while a new version is taken in, the JSON that
 * is kept is newer than the files that are known. */
static bool is_same_text(const struct texts *t, const struct file *f)
{
	const struct file *is = texts_find(t, (enum file_kind)f->kind, f->post_id);

	return is && is->hash == f->hash && is->off == f->off && is->size == f->size;
}

/* Copies where a file is in the texts. -ESTALE if that version is not the present one. Lock held. */
static int text_at_locked(struct entry *e, enum file_kind kind, int64_t post_id, uint32_t version,
			  size_t *ret_off, size_t *ret_size)
{
	struct file *f = e ? file_find(e, kind, post_id) : NULL;

	if (!f || f->version != version)
		return -ESTALE;
	*ret_off = f->off;
	*ret_size = f->size;
	return 0;
}

int store_get_text(struct store *st, int64_t id, enum file_kind kind, int64_t post_id,
		   uint32_t version, struct blob **ret, size_t *ret_off, size_t *ret_size,
		   struct store_waiter *w)
{
	struct texts t = { 0 };
	struct entry *e;
	int r;

	pthread_mutex_lock(&st->lock);
	e = entry_find_locked(st, id);
	r = text_at_locked(e, kind, post_id, version, ret_off, ret_size);
	if (r == 0 && e->texts) {
		*ret = blob_ref(e->texts);
		texts_touch_locked(st, e);
		pthread_mutex_unlock(&st->lock);
		return 0;
	}
	pthread_mutex_unlock(&st->lock);
	if (r < 0)
		return r;

	r = texts_rebuild(st, id, &t);
	pthread_mutex_lock(&st->lock);
	e = entry_find_locked(st, id);
	if (r == 0) {
		/* It may have been replaced while the lock was free: then the new texts are not these. */
		r = text_at_locked(e, kind, post_id, version, ret_off, ret_size);
		if (r == 0 && !is_same_text(&t, file_find(e, kind, post_id)))
			r = -ESTALE;
		if (r == 0) {
			texts_keep_locked(st, e, t.blob);
			*ret = blob_ref(t.blob);
		}
	} else if (r != -ENOMEM) {
		r = e ? want_locked(st, id, true, w) : -ESTALE;
		if (r == 0)
			r = -EINPROGRESS;
	}
	pthread_mutex_unlock(&st->lock);
	texts_release(&t);
	return r;
}

int store_get_model(struct store *st, int64_t id, struct question **ret, struct store_waiter *w)
{
	_cleanup_(strbuf_release) struct strbuf json = STRBUF_INIT;
	struct failure failure;
	unsigned flags = 0;
	int r;

	r = backing_get(st->backing, id, &json, &flags);
	if (r == 0)
		r = api_decode_question(json.buf, json.len, flags & BACKING_ENCODED, ret, &failure);
	if (r == 0 || r == -ENOMEM)
		return r;
	pthread_mutex_lock(&st->lock);
	r = entry_find_locked(st, id) ? want_locked(st, id, true, w) : -ENOENT;
	if (r == 0)
		r = -EINPROGRESS;
	pthread_mutex_unlock(&st->lock);
	return r;
}

int64_t store_newest_activity(struct store *st)
{
	int64_t t;

	pthread_mutex_lock(&st->lock);
	t = st->newest_activity_s;
	pthread_mutex_unlock(&st->lock);
	return t;
}

int store_refresh(struct store *st, int64_t id, struct store_waiter *w)
{
	struct want *want;
	int r;

	pthread_mutex_lock(&st->lock);
	if (id) {
		r = want_locked(st, id, false, w);
		want = map_get(&st->wants, (uint64_t)id);
		if (want)
			want->is_refresh = true;
	} else {
		r = listing_start_locked(&st->refresh);
		if (r == 0) {
			tags_restart_locked(st);
			waiter_park_locked(st, &st->refresh.waiters, API_QUESTIONS, w);
		}
	}
	pthread_mutex_unlock(&st->lock);
	return r < 0 ? r : -EINPROGRESS;
}

void store_get_status(struct store *st, struct store_status *ret)
{
	pthread_mutex_lock(&st->lock);
	*ret = (struct store_status){
		.nr_questions = st->nr_live,
		.nr_files = st->nr_files,
		.nr_tags = st->nr_tags,
		.has_all_questions =
			st->all.state == LIST_COMPLETE && !st->all.is_cut && !st->all.nr_broken,
		.has_all_tags = st->tags_state == TAGS_COMPLETE && !st->tags_cut,
		.is_listing = st->all.state == LIST_RUNNING || st->refresh.state == LIST_RUNNING,
		.questions_cut = st->all.is_cut && st->all.total > (int64_t)st->nr_live
					 ? (uint64_t)st->all.total - st->nr_live
					 : st->all.is_cut,
		.tags_cut = st->tags_cut,
		.listed_at_s = st->listed_at_s,
		.fetched_at_s = st->fetched_at_s,
		.rendered_bytes = st->rendered_bytes,
		.packed_bytes = backing_bytes(st->backing),
		.memory_bytes = st->config.memory_bytes,
		.nr_evictions = st->nr_evictions,
		.nr_waiting = st->nr_waiting,
	};
	pthread_mutex_unlock(&st->lock);
}
