/* What people and fstab write: mount options, the lines of the configuration file, SOURCE. Nothing may crash, and
 * what is refused says why. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void as_mount_options(const char *text)
{
	struct strbuf err = STRBUF_INIT;
	struct config c;

	if (config_init(&c) == 0) {
		int r = options_parse_mount(&c, text, false, &err);

		assert(r == 0 || err.len || strbuf_failed(&err));
		if (r == 0)
			assert(c.rate >= 1 && c.rate <= 30 && c.memory_bytes >= 4 << 20 &&
			       !c.write);
	}
	config_release(&c);
	strbuf_release(&err);
}

static void as_arguments(const char *text)
{
	struct strbuf err = STRBUF_INIT;
	struct operands operands = { 0 };
	struct config c;
	char *copy = strdup(text), *save = NULL, *argv[32];
	int argc = 0;

	for (char *arg = strtok_r(copy, "\n", &save); arg && argc < 32;
	     arg = strtok_r(NULL, "\n", &save))
		argv[argc++] = arg;
	if (config_init(&c) == 0) {
		int r = options_parse_args(&c, FOR_MOUNT, argc, argv, &operands, &err);

		assert(r == 0 || err.len);
		assert(operands.nr <= (size_t)argc);
	}
	free(operands.v);
	config_release(&c);
	strbuf_release(&err);
	free(copy);
}

static void as_file(const char *text)
{
	struct strbuf err = STRBUF_INIT;
	struct config c;
	char *copy = strdup(text), *eq = strchr(copy, '=');

	if (eq)
		*eq++ = '\0';
	if (config_init(&c) == 0) {
		int r = options_set_file(&c, copy, eq ? eq : "", "f:1", true, &err);

		assert(r == 0 || err.len);
	}
	config_release(&c);
	strbuf_release(&err);
	free(copy);
}

static void as_source(const char *text)
{
	struct strbuf err = STRBUF_INIT;
	struct source s;

	if (source_parse(text, &s, &err) == 0) {
		assert(*s.name && !strncmp(s.label, "sofs:", 5));
		assert(!strpbrk(s.label, " ,\n"));
		assert(!strncmp(s.base_url, "http", 4));
		source_release(&s);
	} else {
		assert(err.len);
	}
	strbuf_release(&err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);

	if (!text)
		return 0;
	as_mount_options(text);
	as_arguments(text);
	as_file(text);
	as_source(text);
	free(text);
	return 0;
}
