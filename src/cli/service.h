/* The commands that a mounted process serves through its control socket. */
#pragma once

#include "control.h"
#include "status.h"

struct service;

/* Everything in src is borrowed until service_free(). */
_must_check_ int service_new(const struct status_source *src, struct service **ret);
/* A control_fn; userdata is the service. */
void service_handle(void *userdata, const char *command, const struct cJSON *request,
		    struct control_call *call);
/* After control_stop(): refreshes that still wait are given up. */
void service_stop(struct service *sv);
/* After store_free(): no callback can come any more. */
void service_free(struct service *sv);

/* Which question a path below the mount point belongs to: its id, 0 for what stands for the whole team, -ENOENT
 * for what no server knows. */
int64_t service_parse_path(const char *path);
