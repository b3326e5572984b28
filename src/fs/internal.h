/* The insides of the filesystem room. */
#pragma once

#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdatomic.h>

#include <sofs/base/map.h>
#include <sofs/fs.h>
#include <sofs/tree.h>

enum { MAX_WORKERS = 4 };

struct notifier;

struct fs {
	struct fs_config config;   /* constant */
	struct store *store;       /* constant */
	struct timers *timers;     /* constant */
	struct tree *tree;         /* constant */
	struct notifier *notifier; /* constant after fs_mount() */
	struct fuse_session *se;   /* constant after fs_new() */
	bool is_mounted;
	int64_t mounted_at_s;
	uint64_t init_unique;  /* of the INIT request, for io.c */
	atomic_bool is_closed; /* the device is about to be closed: see io.c */

	pthread_t workers[MAX_WORKERS];
	unsigned nr_workers;
	atomic_uint nr_running; /* workers that have not ended */
	atomic_bool is_stopping;
	int stop_fd; /* eventfd: fs_stop() */

	pthread_mutex_t pending_lock;
	struct map pending;   /* pending_lock; serial -> struct pending */
	uint64_t next_serial; /* pending_lock */

	/* statistics only, relaxed */
	atomic_ulong nr_lookup, nr_readdir, nr_read, nr_getattr, nr_other, nr_notices;
};

/* ops.c */
extern const struct fuse_lowlevel_ops fs_ops;
extern const struct fuse_lowlevel_ops fs_ops_xattr;

/* io.c: reads and writes of the device that switch on what libfuse 3.14 cannot ask for. */
int io_install(struct fs *fs);

/* A request that waits for the server: it holds no thread. See pending.c. */
struct pending {
	struct store_waiter waiter;
	struct timer timer;
	struct fs *fs;
	fuse_req_t req;
	/* Tries to answer. -EINPROGRESS: parked on p->waiter, p may be gone; -ESTALE: try again shortly; anything else: it was
	 * answered. */
	int (*attempt)(struct pending *p);
	const char *tried; /* for messages: what the kernel wanted */
	uint64_t nodeid;
	uint64_t held_dir; /* directory whose lock the kernel holds meanwhile; 0: none */
	char *name;        /* owned; NULL: none */
	size_t size;
	off_t off;
	bool plus;

	uint64_t serial;
	uint32_t pid;                 /* thread that asks */
	_Atomic uint64_t deadline_ms; /* moves with every progress */
	atomic_bool is_interrupted;
	bool is_done;     /* pending_lock */
	bool is_retrying; /* pending_lock: the timer runs the next attempt */
	unsigned nr_retries;
	atomic_uint refs;
};

/* Copies what is set in *like, starts the clock and makes the first attempt. The request is answered in any case. */
void pending_start(struct fs *fs, fuse_req_t req, const struct pending *like);
/* At the end of an attempt that answered. */
void pending_finish(struct pending *p);
void pendings_abort(struct fs *fs);

/* reply.c: the only place where the sign turns. */
void reply_err(fuse_req_t req, int err);
void reply_entry(struct fs *fs, fuse_req_t req, int r, const struct tree_entry *e);
/* Answers with the error, and puts a line into .sofs/errors if it is one that a person should hear of. */
void reply_failure(struct fs *fs, fuse_req_t req, const char *tried, uint64_t nodeid,
		   const char *name, const struct failure *failure);

/* notify.c */
/* fn runs in the notifier's thread after the notices that are queued now, or in notifier_free(). */
_must_check_ int notifier_after(struct notifier *n, void (*fn)(void *userdata), void *userdata);
int notifier_new(struct fs *fs, struct notifier **ret);
void notifier_free(struct notifier *n);
void notifier_add(void *userdata, const struct tree_notice *notice); /* userdata: struct fs */
/* A request in this directory waits for the server: entry notices for it are kept back until none does. */
void notifier_hold(struct notifier *n, uint64_t dir);
void notifier_release(struct notifier *n, uint64_t dir);
