/* The session: mounting, the request threads, the end. */
#include <sofs/fs.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/xattr.h>

#include <sofs/base/clock.h>
#include <sofs/base/log.h>

#include "internal.h"

static char *snapshot(void *userdata, enum tree_snapshot which)
{
	static const enum fs_snapshot as[] = {
		[TREE_STATUS] = FS_STATUS,
		[TREE_STATUS_JSON] = FS_STATUS_JSON,
		[TREE_ERRORS] = FS_ERRORS,
	};
	struct fs *fs = userdata;

	return fs->config.snapshot(fs->config.userdata, as[which]);
}

/* One option string for libfuse: what it does not know it hands to the kernel, or to fusermount3. */
static int session_new(struct fs *fs)
{
	_cleanup_(strbuf_release) struct strbuf opts = STRBUF_INIT;
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	const struct fuse_lowlevel_ops *ops = fs->config.xattr ? &fs_ops_xattr : &fs_ops;
	int r = -ENOMEM;

	strbuf_adds(&opts, "-oro,nosuid,nodev,noexec,default_permissions,subtype=sofs,fsname=");
	for (const char *p = fs->config.source; *p; p++) { /* a comma would begin another option */
		if (*p == ',' || *p == '\\')
			strbuf_addch(&opts, '\\');
		strbuf_addch(&opts, *p);
	}
	if (fs->config.allow_other)
		strbuf_adds(&opts, ",allow_other");
	if (fs->config.extra_options && *fs->config.extra_options)
		strbuf_addf(&opts, ",%s", fs->config.extra_options);
	if (strbuf_failed(&opts) || fuse_opt_add_arg(&args, "sofs") != 0 ||
	    fuse_opt_add_arg(&args, opts.buf) != 0 ||
	    (fs->config.debug && fuse_opt_add_arg(&args, "-d") != 0))
		goto out;
	fs->se = fuse_session_new(&args, ops, sizeof(*ops), fs);
	r = fs->se ? 0 : -EINVAL;
out:
	fuse_opt_free_args(&args);
	return r;
}

int fs_new(const struct fs_config *config, struct store *store, struct timers *timers,
	   struct fs **ret)
{
	struct tree_config tree = {
		.uid = config->uid,
		.gid = config->gid,
		.umask = config->umask,
		.mounted_at_s = clock_wall_s(),
		.snapshot = snapshot,
		.notice = notifier_add,
	};
	struct fs *fs = calloc(1, sizeof(*fs));
	int r;

	if (!fs)
		return -ENOMEM;
	fs->config = *config;
	fs->store = store;
	fs->timers = timers;
	fs->mounted_at_s = tree.mounted_at_s;
	pthread_mutex_init(&fs->pending_lock, NULL);
	tree.userdata = fs;
	fs->stop_fd = eventfd(0, EFD_CLOEXEC);
	r = fs->stop_fd < 0 ? -errno : tree_new(&tree, store, &fs->tree);
	if (r == 0)
		r = session_new(fs);
	if (r < 0) {
		fs_free(fs);
		return r;
	}
	*ret = fs;
	return 0;
}

int fs_mount(struct fs *fs, struct failure *failure)
{
	int r;

	errno = 0;
	if (fuse_session_mount(fs->se, fs->config.mountpoint) != 0) {
		r = errno ? -errno : -EPERM;
		failure_set(failure, r,
			    "cannot mount on %s: %s (is it your directory, and is the fuse3 "
			    "package installed?)",
			    fs->config.mountpoint, strerror(-r));
		return r;
	}
	fs->is_mounted = true;
	r = io_install(fs);
	if (r == 0)
		r = notifier_new(fs, &fs->notifier);
	if (r < 0)
		failure_set(failure, r, "cannot serve %s: %s", fs->config.mountpoint, strerror(-r));
	return r;
}

static void nothing(int sig)
{
}

static void *worker_main(void *arg)
{
	struct fs *fs = arg;
	struct fuse_buf buf = { .mem = NULL };
	uint64_t one = 1;

	while (!fuse_session_exited(fs->se) && !atomic_load(&fs->is_stopping)) {
		int n = fuse_session_receive_buf(fs->se, &buf);

		if (n == -EINTR || n == -EAGAIN)
			continue;
		if (n <= 0)
			break;
		fuse_session_process_buf(fs->se, &buf);
	}
	free(buf.mem);
	atomic_fetch_sub(&fs->nr_running, 1);
	if (write(fs->stop_fd, &one, sizeof(one)) < 0)
		log_error("fs", "cannot signal the end of a request thread: %s", strerror(errno));
	return NULL;
}

struct ready {
	struct fs *fs;
	void (*fn)(void *userdata);
	void *userdata;
};

/* A first look from outside, so that mount(1) returns when the mount answers, and so that all users see one behaviour: the answers
 * of ENOSYS to OPEN, OPENDIR and GETXATTR have been given. */
static void *ready_main(void *arg)
{
	struct ready *ready = arg;
	_cleanup_free_ char *path = NULL;
	char buf[64];
	struct stat st;
	DIR *dir;
	int fd;

	if (stat(ready->fs->config.mountpoint, &st) == 0 &&
	    asprintf(&path, "%s/README.md", ready->fs->config.mountpoint) > 0) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0) {
			if (read(fd, buf, sizeof(buf)) < 0)
				log_warning("fs", "the mount does not answer: %s", strerror(errno));
			close(fd);
		}
		(void)!getxattr(path, "user.mime_type", buf, sizeof(buf));
	}
	dir = opendir(ready->fs->config.mountpoint);
	if (dir)
		closedir(dir);
	if (ready->fn)
		ready->fn(ready->userdata);
	return NULL;
}

static unsigned worker_count(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	return cpus < 2 ? 2 : cpus > MAX_WORKERS ? MAX_WORKERS : (unsigned)cpus;
}

/* Workers block in read(2) on the device; a signal brings them back. */
static void stop_workers(struct fs *fs)
{
	struct timespec pause = { .tv_nsec = 5000000 };

	atomic_store(&fs->is_stopping, true);
	fuse_session_exit(fs->se);
	while (atomic_load(&fs->nr_running)) {
		for (unsigned i = 0; i < fs->nr_workers; i++)
			pthread_kill(fs->workers[i], SIGUSR2);
		nanosleep(&pause, NULL);
	}
	for (unsigned i = 0; i < fs->nr_workers; i++)
		pthread_join(fs->workers[i], NULL);
}

int fs_run(struct fs *fs, void (*ready_fn)(void *userdata), void *userdata)
{
	struct ready ready = { .fs = fs, .fn = ready_fn, .userdata = userdata };
	struct sigaction sa = { .sa_handler = nothing };
	pthread_t ready_thread;
	bool has_ready = false;
	uint64_t events;
	sigset_t set, old;
	int r = 0;

	sigaction(SIGUSR2, &sa, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	for (unsigned want = worker_count(); r == 0 && fs->nr_workers < want;) {
		atomic_fetch_add(&fs->nr_running, 1);
		pthread_sigmask(SIG_UNBLOCK, &set, &old);
		r = -pthread_create(&fs->workers[fs->nr_workers], NULL, worker_main, fs);
		pthread_sigmask(SIG_SETMASK, &old, NULL);
		if (r == 0)
			fs->nr_workers++;
		else
			atomic_fetch_sub(&fs->nr_running, 1);
	}
	if (r == 0) {
		r = -pthread_create(&ready_thread, NULL, ready_main, &ready);
		has_ready = r == 0;
	}
	/* Until somebody calls fs_stop(), or the first worker ends because the filesystem was unmounted. */
	while (r == 0 && read(fs->stop_fd, &events, sizeof(events)) < 0 && errno == EINTR)
		;
	pendings_abort(fs);
	stop_workers(fs);
	pendings_abort(fs);
	atomic_store(&fs->is_closed, true);
	fuse_session_unmount(fs->se);
	fs->is_mounted = false;
	if (has_ready)
		pthread_join(ready_thread, NULL);
	return r;
}

void fs_stop(struct fs *fs)
{
	uint64_t one = 1;

	(void)!write(fs->stop_fd, &one, sizeof(one));
}

void fs_free(struct fs *fs)
{
	if (!fs)
		return;
	if (fs->is_mounted)
		fuse_session_unmount(fs->se);
	notifier_free(fs->notifier);
	if (fs->se)
		fuse_session_destroy(fs->se);
	tree_free(fs->tree);
	map_release(&fs->pending);
	if (fs->stop_fd >= 0)
		close(fs->stop_fd);
	pthread_mutex_destroy(&fs->pending_lock);
	free(fs);
}

int fs_after_notices(struct fs *fs, void (*fn)(void *userdata), void *userdata)
{
	return fs->notifier ? notifier_after(fs->notifier, fn, userdata) : -ENOTCONN;
}

void fs_get_status(struct fs *fs, struct fs_status *ret)
{
	*ret = (struct fs_status){
		.nr_lookup = atomic_load(&fs->nr_lookup),
		.nr_readdir = atomic_load(&fs->nr_readdir),
		.nr_read = atomic_load(&fs->nr_read),
		.nr_getattr = atomic_load(&fs->nr_getattr),
		.nr_other = atomic_load(&fs->nr_other),
		.nr_notices = atomic_load(&fs->nr_notices),
		.nr_inodes = tree_nr_inodes(fs->tree),
		.mounted_at_s = fs->mounted_at_s,
	};
	ret->nr_requests =
		ret->nr_lookup + ret->nr_readdir + ret->nr_read + ret->nr_getattr + ret->nr_other;
	pthread_mutex_lock(&fs->pending_lock);
	ret->nr_waiting = (unsigned)fs->pending.nr;
	pthread_mutex_unlock(&fs->pending_lock);
}
