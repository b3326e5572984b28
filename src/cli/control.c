/* Locks: struct control.lock guards the answers that are handed over from other threads; everything about clients belongs
 * to the control thread alone.
 *
 * A call outlives its client if that one leaves early: the call then has no client any more and its answer
 * is dropped. Claiming a socket (look, remove a stale one, bind) happens under flock() of the directory, so that of
 * two starting at the same time one wins. */
#include "control.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <sofs/base/clock.h>
#include <sofs/base/list.h>
#include <sofs/base/log.h>
#include <sofs/base/map.h>
#include <sofs/base/strbuf.h>

#include "dirs.h"

enum client_state { READING, WAITING, SENDING, LINGERING };

struct client {
	int fd; /* -1: free slot */
	enum client_state state;
	uint64_t due_ms; /* when it is dropped; 0: never */
	struct strbuf in, out;
	size_t sent;
	struct control_call *call; /* WAITING */
};

struct control_call {
	struct list node; /* lock; in struct control.answered, or of its own */
	struct control *ctl;
	struct client *client; /* control thread; NULL: left */
	struct strbuf text;    /* the answer, with its newline */
};

struct control {
	pthread_mutex_t lock;
	struct list answered; /* lock */
	bool is_stopping;     /* lock */

	char *path;
	int listen_fd, wake_fd;
	control_fn fn;
	void *userdata;
	pthread_t thread;
	bool has_thread;
	struct client clients[CONTROL_MAX_CLIENTS]; /* control thread */
};

/* Addresses */

void control_socket_name(const char *mountpoint, char ret[static 32])
{
	snprintf(ret, 32, "%016" PRIx64 ".sock",
		 hash_bytes(HASH_SEED, mountpoint, strlen(mountpoint)));
}

/* An address has 108 bytes. A longer path is reached through a descriptor of its directory. */
int control_address(int fd, const char *path, bool is_bind)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	_cleanup_close_ int dir = -1;
	int n, r;

	n = snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	if (n >= (int)sizeof(sa.sun_path)) {
		_cleanup_free_ char *copy = strdup(path);
		char *slash = copy ? strrchr(copy, '/') : NULL;

		if (!slash)
			return copy ? -EINVAL : -ENOMEM;
		*slash = '\0';
		dir = open(copy, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0)
			return -errno;
		n = snprintf(sa.sun_path, sizeof(sa.sun_path), "/proc/self/fd/%d/%s", dir,
			     slash + 1);
		if (n >= (int)sizeof(sa.sun_path))
			return -ENAMETOOLONG;
	}
	r = is_bind ? bind(fd, (struct sockaddr *)&sa, sizeof(sa))
		    : connect(fd, (struct sockaddr *)&sa, sizeof(sa));
	return r < 0 ? -errno : 0;
}

/* Claiming */

/* True if nobody listens behind the socket file any more. */
static bool is_stale(const char *path)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r = fd < 0 ? -errno : control_address(fd, path, false);

	return r == -ECONNREFUSED || r == -ENOENT;
}

static int bind_locked(int fd, const char *path)
{
	int r = control_address(fd, path, true);

	if (r == -EADDRINUSE && is_stale(path)) {
		if (unlink(path) < 0 && errno != ENOENT)
			return -errno;
		r = control_address(fd, path, true);
	}
	if (r == 0 && listen(fd, CONTROL_MAX_CLIENTS) < 0)
		r = -errno;
	return r;
}

static int claim(const char *path, int fd)
{
	_cleanup_free_ char *dir = strdup(path);
	_cleanup_close_ int dir_fd = -1;
	int r;

	if (!dir)
		return -ENOMEM;
	*strrchr(dir, '/') = '\0';
	dir_fd = open(*dir ? dir : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return -errno;
	while (flock(dir_fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return -errno;
	r = bind_locked(fd, path);
	flock(dir_fd, LOCK_UN);
	return r;
}

int control_new_at(const char *socket_path, struct control **ret, struct failure *failure)
{
	struct control *ctl = calloc(1, sizeof(*ctl));
	int fd, r;

	if (!ctl)
		return -ENOMEM;
	pthread_mutex_init(&ctl->lock, NULL);
	list_init(&ctl->answered);
	ctl->listen_fd = ctl->wake_fd = -1;
	for (size_t i = 0; i < CONTROL_MAX_CLIENTS; i++)
		ctl->clients[i].fd = -1;
	ctl->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	r = ctl->wake_fd < 0 || fd < 0 ? -errno : claim(socket_path, fd);
	if (r == 0) {
		ctl->listen_fd = fd;
		ctl->path = strdup(socket_path);
		if (!ctl->path) {
			unlink(socket_path);
			r = -ENOMEM;
		}
	} else if (fd >= 0) {
		close(fd);
	}
	if (r < 0) {
		failure_set(failure, r, "control socket %s: %s", socket_path, strerror(-r));
		control_free(ctl);
		return r;
	}
	*ret = ctl;
	return 0;
}

int control_new(const char *mountpoint, struct control **ret, struct failure *failure)
{
	_cleanup_free_ char *dir = NULL, *path = NULL;
	char name[32];
	int r = dirs_make_runtime(&dir, failure);

	if (r < 0)
		return r;
	control_socket_name(mountpoint, name);
	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return -ENOMEM;
	return control_new_at(path, ret, failure);
}

/* Answers */

void control_answer(struct control_call *call, struct cJSON *answer)
{
	static const char no_memory[] = "{\"ok\":false,\"error\":\"out of memory\"}";
	struct control *ctl = call->ctl;
	char *text = answer ? cJSON_PrintUnformatted(answer) : NULL;
	uint64_t one = 1;

	cJSON_Delete(answer);
	if (!text || strlen(text) >= CONTROL_MAX_ANSWER)
		strbuf_adds(&call->text, no_memory);
	else
		strbuf_adds(&call->text, text);
	free(text);
	strbuf_addch(&call->text, '\n');
	pthread_mutex_lock(&ctl->lock);
	list_push_back(&ctl->answered, &call->node);
	/* Under the lock: once control_free() has seen the list, nothing of ours is touched any more. */
	if (write(ctl->wake_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		log_warning("cli", "control socket: %s", strerror(errno));
	pthread_mutex_unlock(&ctl->lock);
}

void control_answer_text(struct control_call *call, bool ok, const char *text)
{
	cJSON *answer = cJSON_CreateObject();

	if (answer && (!cJSON_AddBoolToObject(answer, "ok", ok) ||
		       !cJSON_AddStringToObject(answer, ok ? "text" : "error", text))) {
		cJSON_Delete(answer);
		answer = NULL;
	}
	control_answer(call, answer);
}

/* Clients */

static void set_state(struct client *cl, enum client_state state)
{
	cl->state = state;
	cl->due_ms = state == READING || state == SENDING ? clock_mono_ms() + CONTROL_CLIENT_MS : 0;
}

static void drop(struct client *cl)
{
	if (cl->call)
		cl->call->client = NULL;
	close(cl->fd);
	strbuf_release(&cl->in);
	strbuf_release(&cl->out);
	*cl = (struct client){ .fd = -1 };
}

static void call_free(struct control_call *call)
{
	strbuf_release(&call->text);
	free(call);
}

/* Only the same user and root may ask. */
static bool is_friend(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 &&
	       (cred.uid == geteuid() || cred.uid == 0);
}

static void accept_one(struct control *ctl)
{
	int fd = accept4(ctl->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (!is_friend(fd)) {
		log_warning("cli", "control socket: refused a connection from another user");
		close(fd);
		return;
	}
	for (size_t i = 0; i < CONTROL_MAX_CLIENTS; i++) {
		struct client *cl = &ctl->clients[i];

		if (cl->fd < 0) {
			cl->fd = fd;
			set_state(cl, READING);
			return;
		}
	}
	close(fd);
}

static void dispatch(struct control *ctl, struct client *cl, size_t line_len)
{
	cJSON *request = cJSON_ParseWithLength(cl->in.buf, line_len);
	const cJSON *command = cJSON_GetObjectItemCaseSensitive(request, "command");
	struct control_call *call = calloc(1, sizeof(*call));

	if (!call) {
		drop(cl);
		cJSON_Delete(request);
		return;
	}
	list_init(&call->node);
	call->ctl = ctl;
	call->client = cl;
	cl->call = call;
	set_state(cl, WAITING);
	if (cJSON_IsString(command))
		ctl->fn(ctl->userdata, command->valuestring, request, call);
	else
		control_answer_text(call, false, "not a request");
	cJSON_Delete(request);
}

static void read_client(struct control *ctl, struct client *cl)
{
	char buf[4096];
	ssize_t n = read(cl->fd, buf, sizeof(buf));
	char *end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* After its request a client has nothing more to say: only that it leaves. */
	if (n <= 0 || (cl->state == READING && cl->in.len + (size_t)n > CONTROL_MAX_REQUEST)) {
		drop(cl);
		return;
	}
	if (cl->state != READING)
		return;
	strbuf_add(&cl->in, buf, (size_t)n);
	if (strbuf_failed(&cl->in)) {
		drop(cl);
		return;
	}
	end = memchr(cl->in.buf, '\n', cl->in.len);
	if (end)
		dispatch(ctl, cl, (size_t)(end - cl->in.buf));
}

static void send_client(struct client *cl)
{
	while (cl->sent < cl->out.len) {
		ssize_t n =
			send(cl->fd, cl->out.buf + cl->sent, cl->out.len - cl->sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			drop(cl);
			return;
		}
		cl->sent += (size_t)n;
	}
	set_state(cl, LINGERING);
}

/* Gives the answers that came meanwhile to their clients. */
static void take_answers(struct control *ctl)
{
	struct list answered;
	uint64_t count;

	if (read(ctl->wake_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		log_debug("cli", "control socket: %s", strerror(errno));
	list_init(&answered);
	pthread_mutex_lock(&ctl->lock);
	list_splice(&answered, &ctl->answered);
	pthread_mutex_unlock(&ctl->lock);
	list_for_each_safe (pos, tmp, &answered) {
		struct control_call *call = list_entry(pos, struct control_call, node);
		struct client *cl = call->client;

		list_del(&call->node);
		if (cl) {
			cl->call = NULL;
			if (strbuf_failed(&call->text)) {
				drop(cl);
			} else {
				cl->out = call->text;
				call->text = (struct strbuf)STRBUF_INIT;
				set_state(cl, SENDING);
				send_client(cl);
			}
		}
		call_free(call);
	}
}

/* The thread */

static int poll_timeout(const struct control *ctl)
{
	uint64_t now = clock_mono_ms(), next = UINT64_MAX;

	for (size_t i = 0; i < CONTROL_MAX_CLIENTS; i++) {
		const struct client *cl = &ctl->clients[i];

		if (cl->fd >= 0 && cl->due_ms && cl->due_ms < next)
			next = cl->due_ms;
	}
	if (next == UINT64_MAX)
		return -1;
	return next <= now ? 0 : (int)(next - now);
}

static void serve_client(struct control *ctl, struct client *cl, short revents)
{
	if (revents & (POLLERR | POLLNVAL))
		drop(cl);
	else if (revents & (POLLIN | POLLHUP))
		read_client(ctl, cl);
	else if (revents & POLLOUT)
		send_client(cl);
	else if (cl->due_ms && cl->due_ms <= clock_mono_ms())
		drop(cl);
}

static bool must_stop(struct control *ctl)
{
	bool stop;

	pthread_mutex_lock(&ctl->lock);
	stop = ctl->is_stopping;
	pthread_mutex_unlock(&ctl->lock);
	return stop;
}

static void *serve(void *userdata)
{
	struct control *ctl = userdata;
	struct pollfd fds[2 + CONTROL_MAX_CLIENTS];

	while (!must_stop(ctl)) {
		fds[0] = (struct pollfd){ .fd = ctl->wake_fd, .events = POLLIN };
		fds[1] = (struct pollfd){ .fd = ctl->listen_fd, .events = POLLIN };
		for (size_t i = 0; i < CONTROL_MAX_CLIENTS; i++) {
			const struct client *cl = &ctl->clients[i];

			fds[2 + i] = (struct pollfd){
				.fd = cl->fd,
				.events = cl->state == SENDING ? POLLIN | POLLOUT : POLLIN,
			};
		}
		if (poll(fds, ARRAY_SIZE(fds), poll_timeout(ctl)) < 0 && errno != EINTR) {
			log_error("cli", "control socket: %s; commands are not served any more",
				  strerror(errno));
			return NULL;
		}
		if (fds[1].revents)
			accept_one(ctl);
		for (size_t i = 0; i < CONTROL_MAX_CLIENTS; i++)
			if (fds[2 + i].fd >= 0)
				serve_client(ctl, &ctl->clients[i], fds[2 + i].revents);
		take_answers(ctl);
	}
	return NULL;
}

int control_start(struct control *ctl, control_fn fn, void *userdata)
{
	int r;

	ctl->fn = fn;
	ctl->userdata = userdata;
	r = pthread_create(&ctl->thread, NULL, serve, ctl);
	if (r)
		return -r;
	pthread_setname_np(ctl->thread, "sofs-control");
	ctl->has_thread = true;
	return 0;
}

void control_stop(struct control *ctl)
{
	uint64_t one = 1;

	if (!ctl || !ctl->has_thread)
		return;
	pthread_mutex_lock(&ctl->lock);
	ctl->is_stopping = true;
	pthread_mutex_unlock(&ctl->lock);
	if (write(ctl->wake_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		log_warning("cli", "control socket: %s", strerror(errno));
	pthread_join(ctl->thread, NULL);
	ctl->has_thread = false;
}

void control_forget(struct control *ctl)
{
	if (ctl && ctl->path)
		unlink(ctl->path);
}

void control_free(struct control *ctl)
{
	if (!ctl)
		return;
	control_stop(ctl);
	control_forget(ctl);
	if (ctl->listen_fd >= 0)
		take_answers(ctl);
	for (size_t i = 0; i < CONTROL_MAX_CLIENTS; i++)
		if (ctl->clients[i].fd >= 0)
			drop(&ctl->clients[i]);
	if (ctl->listen_fd >= 0)
		close(ctl->listen_fd);
	if (ctl->wake_fd >= 0)
		close(ctl->wake_fd);
	pthread_mutex_destroy(&ctl->lock);
	free(ctl->path);
	free(ctl);
}
