/* Values: from text to a field of struct config. */
#include "optvalue.h"

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dirs.h"
#include "mistake.h"
#include "source.h"

bool option_takes_value(const struct opt *o)
{
	return o->type != OPT_SWITCH && o->type != OPT_IGNORED && o->type != OPT_REFUSED &&
	       o->type != OPT_PASSED;
}

/* Values */

struct value {
	bool flag;
	uint64_t number; /* and choices */
	char *text;      /* owned */
};

static bool parse_digits(const char *s, int base, uint64_t *ret, const char **end)
{
	char *stop;

	if (!isdigit((unsigned char)*s))
		return false;
	errno = 0;
	*ret = strtoull(s, &stop, base);
	*end = stop;
	return errno == 0 && stop > s;
}

static void add_size(struct strbuf *sb, uint64_t n)
{
	static const char units[] = "KMGT";
	int unit = -1;

	while (unit < 3 && n >= 1024 && n % 1024 == 0) {
		n /= 1024;
		unit++;
	}
	strbuf_addf(sb, "%" PRIu64, n);
	if (unit >= 0)
		strbuf_addch(sb, units[unit]);
}

static int out_of_range(const struct opt *o, const char *where, struct strbuf *err)
{
	strbuf_addf(err, "%s: must be between ", where);
	if (o->type == OPT_SIZE) {
		add_size(err, o->min);
		strbuf_adds(err, " and ");
		add_size(err, o->max);
	} else {
		strbuf_addf(err, "%" PRIu64 " and %" PRIu64, o->min, o->max);
	}
	return -EINVAL;
}

static int parse_number(const struct opt *o, const char *s, const char *where, struct value *v,
			struct strbuf *err)
{
	static const char units[] = "KMG";
	const char *end;

	if (!parse_digits(s, o->type == OPT_OCTAL ? 8 : 10, &v->number, &end))
		return mistake(err, where,
			       o->type == OPT_OCTAL ? "not an octal number" : "not a number");
	if (o->type == OPT_SIZE && *end) {
		const char *unit = strchr(units, toupper((unsigned char)*end));
		unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;

		if (!unit || end[1])
			return mistake(err, where, "not a size such as 64M");
		if (v->number > UINT64_MAX >> shift)
			return out_of_range(o, where, err);
		v->number <<= shift;
	} else if (*end) {
		return mistake(err, where,
			       o->type == OPT_OCTAL ? "not an octal number" : "not a number");
	}
	if (v->number < o->min || v->number > o->max)
		return out_of_range(o, where, err);
	return 0;
}

static int parse_owner(const struct opt *o, const char *s, const char *where, struct value *v,
		       struct strbuf *err)
{
	const struct passwd *pw;
	const struct group *gr;

	if (isdigit((unsigned char)*s))
		return parse_number(o, s, where, v, err);
	if (o->type == OPT_USER) {
		pw = getpwnam(s);
		if (!pw)
			return mistake(err, where, "no such user");
		v->number = pw->pw_uid;
	} else {
		gr = getgrnam(s);
		if (!gr)
			return mistake(err, where, "no such group");
		v->number = gr->gr_gid;
	}
	return 0;
}

static int parse_choice(const struct opt *o, const char *s, const char *where, struct value *v,
			struct strbuf *err)
{
	for (size_t i = 0; o->choices[i]; i++) {
		if (!strcmp(s, o->choices[i])) {
			v->number = i;
			return 0;
		}
	}
	strbuf_addf(err, "%s: must be ", where);
	for (size_t i = 0; o->choices[i]; i++)
		strbuf_addf(err, "%s%s",
			    i == 0              ? ""
			    : o->choices[i + 1] ? ", "
						: " or ",
			    o->choices[i]);
	return -EINVAL;
}

static int parse_switch(const char *s, const char *where, struct value *v, struct strbuf *err)
{
	static const char *const yes[] = { "yes", "on", "true", "1" };
	static const char *const no[] = { "no", "off", "false", "0" };

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (!strcasecmp(s, yes[i]) || !strcasecmp(s, no[i])) {
			v->flag = !strcasecmp(s, yes[i]);
			return 0;
		}
	}
	return mistake(err, where, "must be yes or no");
}

/* A file has no working directory of its own, so a path in it starts at / or at home. */
static int parse_path(const char *s, const char *where, bool in_file, struct value *v,
		      struct strbuf *err)
{
	struct strbuf sb = STRBUF_INIT;
	_cleanup_free_ char *start = NULL;

	if (s[0] == '~' && s[1] == '/') {
		start = dirs_home();
		s += 2;
		if (!start)
			return mistake(err, where, "the home directory is not known");
	} else if (s[0] != '/') {
		if (in_file)
			return mistake(err, where, "must start with / or ~/");
		start = getcwd(NULL, 0);
		if (!start)
			return mistake(err, where, "the working directory has no name");
	}
	if (start)
		strbuf_addf(&sb, "%s/", start);
	strbuf_adds(&sb, s);
	v->text = strbuf_detach(&sb);
	return v->text ? 0 : -ENOMEM;
}

static int parse_value(const struct opt *o, const char *s, const char *where, bool in_file,
		       struct value *v, struct strbuf *err)
{
	if (!*s && option_takes_value(o))
		return mistake(err, where, "needs a value");
	switch (o->type) {
	case OPT_SWITCH:
		return parse_switch(s, where, v, err);
	case OPT_NUMBER:
	case OPT_SIZE:
	case OPT_OCTAL:
		return parse_number(o, s, where, v, err);
	case OPT_USER:
	case OPT_GROUP:
		return parse_owner(o, s, where, v, err);
	case OPT_CHOICE:
		return parse_choice(o, s, where, v, err);
	case OPT_PATH:
		return parse_path(s, where, in_file, v, err);
	case OPT_URL:
		return url_check(s, where, &v->text, err);
	case OPT_STRING:
	case OPT_PASSED:
		v->text = strdup(s);
		return v->text ? 0 : -ENOMEM;
	case OPT_IGNORED:
		return 0;
	case OPT_REFUSED:
		return mistake(err, where, o->help);
	}
	return -EINVAL;
}

static void *field(struct config *c, const struct opt *o)
{
	return (char *)c + o->offset;
}

static void pass(struct config *c, const struct opt *o, const char *value)
{
	strbuf_addf(&c->passed, "%s%s%s%s", c->passed.len ? "," : "", o->name, *value ? "=" : "",
		    value);
}

static void apply_value(struct config *c, const struct opt *o, struct value *v)
{
	switch (o->type) {
	case OPT_SWITCH:
		*(bool *)field(c, o) = v->flag;
		break;
	case OPT_NUMBER:
	case OPT_SIZE:
	case OPT_OCTAL:
	case OPT_USER:
	case OPT_GROUP:
		*(uint64_t *)field(c, o) = v->number;
		break;
	case OPT_CHOICE:
		*(unsigned *)field(c, o) = (unsigned)v->number;
		break;
	case OPT_STRING:
	case OPT_PATH:
	case OPT_URL:
		free(*(char **)field(c, o));
		*(char **)field(c, o) = TAKE_PTR(v->text);
		break;
	case OPT_PASSED:
		pass(c, o, v->text);
		break;
	case OPT_IGNORED:
	case OPT_REFUSED:
		break;
	}
}

static bool is_default(const struct opt *o, const struct value *v)
{
	struct value dflt = { 0 };
	_cleanup_(strbuf_release) struct strbuf err = STRBUF_INIT;
	bool same;

	if (o->dflt && parse_value(o, o->dflt, o->name, false, &dflt, &err) < 0)
		return false;
	same = dflt.flag == v->flag && dflt.number == v->number;
	free(dflt.text);
	return same;
}

int option_set(struct config *c, const struct opt *o, const char *value, enum opt_level level,
	       const char *where, bool apply, struct strbuf *err)
{
	struct value v = { 0 };
	int r = parse_value(o, value, where, level == FROM_FILE, &v, err);

	/* Nothing polls in this version, so `poll=0` asks for what is. */
	if (r == 0 && apply && o->is_later && !is_default(o, &v) &&
	    !(o->offset == offsetof(struct config, poll_s) && v.number == 0))
		r = mistake(err, where, "not yet available in this version of sofs");
	if (r == 0 && apply && c->level[option_index(o)] <= level) {
		apply_value(c, o, &v);
		c->level[option_index(o)] = level;
	}
	free(v.text);
	return r;
}

int option_set_default(struct config *c, const struct opt *o)
{
	_cleanup_(strbuf_release) struct strbuf err = STRBUF_INIT;
	struct value v = { 0 };
	int r;

	if (!o->dflt)
		return 0;
	r = parse_value(o, o->dflt, o->name, false, &v, &err);
	if (r == 0)
		apply_value(c, o, &v);
	free(v.text);
	return r;
}

void option_release(struct config *c, const struct opt *o)
{
	if (o->type == OPT_STRING || o->type == OPT_PATH || o->type == OPT_URL)
		free(TAKE_PTR(*(char **)field(c, o)));
}
