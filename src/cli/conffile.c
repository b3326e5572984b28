/* libinih reads the lines. Three of its habits are taken from it in next_line():
 *
 *  - it does not tell the handler a line number, so the lines are counted as they are handed over;
 *  - a line that begins with a blank continues the value before it, so that an indented file would mean something else
 *    than it seems: blanks at the beginning are removed;
 *  - it cuts long lines, section names and keys silently: they are refused. */
#include "conffile.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_SECTION = 49, MAX_FILE = 1 << 20 };

struct reader {
	FILE *file;
	const char *path;
	unsigned line;
	bool for_section; /* this pass takes the section of the source, the other one what is for all */
	const struct source *source;
	struct config *c;
	struct strbuf *err;
	int r; /* first error */
};

static void stop(struct reader *rd, int r)
{
	if (rd->r == 0)
		rd->r = r;
}

static void complain(struct reader *rd, const char *why)
{
	if (rd->r == 0)
		strbuf_addf(rd->err, "%s:%u: %s", rd->path, rd->line, why);
	stop(rd, -EINVAL);
}

static char *next_line(char *buf, int size, void *stream)
{
	struct reader *rd = stream;
	size_t n, blanks;

	if (rd->r < 0 || !fgets(buf, size, rd->file))
		return NULL;
	rd->line++;
	n = strlen(buf);
	if (n == (size_t)size - 1 && buf[n - 1] != '\n') {
		complain(rd, "the line is too long");
		return NULL;
	}
	blanks = strspn(buf, " \t");
	memmove(buf, buf + blanks, n - blanks + 1);
	if (buf[0] == '[' && strcspn(buf, "]") - 1 > MAX_SECTION) {
		complain(rd, "the name of the section is too long");
		return NULL;
	}
	return buf;
}

static bool is_for_all(const char *section)
{
	return !*section || !strcmp(section, "default");
}

static bool is_ours(const struct reader *rd, const char *section)
{
	return !strcmp(section, rd->source->given) || !strcmp(section, rd->source->canonical);
}

static int take(void *userdata, const char *section, const char *name, const char *value)
{
	struct reader *rd = userdata;
	_cleanup_(strbuf_release) struct strbuf where = STRBUF_INIT;
	bool for_all = is_for_all(section), apply;
	int r;

	if (rd->r < 0)
		return 0;
	apply = rd->for_section ? !for_all && is_ours(rd, section) : for_all;
	strbuf_addf(&where, "%s:%u", rd->path, rd->line);
	r = options_set_file(rd->c, name, value ? value : "", strbuf_str(&where), apply, rd->err);
	if (r < 0)
		stop(rd, r);
	return r == 0;
}

static int parse(struct reader *rd)
{
	int r;

	rewind(rd->file);
	rd->line = 0;
	r = ini_parse_stream(next_line, rd, take, rd);
	if (rd->r < 0)
		return rd->r;
	if (ferror(rd->file)) {
		strbuf_addf(rd->err, "%s: %s", rd->path, strerror(EIO));
		return -EIO;
	}
	if (r != 0) {
		strbuf_addf(rd->err, "%s:%u: neither [section] nor name = value", rd->path,
			    r > 0 ? (unsigned)r : rd->line);
		return -EINVAL;
	}
	return 0;
}

/* The file may name a command to run: nobody else may write it. */
static int check_file(FILE *f, const char *path, struct strbuf *err)
{
	struct stat st;

	if (fstat(fileno(f), &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		strbuf_addf(err, "%s: not a regular file", path);
	else if (st.st_uid != geteuid() && st.st_uid != 0)
		strbuf_addf(err, "%s: belongs to somebody else", path);
	else if (st.st_mode & 022)
		strbuf_addf(err, "%s: can be written by others; chmod go-w it", path);
	else if (st.st_size > MAX_FILE)
		strbuf_addf(err, "%s: too large", path);
	else
		return 0;
	return -EINVAL;
}

int conffile_read(const char *path, const struct source *source, struct config *c,
		  struct strbuf *err)
{
	struct reader rd = { .path = path, .source = source, .c = c, .err = err };
	int r;

	rd.file = fopen(path, "re");
	if (!rd.file) {
		if (errno == ENOENT || errno == ENOTDIR)
			return 0;
		r = -errno;
		strbuf_addf(err, "%s: %s", path, strerror(-r));
		return r;
	}
	r = check_file(rd.file, path, err);
	if (r == 0)
		r = parse(&rd);
	if (r == 0) {
		rd.for_section = true;
		r = parse(&rd);
	}
	fclose(rd.file);
	return r;
}
