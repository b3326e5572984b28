/* The configuration file: INI, keys before any section or in [default] for all, a section per SOURCE. */
#pragma once

#include "options.h"
#include "source.h"

/* Reads what the file says for `source`; no file is fine. Everything in it is checked, also what other sections say.
 * 0, or -EINVAL (another -errno) with one sentence in *err. */
_must_check_ int conffile_read(const char *path, const struct source *source, struct config *c,
			       struct strbuf *err);
