/* The other end of the control socket: a command asks the process behind a mount. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include <sofs/base/errors.h>

struct cJSON;

/* Connects to the process that serves `mountpoint` (canonical) for `owner`. The descriptor in *ret (caller closes) sees
 * its end when the process ends. -ENOENT: there is none. */
_must_check_ int client_connect(const char *mountpoint, uid_t owner, int *ret);
/* The same with a given socket, for tests. */
_must_check_ int client_connect_at(const char *socket_path, int *ret);
/* Sends one request (borrowed) and waits for the answer, an object (caller frees with cJSON_Delete). 0 if the answer says
 * ok, else -errno with a sentence in *failure. */
_must_check_ int client_ask(int fd, const struct cJSON *request, unsigned timeout_s,
			    struct cJSON **ret, struct failure *failure);
/* client_ask() with {"command": command}; the answer's "text" (caller frees). */
_must_check_ int client_ask_text(int fd, const char *command, char **ret, struct failure *failure);
/* The process at the other end: its number, and a descriptor (caller closes) that sees its end, or -1. */
int client_process(int fd, pid_t *ret_pid);
/* Waits until the connection is closed, and then, with pidfd >= 0, until the process has ended. False: not within
 * that time. */
bool client_wait_end(int fd, int pidfd, unsigned timeout_s);
