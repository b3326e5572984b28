/* The table of mounts, and names of mount points. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mounts.h"

static const char table[] =
	"22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
	"40 22 0:38 / /mnt/so rw,nosuid,nodev,noexec - fuse.sofs sofs:acme "
	"ro,user_id=1000,group_id=5\n"
	"41 22 0:39 / /mnt/with\\040blank rw shared:3 master:2 - fuse.sofs sofs:b ro,user_id=7\n"
	"42 22 0:40 / /mnt/ssh rw - fuse.sshfs host:/ rw,user_id=1000\n"
	"43 40 0:41 / /mnt/so/inner rw - fuse.sofs sofs:inner ro,user_id=1\n"
	"44 22 0:42 / /mnt/twice rw - fuse.sofs sofs:below ro,user_id=1\n"
	"45 22 0:43 / /mnt/twice rw - fuse.sofs sofs:above ro,user_id=2\n"
	"broken line\n";

START_TEST(mounts_are_found_by_path)
{
	static const struct {
		const char *path;
		bool is_exact;
		const char *source;
		uid_t owner;
	} cases[] = {
		{ "/mnt/so", true, "sofs:acme", 1000 },
		{ "/mnt/so", false, "sofs:acme", 1000 },
		{ "/mnt/so/questions/1", false, "sofs:acme", 1000 },
		{ "/mnt/so/questions/1", true, NULL, 0 },
		{ "/mnt/sofa", false, NULL, 0 },
		{ "/mnt", false, NULL, 0 },
		{ "/mnt/with blank/x", false, "sofs:b", 7 },
		{ "/mnt/ssh", false, NULL, 0 },
		{ "/mnt/so/inner/x", false, "sofs:inner", 1 },
		{ "/mnt/twice", true, "sofs:above", 2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mount m;
		int r = mounts_find(table, cases[i].path, cases[i].is_exact, &m);

		ck_assert_msg(r == (cases[i].source ? 0 : -ENOENT), "%s: %d", cases[i].path, r);
		if (r == 0) {
			ck_assert_str_eq(m.source, cases[i].source);
			ck_assert_uint_eq(m.owner, cases[i].owner);
		}
		mount_release(&m);
	}
}
END_TEST

START_TEST(paths_become_normal_by_their_text)
{
	static const struct {
		const char *path, *normal;
	} cases[] = {
		{ "/", "/" },         { "//a//b/", "/a/b" }, { "/a/./b/../c", "/a/c" },
		{ "/../..", "/" },    { "/a/..", "/" },      { "/a/...", "/a/..." },
		{ "/a/.b", "/a/.b" },
	};
	_cleanup_free_ char *here = NULL, *cwd = getcwd(NULL, 0);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *normal = path_normal(cases[i].path);

		ck_assert_str_eq(normal, cases[i].normal);
	}
	here = path_normal("./");
	ck_assert_str_eq(here, cwd);
}
END_TEST

START_TEST(a_mount_point_has_one_name)
{
	char dir[] = "/tmp/sofs-test-XXXXXX", text[100];
	_cleanup_free_ char *a = NULL, *b = NULL, *c = NULL, *d = NULL, *real = NULL;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	real = realpath(dir, NULL);
	ck_assert_int_eq(chdir(dir), 0);
	ck_assert_int_eq(mkdir("m", 0700), 0);
	ck_assert_int_eq(symlink("m", "link"), 0);
	snprintf(text, sizeof(text), "%s/m", real);

	ck_assert_int_eq(mounts_canonical("m", &a), 0);
	ck_assert_str_eq(a, text);
	ck_assert_int_eq(mounts_canonical("./m//", &b), 0);
	ck_assert_str_eq(b, text);
	ck_assert_int_eq(mounts_canonical("link", &c), 0);
	ck_assert_str_eq(c, text);
	ck_assert_int_eq(mounts_canonical(".", &d), 0);
	ck_assert_str_eq(d, real);
	ck_assert_int_eq(mounts_canonical("no/m", &d), -ENOENT);
	ck_assert_int_eq(unlink("link"), 0);
	ck_assert_int_eq(rmdir("m"), 0);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

static Suite *cli_mounts_suite(void)
{
	Suite *s = suite_create("cli_mounts");
	TCase *tc = tcase_create("cli_mounts");

	tcase_add_test(tc, mounts_are_found_by_path);
	tcase_add_test(tc, paths_become_normal_by_their_text);
	tcase_add_test(tc, a_mount_point_has_one_name);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(cli_mounts_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
