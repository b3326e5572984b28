"""What the kernel keeps, and what it asks the process."""

import errno
import mmap
import os
import threading

import reference
from harness import Failed, test

WARM = {
    "grep": ("grep", "-rc", "the"),
    "find": ("find",),
    "ls": ("ls", "-lR"),
    "du": ("du", "-s"),
}


def waiting(m):
    return m.status()["kernel"]["waiting"]


@test(cases=WARM, tsan=True)
def a_second_run_sends_nothing_to_the_process(t, *command):
    m = t.mount(t.server(synthetic=300))
    t.run(*command, m.path + "/questions", timeout=60)
    t.run(*command, m.path + "/questions", timeout=60)
    before = m.kernel_requests()
    r = t.run(*command, m.path + "/questions", timeout=60)
    t.ok(r.returncode in (0, 1) and r.stdout, command[0])
    t.eq(m.kernel_requests(), before, "kernel requests of the third run")


@test
def already_the_second_grep_sends_nothing_to_the_process(t):
    m = t.mount(t.server(synthetic=300))
    t.grep("-rc", "the", m / "questions")
    before = m.kernel_requests()
    t.grep("-rc", "the", m / "questions")
    t.eq(m.kernel_requests(), before, "kernel requests of the second run")


@test(needs=("rg",))
def a_second_ripgrep_sends_nothing_to_the_process(t):
    m = t.mount(t.server(synthetic=300))
    t.run("rg", "-c", "the", m / "questions", timeout=60)
    before = m.kernel_requests()
    t.run("rg", "-c", "the", m / "questions", timeout=60)
    t.eq(m.kernel_requests(), before, "kernel requests of the second run")


@test
def a_warm_tar_sends_nothing_to_the_process(t):
    m = t.mount(t.server(synthetic=300))
    command = 'tar -C "$0" -cf - questions | wc -c'
    sizes = []
    for _ in range(2):
        sizes.append(t.run("sh", "-c", command, m.path).stdout)
        before = m.kernel_requests() if len(sizes) == 1 else before
    t.eq(sizes[0], sizes[1], "sizes")
    t.eq(m.kernel_requests(), before, "kernel requests of the second run")


@test
def opening_and_closing_sends_nothing(t):
    m = t.mount(t.server())
    m.read("questions/101/body.md")
    before = m.kernel_requests()
    for _ in range(200):
        os.close(os.open(m / "questions/101/body.md", os.O_RDONLY))
        os.access(m / "questions/101/body.md", os.R_OK)
        os.listdir(m / "questions/101")
    t.le(m.kernel_requests() - before, 3, "kernel requests")


@test
def a_cold_listing_is_a_few_kernel_requests_per_question(t):
    m = t.mount(t.server(synthetic=500))
    m.list("questions")
    before = m.kernel_requests()
    t.run("grep", "-rc", "the", m / "questions", timeout=60)
    # Per question: two directories, each read twice, and at most seven files.
    t.le(m.kernel_requests() - before, 500 * (4 + 7) + 50, "kernel requests")


@test
def ls_l_asks_for_no_extended_attributes(t):
    m = t.mount(t.server(synthetic=200))
    t.run("ls", "-l", m / "questions")
    before = m.status()["kernel"]["other"]
    t.run("ls", "-lR", m / "questions")
    t.le(m.status()["kernel"]["other"] - before, 3, "other kernel requests")


@test(tsan=True)
def fifty_lookups_of_one_directory_wait_in_the_process_at_the_same_time(t):
    server = t.server(synthetic=100)
    m = t.mount(server)
    ids = sorted(server.questions())[:50]
    server.faults({"kind": "stall", "method": "questions/{ids}", "count": -1})
    threads, out = t.threads([lambda i=i: os.stat(m / ("questions/%d" % i)) for i in ids])
    t.until(lambda: waiting(m) == 50, 8, "50 requests of the kernel wait in the process")
    server.clear_faults()
    for th in threads:
        th.join(30 * t.slow)
    t.eq([o for o in out if not isinstance(o, os.stat_result)], [], "failed")


@test
def lookups_that_wait_do_not_block_their_directory(t):
    """The kernel lets a listing wait for a lookup of a name that is in it; so the listing answers the lookup."""
    import time
    server = t.server(synthetic=250)
    m = t.mount(server, "--timeout", "20")
    m.read("questions/1/body.md")
    server.faults({"kind": "stall", "method": "questions/{ids}", "count": -1})
    threads, out = t.threads([lambda i=i: os.stat(m / ("questions/%d" % i)) for i in (11, 21, 31, 1501, 5)])
    t.until(lambda: waiting(m) == 5, 8, "they wait")
    start = time.monotonic()
    t.eq(len(m.list("questions")), 250, "a listing beside them")
    t.ok(m.read("questions/1/body.md"), "a warm file beside them")
    t.le(time.monotonic() - start, 5 * t.slow, "seconds")
    for th in threads[:4]:
        th.join(5 * t.slow)
    t.ok(not any(th.is_alive() for th in threads[:4]), "a lookup of what was listed still waits")
    t.eq([type(o) for o in out[:4]], [os.stat_result] * 4, "the lookups")
    server.clear_faults()
    threads[4].join(30 * t.slow)


LONG = "".join("%07d %s\n" % (i, "old" * 16) for i in range(1100))      # about 60 kB
LONGER = LONG.replace("old", "NEW") + "NEW end\n"


def long_question(server):
    qid = server.change("add_question", title="Long", tags=["c#"], body_markdown=LONG)
    return qid, server.change("add_answer", question_id=qid, body_markdown=LONG)


@test(tsan=True)
def a_reader_half_through_a_changing_file_gets_one_version(t):
    server = t.server()
    qid, aid = long_question(server)
    m = t.mount(server)
    path = m / ("questions/%d/answers/%d.md" % (qid, aid))
    fd = os.open(path, os.O_RDONLY)
    # No read-ahead: what is not read yet is not in the kernel yet.
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
    before = os.fstat(fd)
    data = os.read(fd, 1000)
    server.change("edit_answer", id=aid, body_markdown=LONGER, date=int(before.st_mtime) + 60)
    m.refresh("questions/%d" % qid)
    while True:
        part = os.read(fd, 4096)
        if not part:
            break
        data += part
    t.eq(data, LONG.encode(), "what the old descriptor read")
    t.eq(os.fstat(fd).st_size, before.st_size, "its size")
    os.close(fd)
    t.eq(m.read("questions", qid, "answers", "%d.md" % aid), LONGER.encode(), "what a new one reads")
    after = os.stat(path)
    t.eq(after.st_ino, before.st_ino, "inode number")
    t.eq(after.st_size, len(LONGER), "size")
    t.ok(after.st_mtime > before.st_mtime, "mtime moved on")


@test
def a_mapping_of_a_changing_file_keeps_its_version(t):
    server = t.server()
    qid, aid = long_question(server)
    m = t.mount(server)
    path = m / ("questions/%d/answers/%d.md" % (qid, aid))
    fd = os.open(path, os.O_RDONLY)
    with mmap.mmap(fd, 0, mmap.MAP_SHARED, mmap.PROT_READ) as mapped:
        t.eq(mapped[:100], LONG[:100].encode(), "the beginning")
        server.change("edit_answer", id=aid, body_markdown=LONGER)
        m.refresh("questions/%d" % qid)
        t.eq(mapped[:], LONG.encode(), "the mapping")
    os.close(fd)
    t.eq(m.read("questions", qid, "answers", "%d.md" % aid), LONGER.encode(), "a new open")


@test
def many_readers_of_a_file_that_keeps_changing_each_get_one_version(t):
    server = t.server("--cache-s", "0")
    qid, aid = long_question(server)
    m = t.mount(server)
    path = m / ("questions/%d/answers/%d.md" % (qid, aid))
    stop, bad = threading.Event(), []
    count = [0]

    def read():
        while not stop.is_set():
            with open(path, "rb") as f:
                data = f.read()
            versions = {line[8:] for line in data.split(b"\n") if line}
            count[0] += 1
            if len(versions) != 1 or len(data) != len(LONG):
                bad.append(versions)
    threads, out = t.threads([read] * 6)
    for i in range(12):
        server.change("edit_answer", id=aid, body_markdown=LONG.replace("old", "v%02d" % i))
        m.refresh("questions/%d" % qid)
    stop.set()
    for th in threads:
        th.join(20 * t.slow)
    t.eq([o for o in out if o], [], "readers failed")
    t.eq(bad[:1], [], "mixtures")
    t.ok(count[0] > 12, "they read")
    t.ok(b"v11" in m.read("questions", qid, "answers", "%d.md" % aid), "the newest at last")


@test
def dropped_inodes_are_looked_up_again(t):
    """The kernel may forget what it likes; the process serves it again with the same numbers."""
    m = t.mount(t.server(synthetic=120))
    tree = m.tree("questions")
    numbers = {n: os.stat(m / ("questions/" + n)).st_ino for n in tree}
    inodes = m.status()["kernel"]["inodes"]
    if not t.has_namespace:
        raise __import__("harness").Skipped("needs root")
    # Remounting drops the caches of this mount alone.
    r = t.run("mount", "-o", "remount,ro", m.path)
    if r.returncode != 0:
        # Not all kernels let FUSE be remounted: then forget by pressure on this directory only.
        for n in tree:
            fd = os.open(m / ("questions/" + n), os.O_RDONLY)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)
    t.eq(m.tree("questions"), tree, "contents")
    t.eq({n: os.stat(m / ("questions/" + n)).st_ino for n in tree}, numbers, "inode numbers")
    t.ok(inodes > 0, "inodes are counted")


@test
def long_directories_can_be_read_from_the_middle(t):
    """telldir and seekdir: cookies name questions, not places."""
    import ctypes
    m = t.mount(t.server(synthetic=700))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.opendir.restype = ctypes.c_void_p
    libc.readdir.restype = ctypes.c_void_p
    libc.telldir.restype = ctypes.c_long
    for fn in (libc.readdir, libc.telldir, libc.closedir):
        fn.argtypes = [ctypes.c_void_p]
    libc.seekdir.argtypes = [ctypes.c_void_p, ctypes.c_long]
    d = libc.opendir((m / "questions").encode())
    t.ok(d, "opendir")

    def name():
        e = libc.readdir(d)
        return ctypes.string_at(e + 19) if e else None
    names, places = [], []
    while True:
        places.append(libc.telldir(d))
        n = name()
        if n is None:
            break
        names.append(n)
    for at in (0, 5, 300, 650, len(names) - 1):
        libc.seekdir(d, places[at])
        t.eq(name(), names[at], "the entry at place %d" % at)
    libc.closedir(d)
    t.eq(len(set(names)), 702, "names, with . and ..")
