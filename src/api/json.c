#include "json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#define MAX_EXACT 9007199254740992.0 /* 2^53 */

/* ---- Checking ----------------------------------------------------------------------------------- */

/* Where the checker is. The text ends with a NUL, which no rule accepts, so no bound is compared. */
struct checker {
	char *p, *end;
	const char *reason; /* NULL: fine so far */
	uint64_t is_object; /* one bit for each level, the innermost lowest */
	unsigned depth;
};

static void refuse(struct checker *c, const char *reason)
{
	if (!c->reason)
		c->reason = c->p >= c->end ? "the text ends in the middle" : reason;
}

static void skip_space(struct checker *c)
{
	while (*c->p == ' ' || *c->p == '\n' || *c->p == '\r' || *c->p == '\t')
		c->p++;
}

static int hex4(const char *p)
{
	int v = 0;

	for (int i = 0; i < 4; i++) {
		char ch = p[i];

		if (ch >= '0' && ch <= '9')
			v = v * 16 + (ch - '0');
		else if ((ch | 0x20) >= 'a' && (ch | 0x20) <= 'f')
			v = v * 16 + ((ch | 0x20) - 'a' + 10);
		else
			return -1; /* NUL too: later bytes are not read */
	}
	return v;
}

/* At the 'u' of an escape. */
static void check_unicode(struct checker *c)
{
	int v = hex4(c->p + 1);

	if (v < 0) {
		refuse(c, "bad \\u escape");
		return;
	}
	if (v >= 0xd800 && v < 0xdc00 && c->p[5] == '\\' && c->p[6] == 'u') {
		int low = hex4(c->p + 7);

		if (low >= 0xdc00 && low < 0xe000) {
			c->p += 11;
			return;
		}
	}
	if (v == 0 || (v >= 0xd800 && v < 0xe000))
		memcpy(c->p + 1, "fffd", 4);
	c->p += 5;
}

/* At the opening quote; leaves p after the closing one. */
static void check_string(struct checker *c)
{
	c->p++;
	while (!c->reason) {
		while (*c->p != '"' && *c->p != '\\' && *c->p)
			c->p++;
		if (*c->p == '"') {
			c->p++;
			return;
		}
		if (!*c->p) {
			refuse(c, "NUL byte in a string");
			return;
		}
		c->p++;
		if (*c->p == 'u')
			check_unicode(c);
		else if (*c->p && strchr("\"\\/bfnrt", *c->p))
			c->p++;
		else
			refuse(c, "bad escape in a string");
	}
}

static void check_digits(struct checker *c)
{
	if (*c->p < '0' || *c->p > '9') {
		refuse(c, "bad number");
		return;
	}
	while (*c->p >= '0' && *c->p <= '9')
		c->p++;
}

static void check_number(struct checker *c)
{
	if (*c->p == '-')
		c->p++;
	if (*c->p == '0')
		c->p++;
	else
		check_digits(c);
	if (*c->p == '.') {
		c->p++;
		check_digits(c);
	}
	if (*c->p == 'e' || *c->p == 'E') {
		c->p++;
		if (*c->p == '+' || *c->p == '-')
			c->p++;
		check_digits(c);
	}
}

static void check_word(struct checker *c, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(c->p, word, len) == 0)
		c->p += len;
	else
		refuse(c, "unknown word");
}

static void check_key(struct checker *c)
{
	skip_space(c);
	if (*c->p != '"') {
		refuse(c, "no member name where one must be");
		return;
	}
	check_string(c);
	if (c->reason)
		return;
	skip_space(c);
	if (*c->p == ':')
		c->p++;
	else
		refuse(c, "no colon after a member name");
}

/* Opens an object or array. True if a value (its first) follows. */
static bool open_level(struct checker *c)
{
	bool is_object = *c->p == '{';

	if (c->depth == JSON_MAX_DEPTH) {
		c->reason = "nested too deeply";
		return false;
	}
	c->depth++;
	c->is_object = c->is_object << 1 | is_object;
	c->p++;
	skip_space(c);
	if (*c->p == (is_object ? '}' : ']')) {
		c->p++;
		c->depth--;
		c->is_object >>= 1;
		return false;
	}
	if (is_object)
		check_key(c);
	return true;
}

/* After a value: closes what ends here. True if a value follows. */
static bool after_value(struct checker *c)
{
	while (c->depth && !c->reason) {
		bool is_object = c->is_object & 1;

		skip_space(c);
		if (*c->p == ',') {
			c->p++;
			if (is_object)
				check_key(c);
			return true;
		}
		if (*c->p != (is_object ? '}' : ']')) {
			refuse(c, "no comma or closing bracket where one must be");
			return false;
		}
		c->p++;
		c->depth--;
		c->is_object >>= 1;
	}
	return false;
}

/* True if a value follows. */
static bool check_value(struct checker *c)
{
	skip_space(c);
	switch (*c->p) {
	case '{':
	case '[':
		if (open_level(c))
			return true;
		break;
	case '"':
		check_string(c);
		break;
	case 't':
		check_word(c, "true");
		break;
	case 'f':
		check_word(c, "false");
		break;
	case 'n':
		check_word(c, "null");
		break;
	default:
		check_number(c);
	}
	return after_value(c);
}

const char *json_check(char *s, size_t len)
{
	struct checker c = { .p = s, .end = s + len };

	while (check_value(&c) && !c.reason)
		;
	if (c.reason)
		return c.reason;
	skip_space(&c);
	return c.p == c.end ? NULL : "something follows the JSON text";
}

/* ---- Walking ------------------------------------------------------------------------------------ */

static const char *space_end(const char *p)
{
	while (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')
		p++;
	return p;
}

/* Most of a page is texts, and each is passed over several times: so by quotes, not byte by byte. */
static const char *string_end(const char *p)
{
	const char *begin = ++p, *back;

	for (;;) {
		p = rawmemchr(p, '"'); /* there is one: the text was checked */
		for (back = p; back > begin && back[-1] == '\\'; back--)
			;
		if ((p - back) % 2 == 0)
			return p + 1;
		p++;
	}
}

static const char *value_end(const char *p)
{
	unsigned depth = 0;

	do {
		switch (*p) {
		case '"':
			p = string_end(p);
			continue;
		case '{':
		case '[':
			depth++;
			break;
		case '}':
		case ']':
			depth--;
			break;
		default:
			if (!depth)
				return p + strcspn(p, ",]} \n\r\t");
		}
		p++;
	} while (depth);
	return p;
}

static struct json_iter iter(struct json_slice in, char open, char close)
{
	const char *p;

	if (!in.len || *in.s != open)
		return (struct json_iter){ NULL };
	p = space_end(in.s + 1);
	return (struct json_iter){ *p == close ? NULL : p };
}

struct json_iter json_members(struct json_slice in)
{
	return iter(in, '{', '}');
}

struct json_iter json_elements(struct json_slice in)
{
	return iter(in, '[', ']');
}

/* Takes the value at p and moves to the next member or element, or to the end. */
static void take_value(struct json_iter *it, const char *p, struct json_slice *value)
{
	value->s = p;
	p = value_end(p);
	value->len = (size_t)(p - value->s);
	p = space_end(p);
	it->p = *p == ',' ? space_end(p + 1) : NULL;
}

bool json_next_member(struct json_iter *it, struct json_slice *key, struct json_slice *value)
{
	const char *p = it->p;

	if (!p)
		return false;
	key->s = p;
	p = string_end(p);
	key->len = (size_t)(p - key->s);
	take_value(it, space_end(space_end(p) + 1), value);
	return true;
}

bool json_next_element(struct json_iter *it, struct json_slice *value)
{
	if (!it->p)
		return false;
	take_value(it, it->p, value);
	return true;
}

bool json_key_is(struct json_slice key, const char *name)
{
	size_t len = strlen(name);

	return key.len == len + 2 && memcmp(key.s + 1, name, len) == 0;
}

size_t json_count(struct json_slice array)
{
	struct json_iter it = json_elements(array);
	struct json_slice value;
	size_t nr = 0;

	while (json_next_element(&it, &value))
		nr++;
	return nr;
}

/* ---- Values ------------------------------------------------------------------------------------- */

bool json_to_int(struct json_slice value, int64_t *ret)
{
	char buf[32], *end;
	double d;

	if (value.len >= 2 && *value.s == '"') {
		value.s++;
		value.len -= 2;
	}
	if (!value.len || value.len >= sizeof(buf) || !strchr("-0123456789", *value.s))
		return false;
	memcpy(buf, value.s, value.len);
	buf[value.len] = '\0';
	d = strtod(buf, &end);
	if (*end || !(d >= -MAX_EXACT && d <= MAX_EXACT))
		return false;
	*ret = (int64_t)ceil(d);
	return true;
}

bool json_to_bool(struct json_slice value)
{
	int64_t n;

	if (value.len && (*value.s == 't' || (value.len > 1 && value.s[1] == 't')))
		return true;
	return json_to_int(value, &n) && n != 0;
}

void json_to_text(struct json_slice value, char *buf, size_t size)
{
	cJSON *node;

	buf[0] = '\0';
	if (!value.len || *value.s != '"')
		return;
	node = cJSON_ParseWithLength(value.s, value.len);
	if (node && cJSON_IsString(node))
		snprintf(buf, size, "%s", node->valuestring);
	cJSON_Delete(node);
}
