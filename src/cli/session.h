/* One mounted filesystem, from the first thread to the last: made of the rooms below, served, taken down. */
#pragma once

#include "cli.h"

struct session_args {
	const struct config *config;
	struct login *login; /* its token is wiped as soon as the api has its copy */
	const char *mountpoint;
};

/* Serves until unmounted; returns the exit code. With in_background it is called in the parent: that one returns when the
 * mount answers, or after one line that says why it does not. */
int session_run(const struct session_args *args, bool in_background);
