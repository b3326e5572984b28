/* sofs umount: asks the process whether it may end, unmounts, and waits until it has ended. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "client.h"

enum { END_TIMEOUT_S = 20 };

struct process {
	int fd;    /* connection; -1: none */
	int pidfd; /* -1: none */
	pid_t pid;
};

static int process_find(struct process *p, const char *mountpoint, uid_t owner)
{
	int r;

	*p = (struct process){ .fd = -1, .pidfd = -1 };
	r = client_connect(mountpoint, owner, &p->fd);
	if (r == 0)
		p->pidfd = client_process(p->fd, &p->pid);
	return r;
}

static void process_release(struct process *p)
{
	if (p->fd >= 0)
		close(p->fd);
	if (p->pidfd >= 0)
		close(p->pidfd);
}

static int wait_end(const struct process *p, const char *path)
{
	if (client_wait_end(p->fd, p->pidfd, END_TIMEOUT_S))
		return EXIT_DONE;
	complain("%s: unmounted, but its process %d has not ended yet; a program may still hold a "
		 "file or directory of it",
		 path, (int)p->pid);
	return EXIT_FAILED;
}

static int clean_up(const char *path)
{
	struct failure failure = { 0 };

	if (mounts_unmount(path, true, &failure) < 0) {
		complain("%s: its process has died, and it cannot be unmounted: %s", path,
			 failure.text);
		return EXIT_FAILED;
	}
	complain("%s: removed what was left of a mount whose process had died", path);
	return EXIT_DONE;
}

static int unmount(const struct mount *m, const struct process *p)
{
	struct failure failure = { 0 };
	_cleanup_free_ char *text = NULL;
	int r = p->fd < 0 ? 0 : client_ask_text(p->fd, "umount", &text, &failure);

	/* A process that says no has a reason; one that says nothing shall not keep the mount. */
	if (r == -EIO) {
		complain("%s: %s", m->path, failure.text);
		return EXIT_FAILED;
	}
	r = mounts_unmount(m->path, false, &failure);
	if (r == -EBUSY)
		complain("%s: in use; close the shells and programs in it (`fuser -vm %s` lists "
			 "them)",
			 m->path, m->path);
	else if (r < 0)
		complain("%s: %s", m->path, failure.text);
	if (r < 0)
		return EXIT_FAILED;
	return p->fd < 0 ? EXIT_DONE : wait_end(p, m->path);
}

/* Not in the table of mounts, but somebody may have unmounted it lazily while it was in use. */
static int end_hidden(const char *given)
{
	_cleanup_(process_release) struct process p = { .fd = -1, .pidfd = -1 };
	_cleanup_free_ char *path = NULL, *text = NULL;
	struct failure failure = { 0 };

	if (mounts_canonical(given, &path) < 0 || process_find(&p, path, geteuid()) < 0) {
		complain("%s: not a mount of sofs", given);
		return EXIT_FAILED;
	}
	if (client_ask_text(p.fd, "stop", &text, &failure) < 0) {
		complain("%s: %s", path, failure.text);
		return EXIT_FAILED;
	}
	return wait_end(&p, path);
}

static int run_umount(struct config *config, const struct operands *operands)
{
	const char *given = operands->v[0];
	_cleanup_free_ char *rest = NULL;
	_cleanup_(process_release) struct process p = { .fd = -1, .pidfd = -1 };
	struct mount m;
	int code;

	if (mounts_containing(given, &m, &rest) < 0)
		return end_hidden(given);
	if (*rest) {
		complain("%s: in the mount on %s; name that to unmount it", given, m.path);
		code = EXIT_FAILED;
	} else if (process_find(&p, m.path, m.owner) < 0 && mounts_is_dead(m.path)) {
		code = clean_up(m.path);
	} else {
		code = unmount(&m, &p);
	}
	mount_release(&m);
	return code;
}

const struct command command_umount = {
	.name = "umount",
	.args = "MOUNTPOINT",
	.summary = "unmount, and wait until the process has ended",
	.min_operands = 1,
	.max_operands = 1,
	.run = run_umount,
};
