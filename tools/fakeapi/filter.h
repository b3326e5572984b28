/* Filters: which fields of which types an answer contains.
 *
 * "Immutable and never expire" (the API's docs/filters): therefore an id carries its whole content,
 * scrambled and with a check sum, and stays valid over restarts of this server. A different salt
 * makes a different "database", in which ids made elsewhere are unknown. */
#pragma once

#include "buf.h"

enum field {
#define D                    0
#define B                    0
#define F(type, name, flags) F_##type##_##name,
#include "fields.def"
#undef F
#undef D
#undef B
	NR_FIELDS
};

#define FILTER_WORDS  ((NR_FIELDS + 63) / 64)
#define MAX_FILTER_ID 160

struct filter {
	uint64_t bits[FILTER_WORDS];
	bool is_unsafe;
};

struct filter_settings {
	uint32_t salt;
	bool nasty_ids; /* ids also contain # % & + and space-like trouble */
};

static inline bool filter_has(const struct filter *f, enum field field)
{
	return f->bits[field / 64] >> (field % 64) & 1;
}

const char *field_name(enum field f);                  /* "question_id" */
const char *field_json_key(enum field f, size_t *len); /* "\"question_id\":" */
const char *field_full_name(enum field f);             /* "question.question_id", ".items" */

/* Looks up a built-in name or decodes an id. Returns false if unknown. */
bool filter_parse(struct filter *f, const char *id, const struct filter_settings *s);
void filter_id(char id[MAX_FILTER_ID], const struct filter *f, const struct filter_settings *s);

/* Adds (or removes) the fields of a list joined with ';'. Returns the number of unknown names. */
int filter_change(struct filter *f, const char *list, bool add);
void filter_set_all(struct filter *f);
