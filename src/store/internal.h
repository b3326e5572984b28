/* The insides of the store, shared by the files of this room.
 *
 * One lock guards all of it. Objects change only in the network thread (callbacks of the API), so what that
 * thread read under the lock is still true when it takes the lock again; other threads read, and start flights. Changes are
 * collected under the lock (struct news) and told when it is released, so the order in which the receiver hears of
 * them is the order in which they happened.
 *
 * Lock order: store, then backing. Calls into `api` may be made with the lock held: they only queue. */
#pragma once

#include <pthread.h>

#include <sofs/base/map.h>
#include <sofs/base/timer.h>
#include <sofs/store.h>

#include "backing.h"

enum {
	MAX_TAGS = 64,         /* of one question; the service allows 5 */
	NEGATIVE_TTL_S = 60,   /* an id that the server did not know may exist after this */
	MAX_NEGATIVES = 65536, /* remembered at most */
	MIN_TAGS_PAGE = 80,    /* refreshes within RECENT_S ask for pages of other sizes */
	RECENT_S = 60,     /* the same thing is not asked twice within this (api-v2.3: throttle) */
	MAX_RECENT = 2048, /* vectors of that time: at most 30 in a second */
	LISTING_BUDGET_MS =
		120000, /* a page may wait that long: a backoff must not end a listing */
};

#define BACKING_ENCODED 1u /* flag in the backing: entities are to be decoded */

/* A file of a question: a piece of the rendered texts. */
struct file {
	int64_t post_id;
	int64_t mtime_s;
	uint64_t hash;
	uint32_t version;
	uint32_t off, size; /* in the blob of the question's texts */
	uint8_t kind;       /* enum file_kind */
};

/* A question. Never freed while the store lives: a deleted one keeps its place in the order, so that a reader in
 * the middle of a directory finds his way. */
struct entry {
	int64_t id;
	int64_t created_s, activity_s;
	uint64_t json_hash; /* of the item as the server sent it */
	uint64_t seq;       /* place in every directory */
	struct file *files; /* nr_files */
	uint32_t *tags;     /* nr_tags indexes */
	struct blob *texts; /* all files, one after the other; NULL: evicted */
	struct list lru;    /* in store.lru while texts is there */
	uint32_t nr_files, nr_answers;
	uint16_t nr_tags;
	bool is_gone;
};

struct page_job;

/* A listing of questions, running or done. See listing.c. */
struct listing {
	struct store *st;
	uint32_t tag; /* index; 0: all questions */
	bool is_refresh;
	enum { LIST_NONE, LIST_RUNNING, LIST_COMPLETE } state;
	enum { LIST_PAGES, LIST_TAIL, LIST_VERIFY_TOTAL, LIST_VERIFY } phase;
	bool is_by_activity;
	bool is_cut;
	bool has_asked_total;
	int64_t t0_s, started_s, first_created_s;
	int64_t total;      /* of the window, at the start; -1: unknown */
	int64_t total_now;  /* of the window, when it is verified */
	unsigned nr_pages;  /* 0: unknown */
	unsigned next_page; /* first one not asked for */
	unsigned tail_page;
	unsigned in_flight;
	unsigned barren;    /* pages in a row that brought nothing new */
	uint64_t nr_window; /* distinct questions of the window seen */
	uint64_t nr_broken; /* items in the window that were no questions: the total counts them */
	bool is_unsure;     /* what was seen has to be verified */
	unsigned nr_verifies;
	uint64_t nr_window_before; /* nr_window when the verification began */
	uint64_t nr_broken_again;  /* as nr_broken, while verifying */
	struct map seen;           /* id -> entry */
	struct map surplus;        /* id -> entry: more than list_limit */
	struct map confirmed;      /* id -> entry, while verifying */
	unsigned char *done;       /* bit per page that arrived */
	size_t done_bytes;
	struct list waiters;
};

struct tagent {
	uint32_t index;
	bool has_been;       /* it was told to be there once */
	bool is_listed;      /* the server's list, or /tags/{tag}/info, has it */
	unsigned list_round; /* of the list that had it last */
	char *name;          /* as the server says */
	char *file_name;
	struct tagent *same_hash;
	struct entry **order; /* its questions by seq, gone ones too until compacted */
	size_t nr_order, cap_order;
	size_t nr_live;
	int64_t newest_s;
	struct listing *listing;
};

/* An id that somebody waits for, or that rides along in a vector. */
struct want {
	int64_t id;
	struct list waiters;
	struct list node;      /* in store.wanted until it is sent */
	struct vector *vector; /* NULL: not sent yet */
	bool is_refetch;       /* the question is known, only its texts are gone */
	bool is_refresh;       /* only its own answer will do */
};

struct tag_want {
	struct store *st;
	char *file_name, *name;
	struct list waiters;
	struct list node;
};

struct store {
	pthread_mutex_t lock;
	struct store_config config; /* constant */
	struct api *api;            /* constant */
	struct backing *backing;    /* constant; has its own lock */
	store_news_fn news;         /* constant after the start */
	void *news_userdata;

	/* everything below: lock */
	struct map entries;   /* id -> entry */
	struct entry **order; /* by seq */
	size_t nr_order, cap_order;
	size_t nr_live, nr_files;
	int64_t newest_activity_s;
	struct list lru; /* most recent first */
	size_t rendered_bytes;
	uint64_t nr_evictions;
	uint32_t next_version;

	struct map tags_by_name; /* hash of the file name -> tagent chain */
	struct tagent **tags;    /* by index; [0] is NULL */
	size_t nr_tags, cap_tags;
	enum { TAGS_NONE, TAGS_RUNNING, TAGS_COMPLETE } tags_state;
	unsigned tags_page, tags_pagesize;
	unsigned tags_round; /* counts the lists */
	bool tags_cut;
	struct list tag_list_waiters;
	struct list tag_wants;
	struct map negative_tags; /* hash of the file name -> (void *)expiry seconds */

	struct map negatives; /* id -> (void *)expiry seconds */
	struct map wants;     /* id -> want */
	struct list wanted;   /* wants not sent yet, oldest first */
	unsigned nr_wanted, vectors_in_flight;
	uint64_t first_wanted_ms, last_wanted_ms;
	unsigned crowd;        /* readers answered at once lately: so many may come again at once */
	unsigned crowd_streak; /* answers in a row that were as many */
	uint64_t crowd_at_ms;
	struct timer vector_timer;
	struct {
		uint64_t hash;
		uint64_t at_ms;
	} recent[MAX_RECENT]; /* vectors sent within RECENT_S */
	unsigned next_recent;

	struct listing all;     /* all questions */
	struct listing refresh; /* the same once more, for `sofs refresh` */
	int64_t last_t0_s;      /* of the latest listing of all questions */
	int64_t listed_at_s, fetched_at_s;
	unsigned nr_waiting;
	bool is_stopping;
};

/* Changes collected under the lock, told without it. */
struct news {
	struct store_change *items;
	size_t nr, cap;
};

/* entry.c */
struct rendered; /* a question decoded and rendered, not yet in the store */
struct entry *entry_find_locked(struct store *st, int64_t id); /* NULL if gone or unknown */
/* Takes in an item of the API: new, changed or as before. Network thread, no lock held. Returns the question's id, or
 * -errno if the item is no usable question, or not one that the vector (may be NULL) asked for. */
int64_t store_ingest(struct store *st, const struct api_item *item, bool is_encoded,
		     const struct vector *asked, struct entry **ret);
/* The question does not exist any more. Network thread, no lock held. */
void store_remove(struct store *st, int64_t id);
void entry_free(struct entry *e);
void store_tell(struct store *st, struct news *news);
struct store_file file_public(const struct file *f);
struct file *file_find(const struct entry *e, enum file_kind kind, int64_t post_id);
void entry_public(const struct entry *e, struct store_question *ret);

/* texts.c */
struct texts {
	struct blob *blob;
	struct file *files;
	uint32_t nr_files;
};
/* Renders all files of a question; versions are left 0. */
_must_check_ int texts_render(const struct question *q, struct texts *ret);
void texts_release(struct texts *t);
struct file *texts_find(const struct texts *t, enum file_kind kind, int64_t post_id); /* or NULL */
/* Renders again from the kept JSON. Any thread, no lock held. -ENOENT if it was dropped. */
_must_check_ int texts_rebuild(struct store *st, int64_t id, struct texts *ret);
/* LRU of rendered texts. Lock held. */
void texts_keep_locked(struct store *st, struct entry *e, struct blob *blob);
void texts_touch_locked(struct store *st, struct entry *e);
void texts_drop_locked(struct store *st, struct entry *e);

/* tags.c */
struct tagent *tag_intern_locked(struct store *st, const char *name);
/* Both tell if the tag's directory comes or goes by it. */
int tag_insert_locked(struct tagent *t, struct entry *e, struct news *news);
void tag_remove_locked(struct tagent *t, struct entry *e, struct news *news);
struct tagent *tag_get_locked(struct store *st, uint32_t index);
void tags_release(struct store *st);
void news_add(struct news *news, const struct store_change *change);
/* Reads the list of tags again. Lock held. */
void tags_restart_locked(struct store *st);

/* vector.c */
bool vector_has(const struct vector *v, int64_t id); /* the network thread, no lock held */
/* Parks w (may be NULL) until the id was asked for. Lock held. 0 or -errno. */
int want_locked(struct store *st, int64_t id, bool is_refetch, struct store_waiter *w);
/* These arrived in a listing: whoever waits for one of them need not wait for his own request. Lock held. */
void wants_arrived_locked(struct store *st, struct entry *const *entries, size_t nr,
			  struct list *answered);
void vector_init(struct store *st);
void vector_kick_locked(struct store *st);
bool negative_check_locked(struct store *st, int64_t id);
void negative_add_locked(struct store *st, int64_t id);
void negative_del_locked(struct store *st, int64_t id);

/* listing.c */
void listing_init(struct listing *l, struct store *st, uint32_t tag, bool is_refresh);
void listing_release(struct listing *l);
/* Starts it if it is not running. Lock held. 0 or -errno. */
int listing_start_locked(struct listing *l);
/* Whether the directory of the tag (0: all) is known in full. Lock held. */
bool listing_is_complete_locked(struct store *st, uint32_t tag);

/* store.c */
void waiter_park_locked(struct store *st, struct list *waiters, enum api_route route,
			struct store_waiter *w);
/* Moves the waiters to `out`; they count as woken from now on. */
void waiters_take_locked(struct store *st, struct list *waiters, struct list *out);
/* Calls their wake functions. No lock held. */
void waiters_wake(struct list *out, const struct failure *failure);
