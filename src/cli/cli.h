/* Subcommands, and what they have in common. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <sofs/api.h>
#include <sofs/base/strbuf.h>

#include "mounts.h"
#include "options.h"
#include "source.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct command {
	const char *name, *args, *summary;
	const char *more; /* further text of its --help; NULL: none */
	unsigned options; /* FOR_MOUNT and so on: which of the table are its */
	unsigned min_operands, max_operands;
	/* Gets what was parsed; returns the exit code. */
	int (*run)(struct config *config, const struct operands *operands);
};

extern const struct command command_mount, command_umount, command_check, command_status,
	command_refresh, command_log, command_help;

/* All of them, in the order of the help. */
const struct command *const *commands_table(size_t *ret_nr);
const struct command *command_find(const char *name);
void command_print_help(const struct command *cmd);
/* Parses and runs; argv without the command's name. */
int command_run(const struct command *cmd, int argc, char **argv);

/* mount(8)'s calling convention: SOURCE MOUNTPOINT [-sfnv] [-N NS] [-o OPTIONS] [-t TYPE]. Its exit codes. */
int mount_helper_run(int argc, char **argv);

/* "sofs: …" on stderr. */
void complain(const char *fmt, ...) _printf_(1, 2);

/* What mount and check do alike: SOURCE, the rest of the options, token and key. */
struct login {
	struct source source;
	struct strbuf token, key; /* wiped on release; empty: none */
	int origin;               /* enum token_origin */
	char *facts_file;         /* NULL: nothing is remembered */
};
/* EXIT_DONE, or the exit code after the complaint. */
int login_prepare(struct login *l, struct config *config, const char *source_text);
/* Token and key. 0 or -errno with a sentence in *failure. */
_must_check_ int login_credentials(struct login *l, const struct config *config,
				   struct failure *failure);
/* Borrows from both. */
void login_fill(const struct login *l, const struct config *config, struct api_config *ret);
void login_release(struct login *l);

/* The process behind a mount, for a path as typed. */
struct target {
	struct mount mount;
	char *rest; /* the path below the mount point */
	int fd;     /* connection */
};
/* 0, or -errno after the complaint. */
_must_check_ int target_open(const char *path, struct target *ret);
void target_release(struct target *t);
