#include "options.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sofs/api.h>
#include <sofs/base/log.h>

#include "optvalue.h"

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

const struct opt *options_find_letter(char letter)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (options[i].letter == letter)
			return &options[i];
	return NULL;
}

size_t option_index(const struct opt *o)
{
	return (size_t)(o - options);
}

enum opt_level options_level(const struct config *c, const char *name)
{
	const struct opt *o = options_find(name);

	return o ? c->level[option_index(o)] : FROM_DEFAULT;
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
	int r = 0;

	*c = (struct config){ .uid = getuid(), .gid = getgid() };
	for (size_t i = 0; i < ARRAY_SIZE(options) && r == 0; i++)
		r = option_set_default(c, &options[i]);
	return r;
}

void config_release(struct config *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		option_release(c, &options[i]);
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
