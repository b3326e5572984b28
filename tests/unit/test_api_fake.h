/* A transport without sockets: requests are kept, and the test answers them. Two ways to use it:
 *
 *   by hand      the test calls client_tick(), looks at fake.sent[], answers with fake_answer(); the clock
 *                is the false one, so nothing waits
 *   by a script  fake.script answers every request in a thread, for api_connect(), which blocks
 *
 * For one test program each; everything is static. */
#pragma once

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/base/clock.h>

#include "internal.h"

#define FAKE_MAX 512

struct fake_request {
	char url[6000];
	char headers[600]; /* joined with newlines */
	char form[6000];
	bool is_open, wants_new_connection;
	http_done_fn done;
	void *userdata;
};

static struct {
	struct transport t;
	struct api *api;
	struct fake_request sent[FAKE_MAX];
	unsigned nr_sent, nr_aborted;
	/* by a script */
	const char *(*script)(const struct fake_request *r, int *status);
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool is_woken, is_stopping; /* lock */
} fake;

static void fake_wake(struct transport *t)
{
	pthread_mutex_lock(&fake.lock);
	fake.is_woken = true;
	pthread_cond_signal(&fake.cond);
	pthread_mutex_unlock(&fake.lock);
}

static int fake_send(struct transport *t, const struct http_request *req, http_done_fn done,
		     void *userdata, void **ret_handle)
{
	struct fake_request *r = &fake.sent[fake.nr_sent];

	ck_assert_uint_lt(fake.nr_sent, FAKE_MAX);
	*r = (struct fake_request){ .is_open = true, .done = done, .userdata = userdata };
	r->wants_new_connection = req->wants_new_connection;
	snprintf(r->url, sizeof(r->url), "%s", req->url);
	snprintf(r->form, sizeof(r->form), "%s", req->form ? req->form : "");
	for (const char *const *h = req->headers; h && *h; h++) {
		size_t len = strlen(r->headers);

		snprintf(r->headers + len, sizeof(r->headers) - len, "%s\n", *h);
	}
	fake.nr_sent++;
	*ret_handle = r;
	return 0;
}

static void fake_abort(struct transport *t, void *handle)
{
	struct fake_request *r = handle;

	ck_assert(r->is_open);
	r->is_open = false;
	fake.nr_aborted++;
}

static void fake_end(struct fake_request *r, struct http_response *resp)
{
	ck_assert(r->is_open);
	r->is_open = false;
	r->done(r->userdata, resp);
	strbuf_release(&resp->body);
}

/* Answers request number i, counted from 0. */
static inline void fake_answer(unsigned i, int status, const char *body)
{
	struct http_response resp = { .result = NET_OK,
				      .status = status,
				      .retry_after_s = -1,
				      .is_html = body[0] == '<',
				      .wire_bytes = strlen(body) };

	ck_assert_uint_lt(i, fake.nr_sent);
	strbuf_adds(&resp.body, body);
	fake_end(&fake.sent[i], &resp);
}

static inline void fake_fail(unsigned i, enum net_result result)
{
	struct http_response resp = { .result = result, .retry_after_s = -1, .text = "no luck" };

	ck_assert_uint_lt(i, fake.nr_sent);
	fake_end(&fake.sent[i], &resp);
}

static void *fake_run(void *arg)
{
	unsigned nr_answered = 0;

	for (;;) {
		pthread_mutex_lock(&fake.lock);
		while (!fake.is_woken)
			pthread_cond_wait(&fake.cond, &fake.lock);
		fake.is_woken = false;
		if (fake.is_stopping) {
			pthread_mutex_unlock(&fake.lock);
			client_tick(arg);
			return NULL;
		}
		pthread_mutex_unlock(&fake.lock);
		do {
			client_tick(arg);
			for (; nr_answered < fake.nr_sent; nr_answered++) {
				int status = 200;
				const char *body = fake.script(&fake.sent[nr_answered], &status);

				if (body)
					fake_answer(nr_answered, status, body);
				else
					fake_fail(nr_answered, NET_BAD_CERT);
			}
			client_tick(arg);
		} while (nr_answered < fake.nr_sent);
	}
}

static int fake_start(struct transport *t, net_tick_fn tick, void *userdata)
{
	return fake.script ? -pthread_create(&fake.thread, NULL, fake_run, userdata) : 0;
}

static void fake_stop(struct transport *t)
{
	if (fake.script) {
		pthread_mutex_lock(&fake.lock);
		fake.is_stopping = fake.is_woken = true;
		pthread_cond_signal(&fake.cond);
		pthread_mutex_unlock(&fake.lock);
		pthread_join(fake.thread, NULL);
	} else {
		client_tick(fake.api);
	}
	for (unsigned i = 0; i < fake.nr_sent; i++)
		if (fake.sent[i].is_open)
			fake_fail(i, NET_CANCELLED);
}

static void fake_free(struct transport *t)
{
}

/* Fields that are NULL or 0 get what a team's mount has. */
static inline struct api *fake_api(struct api_config c)
{
	fake.nr_sent = fake.nr_aborted = 0;
	fake.is_stopping = fake.is_woken = false;
	pthread_mutex_init(&fake.lock, NULL);
	pthread_cond_init(&fake.cond, NULL);
	fake.t = (struct transport){ .start = fake_start,
				     .wake = fake_wake,
				     .send = fake_send,
				     .abort = fake_abort,
				     .stop = fake_stop,
				     .free = fake_free };
	if (!c.base_url)
		c.base_url = "https://api.example";
	if (c.flavour == API_TEAM && !c.team)
		c.team = "acme";
	if (c.flavour == API_TEAM && !c.token)
		c.token = "secret-token";
	if (!c.rate)
		c.rate = 20;
	if (!c.concurrency)
		c.concurrency = 4;
	ck_assert_int_eq(api_new_with(&c, &fake.t, &fake.api), 0);
	ck_assert_int_eq(api_start(fake.api), 0);
	return fake.api;
}
