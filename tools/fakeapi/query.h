/* Selecting a page: windows (fromdate, todate, min, max), sorting, offsets. */
#pragma once

#include "render.h"
#include "request.h"

enum sort {
	SORT_NONE, /* order as given by the handler */
	SORT_ACTIVITY,
	SORT_CREATION,
	SORT_VOTES,
	SORT_HOT,
	SORT_WEEK,
	SORT_MONTH,
	SORT_RANK,
	SORT_RELEVANCE,
	SORT_POPULAR,
	SORT_NAME,
	SORT_REPUTATION,
	SORT_MODIFIED,
};

/* Which sorts a method knows, the default first. */
enum family {
	FAMILY_PLAIN, /* none; page and pagesize only */
	FAMILY_DATES, /* fromdate, todate */
	FAMILY_QUESTIONS,
	FAMILY_POSTS,
	FAMILY_RANKED,
	FAMILY_COMMENTS,
	FAMILY_SEARCH,
	FAMILY_TAGS,
	FAMILY_USERS,
};

enum object { OBJECT_POST, OBJECT_COMMENT, OBJECT_TAG, OBJECT_USER, OBJECT_REVISION, OBJECT_OTHER };

struct query {
	enum sort sort;
	bool is_descending;
	int64_t page, pagesize;
	bool has_from, has_to, has_min, has_max;
	int64_t from, to, min, max;
	const char *min_text, *max_text; /* of SORT_NAME */
};

/* Reads the parameters; false with an error in res. */
bool query_parse(struct query *q, const struct request *rq, struct result *res, enum family family);

/* All posts of a kind, or all comments, ascending in the sort's order; borrowed until the data
 * changes. Kept between requests, because sorting is what listings would spend their time on. */
const struct ptrs *query_all_posts(struct data *d, enum post_kind kind, enum sort sort);
const struct ptrs *query_all_comments(struct data *d, enum sort sort);

/* Writes the page of list (objects of one type) into res: drops what is outside the window, sorts
 * unless is_sorted (ascending), cuts, renders. Empties list. */
typedef void (*render_fn)(struct writer *w, void *object, void *ctx);
void query_emit(const struct query *q, const struct request *rq, struct result *res,
		struct ptrs *list, enum object type, bool is_sorted, render_fn render, void *ctx);

/* A writer for one more item of res, for handlers that make their items by hand. */
void result_writer(struct writer *w, const struct request *rq, struct result *res);
void result_item(struct writer *w, struct result *res); /* call before writing each item */
void result_one_page(struct result *res); /* all items are there: sets total and has_more */
