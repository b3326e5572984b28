/* One-shot timers run by a thread of their own.
 *
 * A callback runs in the timer thread without any lock of the timers held; it may add and cancel
 * timers. It must be short: everything else that is due waits for it. All functions are safe from
 * any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sofs/base/list.h>

struct timers;

struct timer {
	struct list node;              /* guarded by struct timers */
	uint64_t due_ms;               /* clock_mono_ms() */
	void (*fire)(struct timer *t); /* set before timer_start */
	bool is_armed;
};

_must_check_ int timers_new(struct timers **ret);
/* Stops the thread; timers still armed never fire. */
void timers_free(struct timers *ts);
/* Arms or re-arms. The struct stays the caller's and must outlive firing or cancelling. */
void timer_start(struct timers *ts, struct timer *t, uint64_t due_ms);
/* True if it was armed and now will not fire. False: it fired, is firing in another thread at this
 * moment, or was never armed: the callback then must cope (take the object's lock and look). */
bool timer_cancel(struct timers *ts, struct timer *t);
