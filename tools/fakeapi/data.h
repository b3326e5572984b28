/* The team's data: questions, answers, articles, comments, users, tags, revisions, events.
 *
 * Everything hangs on one struct data, guarded by one lock, which a request holds while it selects
 * and renders; compression and delays happen outside. Objects are open structs; whoever changes one
 * uses data_edit.h, so that dates, counts, revisions and the version follow. Objects live until
 * deleted; nobody may keep a pointer beyond the lock. All of it is freed by the process' end. */
#pragma once

#include "buf.h"

#include <pthread.h>
#include <time.h>

struct ptrs {
	void **v;
	size_t n;
	size_t cap;
};

void ptrs_add(struct ptrs *p, void *item);
bool ptrs_remove(struct ptrs *p, const void *item); /* keeps the order */
void ptrs_free(struct ptrs *p);

/* Open addressing tables; a removed key leaves a tombstone until the next growth. */
struct idmap {
	struct {
		int64_t key;
		void *value; /* NULL and !used = free; NULL and used = removed */
		bool used;
	} * slots;
	size_t n;
	size_t cap;
};

void *idmap_get(const struct idmap *m, int64_t key);
void idmap_set(struct idmap *m, int64_t key, void *value); /* value NULL removes */

struct strmap {
	struct {
		const char *key; /* borrowed: belongs to the value */
		void *value;
	} * slots;
	size_t n;
	size_t cap;
};

void *strmap_get(const struct strmap *m, const char *key);
void strmap_set(struct strmap *m, const char *key, void *value);

enum post_kind { POST_QUESTION, POST_ANSWER, POST_ARTICLE, POST_KINDS };

struct user {
	int64_t id;         /* 0 = deleted user, known by name only; -1 = Community */
	int64_t account_id; /* 0 = not served */
	int64_t reputation;
	int64_t creation_date;
	int64_t view_count, up_votes, down_votes;
	char *display_name;
	const char *user_type;
	char *profile_image; /* may be NULL */
	char *link;          /* may be NULL */
};

struct tag {
	char *name;
	bool has_synonyms, is_moderator_only, is_required;
	char *wiki_excerpt; /* Markdown, may be NULL */
	char *wiki_body;
	/* derived from the questions by data_refresh_tags() */
	int64_t count;
	int64_t last_activity_date;
	int64_t mark; /* scratch for routes that count co-occurrence */
};

struct post;

struct comment {
	int64_t id;
	struct post *post;
	struct user *owner;    /* may be NULL */
	struct user *reply_to; /* may be NULL */
	int64_t score;
	int64_t creation_date;
	bool edited;
	char *body_markdown;
	const char *license;
};

struct revision {
	char guid[37];
	int number;
	int64_t creation_date;
	struct user *user;
	char *comment;
	char *title, *last_title; /* NULL = not part of this revision */
	char *body_markdown, *last_body_markdown;
	char *tags, *last_tags; /* joined with ';' */
	bool is_rollback;
};

struct post {
	enum post_kind kind;
	int64_t id;
	struct post *parent; /* of an answer: its question */
	char *title;         /* NULL for answers */
	char *body;          /* HTML; NULL = derived from the Markdown when asked for */
	char *body_markdown;
	char *link;
	const char *license;
	const char *article_type;
	struct user *owner;       /* may be NULL */
	struct user *last_editor; /* may be NULL */
	int64_t creation_date;
	int64_t last_activity_date;
	int64_t last_edit_date; /* dates: 0 = absent */
	int64_t community_owned_date;
	int64_t locked_date;
	int64_t protected_date;
	int64_t closed_date;
	char *closed_reason;
	int64_t score, up_votes, down_votes;
	int64_t view_count;
	int64_t favorite_count;
	int64_t accepted_answer_id; /* 0 = none */
	int64_t bounty_amount, bounty_closes_date;
	bool is_answered;
	int64_t mark;          /* scratch: rank or relevance within the request being answered */
	struct ptrs tags;      /* struct tag */
	struct ptrs answers;   /* struct post, ascending id */
	struct ptrs comments;  /* struct comment, ascending creation */
	struct ptrs revisions; /* struct revision, oldest first; filled by data_revisions() */
};

struct event {
	const char *type; /* question_posted, answer_posted, comment_posted, post_edited */
	int64_t id;
	int64_t date;
	char *excerpt;
	char *link;
};

struct data {
	pthread_mutex_t lock;          /* guards everything below */
	_Atomic uint64_t version;      /* moves with every change; may be read without the lock */
	struct ptrs posts[POST_KINDS]; /* in the order of loading */
	struct ptrs comments;
	struct ptrs users; /* those with an id */
	struct ptrs tags;
	struct ptrs events; /* newest last, bounded */
	struct idmap posts_by_id;
	struct idmap comments_by_id;
	struct idmap users_by_id;
	struct strmap users_by_name; /* deleted users */
	struct strmap tags_by_name;
	struct strmap interned;
	uint64_t tags_version; /* version for which the tags' counts are right */
	int64_t max_post_id, max_comment_id;
	const char *team; /* slug, for links */
};

#define COMMUNITY_USER (-1)

void data_init(struct data *d, const char *team);
const char *data_intern(struct data *d, const char *s);               /* NULL stays NULL */
struct user *data_user(struct data *d, int64_t id, const char *name); /* finds or makes */
struct tag *data_tag(struct data *d, const char *name);               /* finds or makes */
struct post *data_post(const struct data *d, int64_t id, enum post_kind kind);
void data_insert_post(struct data *d, struct post *p); /* takes ownership; parent must be set */
void data_insert_comment(struct data *d, struct comment *c); /* takes ownership; post must be set */
void data_remove_post(struct data *d, struct post *p); /* frees it, its answers and comments */
void data_remove_comment(struct data *d, struct comment *c);
void data_finish_loading(struct data *d); /* sorts nested lists, derives what was not given */
int64_t data_nth_asker(const struct data *d, int n); /* 1 = who asked first; never Community */
void data_update_answered(struct post *question);
void data_refresh_tags(struct data *d);
const struct ptrs *data_revisions(struct data *d, struct post *p);
struct revision *data_add_revision(struct post *p, int64_t date, struct user *user);
char *data_join_tags(const struct post *p); /* "a;b"; caller frees */
struct revision *data_revision_by_guid(struct data *d, const char *guid);

/* load.c */
int data_load_file(struct data *d,
		   const char *path); /* questions; 0 or -errno, says why on stderr */
int data_load_beside(struct data *d,
		     const char *path); /* tags, users, articles next to that file */

/* synth.c */
void synth_questions(struct data *d, int64_t n);
void synth_articles(struct data *d, int n);

/* HTML from Markdown, just good enough for a double: paragraphs and code blocks. */
void markdown_to_html(struct buf *b, const char *markdown);
