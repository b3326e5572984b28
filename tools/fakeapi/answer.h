/* Sending: the last stage of an exchange, and the faults that live there. */
#pragma once

#include "encode.h"
#include "faults.h"
#include "log.h"
#include "request.h"
#include "server.h"

struct answer {
	struct exchange *x;
	struct MHD_Connection *conn;
	struct request *rq;
	struct fault fault;
	struct log_entry log;
};

void answer_log(struct answer *a); /* as far as it is filled in; sending does it by itself */

/* Each queues the answer, logs it, and returns what the library's callback has to return. */
enum MHD_Result answer_body(struct answer *a, int status, struct buf *body, const char *type,
			    const char *encoding); /* as it is; takes body over */
enum MHD_Result answer_html(struct answer *a, int status, const char *text);
enum MHD_Result answer_json(struct answer *a, int status, const struct chunk *head,
			    const struct buf *tail); /* head may be NULL */
enum MHD_Result answer_error(struct answer *a, int status, int error_id, const char *message,
			     int64_t backoff);
enum MHD_Result answer_stall(struct answer *a);
enum MHD_Result answer_reset(struct answer *a);
