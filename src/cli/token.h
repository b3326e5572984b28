/* The access token: where it comes from, and keeping it out of sight (docs/design/commands.md).
 * No option takes the token itself: it would be visible to everybody in the list of processes. */
#pragma once

#include <sofs/base/errors.h>
#include <sofs/base/strbuf.h>

#include "options.h"

/* Takes SOFS_TOKEN out of the environment, and wipes it where /proc/PID/environ would show it. Call it first of
 * all, before any thread or child. */
void token_take_environment(void);

/* Where the token was found, for `sofs check`. */
enum token_origin { TOKEN_NONE, TOKEN_ENVIRONMENT, TOKEN_FILE, TOKEN_COMMAND };

/* Appends the token to sb (wipe it with strbuf_wipe) and registers it with the log. 0; with no token
 * configured 0 and TOKEN_NONE; or -errno with one sentence in *failure. */
_must_check_ int token_get(const struct config *c, struct strbuf *sb, enum token_origin *ret,
			   struct failure *failure);

/* A key or token from a file that others cannot read: its first line, trimmed. `what` names the option. */
_must_check_ int token_read_file(const char *path, const char *what, struct strbuf *sb,
				 struct failure *failure);

/* No core file of this process, nor one handed to a collector: it would hold the token. */
void token_forbid_core(void);
