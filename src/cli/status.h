/* What `.sofs/status`, `.sofs/status.json` and `sofs status` say. Safe from any thread. */
#pragma once

#include <sofs/api.h>
#include <sofs/fs.h>
#include <sofs/store.h>

#include "source.h"

/* Everything borrowed. */
struct status_source {
	const struct source *source;
	const char *mountpoint;
	const struct api_identity *identity;
	uint64_t list_limit;
	struct api *api;
	struct store *store;
	struct fs *fs;
};

/* malloc'd, caller frees; NULL without memory. */
char *status_text(const struct status_source *src);
char *status_json(const struct status_source *src);
/* What the two are made of, for tests: pure. */
struct status {
	struct api_status api;
	struct store_status store;
	struct fs_status fs;
	int64_t now_s;
	unsigned long nr_errors;
	char *last_errors; /* owned: the newest lines of .sofs/errors, oldest first */
};
char *status_format(const struct status_source *src, const struct status *st);
char *status_format_json(const struct status_source *src, const struct status *st);
