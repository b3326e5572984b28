/* fakeapi: a local double of the Stack Overflow for Teams API, for demo, tests and benchmarks.
 *
 * One thread per connection: a delayed answer then is a sleep, and delays of one connection do not
 * hold up another. The main thread only waits for the signal to end. */

#include "limits.h"
#include "log.h"
#include "options.h"
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_BODY (8u << 20) /* of a request */

struct server server = {
	.settings_lock = PTHREAD_MUTEX_INITIALIZER,
	.stop_lock = PTHREAD_MUTEX_INITIALIZER,
};

struct settings server_settings(void)
{
	struct settings s;

	pthread_mutex_lock(&server.settings_lock);
	s = server.settings;
	pthread_mutex_unlock(&server.settings_lock);
	return s;
}

int64_t server_now_s(const struct settings *s)
{
	return wall_ms() / 1000 + s->clock_offset_s;
}

bool server_sleep(int64_t ms)
{
	struct timespec until;
	bool stopping;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&server.stop_lock);
	while (!server.is_stopping &&
	       pthread_cond_timedwait(&server.stop_cond, &server.stop_lock, &until) != ETIMEDOUT)
		;
	stopping = server.is_stopping;
	pthread_mutex_unlock(&server.stop_lock);
	return !stopping;
}

void server_add_headers(struct MHD_Response *response, const char *content_type)
{
	struct settings s = server_settings();
	time_t now = (time_t)server_now_s(&s);
	char date[64];
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	MHD_add_response_header(response, "Date", date);
	MHD_add_response_header(response, "Cache-Control", "private");
	if (content_type)
		MHD_add_response_header(response, "Content-Type", content_type);
}

enum MHD_Result server_reply(struct MHD_Connection *conn, int status, struct buf *body,
			     const char *content_type, const char *content_encoding)
{
	size_t len = body->len;
	struct MHD_Response *response;
	enum MHD_Result r;

	response = MHD_create_response_from_buffer(len, buf_take(body), MHD_RESPMEM_MUST_FREE);
	if (!response)
		abort();
	server_add_headers(response, content_type);
	if (content_encoding)
		MHD_add_response_header(response, "Content-Encoding", content_encoding);
	r = MHD_queue_response(conn, (unsigned)status, response);
	MHD_destroy_response(response);
	return r;
}

static void free_exchange(struct exchange *x)
{
	if (!x)
		return;
	free(x->uri);
	free(x->key);
	buf_free(&x->body);
	free(x);
}

/* A request whose headers turn out to be broken or too long is never heard of again after its URI:
 * the connection remembers its exchange until on_request() has seen it. */
struct connection {
	struct exchange *unseen;
};

static struct connection *connection_of(struct MHD_Connection *conn)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(conn, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	if (!info || !info->socket_context)
		abort(); /* the library calls on_connection() before anything else */
	return info->socket_context;
}

static void *on_uri(void *cls, const char *uri, struct MHD_Connection *conn)
{
	struct connection *c = connection_of(conn);
	struct exchange *x = xcalloc(1, sizeof(*x));

	(void)cls;
	free_exchange(c->unseen);
	c->unseen = x;
	x->uri = xstrdup(uri);
	x->arrived_ms = mono_ms();
	x->arrived_wall_ms = wall_ms();
	return x;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *conn, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **ctx)
{
	struct exchange *x = *ctx;

	(void)cls;
	(void)url;
	(void)version;
	if (!x->is_started) {
		x->is_started = true;
		connection_of(conn)->unseen = NULL;
		return MHD_YES;
	}
	if (*upload_size) {
		if (x->body.len + *upload_size > MAX_BODY)
			x->is_too_large = true;
		else
			buf_add(&x->body, upload, *upload_size);
		*upload_size = 0;
		return MHD_YES;
	}
	if (strncmp(x->uri, "/_ctl/", 6) == 0)
		return control_answer(x, conn, method);
	return exchange_answer(x, conn, method);
}

static void on_completed(void *cls, struct MHD_Connection *conn, void **ctx,
			 enum MHD_RequestTerminationCode toe)
{
	struct exchange *x = *ctx;

	(void)cls;
	if (!x)
		return;
	if (connection_of(conn)->unseen == x)
		connection_of(conn)->unseen = NULL;
	exchange_finish(x, toe == MHD_REQUEST_TERMINATED_COMPLETED_OK);
	free_exchange(x);
	*ctx = NULL;
}

static void on_connection(void *cls, struct MHD_Connection *conn, void **ctx,
			  enum MHD_ConnectionNotificationCode code)
{
	struct connection *c = *ctx;

	(void)cls;
	(void)conn;
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		log_count(COUNT_CONNECTIONS);
		*ctx = xcalloc(1, sizeof(*c));
	} else if (c) {
		free_exchange(c->unseen);
		free(c);
		*ctx = NULL;
	}
}

/* Our own parser works on the raw URI: what is an escaped separator and what is not matters. */
static size_t no_unescape(void *cls, struct MHD_Connection *conn, char *s)
{
	(void)cls;
	(void)conn;
	return strlen(s);
}

static int listen_on_loopback(int port, int *actual)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_port = htons((uint16_t)port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 512) < 0 ||
	    getsockname(fd, (struct sockaddr *)&addr, &len) < 0) {
		close(fd);
		return -1;
	}
	*actual = ntohs(addr.sin_port);
	return fd;
}

static char *read_whole_file(const char *path)
{
	struct buf b = { 0 };
	char block[4096];
	FILE *f = fopen(path, "r");
	size_t n;

	if (!f) {
		fprintf(stderr, "fakeapi: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		buf_add(&b, block, n);
	fclose(f);
	return buf_take(&b);
}

static struct MHD_Daemon *start_daemon(const struct options *o, int fd)
{
	unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD |
			 MHD_USE_POLL | MHD_USE_SUPPRESS_DATE_NO_CLOCK;
	struct MHD_OptionItem tls[3] = { { MHD_OPTION_END, 0, NULL } };

	if (o->tls_cert) {
		if (MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES) {
			fputs("fakeapi: --tls: this libmicrohttpd has no TLS\n", stderr);
			exit(1);
		}
		flags |= MHD_USE_TLS;
		tls[0] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_CERT, 0,
						  read_whole_file(o->tls_cert) };
		tls[1] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_KEY, 0,
						  read_whole_file(o->tls_key) };
		tls[2] = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
	}
	return MHD_start_daemon(
		flags, 0, NULL, NULL, on_request, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_URI_LOG_CALLBACK, on_uri, NULL, MHD_OPTION_UNESCAPE_CALLBACK,
		no_unescape, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, NULL, MHD_OPTION_CONNECTION_LIMIT,
		4000u, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)(128 << 10), MHD_OPTION_ARRAY,
		tls, MHD_OPTION_END);
}

static void load_data(const struct options *o)
{
	data_init(&server.data, server.settings.team);
	if (o->corpus) {
		if (data_load_file(&server.data, o->corpus) < 0 ||
		    data_load_beside(&server.data, o->corpus) < 0)
			exit(1);
	} else {
		synth_questions(&server.data, o->synthetic);
	}
	if (!server.data.posts[POST_ARTICLE].n)
		synth_articles(&server.data, (int)o->articles);
	data_finish_loading(&server.data);
}

/* The whole line appears at once: the file is written under another name and moved. */
static void write_ready_file(const char *path, const char *url)
{
	char *tmp = xasprintf("%s.tmp", path);
	FILE *f = fopen(tmp, "w");

	if (!f || fprintf(f, "%s\n", url) < 0 || fclose(f) != 0 || rename(tmp, path) < 0) {
		fprintf(stderr, "fakeapi: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	free(tmp);
}

static void init_stop_cond(void)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&server.stop_cond, &attr);
	pthread_condattr_destroy(&attr);
}

int main(int argc, char **argv)
{
	struct MHD_Daemon *daemon;
	struct options o;
	sigset_t signals;
	char url[64];
	int port = 0;
	int fd;
	int sig;

	options_parse(&o, argc, argv);
	/* blocked before any thread starts, so that only sigwait() below sees them */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (o.exit_with_parent) {
		pid_t parent = getppid();

		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != parent) /* it died before the call */
			return 0;
	}
	server.settings = o.settings;
	init_stop_cond();
	limits_set_quota(o.quota_remaining == INT64_MIN ? o.settings.quota_max : o.quota_remaining);
	if (o.log_file && !log_open(o.log_file)) {
		fprintf(stderr, "fakeapi: %s: %s\n", o.log_file, strerror(errno));
		return 1;
	}
	load_data(&o);
	fd = listen_on_loopback(o.port, &port);
	if (fd < 0) {
		fprintf(stderr, "fakeapi: port %d: %s\n", o.port, strerror(errno));
		return 1;
	}
	daemon = start_daemon(&o, fd);
	if (!daemon) {
		fputs("fakeapi: the HTTP server does not start\n", stderr);
		return 1;
	}
	snprintf(url, sizeof(url), "%s://127.0.0.1:%d", o.tls_cert ? "https" : "http", port);
	printf("%s\n", url);
	fflush(stdout);
	if (o.ready_file)
		write_ready_file(o.ready_file, url);

	sigwait(&signals, &sig);
	pthread_mutex_lock(&server.stop_lock);
	server.is_stopping = true;
	pthread_cond_broadcast(&server.stop_cond);
	pthread_mutex_unlock(&server.stop_lock);
	MHD_stop_daemon(daemon);
	return 0;
}
