/* Questions by id: many readers, few requests.
 *
 * An id that somebody wants is queued, and sent together with others as one vector of up to 100 ids. A lone reader must
 * not wait for company, and a crowd (32 processes that each read one file after the other) must not be served one by
 * one. So:
 *
 *   - nothing in flight and no crowd lately: the id goes out at once;
 *   - something is in flight: ids gather until it returns, or for GATHER_MS;
 *   - a crowd was answered a moment ago: it will come back, but not all at the same instant; ids gather until
 *     nobody new came for QUIET_MS, or for CROWD_MS, or until there are as many as there were readers the last times
 *     (once is not enough: while a crowd is still growing, its first few would be taken for all of it). While a
 *     vector of a crowd is on its way, the others wait for it, for FLIGHT_MS at most: or there would soon be two
 *     crowds of half the size, that take turns.
 *
 * A vector for texts that were evicted is filled up with questions that come next in the directory and were evicted as
 * well: that is where a scan will go.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include <sofs/base/clock.h>
#include <sofs/base/log.h>

#include "internal.h"

enum {
	GATHER_MS = 150,
	QUIET_MS = 30,
	CROWD_MS = 250,
	FLIGHT_MS = 400,
	CROWD_MEMORY_MS = 2000,
	CROWD_STREAK = 2,
	CROWD_MIN = 3, /* two readers are none: the second would wait for nobody */
};

struct vector {
	struct store *st;
	size_t nr;
	size_t nr_asked; /* the first ones: somebody asked for them; the others ride along */
	int64_t ids[API_MAX_IDS];
	struct want *wants[API_MAX_IDS];
	unsigned pagesize;
};

bool negative_check_locked(struct store *st, int64_t id)
{
	uintptr_t until_s = (uintptr_t)map_get(&st->negatives, (uint64_t)id);

	if (!until_s)
		return false;
	if (until_s > clock_mono_ms() / 1000)
		return true;
	map_del(&st->negatives, (uint64_t)id);
	return false;
}

void negative_add_locked(struct store *st, int64_t id)
{
	uintptr_t until_s = (uintptr_t)(clock_mono_ms() / 1000 + NEGATIVE_TTL_S);

	if (st->negatives.nr >= MAX_NEGATIVES)
		map_release(&st->negatives); /* asking again is right, only slower */
	if (map_put(&st->negatives, (uint64_t)id, (void *)until_s) < 0)
		log_error("store", "out of memory: an absent id is not remembered");
}

void negative_del_locked(struct store *st, int64_t id)
{
	map_del(&st->negatives, (uint64_t)id);
}

static void want_free_locked(struct store *st, struct want *w)
{
	if (!w->vector)
		st->nr_wanted--;
	list_del(&w->node);
	map_del(&st->wants, (uint64_t)w->id);
	free(w);
}

static struct want *want_new_locked(struct store *st, int64_t id, bool is_refetch)
{
	struct want *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->id = id;
	w->is_refetch = is_refetch;
	list_init(&w->waiters);
	list_init(&w->node);
	if (map_put(&st->wants, (uint64_t)id, w) < 0) {
		free(w);
		return NULL;
	}
	return w;
}

int want_locked(struct store *st, int64_t id, bool is_refetch, struct store_waiter *waiter)
{
	struct want *w = map_get(&st->wants, (uint64_t)id);
	uint64_t now = clock_mono_ms();

	if (st->is_stopping)
		return -EHOSTUNREACH;
	if (!w) {
		w = want_new_locked(st, id, is_refetch);
		if (!w)
			return -ENOMEM;
		list_push_back(&st->wanted, &w->node);
		if (!st->nr_wanted++)
			st->first_wanted_ms = now;
	}
	st->last_wanted_ms = now;
	waiter_park_locked(st, &w->waiters, API_QUESTIONS_BY_ID, waiter);
	vector_kick_locked(st);
	return 0;
}

void wants_arrived_locked(struct store *st, struct entry *const *entries, size_t nr,
			  struct list *answered)
{
	for (size_t i = 0; i < nr; i++) {
		struct want *w = map_get(&st->wants, (uint64_t)entries[i]->id);

		if (!w || w->is_refresh)
			continue;
		waiters_take_locked(st, &w->waiters, answered);
		if (!w->vector) /* not asked for yet: then never */
			want_free_locked(st, w);
	}
}

static int compare_ids(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* Independent of the order of the ids, as the server's cache is. */
static uint64_t vector_hash(const struct vector *v)
{
	int64_t ids[API_MAX_IDS];

	memcpy(ids, v->ids, v->nr * sizeof(*ids));
	qsort(ids, v->nr, sizeof(*ids), compare_ids);
	return hash_bytes(HASH_SEED + v->pagesize, ids, v->nr * sizeof(*ids));
}

static bool was_sent_lately_locked(struct store *st, uint64_t hash)
{
	uint64_t now = clock_mono_ms();

	for (size_t i = 0; i < ARRAY_SIZE(st->recent); i++)
		if (st->recent[i].hash == hash && st->recent[i].at_ms + RECENT_S * 1000 > now)
			return true;
	return false;
}

static bool vector_add_locked(struct store *st, struct vector *v, struct entry *e)
{
	struct want *w;

	if (map_get(&st->wants, (uint64_t)e->id))
		return false;
	w = want_new_locked(st, e->id, true);
	if (!w)
		return false;
	w->vector = v;
	v->wants[v->nr] = w;
	v->ids[v->nr++] = e->id;
	return true;
}

/* Fills up with the questions behind `from` whose texts are gone. */
static void vector_fill_locked(struct store *st, struct vector *v, const struct entry *from)
{
	for (uint64_t i = from->seq + 1; i < st->nr_order && v->nr < API_MAX_IDS; i++) {
		struct entry *e = st->order[i];

		if (!e->is_gone && !e->texts && !backing_has(st->backing, e->id))
			vector_add_locked(st, v, e);
	}
}

/* The server answers the very same vector from its cache for a minute, and counts it as a breach of the rules; one id
 * more or less makes it another question. Where there are no more ids, a smaller page that still holds all does. */
static void vector_vary_locked(struct store *st, struct vector *v)
{
	uint64_t first = (uint64_t)v->ids[0];

	while (v->nr > v->nr_asked && was_sent_lately_locked(st, vector_hash(v)))
		want_free_locked(st, v->wants[--v->nr]);
	for (uint64_t i = 0; i < st->nr_order && v->nr < API_MAX_IDS; i++) {
		struct entry *e = st->order[(first + i) % st->nr_order];

		if (!was_sent_lately_locked(st, vector_hash(v)))
			break;
		if (!e->is_gone)
			vector_add_locked(st, v, e);
	}
	while (v->pagesize > v->nr && was_sent_lately_locked(st, vector_hash(v)))
		v->pagesize--;
}

static void vector_done(void *userdata, const struct failure *failure, const struct api_page *page);

/* It could not be sent, for want of memory: who asked waits on, and it is tried again in a while. */
static void vector_put_back_locked(struct store *st, struct vector *v)
{
	while (v->nr > v->nr_asked)
		want_free_locked(st, v->wants[--v->nr]);
	while (v->nr) {
		struct want *w = v->wants[--v->nr];

		w->vector = NULL;
		list_push_front(&st->wanted, &w->node);
		st->nr_wanted++;
	}
	free(v);
}

static int vector_send_locked(struct store *st)
{
	struct vector *v = calloc(1, sizeof(*v));
	struct entry *refetched = NULL;
	struct api_query q;
	uint64_t now = clock_mono_ms();
	int r;

	if (!v)
		return -ENOMEM;
	v->st = st;
	v->pagesize = API_PAGESIZE;
	list_for_each_safe (pos, next, &st->wanted) {
		struct want *w = list_entry(pos, struct want, node);

		if (v->nr == API_MAX_IDS)
			break;
		if (w->is_refetch)
			refetched = map_get(&st->entries, (uint64_t)w->id);
		list_del(&w->node);
		st->nr_wanted--;
		w->vector = v;
		v->wants[v->nr] = w;
		v->ids[v->nr++] = w->id;
	}
	v->nr_asked = v->nr;
	st->first_wanted_ms = now;
	if (refetched)
		vector_fill_locked(st, v, refetched);
	vector_vary_locked(st, v);
	q = (struct api_query){
		API_QUERY_INIT,  .route = API_QUESTIONS_BY_ID, .ids = v->ids,
		.nr_ids = v->nr, .pagesize = v->pagesize,
	};
	r = api_get(st->api, &q, vector_done, v, NULL);
	if (r < 0) {
		vector_put_back_locked(st, v);
		if (r != -ECANCELED) /* the process is ending */
			log_error("store", "cannot queue a request for questions: %s",
				  strerror(-r));
		return r;
	}
	st->recent[st->next_recent].hash = vector_hash(v);
	st->recent[st->next_recent].at_ms = now;
	st->next_recent = (st->next_recent + 1) % ARRAY_SIZE(st->recent);
	st->vectors_in_flight++;
	return 0;
}

/* When the queued ids may go out, as clock_mono_ms(); 0: now. */
static uint64_t vector_due_locked(const struct store *st)
{
	uint64_t now = clock_mono_ms(), due, newest, oldest;

	if (st->nr_wanted >= API_MAX_IDS)
		return 0;
	if (st->crowd >= CROWD_MIN && st->crowd_at_ms + CROWD_MEMORY_MS > now) {
		if (st->nr_wanted >= st->crowd && st->crowd_streak >= CROWD_STREAK &&
		    !st->vectors_in_flight)
			return 0;
		/* Those who gathered while others were on their way must not leave at once when these return, or the crowd
		 * stays split into two that take turns. */
		newest = MAX(st->last_wanted_ms, st->crowd_at_ms);
		oldest = MAX(st->first_wanted_ms, st->crowd_at_ms);
		due = MIN(newest + QUIET_MS, oldest + CROWD_MS);
		if (st->vectors_in_flight)
			due = st->first_wanted_ms + FLIGHT_MS;
	} else if (st->vectors_in_flight) {
		due = st->first_wanted_ms + GATHER_MS;
	} else {
		return 0;
	}
	return due > now ? due : 0;
}

void vector_kick_locked(struct store *st)
{
	while (st->nr_wanted && st->vectors_in_flight < st->config.concurrency) {
		uint64_t due = vector_due_locked(st);

		if (due) {
			timer_start(st->config.timers, &st->vector_timer, due);
			return;
		}
		if (vector_send_locked(st) < 0) {
			timer_start(st->config.timers, &st->vector_timer,
				    clock_mono_ms() + CROWD_MS);
			return;
		}
	}
}

static void vector_timer_fired(struct timer *t)
{
	struct store *st = container_of(t, struct store, vector_timer);

	pthread_mutex_lock(&st->lock);
	if (!st->is_stopping)
		vector_kick_locked(st);
	pthread_mutex_unlock(&st->lock);
}

void vector_init(struct store *st)
{
	list_init(&st->wanted);
	st->vector_timer.fire = vector_timer_fired;
}

/* Whether somebody waits for a text that is not here. */
static bool is_lost(struct store *st, const struct want *w)
{
	struct entry *e;
	bool is;

	pthread_mutex_lock(&st->lock);
	e = entry_find_locked(st, w->id);
	is = e && !e->texts && !list_empty(&w->waiters) && !backing_has(st->backing, w->id);
	pthread_mutex_unlock(&st->lock);
	return is;
}

/* Takes the items in, and marks the wants that were answered by NULL in v->wants... by clearing their ids. */
bool vector_has(const struct vector *v, int64_t id)
{
	for (size_t k = 0; k < v->nr; k++)
		if (v->wants[k]->id == id)
			return true;
	return false;
}

static size_t vector_ingest(struct vector *v, const struct api_page *page)
{
	const struct api_item *items[API_MAX_IDS] = { NULL }; /* of v->wants */
	size_t broken = 0;

	for (size_t i = 0; i < page->nr_items; i++) {
		struct entry *e;
		int64_t id = store_ingest(v->st, &page->items[i], page->is_encoded, v, &e);

		if (id < 0)
			broken++;
		for (size_t k = 0; id > 0 && k < v->nr; k++)
			if (v->ids[k] == id) {
				v->ids[k] = 0;
				items[k] = &page->items[i];
			}
	}
	/* With little memory what somebody waits for was perhaps evicted by what came after it. */
	for (size_t k = 0; k < v->nr; k++) {
		struct entry *e;

		if (items[k] && is_lost(v->st, v->wants[k]))
			(void)!store_ingest(v->st, items[k], page->is_encoded, v, &e);
	}
	return broken + page->nr_dropped;
}

static void vector_done(void *userdata, const struct failure *failure, const struct api_page *page)
{
	struct vector *v = userdata;
	struct store *st = v->st;
	struct failure broken = { 0 };
	struct list answered, failed;
	unsigned crowd = 0;

	list_init(&answered);
	list_init(&failed);
	if (page && vector_ingest(v, page))
		failure_set(&broken, -EIO,
			    "the server sent something that is no question in its place");
	/* What is absent from a good answer does not exist (any more). */
	for (size_t i = 0; page && !broken.err && i < v->nr; i++)
		if (v->ids[i])
			store_remove(st, v->ids[i]);

	pthread_mutex_lock(&st->lock);
	st->vectors_in_flight--;
	if (page)
		st->fetched_at_s = clock_wall_s();
	for (size_t i = 0; i < v->nr; i++) {
		struct want *w = v->wants[i];
		bool is_bad = failure || (v->ids[i] && broken.err);

		if (!list_empty(&w->waiters))
			crowd++;
		if (!is_bad && v->ids[i])
			negative_add_locked(st, w->id);
		waiters_take_locked(st, &w->waiters, is_bad ? &failed : &answered);
		want_free_locked(st, w);
	}
	crowd += st->nr_wanted; /* readers: those answered, and those who gathered meanwhile */
	if (st->crowd_at_ms + CROWD_MEMORY_MS < clock_mono_ms() || crowd > st->crowd) {
		st->crowd = crowd;
		st->crowd_streak = 0;
	}
	if (crowd >= st->crowd)
		st->crowd_streak++;
	st->crowd_at_ms = clock_mono_ms();
	pthread_mutex_unlock(&st->lock);

	waiters_wake(&answered, NULL);
	waiters_wake(&failed, failure ? failure : &broken);
	free(v);

	pthread_mutex_lock(&st->lock);
	if (!st->is_stopping)
		vector_kick_locked(st);
	pthread_mutex_unlock(&st->lock);
}
