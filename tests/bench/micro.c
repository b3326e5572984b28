/* The price of single calls on files that are warm, without a process or an interpreter around them.
 *
 *     micro OP < LIST        names, one on a line, relative to the working directory
 *
 * OP: open (open, close), read (open, fstat, read, close), stat, missing (stat of names that must not exist).
 * Goes through the list once to warm it and five times for the clock; prints the median in nanoseconds per name. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MAX_NAMES = 100000, PASSES = 5 };

static char *names[MAX_NAMES];
static size_t nr_names;
static char buf[1 << 17];

static void die(const char *what, const char *name)
{
	fprintf(stderr, "micro: %s %s: %s\n", what, name, strerror(errno));
	exit(1);
}

static void op_open(const char *name)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die("open", name);
	close(fd);
}

static void op_read(const char *name)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || read(fd, buf, sizeof(buf)) < 0)
		die("read", name);
	close(fd);
}

static void op_stat(const char *name)
{
	struct stat st;

	if (stat(name, &st) < 0)
		die("stat", name);
}

static void op_missing(const char *name)
{
	struct stat st;

	if (stat(name, &st) == 0 || errno != ENOENT)
		die("must not exist:", name);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double pass(void (*op)(const char *name))
{
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	for (size_t i = 0; i < nr_names; i++)
		op(names[i]);
	clock_gettime(CLOCK_MONOTONIC, &b);
	return ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) /
	       (double)nr_names;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*op)(const char *name);
	} ops[] = { { "open", op_open },
		    { "read", op_read },
		    { "stat", op_stat },
		    { "missing", op_missing } };
	double ns[PASSES];
	char line[4096];

	while (nr_names < MAX_NAMES && fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		names[nr_names++] = strdup(line);
	}
	for (size_t i = 0; argc == 2 && nr_names && i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (strcmp(argv[1], ops[i].name) != 0)
			continue;
		pass(ops[i].op);
		for (int p = 0; p < PASSES; p++)
			ns[p] = pass(ops[i].op);
		qsort(ns, PASSES, sizeof(ns[0]), compare);
		printf("%.1f\n", ns[PASSES / 2]);
		return 0;
	}
	fprintf(stderr, "usage: micro open|read|stat|missing < LIST\n");
	return 2;
}
