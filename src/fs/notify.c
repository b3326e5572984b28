/* Telling the kernel what changed.
 *
 * One thread of its own, with a queue: a notice sent from inside a request, or by a thread that a request waits
 * for, deadlocks (perf-limits: all notifications from one dedicated thread). Dropping an entry takes the
 * directory's lock exclusively; a LOOKUP or READDIR that waits for the server holds it shared, so the notice would wait, and
 * everybody who looks into that directory after it. Such notices stay back, per directory, until no request is held.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/base/list.h>
#include <sofs/base/log.h>

#include "internal.h"

struct notice {
	struct list node;
	struct tree_notice what;
	void (*fn)(
		void *userdata); /* instead of a notice: somebody wants to know when it is its turn */
	void *userdata;
};

struct held_dir {
	unsigned nr;          /* requests waiting in it */
	struct list deferred; /* notices that wait for them */
};

struct notifier {
	struct fs *fs;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct list queue; /* lock */
	struct map held;   /* lock; node id -> struct held_dir */
	bool is_stopping;  /* lock */
	pthread_t thread;
};

static void send_notice(struct fs *fs, const struct tree_notice *n)
{
	int r;

	switch (n->kind) {
	case TREE_INVAL_ENTRY:
		r = fuse_lowlevel_notify_inval_entry(fs->se, n->nodeid, n->name, strlen(n->name));
		break;
	case TREE_INVAL_INODE:
		r = fuse_lowlevel_notify_inval_inode(fs->se, n->nodeid, 0, 0);
		break;
	default:
		r = fuse_lowlevel_notify_inval_inode(fs->se, n->nodeid, -1, 0);
		break;
	}
	atomic_fetch_add_explicit(&fs->nr_notices, 1, memory_order_relaxed);
	if (r < 0 && r != -ENOENT && r != -ENODEV && r != -EBADF)
		log_debug("fs", "notice refused kind=%d nodeid=%llu: %s", n->kind,
			  (unsigned long long)n->nodeid, strerror(-r));
}

static void *notifier_main(void *arg)
{
	struct notifier *n = arg;

	pthread_mutex_lock(&n->lock);
	while (!n->is_stopping) {
		struct notice *next;
		struct held_dir *held;

		if (list_empty(&n->queue)) {
			pthread_cond_wait(&n->wake, &n->lock);
			continue;
		}
		next = list_entry(n->queue.next, struct notice, node);
		list_del(&next->node);
		held = next->fn ? NULL : map_get(&n->held, next->what.nodeid);
		if (held && next->what.kind == TREE_INVAL_ENTRY) {
			list_push_back(&held->deferred, &next->node);
			continue;
		}
		pthread_mutex_unlock(&n->lock);
		if (next->fn)
			next->fn(next->userdata);
		else
			send_notice(n->fs, &next->what);
		free(next);
		pthread_mutex_lock(&n->lock);
	}
	pthread_mutex_unlock(&n->lock);
	return NULL;
}

int notifier_new(struct fs *fs, struct notifier **ret)
{
	struct notifier *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return -ENOMEM;
	n->fs = fs;
	pthread_mutex_init(&n->lock, NULL);
	pthread_cond_init(&n->wake, NULL);
	list_init(&n->queue);
	r = pthread_create(&n->thread, NULL, notifier_main, n);
	if (r) {
		free(n);
		return -r;
	}
	*ret = n;
	return 0;
}

static void drop_all(struct list *notices)
{
	while (!list_empty(notices)) {
		struct notice *n = list_entry(notices->next, struct notice, node);

		list_del(&n->node);
		if (n->fn)
			n->fn(n->userdata);
		free(n);
	}
}

void notifier_free(struct notifier *n)
{
	uint64_t key;
	size_t pos = 0;
	void *value;

	if (!n)
		return;
	pthread_mutex_lock(&n->lock);
	n->is_stopping = true;
	pthread_cond_signal(&n->wake);
	pthread_mutex_unlock(&n->lock);
	pthread_join(n->thread, NULL);
	drop_all(&n->queue);
	while (map_next(&n->held, &pos, &key, &value)) {
		drop_all(&((struct held_dir *)value)->deferred);
		free(value);
	}
	map_release(&n->held);
	pthread_cond_destroy(&n->wake);
	pthread_mutex_destroy(&n->lock);
	free(n);
}

int notifier_after(struct notifier *n, void (*fn)(void *userdata), void *userdata)
{
	struct notice *q = calloc(1, sizeof(*q));

	if (!q)
		return -ENOMEM;
	q->fn = fn;
	q->userdata = userdata;
	pthread_mutex_lock(&n->lock);
	list_push_back(&n->queue, &q->node);
	pthread_cond_signal(&n->wake);
	pthread_mutex_unlock(&n->lock);
	return 0;
}

void notifier_add(void *userdata, const struct tree_notice *notice)
{
	struct fs *fs = userdata;
	struct notifier *n = fs->notifier;
	struct notice *q;

	if (!n)
		return;
	q = calloc(1, sizeof(*q));
	if (!q) {
		log_error("fs", "out of memory: the kernel is not told of a change nodeid=%llu",
			  (unsigned long long)notice->nodeid);
		return;
	}
	q->what = *notice;
	pthread_mutex_lock(&n->lock);
	list_push_back(&n->queue, &q->node);
	pthread_cond_signal(&n->wake);
	pthread_mutex_unlock(&n->lock);
}

void notifier_hold(struct notifier *n, uint64_t dir)
{
	struct held_dir *held;

	pthread_mutex_lock(&n->lock);
	held = map_get(&n->held, dir);
	if (!held) {
		held = calloc(1, sizeof(*held));
		if (held)
			list_init(&held->deferred);
		if (held && map_put(&n->held, dir, held) < 0) {
			free(held);
			held = NULL;
		}
	}
	if (held)
		held->nr++;
	pthread_mutex_unlock(&n->lock);
}

void notifier_release(struct notifier *n, uint64_t dir)
{
	struct held_dir *held;

	pthread_mutex_lock(&n->lock);
	held = map_get(&n->held, dir);
	if (held && !--held->nr) {
		map_del(&n->held, dir);
		list_splice(&n->queue, &held->deferred);
		free(held);
		pthread_cond_signal(&n->wake);
	}
	pthread_mutex_unlock(&n->lock);
}
