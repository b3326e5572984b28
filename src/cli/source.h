/* SOURCE: what to mount, and addresses. */
#pragma once

#include <stdbool.h>

#include <sofs/api.h>
#include <sofs/base/strbuf.h>

struct source {
	enum api_flavour flavour;
	char *given;     /* as typed: names a section of the configuration file */
	char *canonical; /* team:SLUG, https://HOST[/PATH], site:NAME: names one as well */
	char *name;      /* SLUG, HOST[/PATH], site:NAME: for messages */
	char *label;     /* in the mount table: sofs:NAME */
	char *team;      /* API_TEAM: the slug, else NULL */
	char *site;      /* API_PUBLIC: the site's name, else NULL */
	char *base_url;  /* of its API, without trailing slash */
};

/* 0, or -EINVAL (-ENOMEM) with one sentence in *err. */
_must_check_ int source_parse(const char *text, struct source *ret, struct strbuf *err);
void source_release(struct source *s);

/* Checks an address: https:// to any host, http:// to this machine only; no user, query or fragment. `where` begins the
 * sentence. *ret is a copy without trailing slashes, scheme and
 * host in lower case (caller frees). */
_must_check_ int url_check(const char *url, const char *where, char **ret, struct strbuf *err);
