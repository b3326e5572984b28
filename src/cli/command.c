#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static const struct command *const all[] = {
	&command_mount,   &command_umount, &command_check, &command_status,
	&command_refresh, &command_log,    &command_help,
};

const struct command *const *commands_table(size_t *ret_nr)
{
	*ret_nr = ARRAY_SIZE(all);
	return all;
}

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (!strcmp(all[i]->name, name))
			return all[i];
	return NULL;
}

void complain(const char *fmt, ...)
{
	_cleanup_(strbuf_release) struct strbuf sb = STRBUF_INIT;
	va_list ap;

	strbuf_adds(&sb, "sofs: ");
	va_start(ap, fmt);
	strbuf_vaddf(&sb, fmt, ap);
	va_end(ap);
	strbuf_addch(&sb, '\n');
	fputs(strbuf_failed(&sb) ? "sofs: out of memory\n" : strbuf_str(&sb), stderr);
}

void command_print_help(const struct command *cmd)
{
	printf("usage: sofs %s%s%s\n\n%s\n", cmd->name, *cmd->args ? " " : "", cmd->args,
	       cmd->summary);
	if (cmd->more)
		printf("\n%s", cmd->more);
	putchar('\n');
	options_print_help(stdout, cmd->options);
}

static int check_operands(const struct command *cmd, const struct operands *operands)
{
	if (operands->nr >= cmd->min_operands && operands->nr <= cmd->max_operands)
		return 0;
	complain("%s: %s; usage: sofs %s %s", cmd->name,
		 operands->nr < cmd->min_operands ? "something is missing" : "too many arguments",
		 cmd->name, cmd->args);
	return -EINVAL;
}

int command_run(const struct command *cmd, int argc, char **argv)
{
	_cleanup_(strbuf_release) struct strbuf err = STRBUF_INIT;
	struct operands operands = { 0 };
	struct config config;
	int code = EXIT_USAGE, r;

	r = config_init(&config);
	if (r == 0)
		r = options_parse_args(&config, cmd->options, argc, argv, &operands, &err);
	if (r == -ENOMEM) {
		complain("out of memory");
		code = EXIT_FAILED;
	} else if (r < 0) {
		complain("%s: %s; see `sofs %s --help`", cmd->name, strbuf_str(&err), cmd->name);
	} else if (config.help) {
		command_print_help(cmd);
		code = EXIT_DONE;
	} else if (check_operands(cmd, &operands) == 0) {
		code = cmd->run(&config, &operands);
	}
	free(operands.v);
	config_release(&config);
	return code;
}

/* help */

static void print_overview(FILE *f)
{
	fputs("usage: sofs COMMAND [options] …\n\n"
	      "Mounts a Stack Overflow for Teams team as a tree of Markdown files.\n\n"
	      "commands:\n",
	      f);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		fprintf(f, "  %-10s%s\n", all[i]->name, all[i]->summary);
	fputs("\nSOURCE is a team's slug (acme, team:acme), the address of a Stack Overflow "
	      "Enterprise\n"
	      "server (https://HOST), or a public site (site:stackoverflow).\n"
	      "`sofs COMMAND --help` says more about each; `sofs --version` tells the version.\n",
	      f);
}

static int run_help(struct config *config, const struct operands *operands)
{
	const struct command *cmd;

	if (!operands || operands->nr == 0) {
		print_overview(operands ? stdout : stderr);
		return EXIT_DONE;
	}
	cmd = command_find(operands->v[0]);
	if (!cmd) {
		complain("%s: no such command; `sofs help` lists them", operands->v[0]);
		return EXIT_USAGE;
	}
	command_print_help(cmd);
	return EXIT_DONE;
}

const struct command command_help = {
	.name = "help",
	.args = "[COMMAND]",
	.summary = "say what the commands do",
	.max_operands = 1,
	.run = run_help,
};
