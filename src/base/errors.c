#include <sofs/base/errors.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <sofs/base/clock.h>
#include <sofs/base/log.h>

enum { KEPT_LINES = 200, REPEAT_S = 10 };

struct line {
	int64_t at_s;
	unsigned long again; /* how often more within REPEAT_S */
	int err;
	char *text; /* owned */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct line ring[KEPT_LINES]; /* lock */
static unsigned long added;          /* lock; lines ever put into the ring */
static unsigned long counted;        /* lock; errors, repeats included */

void failure_set(struct failure *f, int err, const char *fmt, ...)
{
	va_list ap;

	f->err = err;
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
}

static const char *errno_name(int err)
{
	const char *name = strerrorname_np(err < 0 ? -err : err);

	return name ? name : "error";
}

void errors_add(int err, const char *path, const char *tried, const char *said, const char *next)
{
	_cleanup_(strbuf_release) struct strbuf sb = STRBUF_INIT;
	int64_t now = clock_wall_s();
	struct line *l;

	strbuf_addf(&sb, "%s: %s: %s%s%s; %s", *path ? path : "/", tried, errno_name(err),
		    *said ? ": " : "", said, next);
	if (strbuf_failed(&sb))
		return;
	for (unsigned char *p = (unsigned char *)sb.buf; *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			*p = ' ';
	log_hide_secret(sb.buf);
	pthread_mutex_lock(&lock);
	counted++;
	for (unsigned long i = added; i > 0 && added - i < 16; i--) {
		l = &ring[(i - 1) % KEPT_LINES];
		if (l->at_s + REPEAT_S > now && l->err == err && l->text &&
		    !strcmp(l->text, sb.buf)) {
			l->again++;
			pthread_mutex_unlock(&lock);
			return;
		}
	}
	l = &ring[added++ % KEPT_LINES];
	free(l->text);
	*l = (struct line){ .at_s = now, .err = err, .text = strdup(sb.buf) };
	pthread_mutex_unlock(&lock);
	log_warning("fs", "%s", sb.buf);
}

void errors_print(struct strbuf *sb)
{
	pthread_mutex_lock(&lock);
	for (unsigned long i = added > KEPT_LINES ? added - KEPT_LINES : 0; i < added; i++) {
		const struct line *l = &ring[i % KEPT_LINES];
		char stamp[32];
		struct tm tm;
		time_t t = (time_t)l->at_s;

		gmtime_r(&t, &tm);
		strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", &tm);
		strbuf_addf(sb, "%s %s", stamp, l->text ? l->text : "(out of memory)");
		if (l->again)
			strbuf_addf(sb, " (%lu more)", l->again);
		strbuf_addch(sb, '\n');
	}
	pthread_mutex_unlock(&lock);
}

unsigned long errors_count(void)
{
	unsigned long n;

	pthread_mutex_lock(&lock);
	n = counted;
	pthread_mutex_unlock(&lock);
	return n;
}
