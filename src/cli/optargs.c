/* Where options stand: on the command line, in -o, in the lines of a file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mistake.h"
#include "options.h"
#include "optvalue.h"

struct parser {
	struct config *c;
	unsigned command;
	int argc, i;
	char **argv;
	struct operands *operands;
	struct strbuf *err;
};

static bool has_option(const struct parser *p, const struct opt *o)
{
	return o && (o->where & OPT_FLAG) && (o->commands & (p->command | FOR_ALL));
}

static int set_flag(struct parser *p, const struct opt *o, const char *shown, const char *value)
{
	_cleanup_(strbuf_release) struct strbuf where = STRBUF_INIT;

	strbuf_addf(&where, "%s%s%s", shown, o->type == OPT_SWITCH ? "" : " ",
		    o->type == OPT_SWITCH ? "" : value);
	return option_set(p->c, o, value, FROM_FLAG, strbuf_str(&where), true, p->err);
}

static int parse_long(struct parser *p, const char *arg)
{
	const char *eq = strchr(arg, '='), *value = eq ? eq + 1 : NULL;
	_cleanup_free_ char *shown = strndup(arg, eq ? (size_t)(eq - arg) : strlen(arg));
	const char *name;
	const struct opt *o;
	bool negated = false;

	if (!shown)
		return -ENOMEM;
	name = shown + 2;
	o = options_find(name);
	if (!has_option(p, o) && !strncmp(name, "no-", 3)) {
		o = options_find(name + 3);
		negated = true;
	}
	if (!has_option(p, o) || (negated && o->type != OPT_SWITCH)) {
		strbuf_addf(p->err, "unknown option %s", shown);
		return -EINVAL;
	}
	if (o->type == OPT_SWITCH) {
		if (value)
			return mistake(p->err, shown, "takes no value");
		return set_flag(p, o, shown, negated ? "no" : "yes");
	}
	if (!value) {
		if (p->i + 1 >= p->argc)
			return mistake(p->err, shown, "needs a value");
		value = p->argv[++p->i];
	}
	return set_flag(p, o, shown, value);
}

/* -f -d -h, also joined as -fd, and -o OPTIONS. */
static int parse_short(struct parser *p, const char *arg)
{
	for (const char *s = arg + 1; *s; s++) {
		const struct opt *o = options_find_letter(*s);
		char shown[3] = { '-', *s, '\0' };
		int r;

		if (*s == 'o' && (p->command & FOR_MOUNT)) {
			const char *value = s[1]                 ? s + 1
					    : p->i + 1 < p->argc ? p->argv[++p->i]
								 : NULL;

			if (!value)
				return mistake(p->err, "-o", "needs a value");
			return options_parse_mount(p->c, value, false, p->err);
		}
		if (!has_option(p, o)) {
			strbuf_addf(p->err, "unknown option %s", shown);
			return -EINVAL;
		}
		r = set_flag(p, o, shown, "yes");
		if (r < 0)
			return r;
	}
	return 0;
}

int options_parse_args(struct config *c, unsigned command, int argc, char **argv,
		       struct operands *ret, struct strbuf *err)
{
	struct parser p = { c, command, argc, 0, argv, ret, err };
	bool ended = false;
	int r = 0;

	*ret = (struct operands){ .v = calloc((size_t)argc + 1, sizeof(char *)) };
	if (!ret->v)
		return -ENOMEM;
	for (; p.i < argc && r == 0; p.i++) {
		char *arg = argv[p.i];

		if (ended || arg[0] != '-' || !arg[1])
			ret->v[ret->nr++] = arg;
		else if (!strcmp(arg, "--"))
			ended = true;
		else if (arg[1] == '-')
			r = parse_long(&p, arg);
		else
			r = parse_short(&p, arg);
	}
	return r;
}

/* -o NAME[=VALUE],… */

static int set_mount(struct config *c, const char *name, const char *value, bool is_sloppy,
		     struct strbuf *err)
{
	const struct opt *o = options_find(name);
	_cleanup_(strbuf_release) struct strbuf where = STRBUF_INIT;
	bool negated = false;

	if (!o && !strncmp(name, "no-", 3)) {
		o = options_find(name + 3);
		negated = true;
	}
	if (!o || !(o->where & OPT_MOUNT) || (negated && o->type != OPT_SWITCH)) {
		if (is_sloppy)
			return 0;
		strbuf_addf(err, "-o %s: unknown option", name);
		return -EINVAL;
	}
	strbuf_addf(&where, "-o %s", name);
	if (value && option_takes_value(o))
		strbuf_addf(&where, "=%s", value);
	if (o->type == OPT_SWITCH) {
		if (value)
			return mistake(err, strbuf_str(&where), "takes no value");
		value = negated ? "no" : "yes";
	}
	return option_set(c, o, value ? value : "", FROM_FLAG, strbuf_str(&where), true, err);
}

int options_parse_mount(struct config *c, const char *text, bool is_sloppy, struct strbuf *err)
{
	_cleanup_(strbuf_release) struct strbuf item = STRBUF_INIT;

	for (const char *s = text;; s++) {
		if (*s == '\\' && (s[1] == ',' || s[1] == '\\')) {
			strbuf_addch(&item, *++s);
		} else if (*s && *s != ',') {
			strbuf_addch(&item, *s);
		} else {
			char *eq;
			int r = 0;

			if (strbuf_failed(&item))
				return -ENOMEM;
			if (item.len) {
				eq = strchr(item.buf, '=');
				if (eq)
					*eq++ = '\0';
				r = set_mount(c, item.buf, eq, is_sloppy, err);
			}
			if (r < 0 || !*s)
				return r;
			strbuf_reset(&item);
		}
	}
}

int options_set_file(struct config *c, const char *name, const char *value, const char *where,
		     bool apply, struct strbuf *err)
{
	const struct opt *o = options_find(name);
	_cleanup_(strbuf_release) struct strbuf at = STRBUF_INIT;

	strbuf_addf(&at, "%s: %s", where, name);
	if (!o || !(o->where & OPT_FILE))
		return mistake(err, strbuf_str(&at), "unknown option");
	if (o->type != OPT_SWITCH)
		strbuf_addf(&at, " = %s", value);
	return option_set(c, o, value, FROM_FILE, strbuf_str(&at), apply, err);
}
