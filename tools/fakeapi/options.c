#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	OPT_SETTING = 1000,
	OPT_PORT = 2000,
	OPT_READY_FILE,
	OPT_SAMPLE,
	OPT_CORPUS,
	OPT_SYNTHETIC,
	OPT_ARTICLES,
	OPT_LOG,
	OPT_TLS,
	OPT_EXIT_WITH_PARENT,
	OPT_QUOTA_REMAINING,
	OPT_ERROR_FOR,
	OPT_TOKEN,
	OPT_HELP,
};

static const struct option main_options[] = {
	{ "port", required_argument, NULL, OPT_PORT },
	{ "ready-file", required_argument, NULL, OPT_READY_FILE },
	{ "sample", optional_argument, NULL, OPT_SAMPLE },
	{ "corpus", required_argument, NULL, OPT_CORPUS },
	{ "synthetic", required_argument, NULL, OPT_SYNTHETIC },
	{ "articles", required_argument, NULL, OPT_ARTICLES },
	{ "log", required_argument, NULL, OPT_LOG },
	{ "tls", required_argument, NULL, OPT_TLS },
	{ "exit-with-parent", no_argument, NULL, OPT_EXIT_WITH_PARENT },
	{ "quota-remaining", required_argument, NULL, OPT_QUOTA_REMAINING },
	{ "error-for", required_argument, NULL, OPT_ERROR_FOR },
	{ "token", required_argument, NULL, OPT_TOKEN },
	{ "help", no_argument, NULL, OPT_HELP },
};

static void usage(FILE *f)
{
	fputs("usage: fakeapi [--port N] [--ready-file FILE] [--log FILE] [--tls CERT KEY]\n"
	      "               [--sample [DIR] | --corpus FILE.jsonl[.gz] | --synthetic N] "
	      "[--articles N]\n"
	      "               [--exit-with-parent] [--quota-remaining N] [--error-for "
	      "NAME=ERROR_ID]\n"
	      "               [--token NAME=STATE] [SETTING...]\n\nSettings:\n",
	      f);
	for (size_t i = 0; i < nr_settings; i++) {
		fprintf(f, "  --%-18s %s", settings[i].name, settings[i].help);
		if (settings[i].choices)
			fprintf(f, " (%s)", settings[i].choices);
		fprintf(f, " [%s]\n", settings[i].dflt);
	}
}

static void die(const char *option, const char *value, const char *wrong)
{
	fprintf(stderr, "fakeapi: --%s %s: %s\n", option, value, wrong);
	exit(2);
}

static int64_t number(const char *option, const char *value, int64_t min, int64_t max)
{
	char *end;
	long long v = strtoll(value, &end, 10);

	if (end == value || *end || v < min || v > max)
		die(option, value, "not a number, or out of range");
	return v;
}

/* The directory that this program's sources have beside them: found from the executable, so that
 * "fakeapi --sample" works in a build tree; elsewhere the directory has to be named. */
static char *default_sample(void)
{
	static const char *const places[] = {
		"tools/fakeapi/sample",
		"../tools/fakeapi/sample",
		"../../../tools/fakeapi/sample",
		"sample",
	};
	char exe[4096];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	exe[n > 0 ? n : 0] = '\0';
	if (strrchr(exe, '/'))
		*strrchr(exe, '/') = '\0';
	for (int base = 0; base < 2; base++) {
		for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
			char *dir = base ? xasprintf("%s/%s", exe, places[i]) : xstrdup(places[i]);
			char *file = xasprintf("%s/questions.jsonl", dir);
			bool found = access(file, R_OK) == 0;

			free(file);
			if (found)
				return dir;
			free(dir);
		}
	}
	fputs("fakeapi: --sample: no sample found, give its directory\n", stderr);
	exit(2);
}

static void set_setting(struct options *o, const struct setting *s, char *value)
{
	const char *colon = strchr(value, ':');
	const char *wrong;

	if (strcmp(s->name, "backoff-every") == 0 && colon) {
		o->settings.backoff_s = number(s->name, colon + 1, 0, 1000000);
		value[colon - value] = '\0';
	}
	wrong = setting_set(&o->settings, s, value);
	if (wrong)
		die(s->name, value, wrong);
}

static void set_error_for(struct options *o, const char *value)
{
	const char *eq = strchr(value, '=');
	const char *wrong = "NAME=ERROR_ID is wanted";

	if (eq)
		wrong = settings_set_refusal(&o->settings, value, (size_t)(eq - value),
					     atoll(eq + 1));
	if (wrong)
		die("error-for", value, wrong);
}

static void set_token_option(struct options *o, const char *value)
{
	const char *eq = strchr(value, '=');
	const char *wrong = "NAME=STATE is wanted";

	if (eq)
		wrong = settings_set_token(&o->settings, value, (size_t)(eq - value), eq + 1);
	if (wrong)
		die("token", value, wrong);
}

static void set_defaults(struct options *o)
{
	*o = (struct options){ .quota_remaining = INT64_MIN, .synthetic = 100, .articles = 6 };
	settings_init(&o->settings);
}

static char *sample_path; /* lives as long as the program */

static void set_option(struct options *o, int opt, char *value, int argc, char **argv)
{
	switch (opt) {
	case OPT_PORT:
		o->port = (int)number("port", value, 0, 65535);
		break;
	case OPT_READY_FILE:
		o->ready_file = value;
		break;
	case OPT_SAMPLE:
		if (!value && optind < argc && argv[optind][0] != '-')
			value = argv[optind++];
		free(sample_path);
		sample_path = xasprintf("%s/questions.jsonl", value ? value : default_sample());
		o->corpus = sample_path;
		break;
	case OPT_CORPUS:
		o->corpus = value;
		break;
	case OPT_SYNTHETIC:
		o->synthetic = number("synthetic", value, 0, 10000000);
		break;
	case OPT_ARTICLES:
		o->articles = number("articles", value, 0, 999);
		break;
	case OPT_LOG:
		o->log_file = value;
		break;
	case OPT_TLS:
		o->tls_cert = value;
		if (optind >= argc)
			die("tls", value, "CERT and KEY are wanted");
		o->tls_key = argv[optind++];
		break;
	case OPT_EXIT_WITH_PARENT:
		o->exit_with_parent = true;
		break;
	case OPT_QUOTA_REMAINING:
		o->quota_remaining = number("quota-remaining", value, -1000000000, INT64_MAX);
		break;
	case OPT_ERROR_FOR:
		set_error_for(o, value);
		break;
	case OPT_TOKEN:
		set_token_option(o, value);
		break;
	case OPT_HELP:
		usage(stdout);
		exit(0);
	default:
		usage(stderr);
		exit(2);
	}
}

void options_parse(struct options *o, int argc, char **argv)
{
	struct option *all = xcalloc(ARRAY_SIZE(main_options) + nr_settings + 1, sizeof(*all));
	size_t n = 0;
	int opt;

	set_defaults(o);
	for (size_t i = 0; i < ARRAY_SIZE(main_options); i++)
		all[n++] = main_options[i];
	for (size_t i = 0; i < nr_settings; i++)
		all[n++] = (struct option){ settings[i].name, required_argument, NULL,
					    OPT_SETTING + (int)i };
	while ((opt = getopt_long(argc, argv, "", all, NULL)) != -1) {
		if (opt >= OPT_SETTING && opt < OPT_PORT)
			set_setting(o, &settings[opt - OPT_SETTING], optarg);
		else
			set_option(o, opt, optarg, argc, argv);
	}
	free(all);
	if (optind < argc) {
		fprintf(stderr, "fakeapi: what is \"%s\"?\n", argv[optind]);
		exit(2);
	}
}
