/* Starting, in this order (for the end see end()):
 *
 *   fork (background only), log, signals blocked
 *   timers     its thread
 *   control    claims the socket, so that a second mount of the place is refused before it asks anything
 *   signals    a thread that waits for SIGINT, SIGTERM, SIGHUP; all others have them blocked
 *   api        its thread; connect: style, filter, who the token is
 *   store, fs  no threads yet
 *   control    its thread: commands are served from here on
 *   fs_mount, fs_run
 *
 * The parent waits at a pipe. "+" means the mount answers: it returns 0. Anything else is the sentence to print;
 * nothing at all means that the child died. Until "+" the child belongs to the terminal, so that Ctrl-C ends both;
 * then it leaves it. */
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sofs/base/log.h>
#include <sofs/base/timer.h>
#include <sofs/fs.h>
#include <sofs/store.h>

#include "control.h"
#include "service.h"
#include "status.h"

enum { CLAIM_TRIES = 60 };
enum { DEFAULT_LIMIT = 50000, DEFAULT_LIMIT_PUBLIC = 2500 };

/* What a signal means: leave at once; a request noted for main; fs_stop(); leave at once. */
enum stage { STARTING, MOUNTING, SERVING, ENDING };

struct session {
	const struct session_args *args;
	bool in_background;

	struct timers *timers;
	struct control *control;
	struct api *api;
	struct store *store;
	struct fs *fs;
	struct service *service;
	struct api_identity identity;
	struct status_source status;

	pthread_t signal_thread;
	bool has_signal_thread;
	pthread_mutex_t lock;
	int report_fd;         /* lock; -1: foreground, or reported already */
	enum stage stage;      /* lock */
	bool is_asked_to_stop; /* lock */
};

/* Telling how it went */

static void print_failure(const struct session_args *args, const char *text)
{
	complain("cannot mount %s: %s", args->login->source.name, text);
}

static bool write_all(int fd, const char *s, size_t len)
{
	while (len) {
		ssize_t n = write(fd, s, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		s += n;
		len -= (size_t)n;
	}
	return true;
}

static int take_report_fd(struct session *s)
{
	int fd;

	pthread_mutex_lock(&s->lock);
	fd = s->report_fd;
	s->report_fd = -1;
	pthread_mutex_unlock(&s->lock);
	return fd;
}

/* Before the mount answers the person is told; afterwards there is only the log. */
static void report_failure(struct session *s, const char *text)
{
	int fd = take_report_fd(s);

	if (fd < 0 && s->in_background) {
		log_error("cli", "%s: %s", s->args->mountpoint, text);
	} else if (fd < 0) {
		print_failure(s->args, text);
	} else {
		log_error("cli", "cannot mount %s: %s", s->args->login->source.name, text);
		write_all(fd, text, strlen(text));
		close(fd);
	}
}

/* Signals */

static void on_signal(struct session *s, int number)
{
	enum stage stage;

	pthread_mutex_lock(&s->lock);
	stage = s->stage;
	s->is_asked_to_stop = true;
	pthread_mutex_unlock(&s->lock);
	if (stage == SERVING) {
		log_info("cli", "signal %d: unmounting", number);
		fs_stop(s->fs);
	} else if (stage == STARTING || stage == ENDING) {
		/* Nothing is mounted, and nothing is under way that would be lost. */
		control_forget(s->control);
		_exit(EXIT_FAILED);
	}
}

static void signal_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGUSR1); /* our own, to end the thread */
}

static void *signal_loop(void *userdata)
{
	struct session *s = userdata;
	sigset_t set;
	int number;

	signal_set(&set);
	for (;;) {
		if (sigwait(&set, &number))
			continue;
		if (number == SIGUSR1)
			return NULL;
		on_signal(s, number);
	}
}

static int start_signals(struct session *s)
{
	int r = pthread_create(&s->signal_thread, NULL, signal_loop, s);

	if (r)
		return -r;
	pthread_setname_np(s->signal_thread, "sofs-signals");
	s->has_signal_thread = true;
	return 0;
}

/* True if a signal came before. */
static bool enter_stage(struct session *s, enum stage stage)
{
	bool asked;

	pthread_mutex_lock(&s->lock);
	s->stage = stage;
	asked = s->is_asked_to_stop;
	pthread_mutex_unlock(&s->lock);
	return asked;
}

/* Starting */

static char *snapshot(void *userdata, enum fs_snapshot which)
{
	const struct session *s = userdata;
	struct strbuf sb = STRBUF_INIT;

	switch (which) {
	case FS_STATUS:
		return status_text(&s->status);
	case FS_STATUS_JSON:
		return status_json(&s->status);
	case FS_ERRORS:
		break;
	}
	errors_print(&sb);
	return sb.len ? strbuf_detach(&sb) : strdup("");
}

static uint64_t list_limit(const struct session_args *a)
{
	if (options_level(a->config, "list-limit") != FROM_DEFAULT)
		return a->config->list_limit;
	return a->login->source.flavour == API_PUBLIC ? DEFAULT_LIMIT_PUBLIC : DEFAULT_LIMIT;
}

static int start_api(struct session *s, struct failure *failure)
{
	struct api_config config;
	int r;

	login_fill(s->args->login, s->args->config, &config);
	r = api_new(&config, &s->api);
	strbuf_wipe(&s->args->login->token);
	strbuf_wipe(&s->args->login->key);
	if (r == 0)
		r = api_start(s->api);
	if (r == 0)
		r = api_connect(s->api, &s->identity, failure);
	return r;
}

static int make_store(struct session *s)
{
	const struct config *c = s->args->config;
	struct store_config config = {
		.timers = s->timers,
		.memory_bytes = (size_t)c->memory_bytes,
		.list_limit = list_limit(s->args),
		.is_public = s->args->login->source.flavour == API_PUBLIC,
		.concurrency = (unsigned)c->concurrency,
		.timeout_s = (unsigned)c->timeout_s,
	};

	return store_new(&config, s->api, &s->store);
}

static int make_fs(struct session *s)
{
	const struct config *c = s->args->config;
	struct fs_config config = {
		.mountpoint = s->args->mountpoint,
		.source = s->args->login->source.label,
		.uid = (uid_t)c->uid,
		.gid = (gid_t)c->gid,
		.umask = (mode_t)c->umask,
		.allow_other = c->allow_other,
		.xattr = c->xattr,
		.debug = c->debug,
		.extra_options = c->passed.len ? c->passed.buf : NULL,
		.timeout_s = (unsigned)c->timeout_s,
		.snapshot = snapshot,
		.userdata = s,
	};

	return fs_new(&config, s->store, s->timers, &s->fs);
}

static int make_service(struct session *s)
{
	int r;

	s->status = (struct status_source){
		.source = &s->args->login->source,
		.mountpoint = s->args->mountpoint,
		.identity = &s->identity,
		.list_limit = list_limit(s->args),
		.api = s->api,
		.store = s->store,
		.fs = s->fs,
	};
	r = service_new(&s->status, &s->service);
	return r < 0 ? r : control_start(s->control, service_handle, s->service);
}

/* After umount(8) the process of an earlier mount needs a moment to end; a script may mount again at once. */
static int claim_socket(struct session *s, struct failure *failure)
{
	const struct timespec pause = { .tv_nsec = 50 * 1000000 };
	int r = control_new(s->args->mountpoint, &s->control, failure);

	for (unsigned i = 0; r == -EADDRINUSE && i < CLAIM_TRIES; i++) {
		nanosleep(&pause, NULL);
		r = control_new(s->args->mountpoint, &s->control, failure);
	}
	if (r == -EADDRINUSE)
		failure_set(failure, r, "another sofs is serving %s, or about to",
			    s->args->mountpoint);
	return r;
}

static int start(struct session *s, struct failure *failure)
{
	int r;

	r = timers_new(&s->timers);
	if (r == 0)
		r = claim_socket(s, failure);
	if (r == 0)
		r = start_signals(s);
	if (r == 0)
		r = start_api(s, failure);
	if (r == 0)
		r = make_store(s);
	if (r == 0)
		r = make_fs(s);
	if (r == 0)
		r = make_service(s);
	if (r < 0 && !failure->text[0])
		failure_set(failure, r, "%s", strerror(-r));
	return r;
}

/* The child leaves the terminal, the working directory and the parent's streams. */
static bool detach(void)
{
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (null < 0 || chdir("/") < 0)
		return false;
	setsid();
	return dup2(null, STDIN_FILENO) >= 0 && dup2(null, STDOUT_FILENO) >= 0 &&
	       dup2(null, STDERR_FILENO) >= 0;
}

/* Runs once, in a thread of fs_run(). */
static void on_ready(void *userdata)
{
	struct session *s = userdata;
	int fd;

	log_info("cli", "%s is mounted on %s", s->args->login->source.label, s->args->mountpoint);
	if (!s->in_background)
		return;
	if (!detach())
		log_warning("cli", "cannot leave the terminal: %s", strerror(errno));
	fd = take_report_fd(s);
	/* If nobody waits any more, nobody wants the mount. */
	if (fd >= 0 && !write_all(fd, "+", 1))
		fs_stop(s->fs);
	if (fd >= 0)
		close(fd);
}

static int serve(struct session *s, struct failure *failure)
{
	int r;

	enter_stage(s, MOUNTING);
	r = fs_mount(s->fs, failure);
	if (r < 0)
		return r;
	if (enter_stage(s, SERVING))
		fs_stop(s->fs);
	r = fs_run(s->fs, on_ready, s);
	if (r < 0 && !failure->text[0])
		failure_set(failure, r, "serving it failed: %s", strerror(-r));
	return r;
}

/* Ending. Clients of the control socket stay connected until the end, and so see it. */
static void end(struct session *s)
{
	enter_stage(s, ENDING);
	control_stop(s->control);
	service_stop(s->service);
	/* The threads that call upwards first (network, timers), then what they call. */
	api_free(s->api);
	timers_free(s->timers);
	fs_free(s->fs);
	store_free(s->store);
	service_free(s->service);
	if (s->has_signal_thread) {
		pthread_kill(s->signal_thread, SIGUSR1);
		pthread_join(s->signal_thread, NULL);
	}
	control_free(s->control);
}

static void choose_log(const struct config *c, bool in_background)
{
	int r = 0;

	log_set_level((enum log_level)c->log_level);
	if (c->log_file)
		r = log_set_target(LOG_TO_FILE, c->log_file);
	else if (in_background)
		r = log_set_target(LOG_TO_SYSLOG, NULL);
	if (r < 0)
		complain("log-file %s: %s; logging goes on elsewhere", c->log_file, strerror(-r));
}

/* Texts come and go in pieces of some ten kilobytes. An arena for each thread would keep free pieces that no other can use
 * (a fifth of the memory with 20,000 questions), and giving every piece back to the kernel means to zero it again
 * when the next one comes. Before the first thread. */
static void choose_malloc(void)
{
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_TRIM_THRESHOLD, 16 << 20);
	mallopt(M_MMAP_THRESHOLD, 1 << 20);
}

static int run(const struct session_args *args, int report_fd)
{
	struct session s = { .args = args,
			     .in_background = report_fd >= 0,
			     .report_fd = report_fd };
	struct failure failure = { 0 };
	sigset_t set, old;
	int r;

	choose_malloc();
	choose_log(args->config, report_fd >= 0);
	umask(077);
	signal(SIGPIPE, SIG_IGN);
	signal_set(&set);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	pthread_mutex_init(&s.lock, NULL);
	r = start(&s, &failure);
	if (r == 0)
		r = serve(&s, &failure);
	if (r == 0 && s.report_fd >= 0) { /* nobody else is left who would take it */
		r = -ENOTCONN;
		failure_set(&failure, r, "it was unmounted before it answered");
	}
	end(&s);
	/* Who reads this may try again at once: the socket is free by now. */
	if (r < 0)
		report_failure(&s, failure.text);
	else
		log_info("cli", "%s is unmounted from %s", args->login->source.label,
			 args->mountpoint);
	pthread_mutex_destroy(&s.lock);
	return r < 0 ? EXIT_FAILED : EXIT_DONE;
}

/* The background */

static int wait_for_child(const struct session_args *args, int fd, pid_t pid)
{
	_cleanup_(strbuf_release) struct strbuf said = STRBUF_INIT;
	char buf[256];
	int status = 0;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) != 0) {
		if (n > 0)
			strbuf_add(&said, buf, (size_t)n);
		else if (errno != EINTR)
			break;
	}
	if (said.len == 1 && said.buf[0] == '+')
		return EXIT_DONE;
	if (said.len) {
		print_failure(args, said.buf);
		return EXIT_FAILED;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		snprintf(buf, sizeof(buf), "its process was ended by signal %d", WTERMSIG(status));
	else
		snprintf(buf, sizeof(buf), "its process ended without a word (exit status %d)",
			 WEXITSTATUS(status));
	print_failure(args, buf);
	return EXIT_FAILED;
}

/* Whoever started us may wait for the end of a pipe of its own that we inherited. The descriptor under its new number. */
static int keep_only(int fd)
{
	if (fd != 3) {
		if (dup3(fd, 3, O_CLOEXEC) < 0)
			return fd;
		fd = 3;
	}
	close_range(4, ~0U, 0);
	return fd;
}

int session_run(const struct session_args *args, bool in_background)
{
	int fds[2], code;
	pid_t pid;

	if (!in_background)
		return run(args, -1);
	fflush(NULL);
	if (pipe2(fds, O_CLOEXEC) < 0) {
		print_failure(args, strerror(errno));
		return EXIT_FAILED;
	}
	pid = fork();
	if (pid < 0) {
		print_failure(args, strerror(errno));
		return EXIT_FAILED;
	}
	if (pid == 0) {
		return run(args, keep_only(fds[1]));
	}
	close(fds[1]);
	strbuf_wipe(&args->login->token);
	code = wait_for_child(args, fds[0], pid);
	close(fds[0]);
	return code;
}
