#include "filter.h"

#include <string.h>

#define FLAG_DEFAULT 1
#define FLAG_BODY    2

static const struct {
	const char *type;
	const char *name;
	const char *key;
	const char *full;
	int flags;
	size_t key_len;
} fields[NR_FIELDS] = {
#define D FLAG_DEFAULT
#define B FLAG_BODY
#define F(type, name, flags) \
	{ #type, #name, "\"" #name "\":", #type "." #name, flags, sizeof(#name) + 2 },
#include "fields.def"
#undef F
#undef D
#undef B
};

/* 64 signs. Real ids show letters, digits and ! * ( ) ~ . - _ ; the second set is for clients that
 * do not percent-encode what they put into a URL. ';' never: it separates ids in a vector. */
static const char plain_alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123*()~.-_!";
static const char nasty_alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz*()~.$@#%&+!";

/* Bits as bytes, one byte of flags, four of check sum, in groups of six bits. */
#define BIT_BYTES ((NR_FIELDS + 7) / 8)
#define RAW_BYTES (BIT_BYTES + 1)
#define ID_BYTES  (RAW_BYTES + 4)
#define ID_CHARS  ((ID_BYTES * 8 + 5) / 6)

_Static_assert(ID_CHARS + 2 < MAX_FILTER_ID, "filter id fits");

const char *field_name(enum field f)
{
	return fields[f].name;
}

const char *field_json_key(enum field f, size_t *len)
{
	*len = fields[f].key_len;
	return fields[f].key;
}

const char *field_full_name(enum field f)
{
	const char *full = fields[f].full;

	return strcmp(fields[f].type, "wrapper") == 0 ? full + strlen("wrapper") : full;
}

static void set(struct filter *f, enum field field, bool on)
{
	uint64_t bit = (uint64_t)1 << (field % 64);

	if (on)
		f->bits[field / 64] |= bit;
	else
		f->bits[field / 64] &= ~bit;
}

static void set_flagged(struct filter *f, int flags)
{
	for (int i = 0; i < NR_FIELDS; i++)
		if (fields[i].flags & flags)
			set(f, (enum field)i, true);
}

void filter_set_all(struct filter *f)
{
	set_flagged(f, FLAG_DEFAULT | FLAG_BODY);
	for (int i = 0; i < NR_FIELDS; i++)
		set(f, (enum field)i, true);
}

int filter_change(struct filter *f, const char *list, bool add)
{
	int unknown = 0;

	while (*list) {
		size_t n = strcspn(list, ";");
		bool found = n == 0;

		for (int i = 0; i < NR_FIELDS && n; i++) {
			const char *full = field_full_name((enum field)i);

			if (strlen(full) == n && memcmp(full, list, n) == 0) {
				set(f, (enum field)i, add);
				found = true;
			}
		}
		unknown += !found;
		list += n + (list[n] == ';');
	}
	return unknown;
}

static bool parse_builtin(struct filter *f, const char *id)
{
	/* legacy filters of the first API versions; all of them unsafe */
	static const char *const legacy[] = { "_b", "_ba", "_bc", "_bca", "_a", "_ac", "_c" };

	*f = (struct filter){ 0 };
	if (strcmp(id, "none") == 0)
		return true;
	if (strcmp(id, "total") == 0)
		return set(f, F_wrapper_total, true), true;
	set_flagged(f, FLAG_DEFAULT);
	if (strcmp(id, "default") == 0)
		return true;
	if (strcmp(id, "withbody") == 0)
		return set_flagged(f, FLAG_BODY), true;
	for (size_t i = 0; i < ARRAY_SIZE(legacy); i++) {
		if (strcmp(id, legacy[i]) != 0)
			continue;
		if (strchr(id, 'b'))
			set_flagged(f, FLAG_BODY);
		if (strchr(id, 'a'))
			set(f, F_question_answers, true);
		if (strchr(id, 'c'))
			filter_change(f, "question.comments;answer.comments;post.comments", true);
		f->is_unsafe = true;
		return true;
	}
	return false;
}

static void scramble(unsigned char raw[RAW_BYTES], uint32_t seed)
{
	uint64_t state = seed;

	for (size_t i = 0; i < RAW_BYTES; i++)
		raw[i] ^= (unsigned char)prng_next(&state);
}

static uint32_t checksum(const unsigned char raw[RAW_BYTES], const struct filter_settings *s)
{
	return (uint32_t)hash_bytes(raw, RAW_BYTES, s->salt + 1);
}

void filter_id(char id[MAX_FILTER_ID], const struct filter *f, const struct filter_settings *s)
{
	const char *alphabet = s->nasty_ids ? nasty_alphabet : plain_alphabet;
	unsigned char bytes[ID_BYTES + 1] = { 0 };
	uint32_t sum;

	for (int i = 0; i < NR_FIELDS; i++)
		if (filter_has(f, (enum field)i))
			bytes[i / 8] |= (unsigned char)(1 << i % 8);
	bytes[BIT_BYTES] = f->is_unsafe;
	sum = checksum(bytes, s);
	scramble(bytes, sum);
	for (int i = 0; i < 4; i++)
		bytes[RAW_BYTES + i] = (unsigned char)(sum >> 8 * i);
	*id++ = '!';
	for (size_t i = 0; i < ID_CHARS; i++) {
		size_t bit = i * 6;
		unsigned v = (unsigned)(bytes[bit / 8] | bytes[bit / 8 + 1] << 8) >> bit % 8;

		*id++ = alphabet[v & 63];
	}
	*id = '\0';
}

static bool parse_id(struct filter *f, const char *id, const struct filter_settings *s)
{
	const char *alphabet = s->nasty_ids ? nasty_alphabet : plain_alphabet;
	unsigned char bytes[ID_BYTES + 2] = { 0 };
	uint32_t sum = 0;

	if (id[0] != '!' || strlen(id) != ID_CHARS + 1)
		return false;
	for (size_t i = 0; i < ID_CHARS; i++) {
		const char *c = strchr(alphabet, id[i + 1]);
		size_t bit = i * 6;
		unsigned v;

		if (!c)
			return false;
		v = (unsigned)(c - alphabet) << bit % 8;
		bytes[bit / 8] |= (unsigned char)v;
		bytes[bit / 8 + 1] |= (unsigned char)(v >> 8);
	}
	for (int i = 0; i < 4; i++)
		sum |= (uint32_t)bytes[RAW_BYTES + i] << 8 * i;
	scramble(bytes, sum);
	if (checksum(bytes, s) != sum)
		return false;
	*f = (struct filter){ .is_unsafe = bytes[BIT_BYTES] & 1 };
	for (int i = 0; i < NR_FIELDS; i++)
		if (bytes[i / 8] >> i % 8 & 1)
			set(f, (enum field)i, true);
	return true;
}

bool filter_parse(struct filter *f, const char *id, const struct filter_settings *s)
{
	return parse_builtin(f, id) || parse_id(f, id, s);
}
