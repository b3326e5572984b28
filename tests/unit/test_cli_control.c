/* The control socket: real sockets in a directory of their own. */
#include <check.h>
#include <cjson/cJSON.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"
#include "control.h"
#include "service.h"

static char dir[] = "/tmp/sofs-test-XXXXXX";
static char path[64];
static struct control *ctl;
static struct failure failure;
static struct control_call *held; /* of the command "hold" */
static pthread_mutex_t held_lock = PTHREAD_MUTEX_INITIALIZER;

static void handle(void *userdata, const char *command, const struct cJSON *request,
		   struct control_call *call)
{
	char *big;

	if (!strcmp(command, "hold")) {
		pthread_mutex_lock(&held_lock);
		held = call;
		pthread_mutex_unlock(&held_lock);
	} else if (!strcmp(command, "big")) {
		big = malloc(1000001);
		ck_assert_ptr_nonnull(big);
		memset(big, 'x', 1000000);
		big[1000000] = '\0';
		control_answer_text(call, true, big);
		free(big);
	} else {
		control_answer_text(call, strcmp(command, "fail") != 0, command);
	}
}

static void set_up(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s.sock", dir);
	ck_assert_msg(control_new_at(path, &ctl, &failure) == 0, "%s", failure.text);
	ck_assert_int_eq(control_start(ctl, handle, NULL), 0);
}

static void tear_down(void)
{
	control_free(ctl);
	ctl = NULL;
	ck_assert_int_eq(access(path, F_OK), -1);
	rmdir(dir);
}

static int connected(void)
{
	int fd;

	ck_assert_int_eq(client_connect_at(path, &fd), 0);
	return fd;
}

static struct control_call *wait_held(void)
{
	struct control_call *call = NULL;

	while (!call) {
		usleep(1000);
		pthread_mutex_lock(&held_lock);
		call = held;
		held = NULL;
		pthread_mutex_unlock(&held_lock);
	}
	return call;
}

static void send_raw(int fd, const char *text)
{
	ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

START_TEST(a_question_gets_its_answer)
{
	_cleanup_free_ char *text = NULL;
	int fd = connected();

	ck_assert_int_eq(client_ask_text(fd, "status", &text, &failure), 0);
	ck_assert_str_eq(text, "status");
	close(fd);
}
END_TEST

START_TEST(a_refusal_is_handed_on)
{
	_cleanup_free_ char *text = NULL;
	int fd = connected();

	ck_assert_int_eq(client_ask_text(fd, "fail", &text, &failure), -EIO);
	ck_assert_str_eq(failure.text, "fail");
	close(fd);
}
END_TEST

START_TEST(a_large_answer_comes_whole)
{
	_cleanup_free_ char *text = NULL;
	int fd = connected();

	ck_assert_int_eq(client_ask_text(fd, "big", &text, &failure), 0);
	ck_assert_uint_eq(strlen(text), 1000000);
	close(fd);
}
END_TEST

START_TEST(nonsense_is_answered_as_such)
{
	static const char *const lines[] = { "\n", "{}\n", "[1]\n", "{\"command\": 1}\n",
					     "{{{{\n" };

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		char buf[256] = "";
		int fd = connected();

		send_raw(fd, lines[i]);
		while (read(fd, buf, sizeof(buf) - 1) < 0 && errno == EAGAIN)
			usleep(1000);
		ck_assert_ptr_nonnull(strstr(buf, "not a request"));
		close(fd);
	}
}
END_TEST

START_TEST(an_endless_question_is_cut_off)
{
	int fd = connected(), r = 0;
	char buf[4096];

	memset(buf, 'x', sizeof(buf));
	for (int i = 0; i < 1000 && r >= 0; i++) {
		r = (int)send(fd, buf, sizeof(buf), MSG_NOSIGNAL);
		if (r < 0 && errno == EAGAIN) {
			usleep(1000);
			r = 0;
		}
	}
	ck_assert_int_lt(r, 0);
	close(fd);
}
END_TEST

START_TEST(who_waits_does_not_keep_others_waiting)
{
	_cleanup_free_ char *text = NULL;
	int waiting = connected(), fd = connected();
	struct control_call *call;

	send_raw(waiting, "{\"command\":\"hold\"}\n");
	call = wait_held();
	ck_assert_int_eq(client_ask_text(fd, "now", &text, &failure), 0);
	ck_assert_str_eq(text, "now");
	control_answer_text(call, true, "later");
	close(waiting);
	close(fd);
}
END_TEST

START_TEST(an_answer_for_somebody_who_left_is_dropped)
{
	_cleanup_free_ char *text = NULL;
	int waiting = connected(), fd;
	struct control_call *call;

	send_raw(waiting, "{\"command\":\"hold\"}\n");
	call = wait_held();
	close(waiting);
	usleep(20000);
	control_answer_text(call, true, "later");
	fd = connected();
	ck_assert_int_eq(client_ask_text(fd, "now", &text, &failure), 0);
	close(fd);
}
END_TEST

START_TEST(only_so_many_are_served)
{
	int fds[CONTROL_MAX_CLIENTS + 1];
	_cleanup_free_ char *text = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = connected();
	ck_assert(client_wait_end(fds[CONTROL_MAX_CLIENTS], -1, 5));
	ck_assert_int_eq(client_ask_text(fds[0], "now", &text, &failure), 0);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
}
END_TEST

START_TEST(clients_see_the_end_of_the_process)
{
	_cleanup_free_ char *text = NULL;
	int fd = connected();

	ck_assert_int_eq(client_ask_text(fd, "umount", &text, &failure), 0);
	control_stop(ctl);
	ck_assert(!client_wait_end(fd, -1, 0));
	control_free(ctl);
	ctl = NULL;
	ck_assert(client_wait_end(fd, -1, 5));
	close(fd);
}
END_TEST

START_TEST(a_living_socket_is_not_taken_over)
{
	struct control *other = NULL;

	ck_assert_int_eq(control_new_at(path, &other, &failure), -EADDRINUSE);
	ck_assert_ptr_null(other);
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

START_TEST(a_stale_socket_is_replaced)
{
	char stale[80];
	struct control *other = NULL;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(stale, sizeof(stale), "%s/stale.sock", dir);
	ck_assert_int_eq(control_address(fd, stale, true), 0);
	close(fd);
	ck_assert_int_eq(client_connect_at(stale, &fd), -ENOENT);
	ck_assert_msg(control_new_at(stale, &other, &failure) == 0, "%s", failure.text);
	ck_assert_int_eq(client_connect_at(stale, &fd), 0);
	close(fd);
	control_free(other);
}
END_TEST

START_TEST(a_long_path_is_reached_too)
{
	char name[200], deep[400], file[450];
	struct control *other = NULL;
	int fd;

	memset(name, 'd', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	snprintf(deep, sizeof(deep), "%s/%s", dir, name);
	ck_assert_int_eq(mkdir(deep, 0700), 0);
	snprintf(file, sizeof(file), "%s/s.sock", deep);
	ck_assert_msg(control_new_at(file, &other, &failure) == 0, "%s", failure.text);
	ck_assert_int_eq(client_connect_at(file, &fd), 0);
	close(fd);
	control_free(other);
	ck_assert_int_eq(rmdir(deep), 0);
}
END_TEST

START_TEST(names_of_sockets_are_stable)
{
	char name[32];

	control_socket_name("/mnt/so", name);
	ck_assert_uint_eq(strlen(name), 21);
	ck_assert_str_eq(name + 16, ".sock");
	control_socket_name("", name);
	ck_assert_str_eq(name, "cbf29ce484222325.sock");
}
END_TEST

START_TEST(paths_lead_to_questions)
{
	static const struct {
		const char *path;
		int64_t id;
	} cases[] = {
		{ "", 0 },
		{ "/", 0 },
		{ "questions", 0 },
		{ "questions/", 0 },
		{ "questions/42", 42 },
		{ "/questions/42/answers/43.md", 42 },
		{ "tags", 0 },
		{ "tags/c#", 0 },
		{ "tags/c#/42/body.md", 42 },
		{ "questions/x", -ENOENT },
		{ "questions/042", -ENOENT },
		{ "README.md", -ENOENT },
		{ ".sofs/status", -ENOENT },
		{ "questionsx/42", -ENOENT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_msg(service_parse_path(cases[i].path) == cases[i].id, "%s",
			      cases[i].path);
}
END_TEST

static Suite *cli_control_suite(void)
{
	Suite *s = suite_create("cli_control");
	TCase *tc = tcase_create("cli_control");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_question_gets_its_answer);
	tcase_add_test(tc, a_refusal_is_handed_on);
	tcase_add_test(tc, a_large_answer_comes_whole);
	tcase_add_test(tc, nonsense_is_answered_as_such);
	tcase_add_test(tc, an_endless_question_is_cut_off);
	tcase_add_test(tc, who_waits_does_not_keep_others_waiting);
	tcase_add_test(tc, an_answer_for_somebody_who_left_is_dropped);
	tcase_add_test(tc, only_so_many_are_served);
	tcase_add_test(tc, clients_see_the_end_of_the_process);
	tcase_add_test(tc, a_living_socket_is_not_taken_over);
	tcase_add_test(tc, a_stale_socket_is_replaced);
	tcase_add_test(tc, a_long_path_is_reached_too);
	tcase_add_test(tc, names_of_sockets_are_stable);
	tcase_add_test(tc, paths_lead_to_questions);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(cli_control_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
