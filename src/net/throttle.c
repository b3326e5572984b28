/* When the next request may leave.
 *
 * The service cuts off whoever sends more than 30 requests in any second, and measures where they
 * arrive. A request arrives somewhere between its departure and the end of its answer, so two rules
 * hold together:
 *
 *     departures in any 1050 ms            <= rate         the person's wish
 *     requests that were under way at any
 *     time of the last 1050 ms             <= 28           whatever the network delays
 *
 * The second is exact for any delay, but costs throughput on slow lines; the first is smooth enough
 * for a wish. A ring of the last 32 requests is sufficient for both.
 *
 * Words of the server: backoff of one method (kept two seconds longer: clients that waited N or N+1
 * were still refused), a ban of all, and the quota. After a spent quota a request is let through
 * every few minutes, because the day of the quota is the server's and its end is not told. */
#include <sofs/net.h>

#include <string.h>

#define BACKOFF_EXTRA_MS 2000
#define BAN_FIRST_MS     30000
#define BAN_MAX_MS       300000
#define BAN_LONGEST_S    (25 * 3600) /* longest that the service has been seen to ask for, plus some */
#define QUOTA_PROBE_MS   300000      /* if the server does not say when */
#define QUOTA_LONGEST_S  900         /* if it does: a quota may be raised before the day is over */
#define LIMITED_MS       60000

void throttle_init(struct throttle *t, unsigned rate)
{
	*t = (struct throttle){ .rate = rate < THROTTLE_HARD_RATE ? rate : THROTTLE_HARD_RATE,
				.quota_max = -1,
				.quota_remaining = -1 };
	if (!t->rate)
		t->rate = 1;
}

static uint64_t max_ms(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* The time at which fewer than `limit` of the nr times are younger than the window. Selection by
 * repeated maximum: limit is small. */
static uint64_t window_free_ms(uint64_t *times, unsigned nr, unsigned limit)
{
	uint64_t newest = 0;

	if (nr < limit)
		return 0;
	for (unsigned k = 0; k < limit; k++) {
		unsigned best = k;

		for (unsigned i = k + 1; i < nr; i++)
			if (times[i] > times[best])
				best = i;
		newest = times[best];
		times[best] = times[k];
		times[k] = newest;
	}
	return newest + THROTTLE_WINDOW_MS;
}

static uint64_t rate_ready_ms(const struct throttle *t, uint64_t now_ms, bool is_background)
{
	uint64_t sent[THROTTLE_RING], ended[THROTTLE_RING];
	unsigned limit = t->rate, nr = 0;

	if (is_background && limit > 2)
		limit -= (limit + 4) / 5;
	for (unsigned i = 0; i < THROTTLE_RING; i++) {
		const struct throttle_slot *s = &t->ring[i];

		if (!s->sent_ms)
			continue;
		sent[nr] = s->sent_ms;
		ended[nr++] = s->done_ms ? s->done_ms : now_ms;
	}
	return max_ms(window_free_ms(sent, nr, limit),
		      window_free_ms(ended, nr, THROTTLE_HARD_RATE));
}

uint64_t throttle_ready_ms(const struct throttle *t, uint64_t now_ms, unsigned method,
			   bool is_background, enum throttle_reason *reason)
{
	uint64_t ready;

	*reason = THROTTLE_NONE;
	if (t->quota_until_ms > now_ms) {
		*reason = THROTTLE_QUOTA;
		return t->quota_until_ms;
	}
	if (t->ban_until_ms > now_ms) {
		*reason = THROTTLE_BAN;
		return t->ban_until_ms;
	}
	if (t->backoff_until_ms[method] > now_ms) {
		*reason = THROTTLE_BACKOFF;
		return t->backoff_until_ms[method];
	}
	ready = rate_ready_ms(t, now_ms, is_background);
	if (ready > now_ms)
		*reason = THROTTLE_RATE;
	return ready;
}

unsigned throttle_recent(const struct throttle *t, uint64_t now_ms, uint64_t *ret_newest_ms)
{
	unsigned nr = 0;

	*ret_newest_ms = 0;
	for (unsigned i = 0; i < THROTTLE_RING; i++) {
		const struct throttle_slot *s = &t->ring[i];
		uint64_t at_ms = s->sent_ms && !s->done_ms ? now_ms : s->done_ms;

		if (!s->sent_ms || at_ms + THROTTLE_WINDOW_MS <= now_ms)
			continue;
		*ret_newest_ms = max_ms(*ret_newest_ms, at_ms);
		nr++;
	}
	return nr;
}

void throttle_prefill(struct throttle *t, uint64_t at_ms, unsigned nr)
{
	for (unsigned i = 0; i < nr && i < THROTTLE_RING; i++)
		t->ring[i] = (struct throttle_slot){ .sent_ms = at_ms, .done_ms = at_ms };
}

unsigned throttle_sent(struct throttle *t, uint64_t now_ms)
{
	unsigned oldest = 0;

	/* Of those that ended, the one that ended first; one in flight only if all are. */
	for (unsigned i = 0; i < THROTTLE_RING; i++) {
		const struct throttle_slot *a = &t->ring[i], *b = &t->ring[oldest];
		uint64_t end_a = a->sent_ms && !a->done_ms ? UINT64_MAX : a->done_ms;
		uint64_t end_b = b->sent_ms && !b->done_ms ? UINT64_MAX : b->done_ms;

		if (end_a < end_b)
			oldest = i;
	}
	t->ring[oldest] = (struct throttle_slot){ .sent_ms = now_ms };
	return oldest;
}

void throttle_done(struct throttle *t, unsigned slot, uint64_t now_ms)
{
	t->ring[slot].done_ms = now_ms;
}

/* Seconds from outside, in ms: neither negative nor absurd. */
static uint64_t seconds_ms(int64_t seconds)
{
	if (seconds < 0)
		seconds = 0;
	if (seconds > BAN_LONGEST_S)
		seconds = BAN_LONGEST_S;
	return (uint64_t)seconds * 1000;
}

void throttle_backoff(struct throttle *t, uint64_t now_ms, unsigned method, int64_t seconds)
{
	if (seconds <= 0)
		return;
	t->limited_at_ms = now_ms;
	t->backoff_until_ms[method] = max_ms(t->backoff_until_ms[method],
					     now_ms + seconds_ms(seconds) + BACKOFF_EXTRA_MS);
}

void throttle_ban(struct throttle *t, uint64_t now_ms, int64_t seconds)
{
	uint64_t ms;

	t->limited_at_ms = now_ms;
	if (seconds >= 0) {
		ms = seconds_ms(seconds) + BACKOFF_EXTRA_MS;
	} else if (t->ban_until_ms > now_ms) {
		return; /* answers of the same burst: one ban */
	} else {
		ms = t->ban_streak < 4 ? (uint64_t)BAN_FIRST_MS << t->ban_streak : BAN_MAX_MS;
		ms = ms < BAN_MAX_MS ? ms : BAN_MAX_MS;
		t->ban_streak++;
	}
	t->ban_until_ms = max_ms(t->ban_until_ms, now_ms + ms);
}

void throttle_quota(struct throttle *t, uint64_t now_ms, int64_t max, int64_t remaining)
{
	if (max >= 0)
		t->quota_max = max;
	t->quota_remaining = remaining;
	if (remaining > 0)
		t->quota_until_ms = 0;
	else
		throttle_quota_spent(t, now_ms, -1);
}

void throttle_quota_spent(struct throttle *t, uint64_t now_ms, int64_t seconds)
{
	uint64_t ms = QUOTA_PROBE_MS;

	if (seconds >= 0)
		ms = seconds_ms(seconds < QUOTA_LONGEST_S ? seconds : QUOTA_LONGEST_S) +
		     BACKOFF_EXTRA_MS;
	if (t->quota_remaining > 0)
		t->quota_remaining = 0;
	t->quota_until_ms = max_ms(t->quota_until_ms, now_ms + ms);
}

void throttle_success(struct throttle *t)
{
	t->ban_streak = 0;
}

bool throttle_was_limited(const struct throttle *t, uint64_t now_ms)
{
	return t->limited_at_ms && now_ms - t->limited_at_ms < LIMITED_MS;
}
