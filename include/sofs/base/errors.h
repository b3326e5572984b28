/* What went wrong lately, in words: the content of `.sofs/errors` and of `sofs log`.
 * Safe from any thread. */
#pragma once

#include <sofs/base/strbuf.h>

/* Why something failed, handed upward beside a -errno. */
struct failure {
	int err;        /* -errno; 0: nothing failed */
	char text[240]; /* what the server or the library said; "" if nothing */
};

void failure_set(struct failure *f, int err, const char *fmt, ...) _printf_(3, 4);

/* Adds one line (time, path, what was tried, what was said, what happens next), and writes it to the
 * log as a warning. The newest 200 lines are kept; the same (path, what, err) within 10 s only counts
 * up, so that a grep over a thousand missing files does not flood the log. */
void errors_add(int err, const char *path, const char *tried, const char *said, const char *next);
/* Appends the lines, oldest first. */
void errors_print(struct strbuf *sb);
unsigned long errors_count(void); /* since the start */
