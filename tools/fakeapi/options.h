/* The command line. */
#pragma once

#include "settings.h"

struct options {
	struct settings settings;
	int port;
	const char *ready_file;
	const char *corpus; /* NULL = synthetic */
	int64_t synthetic;
	int64_t articles;
	int64_t quota_remaining; /* INT64_MIN = as quota_max */
	const char *log_file;
	const char *tls_cert;
	const char *tls_key;
	bool exit_with_parent;
};

/* Exits with 2 on wrong usage and 0 after --help. */
void options_parse(struct options *o, int argc, char **argv);
