/* One value of one option; used by options.c and optargs.c. */
#pragma once

#include "options.h"

bool option_takes_value(const struct opt *o);
/* Its place in the table, and in config.level. */
size_t option_index(const struct opt *o);
/* Checks a value, and takes it (with apply) unless a stronger level has spoken already. `where` begins the sentence. 0, or
 * -EINVAL (-ENOMEM) with *err. */
_must_check_ int option_set(struct config *c, const struct opt *o, const char *value,
			    enum opt_level level, const char *where, bool apply,
			    struct strbuf *err);
_must_check_ int option_set_default(struct config *c, const struct opt *o);
/* Frees what the field holds. */
void option_release(struct config *c, const struct opt *o);
