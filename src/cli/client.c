#include "client.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <sofs/base/clock.h>
#include <sofs/base/strbuf.h>

#include "control.h"
#include "dirs.h"

/* A process that lives answers at once: its control thread waits for nothing. */
enum { DEFAULT_TIMEOUT_S = 5 };

int client_connect_at(const char *socket_path, int *ret)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return -errno;
	/* On a Unix socket connecting is immediate, or EAGAIN while the backlog is full. */
	r = control_address(fd, socket_path, false);
	if (r == -ECONNREFUSED)
		return -ENOENT;
	if (r < 0)
		return r;
	*ret = fd;
	fd = -1;
	return 0;
}

/* A directory in /tmp could have been put there by somebody else. */
static bool is_private(const char *dir, uid_t owner)
{
	struct stat st;

	return lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == owner &&
	       !(st.st_mode & 022);
}

int client_connect(const char *mountpoint, uid_t owner, int *ret)
{
	char name[32];
	int best = -ENOENT;

	control_socket_name(mountpoint, name);
	for (unsigned i = 0;; i++) {
		_cleanup_free_ char *dir = dirs_runtime(owner, i), *path = NULL;
		int r;

		if (!dir)
			return best;
		if (!is_private(dir, owner))
			continue;
		if (asprintf(&path, "%s/%s", dir, name) < 0)
			return -ENOMEM;
		r = client_connect_at(path, ret);
		if (r == 0)
			return 0;
		if (r != -ENOENT)
			best = r;
	}
}

static int wait_for(int fd, short events, uint64_t until_ms)
{
	for (;;) {
		uint64_t now = clock_mono_ms();
		struct pollfd p = { .fd = fd, .events = events };
		int r;

		if (now >= until_ms)
			return -ETIMEDOUT;
		r = poll(&p, 1, (int)(until_ms - now));
		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return -errno;
	}
}

static int send_all(int fd, const char *s, size_t len, uint64_t until_ms)
{
	while (len) {
		ssize_t n = send(fd, s, len, MSG_NOSIGNAL);
		int r;

		if (n >= 0) {
			s += n;
			len -= (size_t)n;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		r = wait_for(fd, POLLOUT, until_ms);
		if (r < 0)
			return r;
	}
	return 0;
}

static int receive_line(int fd, struct strbuf *sb, uint64_t until_ms)
{
	char buf[4096];

	for (;;) {
		ssize_t n;
		int r = wait_for(fd, POLLIN, until_ms);

		if (r < 0)
			return r;
		n = read(fd, buf, sizeof(buf));
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ECONNRESET;
		strbuf_add(sb, buf, (size_t)n);
		if (strbuf_failed(sb) || sb->len > CONTROL_MAX_ANSWER)
			return -EFBIG;
		if (buf[n - 1] == '\n')
			return 0;
	}
}

static int exchange(int fd, const struct cJSON *request, unsigned timeout_s, struct strbuf *answer)
{
	uint64_t until_ms = clock_mono_ms() + timeout_s * 1000ULL;
	_cleanup_free_ char *text = cJSON_PrintUnformatted(request);
	int r;

	if (!text)
		return -ENOMEM;
	r = send_all(fd, text, strlen(text), until_ms);
	if (r == 0)
		r = send_all(fd, "\n", 1, until_ms);
	return r < 0 ? r : receive_line(fd, answer, until_ms);
}

int client_ask(int fd, const struct cJSON *request, unsigned timeout_s, struct cJSON **ret,
	       struct failure *failure)
{
	_cleanup_(strbuf_release) struct strbuf line = STRBUF_INIT;
	cJSON *answer;
	int r = exchange(fd, request, timeout_s, &line);

	if (r == -ETIMEDOUT) {
		failure_set(failure, r, "its process does not answer");
		return r;
	}
	if (r < 0) {
		failure_set(failure, r, "the connection to its process broke: %s", strerror(-r));
		return r;
	}
	answer = cJSON_ParseWithLength(line.buf, line.len);
	if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "ok"))) {
		const cJSON *error = cJSON_GetObjectItemCaseSensitive(answer, "error");

		failure_set(failure, -EIO, "%s",
			    cJSON_IsString(error) ? error->valuestring
						  : "its answer makes no sense");
		cJSON_Delete(answer);
		return -EIO;
	}
	*ret = answer;
	return 0;
}

int client_ask_text(int fd, const char *command, char **ret, struct failure *failure)
{
	cJSON *request = cJSON_CreateObject(), *answer = NULL;
	const cJSON *text;
	int r = -ENOMEM;

	if (request && cJSON_AddStringToObject(request, "command", command))
		r = client_ask(fd, request, DEFAULT_TIMEOUT_S, &answer, failure);
	cJSON_Delete(request);
	if (r < 0)
		return r;
	text = cJSON_GetObjectItemCaseSensitive(answer, "text");
	*ret = strdup(cJSON_IsString(text) ? text->valuestring : "");
	cJSON_Delete(answer);
	return *ret ? 0 : -ENOMEM;
}

int client_process(int fd, pid_t *ret_pid)
{
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 || cred.pid <= 0) {
		*ret_pid = 0;
		return -1;
	}
	*ret_pid = cred.pid;
	return (int)syscall(SYS_pidfd_open, cred.pid, 0);
}

bool client_wait_end(int fd, int pidfd, unsigned timeout_s)
{
	uint64_t until_ms = clock_mono_ms() + timeout_s * 1000ULL;
	char buf[256];

	for (;;) {
		ssize_t n;

		if (wait_for(fd, POLLIN, until_ms) < 0)
			return false;
		n = read(fd, buf, sizeof(buf));
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			break;
	}
	return pidfd < 0 || wait_for(pidfd, POLLIN, until_ms) == 0;
}
