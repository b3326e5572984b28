#include <sofs/base/log.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include <sofs/base/strbuf.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int level_now = LOG_LEVEL_INFO;
static enum log_target target_now = LOG_TO_STDERR; /* lock */
static int file_fd = -1;                           /* lock */
static char *secret_now;                           /* lock */

static const char *const level_names[] = { "error", "warning", "info", "debug" };
static const int level_syslog[] = { LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level level)
{
	atomic_store(&level_now, (int)level);
}

enum log_level log_get_level(void)
{
	return (enum log_level)atomic_load_explicit(&level_now, memory_order_relaxed);
}

int log_set_target(enum log_target target, const char *path)
{
	int fd = -1;

	if (target == LOG_TO_FILE) {
		fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
		if (fd < 0)
			return -errno;
	}
	pthread_mutex_lock(&lock);
	if (file_fd >= 0)
		close(file_fd);
	file_fd = fd;
	if (target == LOG_TO_SYSLOG)
		openlog("sofs", LOG_PID, LOG_DAEMON);
	target_now = target;
	pthread_mutex_unlock(&lock);
	return 0;
}

void log_set_secret(const char *secret)
{
	char *copy = secret && *secret ? strdup(secret) : NULL;

	pthread_mutex_lock(&lock);
	if (secret_now) {
		explicit_bzero(secret_now, strlen(secret_now));
		free(secret_now);
	}
	secret_now = copy;
	pthread_mutex_unlock(&lock);
}

/* Replaces the secret in place; lines never grow because `***` is never longer than a secret of
 * three characters, and shorter ones are not tokens. */
static void hide_secret_locked(char *line)
{
	size_t n = secret_now ? strlen(secret_now) : 0;
	char *p = line;

	if (n < 3)
		return;
	while ((p = strstr(p, secret_now))) {
		memcpy(p, "***", 3);
		memmove(p + 3, p + n, strlen(p + n) + 1);
		p += 3;
	}
}

void log_hide_secret(char *text)
{
	pthread_mutex_lock(&lock);
	hide_secret_locked(text);
	pthread_mutex_unlock(&lock);
}

/* One line stays one line: control characters of foreign text become spaces. */
static void flatten(char *line)
{
	for (unsigned char *p = (unsigned char *)line; *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			*p = ' ';
}

void log_write(enum log_level level, const char *component, const char *fmt, ...)
{
	_cleanup_(strbuf_release) struct strbuf sb = STRBUF_INIT;
	char stamp[32];
	struct tm tm;
	time_t now;
	va_list ap;
	char *text;

	if (level > log_get_level())
		return;
	strbuf_addf(&sb, "%s %s: ", level_names[level], component);
	va_start(ap, fmt);
	strbuf_vaddf(&sb, fmt, ap);
	va_end(ap);
	if (strbuf_failed(&sb))
		return;
	text = sb.buf;
	flatten(text);

	pthread_mutex_lock(&lock);
	hide_secret_locked(text);
	if (target_now == LOG_TO_SYSLOG) {
		syslog(level_syslog[level], "%s", text);
	} else {
		now = time(NULL);
		gmtime_r(&now, &tm);
		strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", &tm);
		dprintf(target_now == LOG_TO_FILE ? file_fd : STDERR_FILENO, "%s %s\n", stamp,
			text);
	}
	pthread_mutex_unlock(&lock);
}
