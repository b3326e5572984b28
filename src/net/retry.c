/* Trying again, and noticing that nobody is there.
 *
 * One call retries a few times on its own. When the tries of a call found nobody, the server is
 * down: a thousand further calls then fail at once instead of waiting one after the other, and one
 * probe at a time asks whether it is back, after 1, 2, 4, 8, 10, 10 ... seconds. */
#include <sofs/net.h>

#define PROBE_FIRST_MS 1000

uint64_t retry_delay_ms(unsigned nr_tries, unsigned base_ms, uint32_t random)
{
	uint64_t ms = base_ms;

	if (!nr_tries)
		return 0;
	ms <<= nr_tries - 1 < 10 ? nr_tries - 1 : 10;
	return ms * 3 / 4 + ms / 2 * random / UINT32_MAX;
}

bool health_may_send(const struct health *h, uint64_t now_ms, bool *ret_is_probe)
{
	*ret_is_probe = h->is_down;
	return !h->is_down || (!h->is_probing && now_ms >= h->next_probe_ms);
}

void health_probe_sent(struct health *h)
{
	h->is_probing = true;
}

void health_success(struct health *h, uint64_t now_ms)
{
	*h = (struct health){ .last_success_ms = now_ms };
}

void health_failure(struct health *h, uint64_t now_ms)
{
	if (!h->is_down) {
		h->is_down = true;
		h->down_since_ms = now_ms;
		h->interval_ms = PROBE_FIRST_MS;
	} else if (h->is_probing) {
		h->interval_ms = h->interval_ms < HEALTH_PROBE_MAX_MS / 2 ? h->interval_ms * 2
									  : HEALTH_PROBE_MAX_MS;
	} else {
		return; /* one that was under way when it went down */
	}
	h->is_probing = false;
	h->next_probe_ms = now_ms + h->interval_ms;
}

void health_probe_dropped(struct health *h)
{
	h->is_probing = false;
}
