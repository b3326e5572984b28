/* The mounted filesystem: FUSE low-level callbacks over tree and store, request threads, the notifier.
 *
 * Life cycle: fs_new(), fs_mount(), fs_run() (blocks until unmounted or fs_stop()), fs_free(). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <sofs/base/timer.h>
#include <sofs/store.h>

enum fs_snapshot { FS_STATUS, FS_STATUS_JSON, FS_ERRORS };

struct fs_config {
	const char *mountpoint;
	const char *source; /* as shown in the mount table: "sofs:SLUG" */
	uid_t uid;
	gid_t gid;
	mode_t umask;
	bool allow_other;
	bool xattr;
	bool debug;                /* libfuse's own trace on stderr */
	const char *extra_options; /* further mount options, comma separated, or NULL */
	unsigned timeout_s;
	/* The text of a file in .sofs/: malloc'd, caller frees, NULL without memory. Any thread. */
	char *(*snapshot)(void *userdata, enum fs_snapshot which);
	void *userdata;
};

struct fs;

/* Strings of the config are borrowed as long as the fs lives. */
_must_check_ int fs_new(const struct fs_config *config, struct store *store, struct timers *timers,
			struct fs **ret);
/* Mounts (through fusermount3 where the user may not mount). 0 or -errno with a sentence in *failure. */
_must_check_ int fs_mount(struct fs *fs, struct failure *failure);
/* Serves until the filesystem is unmounted or fs_stop() was called; `ready` (may be NULL) is called once, from another
 * thread, when the mount answered a first look. 0 or -errno. */
_must_check_ int fs_run(struct fs *fs, void (*ready)(void *userdata), void *userdata);
/* Asks fs_run() to end and unmounts. Async-signal-safe. */
void fs_stop(struct fs *fs);
void fs_free(struct fs *fs);

/* Calls fn when the kernel was told of all changes up to now; what is held back because somebody waits in the directory
 * comes later. From a thread of its own, and at the latest in fs_free(). 0; or -errno, and fn is never called. */
_must_check_ int fs_after_notices(struct fs *fs, void (*fn)(void *userdata), void *userdata);

struct fs_status {
	uint64_t nr_requests; /* from the kernel */
	uint64_t nr_lookup, nr_readdir, nr_read, nr_getattr, nr_other;
	uint64_t nr_inodes;
	uint64_t nr_notices;
	unsigned nr_waiting; /* requests that wait for the server at the moment */
	int64_t mounted_at_s;
};
void fs_get_status(struct fs *fs, struct fs_status *ret);
