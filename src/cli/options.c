#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/api.h>
#include <sofs/base/log.h>

#include "dirs.h"
#include "source.h"

#define FIELD(f) offsetof(struct config, f)

static const char *const style_choices[] = {
	[API_STYLE_AUTO] = "auto", [API_STYLE_QUERY] = "query", [API_STYLE_PATH] = "path", NULL
};
static const char *const level_choices[] = { [LOG_LEVEL_ERROR] = "error",
					     [LOG_LEVEL_WARNING] = "warning",
					     [LOG_LEVEL_INFO] = "info",
					     [LOG_LEVEL_DEBUG] = "debug",
					     NULL };
static const char *const publish_choices[] = { "save", "move", NULL };

enum { FOR_BOTH = FOR_MOUNT | FOR_CHECK };

/* What fstab lines carry: nothing to do, because it is always so here, or because mount(8) has done it. */
#define FSTAB(n)                                                                  \
	{                                                                         \
		n, .type = OPT_IGNORED, .where = OPT_MOUNT, .commands = FOR_MOUNT \
	}
#define REFUSED(n, why)                                                                        \
	{                                                                                      \
		n, .type = OPT_REFUSED, .where = OPT_MOUNT, .commands = FOR_MOUNT, .help = why \
	}
/* SELinux labels, and fusermount3's own watch over the process. */
#define KERNEL(n)                                                                \
	{                                                                        \
		n, .type = OPT_PASSED, .where = OPT_MOUNT, .commands = FOR_MOUNT \
	}

/* clang-format off */
static const struct opt options[] = {
	{ "token-file", .type = OPT_PATH, .offset = FIELD(token_file), .arg = "FILE",
	  .where = OPT_ANYWHERE, .commands = FOR_BOTH,
	  .help = "file that holds the access token; refused if others can read it" },
	{ "token-command", .type = OPT_STRING, .offset = FIELD(token_command), .arg = "COMMAND",
	  .where = OPT_ANYWHERE, .commands = FOR_BOTH,
	  .help = "shell command whose first line of output is the access token" },
	{ "api-url", .type = OPT_URL, .offset = FIELD(api_url), .arg = "URL",
	  .where = OPT_ANYWHERE, .commands = FOR_BOTH,
	  .help = "base address of the API (http:// to this machine only); default by SOURCE" },
	{ "api-style", .type = OPT_CHOICE, .offset = FIELD(api_style), .choices = style_choices,
	  .dflt = "auto", .where = OPT_ANYWHERE, .commands = FOR_BOTH,
	  .help = "how the team is named in a request; auto finds out and remembers" },
	{ "api-key", .type = OPT_STRING, .offset = FIELD(api_key), .arg = "KEY",
	  .where = OPT_ANYWHERE, .commands = FOR_BOTH,
	  .help = "application key: of public sites, or X-API-Key of Enterprise" },
	{ "api-key-file", .type = OPT_PATH, .offset = FIELD(api_key_file), .arg = "FILE",
	  .where = OPT_ANYWHERE, .commands = FOR_BOTH,
	  .help = "file that holds the application key; refused if others can read it" },
	{ "ca-file", .type = OPT_PATH, .offset = FIELD(ca_file), .arg = "FILE",
	  .where = OPT_ANYWHERE, .commands = FOR_BOTH,
	  .help = "certificate authority to trust besides the system's (PEM)" },
	{ "rate", .type = OPT_NUMBER, .offset = FIELD(rate), .arg = "N",
	  .dflt = "20", .min = 1, .max = 30, .where = OPT_ANYWHERE, .commands = FOR_BOTH,
	  .help = "requests per second" },
	{ "concurrency", .type = OPT_NUMBER, .offset = FIELD(concurrency), .arg = "N",
	  .dflt = "4", .min = 1, .max = 16, .where = OPT_ANYWHERE, .commands = FOR_BOTH,
	  .help = "requests in flight at the same time" },
	{ "timeout", .type = OPT_NUMBER, .offset = FIELD(timeout_s), .arg = "SECONDS",
	  .dflt = "10", .min = 1, .max = 300, .where = OPT_ANYWHERE, .commands = FOR_BOTH,
	  .help = "how long a file operation may wait for the server without progress" },
	{ "list-limit", .type = OPT_NUMBER, .offset = FIELD(list_limit), .arg = "N",
	  .min = 1, .max = 10000000, .where = OPT_ANYWHERE, .commands = FOR_MOUNT,
	  .help = "questions, or tags, that a listing fetches at most; default 50000, 2500 for "
		  "site:NAME" },
	{ "cache-dir", .type = OPT_PATH, .offset = FIELD(cache_dir), .arg = "DIR",
	  .where = OPT_ANYWHERE, .commands = FOR_BOTH,
	  .help = "what is remembered between mounts; default $XDG_CACHE_HOME/sofs" },
	{ "memory", .type = OPT_SIZE, .offset = FIELD(memory_bytes), .arg = "SIZE",
	  .dflt = "64M", .min = 4ULL << 20, .max = 1ULL << 40, .where = OPT_ANYWHERE,
	  .commands = FOR_MOUNT,
	  .help = "bound for the texts held in memory (K, M or G behind the number)" },
	{ "xattr", .type = OPT_SWITCH, .offset = FIELD(xattr),
	  .where = OPT_ANYWHERE, .commands = FOR_MOUNT,
	  .help = "serve extended attributes" },
	{ "allow_other", .type = OPT_SWITCH, .offset = FIELD(allow_other),
	  .where = OPT_ANYWHERE, .commands = FOR_MOUNT,
	  .help = "let other users look into the mount" },
	{ "uid", .type = OPT_USER, .offset = FIELD(uid), .arg = "USER", .max = UINT32_MAX - 1,
	  .where = OPT_ANYWHERE, .commands = FOR_MOUNT,
	  .help = "owner of the files; default: you" },
	{ "gid", .type = OPT_GROUP, .offset = FIELD(gid), .arg = "GROUP", .max = UINT32_MAX - 1,
	  .where = OPT_ANYWHERE, .commands = FOR_MOUNT,
	  .help = "group of the files; default: yours" },
	{ "umask", .type = OPT_OCTAL, .offset = FIELD(umask), .arg = "OCTAL", .dflt = "022",
	  .max = 0777, .where = OPT_ANYWHERE, .commands = FOR_MOUNT,
	  .help = "permission bits that the files do not have" },
	{ "log-level", .type = OPT_CHOICE, .offset = FIELD(log_level), .choices = level_choices,
	  .dflt = "info", .where = OPT_ANYWHERE, .commands = FOR_BOTH,
	  .help = "how much is written to the log" },
	{ "log-file", .type = OPT_PATH, .offset = FIELD(log_file), .arg = "FILE",
	  .where = OPT_ANYWHERE, .commands = FOR_MOUNT,
	  .help = "log here instead of the system log (stderr with -f)" },

	{ "write", .type = OPT_SWITCH, .offset = FIELD(write), .is_later = true,
	  .where = OPT_ANYWHERE, .commands = FOR_MOUNT,
	  .help = "allow posts, edits and comments" },
	{ "publish", .type = OPT_CHOICE, .offset = FIELD(publish), .choices = publish_choices,
	  .dflt = "save", .is_later = true, .where = OPT_ANYWHERE, .commands = FOR_MOUNT,
	  .help = "what sends a post: a complete save, or only a rename" },
	{ "post-limit", .type = OPT_NUMBER, .offset = FIELD(post_limit), .arg = "N", .dflt = "5",
	  .max = 1000, .is_later = true, .where = OPT_ANYWHERE, .commands = FOR_MOUNT,
	  .help = "different posts created, edited or deleted in a minute" },
	{ "edit-others", .type = OPT_SWITCH, .offset = FIELD(edit_others), .is_later = true,
	  .where = OPT_ANYWHERE, .commands = FOR_MOUNT,
	  .help = "let posts of other people be edited" },
	{ "allow-delete", .type = OPT_SWITCH, .offset = FIELD(allow_delete), .is_later = true,
	  .where = OPT_ANYWHERE, .commands = FOR_MOUNT,
	  .help = "let rm delete your own posts on the server" },
	{ "poll", .type = OPT_NUMBER, .offset = FIELD(poll_s), .arg = "SECONDS", .dflt = "60",
	  .max = 86400, .is_later = true, .where = OPT_ANYWHERE, .commands = FOR_MOUNT,
	  .help = "time between checks for changes; 0: never" },
	{ "quota-reserve", .type = OPT_NUMBER, .offset = FIELD(quota_reserve), .arg = "N",
	  .dflt = "500", .max = 1000000, .is_later = true, .where = OPT_ANYWHERE,
	  .commands = FOR_MOUNT,
	  .help = "requests per day kept for your own actions" },
	{ "offline", .type = OPT_SWITCH, .offset = FIELD(offline), .is_later = true,
	  .where = OPT_ANYWHERE, .commands = FOR_MOUNT,
	  .help = "never touch the network" },

	{ "foreground", 'f', .type = OPT_SWITCH, .offset = FIELD(foreground),
	  .where = OPT_FLAG, .commands = FOR_MOUNT,
	  .help = "stay in the foreground, log to stderr" },
	{ "debug", 'd', .type = OPT_SWITCH, .offset = FIELD(debug),
	  .where = OPT_FLAG | OPT_MOUNT, .commands = FOR_MOUNT,
	  .help = "trace every request on stderr; implies -f" },
	{ "json", .type = OPT_SWITCH, .offset = FIELD(json),
	  .where = OPT_FLAG, .commands = FOR_STATUS,
	  .help = "as one JSON object, for programs" },
	{ "help", 'h', .type = OPT_SWITCH, .offset = FIELD(help),
	  .where = OPT_FLAG, .commands = FOR_ALL,
	  .help = "show this text" },

	FSTAB("ro"), FSTAB("rw"),
	FSTAB("nosuid"), FSTAB("nodev"), FSTAB("noexec"),
	FSTAB("atime"), FSTAB("noatime"), FSTAB("relatime"), FSTAB("norelatime"),
	FSTAB("strictatime"), FSTAB("nostrictatime"), FSTAB("lazytime"), FSTAB("nolazytime"),
	FSTAB("diratime"), FSTAB("nodiratime"), FSTAB("iversion"), FSTAB("noiversion"),
	FSTAB("sync"), FSTAB("async"), FSTAB("dirsync"), FSTAB("silent"), FSTAB("loud"),
	FSTAB("auto"), FSTAB("noauto"), FSTAB("user"), FSTAB("nouser"), FSTAB("users"),
	FSTAB("owner"), FSTAB("group"), FSTAB("nofail"), FSTAB("defaults"), FSTAB("_netdev"),
	FSTAB("comment"), FSTAB("uhelper"), FSTAB("helper"), FSTAB("x-*"), FSTAB("X-*"),
	FSTAB("default_permissions"), FSTAB("nonempty"),
	KERNEL("context"), KERNEL("fscontext"), KERNEL("defcontext"), KERNEL("rootcontext"),
	KERNEL("auto_unmount"),
	REFUSED("suid", "the mount is always nosuid"),
	REFUSED("dev", "the mount is always nodev"),
	REFUSED("exec", "the mount is always noexec"),
	REFUSED("allow_root", "not supported; allow_other lets all other users in, root among them"),
	REFUSED("fsname", "sofs names its mounts itself"),
	REFUSED("subtype", "sofs names its mounts itself"),
	REFUSED("remount", "options of a mount cannot be changed; unmount and mount again"),
};
/* clang-format on */

_Static_assert(ARRAY_SIZE(options) <= OPTIONS_MAX, "struct config has too few levels");

const struct opt *options_table(size_t *ret_nr)
{
	*ret_nr = ARRAY_SIZE(options);
	return options;
}

/* `allow_other` is spelled as FUSE spells it, `token-file` as flags are: people mix the two up. */
static bool same_name(const char *a, const char *b, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char x = a[i] == '_' ? '-' : a[i], y = b[i] == '_' ? '-' : b[i];

		if (x != y || !x)
			return false;
	}
	return true;
}

const struct opt *options_find(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		size_t len = strlen(options[i].name);

		if (options[i].name[len - 1] == '*') {
			if (n >= len && same_name(name, options[i].name, len - 1))
				return &options[i];
		} else if (n == len && same_name(name, options[i].name, len)) {
			return &options[i];
		}
	}
	return NULL;
}

static const struct opt *find_letter(char letter)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (options[i].letter == letter)
			return &options[i];
	return NULL;
}

enum opt_level options_level(const struct config *c, const char *name)
{
	const struct opt *o = options_find(name);

	return o ? c->level[o - options] : FROM_DEFAULT;
}

static bool takes_value(const struct opt *o)
{
	return o->type != OPT_SWITCH && o->type != OPT_IGNORED && o->type != OPT_REFUSED &&
	       o->type != OPT_PASSED;
}

/* Values */

struct value {
	bool flag;
	uint64_t number; /* and choices */
	char *text;      /* owned */
};

static bool parse_digits(const char *s, int base, uint64_t *ret, const char **end)
{
	char *stop;

	if (!isdigit((unsigned char)*s))
		return false;
	errno = 0;
	*ret = strtoull(s, &stop, base);
	*end = stop;
	return errno == 0 && stop > s;
}

static void add_size(struct strbuf *sb, uint64_t n)
{
	static const char units[] = "KMGT";
	int unit = -1;

	while (unit < 3 && n >= 1024 && n % 1024 == 0) {
		n /= 1024;
		unit++;
	}
	strbuf_addf(sb, "%" PRIu64, n);
	if (unit >= 0)
		strbuf_addch(sb, units[unit]);
}

static int bad(struct strbuf *err, const char *where, const char *why)
{
	strbuf_addf(err, "%s: %s", where, why);
	return -EINVAL;
}

static int out_of_range(const struct opt *o, const char *where, struct strbuf *err)
{
	strbuf_addf(err, "%s: must be between ", where);
	if (o->type == OPT_SIZE) {
		add_size(err, o->min);
		strbuf_adds(err, " and ");
		add_size(err, o->max);
	} else {
		strbuf_addf(err, "%" PRIu64 " and %" PRIu64, o->min, o->max);
	}
	return -EINVAL;
}

static int parse_number(const struct opt *o, const char *s, const char *where, struct value *v,
			struct strbuf *err)
{
	static const char units[] = "KMG";
	const char *end;

	if (!parse_digits(s, o->type == OPT_OCTAL ? 8 : 10, &v->number, &end))
		return bad(err, where,
			   o->type == OPT_OCTAL ? "not an octal number" : "not a number");
	if (o->type == OPT_SIZE && *end) {
		const char *unit = strchr(units, toupper((unsigned char)*end));
		unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;

		if (!unit || end[1])
			return bad(err, where, "not a size such as 64M");
		if (v->number > UINT64_MAX >> shift)
			return out_of_range(o, where, err);
		v->number <<= shift;
	} else if (*end) {
		return bad(err, where,
			   o->type == OPT_OCTAL ? "not an octal number" : "not a number");
	}
	if (v->number < o->min || v->number > o->max)
		return out_of_range(o, where, err);
	return 0;
}

static int parse_owner(const struct opt *o, const char *s, const char *where, struct value *v,
		       struct strbuf *err)
{
	const struct passwd *pw;
	const struct group *gr;

	if (isdigit((unsigned char)*s))
		return parse_number(o, s, where, v, err);
	if (o->type == OPT_USER) {
		pw = getpwnam(s);
		if (!pw)
			return bad(err, where, "no such user");
		v->number = pw->pw_uid;
	} else {
		gr = getgrnam(s);
		if (!gr)
			return bad(err, where, "no such group");
		v->number = gr->gr_gid;
	}
	return 0;
}

static int parse_choice(const struct opt *o, const char *s, const char *where, struct value *v,
			struct strbuf *err)
{
	for (size_t i = 0; o->choices[i]; i++) {
		if (!strcmp(s, o->choices[i])) {
			v->number = i;
			return 0;
		}
	}
	strbuf_addf(err, "%s: must be ", where);
	for (size_t i = 0; o->choices[i]; i++)
		strbuf_addf(err, "%s%s",
			    i == 0              ? ""
			    : o->choices[i + 1] ? ", "
						: " or ",
			    o->choices[i]);
	return -EINVAL;
}

static int parse_switch(const char *s, const char *where, struct value *v, struct strbuf *err)
{
	static const char *const yes[] = { "yes", "on", "true", "1" };
	static const char *const no[] = { "no", "off", "false", "0" };

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (!strcasecmp(s, yes[i]) || !strcasecmp(s, no[i])) {
			v->flag = !strcasecmp(s, yes[i]);
			return 0;
		}
	}
	return bad(err, where, "must be yes or no");
}

/* A file has no working directory of its own, so a path in it starts at / or at home. */
static int parse_path(const char *s, const char *where, bool in_file, struct value *v,
		      struct strbuf *err)
{
	struct strbuf sb = STRBUF_INIT;
	_cleanup_free_ char *start = NULL;

	if (s[0] == '~' && s[1] == '/') {
		start = dirs_home();
		s += 2;
		if (!start)
			return bad(err, where, "the home directory is not known");
	} else if (s[0] != '/') {
		if (in_file)
			return bad(err, where, "must start with / or ~/");
		start = getcwd(NULL, 0);
		if (!start)
			return bad(err, where, "the working directory has no name");
	}
	if (start)
		strbuf_addf(&sb, "%s/", start);
	strbuf_adds(&sb, s);
	v->text = strbuf_detach(&sb);
	return v->text ? 0 : -ENOMEM;
}

static int parse_value(const struct opt *o, const char *s, const char *where, bool in_file,
		       struct value *v, struct strbuf *err)
{
	if (!*s && takes_value(o))
		return bad(err, where, "needs a value");
	switch (o->type) {
	case OPT_SWITCH:
		return parse_switch(s, where, v, err);
	case OPT_NUMBER:
	case OPT_SIZE:
	case OPT_OCTAL:
		return parse_number(o, s, where, v, err);
	case OPT_USER:
	case OPT_GROUP:
		return parse_owner(o, s, where, v, err);
	case OPT_CHOICE:
		return parse_choice(o, s, where, v, err);
	case OPT_PATH:
		return parse_path(s, where, in_file, v, err);
	case OPT_URL:
		return url_check(s, where, &v->text, err);
	case OPT_STRING:
	case OPT_PASSED:
		v->text = strdup(s);
		return v->text ? 0 : -ENOMEM;
	case OPT_IGNORED:
		return 0;
	case OPT_REFUSED:
		return bad(err, where, o->help);
	}
	return -EINVAL;
}

static void *field(struct config *c, const struct opt *o)
{
	return (char *)c + o->offset;
}

static void pass(struct config *c, const struct opt *o, const char *value)
{
	strbuf_addf(&c->passed, "%s%s%s%s", c->passed.len ? "," : "", o->name, *value ? "=" : "",
		    value);
}

static void apply_value(struct config *c, const struct opt *o, struct value *v)
{
	switch (o->type) {
	case OPT_SWITCH:
		*(bool *)field(c, o) = v->flag;
		break;
	case OPT_NUMBER:
	case OPT_SIZE:
	case OPT_OCTAL:
	case OPT_USER:
	case OPT_GROUP:
		*(uint64_t *)field(c, o) = v->number;
		break;
	case OPT_CHOICE:
		*(unsigned *)field(c, o) = (unsigned)v->number;
		break;
	case OPT_STRING:
	case OPT_PATH:
	case OPT_URL:
		free(*(char **)field(c, o));
		*(char **)field(c, o) = TAKE_PTR(v->text);
		break;
	case OPT_PASSED:
		pass(c, o, v->text);
		break;
	case OPT_IGNORED:
	case OPT_REFUSED:
		break;
	}
}

static bool is_default(const struct opt *o, const struct value *v)
{
	struct value dflt = { 0 };
	_cleanup_(strbuf_release) struct strbuf err = STRBUF_INIT;
	bool same;

	if (o->dflt && parse_value(o, o->dflt, o->name, false, &dflt, &err) < 0)
		return false;
	same = dflt.flag == v->flag && dflt.number == v->number;
	free(dflt.text);
	return same;
}

/* Checks a value, and takes it unless a stronger level has spoken already. */
static int set(struct config *c, const struct opt *o, const char *value, enum opt_level level,
	       const char *where, bool apply, struct strbuf *err)
{
	struct value v = { 0 };
	int r = parse_value(o, value, where, level == FROM_FILE, &v, err);

	/* Nothing polls in this version, so `poll=0` asks for what is. */
	if (r == 0 && apply && o->is_later && !is_default(o, &v) &&
	    !(o->offset == FIELD(poll_s) && v.number == 0))
		r = bad(err, where, "not yet available in this version of sofs");
	if (r == 0 && apply && c->level[o - options] <= level) {
		apply_value(c, o, &v);
		c->level[o - options] = level;
	}
	free(v.text);
	return r;
}

/* The command line */

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
	return set(p->c, o, value, FROM_FLAG, strbuf_str(&where), true, p->err);
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
			return bad(p->err, shown, "takes no value");
		return set_flag(p, o, shown, negated ? "no" : "yes");
	}
	if (!value) {
		if (p->i + 1 >= p->argc)
			return bad(p->err, shown, "needs a value");
		value = p->argv[++p->i];
	}
	return set_flag(p, o, shown, value);
}

/* -f -d -h, also joined as -fd, and -o OPTIONS. */
static int parse_short(struct parser *p, const char *arg)
{
	for (const char *s = arg + 1; *s; s++) {
		const struct opt *o = find_letter(*s);
		char shown[3] = { '-', *s, '\0' };
		int r;

		if (*s == 'o' && (p->command & FOR_MOUNT)) {
			const char *value = s[1]                 ? s + 1
					    : p->i + 1 < p->argc ? p->argv[++p->i]
								 : NULL;

			if (!value)
				return bad(p->err, "-o", "needs a value");
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
	if (value && takes_value(o))
		strbuf_addf(&where, "=%s", value);
	if (o->type == OPT_SWITCH) {
		if (value)
			return bad(err, strbuf_str(&where), "takes no value");
		value = negated ? "no" : "yes";
	}
	return set(c, o, value ? value : "", FROM_FLAG, strbuf_str(&where), true, err);
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
		return bad(err, strbuf_str(&at), "unknown option");
	if (o->type != OPT_SWITCH)
		strbuf_addf(&at, " = %s", value);
	return set(c, o, value, FROM_FILE, strbuf_str(&at), apply, err);
}

/* Of two options that say the same thing the stronger level wins; on one level they contradict. */
static int choose_one(struct config *c, const char *a, char **a_text, const char *b, char **b_text,
		      struct strbuf *err)
{
	enum opt_level la = options_level(c, a), lb = options_level(c, b);

	if (!*a_text || !*b_text)
		return 0;
	if (la == lb) {
		strbuf_addf(err, "%s and %s cannot be given together", a, b);
		return -EINVAL;
	}
	free(TAKE_PTR(*(la > lb ? b_text : a_text)));
	return 0;
}

int options_finish(struct config *c, struct strbuf *err)
{
	int r;

	r = choose_one(c, "token-file", &c->token_file, "token-command", &c->token_command, err);
	if (r == 0)
		r = choose_one(c, "api-key", &c->api_key, "api-key-file", &c->api_key_file, err);
	if (r < 0)
		return r;
	if (c->debug) {
		c->foreground = true;
		if (options_level(c, "log-level") != FROM_FLAG)
			c->log_level = LOG_LEVEL_DEBUG;
	}
	return strbuf_failed(&c->passed) ? -ENOMEM : 0;
}

int config_init(struct config *c)
{
	_cleanup_(strbuf_release) struct strbuf err = STRBUF_INIT;

	*c = (struct config){ .uid = getuid(), .gid = getgid() };
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		struct value v = { 0 };
		int r;

		if (!options[i].dflt)
			continue;
		r = parse_value(&options[i], options[i].dflt, options[i].name, false, &v, &err);
		if (r < 0)
			return r;
		apply_value(c, &options[i], &v);
		free(v.text);
	}
	return 0;
}

void config_release(struct config *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		enum opt_type t = options[i].type;

		if (t == OPT_STRING || t == OPT_PATH || t == OPT_URL)
			free(TAKE_PTR(*(char **)field(c, &options[i])));
	}
	strbuf_release(&c->passed);
}

/* Help */

static void print_wrapped(FILE *f, const char *text, size_t indent, size_t width)
{
	size_t column = indent;

	while (*text) {
		size_t n = strcspn(text, " ");

		if (column > indent && column + 1 + n > width) {
			fprintf(f, "\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			fputc(' ', f);
			column++;
		}
		fwrite(text, 1, n, f);
		column += n;
		text += n;
		text += strspn(text, " ");
	}
	fputc('\n', f);
}

static void add_argument(struct strbuf *sb, const struct opt *o)
{
	if (o->arg)
		strbuf_addf(sb, " %s", o->arg);
	for (size_t i = 0; o->choices && o->choices[i]; i++)
		strbuf_addf(sb, "%c%s", i ? '|' : ' ', o->choices[i]);
}

static void print_option(FILE *f, const struct opt *o)
{
	_cleanup_(strbuf_release) struct strbuf left = STRBUF_INIT;
	_cleanup_(strbuf_release) struct strbuf right = STRBUF_INIT;
	enum { INDENT = 28, WIDTH = 92 };

	if (o->letter)
		strbuf_addf(&left, "  -%c, --%s", o->letter, o->name);
	else
		strbuf_addf(&left, "      --%s", o->name);
	add_argument(&left, o);
	strbuf_adds(&right, o->help);
	if (o->dflt)
		strbuf_addf(&right, " (%s)", o->dflt);
	if (o->is_later)
		strbuf_adds(&right, " [not yet available]");
	if (left.len + 2 > INDENT)
		fprintf(f, "%s\n%*s", strbuf_str(&left), INDENT, "");
	else
		fprintf(f, "%-*s", INDENT, strbuf_str(&left));
	print_wrapped(f, strbuf_str(&right), INDENT, WIDTH);
}

void options_print_help(FILE *f, unsigned command)
{
	fputs("options:\n", f);
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		const struct opt *o = &options[i];

		if ((o->where & OPT_FLAG) && (o->commands & (command | FOR_ALL)))
			print_option(f, o);
	}
}
