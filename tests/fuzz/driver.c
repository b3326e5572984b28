/* Replays files, and all files in directories, through a fuzz target: what once broke a parser is tried again
 * in every ordinary run. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sofs/base/atomicfile.h>
#include <sofs/base/strbuf.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_FILE_BYTES = 64 << 20 };

static unsigned nr_inputs;

static int replay_file(const char *path)
{
	_cleanup_(strbuf_release) struct strbuf sb = STRBUF_INIT;
	_cleanup_free_ uint8_t *exact = NULL;
	int r = atomicfile_read(path, MAX_FILE_BYTES, &sb);

	if (r < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(-r));
		return r;
	}
	/* A copy of the exact size, so that a sanitizer sees a read behind its end. */
	exact = malloc(sb.len ? sb.len : 1);
	if (!exact)
		return -ENOMEM;
	if (sb.len)
		memcpy(exact, sb.buf, sb.len);
	LLVMFuzzerTestOneInput(exact, sb.len);
	nr_inputs++;
	return 0;
}

static int replay(const char *path)
{
	struct stat st;
	struct dirent *entry;
	DIR *dir;
	int r = 0;

	if (stat(path, &st) < 0) {
		r = -errno;
		fprintf(stderr, "%s: %s\n", path, strerror(-r));
		return r;
	}
	if (!S_ISDIR(st.st_mode))
		return replay_file(path);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (r == 0 && (entry = readdir(dir))) {
		_cleanup_free_ char *name = NULL;

		if (entry->d_name[0] == '.')
			continue;
		r = asprintf(&name, "%s/%s", path, entry->d_name) < 0 ? -ENOMEM : replay(name);
	}
	closedir(dir);
	return r;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (replay(argv[i]) < 0)
			return EXIT_FAILURE;
	printf("%u inputs\n", nr_inputs);
	return nr_inputs ? EXIT_SUCCESS : EXIT_FAILURE;
}
