/* Whole files, written so that a crash leaves the old or the new one, and read with a bound. */
#pragma once

#include <stddef.h>

#include <sofs/base/strbuf.h>

/* Writes to a temporary file beside `path` (mode 0600), fsyncs, renames. 0 or -errno. */
_must_check_ int atomicfile_write(const char *path, const void *data, size_t len);
/* Appends the file's bytes to sb. -EFBIG if it is longer than max_bytes, else 0 or -errno. */
_must_check_ int atomicfile_read(const char *path, size_t max_bytes, struct strbuf *sb);
/* Makes the directory and its missing parents, the last one with mode 0700. An existing last one must
 * be a directory of ours that nobody else can write: else -EPERM. 0 or -errno. */
_must_check_ int private_dir(const char *path);
