#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sofs/base/atomicfile.h>

static char root[] = "/tmp/test-file-XXXXXX";
static char path[128];

static void setup(void)
{
	strcpy(root + strlen(root) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
}

static void teardown(void)
{
	struct strbuf sb = STRBUF_INIT;

	strbuf_addf(&sb, "chmod -R u+rwx '%s' && rm -r '%s'", root, root);
	ck_assert_int_eq(system(strbuf_str(&sb)), 0);
	strbuf_release(&sb);
}

static const char *in_root(const char *name)
{
	strcpy(path, root);
	strcat(path, "/");
	strcat(path, name);
	return path;
}

static size_t nr_entries(const char *dir)
{
	DIR *d = opendir(dir);
	size_t n = 0;

	ck_assert_ptr_nonnull(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2; /* . and .. */
}

static mode_t mode_of(const char *name)
{
	struct stat st;

	ck_assert_int_eq(lstat(name, &st), 0);
	return st.st_mode & 07777;
}

START_TEST(what_is_written_is_read_and_private)
{
	static const char data[] = "first\0version";
	struct strbuf sb = STRBUF_INIT;

	ck_assert_int_eq(atomicfile_write(in_root("f"), data, sizeof(data)), 0);
	ck_assert_int_eq(mode_of(path), 0600);
	ck_assert_int_eq(atomicfile_read(path, 100, &sb), 0);
	ck_assert_uint_eq(sb.len, sizeof(data));
	ck_assert_mem_eq(sb.buf, data, sizeof(data));

	ck_assert_int_eq(atomicfile_write(path, "", 0), 0);
	strbuf_reset(&sb);
	ck_assert_int_eq(atomicfile_read(path, 0, &sb), 0);
	ck_assert_uint_eq(sb.len, 0);
	ck_assert_uint_eq(nr_entries(root), 1); /* nothing temporary left */
	strbuf_release(&sb);
}
END_TEST

START_TEST(reading_appends_up_to_the_bound)
{
	struct strbuf sb = STRBUF_INIT;
	char big[10000];

	memset(big, 'x', sizeof(big));
	ck_assert_int_eq(atomicfile_write(in_root("f"), big, sizeof(big)), 0);
	ck_assert_int_eq(atomicfile_read(path, sizeof(big) - 1, &sb), -EFBIG);
	strbuf_reset(&sb);
	strbuf_adds(&sb, "a");
	ck_assert_int_eq(atomicfile_read(path, sizeof(big), &sb), 0);
	ck_assert_uint_eq(sb.len, sizeof(big) + 1);
	strbuf_release(&sb);
}
END_TEST

START_TEST(failures_are_told_and_leave_nothing)
{
	struct strbuf sb = STRBUF_INIT;

	ck_assert_int_eq(atomicfile_read(in_root("absent"), 10, &sb), -ENOENT);
	ck_assert_int_eq(atomicfile_read(root, 10, &sb), -EISDIR);
	ck_assert_int_eq(atomicfile_write(in_root("no/such/dir"), "x", 1), -ENOENT);
	/* The old content (here: a directory in the way) stays if the new cannot take its place. */
	ck_assert_int_eq(mkdir(in_root("d"), 0700), 0);
	ck_assert_int_lt(atomicfile_write(path, "x", 1), 0);
	ck_assert_uint_eq(nr_entries(root), 1);
	strbuf_release(&sb);
}
END_TEST

START_TEST(a_private_dir_is_made_with_its_parents)
{
	ck_assert_int_eq(private_dir(in_root("a/b/c")), 0);
	ck_assert_int_eq(mode_of(path), 0700);
	ck_assert_int_eq(private_dir(path), 0); /* again */
	ck_assert_int_eq(private_dir(in_root("x/")), 0);
	ck_assert_int_eq(mode_of(in_root("x")), 0700);
	ck_assert_int_eq(private_dir(""), -ENOENT);
}
END_TEST

START_TEST(a_readable_private_dir_is_closed)
{
	ck_assert_int_eq(mkdir(in_root("d"), 0700), 0);
	ck_assert_int_eq(chmod(path, 0755), 0);
	ck_assert_int_eq(private_dir(path), 0);
	ck_assert_int_eq(mode_of(path), 0700);
}
END_TEST

START_TEST(a_dir_that_others_can_write_to_is_refused)
{
	ck_assert_int_eq(mkdir(in_root("d"), 0700), 0);
	ck_assert_int_eq(chmod(path, 0770), 0);
	ck_assert_int_eq(private_dir(path), -EPERM);
	ck_assert_int_eq(chmod(path, 01702), 0);
	ck_assert_int_eq(private_dir(path), -EPERM);
	ck_assert_int_eq(mode_of(path), 01702); /* and left as it was */
}
END_TEST

START_TEST(what_is_no_directory_is_refused)
{
	ck_assert_int_eq(atomicfile_write(in_root("f"), "x", 1), 0);
	ck_assert_int_eq(private_dir(path), -ENOTDIR);
	ck_assert_int_eq(private_dir(in_root("f/below")), -ENOTDIR);
	ck_assert_int_eq(symlink(root, in_root("link")), 0);
	ck_assert_int_eq(private_dir(path), -ENOTDIR);
}
END_TEST

static Suite *base_atomicfile_suite(void)
{
	Suite *s = suite_create("base_atomicfile");
	TCase *tc = tcase_create("base_atomicfile");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, what_is_written_is_read_and_private);
	tcase_add_test(tc, reading_appends_up_to_the_bound);
	tcase_add_test(tc, failures_are_told_and_leave_nothing);
	tcase_add_test(tc, a_private_dir_is_made_with_its_parents);
	tcase_add_test(tc, a_readable_private_dir_is_closed);
	tcase_add_test(tc, a_dir_that_others_can_write_to_is_refused);
	tcase_add_test(tc, what_is_no_directory_is_refused);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(base_atomicfile_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
