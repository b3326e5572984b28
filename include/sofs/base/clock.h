/* All time comes from here, so that tests can move it. Safe from any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

uint64_t clock_mono_ms(void); /* monotonic, since an arbitrary start; never 0 */
int64_t clock_wall_ms(void);  /* milliseconds since 1970-01-01 UTC */
int64_t clock_wall_s(void);   /* seconds since 1970-01-01 UTC */

/* Tests: from now on both clocks stand still at the given values until moved. */
void clock_fake(uint64_t mono_ms, int64_t wall_s);
void clock_fake_advance(uint64_t ms);
void clock_real(void);
