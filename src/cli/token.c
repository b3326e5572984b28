#include "token.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sofs/base/atomicfile.h>
#include <sofs/base/clock.h>
#include <sofs/base/log.h>

enum { MIN_TOKEN = 3, MAX_TOKEN = 1000, MAX_INPUT = 4096, COMMAND_TIMEOUT_MS = 60000 };

static struct strbuf from_environment; /* written once, before there are threads */

void token_take_environment(void)
{
	char *value = getenv("SOFS_TOKEN");

	if (!value)
		return;
	strbuf_wipe(&from_environment);
	strbuf_adds(&from_environment, value);
	explicit_bzero(value, strlen(value));
	unsetenv("SOFS_TOKEN");
}

void token_forbid_core(void)
{
	/* A limit of 1 byte, not 0: a core that goes to a collector's pipe ignores 0, and is left out with 1. */
	struct rlimit limit = { .rlim_cur = 1, .rlim_max = 1 };

	if (setrlimit(RLIMIT_CORE, &limit) < 0)
		log_debug("cli", "cannot limit core files: %s", strerror(errno));
}

/* Appends the first line of raw without blanks around it, if that can be a token. `what` begins the sentence. */
static int add_line(const struct strbuf *raw, const char *what, struct strbuf *sb,
		    struct failure *failure)
{
	const char *s = strbuf_str(raw);
	size_t n = 0;

	while (n < raw->len && s[n] != '\n')
		n++;
	while (n && (*s == ' ' || *s == '\t')) {
		s++;
		n--;
	}
	while (n && (s[n - 1] == ' ' || s[n - 1] == '\t' || s[n - 1] == '\r'))
		n--;
	if (n == 0)
		failure_set(failure, -EINVAL, "%s: there is nothing in it", what);
	else if (n < MIN_TOKEN)
		failure_set(failure, -EINVAL, "%s: too short to be right", what);
	else if (n > MAX_TOKEN)
		failure_set(failure, -EINVAL, "%s: longer than %d characters", what, MAX_TOKEN);
	else
		failure_set(failure, 0, "%s", "");
	for (size_t i = 0; i < n && failure->err == 0; i++)
		if ((unsigned char)s[i] <= ' ' || (unsigned char)s[i] >= 0x7f)
			failure_set(failure, -EINVAL,
				    "%s: a blank, a control character or one outside of ASCII is "
				    "in it",
				    what);
	if (failure->err < 0)
		return failure->err;
	strbuf_add(sb, s, n);
	return strbuf_failed(sb) ? -ENOMEM : 0;
}

int token_read_file(const char *path, const char *what, struct strbuf *sb, struct failure *failure)
{
	_cleanup_(strbuf_wipe) struct strbuf raw = STRBUF_INIT;
	_cleanup_(strbuf_release) struct strbuf name = STRBUF_INIT;
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	ssize_t n;
	int err = fd < 0 || fstat(fd, &st) < 0 ? errno : 0;

	strbuf_addf(&name, "%s %s", what, path);
	if (err) {
		failure_set(failure, -err, "%s: %s", strbuf_str(&name), strerror(err));
		return failure->err;
	}
	/* What was opened is checked, not the name: nobody can put another file there in between. */
	if (!S_ISREG(st.st_mode))
		failure_set(failure, -EINVAL, "%s: not a regular file", strbuf_str(&name));
	else if (st.st_uid != geteuid() && st.st_uid != 0)
		failure_set(failure, -EPERM, "%s: belongs to somebody else", strbuf_str(&name));
	else if (st.st_mode & 077)
		failure_set(failure, -EPERM, "%s: others can read or write it; run chmod 600 on it",
			    strbuf_str(&name));
	else
		failure_set(failure, 0, "%s", "");
	if (failure->err < 0)
		return failure->err;
	if (!strbuf_reserve(&raw, MAX_INPUT + 1))
		return -ENOMEM;
	n = read(fd, raw.buf, MAX_INPUT);
	if (n < 0) {
		failure_set(failure, -errno, "%s: %s", strbuf_str(&name), strerror(errno));
		return failure->err;
	}
	raw.buf[n] = '\0';
	raw.len = (size_t)n;
	return add_line(&raw, strbuf_str(&name), sb, failure);
}

/* The command */

/* Without a terminal the command gets a process group of its own, so that everything it started can be ended; with one
 * it stays in ours, or it could not ask for a passphrase there. */
static pid_t start_command(const char *command, bool own_group, int out)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	if (own_group)
		setpgid(0, 0);
	if (dup2(out, STDOUT_FILENO) < 0)
		_exit(127);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

static int wait_readable(int fd, uint64_t until_ms)
{
	uint64_t now = clock_mono_ms();
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int r;

	if (now >= until_ms)
		return -ETIMEDOUT;
	r = poll(&p, 1, (int)(until_ms - now));
	if (r < 0 && errno != EINTR)
		return -errno;
	return 0;
}

/* Keeps the first MAX_INPUT bytes and reads the rest away, so that the command does not die of a closed pipe. */
static int read_output(int fd, struct strbuf *raw, uint64_t until_ms)
{
	char buf[512];

	for (;;) {
		ssize_t n;
		int r = wait_readable(fd, until_ms);

		if (r < 0)
			return r;
		n = read(fd, buf, sizeof(buf));
		if (n == 0)
			return 0;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n > 0 && raw->len + (size_t)n <= MAX_INPUT)
			strbuf_add(raw, buf, (size_t)n);
		explicit_bzero(buf, sizeof(buf));
	}
}

static int wait_command(pid_t pid, uint64_t until_ms, int *ret_status)
{
	for (;;) {
		pid_t r = waitpid(pid, ret_status, WNOHANG);

		if (r == pid)
			return 0;
		if (r < 0 && errno != EINTR)
			return -errno;
		if (clock_mono_ms() >= until_ms)
			return -ETIMEDOUT;
		poll(NULL, 0, 10);
	}
}

static int judge_status(int status, struct failure *failure)
{
	if (WIFSIGNALED(status))
		failure_set(failure, -EIO, "token-command: was ended by signal %d",
			    WTERMSIG(status));
	else if (WEXITSTATUS(status) == 127)
		failure_set(failure, -ENOENT, "token-command: the shell did not find the command");
	else if (WEXITSTATUS(status))
		failure_set(failure, -EIO, "token-command: failed with exit status %d",
			    WEXITSTATUS(status));
	else
		failure_set(failure, 0, "%s", "");
	return failure->err;
}

static int run_command(const char *command, struct strbuf *sb, struct failure *failure)
{
	_cleanup_(strbuf_wipe) struct strbuf raw = STRBUF_INIT;
	uint64_t until_ms = clock_mono_ms() + COMMAND_TIMEOUT_MS;
	bool own_group = !isatty(STDIN_FILENO);
	int fds[2], status = 0, r;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	if (!strbuf_reserve(&raw, MAX_INPUT + 1)) {
		close(fds[0]);
		close(fds[1]);
		return -ENOMEM;
	}
	pid = start_command(command, own_group, fds[1]);
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return -EAGAIN;
	}
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	r = read_output(fds[0], &raw, until_ms);
	close(fds[0]);
	if (r == 0)
		r = wait_command(pid, until_ms, &status);
	if (r < 0) {
		kill(own_group ? -pid : pid, SIGKILL);
		waitpid(pid, NULL, 0);
		failure_set(failure, r, "token-command: gave no answer within %d seconds",
			    COMMAND_TIMEOUT_MS / 1000);
		return r;
	}
	r = judge_status(status, failure);
	return r < 0 ? r : add_line(&raw, "token-command", sb, failure);
}

int token_get(const struct config *c, struct strbuf *sb, enum token_origin *ret,
	      struct failure *failure)
{
	enum opt_level file = c->token_file ? options_level(c, "token-file") : FROM_DEFAULT;
	enum opt_level command =
		c->token_command ? options_level(c, "token-command") : FROM_DEFAULT;
	enum token_origin origin = TOKEN_NONE;
	int r = 0;

	failure_set(failure, 0, "%s", "");
	if (file != FROM_FLAG && command != FROM_FLAG && from_environment.len) {
		origin = TOKEN_ENVIRONMENT;
		r = add_line(&from_environment, "SOFS_TOKEN", sb, failure);
	} else if (c->token_file) {
		origin = TOKEN_FILE;
		r = token_read_file(c->token_file, "token-file", sb, failure);
	} else if (c->token_command) {
		origin = TOKEN_COMMAND;
		r = run_command(c->token_command, sb, failure);
	}
	strbuf_wipe(&from_environment);
	if (r < 0) {
		if (!failure->err)
			failure_set(failure, r, "the token: %s", strerror(-r));
		return r;
	}
	if (origin != TOKEN_NONE)
		log_set_secret(strbuf_str(sb));
	*ret = origin;
	return 0;
}
