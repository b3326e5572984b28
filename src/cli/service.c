/* `refresh` is the only command that waits: it walks through its ids, one refresh of the store after the other, each
 * step in the callback of the one before.
 *
 * A refresh that ended is not freed at once, because service_stop() may be about to cancel its waiter: it goes to
 * `finished`, and from there when the next one starts, or at the end. */
#include "service.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/base/errors.h>
#include <sofs/base/list.h>
#include <sofs/base/log.h>
#include <sofs/tree.h>

enum { MAX_IDS = 1000 };

struct service {
	pthread_mutex_t lock;
	struct list active;   /* lock; struct refresh */
	struct list finished; /* lock */
	bool is_stopping;     /* lock */
	struct status_source src;
};

struct refresh {
	struct store_waiter waiter;
	struct list node; /* service.lock */
	bool is_tried;    /* service.lock; service_stop() was here */
	struct service *service;
	struct control_call *call;
	int64_t ids[MAX_IDS];
	size_t nr, next;
	bool was_known; /* the question of ids[next], before it was asked for */
	char text[64];
};

int service_new(const struct status_source *src, struct service **ret)
{
	struct service *sv = calloc(1, sizeof(*sv));

	if (!sv)
		return -ENOMEM;
	pthread_mutex_init(&sv->lock, NULL);
	list_init(&sv->active);
	list_init(&sv->finished);
	sv->src = *src;
	*ret = sv;
	return 0;
}

static void free_list(struct list *l)
{
	list_for_each_safe (pos, tmp, l) {
		struct refresh *rf = list_entry(pos, struct refresh, node);

		list_del(&rf->node);
		free(rf);
	}
}

void service_free(struct service *sv)
{
	if (!sv)
		return;
	free_list(&sv->active);
	free_list(&sv->finished);
	pthread_mutex_destroy(&sv->lock);
	free(sv);
}

/* refresh */

static void finish(struct refresh *rf, bool ok, const char *text)
{
	struct service *sv = rf->service;

	control_answer_text(rf->call, ok, text);
	pthread_mutex_lock(&sv->lock);
	list_del(&rf->node);
	list_push_back(&sv->finished, &rf->node);
	pthread_mutex_unlock(&sv->lock);
}

static void fail(struct refresh *rf, int err, const char *said)
{
	_cleanup_(strbuf_release) struct strbuf sb = STRBUF_INIT;
	int64_t id = rf->ids[rf->next];

	if (id)
		strbuf_addf(&sb, "question %" PRId64 ": ", id);
	strbuf_adds(&sb, err == -ENOENT  ? "the server does not know it"
			 : said && *said ? said
					 : strerror(-err));
	finish(rf, false, strbuf_str(&sb));
}

static bool is_stopping(struct service *sv)
{
	bool stopping;

	pthread_mutex_lock(&sv->lock);
	stopping = sv->is_stopping;
	pthread_mutex_unlock(&sv->lock);
	return stopping;
}

static void on_told(void *userdata)
{
	struct refresh *rf = userdata;

	finish(rf, true, rf->text);
}

/* Whoever asked looks next, and shall see what is new: so the kernel is told first. */
static void finish_when_told(struct refresh *rf)
{
	struct service *sv = rf->service;
	int r = -ECANCELED;

	pthread_mutex_lock(&sv->lock);
	if (!sv->is_stopping)
		r = fs_after_notices(sv->src.fs, on_told, rf);
	pthread_mutex_unlock(&sv->lock);
	if (r < 0)
		on_told(rf);
}

static bool is_known(struct refresh *rf)
{
	struct store_question q;

	return store_peek_question(rf->service->src.store, rf->ids[rf->next], &q);
}

/* Nothing of *rf may be touched after a store_refresh() that waits: its callback may have run to the end. */
static void step(struct refresh *rf)
{
	while (rf->next < rf->nr) {
		int r;

		if (is_stopping(rf->service)) {
			finish(rf, false, "the process is ending");
			return;
		}
		rf->was_known = is_known(rf);
		r = store_refresh(rf->service->src.store, rf->ids[rf->next], &rf->waiter);
		if (r == -EINPROGRESS)
			return;
		if (r < 0) {
			fail(rf, r, NULL);
			return;
		}
		rf->next++;
	}
	if (rf->nr == 1 && rf->ids[0] == 0)
		snprintf(rf->text, sizeof(rf->text), "asked for everything again");
	else
		snprintf(rf->text, sizeof(rf->text), "asked for %zu question%s again", rf->nr,
			 rf->nr == 1 ? "" : "s");
	finish_when_told(rf);
}

static void on_wake(struct store_waiter *w, const struct failure *failure)
{
	struct refresh *rf = container_of(w, struct refresh, waiter);

	if (failure) {
		fail(rf, failure->err, failure->text);
		return;
	}
	/* One that is gone now was there; one that never was is probably a slip of the pen. */
	if (rf->ids[rf->next] && !rf->was_known && !is_known(rf)) {
		fail(rf, -ENOENT, NULL);
		return;
	}
	rf->next++;
	step(rf);
}

/* questions/<id>/… and tags/<tag>/<id>/… are one question; the directories above stand for the whole team. */
int64_t service_parse_path(const char *path)
{
	int64_t id;
	int r = tree_parse_path(path, &id);

	return r < 0 ? r : id;
}

static int add_id(struct refresh *rf, int64_t id)
{
	for (size_t i = 0; i < rf->nr; i++)
		if (rf->ids[i] == id)
			return 0;
	if (rf->nr == MAX_IDS)
		return -E2BIG;
	rf->ids[rf->nr++] = id;
	return 0;
}

/* Everything includes each: with one 0 among them the rest need not be asked for. */
static int add_paths(struct refresh *rf, const cJSON *paths, struct failure *failure)
{
	const cJSON *path;

	cJSON_ArrayForEach(path, paths)
	{
		int64_t id = cJSON_IsString(path) ? service_parse_path(path->valuestring) : -EINVAL;

		if (id < 0) {
			failure_set(failure, (int)id, "%s: nothing that a server knows is there",
				    cJSON_IsString(path) ? path->valuestring : "?");
			return (int)id;
		}
		if (id == 0) {
			rf->nr = 0;
			return add_id(rf, 0);
		}
		if (add_id(rf, id) < 0) {
			failure_set(failure, -E2BIG,
				    "more than %d questions at once; refresh "
				    "everything instead",
				    MAX_IDS);
			return -E2BIG;
		}
	}
	return rf->nr ? 0 : add_id(rf, 0);
}

static void handle_refresh(struct service *sv, const cJSON *request, struct control_call *call)
{
	struct refresh *rf = calloc(1, sizeof(*rf));
	struct failure failure = { 0 };

	if (!rf) {
		control_answer(call, NULL);
		return;
	}
	if (add_paths(rf, cJSON_GetObjectItemCaseSensitive(request, "paths"), &failure) < 0) {
		control_answer_text(call, false, failure.text);
		free(rf);
		return;
	}
	rf->service = sv;
	rf->call = call;
	rf->waiter.wake = on_wake;
	list_init(&rf->waiter.node);
	pthread_mutex_lock(&sv->lock);
	if (!sv->is_stopping)
		free_list(&sv->finished);
	list_push_back(&sv->active, &rf->node);
	pthread_mutex_unlock(&sv->lock);
	step(rf);
}

/* A waiter that cannot be taken back has its callback running or done; nothing is freed meanwhile. */
void service_stop(struct service *sv)
{
	if (!sv)
		return;
	pthread_mutex_lock(&sv->lock);
	sv->is_stopping = true;
	for (struct list *pos = sv->active.next; pos != &sv->active;) {
		struct refresh *rf = list_entry(pos, struct refresh, node);

		pos = pos->next;
		if (rf->is_tried)
			continue;
		rf->is_tried = true;
		pthread_mutex_unlock(&sv->lock);
		if (store_cancel(sv->src.store, &rf->waiter))
			finish(rf, false, "the process is ending");
		pthread_mutex_lock(&sv->lock);
		pos = sv->active.next; /* the list may have changed */
	}
	pthread_mutex_unlock(&sv->lock);
}

/* The others */

static void answer_owned(struct control_call *call, char *text)
{
	if (text)
		control_answer_text(call, true, text);
	else
		control_answer(call, NULL);
	free(text);
}

static void handle_status(struct service *sv, const cJSON *request, struct control_call *call)
{
	const cJSON *format = cJSON_GetObjectItemCaseSensitive(request, "format");
	bool json = cJSON_IsString(format) && !strcmp(format->valuestring, "json");

	answer_owned(call, json ? status_json(&sv->src) : status_text(&sv->src));
}

static void handle_errors(struct service *sv, const cJSON *request, struct control_call *call)
{
	_cleanup_(strbuf_release) struct strbuf sb = STRBUF_INIT;

	errors_print(&sb);
	control_answer_text(call, true, strbuf_str(&sb));
}

/* May it be unmounted? A read-only mount has nothing under way that would be lost. */
static void handle_umount(struct service *sv, const cJSON *request, struct control_call *call)
{
	control_answer_text(call, true, "");
}

static void handle_stop(struct service *sv, const cJSON *request, struct control_call *call)
{
	log_info("cli", "asked to end");
	control_answer_text(call, true, "");
	fs_stop(sv->src.fs);
}

static const struct {
	const char *name;
	void (*run)(struct service *sv, const cJSON *request, struct control_call *call);
} handlers[] = {
	{ "status", handle_status }, { "errors", handle_errors }, { "refresh", handle_refresh },
	{ "umount", handle_umount }, { "stop", handle_stop },
};

void service_handle(void *userdata, const char *command, const struct cJSON *request,
		    struct control_call *call)
{
	for (size_t i = 0; i < ARRAY_SIZE(handlers); i++) {
		if (!strcmp(handlers[i].name, command)) {
			handlers[i].run(userdata, request, call);
			return;
		}
	}
	control_answer_text(call, false,
			    "the process behind the mount is of another version of sofs and does "
			    "not know this command");
}
