/* Options: one table, from which long flags, -o mount options, the configuration file, --help and the completeness
 * test of the manual pages come. Precedence: flag (and -o), environment, file, default; within one level the
 * last one wins. Everything wrong is one sentence that says where: the flag, or file:line. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <sofs/base/cleanup.h>
#include <sofs/base/strbuf.h>

enum opt_type {
	OPT_SWITCH,  /* bool; --name and --no-name */
	OPT_NUMBER,  /* uint64_t */
	OPT_SIZE,    /* uint64_t bytes; K, M, G */
	OPT_OCTAL,   /* uint64_t */
	OPT_USER,    /* uint64_t; a number or a name */
	OPT_GROUP,   /* uint64_t; likewise */
	OPT_STRING,  /* char *, NULL: not given */
	OPT_PATH,    /* char *, absolute */
	OPT_URL,     /* char *, checked and without trailing slashes (source.h) */
	OPT_CHOICE,  /* unsigned: index into choices */
	OPT_PASSED,  /* handed to the kernel as it is, with its value */
	OPT_IGNORED, /* what fstab lines carry and what is true or harmless here */
	OPT_REFUSED  /* known, and an error whose reason is the help text */
};

/* Where an option may stand. */
enum { OPT_FLAG = 1, OPT_MOUNT = 2, OPT_FILE = 4, OPT_ANYWHERE = 7 };

/* Which commands have it. */
enum { FOR_MOUNT = 1, FOR_CHECK = 2, FOR_STATUS = 4, FOR_ALL = 8 };

struct opt {
	const char *name; /* `x-*`: every name with that beginning */
	char letter;      /* 0: none */
	enum opt_type type;
	size_t offset;    /* in struct config */
	const char *arg;  /* of the value, in the help */
	const char *dflt; /* parsed like a value; NULL: zero, or said in the help */
	uint64_t min, max;
	const char *const *choices;
	unsigned where, commands;
	bool is_later; /* only its default is accepted in this version */
	const char *help;
};

enum opt_level { FROM_DEFAULT, FROM_FILE, FROM_ENVIRONMENT, FROM_FLAG };

enum { OPTIONS_MAX = 96 };

struct config {
	enum opt_level level[OPTIONS_MAX]; /* who set the option with the same index in the table */

	char *token_file, *token_command;
	char *api_url;
	unsigned api_style; /* enum api_style */
	char *api_key, *api_key_file;
	char *ca_file;
	uint64_t rate, concurrency, timeout_s;

	uint64_t list_limit;
	char *cache_dir; /* NULL: the default place (dirs.h) */
	uint64_t memory_bytes;

	bool xattr, allow_other;
	uint64_t uid, gid, umask;
	struct strbuf passed; /* -o options for the kernel, comma separated */

	bool foreground, debug;
	unsigned log_level; /* enum log_level */
	char *log_file;

	bool json, help;

	/* Of later versions. */
	bool write, edit_others, allow_delete, offline;
	unsigned publish;
	uint64_t post_limit, poll_s, quota_reserve;
};

/* Sets every default. */
_must_check_ int config_init(struct config *c);
void config_release(struct config *c);

/* The table, for help and tests. */
const struct opt *options_table(size_t *ret_nr);
/* By name; `-` and `_` are the same in it. NULL: unknown. */
const struct opt *options_find(const char *name);
const struct opt *options_find_letter(char letter);
enum opt_level options_level(const struct config *c, const char *name);

/* What is left of a command line besides its options: borrowed pointers. */
struct operands {
	char **v; /* free() */
	size_t nr;
};

/* All of the following return 0, or -EINVAL (-ENOMEM) with one sentence in *err. */

/* argv without the command's own name. Operands may stand between options; `--` ends these. */
_must_check_ int options_parse_args(struct config *c, unsigned command, int argc, char **argv,
				    struct operands *ret, struct strbuf *err);
/* NAME[=VALUE],…  A comma or backslash in a value has a backslash before it. */
_must_check_ int options_parse_mount(struct config *c, const char *text, bool is_sloppy,
				     struct strbuf *err);
/* One `name = value` of a file; `where` is FILE:LINE. With apply false it is only checked. */
_must_check_ int options_set_file(struct config *c, const char *name, const char *value,
				  const char *where, bool apply, struct strbuf *err);
/* What can be judged only when all is known: options that exclude each other, those of later versions. */
_must_check_ int options_finish(struct config *c, struct strbuf *err);

/* The part of --help that lists the options of a command. */
void options_print_help(FILE *f, unsigned command);
