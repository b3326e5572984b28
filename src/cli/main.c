/* sofs: which subcommand, and what mount(8) calls. */
#include <libgen.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "token.h"

/* Under these names mount(8) runs us for `mount -t fuse.sofs`. */
static bool is_mount_helper(const char *argv0)
{
	const char *slash = strrchr(argv0, '/'), *name = slash ? slash + 1 : argv0;

	return !strcmp(name, "mount.fuse.sofs") || !strcmp(name, "mount.sofs");
}

int main(int argc, char **argv)
{
	const struct command *cmd;

	token_take_environment();
	token_forbid_core();
	if (argc > 0 && is_mount_helper(argv[0]))
		return mount_helper_run(argc - 1, argv + 1);
	if (argc < 2) {
		command_help.run(NULL, NULL);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		puts("sofs " SOFS_VERSION);
		return EXIT_DONE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return command_run(&command_help, argc - 2, argv + 2);
	cmd = command_find(argv[1]);
	if (!cmd) {
		complain("%s: no such command; `sofs help` lists them", argv[1]);
		return EXIT_USAGE;
	}
	return command_run(cmd, argc - 2, argv + 2);
}
