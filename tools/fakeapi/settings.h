/* What the server can be told, at the start and while it runs.
 *
 * struct settings is plain data: a request takes a copy when it starts, so that a change by the
 * control interface never hits the middle of a request. Every member is declared once, in the
 * table of settings.c: "--cache-s 0" on the command line is {"cache_s": 0} in POST /_ctl/config. */
#pragma once

#include "buf.h"

#include <cjson/cJSON.h>

enum compression {
	COMPRESS_AUTO, /* as documented: gzip or deflate as asked, gzip if neither was */
	COMPRESS_GZIP,
	COMPRESS_DEFLATE,     /* zlib header, "Content-Encoding: deflate" */
	COMPRESS_RAW_DEFLATE, /* no zlib header, "Content-Encoding: deflate" */
	COMPRESS_NONE,
	COMPRESS_GZIP_NO_HEADER,  /* gzip bytes without Content-Encoding */
	COMPRESS_DEFLATE_AS_GZIP, /* zlib bytes that claim to be gzip */
	COMPRESS_GZIP_AS_DEFLATE,
};

enum unknown_url { UNKNOWN_URL_HTML, UNKNOWN_URL_NO_METHOD };
enum ban_style { BAN_HTML_503, BAN_HTML_429, BAN_JSON_502 };
enum quota_style { QUOTA_JSON_502, QUOTA_HTML_429, QUOTA_IGNORE };

enum style {
	STYLE_QUERY = 1,      /* /2.3/METHOD?team=SLUG, X-API-Access-Token */
	STYLE_PATH = 2,       /* /v2.3/teams/SLUG/METHOD, Authorization: Bearer */
	STYLE_ENTERPRISE = 4, /* /api/2.3/METHOD, X-API-Key */
	STYLE_PUBLIC = 8,     /* /2.3/METHOD?site=NAME */
};

/* Refusals whose error is not documented, hence switchable. The value is an error id. */
enum refusal {
	REFUSE_NO_TOKEN,
	REFUSE_UNKNOWN,
	REFUSE_EXPIRED,
	REFUSE_REVOKED,
	REFUSE_OTHER_TEAM,
	REFUSE_NO_PLAN,
	REFUSE_UNKNOWN_TEAM,
	REFUSE_NO_KEY,
	REFUSE_BAD_KEY,
	REFUSE_BAD_FILTER,
	NR_REFUSALS,
};

enum token_state {
	TOKEN_OK,
	TOKEN_EXPIRED,
	TOKEN_REVOKED,
	TOKEN_OTHER_TEAM,
	TOKEN_NO_PLAN,
	TOKEN_UNKNOWN,
};

/* The tokens that exist. Their texts are fixed so that tests can write them down. */
enum token {
	TOKEN_RW,
	TOKEN_RO,
	TOKEN_RW2, /* another person */
	TOKEN_IS_EXPIRED,
	TOKEN_IS_REVOKED,
	TOKEN_IS_OTHER_TEAM,
	TOKEN_IS_NO_PLAN,
	NR_TOKENS,
	TOKEN_NONE = -1,    /* none was given */
	TOKEN_FOREIGN = -2, /* something that is no token of ours */
};

extern const char *const token_names[NR_TOKENS];

struct settings {
	/* what exists */
	int styles; /* of enum style */
	int unknown_url;
	int mixed_headers; /* 1 = either token header is taken in either style */
	char path_prefix[64];
	char team[64];
	char sites[256]; /* joined with ',' */
	int error_for[NR_REFUSALS];
	int token_state[NR_TOKENS]; /* enum token_state */
	int64_t user;          /* whom tok-rw and tok-ro are; 0 = the first who asked a question */
	int64_t user2;         /* whom tok-rw2 is; 0 = the second */
	int write_permissions; /* 1 = write-permissions says no to a read-only token */
	/* how answers look */
	int compression;
	int gzip_level;
	int json_escape;
	int safe_only;
	int double_encode;
	int filter_salt;
	int nasty_filter_ids;
	int nested_cap;
	int max_pagesize;
	int anonymous_pages; /* public style: deepest page without key or token */
	int64_t latency_ms;
	int64_t clock_offset_s;
	/* limits */
	int64_t cache_s;
	int rate_limit; /* requests per sliding second; 0 = no limit */
	int64_t ban_s;
	int ban_style;
	int backoff_every; /* each K-th answer of a method; 0 = never */
	int64_t backoff_s;
	int64_t backoff_grace_ms; /* so soon after a backoff a request is only counted */
	int64_t quota_max;
	int quota_style;
};

enum setting_kind { KIND_INT, KIND_INT64, KIND_STRING, KIND_CHOICE, KIND_SET };

struct setting {
	const char *name; /* with minus signs, as on the command line */
	enum setting_kind type;
	size_t offset, size; /* in struct settings */
	const char *dflt;
	int64_t min, max;
	const char *choices; /* joined with '|'; the value is the place (KIND_SET: a bit of it) */
	const char *help;
};

extern const struct setting settings[];
extern const size_t nr_settings;

void settings_init(struct settings *s);

/* These return NULL, or what is wrong (static text). */
const char *setting_set(struct settings *s, const struct setting *o, const char *value);
const char *settings_set_refusal(struct settings *s, const char *name, size_t n,
				 long long error_id);
const char *settings_set_token(struct settings *s, const char *name, size_t n, const char *state);
const char *settings_set_json(struct settings *s, const cJSON *item); /* one member of an object */
cJSON *settings_to_json(const struct settings *s);
