/* Names: what is made of a foreign name is a safe file name that reads back as the same bytes, and
 * what reads as a name is written in one way only. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/text.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void there_and_back(const char *name, size_t len)
{
	struct strbuf file_name = STRBUF_INIT, back = STRBUF_INIT;

	if (text_add_name(&file_name, name, len)) {
		const char *s = strbuf_str(&file_name);

		assert(strlen(s) == file_name.len && file_name.len >= 1 && file_name.len <= 255);
		assert(!strchr(s, '/') && strcmp(s, ".") != 0 && strcmp(s, "..") != 0);
		for (const char *p = s; *p; p++)
			assert((unsigned char)*p >= 0x20 && *p != 0x7f);
		assert(text_parse_name(&back, s));
		assert(back.len == len && memcmp(back.buf, name, len) == 0);
	} else {
		assert(len == 0 || len > 255 / 3);
		assert(file_name.len == 0);
	}
	strbuf_release(&file_name);
	strbuf_release(&back);
}

static void back_and_there(const char *file_name)
{
	struct strbuf name = STRBUF_INIT, again = STRBUF_INIT;

	if (text_parse_name(&name, file_name)) {
		assert(text_add_name(&again, name.buf, name.len));
		assert(strcmp(strbuf_str(&again), file_name) == 0);
	}
	strbuf_release(&name);
	strbuf_release(&again);
}

static void id(const char *s, size_t len)
{
	struct strbuf again = STRBUF_INIT;
	int64_t n;

	if (text_parse_id(s, len, &n)) {
		assert(n >= 1 && n <= INT64_C(1) << 53);
		strbuf_addf(&again, "%lld", (long long)n);
		assert(again.len == len && memcmp(again.buf, s, len) == 0);
	}
	strbuf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *s = malloc(size + 1);

	if (!s)
		return 0;
	if (size > 0)
		memcpy(s, data, size);
	s[size] = '\0';
	there_and_back(s, size);
	back_and_there(s);
	id(s, size);
	/* Tags are lower-case, and no separator is part of one. */
	if (text_can_be_tag(s))
		assert(*s && !strpbrk(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ/%; \n"));
	text_is_probe_name(s);
	free(s);
	return 0;
}
