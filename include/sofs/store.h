/* The store: what was fetched of a team, and the one place that decides to fetch.
 *
 * Objects: questions (each with its files, rendered at ingest, so that sizes are exact before anybody reads),
 * tags, and the two kinds of listings (all questions; the questions of a tag).
 *
 * Nothing blocks. What is here is answered at once; what is not starts or joins a flight, parks the caller's
 * waiter on it and returns -EINPROGRESS. When the flight moves or ends, the waiter's callback runs (in the
 * network thread, no lock held) and the caller asks again from the start: the answer is then here, or
 * another flight is needed, or the failure was handed to the callback. A NULL waiter is not parked; the flight starts
 * all the same.
 *
 * All functions are safe from any thread; call with no lock held that a callback could take.
 * Errors: as interface.md section 5; -ENOENT is certain (the server, or a complete listing, says so). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sofs/api.h>
#include <sofs/base/blob.h>
#include <sofs/base/errors.h>
#include <sofs/base/list.h>
#include <sofs/base/timer.h>

struct store;

struct store_config {
	struct timers *timers; /* borrowed */
	size_t memory_bytes;   /* bound for texts: rendered and compressed together */
	uint64_t list_limit;   /* questions, or tags, that a listing fetches at most */
	bool is_public; /* a public site: listings by activity, newest first, and never the whole */
	unsigned concurrency; /* pages of a listing in flight */
	unsigned timeout_s;   /* how long a flight may wait for the server without progress */
};

/* A caller that waits. `wake` runs exactly once for each -EINPROGRESS, unless store_cancel() said true:
 * failure is NULL when it is worth asking again. It may free the waiter. */
struct store_waiter {
	struct list node;
	void (*wake)(struct store_waiter *w, const struct failure *failure);
	bool is_parked;       /* guarded by the store */
	enum api_route route; /* what it waits for; likewise */
};

enum file_kind { FILE_BODY, FILE_META, FILE_COMMENTS, FILE_ANSWER, FILE_ANSWER_COMMENTS };

struct store_file {
	enum file_kind kind;
	int64_t post_id;  /* the question's or the answer's id */
	uint32_t version; /* differs whenever the text differs */
	uint64_t size;    /* bytes of the rendered text */
	int64_t mtime_s;
};

struct store_question {
	int64_t id;
	int64_t created_s, activity_s;
	unsigned nr_tags;
	unsigned nr_answers;
};

/* Told by the store after something changed, in the order of the changes; no lock held. The receiver must not
 * call back into the store except store_get_text() and what returns at once. */
enum store_event {
	STORE_QUESTION_NEW,     /* id: it is in questions/ and in its tags now */
	STORE_QUESTION_GONE,    /* id */
	STORE_QUESTION_CHANGED, /* id: activity, or the set of its files */
	STORE_FILE_CHANGED, /* id, file; old_text: the bytes of the version before, or NULL if they are lost */
	STORE_FILE_NEW,          /* id, file */
	STORE_FILE_GONE,         /* id, file, old_text */
	STORE_QUESTION_TAGGED,   /* id, tag */
	STORE_QUESTION_UNTAGGED, /* id, tag */
	STORE_TAG_NEW,           /* tag */
	STORE_TAG_GONE           /* tag */
};

struct store_change {
	enum store_event event;
	int64_t id;
	struct store_file file; /* as it is now; for FILE_GONE as it was */
	uint32_t old_version;
	struct blob *old_text; /* borrowed */
	uint32_t tag;          /* tag index */
	bool is_back; /* of *_NEW: it was there before, and has its old place in the order */
};

typedef void (*store_news_fn)(void *userdata, const struct store_change *change);

_must_check_ int store_new(const struct store_config *config, struct api *api, struct store **ret);
void store_set_news(struct store *st, store_news_fn fn,
		    void *userdata); /* before the first request */
/* After api_free() and timers_free(), so that no callback can come. */
void store_free(struct store *st);

/* Takes a parked waiter back. True: its wake will not run. False: it ran or is running. */
bool store_cancel(struct store *st, struct store_waiter *w);
/* Why a waiter that was parked has waited in vain until now, for the error after its deadline: -EBUSY (throttled),
 * -EDQUOT, -EHOSTUNREACH, -EACCES, else -ETIMEDOUT. */
int store_wait_reason(struct store *st, const struct store_waiter *w, struct failure *failure);

/* Whether it is known already that nothing will come before the timeout: the server has asked for a longer pause. */
bool store_wait_is_vain(struct store *st, const struct store_waiter *w);

/* 0, -ENOENT, -EINPROGRESS (asks by id, joined with others into one vector). */
int store_get_question(struct store *st, int64_t id, struct store_question *ret,
		       struct store_waiter *w);
/* True without a request if the question is here. */
bool store_peek_question(struct store *st, int64_t id, struct store_question *ret);
/* Copies of the files of a question that is here (caller frees), in a stable order: body, meta, comments, answers
 * by id each followed by its comments. -ENOENT if the question is not here. */
int store_get_files(struct store *st, int64_t id, struct store_file **ret, size_t *ret_nr);
/* One of them. */
int store_get_file(struct store *st, int64_t id, enum file_kind kind, int64_t post_id,
		   struct store_file *ret);

/* The bytes of a file in the given version: a reference in *ret (caller unrefs) to a blob that holds them from
 * *ret_off on. -EINPROGRESS if they were evicted; -ESTALE if the question has another version by now. */
int store_get_text(struct store *st, int64_t id, enum file_kind kind, int64_t post_id,
		   uint32_t version, struct blob **ret, size_t *ret_off, size_t *ret_size,
		   struct store_waiter *w);

/* Directories. `tag` 0 means all questions. Fills at most `max` entries that come after the question `after` (0: from
 * the start); returns their number; 0 at the end of a complete listing; -EINPROGRESS while the listing has
 * nothing more yet. The order is that of arrival; an id keeps its place as long as the store lives. */
int store_list_questions(struct store *st, uint32_t tag, int64_t after, struct store_question *ret,
			 size_t max, struct store_waiter *w);

struct store_tag {
	uint32_t index;   /* > 0; the same as long as the store lives */
	const char *name; /* as a file name; lives as long as the store */
	int64_t mtime_s;  /* newest activity known of its questions; 0: unknown */
};

/* By file name. 0, -ENOENT, -EINPROGRESS. */
int store_get_tag(struct store *st, const char *file_name, struct store_tag *ret,
		  struct store_waiter *w);
int store_tag_by_index(struct store *st, uint32_t index, struct store_tag *ret);
/* As store_list_questions(), after the tag with index `after`. */
int store_list_tags(struct store *st, uint32_t after, struct store_tag *ret, size_t max,
		    struct store_waiter *w);
/* Whether a question that is here has the tag. */
bool store_has_tag(struct store *st, int64_t id, uint32_t tag);
/* The indexes of the tags of a question that is here, at most max; their number. */
size_t store_question_tags(struct store *st, int64_t id, uint32_t *ret, size_t max);
/* Newest activity in all questions known, 0 if none. */
int64_t store_newest_activity(struct store *st);

/* What the xattrs say of a post: decoded from the kept JSON. -EINPROGRESS if it was evicted. Caller frees *ret. */
int store_get_model(struct store *st, int64_t id, struct question **ret, struct store_waiter *w);

/* Asks the server again: one question (id), or with id 0 everything: a new listing is compared with what is here; what
 * is gone disappears. -EINPROGRESS and the waiter is woken at the end, or -errno. */
int store_refresh(struct store *st, int64_t id, struct store_waiter *w);

struct store_status {
	uint64_t nr_questions, nr_files, nr_tags;
	bool has_all_questions, has_all_tags, is_listing;
	uint64_t questions_cut; /* left out because of list_limit (at least) */
	uint64_t tags_cut;
	int64_t listed_at_s;  /* when the listing was completed; 0: never */
	int64_t fetched_at_s; /* newest answer of the server; 0: never */
	size_t rendered_bytes, packed_bytes, memory_bytes;
	uint64_t nr_evictions;
	unsigned nr_waiting; /* parked waiters */
};
void store_get_status(struct store *st, struct store_status *ret);
