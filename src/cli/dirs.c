#include "dirs.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sofs/base/atomicfile.h>
#include <sofs/base/strbuf.h>

/* The XDG directories count only if they are absolute. */
static const char *absolute_env(const char *name)
{
	const char *s = getenv(name);

	return s && s[0] == '/' ? s : NULL;
}

static char *join(const char *a, const char *b)
{
	char *s;

	return asprintf(&s, "%s/%s", a, b) < 0 ? NULL : s;
}

char *dirs_home(void)
{
	const char *home = absolute_env("HOME");
	const struct passwd *pw;

	if (home)
		return strdup(home);
	pw = getpwuid(geteuid());
	return pw && pw->pw_dir && pw->pw_dir[0] == '/' ? strdup(pw->pw_dir) : NULL;
}

static char *xdg(const char *variable, const char *under_home)
{
	const char *dir = absolute_env(variable);
	_cleanup_free_ char *home = NULL;

	if (dir)
		return strdup(dir);
	home = dirs_home();
	return home ? join(home, under_home) : NULL;
}

char *dirs_config_file(void)
{
	_cleanup_free_ char *dir = xdg("XDG_CONFIG_HOME", ".config");

	return dir ? join(dir, "sofs/config") : NULL;
}

char *dirs_cache(void)
{
	_cleanup_free_ char *dir = xdg("XDG_CACHE_HOME", ".cache");

	return dir ? join(dir, "sofs") : NULL;
}

char *dirs_runtime(uid_t uid, unsigned which)
{
	const char *env = absolute_env("XDG_RUNTIME_DIR");
	char *s;

	if (!env)
		which++;
	if (which == 0)
		return join(env, "sofs");
	if (which == 1)
		return asprintf(&s, "/run/user/%u/sofs", (unsigned)uid) < 0 ? NULL : s;
	if (which == 2)
		return asprintf(&s, "/tmp/sofs-%u", (unsigned)uid) < 0 ? NULL : s;
	return NULL;
}

/* Only /tmp is there for anybody to make directories in; elsewhere the parent has to exist and be ours. */
static bool parent_is_fit(const char *dir)
{
	_cleanup_free_ char *parent = strdup(dir);
	struct stat st;

	if (!parent)
		return false;
	*strrchr(parent, '/') = '\0';
	if (!strcmp(parent, "/tmp"))
		return true;
	return stat(parent, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

int dirs_make_runtime(char **ret, struct failure *failure)
{
	int r = -ENOENT;

	for (unsigned i = 0;; i++) {
		_cleanup_free_ char *dir = dirs_runtime(geteuid(), i);

		if (!dir)
			return r;
		if (!parent_is_fit(dir)) {
			failure_set(failure, -ENOENT, "%s: no directory of yours to be in", dir);
			continue;
		}
		r = private_dir(dir);
		if (r == 0) {
			*ret = TAKE_PTR(dir);
			return 0;
		}
		failure_set(failure, r, "%s: not a private directory of yours (%s)", dir,
			    strerror(-r));
	}
}
