/* Foreign bytes as text: cleaning gives valid UTF-8, changes nothing that is valid, and what is
 * rendered from it keeps its shape. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/text.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Another formulation of the standard's table than the one under test. */
static bool is_valid(const unsigned char *p, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t n = p[i] < 0x80 ? 1 : p[i] < 0xe0 ? 2 : p[i] < 0xf0 ? 3 : 4;
		static const uint32_t min[] = { 0, 0, 0x80, 0x800, 0x10000 };
		uint32_t c = p[i];

		if ((c >= 0x80 && c < 0xc0) || c >= 0xf8 || len - i < n)
			return false;
		if (n > 1)
			c &= 0x7fu >> n;
		for (size_t k = 1; k < n; k++) {
			if ((p[i + k] & 0xc0) != 0x80)
				return false;
			c = c << 6 | (p[i + k] & 0x3f);
		}
		if (c < min[n] || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
			return false;
		i += n;
	}
	return true;
}

static void clean(const uint8_t *data, size_t size)
{
	struct strbuf once = STRBUF_INIT, twice = STRBUF_INIT;

	text_add_clean_utf8(&once, (const char *)data, size);
	assert(is_valid((const unsigned char *)strbuf_str(&once), once.len));
	if (is_valid(data, size))
		assert(once.len == size && (size == 0 || memcmp(once.buf, data, size) == 0));
	text_add_clean_utf8(&twice, strbuf_str(&once), once.len);
	assert(twice.len == once.len && strcmp(strbuf_str(&twice), strbuf_str(&once)) == 0);
	strbuf_release(&once);
	strbuf_release(&twice);
}

static void markdown(const char *s)
{
	struct strbuf once = STRBUF_INIT, twice = STRBUF_INIT;

	text_add_markdown(&once, s);
	assert(!strchr(strbuf_str(&once), '\r'));
	assert(*s ? once.len > 0 && once.buf[once.len - 1] == '\n' : once.len == 0);
	text_add_markdown(&twice, strbuf_str(&once));
	assert(strcmp(strbuf_str(&twice), strbuf_str(&once)) == 0);
	strbuf_release(&once);
	strbuf_release(&twice);
}

/* One line, valid UTF-8, and the quotes end where they should. */
static void json_string(const char *s)
{
	struct strbuf sb = STRBUF_INIT;
	size_t i;

	text_add_json_string(&sb, s);
	assert(is_valid((const unsigned char *)sb.buf, sb.len));
	assert(sb.len >= 2 && sb.buf[0] == '"');
	for (i = 1; sb.buf[i] != '"'; i++) {
		assert((unsigned char)sb.buf[i] >= 0x20);
		if (sb.buf[i] == '\\')
			i++;
	}
	assert(i + 1 == sb.len);
	strbuf_release(&sb);
}

/* A heading is one line whatever the name. */
static void heading(char *s)
{
	struct comment c = { .id = 1, .owner = { .id = 1, .name = s }, .markdown = s };
	struct strbuf sb = STRBUF_INIT;
	const char *end;

	text_render_comments(&sb, &c, 1);
	end = strstr(strbuf_str(&sb), " UTC, 0 points (#1)\n\n");
	assert(end && strncmp(sb.buf, "### ", 4) == 0);
	assert(!memchr(sb.buf, '\n', (size_t)(end - sb.buf)));
	assert(sb.buf[sb.len - 1] == '\n');
	strbuf_release(&sb);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *s = malloc(size + 1);

	if (!s)
		return 0;
	if (size > 0)
		memcpy(s, data, size);
	s[size] = '\0';
	clean(data, size);
	markdown(s);
	json_string(s);
	heading(s);
	free(s);
	return 0;
}
