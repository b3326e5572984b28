/* Listings of questions: all of them, or those of one tag.
 *
 * The API pages by offset over a live list, so a naive walk can miss what moved while it walked. Here:
 *
 *   1. PAGES. A window that new questions cannot enter (todate = T0, the server's time at the start) is read in the one
 *      order that only deletions can shift (creation, ascending). The first page goes alone: it may be the only
 *      one. With the second the `total` of the window is asked for, so that pages can then be fetched ahead,
 *      `concurrency` at a time, and none is asked for beyond the end. Pages are taken in as they arrive.
 *   2. TAIL. One request with min = T0 for what was created meanwhile.
 *   3. VERIFY, only if the distinct questions seen are not as many as the total said: something was deleted
 *      while we read, so that others slid over a page border and were missed, and some of what we have may be
 *      gone. The total is asked again (of the window that begins with the oldest question seen: the same numbers,
 *      but not the same request, which the server would answer from its cache), then pages are read backwards, from the newest.
 *      What was not confirmed in the part read again is gone. That part is enough when all questions that the first
 *      total counted have been seen by now, and as many of them are missing as the total has shrunk. Else the whole
 *      window is read, and there must be as many as the new total says; if not, something was deleted even while
 *      we verified, and it is done once more.
 *
 * Asking the total at the end instead would miss the case it is for: one question deleted that we have and one missed
 * because of it leave the count right and the list wrong. For the same reason it is not enough that the confirmed
 * ones and the rest add up. What is left is a deletion between the answers to the first page and to the first total.
 *
 * Listings larger than `list_limit`, and all of public sites, are read by activity, newest first, and end at the
 * limit. A failed page ends the listing for those who wait; whoever asks next goes on with the pages that are missing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/base/clock.h>
#include <sofs/base/log.h>

#include "internal.h"

enum {
	MAX_PAGES = 1000000,
	MAX_BARREN = 2, /* pages in a row without anything new, although there are more */
	MAX_VERIFIES = 3,
	RECENT_PAST_S = 2,
	FUTURE_S = 3600, /* beyond what any two clocks differ */
	RESUME_S = 600,  /* a failed listing goes on with its old window for so long */
};

struct page_job {
	struct listing *l;
	enum { JOB_PAGE, JOB_TOTAL, JOB_TAIL, JOB_VERIFY_TOTAL, JOB_VERIFY } kind;
	bool is_by_activity; /* as the listing was when it asked */
	unsigned page;
	/* what the answer brought, filled in without the lock */
	struct entry **entries;
	size_t nr_entries;
	size_t nr_broken;
};

static void job_done(void *userdata, const struct failure *failure, const struct api_page *page);

void listing_init(struct listing *l, struct store *st, uint32_t tag, bool is_refresh)
{
	*l = (struct listing){ .st = st, .tag = tag, .is_refresh = is_refresh, .total = -1 };
	list_init(&l->waiters);
}

static void listing_forget(struct listing *l)
{
	map_release(&l->seen);
	map_release(&l->surplus);
	map_release(&l->confirmed);
	free(l->done);
	l->done = NULL;
	l->done_bytes = 0;
}

void listing_release(struct listing *l)
{
	listing_forget(l);
}

bool listing_is_complete_locked(struct store *st, uint32_t tag)
{
	struct tagent *t = tag_get_locked(st, tag);

	if (st->all.state == LIST_COMPLETE && !st->all.is_cut)
		return true;
	if (!tag)
		return st->all.state == LIST_COMPLETE;
	return t && t->listing && t->listing->state == LIST_COMPLETE;
}

static bool page_is_done(const struct listing *l, unsigned page)
{
	return page / 8 < l->done_bytes && (l->done[page / 8] & (1u << (page % 8)));
}

static int page_set_done(struct listing *l, unsigned page)
{
	if (page / 8 >= l->done_bytes) {
		size_t bytes = page / 8 + 64;
		unsigned char *p = realloc(l->done, bytes);

		if (!p)
			return -ENOMEM;
		memset(p + l->done_bytes, 0, bytes - l->done_bytes);
		l->done = p;
		l->done_bytes = bytes;
	}
	l->done[page / 8] |= (unsigned char)(1u << (page % 8));
	return 0;
}

static unsigned limit_pages(const struct listing *l)
{
	uint64_t n = (l->st->config.list_limit + API_PAGESIZE - 1) / API_PAGESIZE;

	return n > MAX_PAGES ? MAX_PAGES : n ? (unsigned)n : 1;
}

/* Before the oldest question seen, and for each verification another time, so that it is another request. */
static int64_t verify_start(const struct listing *l, unsigned nr)
{
	return l->first_created_s > nr ? l->first_created_s - nr + 1 : 0;
}

static int ask_locked(struct listing *l, int kind, unsigned page)
{
	struct tagent *t = tag_get_locked(l->st, l->tag);
	struct page_job *job = calloc(1, sizeof(*job));
	struct api_query q = {
		API_QUERY_INIT,
		.route = API_QUESTIONS,
		.tag = t ? t->name : NULL,
		.sort = "creation",
		.is_ascending = true,
		.page = page,
		.budget_ms = LISTING_BUDGET_MS,
	};
	int r;

	if (!job)
		return -ENOMEM;
	*job = (struct page_job){
		.l = l,
		.kind = kind,
		.page = page,
		.is_by_activity = l->is_by_activity,
	};
	switch (job->kind) {
	case JOB_PAGE:
		/* The first page may be the only one, and then has to show what was created just now. It is the
		 * same with and without: what is new is at the other end. */
		q.todate = l->is_by_activity || page == 1 ? l->t0_s + FUTURE_S : l->t0_s;
		if (l->is_by_activity) {
			q.sort = "activity";
			q.is_ascending = false;
		}
		break;
	case JOB_TAIL:
		q.min = l->t0_s;
		break;
	case JOB_VERIFY_TOTAL:
		q.fromdate = verify_start(l, l->nr_verifies);
		_fallthrough_;
	case JOB_TOTAL:
		q.todate = l->t0_s;
		q.is_total_only = true;
		q.page = 0;
		break;
	case JOB_VERIFY:
		q.todate = l->t0_s;
		q.is_ascending = false;
		if (l->nr_verifies > 1)
			q.fromdate = verify_start(l, l->nr_verifies);
		break;
	}
	r = api_get(l->st->api, &q, job_done, job, NULL);
	if (r < 0) {
		free(job);
		return r;
	}
	l->in_flight++;
	return 0;
}

/* Asks for pages ahead as far as it is known that they exist. */
static int ask_pages_locked(struct listing *l)
{
	unsigned last = l->nr_pages;
	int r;

	while (l->in_flight < l->st->config.concurrency && l->next_page <= last) {
		if (page_is_done(l, l->next_page)) {
			l->next_page++;
			continue;
		}
		r = ask_locked(l, JOB_PAGE, l->next_page);
		if (r < 0)
			return r;
		l->next_page++;
	}
	return 0;
}

int listing_start_locked(struct listing *l)
{
	struct api_status status;
	struct list waiters;
	int r;

	list_init(&waiters);
	if (l->state == LIST_RUNNING || (l->state == LIST_COMPLETE && !l->is_refresh))
		return 0;
	if (l->in_flight)
		return 0; /* the remains of a failed run are about to end, and wake who waits now */
	if (l->started_s && l->state == LIST_NONE && l->started_s + RESUME_S > clock_wall_s()) {
		l->next_page = 1;
		if (!l->nr_pages)
			l->nr_pages = 1;
		while (l->next_page < l->nr_pages && page_is_done(l, l->next_page))
			l->next_page++;
	} else {
		listing_forget(l);
		list_splice(&waiters, &l->waiters);
		listing_init(l, l->st, l->tag, l->is_refresh);
		list_splice(&l->waiters, &waiters);
		api_get_status(l->st->api, &status);
		l->started_s = clock_wall_s();
		/* The skew is known to a second, and the bound is inclusive: closer to now, new questions would
		 * enter the window and upset the count. The same window again would be the same requests. */
		l->t0_s = l->started_s + status.clock_skew_s - RECENT_PAST_S;
		if (!l->tag && l->t0_s <= l->st->last_t0_s)
			l->t0_s = l->st->last_t0_s + 1;
		if (!l->tag)
			l->st->last_t0_s = l->t0_s;
		l->is_by_activity = l->st->config.is_public;
		l->nr_pages = 1;
		l->next_page = 1;
	}
	l->state = LIST_RUNNING;
	l->phase = LIST_PAGES;
	r = ask_pages_locked(l);
	if (r == 0 && !l->in_flight) { /* all pages had arrived before it failed */
		l->phase = LIST_TAIL;
		r = ask_locked(l, JOB_TAIL, l->tail_page = 1);
	}
	if (r < 0)
		l->state = LIST_NONE;
	return r;
}

/* What the confirmed part shows to be gone: seen in the window, but not when it was read again. */
static int64_t *unconfirmed_locked(struct listing *l, int64_t newer_than_s, size_t *ret_nr)
{
	int64_t *ids = calloc(l->seen.nr ? l->seen.nr : 1, sizeof(*ids));
	uint64_t key;
	size_t pos = 0, nr = 0;
	void *value;

	while (ids && map_next(&l->seen, &pos, &key, &value)) {
		const struct entry *e = value;

		if (e->created_s > newer_than_s && e->created_s <= l->t0_s &&
		    !map_get(&l->confirmed, key))
			ids[nr++] = e->id;
	}
	*ret_nr = nr;
	return ids;
}

/* A refresh has seen all that exists: what it has not seen is gone. */
static int64_t *not_refreshed_locked(struct listing *l, size_t *ret_nr)
{
	struct store *st = l->st;
	int64_t *ids = calloc(st->nr_order ? st->nr_order : 1, sizeof(*ids));
	size_t nr = 0;

	for (size_t i = 0; ids && i < st->nr_order; i++) {
		struct entry *e = st->order[i];

		if (!e->is_gone && !map_get(&l->seen, (uint64_t)e->id) && e->created_s <= l->t0_s)
			ids[nr++] = e->id;
	}
	*ret_nr = nr;
	return ids;
}

/* What was fetched before it was known that there are more than the limit, and is not among the newest. */
static int64_t *surplus_locked(struct listing *l, size_t *ret_nr)
{
	int64_t *ids = calloc(l->surplus.nr, sizeof(*ids));
	size_t pos = 0, nr = 0;
	uint64_t key;
	void *value;

	while (ids && map_next(&l->surplus, &pos, &key, &value))
		if (!map_get(&l->seen, key))
			ids[nr++] = (int64_t)key;
	*ret_nr = nr;
	return ids;
}

/* Out of memory only means that a few more stay than the limit says. */
static void add_surplus_locked(struct listing *l, struct entry *e)
{
	(void)!map_put(&l->surplus, (uint64_t)e->id, e);
}

static void complete_locked(struct listing *l)
{
	l->state = LIST_COMPLETE;
	if (l->nr_broken)
		errors_add(-EIO, l->tag ? "tags" : "questions", "list",
			   "the server sent things in the place of questions that are none",
			   "these are missing in the directory; `sofs refresh` asks again");
	if (!l->tag) {
		l->st->listed_at_s = clock_wall_s();
		log_info("store", "listed all questions%s seen=%zu total=%lld",
			 l->is_cut ? " up to list-limit" : "", l->seen.nr, (long long)l->total);
	}
	if (l->is_refresh && l->st->all.state == LIST_NONE && !l->st->all.in_flight) {
		l->st->all.state = LIST_COMPLETE;
		l->st->all.is_cut = l->is_cut;
		l->st->all.nr_broken = l->nr_broken;
	}
	listing_forget(l);
}

static int start_verify_locked(struct listing *l)
{
	l->phase = LIST_VERIFY_TOTAL;
	l->is_unsure = true;
	l->nr_verifies++;
	l->nr_window_before = l->nr_window;
	l->nr_broken_again = 0;
	map_release(&l->confirmed);
	return ask_locked(l, JOB_VERIFY_TOTAL, 0);
}

/* Whether what was seen is what there was. */
static bool is_window_sure(const struct listing *l)
{
	return !l->is_unsure && (l->total < 0 || (uint64_t)l->total == l->nr_window + l->nr_broken);
}

/* The window was read: what next? Returns 0 or -errno (the listing has failed). `gone` receives what is to be
 * removed once the lock is free. */
static int advance_locked(struct listing *l, int64_t **gone, size_t *nr_gone)
{
	if (l->phase == LIST_PAGES) {
		int r = ask_pages_locked(l);

		if (r < 0 || l->in_flight)
			return r;
		if (l->is_by_activity || l->nr_pages == 1)
			goto complete;
		l->phase = LIST_TAIL;
		return ask_locked(l, JOB_TAIL, l->tail_page = 1);
	}
	if (l->in_flight)
		return 0;
	if (l->phase == LIST_TAIL && (l->is_by_activity || is_window_sure(l)))
		goto complete;
	if (l->phase == LIST_TAIL) {
		log_info("store",
			 "questions were deleted while they were listed; reading again "
			 "seen=%llu total=%lld",
			 (unsigned long long)l->nr_window, (long long)l->total);
		return start_verify_locked(l);
	}
	return 0;
complete:
	if (l->surplus.nr)
		*gone = surplus_locked(l, nr_gone);
	else if (l->is_refresh && !l->is_cut &&
		 !l->nr_broken) /* what is broken may be one of those not seen */
		*gone = not_refreshed_locked(l, nr_gone);
	complete_locked(l);
	return 0;
}

/* Notes the questions of a page. Lock held. */
static size_t note_seen_locked(struct listing *l, struct page_job *job, struct map *set)
{
	size_t fresh = 0;

	for (size_t i = 0; i < job->nr_entries; i++) {
		struct entry *e = job->entries[i];

		if (!l->first_created_s || e->created_s < l->first_created_s)
			l->first_created_s = e->created_s;
		if (set != &l->seen && !map_get(set, (uint64_t)e->id) &&
		    map_put(set, (uint64_t)e->id, e) < 0)
			continue;
		if (map_get(&l->seen, (uint64_t)e->id) || map_put(&l->seen, (uint64_t)e->id, e) < 0)
			continue;
		fresh++;
		/* What was created in the very second of T0 is in the tail too, but the total need not know it. */
		if (e->created_s <= l->t0_s && job->kind != JOB_TAIL)
			l->nr_window++;
	}
	return fresh;
}

static int page_arrived_locked(struct listing *l, struct page_job *job, const struct api_page *page)
{
	size_t fresh;

	if (job->is_by_activity != l->is_by_activity) { /* asked before the order was changed */
		for (size_t i = 0; i < job->nr_entries; i++)
			add_surplus_locked(l, job->entries[i]);
		return 0;
	}
	if (l->is_by_activity) {
		size_t before = ((size_t)job->page - 1) * API_PAGESIZE;

		while (job->nr_entries && before + job->nr_entries > l->st->config.list_limit)
			add_surplus_locked(l, job->entries[--job->nr_entries]);
	}
	fresh = note_seen_locked(l, job, &l->seen);
	l->nr_broken += job->nr_broken;
	if (page_set_done(l, job->page) < 0)
		return -ENOMEM;
	l->barren = fresh || !page->has_more ? 0 : l->barren + 1;
	if (l->barren > MAX_BARREN)
		return -EIO;
	if (!page->has_more) {
		if (!l->nr_pages || job->page < l->nr_pages)
			l->nr_pages = job->page;
	} else if (job->page >= limit_pages(l)) {
		l->is_cut = true;
		l->is_by_activity =
			true; /* the rest is not asked for, so nothing can be verified */
		l->nr_pages = job->page;
	} else if (job->page >= l->nr_pages) {
		l->nr_pages = l->is_by_activity ? limit_pages(l) : job->page + 1;
	}
	if (job->page == 1 && page->has_more && !l->is_by_activity && !l->has_asked_total) {
		l->has_asked_total = true;
		return ask_locked(l, JOB_TOTAL, 0);
	}
	return 0;
}

/* More than the limit: only the newest activity is wanted, so start over in that order. What has come so far goes at the end,
 * unless it is among them. */
static int total_arrived_locked(struct listing *l, int64_t total)
{
	struct map early = { 0 };
	uint64_t pages;

	l->total = total;
	if (total < 0 || l->is_by_activity)
		return 0;
	if ((uint64_t)total > l->st->config.list_limit) {
		l->is_by_activity = true;
		l->is_cut = true;
		l->nr_pages = limit_pages(l);
		l->next_page = 1;
		l->barren = 0;
		l->nr_window = l->nr_broken = 0;
		early = l->seen;
		l->seen = (struct map){ 0 };
		listing_forget(l);
		l->surplus = early;
		return 0;
	}
	pages = ((uint64_t)total + API_PAGESIZE - 1) / API_PAGESIZE;
	if (pages > l->nr_pages)
		l->nr_pages = (unsigned)pages;
	return 0;
}

/* All that the first total counted was seen, and what is missing of it is what the total has lost. */
static bool is_part_enough(const struct listing *l, size_t nr_gone)
{
	return l->total_now >= 0 && l->total >= l->total_now &&
	       l->nr_window + l->nr_broken == (uint64_t)l->total &&
	       nr_gone == (uint64_t)(l->total - l->total_now);
}

/* It is as many as it should be, or exactly what was seen before: then the server counts in its own way. */
static bool is_whole_right(const struct listing *l, size_t nr_gone)
{
	return l->confirmed.nr + l->nr_broken_again == (uint64_t)l->total_now ||
	       (!nr_gone && l->nr_window == l->nr_window_before);
}

static int verify_arrived_locked(struct listing *l, struct page_job *job,
				 const struct api_page *page, int64_t **gone, size_t *nr_gone)
{
	int64_t oldest = INT64_MAX;
	bool is_agreed;

	note_seen_locked(l, job, &l->confirmed);
	l->nr_broken_again += job->nr_broken;
	for (size_t i = 0; i < job->nr_entries; i++)
		if (job->entries[i]->created_s < oldest)
			oldest = job->entries[i]->created_s;
	if (!page->has_more)
		oldest = INT64_MIN;
	*gone = unconfirmed_locked(l, oldest, nr_gone);
	if (!*gone)
		return -ENOMEM;
	is_agreed = page->has_more ? is_part_enough(l, *nr_gone) : is_whole_right(l, *nr_gone);
	if (!is_agreed) {
		free(*gone);
		*gone = NULL;
		*nr_gone = 0;
		if (page->has_more && job->page >= limit_pages(l))
			return -EIO;
		if (page->has_more)
			return ask_locked(l, JOB_VERIFY, job->page + 1);
		if (l->nr_verifies < MAX_VERIFIES)
			return start_verify_locked(l);
		log_warning("store",
			    "questions were deleted all the while they were listed; some that are "
			    "gone may be shown");
	} else if (l->is_refresh) {
		for (size_t i = 0; i < *nr_gone; i++)
			map_del(&l->seen, (uint64_t)(*gone)[i]);
		free(*gone);
		*gone = not_refreshed_locked(l, nr_gone);
	}
	complete_locked(l);
	return 0;
}

static int arrived_locked(struct listing *l, struct page_job *job, const struct api_page *page,
			  int64_t **gone, size_t *nr_gone)
{
	int r = 0;

	switch (job->kind) {
	case JOB_PAGE:
		r = page_arrived_locked(l, job, page);
		break;
	case JOB_TOTAL:
		r = total_arrived_locked(l, page->total);
		break;
	case JOB_TAIL:
		note_seen_locked(l, job, &l->seen);
		if (page->has_more && job->page < limit_pages(l))
			return ask_locked(l, JOB_TAIL, l->tail_page = job->page + 1);
		break;
	case JOB_VERIFY_TOTAL:
		l->total_now = page->total;
		l->phase = LIST_VERIFY;
		return ask_locked(l, JOB_VERIFY, 1);
	case JOB_VERIFY:
		return verify_arrived_locked(l, job, page, gone, nr_gone);
	}
	return r < 0 ? r : advance_locked(l, gone, nr_gone);
}

static void ingest_page(struct page_job *job, const struct api_page *page)
{
	job->entries = calloc(page->nr_items ? page->nr_items : 1, sizeof(struct entry *));
	for (size_t i = 0; job->entries && i < page->nr_items; i++)
		if (store_ingest(job->l->st, &page->items[i], page->is_encoded, NULL,
				 &job->entries[job->nr_entries]) > 0)
			job->nr_entries++;
	job->nr_broken = page->nr_items + page->nr_dropped - job->nr_entries;
}

/* The last page of a refresh that failed has come, and somebody wants another by now. */
static void restart_refresh_locked(struct listing *l, struct failure *why,
				   const struct failure **failure)
{
	int r = listing_start_locked(l);

	if (r < 0) {
		failure_set(why, r, "out of memory while listing questions");
		*failure = why;
	}
}

static void job_done(void *userdata, const struct failure *failure, const struct api_page *page)
{
	struct page_job *job = userdata;
	struct listing *l = job->l;
	struct store *st = l->st;
	struct failure why = { 0 };
	struct list woken, answered;
	int64_t *gone = NULL;
	size_t nr_gone = 0;
	int r;

	list_init(&woken);
	list_init(&answered);
	if (page)
		ingest_page(job, page);
	pthread_mutex_lock(&st->lock);
	l->in_flight--;
	if (page)
		st->fetched_at_s = clock_wall_s();
	/* A lookup that waits for its own answer blocks, in the kernel, whoever lists its directory. */
	wants_arrived_locked(st, job->entries, job->nr_entries, &answered);
	if (page && job->nr_broken && !job->nr_entries) {
		failure_set(&why, -EIO, "the server sent a page without a single question in it");
		failure = &why;
	} else if (page && l->state == LIST_RUNNING) {
		r = arrived_locked(l, job, page, &gone, &nr_gone);
		if (r == -EIO)
			l->started_s = 0; /* what was read is worth nothing: not to be resumed */
		if (r < 0) {
			failure_set(&why, r,
				    r == -EIO ? "the server's listing has no end, or repeats itself"
					      : "out of memory while listing questions");
			failure = &why;
		}
	} else if (failure && job->kind == JOB_TOTAL && l->state == LIST_RUNNING) {
		failure =
			NULL; /* not known, so pages are asked for one after the other, and nothing is compared */
		r = advance_locked(l, &gone, &nr_gone);
		if (r < 0) {
			failure_set(&why, r, "out of memory while listing questions");
			failure = &why;
		}
	} else if (page && job->kind == JOB_PAGE && job->is_by_activity == l->is_by_activity) {
		note_seen_locked(
			l, job,
			&l->seen); /* another page has failed: this one counts for the next try */
		l->nr_broken += job->nr_broken;
		(void)!page_set_done(l, job->page);
	} else if (page && job->kind == JOB_TOTAL && l->state == LIST_NONE) {
		(void)!total_arrived_locked(l, page->total);
	}
	if (failure)
		l->state = LIST_NONE;
	else if (l->is_refresh && l->state == LIST_NONE && !list_empty(&l->waiters))
		restart_refresh_locked(l, &why, &failure);
	/* Who waits for a refresh waits for its end. */
	if (!l->is_refresh || l->state == LIST_COMPLETE || failure)
		waiters_take_locked(st, &l->waiters, &woken);
	pthread_mutex_unlock(&st->lock);
	for (size_t i = 0; i < nr_gone; i++)
		store_remove(st, gone[i]);
	waiters_wake(&answered, NULL);
	waiters_wake(&woken, failure);
	free(gone);
	free(job->entries);
	free(job);
}

/* The listing that a reader of this directory has to wait for: the tag's own, unless all questions are here or on their way
 * and nearly there. Lock held. */
static struct listing *listing_for_locked(struct store *st, uint32_t tag)
{
	struct tagent *t = tag_get_locked(st, tag);

	if (!tag)
		return &st->all;
	if (!t)
		return NULL;
	if (!t->listing) {
		t->listing = malloc(sizeof(*t->listing));
		if (t->listing)
			listing_init(t->listing, st, tag, false);
	}
	return t->listing;
}

/* Index of the first question of the directory behind `after`. */
static size_t position_after(struct entry *const *order, size_t nr, const struct entry *after)
{
	size_t lo = 0, hi = nr;

	if (!after)
		return 0;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (order[mid]->seq <= after->seq)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int store_list_questions(struct store *st, uint32_t tag, int64_t after, struct store_question *ret,
			 size_t max, struct store_waiter *w)
{
	const struct entry *last;
	struct entry *const *order;
	struct listing *l;
	struct tagent *t;
	size_t nr, n = 0;
	int r = 0;

	pthread_mutex_lock(&st->lock);
	if (!listing_is_complete_locked(st, tag)) {
		l = listing_for_locked(st, tag);
		r = l ? listing_start_locked(l) : -ENOMEM;
	}
	t = tag_get_locked(st, tag);
	order = t ? t->order : st->order;
	nr = t ? t->nr_order : tag ? 0 : st->nr_order;
	last = after ? map_get(&st->entries, (uint64_t)after) : NULL;
	for (size_t i = position_after(order, nr, last); i < nr && n < max; i++)
		if (!order[i]->is_gone)
			entry_public(order[i], &ret[n++]);
	if (n) {
		r = (int)n;
	} else if (r == 0 && !listing_is_complete_locked(st, tag)) {
		waiter_park_locked(st, &listing_for_locked(st, tag)->waiters, API_QUESTIONS, w);
		r = -EINPROGRESS;
	}
	pthread_mutex_unlock(&st->lock);
	return r;
}
