/* One exchange, between loop.c (when) and http.c (what). Network thread only. */
#pragma once

#include <curl/curl.h>
#include <sofs/base/list.h>
#include <sofs/net.h>

struct exchange {
	struct list node; /* of the loop */
	CURL *easy;
	struct curl_slist *headers; /* wiped before freed: they hold the token */
	struct inflater *inf;
	struct http_response resp;
	http_done_fn done;
	void *userdata;
	uint64_t last_byte_ms; /* or when it was sent */
	unsigned stall_ms;
	enum inflate_encoding encoding;
	bool is_body_begun;
	bool is_loopback_only; /* plain http */
	bool was_sent;
	bool is_repeating; /* libcurl was about to send it again */
	int body_error;    /* -errno of the inflater */
	char error[CURL_ERROR_SIZE];
};

/* What all exchanges of a transport share; constant once the thread runs. */
struct http_setup {
	char *user_agent;
	char *ca_file; /* NULL: none */
	unsigned connect_timeout_ms;
};

/* A new exchange with its handle ready for curl_multi_add_handle(). 0 or -errno. */
_must_check_ int exchange_new(const struct http_setup *setup, const struct http_request *req,
			      struct exchange **ret);
/* Fills in resp from what curl said. */
void exchange_conclude(struct exchange *x, CURLcode code);
void exchange_free(struct exchange *x); /* not while its handle is in a multi handle */
