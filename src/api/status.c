#include "internal.h"

#include <sofs/base/clock.h>

int api_obstacle_for(struct api *api, enum api_route route, uint64_t wait_ms,
		     struct failure *failure)
{
	uint64_t now_ms = clock_mono_ms();
	int r;

	api_lock(api);
	r = client_obstacle_locked(api, method_of(route), now_ms, now_ms + wait_ms, failure);
	api_unlock(api);
	return r;
}

int api_obstacle(struct api *api, enum api_route route, struct failure *failure)
{
	return api_obstacle_for(api, route, 0, failure);
}

static int64_t wall_of(uint64_t mono_ms, uint64_t now_ms)
{
	return clock_wall_s() + ((int64_t)mono_ms - (int64_t)now_ms) / 1000;
}

void api_get_status(struct api *api, struct api_status *ret)
{
	uint64_t now_ms = clock_mono_ms(), until_ms;

	api_lock(api);
	*ret = api->status;
	ret->style = api->endpoint.style;
	ret->quota_max = api->throttle.quota_max;
	ret->quota_remaining = api->throttle.quota_remaining;
	ret->in_flight = api->nr_in_flight;
	ret->queued = api->nr_queued;
	ret->down_since_s = api->health.is_down ? wall_of(api->health.down_since_ms, now_ms) : 0;
	until_ms = api->throttle.ban_until_ms;
	for (unsigned i = 0; i < NR_METHODS; i++)
		if (api->throttle.backoff_until_ms[i] > until_ms)
			until_ms = api->throttle.backoff_until_ms[i];
	ret->throttled_until_s = until_ms > now_ms ? wall_of(until_ms, now_ms) + 1 : 0;
	api_unlock(api);
}
