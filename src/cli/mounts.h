/* The mounts of sofs on this machine, found without touching them: a mount whose process hangs must not hang the
 * command that is asked to end it. Everything is read from /proc/self/mountinfo. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include <sofs/base/errors.h>

struct mount {
	char *path;   /* mount point, absolute */
	char *source; /* sofs:NAME */
	uid_t owner;  /* who runs the process */
};

void mount_release(struct mount *m);

/* The name of a mount point that is to be or was: absolute, without symbolic links. Only its parent is looked at, and
 * the last part only as far as it may be a symbolic link. Caller frees; -errno. */
_must_check_ int mounts_canonical(const char *path, char **ret);
/* The sofs mount at exactly `path` (canonical). 0, -ENOENT, -errno. */
_must_check_ int mounts_at(const char *path, struct mount *ret);
/* The sofs mount that a path as typed lies in. 0, -ENOENT, -errno. With ret_rest (may be NULL) the path below
 * it, without slash at the beginning (caller frees). */
_must_check_ int mounts_containing(const char *path, struct mount *ret, char **ret_rest);
/* The same in the text of a mountinfo file, for tests. `is_exact`: only the mount point itself. */
_must_check_ int mounts_find(const char *mountinfo, const char *path, bool is_exact,
			     struct mount *ret);

/* True if the process behind the mount is gone ("Transport endpoint is not connected"). */
bool mounts_is_dead(const char *path);
/* Takes the mount out of the tree: directly as root, else through fusermount3. is_lazy: even if it is in use. 0; -EBUSY;
 * -errno with what fusermount3 said in *failure. */
_must_check_ int mounts_unmount(const char *path, bool is_lazy, struct failure *failure);

/* `path` absolute, and without `.`, `..` and double slashes, by its text alone. Caller frees; NULL without memory. */
char *path_normal(const char *path);
