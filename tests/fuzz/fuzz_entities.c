/* Entities: any text survives being encoded and decoded, once or twice, and decoding foreign text
 * never makes it longer. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/text.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As a safe filter does it: five characters by reference, and Latin-1 in numbers. `how` varies what
 * the encoder is free to choose. */
static char *encode(const char *s, unsigned how)
{
	struct strbuf sb = STRBUF_INIT;

	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '&')
			strbuf_adds(&sb, how & 1 ? "&#38;" : "&amp;");
		else if (c == '<')
			strbuf_adds(&sb, how & 2 ? "&#x3C;" : "&lt;");
		else if (c == '>')
			strbuf_adds(&sb, how & 2 ? "&#x3e;" : "&gt;");
		else if (c == '"')
			strbuf_adds(&sb, how & 4 ? "&#34;" : "&quot;");
		else if (c == '\'' || (c < 0x80 && how & 8))
			strbuf_addf(&sb, "&#%u;", c);
		else if (c == 0xc2 && (unsigned char)s[1] >= 0xa0 && (unsigned char)s[1] <= 0xbf)
			strbuf_addf(&sb, "&#%u;", (unsigned)(unsigned char)*++s);
		else
			strbuf_addch(&sb, *s);
	}
	return strbuf_detach(&sb);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned how = size > 0 ? data[0] : 0;
	char *s = malloc(size + 1), *once = NULL, *twice = NULL;
	char *copy = NULL;

	if (!s)
		return 0;
	if (size > 0)
		memcpy(s, data, size);
	s[size] = '\0';
	copy = strdup(s);
	once = encode(s, how);
	twice = once ? encode(once, how >> 4) : NULL;
	if (!copy || !twice)
		goto out;

	text_decode_entities(twice);
	assert(strcmp(twice, once) == 0);
	text_decode_entities(once);
	assert(strcmp(once, s) == 0);

	text_decode_entities(copy);
	assert(strlen(copy) <= strlen(s));
	if (!strchr(s, '&'))
		assert(strcmp(copy, s) == 0);
out:
	free(s);
	free(copy);
	free(once);
	free(twice);
	return 0;
}
