#include "source.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mistake.h"

static const char team_api[] = "https://api.stackoverflowteams.com";
static const char public_api[] = "https://api.stackexchange.com";

enum { MAX_NAME = 100, MAX_URL = 500 };

/* Addresses */

struct url {
	bool is_https;
	const char *host; /* points into the text */
	size_t host_len;  /* without port */
	const char *path; /* from the / on, or the end of the text */
};

/* "localhost" is a name that curl never asks a name server about. */
static bool is_loopback(const struct url *u)
{
	char host[64];
	struct in_addr v4;
	struct in6_addr v6;

	if (u->host_len >= sizeof(host))
		return false;
	memcpy(host, u->host, u->host_len);
	host[u->host_len] = '\0';
	if (!strcasecmp(host, "localhost"))
		return true;
	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	if (host[0] == '[' && host[u->host_len - 1] == ']') {
		host[u->host_len - 1] = '\0';
		return inet_pton(AF_INET6, host + 1, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
	}
	return false;
}

static bool is_host(const char *s, size_t n)
{
	if (n == 0 || n > 253)
		return false;
	if (s[0] == '[') {
		for (size_t i = 1; i + 1 < n; i++)
			if (!isxdigit((unsigned char)s[i]) && s[i] != ':' && s[i] != '.')
				return false;
		return n > 3 && s[n - 1] == ']';
	}
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && s[i] != '-' && s[i] != '.')
			return false;
	return isalnum((unsigned char)s[0]) && s[n - 1] != '-';
}

/* ":1".. ":65535" */
static bool is_port(const char *s, size_t n)
{
	unsigned long port = 0;

	if (n < 2 || n > 6)
		return false;
	for (size_t i = 1; i < n; i++) {
		if (!isdigit((unsigned char)s[i]))
			return false;
		port = port * 10 + (unsigned long)(s[i] - '0');
	}
	return port >= 1 && port <= 65535;
}

/* NULL, or what is wrong with it. */
static const char *split_url(const char *s, struct url *u)
{
	size_t authority, host;

	u->is_https = !strncasecmp(s, "https://", 8);
	if (!u->is_https && strncasecmp(s, "http://", 7))
		return "must start with https://";
	s += u->is_https ? 8 : 7;
	authority = strcspn(s, "/?#");
	u->host = s;
	u->path = s + authority;
	if (memchr(s, '@', authority))
		return "must not hold a user or password";
	host = *s == '[' ? strcspn(s, "]") + 1 : strcspn(s, ":/?#");
	if (host > authority || !is_host(s, host))
		return "is not an address: the host is missing or malformed";
	u->host_len = host;
	if (host < authority && (s[host] != ':' || !is_port(s + host, authority - host)))
		return "is not an address: the port is malformed";
	for (const char *p = u->path; *p; p++)
		if (*p <= ' ' || *p >= 0x7f || strchr("\",<>\\^`{|}", *p))
			return "is not an address: a character has no place in it";
	if (!u->is_https && !is_loopback(u))
		return "plain http:// would show the token to the network; use https://";
	return NULL;
}

int url_check(const char *url, const char *where, char **ret, struct strbuf *err)
{
	struct url u;
	const char *why = strlen(url) > MAX_URL ? "is too long for an address" : split_url(url, &u);
	size_t n = strlen(url);

	if (why)
		return mistake(err, where, why);
	if (strpbrk(u.path, "?#"))
		return mistake(err, where, "must not hold a query or fragment");
	while (n && url[n - 1] == '/')
		n--;
	*ret = strndup(url, n);
	if (!*ret)
		return -ENOMEM;
	/* One spelling for one server: what is remembered of it goes by its address. */
	for (char *p = *ret; p < *ret + n && p < *ret + (u.path - url); p++)
		*p = (char)tolower((unsigned char)*p);
	return 0;
}

/* Sources */

static bool is_slug(const char *s, size_t n)
{
	if (n == 0 || n > MAX_NAME || !isalnum((unsigned char)s[0]))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && s[i] != '-' && s[i] != '_')
			return false;
	return true;
}

static bool is_site(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n > MAX_NAME || !isalnum((unsigned char)s[0]) || s[n - 1] == '.')
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && *s != '-' && (*s != '.' || s[1] == '.'))
			return false;
	return true;
}

_printf_(1, 2) static char *format(const char *fmt, ...)
{
	va_list ap;
	char *s;
	int r;

	va_start(ap, fmt);
	r = vasprintf(&s, fmt, ap);
	va_end(ap);
	return r < 0 ? NULL : s;
}

static int set_team(struct source *s, const char *slug, size_t n)
{
	s->flavour = API_TEAM;
	s->team = strndup(slug, n);
	s->name = strndup(slug, n);
	s->canonical = format("team:%.*s", (int)n, slug);
	s->base_url = strdup(team_api);
	return s->team && s->name && s->canonical && s->base_url ? 0 : -ENOMEM;
}

static int set_site(struct source *s, const char *site)
{
	s->flavour = API_PUBLIC;
	s->site = strdup(site);
	s->name = format("site:%s", site);
	s->canonical = format("site:%s", site);
	s->base_url = strdup(public_api);
	return s->site && s->name && s->canonical && s->base_url ? 0 : -ENOMEM;
}

/* A team's page in the browser: https://stackoverflowteams.com/c/SLUG with anything behind. */
static bool is_team_page(const struct url *u, const char **slug, size_t *len)
{
	static const char *const hosts[] = { "stackoverflowteams.com", "www.stackoverflowteams.com",
					     "stackoverflow.com" };

	if (strncmp(u->path, "/c/", 3))
		return false;
	*slug = u->path + 3;
	*len = strcspn(*slug, "/?#");
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++)
		if (u->host_len == strlen(hosts[i]) && !strncasecmp(u->host, hosts[i], u->host_len))
			return is_slug(*slug, *len);
	return false;
}

static int set_host(struct source *s, const char *text, struct strbuf *err)
{
	const char *slug, *why;
	struct url u;
	size_t len;
	int r;

	why = strlen(text) > MAX_URL ? "is too long for an address" : split_url(text, &u);
	if (why)
		return mistake(err, text, why);
	if (is_team_page(&u, &slug, &len))
		return set_team(s, slug, len);
	s->flavour = API_ENTERPRISE;
	r = url_check(text, text, &s->base_url, err);
	if (r < 0)
		return r;
	s->canonical = strdup(s->base_url);
	s->name = strdup(strstr(s->base_url, "://") + 3);
	return s->canonical && s->name ? 0 : -ENOMEM;
}

static int parse(const char *text, struct source *s, struct strbuf *err)
{
	const char *slug = text;

	if (!*text)
		return mistake(err, "SOURCE", "is empty; give the team's slug");
	if (strstr(text, "://"))
		return set_host(s, text, err);
	if (!strncmp(text, "site:", 5)) {
		if (!is_site(text + 5))
			return mistake(err, text,
				       "not a site's name, such as site:stackoverflow or "
				       "site:unix.stackexchange.com");
		return set_site(s, text + 5);
	}
	if (!strncmp(text, "team:", 5))
		slug += 5;
	if (is_slug(slug, strlen(slug)))
		return set_team(s, slug, strlen(slug));
	if (strchr(slug, '.'))
		return mistake(err, text,
			       "not a team's slug; a host needs https:// before it, a public site "
			       "needs site:");
	return mistake(err, text,
		       "not a team's slug: that is the last part of stackoverflowteams.com/c/SLUG");
}

int source_parse(const char *text, struct source *ret, struct strbuf *err)
{
	struct source s = { .given = strdup(text) };
	int r = s.given ? parse(text, &s, err) : -ENOMEM;

	if (r == 0) {
		s.label = format("sofs:%s", s.name);
		if (!s.label)
			r = -ENOMEM;
	}
	if (r < 0) {
		source_release(&s);
		return r;
	}
	*ret = s;
	return 0;
}

void source_release(struct source *s)
{
	free(s->given);
	free(s->canonical);
	free(s->name);
	free(s->label);
	free(s->team);
	free(s->site);
	free(s->base_url);
	*s = (struct source){ 0 };
}
