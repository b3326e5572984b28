/* Requests that wait for the server.
 *
 * A handler first tries without waiting. If the store says -EINPROGRESS, the request becomes a `struct pending`, parked on a
 * flight of the store, and the handler returns: no thread waits. Three things can end the wait:
 *
 *   the flight moves     the store takes the waiter off its list and calls wake(): the attempt is made again
 *   the deadline passes  the timer takes the waiter back with store_cancel()
 *   the user interrupts  likewise
 *
 * Whoever got the waiter off the list owns the request and answers it; store_cancel() says yes to exactly one. The
 * struct is counted: one reference for the owner, one for the timer.
 *
 * Interrupts. The kernel sends one INTERRUPT per request, at the first signal of any kind, and goes on waiting. Timers and
 * children that end (SIGALRM, SIGCHLD, and SIGURG in Go programs) must not make an open(2) fail, so the signals that the thread has
 * pending are looked at in /proc; if none of them asks it to die or to stop what it does, it is looked at again
 * every INTERRUPT_POLL_MS, because no second INTERRUPT will come.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <sofs/base/clock.h>

#include "internal.h"

enum {
	INTERRUPT_POLL_MS = 50,
	RETRY_MS = 5,
	MAX_RETRIES = 40,
};

static void pending_unref(struct pending *p)
{
	if (atomic_fetch_sub(&p->refs, 1) != 1)
		return;
	free(p->name);
	free(p);
}

/* The request was answered, or is about to be by the caller. Call once, as the owner. */
void pending_finish(struct pending *p)
{
	struct fs *fs = p->fs;
	bool was_armed;

	pthread_mutex_lock(&fs->pending_lock);
	p->is_done = true;
	map_del(&fs->pending, p->serial);
	was_armed = timer_cancel(fs->timers, &p->timer);
	pthread_mutex_unlock(&fs->pending_lock);
	if (p->held_dir)
		notifier_release(fs->notifier, p->held_dir);
	if (was_armed)
		pending_unref(p);
	pending_unref(p);
}

static void pending_fail(struct pending *p, const struct failure *failure)
{
	reply_failure(p->fs, p->req, p->tried, p->nodeid, p->name, failure);
	pending_finish(p);
}

static void pending_attempt(struct pending *p)
{
	struct failure lost;
	struct fs *fs = p->fs;
	bool again;
	int r;

	r = p->attempt(p);
	if (r != -ESTALE)
		return;
	/* A version was replaced a moment ago; its text arrives with the news of it. */
	pthread_mutex_lock(&fs->pending_lock);
	again = p->nr_retries++ < MAX_RETRIES;
	p->is_retrying = again;
	if (again)
		timer_start(fs->timers, &p->timer, clock_mono_ms() + RETRY_MS);
	pthread_mutex_unlock(&fs->pending_lock);
	if (again)
		return;
	failure_set(
		&lost, -EIO,
		"the text was changed on the server, and the version that was opened is not kept");
	pending_fail(p, &lost);
}

static void pending_wake(struct store_waiter *w, const struct failure *failure)
{
	struct pending *p = container_of(w, struct pending, waiter);

	if (failure) {
		pending_fail(p, failure);
		return;
	}
	atomic_store(&p->deadline_ms, clock_mono_ms() + p->fs->config.timeout_s * 1000ULL);
	pending_attempt(p);
}

/* A line such as "SigPnd:\t0000000000000002". */
static uint64_t status_mask(const char *status, const char *field)
{
	const char *p = strstr(status, field);
	uint64_t mask = 0;

	if (p)
		sscanf(p + strlen(field), "%" SCNx64, &mask);
	return mask;
}

#define BIT(sig) (1ULL << ((sig)-1))

/* Whether the thread has a signal pending that ends it, or with which a person asks it to stop. */
static bool is_dying(uint32_t tid)
{
	const uint64_t asks = BIT(SIGINT) | BIT(SIGTERM) | BIT(SIGQUIT) | BIT(SIGHUP);
	const uint64_t harmless = BIT(SIGCHLD) | BIT(SIGURG) | BIT(SIGWINCH) | BIT(SIGCONT) |
				  BIT(SIGSTOP) | BIT(SIGTSTP) | BIT(SIGTTIN) | BIT(SIGTTOU);
	uint64_t pending, deadly;
	char path[64], buf[4096];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/status", tid);
	f = tid ? fopen(path, "re") : NULL;
	if (!f)
		return true; /* gone, or of another namespace: nobody is served by waiting on */
	n = fread(buf, 1, sizeof(buf) - 1, f);
	fclose(f);
	buf[n] = '\0';
	pending = status_mask(buf, "\nSigPnd:") | status_mask(buf, "\nShdPnd:");
	pending &= ~status_mask(buf, "\nSigBlk:") & ~status_mask(buf, "\nSigIgn:");
	deadly = ~(harmless | status_mask(buf, "\nSigCgt:")) | BIT(SIGKILL);
	return pending & (asks | deadly);
}

static void pending_timer(struct timer *t)
{
	struct pending *p = container_of(t, struct pending, timer);
	struct fs *fs = p->fs;
	struct failure failure = { 0 };
	uint64_t now = clock_mono_ms(), due;
	bool is_retry, is_late;

	pthread_mutex_lock(&fs->pending_lock);
	is_retry = p->is_retrying && !p->is_done;
	p->is_retrying = false;
	if (p->is_done) {
		pthread_mutex_unlock(&fs->pending_lock);
		pending_unref(p);
		return;
	}
	if (is_retry) /* the next attempt may finish, or wait: the timer must be armed, as it was before */
		timer_start(fs->timers, &p->timer,
			    atomic_load(&p->is_interrupted) ? now + INTERRUPT_POLL_MS
							    : atomic_load(&p->deadline_ms));
	pthread_mutex_unlock(&fs->pending_lock);
	if (is_retry) {
		pending_attempt(p);
		return;
	}

	is_late = now >= atomic_load(&p->deadline_ms);
	if (is_late)
		store_wait_reason(fs->store, &p->waiter, &failure);
	else if (atomic_load(&p->is_interrupted) && is_dying(p->pid))
		failure_set(&failure, -EINTR, "interrupted");
	if (failure.err && store_cancel(fs->store, &p->waiter)) {
		pending_fail(p, &failure);
		pending_unref(p); /* the timer's */
		return;
	}
	/* Too early, or just being served by somebody else: look again. */
	due = failure.err ? now + INTERRUPT_POLL_MS : atomic_load(&p->deadline_ms);
	if (atomic_load(&p->is_interrupted) && due > now + INTERRUPT_POLL_MS)
		due = now + INTERRUPT_POLL_MS;
	pthread_mutex_lock(&fs->pending_lock);
	if (p->is_done) {
		pthread_mutex_unlock(&fs->pending_lock);
		pending_unref(p);
		return;
	}
	if (!p->is_retrying) /* else it was armed meanwhile, for sooner */
		timer_start(fs->timers, &p->timer, due);
	pthread_mutex_unlock(&fs->pending_lock);
}

/* libfuse calls this with the request's lock held, and perhaps when the request was answered already: so it
 * is looked up by number, and nothing is answered here. */
static void pending_interrupt(fuse_req_t req, void *serial)
{
	struct fs *fs = fuse_req_userdata(req);
	struct pending *p;

	pthread_mutex_lock(&fs->pending_lock);
	p = map_get(&fs->pending, (uint64_t)(uintptr_t)serial);
	if (p && !p->is_done) {
		atomic_store(&p->is_interrupted, true);
		if (timer_cancel(fs->timers, &p->timer))
			timer_start(fs->timers, &p->timer, clock_mono_ms());
	}
	pthread_mutex_unlock(&fs->pending_lock);
}

/* The answer after the deadline is known now: do not wait for it. */
static void pending_hurry(struct pending *p)
{
	struct fs *fs = p->fs;

	pthread_mutex_lock(&fs->pending_lock);
	if (!p->is_done && timer_cancel(fs->timers, &p->timer)) {
		atomic_store(&p->deadline_ms, clock_mono_ms());
		timer_start(fs->timers, &p->timer, clock_mono_ms());
	}
	pthread_mutex_unlock(&fs->pending_lock);
}

void pending_start(struct fs *fs, fuse_req_t req, const struct pending *like)
{
	struct pending *p = malloc(sizeof(*p));
	uint64_t now = clock_mono_ms();
	int r = -ENOMEM;

	if (!p)
		goto fail;
	*p = *like;
	p->fs = fs;
	p->req = req;
	p->pid = (uint32_t)fuse_req_ctx(req)->pid;
	p->waiter.wake = pending_wake;
	p->timer.fire = pending_timer;
	p->name = like->name ? strdup(like->name) : NULL;
	atomic_store(&p->deadline_ms, now + fs->config.timeout_s * 1000ULL);
	atomic_store(&p->refs, 3); /* owner, timer, and this function */
	if (like->name && !p->name)
		goto fail;
	pthread_mutex_lock(&fs->pending_lock);
	p->serial = ++fs->next_serial;
	r = atomic_load(&fs->is_stopping) ? -EIO : map_put(&fs->pending, p->serial, p);
	if (r == 0)
		timer_start(fs->timers, &p->timer, atomic_load(&p->deadline_ms));
	pthread_mutex_unlock(&fs->pending_lock);
	if (r < 0)
		goto fail;
	if (p->held_dir)
		notifier_hold(fs->notifier, p->held_dir);
	/* Before the attempt: afterwards the request may be answered and gone. */
	fuse_req_interrupt_func(req, pending_interrupt, (void *)(uintptr_t)p->serial);
	pending_attempt(p);
	if (store_wait_is_vain(fs->store, &p->waiter))
		pending_hurry(p);
	pending_unref(p);
	return;
fail:
	if (p)
		free(p->name);
	free(p);
	reply_err(req, r);
}

/* The filesystem ends: nobody is kept waiting. */
void pendings_abort(struct fs *fs)
{
	struct failure failure;
	struct pending *p;
	uint64_t key;
	size_t pos;
	void *value;

	failure_set(&failure, -EIO, "the filesystem is being unmounted");
	for (;;) {
		p = NULL;
		pos = 0;
		pthread_mutex_lock(&fs->pending_lock);
		while (!p && map_next(&fs->pending, &pos, &key, &value)) {
			struct pending *next = value;

			if (store_cancel(fs->store, &next->waiter))
				p = next;
		}
		pthread_mutex_unlock(&fs->pending_lock);
		if (!p)
			return;
		pending_fail(p, &failure);
	}
}
