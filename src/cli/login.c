/* What `sofs mount` and `sofs check` do alike before they speak to a server. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/base/atomicfile.h>
#include <sofs/base/map.h>

#include "cli.h"
#include "conffile.h"
#include "dirs.h"
#include "token.h"

static int read_config(struct login *l, struct config *config, struct strbuf *err)
{
	_cleanup_free_ char *path = dirs_config_file();
	int r = path ? conffile_read(path, &l->source, config, err) : 0;

	return r < 0 ? r : options_finish(config, err);
}

/* `api-url` leads to the same data elsewhere: a local server, a proxy. */
static int choose_base(struct login *l, const struct config *config)
{
	char *url;

	if (!config->api_url)
		return 0;
	url = strdup(config->api_url);
	if (!url)
		return -ENOMEM;
	free(l->source.base_url);
	l->source.base_url = url;
	return 0;
}

/* Style and filter of a server are the same for everybody who uses it, so the name of the file is made of the
 * address and the team or site alone. Without a place for it nothing is remembered: a few requests more. */
static int choose_facts(struct login *l, const struct config *config)
{
	_cleanup_free_ char *dir = config->cache_dir ? strdup(config->cache_dir) : dirs_cache();
	const char *set = l->source.team ? l->source.team : l->source.site ? l->source.site : "";
	uint64_t hash = hash_bytes(HASH_SEED, l->source.base_url, strlen(l->source.base_url) + 1);
	int r = dir ? private_dir(dir) : -ENOENT;

	if (r < 0) {
		if (!config->cache_dir && r != -EPERM)
			return 0;
		complain("%s: cannot be the cache directory: %s", dir ? dir : "cache-dir",
			 r == -EPERM ? "it is not yours alone" : strerror(-r));
		return r;
	}
	hash = hash_bytes(hash, set, strlen(set));
	if (asprintf(&l->facts_file, "%s/facts-%016" PRIx64 ".json", dir, hash) < 0) {
		l->facts_file = NULL;
		return -ENOMEM;
	}
	return 0;
}

int login_prepare(struct login *l, struct config *config, const char *source_text)
{
	_cleanup_(strbuf_release) struct strbuf err = STRBUF_INIT;
	int r;

	*l = (struct login){ 0 };
	r = source_parse(source_text, &l->source, &err);
	if (r == 0)
		r = read_config(l, config, &err);
	if (r < 0) {
		complain("%s", err.len ? strbuf_str(&err) : strerror(-r));
		return r == -EINVAL ? EXIT_USAGE : EXIT_FAILED;
	}
	if (choose_base(l, config) < 0 || choose_facts(l, config) < 0)
		return EXIT_FAILED;
	return EXIT_DONE;
}

int login_credentials(struct login *l, const struct config *config, struct failure *failure)
{
	enum token_origin origin = TOKEN_NONE;
	int r = 0;

	if (config->api_key)
		strbuf_adds(&l->key, config->api_key);
	else if (config->api_key_file)
		r = token_read_file(config->api_key_file, "api-key-file", &l->key, failure);
	/* Public sites are read without a person. */
	if (r == 0 && l->source.flavour != API_PUBLIC)
		r = token_get(config, &l->token, &origin, failure);
	if (r < 0)
		return r;
	l->origin = origin;
	if (l->source.flavour == API_PUBLIC || l->token.len ||
	    (l->source.flavour == API_ENTERPRISE && l->key.len))
		return 0;
	failure_set(failure, -EACCES,
		    "no access token; put it into a file and give --token-file FILE, or "
		    "--token-command COMMAND, or set SOFS_TOKEN");
	return -EACCES;
}

void login_fill(const struct login *l, const struct config *config, struct api_config *ret)
{
	*ret = (struct api_config){
		.flavour = l->source.flavour,
		.style = (enum api_style)config->api_style,
		.base_url = l->source.base_url,
		.team = l->source.team,
		.site = l->source.site,
		.token = l->token.len ? l->token.buf : NULL,
		.key = l->key.len ? l->key.buf : NULL,
		.ca_file = config->ca_file,
		.facts_file = l->facts_file,
		.rate = (unsigned)config->rate,
		.concurrency = (unsigned)config->concurrency,
		.timeout_s = (unsigned)config->timeout_s,
	};
}

void login_release(struct login *l)
{
	source_release(&l->source);
	strbuf_wipe(&l->token);
	strbuf_wipe(&l->key);
	free(TAKE_PTR(l->facts_file));
}
