#include <sofs/base/timer.h>

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include <sofs/base/clock.h>

enum { MAX_WAIT_MS = 3600 * 1000 };

/* A sorted list would be enough for ten waiting readers but not for ten thousand: due times are
 * nearly always "now + timeout", so insertion from the end finds its place at once. */
struct timers {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct list armed; /* lock; sorted by due_ms */
	bool is_stopping;  /* lock */
	pthread_t thread;
};

static void *timers_main(void *arg)
{
	struct timers *ts = arg;

	pthread_mutex_lock(&ts->lock);
	while (!ts->is_stopping) {
		struct timer *t;
		uint64_t now;

		if (list_empty(&ts->armed)) {
			pthread_cond_wait(&ts->wake, &ts->lock);
			continue;
		}
		t = list_entry(ts->armed.next, struct timer, node);
		now = clock_mono_ms();
		if (t->due_ms > now) {
			struct timespec until;
			uint64_t ns, wait_ms = t->due_ms - now;

			/* Far ones are looked at again now and then: no overflow below. */
			if (wait_ms > MAX_WAIT_MS)
				wait_ms = MAX_WAIT_MS;
			clock_gettime(CLOCK_MONOTONIC, &until);
			ns = (uint64_t)until.tv_nsec + wait_ms * 1000000;
			until.tv_sec += (time_t)(ns / 1000000000);
			until.tv_nsec = (long)(ns % 1000000000);
			pthread_cond_timedwait(&ts->wake, &ts->lock, &until);
			continue;
		}
		list_del(&t->node);
		t->is_armed = false;
		pthread_mutex_unlock(&ts->lock);
		t->fire(t);
		pthread_mutex_lock(&ts->lock);
	}
	pthread_mutex_unlock(&ts->lock);
	return NULL;
}

int timers_new(struct timers **ret)
{
	struct timers *ts = calloc(1, sizeof(*ts));
	pthread_condattr_t attr;
	int r;

	if (!ts)
		return -ENOMEM;
	pthread_mutex_init(&ts->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&ts->wake, &attr);
	pthread_condattr_destroy(&attr);
	list_init(&ts->armed);
	r = pthread_create(&ts->thread, NULL, timers_main, ts);
	if (r) {
		pthread_cond_destroy(&ts->wake);
		pthread_mutex_destroy(&ts->lock);
		free(ts);
		return -r;
	}
	*ret = ts;
	return 0;
}

void timers_free(struct timers *ts)
{
	if (!ts)
		return;
	pthread_mutex_lock(&ts->lock);
	ts->is_stopping = true;
	pthread_cond_signal(&ts->wake);
	pthread_mutex_unlock(&ts->lock);
	pthread_join(ts->thread, NULL);
	pthread_cond_destroy(&ts->wake);
	pthread_mutex_destroy(&ts->lock);
	free(ts);
}

void timer_start(struct timers *ts, struct timer *t, uint64_t due_ms)
{
	struct list *pos;

	pthread_mutex_lock(&ts->lock);
	if (t->is_armed)
		list_del(&t->node);
	t->due_ms = due_ms;
	t->is_armed = true;
	for (pos = ts->armed.prev; pos != &ts->armed; pos = pos->prev)
		if (list_entry(pos, struct timer, node)->due_ms <= due_ms)
			break;
	list_add_between(&t->node, pos, pos->next);
	if (ts->armed.next == &t->node)
		pthread_cond_signal(&ts->wake);
	pthread_mutex_unlock(&ts->lock);
}

bool timer_cancel(struct timers *ts, struct timer *t)
{
	bool was;

	pthread_mutex_lock(&ts->lock);
	was = t->is_armed;
	if (was)
		list_del(&t->node);
	t->is_armed = false;
	pthread_mutex_unlock(&ts->lock);
	return was;
}
