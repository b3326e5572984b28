/* From a path as typed to the process that serves it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "client.h"

int target_open(const char *path, struct target *ret)
{
	struct target t = { .fd = -1 };
	int r = mounts_containing(path, &t.mount, &t.rest);

	if (r < 0) {
		if (r == -ENOENT)
			complain("%s: not in a mount of sofs", path);
		else
			complain("%s: %s", path, strerror(-r));
		return r;
	}
	r = client_connect(t.mount.path, t.mount.owner, &t.fd);
	if (r == -ENOENT && mounts_is_dead(t.mount.path))
		complain("%s: the process behind it has died; `sofs umount` cleans up",
			 t.mount.path);
	else if (r == -ENOENT)
		complain("%s: its control socket is not there; it is a mount of user %u, and "
			 "XDG_RUNTIME_DIR may be another one here",
			 t.mount.path, (unsigned)t.mount.owner);
	else if (r < 0)
		complain("%s: its process cannot be reached: %s", t.mount.path, strerror(-r));
	if (r < 0) {
		target_release(&t);
		return r;
	}
	*ret = t;
	return 0;
}

void target_release(struct target *t)
{
	mount_release(&t->mount);
	free(TAKE_PTR(t->rest));
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}
