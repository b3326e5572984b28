/* sofs mount, and what mount(8) calls for `mount -t fuse.sofs` and for fstab. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sofs/base/errors.h>

#include "cli.h"
#include "client.h"
#include "session.h"

/* Exit codes of mount(8), which hands on those of its helpers. */
enum { MOUNT_EX_USAGE = 1, MOUNT_EX_FAIL = 32 };

/* A mount whose process has died is in the way, and of no use to anybody. */
static int clean_up(const struct mount *m)
{
	struct failure failure = { 0 };
	int r = mounts_unmount(m->path, true, &failure);

	if (r < 0)
		complain("%s: a mount whose process has died is there and cannot be removed: %s",
			 m->path, failure.text);
	else
		complain("%s: removed what was left of a mount whose process had died", m->path);
	return r;
}

/* Looks at the table of mounts and at the socket before it touches the place, which might hang. */
static int check_present_mount(const char *path)
{
	struct mount m;
	int fd, r = mounts_at(path, &m);

	if (r == -ENOENT)
		return 0;
	if (r < 0) {
		complain("cannot read the table of mounts: %s", strerror(-r));
		return r;
	}
	if (client_connect(path, m.owner, &fd) == 0) {
		close(fd);
		r = -EBUSY;
	} else {
		r = mounts_is_dead(path) ? clean_up(&m) : -EBUSY;
	}
	if (r == -EBUSY)
		complain("%s: %s is mounted there already; `sofs umount` it first", path, m.source);
	mount_release(&m);
	return r;
}

/* The canonical name of a fit mount point in *ret. */
static int check_mountpoint(const char *given, char **ret)
{
	_cleanup_free_ char *path = NULL;
	struct stat st;
	int r = mounts_canonical(given, &path);

	if (r < 0) {
		complain("mount point %s: %s", given, strerror(-r));
		return r;
	}
	r = check_present_mount(path);
	if (r < 0)
		return r;
	if (stat(path, &st) < 0) {
		r = -errno;
		complain("mount point %s: %s", given, strerror(-r));
		return r;
	}
	if (!S_ISDIR(st.st_mode)) {
		complain("mount point %s: not a directory", given);
		return -ENOTDIR;
	}
	*ret = TAKE_PTR(path);
	return 0;
}

static int mount_it(struct config *config, const char *source, const char *mountpoint, bool is_fake)
{
	_cleanup_(login_release) struct login login = { 0 };
	_cleanup_free_ char *path = NULL;
	struct session_args args;
	int code = login_prepare(&login, config, source);
	struct failure failure = { 0 };

	if (code != EXIT_DONE)
		return code;
	if (check_mountpoint(mountpoint, &path) < 0)
		return EXIT_FAILED;
	if (is_fake)
		return EXIT_DONE;
	if (login_credentials(&login, config, &failure) < 0) {
		complain("cannot mount %s: %s", login.source.name, failure.text);
		return EXIT_FAILED;
	}
	args = (struct session_args){ config, &login, path };
	return session_run(&args, !config->foreground);
}

static int run_mount(struct config *config, const struct operands *operands)
{
	return mount_it(config, operands->v[0], operands->v[1], false);
}

const struct command command_mount = {
	.name = "mount",
	.args = "[options] SOURCE MOUNTPOINT",
	.summary = "mount a team; returns when the mount answers",
	.more = "Every option can also be given as -o NAME=VALUE[,…], or as NAME = VALUE in the\n"
		"configuration file, in a section [SOURCE] or before any section (sofs.conf(5)).\n"
		"The access token comes from --token-file, --token-command or the environment\n"
		"variable SOFS_TOKEN; no option takes the token itself.\n",
	.options = FOR_MOUNT,
	.min_operands = 2,
	.max_operands = 2,
	.run = run_mount,
};

/* mount.fuse.sofs */

struct helper_args {
	const char *operands[2];
	size_t nr;
	bool is_fake, is_sloppy;
};

static int helper_flags(struct helper_args *h, const char *flags, char ***next, struct strbuf *err,
			struct strbuf *options)
{
	for (; *flags; flags++) {
		const char *value;

		switch (*flags) {
		case 'f':
			h->is_fake = true;
			continue;
		case 's':
			h->is_sloppy = true;
			continue;
		case 'n':
		case 'v':
			continue;
		case 'o':
		case 't':
		case 'N':
			break;
		default:
			strbuf_addf(err, "unknown option -%c", *flags);
			return -EINVAL;
		}
		value = flags[1] ? flags + 1 : **next ? *(*next)++ : NULL;
		if (!value) {
			strbuf_addf(err, "-%c: needs a value", *flags);
			return -EINVAL;
		}
		if (*flags == 'N') {
			strbuf_adds(err, "-N: other mount namespaces are not supported");
			return -EINVAL;
		}
		if (*flags == 'o')
			strbuf_addf(options, "%s%s", options->len ? "," : "", value);
		return 0;
	}
	return 0;
}

static int parse_helper(struct helper_args *h, struct config *config, char **argv,
			struct strbuf *err)
{
	_cleanup_(strbuf_release) struct strbuf options = STRBUF_INIT;

	while (*argv) {
		char *arg = *argv++;
		int r = 0;

		if (arg[0] == '-' && arg[1])
			r = helper_flags(h, arg + 1, &argv, err, &options);
		else if (h->nr < ARRAY_SIZE(h->operands))
			h->operands[h->nr++] = arg;
		else
			strbuf_addf(err, "%s: too many arguments", arg);
		if (r < 0 || err->len)
			return -EINVAL;
	}
	if (h->nr < ARRAY_SIZE(h->operands)) {
		strbuf_adds(err, "usage: mount.fuse.sofs SOURCE MOUNTPOINT [-sfnv] [-o options]");
		return -EINVAL;
	}
	return options_parse_mount(config, strbuf_str(&options), h->is_sloppy, err);
}

int mount_helper_run(int argc, char **argv)
{
	_cleanup_(strbuf_release) struct strbuf err = STRBUF_INIT;
	struct helper_args h = { 0 };
	struct config config;
	int code = EXIT_USAGE;

	if (config_init(&config) < 0 || parse_helper(&h, &config, argv, &err) < 0)
		complain("mount: %s", err.len ? strbuf_str(&err) : "out of memory");
	else
		code = mount_it(&config, h.operands[0], h.operands[1], h.is_fake);
	config_release(&config);
	return code == EXIT_DONE ? EXIT_DONE : code == EXIT_USAGE ? MOUNT_EX_USAGE : MOUNT_EX_FAIL;
}
