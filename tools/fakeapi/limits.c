#include "limits.h"

#include <pthread.h>
#include <string.h>

#define MAX_METHODS 64
#define MAX_RECENT  8192

static struct {
	pthread_mutex_t lock;       /* guards all */
	int64_t recent[MAX_RECENT]; /* times of the last requests, a ring */
	unsigned head, tail;
	int peak;
	int64_t banned_until_ms;
	int64_t quota;
	struct method {
		const char *name; /* static text of the route table */
		int64_t answers;
		int64_t from_ms, until_ms;
	} methods[MAX_METHODS];
	int nr_methods;
} limits = { .lock = PTHREAD_MUTEX_INITIALIZER };

int64_t limits_rate(const struct settings *s)
{
	int64_t now = mono_ms();
	int64_t banned_s = 0;
	int n;

	pthread_mutex_lock(&limits.lock);
	while (limits.tail != limits.head && limits.recent[limits.tail % MAX_RECENT] <= now - 1000)
		limits.tail++;
	if (limits.head - limits.tail == MAX_RECENT)
		limits.tail++;
	limits.recent[limits.head++ % MAX_RECENT] = now;
	n = (int)(limits.head - limits.tail);
	if (n > limits.peak)
		limits.peak = n;
	if (s->rate_limit && n > s->rate_limit && limits.banned_until_ms <= now)
		limits.banned_until_ms = now + s->ban_s * 1000;
	if (limits.banned_until_ms > now)
		banned_s = (limits.banned_until_ms - now + 999) / 1000;
	pthread_mutex_unlock(&limits.lock);
	return banned_s;
}

int limits_peak(void)
{
	int peak;

	pthread_mutex_lock(&limits.lock);
	peak = limits.peak;
	pthread_mutex_unlock(&limits.lock);
	return peak;
}

static struct method *method_locked(const char *name)
{
	int i = 0;

	while (i < limits.nr_methods && strcmp(limits.methods[i].name, name) != 0)
		i++;
	if (i == limits.nr_methods) {
		if (i == MAX_METHODS)
			return &limits.methods[0];
		limits.nr_methods++;
		limits.methods[i] = (struct method){ .name = name };
	}
	return &limits.methods[i];
}

enum backoff_verdict limits_backoff(const struct settings *s, const char *method)
{
	enum backoff_verdict verdict = BACKOFF_FREE;
	int64_t now = mono_ms();
	struct method *m;

	pthread_mutex_lock(&limits.lock);
	m = method_locked(method);
	if (now >= m->from_ms && now < m->until_ms)
		verdict = now - m->from_ms < s->backoff_grace_ms ? BACKOFF_RACE : BACKOFF_VIOLATED;
	pthread_mutex_unlock(&limits.lock);
	return verdict;
}

int64_t limits_next_backoff(const struct settings *s, const char *method)
{
	int64_t n;

	pthread_mutex_lock(&limits.lock);
	n = ++method_locked(method)->answers;
	pthread_mutex_unlock(&limits.lock);
	return s->backoff_every && n % s->backoff_every == 0 ? s->backoff_s : 0;
}

void limits_backoff_sent(const char *method, int64_t seconds)
{
	int64_t now = mono_ms();
	struct method *m;

	pthread_mutex_lock(&limits.lock);
	m = method_locked(method);
	if (m->until_ms <= now)
		m->from_ms = now;
	if (m->until_ms < now + seconds * 1000)
		m->until_ms = now + seconds * 1000;
	pthread_mutex_unlock(&limits.lock);
}

int64_t limits_take_quota(void)
{
	int64_t left;

	pthread_mutex_lock(&limits.lock);
	left = --limits.quota;
	pthread_mutex_unlock(&limits.lock);
	return left;
}

int64_t limits_quota(void)
{
	int64_t left;

	pthread_mutex_lock(&limits.lock);
	left = limits.quota;
	pthread_mutex_unlock(&limits.lock);
	return left;
}

void limits_set_quota(int64_t remaining)
{
	pthread_mutex_lock(&limits.lock);
	limits.quota = remaining;
	pthread_mutex_unlock(&limits.lock);
}

void limits_reset(bool everything)
{
	pthread_mutex_lock(&limits.lock);
	limits.peak = 0;
	limits.head = limits.tail = 0;
	if (everything) {
		limits.banned_until_ms = 0;
		for (int i = 0; i < limits.nr_methods; i++)
			limits.methods[i] = (struct method){ .name = limits.methods[i].name };
	}
	pthread_mutex_unlock(&limits.lock);
}
