/* Wrong usage, in one sentence. */
#pragma once

#include <errno.h>

#include <sofs/base/strbuf.h>

/* "where: why"; -EINVAL. */
static inline int mistake(struct strbuf *err, const char *where, const char *why)
{
	strbuf_addf(err, "%s: %s", where, why);
	return -EINVAL;
}
