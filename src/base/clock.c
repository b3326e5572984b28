#include <sofs/base/clock.h>

#include <stdatomic.h>
#include <time.h>

static atomic_bool is_fake;
static _Atomic uint64_t fake_mono_ms;
static _Atomic int64_t fake_wall_ms;

uint64_t clock_mono_ms(void)
{
	struct timespec ts;

	if (atomic_load(&is_fake))
		return atomic_load(&fake_mono_ms);
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000 + 1;
}

int64_t clock_wall_ms(void)
{
	struct timespec ts;

	if (atomic_load(&is_fake))
		return atomic_load(&fake_wall_ms);
	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t clock_wall_s(void)
{
	if (atomic_load(&is_fake))
		return atomic_load(&fake_wall_ms) / 1000;
	return time(NULL);
}

void clock_fake(uint64_t mono_ms, int64_t wall_s)
{
	atomic_store(&fake_mono_ms, mono_ms);
	atomic_store(&fake_wall_ms, wall_s * 1000);
	atomic_store(&is_fake, true);
}

void clock_fake_advance(uint64_t ms)
{
	atomic_fetch_add(&fake_mono_ms, ms);
	atomic_fetch_add(&fake_wall_ms, (int64_t)ms);
}

void clock_real(void)
{
	atomic_store(&is_fake, false);
}
