/* A server in memory, in place of the API client: the tests of `store` and `tree` link this file, which defines
 * api_get() and its kin, so nothing of the real client is used but its decoders.
 *
 * It holds a small team, records every query, and answers when the test says so, in the order the test wants. An answer shows
 * the team as it is when it is given, not as it was when it was asked for. Callbacks run on the thread that
 * answers. A query that the real server would call a repetition (the same within 60 s) fails the test. */
#pragma once

#include <sofs/api.h>
#include <sofs/base/timer.h>
#include <sofs/store.h>

#define T0 1700000000 /* what the wall clock shows at the start of a test */

struct fake_answer {
	int64_t id;
	const char *text;
	int64_t edited_s;
	const char *comment; /* NULL: none */
};

enum { FAKE_MAX_QUESTIONS = 6000, FAKE_MAX_ANSWERS = 4, FAKE_MAX_QUERIES = 4096 };

struct fake_question {
	int64_t id, created_s, activity_s, edited_s;
	const char *title,
		*text; /* free of what JSON would have to escape, except that text may hold \n as two characters */
	const char *tags;    /* with commas: "c,git"; NULL: none */
	const char *comment; /* NULL: none */
	int64_t comment_s;
	struct fake_answer answers[FAKE_MAX_ANSWERS];
	size_t nr_answers;
	int64_t score;
	size_t padding; /* bytes that hardly compress, added to the text */
	bool is_deleted;
	enum { FAKE_FINE, FAKE_NO_QUESTION, FAKE_DROPPED } state; /* what is sent in its place */
};

struct fake_query {
	struct api_query q; /* ids and tag point into this struct */
	int64_t ids[API_MAX_IDS];
	char tag[300];
	bool is_open;
	api_done_fn done;
	void *userdata;
	uint64_t asked_ms;
};

struct fake_server {
	struct fake_question *questions;
	size_t nr_questions;
	const char *tags[1200]; /* the server's list */
	size_t nr_tags;
	bool garbles_tags;
	const char *synonym, *synonym_of;
	bool is_endless;     /* pages of questions repeat themselves for ever */
	bool refuses;        /* api_get() fails at once */
	bool is_total_wrong; /* the total speaks of one more than there is */
	int64_t clock_skew_s;
	int obstacle;      /* of all routes */
	int tags_obstacle; /* of the list of tags alone */

	struct fake_query *queries;
	unsigned nr_queries;
	unsigned nr_open, max_open;
	unsigned max_page;
	bool allows_repeats;
};

extern struct fake_server server;

/* Both clocks stand still, at T0, until the test moves them. */
void server_start(void);
void server_stop(void);

/* Adds a question: created at created_s, and active last at that time. Borrowed until server_stop(). */
struct fake_question *server_add(int64_t id, int64_t created_s, const char *tags);
/* Questions with the ids first … first + nr - 1, one created a minute, the last an hour before T0. */
void server_add_many(int64_t first, size_t nr, const char *tags);
struct fake_question *server_find(int64_t id);
/* As if somebody had edited it: the text, and the times to `now_s`. */
void server_edit(int64_t id, const char *text, int64_t now_s);
void server_delete(int64_t id);

/* Answers query number i, or fails it; one that is open. */
void server_answer(unsigned i);
void server_fail(unsigned i, int err);
/* The oldest open query; false if there is none. */
bool server_answer_one(void);
/* The newest open query. */
bool server_answer_newest(void);
/* Waits until a timer of the store has led to a query: time passes, in small steps. False: it did not, within
 * five seconds of the store's time. */
bool server_wait_open(void);
/* All, and those that come of them. */
void server_answer_all(void);
void server_fail_all(int err);

/* How many queries of a kind were made since query number `since`. */
struct query_counts {
	unsigned pages, totals, tails, verify_pages, vectors, ids, tag_pages, tag_infos;
};
struct query_counts server_counts(unsigned since);

/* A waiter that counts. */
struct waiting {
	struct store_waiter w;
	int nr_wakes;
	struct failure failure; /* of the last wake; err 0: none */
};
void waiting_init(struct waiting *w);

/* A store on this server. */
struct fixture {
	struct timers *timers;
	struct store *store;
	struct store_config config;
};
void fixture_config(
	struct fixture *f); /* the defaults, which a test may change before fixture_open */
void fixture_open(struct fixture *f);
void fixture_close(struct fixture *f);

/* What a program would do, waiting as long as it takes: the server answers everything. */
int get_question(struct store *st, int64_t id, struct store_question *ret);
/* Lists the directory to its end; ids to `ret` (may be NULL), at most max. Their number or -errno. */
int list_all(struct store *st, uint32_t tag, int64_t *ret, size_t max);
/* The text of a file as a string; the test frees it. NULL if that cannot be read. */
char *read_text(struct store *st, int64_t id, enum file_kind kind, int64_t post_id);
