#include "server.h"
enum MHD_Result control_answer(struct exchange *x, struct MHD_Connection *conn, const char *http_method)
{
	struct buf b = {0};
	(void)x; (void)http_method;
	buf_adds(&b, "{}");
	return server_reply(conn, 200, &b, "application/json", NULL);
}
