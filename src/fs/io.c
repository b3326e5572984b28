/* Reading and writing the FUSE device ourselves, for one bit.
 *
 * libfuse before 3.17 never sends FUSE_PARALLEL_DIROPS in its answer to INIT, whatever `want` says. Without it the kernel
 * lets one LOOKUP or READDIR per directory through at a time: readers of different questions could not be joined into one
 * request, and everybody would wait behind the first. So the answer to INIT is completed on its way out. */
#include <errno.h>
#include <linux/fuse.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "internal.h"

static ssize_t io_read(int fd, void *buf, size_t len, void *userdata)
{
	struct fs *fs = userdata;
	ssize_t n = read(fd, buf, len);
	struct fuse_in_header in;

	if (n >= (ssize_t)sizeof(in)) {
		memcpy(&in, buf, sizeof(in));
		if (in.opcode == FUSE_INIT)
			fs->init_unique = in.unique;
	}
	return n;
}

static ssize_t io_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	struct fs *fs = userdata;
	struct fuse_out_header out;
	struct fuse_init_out init = { 0 };
	struct iovec patched[2];
	size_t n;

	/* libfuse closes the device before it unmounts, which may take a while, and forgets its number afterwards: a late
	 * notice or answer must not get into a file that has the number by then. */
	if (atomic_load(&fs->is_closed)) {
		errno = ENODEV;
		return -1;
	}
	if (fs->init_unique && count == 2 && iov[0].iov_len == sizeof(out)) {
		memcpy(&out, iov[0].iov_base, sizeof(out));
		if (out.unique == fs->init_unique && !out.error &&
		    iov[1].iov_len >= offsetof(struct fuse_init_out, max_background)) {
			n = iov[1].iov_len < sizeof(init) ? iov[1].iov_len : sizeof(init);
			memcpy(&init, iov[1].iov_base, n);
			init.flags |= FUSE_PARALLEL_DIROPS;
			patched[0] = iov[0];
			patched[1] = (struct iovec){ .iov_base = &init, .iov_len = n };
			if (n == iov[1].iov_len) {
				fs->init_unique = 0;
				return writev(fd, patched, 2);
			}
		}
	}
	return writev(fd, iov, count);
}

int io_install(struct fs *fs)
{
	static const struct fuse_custom_io io = { .read = io_read, .writev = io_writev };

	return fuse_session_custom_io(fs->se, &io, fuse_session_fd(fs->se));
}
