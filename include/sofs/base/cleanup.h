/* The few macros this code allows itself: scope-bound cleanup, checked results, container_of. */
#pragma once

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f)                  __attribute__((cleanup(f)))
#define _printf_(a, b)                __attribute__((format(printf, a, b)))
#define _fallthrough_                 __attribute__((fallthrough))
#define _must_check_                  __attribute__((warn_unused_result))
#define ARRAY_SIZE(a)                 (sizeof(a) / sizeof((a)[0]))
#define container_of(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))

/* Hands the pointer over: evaluates to its value and leaves NULL, so a cleanup attribute is disarmed. */
#define TAKE_PTR(p)                               \
	({                                        \
		__typeof__(p) *take_p_ = &(p);    \
		__typeof__(p) take_v_ = *take_p_; \
		*take_p_ = NULL;                  \
		take_v_;                          \
	})

static inline void freep(void *p)
{
	free(*(void **)p);
}

static inline void closep(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define _cleanup_free_  _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)
