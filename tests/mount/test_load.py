"""Everything at once, for a while: nothing breaks, and nothing grows."""

import errno
import os
import random
import threading
import time

import reference
from harness import Failed, test

ALLOWED = {errno.ENOENT, errno.EIO, errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.EBUSY, errno.ESTALE}

FAULTS = [{"kind": "reset_after"}, {"kind": "truncate"}, {"kind": "corrupt_gzip"}, {"kind": "html_error", "status": 502}, {"kind": "invalid_json"},
          {"kind": "delay", "ms": 300}, {"kind": "error", "error_id": 500}, {"kind": "empty_body"}]


class Load:
    def __init__(self, t, server, m, seconds):
        self.t, self.server, self.m = t, server, m
        self.end = time.monotonic() + seconds
        self.problems, self.count = [], 0
        self.ids = sorted(server.questions())

    def running(self):
        return time.monotonic() < self.end and not self.problems

    def reader(self, seed):
        rng = random.Random(seed)
        while self.running():
            self.count += 1
            qid = rng.choice(self.ids)
            try:
                what = rng.randrange(10)
                if what < 5:
                    data = self.m.read("questions", qid, "body.md")
                    if not data.startswith(b"---\ntitle: \""):
                        self.problems.append("question %d begins with %r" % (qid, data[:40]))
                elif what < 7:
                    self.m.tree("questions", qid)
                elif what == 7:
                    tags = self.m.list("tags")
                    self.m.list("tags", rng.choice(tags))
                elif what == 8:
                    os.stat(self.m / ("questions/%d" % rng.randrange(1, 10 ** 9)))
                else:
                    # Past the kernel's cache: the process serves it.
                    fd = os.open(self.m / ("questions/%d/meta.json" % qid), os.O_RDONLY)
                    try:
                        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
                        os.read(fd, 1 << 16)
                    finally:
                        os.close(fd)
            except OSError as e:
                if e.errno not in ALLOWED:
                    self.problems.append("errno %s" % e)
            except Exception as e:
                self.problems.append(repr(e))

    def changer(self):
        seed = 1
        rng = random.Random(0)
        while self.running():
            seed += 1
            for change in self.server.random_changes(5, seed):
                if rng.randrange(2):
                    self.t.sofs("refresh", self.m.path, "questions/%d" % change["question_id"])
            if rng.randrange(4) == 0:
                self.server.clear_faults()      # the list of those that were spent is bounded
                self.server.ctl("POST", "faults", dict(rng.choice(FAULTS), count=2))
            time.sleep(0.05)

    def watcher(self):
        while self.running():
            self.m.status()
            try:
                self.m.read(".sofs/status")
                self.m.read(".sofs/errors")
            except OSError as e:
                self.problems.append("status: %s" % e)
            time.sleep(0.2)


@test(deadline=120, tsan=True)
def mixed_load_leaves_no_trace(t):
    seconds = 600 if t.long else 12
    server = t.server("--cache-s", "0", "--quota-max", "10000000", synthetic=1500)
    server.excused |= {"repeats", "identical_in_flight"}
    m = t.mount(server, "--timeout", "5", "--memory", "8M", "--rate", "28", "--concurrency", "6")
    m.list("questions")
    load = Load(t, server, m, seconds)
    workers = [lambda i=i: load.reader(i) for i in range(8)] + [load.changer, load.watcher]
    threads, out = t.threads(workers)
    # What is there after the start is what may be there at the end.
    time.sleep(min(8, seconds / 2))
    early = m.memory_kb("VmRSS"), m.descriptors(), m.threads()
    for th in threads:
        th.join(seconds + 40 * t.slow)
        t.ok(not th.is_alive(), "a worker hangs")
    t.eq([repr(o) for o in out if o][:3], [], "workers failed")
    t.eq(load.problems[:3], [], "problems")
    t.ok(load.count > 100, "they worked: %d looks" % load.count)
    server.clear_faults()
    time.sleep(0.5)
    late = m.memory_kb("VmRSS"), m.descriptors(), m.threads()
    if t.build.sanitizer is None:
        t.le(late[0], early[0] + 24 * 1024, "kB of memory (before: %d)" % early[0])
    t.le(late[1], early[1] + 16, "descriptors (before: %d)" % early[1])
    t.le(late[2], early[2] + 4, "threads (before: %d)" % early[2])
    t.eq(m.status()["kernel"]["waiting"], 0, "requests that wait")
    # And in the end it shows what is there.
    m.refresh()
    questions = server.questions()
    t.eq(sorted(map(int, m.list("questions"))), sorted(questions), "names")
    for qid in random.Random(1).sample(sorted(questions), 100):
        t.eq(m.read("questions", qid, "body.md"), reference.files(questions[qid])["body.md"], "body of %d" % qid)


@test(deadline=90)
def mounting_and_unmounting_again_and_again_leaves_nothing(t):
    server = t.server()
    for _ in range(15):
        m = t.mount(server)
        m.read("questions/101/body.md")
        m.umount()
    t.eq([n for n in os.listdir(os.path.join(t.dir, "run/sofs"))], [], "sockets")


@test(deadline=90)
def many_status_requests_at_once_are_answered(t):
    m = t.mount(t.server())
    threads, out = t.threads([lambda: t.sofs("status", "--json", m.path).returncode for _ in range(6)] * 3)
    for th in threads:
        th.join(30 * t.slow)
    t.ok(all(o in (0, 1) for o in out) and out.count(0) >= 8, "exit statuses: %s" % out)


@test
def rubbish_at_the_control_socket_is_survived(t):
    import glob
    import socket
    m = t.mount(t.server())
    path = glob.glob(os.path.join(t.dir, "run/sofs/*.sock"))[0]
    for rubbish in (b"", b"\n", b"x\n", b"{}\n", b"[]\n", b'{"command": 5}\n', b'{"command": "nonsense"}\n', b"{" * 100000, b"\0" * 1000 + b"\n",
                    b'{"command": "refresh", "paths": [1, null, "/x"]}\n', b'{"command": "refresh", "paths": "x"}\n'):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            s.connect(path)
            try:
                s.sendall(rubbish)
                if rubbish.endswith(b"\n") and rubbish.strip(b"\n"):
                    s.recv(4096)
            except (BrokenPipeError, ConnectionResetError):
                pass
    t.ok(m.status()["pid"], "it answers")
    # Those who connect and say nothing do not keep the others out for ever.
    idle = []
    for _ in range(8):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(5)
        try:
            s.connect(path)
        except OSError:
            pass
        idle.append(s)
    t.until(lambda: t.sofs("status", m.path).returncode == 0, 25, "it answers beside idle clients")
    for s in idle:
        s.close()


@test
def unmounting_during_a_listing_ends_well(t):
    import signal
    server = t.server(synthetic=3000)
    m = t.mount(server)
    server.faults({"kind": "delay", "ms": 100, "method": "questions", "count": -1})
    threads, out = t.threads([lambda: os.listdir(m / "questions")])
    t.until(lambda: server.total() > 8, 10, "it lists")
    m.kill(signal.SIGTERM)
    t.eq(m.exit_status, 0, "exit status")
    threads[0].join(10 * t.slow)
    t.ok(not threads[0].is_alive(), "the reader hangs")


@test(cases={"reading": 1, "listing": 2, "looking up": 3})
def killing_readers_in_the_middle_hurts_nobody(t, what):
    import signal
    import subprocess
    server = t.server("--latency-ms", "80", synthetic=600)
    m = t.mount(server)
    script = {1: 'grep -r x "$0" > /dev/null', 2: 'ls -lR "$0" > /dev/null', 3: 'for i in $(seq 1 10 5000); do cat "$0/$i/body.md"; done > /dev/null'}[what]
    for i in range(8):
        p = subprocess.Popen(["sh", "-c", "exec 2>/dev/null; " + script, m / "questions"], start_new_session=True)
        time.sleep(0.03 * i)
        os.killpg(p.pid, signal.SIGKILL)
        p.wait(20)
    t.eq(len(m.list("questions")), 600, "names")
    questions = server.questions()
    for qid in sorted(questions)[::50]:
        t.eq(m.read("questions", qid, "body.md"), reference.files(questions[qid])["body.md"], "body of %d" % qid)
    t.until(lambda: m.status()["kernel"]["waiting"] == 0, 10, "nobody waits")
