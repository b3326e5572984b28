#include "answer.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static int connection_fd(struct MHD_Connection *conn)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info ? info->connect_fd : -1;
}

/* Dissolving the association makes Linux send a RST at once (tcp_disconnect()); closing would let
 * the library send a FIN first, which a client reads as an empty answer. */
enum MHD_Result answer_reset(struct answer *a)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	connect(connection_fd(a->conn), &none, sizeof(none));
	return MHD_NO;
}

/* Holds the connection until the faults are cleared or the client leaves. */
enum MHD_Result answer_stall(struct answer *a)
{
	struct pollfd p = { .fd = connection_fd(a->conn), .events = POLLRDHUP };

	while (faults_generation() == a->fault.generation && server_sleep(50))
		if (poll(&p, 1, 0) > 0)
			break;
	return MHD_NO;
}

/* A body that ends early or comes slowly. */
struct slow_body {
	struct buf body;
	size_t stop_at;      /* give up here */
	int64_t bytes_per_s; /* 0 = as fast as possible */
};

static ssize_t read_slow_body(void *cls, uint64_t pos, char *to, size_t max)
{
	struct slow_body *s = cls;
	size_t n = s->stop_at - (size_t)pos;

	if (pos >= s->stop_at)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (n > max)
		n = max;
	if (s->bytes_per_s) {
		int64_t part = s->bytes_per_s / 10 > 0 ? s->bytes_per_s / 10 : 1;

		if (!server_sleep(part * 1000 / s->bytes_per_s))
			return MHD_CONTENT_READER_END_WITH_ERROR;
		if (n > (size_t)part)
			n = (size_t)part;
	}
	memcpy(to, s->body.data + pos, n);
	return (ssize_t)n;
}

static void free_slow_body(void *cls)
{
	struct slow_body *s = cls;

	buf_free(&s->body);
	free(s);
}

void answer_log(struct answer *a)
{
	a->log.fault = a->fault.kind != FAULT_NONE ? fault_kind_name(a->fault.kind)
		       : a->fault.delay_ms         ? fault_kind_name(FAULT_DELAY)
						   : NULL;
	a->x->log_number = log_add(&a->log);
	a->x->is_logged = true;
}

/* Sends body (taken over) as it is. */
enum MHD_Result answer_body(struct answer *a, int status, struct buf *body, const char *type,
			    const char *encoding)
{
	struct MHD_Response *response;
	enum MHD_Result r;
	size_t len = body->len;

	a->log.status = status;
	a->log.bytes = (int64_t)len;
	answer_log(a);
	if (a->fault.kind == FAULT_TRUNCATE || a->fault.kind == FAULT_TRICKLE) {
		struct slow_body *s = xcalloc(1, sizeof(*s));

		s->stop_at = len;
		if (a->fault.kind == FAULT_TRICKLE)
			s->bytes_per_s = a->fault.bytes > 0 ? a->fault.bytes : 1;
		else
			s->stop_at = a->fault.bytes >= 0 && a->fault.bytes < (int64_t)len
					     ? (size_t)a->fault.bytes
					     : len / 2;
		s->body = *body;
		*body = (struct buf){ 0 };
		response = MHD_create_response_from_callback(len, 1u << 16, read_slow_body, s,
							     free_slow_body);
	} else {
		response =
			MHD_create_response_from_buffer(len, buf_take(body), MHD_RESPMEM_MUST_FREE);
	}
	if (!response)
		abort();
	server_add_headers(response, type);
	if (encoding && a->fault.kind != FAULT_NO_CONTENT_ENCODING)
		MHD_add_response_header(response, "Content-Encoding", encoding);
	if (a->fault.retry_after >= 0 && status >= 300 && a->fault.kind != FAULT_NONE) {
		char text[24];

		snprintf(text, sizeof(text), "%lld", (long long)a->fault.retry_after);
		MHD_add_response_header(response, "Retry-After", text);
	}
	if (a->fault.kind == FAULT_REDIRECT) {
		char *to = xasprintf("%s%s", a->fault.to, a->x->uri);

		MHD_add_response_header(response, "Location", to);
		free(to);
	}
	r = MHD_queue_response(a->conn, (unsigned)status, response);
	MHD_destroy_response(response);
	return r;
}

/* Early failures, bans and the like are HTML and not compressed (docs/error-handling). */
enum MHD_Result answer_html(struct answer *a, int status, const char *text)
{
	struct buf b = { 0 };

	buf_addf(&b,
		 "<!DOCTYPE html>\n<html><head><title>%d %s</title></head>\n"
		 "<body><h1>%s</h1><p>This page is no JSON.</p></body></html>\n",
		 status, text, text);
	return answer_body(a, status, &b, "text/html; charset=utf-8", NULL);
}

static enum compression compression_for(const struct answer *a)
{
	const char *accept = MHD_lookup_connection_value(a->conn, MHD_HEADER_KIND,
							 MHD_HTTP_HEADER_ACCEPT_ENCODING);

	return encode_choose((enum compression)a->rq->s.compression, accept);
}

static void spoil_gzip(const struct fault *f, struct buf *b)
{
	if (f->kind == FAULT_TRUNCATE_GZIP)
		b->len =
			f->bytes >= 0 && f->bytes < (int64_t)b->len ? (size_t)f->bytes : b->len / 2;
	if (f->kind == FAULT_CORRUPT_GZIP)
		for (size_t i = b->len / 2; i < b->len && i < b->len / 2 + 16; i++)
			b->data[i] = (char)(b->data[i] ^ 0x5a);
}

/* The filler is one item; before and after make the whole valid JSON. */
static void add_repeated(const struct fault *f, struct buf *out)
{
	static const char item[] =
		"{\"question_id\":1,\"title\":\"a page without end\",\"tags\":[\"huge\"],"
		"\"body_markdown\":\"Lorem ipsum dolor sit amet, consectetur\"},";

	encode_repeated(out, "{\"items\":[", f->kind == FAULT_BOMB ? "\"\",\"\",\"\",\"\"," : item,
			"{}],\"has_more\":false,\"quota_max\":10000,\"quota_remaining\":9000}",
			(uint64_t)f->mb << 20);
}

static bool is_body_fault(enum fault_kind kind)
{
	return kind == FAULT_INVALID_JSON || kind == FAULT_WRONG_TYPES || kind == FAULT_DEEP ||
	       kind == FAULT_EMPTY_BODY || kind == FAULT_BOM || kind == FAULT_BAD_NAMES ||
	       kind == FAULT_BAD_IDS;
}

/* head may be NULL. */
enum MHD_Result answer_json(struct answer *a, int status, const struct chunk *head,
			    const struct buf *tail)
{
	const char *type = "application/json; charset=utf-8";
	enum compression c = compression_for(a);
	const char *encoding;
	struct buf out = { 0 };

	if (a->fault.kind == FAULT_HUGE || a->fault.kind == FAULT_BOMB) {
		add_repeated(&a->fault, &out);
		return answer_body(a, status, &out, type, "gzip");
	}
	if (is_body_fault(a->fault.kind)) {
		struct buf plain = { 0 };
		char *body;
		size_t len;

		if (head)
			chunk_inflate(head, &plain);
		buf_add(&plain, tail->data, tail->len);
		len = plain.len;
		body = fault_body(&a->fault, plain.data, &len);
		/* an empty body is empty on the wire as well */
		encoding = len ? encode(&out, c, NULL, body, len) : NULL;
		free(body);
		buf_free(&plain);
	} else {
		encoding = encode(&out, c, head, tail->data, tail->len);
	}
	spoil_gzip(&a->fault, &out);
	return answer_body(a, status, &out, type, encoding);
}

/* Nothing but the error fields, as recorded; they are there whatever the filter says. */
enum MHD_Result answer_error(struct answer *a, int status, int error_id, const char *message,
			     int64_t backoff)
{
	struct buf b = { 0 };
	enum MHD_Result r;

	a->log.error_id = error_id;
	buf_addf(&b, "{\"error_id\":%d,\"error_message\":", error_id);
	buf_json_string(&b, message, 0, JSON_ESCAPE_ASTRAL);
	buf_addf(&b, ",\"error_name\":\"%s\"", error_name(error_id));
	if (backoff > 0) {
		buf_addf(&b, ",\"backoff\":%lld", (long long)backoff);
		a->x->backoff_s = backoff;
	}
	buf_addc(&b, '}');
	r = answer_json(a, status, NULL, &b);
	buf_free(&b);
	return r;
}
