/* Compression of what the store keeps of a question. Zstandard, level 1: a third of zlib's time to pack, a quarter to
 * unpack, and no larger, when tried on the 20,000 questions of `fakeapi --synthetic`. Any thread. */
#pragma once

#include <stddef.h>

#include <sofs/base/strbuf.h>

/* Both append. 0; -ENOMEM; json_unpack also -EBADMSG (damaged) and -EFBIG (would be more than max bytes). */
_must_check_ int json_pack(const void *data, size_t len, struct strbuf *out);
_must_check_ int json_unpack(const void *data, size_t len, struct strbuf *out, size_t max);
