#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sofs/base/atomicfile.h>
#include <sofs/base/strbuf.h>

enum { MAX_MOUNTINFO = 16 << 20 }; /* bytes */

void mount_release(struct mount *m)
{
	free(m->path);
	free(m->source);
	*m = (struct mount){ 0 };
}

/* Paths */

char *path_normal(const char *path)
{
	struct strbuf sb = STRBUF_INIT;
	_cleanup_free_ char *cwd = path[0] == '/' ? NULL : getcwd(NULL, 0);
	const char *parts[] = { cwd ? cwd : "", path };

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		for (const char *p = parts[i]; *p;) {
			size_t n = strcspn(p, "/");

			if (n == 2 && p[0] == '.' && p[1] == '.') {
				while (sb.len && sb.buf[--sb.len] != '/')
					;
				if (sb.buf)
					sb.buf[sb.len] = '\0';
			} else if (n && !(n == 1 && p[0] == '.')) {
				strbuf_addch(&sb, '/');
				strbuf_add(&sb, p, n);
			}
			p += n;
			p += *p == '/';
		}
	}
	if (!sb.len)
		strbuf_addch(&sb, '/');
	return strbuf_detach(&sb);
}

int mounts_canonical(const char *path, char **ret)
{
	_cleanup_free_ char *copy = strdup(path), *parent = NULL;
	const char *last, *dir;
	char *slash, target[1];
	size_t n;

	if (!copy)
		return -ENOMEM;
	n = strlen(copy);
	while (n > 1 && copy[n - 1] == '/')
		copy[--n] = '\0';
	slash = strrchr(copy, '/');
	last = slash ? slash + 1 : copy;
	dir = !slash ? "." : slash == copy ? "/" : copy;
	/* readlink() is answered by the kernel alone: the root of a mount is no symbolic link. */
	if (!*last || !strcmp(last, ".") || !strcmp(last, "..") ||
	    readlink(copy, target, sizeof(target)) >= 0) {
		*ret = realpath(copy, NULL);
		return *ret ? 0 : -errno;
	}
	if (slash)
		*slash = '\0';
	parent = realpath(dir, NULL);
	if (!parent)
		return -errno;
	if (asprintf(ret, "%s/%s", strcmp(parent, "/") ? parent : "", last) < 0)
		return -ENOMEM;
	return 0;
}

/* mountinfo */

/* \040 and the like, in place. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

static uid_t parse_owner(const char *options)
{
	const char *s = strstr(options, "user_id=");

	return s ? (uid_t)strtoul(s + 8, NULL, 10) : 0;
}

/* "36 35 98:0 / /mnt rw,noatime shared:1 - fuse.sofs sofs:acme rw,user_id=0,…": strings point into the line.
 * False if it is no mount of ours. */
static bool parse_line(char *line, char **path, char **source, uid_t *owner)
{
	char *save, *field, *tail = strstr(line, " - ");

	if (!tail)
		return false;
	*tail = '\0';
	tail += 3;
	field = strtok_r(line, " ", &save);
	for (int i = 0; i < 4 && field; i++)
		field = strtok_r(NULL, " ", &save);
	if (!field)
		return false;
	*path = field;
	field = strtok_r(tail, " ", &save);
	*source = strtok_r(NULL, " ", &save);
	tail = strtok_r(NULL, " ", &save);
	if (!field || strcmp(field, "fuse.sofs") || !*source || !tail)
		return false;
	unescape(*path);
	unescape(*source);
	*owner = parse_owner(tail);
	return true;
}

/* Length of the mount point if `path` is it, or lies in it. */
static size_t covers(const char *mount, const char *path, bool is_exact)
{
	size_t n = strlen(mount);

	if (!strcmp(mount, path))
		return n;
	if (is_exact || strncmp(mount, path, n))
		return 0;
	return n && (path[n] == '/' || mount[n - 1] == '/') ? n : 0;
}

int mounts_find(const char *mountinfo, const char *path, bool is_exact, struct mount *ret)
{
	_cleanup_free_ char *copy = strdup(mountinfo);
	size_t best = 0;
	char *save = NULL;

	*ret = (struct mount){ 0 };
	if (!copy)
		return -ENOMEM;
	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *mount_path, *source;
		uid_t owner;
		size_t n;

		if (!parse_line(line, &mount_path, &source, &owner))
			continue;
		n = covers(mount_path, path, is_exact);
		/* Of several at one place the last one is on top. */
		if (!n || n < best)
			continue;
		best = n;
		mount_release(ret);
		*ret = (struct mount){ strdup(mount_path), strdup(source), owner };
		if (!ret->path || !ret->source) {
			mount_release(ret);
			return -ENOMEM;
		}
	}
	return best ? 0 : -ENOENT;
}

static int find(const char *path, bool is_exact, struct mount *ret)
{
	_cleanup_(strbuf_release) struct strbuf info = STRBUF_INIT;
	int r = atomicfile_read("/proc/self/mountinfo", MAX_MOUNTINFO, &info);

	return r < 0 ? r : mounts_find(strbuf_str(&info), path, is_exact, ret);
}

int mounts_at(const char *path, struct mount *ret)
{
	return find(path, true, ret);
}

static int set_rest(const struct mount *m, const char *path, char **ret_rest)
{
	const char *rest = path + strlen(m->path);

	if (!ret_rest)
		return 0;
	*ret_rest = strdup(rest + strspn(rest, "/"));
	return *ret_rest ? 0 : -ENOMEM;
}

/* First by the text alone, which touches nothing; only a path that is in no mount by its text is resolved: it can lead
 * into one by a symbolic link. */
int mounts_containing(const char *path, struct mount *ret, char **ret_rest)
{
	_cleanup_free_ char *normal = path_normal(path), *canonical = NULL, *real = NULL;
	int r;

	if (!normal)
		return -ENOMEM;
	r = find(normal, false, ret);
	if (r == 0)
		return set_rest(ret, normal, ret_rest);
	if (mounts_canonical(normal, &canonical) == 0) {
		r = find(canonical, false, ret);
		if (r == 0)
			return set_rest(ret, canonical, ret_rest);
	}
	real = realpath(normal, NULL);
	if (!real)
		return -ENOENT;
	r = find(real, false, ret);
	return r == 0 ? set_rest(ret, real, ret_rest) : r;
}

/* Unmounting */

static int wait_child(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

/* statfs() is never answered from a cache of the kernel. A process that lives but hangs does not answer it either, so
 * it is asked by a child, which can be killed. */
bool mounts_is_dead(const char *path)
{
	enum { PATIENCE_MS = 3000 };
	struct pollfd p = { .events = POLLIN };
	struct statfs st;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return false;
	pid = fork();
	if (pid == 0)
		_exit(statfs(path, &st) < 0 && (errno == ENOTCONN || errno == ECONNABORTED));
	close(fds[1]);
	p.fd = fds[0]; /* its end is the child's end */
	if (pid > 0 && poll(&p, 1, PATIENCE_MS) == 0)
		kill(pid, SIGKILL);
	close(fds[0]);
	return pid > 0 && wait_child(pid) == 1;
}

static void exec_fusermount(const char *path, bool is_lazy, int out)
{
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	setenv("LC_ALL", "C", 1);
	execlp("fusermount3", "fusermount3", is_lazy ? "-uz" : "-u", "--", path, (char *)NULL);
	dprintf(out, "fusermount3: %s", strerror(errno));
	_exit(127);
}

static int run_fusermount(const char *path, bool is_lazy, struct failure *failure)
{
	char said[sizeof(failure->text)];
	size_t len = 0;
	int fds[2], r;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		exec_fusermount(path, is_lazy, fds[1]);
	close(fds[1]);
	while (pid > 0 && len < sizeof(said) - 1) {
		ssize_t n = read(fds[0], said + len, sizeof(said) - 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	close(fds[0]);
	if (pid < 0)
		return -EAGAIN;
	r = wait_child(pid);
	if (r == 0)
		return 0;
	while (len && (said[len - 1] == '\n' || said[len - 1] == ' '))
		len--;
	said[len] = '\0';
	r = strstr(said, "busy") ? -EBUSY : -EPERM;
	failure_set(failure, r, "%s", len ? said : "fusermount3 failed");
	return r;
}

int mounts_unmount(const char *path, bool is_lazy, struct failure *failure)
{
	if (geteuid() == 0 && umount2(path, UMOUNT_NOFOLLOW | (is_lazy ? MNT_DETACH : 0)) == 0)
		return 0;
	if (geteuid() == 0 && errno != EPERM) {
		failure_set(failure, -errno, "%s", strerror(errno));
		return failure->err;
	}
	return run_fusermount(path, is_lazy, failure);
}
