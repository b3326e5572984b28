/* Which names are worth a question to the server.
 *
 * A tag can be looked up before it is in any listing, and that costs a request. Programs look up names
 * of their own in every directory they come to, so these are answered at once. The two mistakes are
 * not equally bad: asking for a name that is no tag costs one request, and the answer is remembered;
 * refusing a real tag makes it unreachable until somebody lists the directory. So a name is on the
 * list only if it is really looked up all over the place and hardly a tag.
 *
 * - Hidden names are probes: `.git`, `.hidden`, `.x.swp`, … The exception is what starts with `.net`,
 *   a family of real tags. Others (`.htaccess`, `.emacs`, `.profile` are tags somewhere) can be reached
 *   after listing.
 * - `head`, `core`, `patch`, `tags`, `autorun` in lower case are words a team may well use.
 * - Names of digits are tags too (`6502`): only the few that vim tries are probes. */
#include <sofs/text.h>

#include <string.h>

#include "utf8.h"

enum {
	TAG_UTF16_UNITS = 35, /* the service's limit */
	VIM_FIRST = 4913,     /* vim and neovim write here to see whether they may, … */
	VIM_STEP = 123,       /* … and try the next one if it exists */
	VIM_TRIES = 10,
};

/* Version control (emacs and the git prompt), removable media and thumbnails (file managers). */
static const char *const probe_names[] = {
	"HEAD",        "RCS",         "CVS",         "SCCS",        "_MTN",        "_darcs",
	"{arch}",      "BDMV",        "VIDEO_TS",    "AUDIO_TS",    "DCIM",        "PRIVATE",
	"autorun.inf", "AUTORUN.INF", "Autorun.inf", "desktop.ini", "Desktop.ini", "Thumbs.db",
	"thumbs.db",   "nohup.out",   "DEADJOE",
};

/* Backups, swap files, partial downloads. */
static const char *const probe_ends[] = {
	"~",       ",v",          ".swp",      ".swo",      ".swn",         ".swx",
	".swpx",   ".bak",        ".bck",      ".orig",     ".rej",         ".tmp",
	".vsctmp", ".crdownload", ".filepart", ".kate-swp", "___jb_tmp___", "___jb_old___",
};

static bool is_vim_probe(const char *name, size_t len)
{
	int64_t n;

	return text_parse_id(name, len, &n) && n >= VIM_FIRST && (n - VIM_FIRST) % VIM_STEP == 0 &&
	       (n - VIM_FIRST) / VIM_STEP < VIM_TRIES;
}

static bool ends_in(const char *name, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len > n && memcmp(name + len - n, end, n) == 0;
}

bool text_is_probe_name(const char *name)
{
	size_t len = strlen(name);

	if (name[0] == '.')
		return strncmp(name, ".net", 4) != 0;
	if (len >= 2 && name[0] == '#' && name[len - 1] == '#')
		return true;
	if (strncmp(name, "s.", 2) == 0) /* SCCS */
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(probe_names); i++)
		if (strcmp(name, probe_names[i]) == 0)
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(probe_ends); i++)
		if (ends_in(name, len, probe_ends[i]))
			return true;
	return is_vim_probe(name, len);
}

/* What the service forbids in a tag, what separates tags in its parameters, and upper case: tags are
 * lower-case on the server. Beyond ASCII nothing is refused. */
static bool is_tag_char(uint32_t c)
{
	if (c <= ' ' || c == 0x7f || c == UTF8_INVALID)
		return false;
	if (c >= 'A' && c <= 'Z')
		return false;
	return c >= 0x80 || !strchr("<>&\"'`()[]{}\\/_=~|^@$%*?!,;", (int)c);
}

bool text_can_be_tag(const char *name)
{
	size_t len = strlen(name), units = 0;

	for (size_t i = 0; i < len;) {
		uint32_t c;

		i += utf8_next(name + i, len - i, &c);
		units += c > 0xffff ? 2 : 1;
		if (units > TAG_UTF16_UNITS || !is_tag_char(c))
			return false;
	}
	return units > 0;
}
