/* Making and ending the client, and what it remembers between runs. */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/base/clock.h>
#include <sofs/base/log.h>
#include <sofs/base/map.h>

#define USER_AGENT  "sofs/" SOFS_VERSION
#define MAX_BASE    160 /* leaves room for the version path in struct endpoint */
#define MAX_SLUG    60
#define MAX_TIMEOUT 3600

void api_lock(struct api *api)
{
	pthread_mutex_lock(&api->lock);
}

void api_unlock(struct api *api)
{
	pthread_mutex_unlock(&api->lock);
}

/* ---- Configuration ------------------------------------------------------------------------------ */

/* It becomes part of a header: anything but visible ASCII could end the header and begin another. */
static bool is_header_safe(const char *s)
{
	for (; s && *s; s++)
		if (*s <= ' ' || *s >= 0x7f)
			return false;
	return true;
}

static bool is_config_fine(const struct api_config *c)
{
	if (!c->base_url || strlen(c->base_url) > MAX_BASE || !net_url_is_allowed(c->base_url))
		return false;
	if (strpbrk(c->base_url, "?#") || !is_header_safe(c->token) || !is_header_safe(c->key))
		return false;
	if (c->flavour == API_TEAM && (!c->team || !*c->team || strlen(c->team) > MAX_SLUG))
		return false;
	if (c->flavour == API_PUBLIC && (!c->site || !*c->site))
		return false;
	return c->rate <= 30;
}

static int copy(char **to, const char *from)
{
	*to = NULL;
	if (!from || !*from)
		return 0;
	*to = strdup(from);
	return *to ? 0 : -ENOMEM;
}

static int copy_config(struct api *api, const struct api_config *c)
{
	unsigned timeout_s = c->timeout_s ? c->timeout_s : API_DEFAULT_TIMEOUT;

	api->flavour = c->flavour;
	api->style = c->style;
	api->concurrency = c->concurrency ? c->concurrency : 1;
	api->timeout_ms = (timeout_s < MAX_TIMEOUT ? timeout_s : MAX_TIMEOUT) * 1000;
	if (copy(&api->base_url, c->base_url) < 0 || copy(&api->team, c->team) < 0 ||
	    copy(&api->site, c->site) < 0 || copy(&api->key, c->key) < 0 ||
	    copy(&api->facts_file, c->facts_file) < 0)
		return -ENOMEM;
	/* A public site is read without a token; none is kept that is not used. */
	return c->flavour == API_PUBLIC ? 0 : copy(&api->token, c->token);
}

/* ---- Facts -------------------------------------------------------------------------------------- */

static char *server_key(const struct api *api)
{
	struct strbuf sb = STRBUF_INIT;

	strbuf_addf(&sb, "%s|%s", api->base_url,
		    api->flavour == API_TEAM     ? api->team
		    : api->flavour == API_PUBLIC ? api->site
						 : "");
	return strbuf_detach(&sb);
}

/* Wall clock to ours; a time in the past, or absurdly far ahead, is none. */
static uint64_t to_mono_ms(int64_t wall_s)
{
	int64_t ahead_s = wall_s - clock_wall_s();

	return wall_s && ahead_s > 0 && ahead_s < 90000 ? clock_mono_ms() + (uint64_t)ahead_s * 1000
							: 0;
}

static int64_t to_wall_s(uint64_t mono_ms)
{
	uint64_t now_ms = clock_mono_ms();

	return mono_ms > now_ms ? clock_wall_s() + (int64_t)((mono_ms - now_ms + 999) / 1000) : 0;
}

static void load_facts(struct api *api)
{
	_cleanup_free_ char *key = server_key(api);
	struct endpoint known[2];
	unsigned nr = endpoint_candidates(api, known);
	uint64_t now_ms = clock_mono_ms();
	struct facts f;
	int64_t age_ms;

	api->endpoint = known[0];
	if (!api->facts_file || !key)
		return;
	facts_load(api->facts_file, key, &f);
	for (unsigned i = 0; i < nr; i++) {
		if (known[i].style == f.style && strcmp(known[i].prefix, f.prefix) == 0) {
			api->endpoint = known[i];
			api->is_endpoint_known = true;
		}
	}
	if (f.filter_fields == filter_fields_hash()) {
		memcpy(api->filter.id, f.filter, sizeof(api->filter.id));
		api->filter.is_safe = f.is_filter_safe;
	}
	for (unsigned i = 0; i < THROTTLE_METHODS; i++)
		api->throttle.backoff_until_ms[i] = to_mono_ms(f.backoff_until_s[i]);
	/* (Neither in the future, by a clock that was moved, nor so long ago that it does not count.) */
	age_ms = clock_wall_ms() - f.sent_at_ms;
	if (age_ms >= 0 && age_ms < THROTTLE_WINDOW_MS)
		throttle_prefill(&api->throttle,
				 now_ms > (uint64_t)age_ms ? now_ms - (uint64_t)age_ms : 1,
				 f.nr_sent);
	api->throttle.ban_until_ms = to_mono_ms(f.ban_until_s);
	api->throttle.quota_until_ms = to_mono_ms(f.quota_until_s);
}

void api_save_facts(struct api *api)
{
	_cleanup_free_ char *key = server_key(api);
	uint64_t now_ms = clock_mono_ms(), newest_ms;
	struct facts f;

	if (!key || !api->facts_file)
		return;
	api_lock(api);
	f = (struct facts){ .style = api->is_endpoint_known ? api->endpoint.style : API_STYLE_AUTO,
			    .filter_fields = filter_fields_hash(),
			    .is_filter_safe = api->filter.is_safe,
			    .ban_until_s = to_wall_s(api->throttle.ban_until_ms),
			    .quota_until_s = to_wall_s(api->throttle.quota_until_ms) };
	f.nr_sent = throttle_recent(&api->throttle, now_ms, &newest_ms);
	if (f.nr_sent)
		f.sent_at_ms = clock_wall_ms() - (int64_t)(now_ms - newest_ms);
	if (api->is_endpoint_known)
		memcpy(f.prefix, api->endpoint.prefix, sizeof(f.prefix));
	memcpy(f.filter, api->filter.id, sizeof(f.filter));
	for (unsigned i = 0; i < THROTTLE_METHODS; i++)
		f.backoff_until_s[i] = to_wall_s(api->throttle.backoff_until_ms[i]);
	api->is_facts_dirty = false;
	api->facts_saved_ms = clock_mono_ms();
	api_unlock(api);
	facts_save(api->facts_file, key, &f);
}

/* ---- Life --------------------------------------------------------------------------------------- */

int api_new_with(const struct api_config *config, struct transport *transport, struct api **ret)
{
	struct api *api = NULL;
	int r = -EINVAL;

	if (!is_config_fine(config))
		goto fail;
	r = -ENOMEM;
	api = calloc(1, sizeof(*api));
	if (!api)
		goto fail;
	pthread_mutex_init(&api->lock, NULL);
	list_init(&api->queue[0]);
	list_init(&api->queue[1]);
	list_init(&api->in_flight);
	api->random = (uint32_t)hash_u64(clock_mono_ms());
	throttle_init(&api->throttle, config->rate ? config->rate : 1);
	r = copy_config(api, config);
	if (r < 0)
		goto fail;
	api->transport = transport;
	load_facts(api);
	*ret = api;
	return 0;
fail:
	transport->free(transport);
	api_free(api);
	return r;
}

int api_new(const struct api_config *config, struct api **ret)
{
	struct net_config net = { .user_agent = USER_AGENT,
				  .ca_file = config->ca_file,
				  .nr_connections = config->concurrency };
	unsigned timeout_s = config->timeout_s ? config->timeout_s : API_DEFAULT_TIMEOUT;
	struct transport *transport;
	int r;

	net.connect_timeout_ms = (timeout_s < MAX_TIMEOUT ? timeout_s : MAX_TIMEOUT) * 1000;
	r = net_transport_new(&net, &transport);
	return r < 0 ? r : api_new_with(config, transport, ret);
}

int api_start(struct api *api)
{
	int r;

	if (api->is_started)
		return -EALREADY;
	r = api->transport->start(api->transport, client_tick, api);
	if (r == 0)
		api->is_started = true;
	return r;
}

static void free_secret(char *s)
{
	if (s)
		explicit_bzero(s, strlen(s));
	free(s);
}

void api_free(struct api *api)
{
	uint64_t newest_ms;

	if (!api)
		return;
	if (api->transport) {
		api_lock(api);
		api->is_stopping = true;
		api_unlock(api);
		if (api->is_started)
			api->transport->stop(api->transport);
		else
			client_tick(api);
		if (api->is_facts_dirty ||
		    throttle_recent(&api->throttle, clock_mono_ms(), &newest_ms))
			api_save_facts(api);
		api->transport->free(api->transport);
	}
	pthread_mutex_destroy(&api->lock);
	map_release(&api->gaps);
	free_secret(api->token);
	free_secret(api->key);
	free(api->base_url);
	free(api->team);
	free(api->site);
	free(api->facts_file);
	free(api);
}
