/* The control socket of a mounted process: how `sofs status`, `umount` and the like reach it (docs/design/commands.md).
 *
 * A stream socket in the run-time directory of the user, named after the mount point. One line of JSON asks, one line
 * of JSON answers, then the connection stays open until the client closes it or the process ends. One thread
 * serves all clients and never waits for one of them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sofs/base/errors.h>

enum {
	CONTROL_MAX_CLIENTS = 8,
	CONTROL_MAX_REQUEST = 64 * 1024, /* bytes of a line */
	CONTROL_MAX_ANSWER = 4 << 20,
	CONTROL_CLIENT_MS = 10000 /* for sending a request, and for taking the answer */
};

struct control;
struct control_call;
struct cJSON;

/* A request: the object `{"command": …}`, borrowed until the function returns. It answers now or later, from any thread,
 * exactly once, with control_answer(). Runs in the control thread. */
typedef void (*control_fn)(void *userdata, const char *command, const struct cJSON *request,
			   struct control_call *call);

/* Claims the socket of a mount point (canonical path) and listens, without serving yet. -EADDRINUSE if another process
 * has it. 0 or -errno with a sentence in *failure. */
_must_check_ int control_new(const char *mountpoint, struct control **ret, struct failure *failure);
/* The same at a given path, for tests. */
_must_check_ int control_new_at(const char *socket_path, struct control **ret,
				struct failure *failure);
_must_check_ int control_start(struct control *ctl, control_fn fn, void *userdata);
/* Joins the thread. Clients stay connected, so that they see when the process ends; calls may still be answered, and
 * nobody hears it. */
void control_stop(struct control *ctl);
/* Removes the socket only: for a process that leaves without looking back. */
void control_forget(struct control *ctl);
/* After every call was answered. Removes the socket. */
void control_free(struct control *ctl);

/* Sends an answer: takes ownership of `answer` (an object; NULL: no memory), and gives the call back. */
void control_answer(struct control_call *call, struct cJSON *answer);
/* {"ok": true, "text": text}, or {"ok": false, "error": text}. text is borrowed. */
void control_answer_text(struct control_call *call, bool ok, const char *text);

/* "<16 hex digits>.sock" for a canonical mount point. */
void control_socket_name(const char *mountpoint, char ret[static 32]);
/* Connects a socket, or binds one, also where the path is longer than an address has room for. -errno. */
_must_check_ int control_address(int fd, const char *path, bool is_bind);
