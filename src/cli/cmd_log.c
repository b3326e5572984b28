/* sofs log: what .sofs/errors says, without touching the mount. */
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "client.h"

static int run_log(struct config *config, const struct operands *operands)
{
	struct failure failure = { 0 };
	_cleanup_free_ char *text = NULL;
	struct target t;
	int r;

	if (target_open(operands->v[0], &t) < 0)
		return EXIT_FAILED;
	r = client_ask_text(t.fd, "errors", &text, &failure);
	if (r < 0)
		complain("%s: %s", t.mount.path, failure.text);
	else if (*text)
		fputs(text, stdout);
	else
		fputs("sofs: no errors since it was mounted\n", stderr);
	target_release(&t);
	return r < 0 ? EXIT_FAILED : EXIT_DONE;
}

const struct command command_log = {
	.name = "log",
	.args = "MOUNTPOINT",
	.summary = "show the recent errors of a mount with their reasons",
	.min_operands = 1,
	.max_operands = 1,
	.run = run_log,
};
