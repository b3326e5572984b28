/* One HTTP exchange: the options of its handle, its callbacks, and what its end means.
 *
 * The token is in the headers, so they must reach nobody but the host of the URL: redirects are not
 * followed, plain http ends at loopback (the address is checked when the socket is made, because a
 * name such as "localhost" is what some resolver says), certificates are always verified. */
#include "http.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include <sofs/base/clock.h>

#define RECEIVE_BUFFER   65536L
#define KEEPALIVE_IDLE_S 30L
#define MAX_IDLE_S       90L /* a connection idle for longer is not reused */

/* ---- URLs --------------------------------------------------------------------------------------- */

static size_t host_len(const char *host)
{
	if (*host == '[')
		return strcspn(host, "]") + 1;
	return strcspn(host, ":/?#");
}

static bool is_loopback_host(const char *host)
{
	size_t len = host_len(host);
	size_t nr_digits = strspn(host, "0123456789.");

	if (len == 9 && strncasecmp(host, "localhost", 9) == 0)
		return true;
	if (len == 5 && strncmp(host, "[::1]", 5) == 0)
		return true;
	return nr_digits == len && len > 4 && strncmp(host, "127.", 4) == 0;
}

static const char *url_host(const char *url, bool *is_tls)
{
	*is_tls = strncasecmp(url, "https://", 8) == 0;
	if (*is_tls)
		return url + 8;
	return strncasecmp(url, "http://", 7) == 0 ? url + 7 : NULL;
}

bool net_url_is_allowed(const char *url)
{
	bool is_tls;
	const char *host = url_host(url, &is_tls);

	if (!host || !host_len(host))
		return false;
	/* A name and password in front of the host would hide what the host is. */
	if (memchr(host, '@', strcspn(host, "/?#")))
		return false;
	for (const char *p = url; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return false;
	return is_tls || is_loopback_host(host);
}

void net_add_escaped(struct strbuf *sb, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if ((c < 0x80 && isalnum(c)) || strchr("-._~", c))
			strbuf_addch(sb, *s);
		else
			strbuf_addf(sb, "%%%02X", c);
	}
}

/* ---- Callbacks of curl -------------------------------------------------------------------------- */

static bool is_loopback_address(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, sa, sizeof(in));
		return ntohl(in.sin_addr.s_addr) >> 24 == 127;
	}
	if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, sa, sizeof(in6));
		return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
	}
	return false;
}

static curl_socket_t open_socket(void *userdata, curlsocktype purpose, struct curl_sockaddr *a)
{
	const struct exchange *x = userdata;

	if (x->is_loopback_only && !is_loopback_address(&a->addr))
		return CURL_SOCKET_BAD;
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static size_t write_body(char *data, size_t size, size_t nmemb, void *userdata)
{
	struct exchange *x = userdata;
	size_t len = size * nmemb;

	x->last_byte_ms = clock_mono_ms();
	x->resp.wire_bytes += len;
	if (!x->is_body_begun) {
		inflater_reset(x->inf, x->encoding);
		x->is_body_begun = true;
	}
	x->body_error = inflater_feed(x->inf, data, len, &x->resp.body, NET_MAX_BODY);
	return x->body_error < 0 ? 0 : len;
}

/* A copy of the header's value without the white space around it. */
static void copy_value(char *to, size_t size, const char *value, size_t len)
{
	while (len && isspace((unsigned char)*value)) {
		value++;
		len--;
	}
	while (len && isspace((unsigned char)value[len - 1]))
		len--;
	snprintf(to, size, "%.*s", (int)(len < size ? len : size - 1), value);
}

static enum inflate_encoding parse_encoding(const char *value)
{
	if (strcasecmp(value, "gzip") == 0 || strcasecmp(value, "x-gzip") == 0)
		return INFLATE_GZIP;
	return strcasecmp(value, "deflate") == 0 ? INFLATE_DEFLATE : INFLATE_UNKNOWN;
}

/* Seconds, or a date. */
static int64_t parse_retry_after(const char *value, int64_t now_s)
{
	char *end;
	long n = strtol(value, &end, 10);
	time_t at;

	if (end != value && !*end)
		return n < 0 ? 0 : n;
	at = curl_getdate(value, NULL);
	if (at == -1)
		return -1;
	return at > now_s ? at - now_s : 0;
}

static void copy_location(struct exchange *x, const char *value)
{
	bool is_tls;
	const char *host = url_host(value, &is_tls);

	if (host)
		snprintf(x->resp.location, sizeof(x->resp.location), "%.*s",
			 (int)strcspn(host, "/?#"), host);
	else
		snprintf(x->resp.location, sizeof(x->resp.location), "the same host");
}

static size_t read_header(char *line, size_t size, size_t nmemb, void *userdata)
{
	struct exchange *x = userdata;
	size_t len = size * nmemb;
	const char *colon = memchr(line, ':', len);
	size_t name_len = colon ? (size_t)(colon - line) : 0;
	char value[256];

	x->last_byte_ms = clock_mono_ms();
	if (len >= 5 && strncasecmp(line, "HTTP/", 5) == 0) {
		/* A new head: what came before was a 1xx. */
		x->encoding = INFLATE_UNKNOWN;
		x->resp.retry_after_s = -1;
		x->resp.is_html = false;
		return len;
	}
	if (!colon)
		return len;
	copy_value(value, sizeof(value), colon + 1, len - name_len - 1);
#define IS(s) (name_len == sizeof(s) - 1 && strncasecmp(line, s, name_len) == 0)
	if (IS("Content-Encoding"))
		x->encoding = parse_encoding(value);
	else if (IS("Content-Type"))
		x->resp.is_html = strncasecmp(value, "text/html", 9) == 0;
	else if (IS("Date"))
		x->resp.date_s = curl_getdate(value, NULL) > 0 ? curl_getdate(value, NULL) : 0;
	else if (IS("Retry-After"))
		x->resp.retry_after_s = parse_retry_after(value, clock_wall_s());
	else if (IS("Location"))
		copy_location(x, value);
#undef IS
	return len;
}

/* ---- Making ------------------------------------------------------------------------------------- */

static int add_headers(struct exchange *x, const struct http_request *req)
{
	static const char *const own[] = { "Accept: application/json", "Accept-Encoding: gzip",
					   "Expect:", NULL };
	const char *const *sets[] = { own, req->headers };

	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		for (const char *const *h = sets[i]; h && *h; h++) {
			struct curl_slist *more = curl_slist_append(x->headers, *h);

			if (!more)
				return -ENOMEM;
			x->headers = more;
		}
	}
	return 0;
}

/* libcurl remembers the first failure for us. */
#define SET(option, value)                                               \
	do {                                                             \
		if (code == CURLE_OK)                                    \
			code = curl_easy_setopt(x->easy, option, value); \
	} while (0)

/* libcurl repeats a request by itself when a kept connection turns out to be dead. Such a request would pass by the
 * throttle, and nobody knows whether the first one was received: it ends instead, and our own retry decides. */
static int before_request(void *userdata, char *remote_ip, char *local_ip, int remote_port,
			  int local_port)
{
	struct exchange *x = userdata;

	if (x->was_sent)
		x->is_repeating = true;
	x->was_sent = true;
	return x->is_repeating ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static CURLcode set_safety(struct exchange *x, const struct http_setup *setup, const char *url)
{
	CURLcode code = CURLE_OK;
	bool is_tls;
	const char *host = url_host(url, &is_tls);

	x->is_loopback_only = !is_tls;
	SET(CURLOPT_PROTOCOLS_STR, is_tls ? "https" : "http");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	/* Replaces the system's bundle file; its directory of certificates stays trusted. */
	if (setup->ca_file)
		SET(CURLOPT_CAINFO, setup->ca_file);
	/* Proxies are taken from the environment as curl does, but never for this machine. */
	if (is_loopback_host(host))
		SET(CURLOPT_PROXY, "");
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
	SET(CURLOPT_OPENSOCKETDATA, x);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_ERRORBUFFER, x->error);
	return code;
}

static CURLcode set_request(struct exchange *x, const struct http_setup *setup,
			    const struct http_request *req)
{
	CURLcode code = CURLE_OK;

	SET(CURLOPT_URL, req->url);
	SET(CURLOPT_HTTPHEADER, x->headers);
	SET(CURLOPT_USERAGENT, setup->user_agent);
	SET(CURLOPT_HTTP_VERSION,
	    (long)(x->is_loopback_only ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS));
	if (req->form) {
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_COPYPOSTFIELDS, req->form);
	}
	SET(CURLOPT_WRITEFUNCTION, write_body);
	SET(CURLOPT_WRITEDATA, x);
	SET(CURLOPT_HEADERFUNCTION, read_header);
	SET(CURLOPT_HEADERDATA, x);
	SET(CURLOPT_NOPROGRESS, 1L);
	SET(CURLOPT_BUFFERSIZE, RECEIVE_BUFFER);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)setup->connect_timeout_ms);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
	SET(CURLOPT_MAXAGE_CONN, MAX_IDLE_S);
	SET(CURLOPT_PREREQFUNCTION, before_request);
	SET(CURLOPT_PREREQDATA, x);
	/* A POST gets a connection of its own: one that turns out to be dead would leave it unknown whether it was
	 * received. */
	SET(CURLOPT_FRESH_CONNECT, req->wants_new_connection || req->form ? 1L : 0L);
	SET(CURLOPT_PRIVATE, x);
	return code;
}

int exchange_new(const struct http_setup *setup, const struct http_request *req,
		 struct exchange **ret)
{
	struct exchange *x;
	CURLcode code;

	if (!net_url_is_allowed(req->url))
		return -EINVAL;
	x = calloc(1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	list_init(&x->node);
	x->resp.retry_after_s = -1;
	x->stall_ms = req->stall_ms;
	x->last_byte_ms = clock_mono_ms();
	x->inf = inflater_new();
	x->easy = curl_easy_init();
	if (!x->inf || !x->easy || add_headers(x, req) < 0)
		goto fail;
	code = set_safety(x, setup, req->url);
	if (code == CURLE_OK)
		code = set_request(x, setup, req);
	if (code != CURLE_OK)
		goto fail;
	*ret = x;
	return 0;
fail:
	exchange_free(x);
	return -ENOMEM;
}

void exchange_free(struct exchange *x)
{
	if (!x)
		return;
	if (x->easy)
		curl_easy_cleanup(x->easy);
	for (struct curl_slist *h = x->headers; h; h = h->next)
		explicit_bzero(h->data, strlen(h->data));
	curl_slist_free_all(x->headers);
	inflater_free(x->inf);
	strbuf_release(&x->resp.body);
	free(x);
}

/* ---- The end ------------------------------------------------------------------------------------ */

static enum net_result classify(CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		return NET_OK;
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_INTERFACE_FAILED:
	case CURLE_PROXY:
		return NET_UNREACHABLE;
	case CURLE_OPERATION_TIMEDOUT:
		return NET_TIMED_OUT;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
		return NET_BAD_CERT;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_ENGINE_NOTFOUND:
	case CURLE_SSL_ENGINE_SETFAILED:
	case CURLE_SSL_ENGINE_INITFAILED:
	case CURLE_SSL_CRL_BADFILE:
	case CURLE_SSL_SHUTDOWN_FAILED:
	case CURLE_USE_SSL_FAILED:
		return NET_TLS;
	case CURLE_ABORTED_BY_CALLBACK:
		return NET_CANCELLED;
	case CURLE_OUT_OF_MEMORY:
		return NET_NO_MEMORY;
	default:
		return NET_BROKEN;
	}
}

static const char *body_error_text(int err)
{
	switch (err) {
	case -EFBIG:
		return "the answer is larger than 64 MB";
	case -ENOMEM:
		return "out of memory";
	default:
		return "the compressed answer is corrupt or cut off";
	}
}

static enum net_result body_error_result(int err)
{
	switch (err) {
	case -EFBIG:
		return NET_TOO_BIG;
	case -ENOMEM:
		return NET_NO_MEMORY;
	default:
		return NET_BROKEN;
	}
}

void exchange_conclude(struct exchange *x, CURLcode code)
{
	struct http_response *resp = &x->resp;
	long status = 0;

	if (code == CURLE_OK && x->is_body_begun)
		x->body_error = inflater_finish(x->inf, &resp->body, NET_MAX_BODY);
	if (x->body_error < 0) {
		resp->result = body_error_result(x->body_error);
		snprintf(resp->text, sizeof(resp->text), "%s", body_error_text(x->body_error));
	} else if (x->is_repeating) {
		resp->result = NET_BROKEN;
		snprintf(resp->text, sizeof(resp->text), "the connection was closed");
	} else {
		resp->result = classify(code);
		if (code != CURLE_OK)
			snprintf(resp->text, sizeof(resp->text), "%.*s",
				 (int)sizeof(resp->text) - 1,
				 x->error[0] ? x->error : curl_easy_strerror(code));
	}
	curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
	resp->status = (int)status;
}
