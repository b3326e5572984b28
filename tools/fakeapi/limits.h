/* What the service limits: requests per second and address, backoff per method, the daily quota. */
#pragma once

#include "settings.h"

/* Counts a request. Returns 0, or the seconds that a ban still lasts. */
int64_t limits_rate(const struct settings *s);
int limits_peak(void); /* most requests in any sliding second, whether limited or not */

enum backoff_verdict { BACKOFF_FREE, BACKOFF_RACE, BACKOFF_VIOLATED };

/* May this method be called now? A race is a request that was probably on its way already. */
enum backoff_verdict limits_backoff(const struct settings *s, const char *method);

/* Called for every answer of a method: the seconds of backoff to put into it, or 0. The wait begins
 * when the answer has been sent, with limits_backoff_sent(). */
int64_t limits_next_backoff(const struct settings *s, const char *method);
void limits_backoff_sent(const char *method, int64_t seconds);

/* Takes one from the quota, which may become negative. */
int64_t limits_take_quota(void);
int64_t limits_quota(void);
void limits_set_quota(int64_t remaining);
/* Forgets the peak; with everything, ends bans and backoffs as well. */
void limits_reset(bool everything);
