"""What the benchmark stands on: its temporary directory, processes, the API server, mounts, the clock, tables.

Everything that is started is written down before it is used, and taken down by Bench.end(), also on Ctrl-C."""

import http.client
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
NEEDLE = "NEEDLE97"   # in every 97th question


class Failed(Exception):
    """Something could not run; its section is left out, with the reason."""


def median(values):
    v = sorted(values)
    n = len(v)
    return v[n // 2] if n % 2 else (v[n // 2 - 1] + v[n // 2]) / 2


def spread(values, digits=2):
    """median [min-max]"""
    f = "%%.%df" % digits
    if len(values) == 1:
        return f % values[0]
    return (f + " [" + f + "-" + f + "]") % (median(values), min(values), max(values))


def filesystem(path):
    out = subprocess.run(["stat", "-f", "-c", "%T", path], capture_output=True, text=True)
    return out.stdout.strip()


def tail(path, lines=3):
    try:
        with open(path, errors="replace") as f:
            return " | ".join(f.read().splitlines()[-lines:])
    except OSError:
        return ""


class TooLong(Failed):
    pass


class Table:
    def __init__(self, title, *columns):
        self.title, self.columns, self.rows, self.notes = title, columns, [], []

    def add(self, *cells):
        self.rows.append([str(c) for c in cells])

    def note(self, text):
        self.notes.append(text)

    def show(self):
        print("\n" + self.title)
        if self.rows:
            width = [max(len(r[i]) for r in [self.columns] + self.rows) for i in range(len(self.columns))]
            for r in [self.columns, ["-" * w for w in width]] + self.rows:
                print("  " + "  ".join(c.ljust(w) for c, w in zip(r, width)).rstrip())
        for text in self.notes:
            print("  * " + text)
        sys.stdout.flush()


class Server:
    """A fakeapi process with made-up questions, without limit of rate (the client keeps its own)."""

    def __init__(self, bench, questions):
        self.bench, self.questions = bench, questions
        ready = bench.path("ready")
        self.process = bench.spawn([bench.fakeapi, "--exit-with-parent", "--ready-file", ready, "--rate-limit", "0",
                                    "--quota-max", "10000000", "--synthetic", str(questions)])
        bench.until(lambda: os.path.exists(ready) or self.process.poll() is not None, 60, "fakeapi starts")
        if self.process.poll() is not None:
            raise Failed("fakeapi ended at once: " + tail(self.process.errors))
        with open(ready) as f:
            self.url = f.read().strip()
        self.port = urllib.parse.urlsplit(self.url).port

    def ctl(self, method, path, body=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            c.request(method, "/_ctl/" + path, None if body is None else json.dumps(body).encode())
            r = c.getresponse()
            data = r.read()
        finally:
            c.close()
        if r.status != 200:
            raise Failed("fakeapi refuses %s: %s" % (path, data[:200]))
        return json.loads(data) if data.strip() else None

    def reset(self):
        self.ctl("POST", "stats/reset?forget=1")
        self.ctl("POST", "cache/clear")

    def stats(self):
        return self.ctl("GET", "stats")

    def log(self):
        log = self.ctl("GET", "log")
        return log if isinstance(log, list) else next(v for v in log.values() if isinstance(v, list))

    def latency(self, ms):
        self.ctl("POST", "config", {"latency_ms": ms})


class Mount:
    """A mount of sofs. Its counters are asked through the control socket, which costs the kernel no request."""

    def __init__(self, bench, server, *options, rate=30):
        self.bench, self.server = bench, server
        self.path = bench.path("mount")
        os.mkdir(self.path)
        self.log = bench.path("sofs.log")
        bench.mounts.append(self)
        started = time.perf_counter()
        r = bench.run([bench.sofs, "mount", "--api-url", server.url, "--rate", str(rate), "--log-file", self.log,
                       *options, "acme", self.path], timeout=120)
        self.mount_s = time.perf_counter() - started
        if r.returncode:
            raise Failed("sofs mount: " + r.stderr.strip())
        self.pid = self.status()["pid"]
        self.questions = os.path.join(self.path, "questions")

    def status(self):
        r = self.bench.run([self.bench.sofs, "status", "--json", self.path], timeout=30)
        if r.returncode:
            raise Failed("sofs status: " + r.stderr.strip())
        return json.loads(r.stdout)

    def kernel(self):
        """Requests of the kernel so far, by kind."""
        k = self.status()["kernel"]
        return {n: k[n] for n in ("requests", "lookup", "readdir", "read", "getattr", "other")}

    def list_all(self):
        """`ls questions`: afterwards all data is in the process, and nothing below is in the kernel."""
        return sum(1 for _ in os.scandir(self.questions))

    def rss_kb(self):
        with open("/proc/%d/status" % self.pid) as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))

    def cpu_s(self):
        """Processor time of all threads so far, and of the one that takes in answers."""
        total = net = 0
        for task in os.listdir("/proc/%d/task" % self.pid):
            base = "/proc/%d/task/%s/" % (self.pid, task)
            with open(base + "schedstat") as f:
                ns = int(f.read().split()[0])
            with open(base + "comm") as f:
                net += ns if f.read().strip() == "sofs-net" else 0
            total += ns
        return total / 1e9, net / 1e9

    def end(self):
        if self not in self.bench.mounts:
            return
        pid = getattr(self, "pid", None)
        r = self.bench.run([self.bench.sofs, "umount", self.path], timeout=60)
        if r.returncode and is_mounted(self.path):
            force_umount(self.path)
        deadline = time.monotonic() + 10
        while pid and is_running(pid) and time.monotonic() < deadline:
            time.sleep(0.01)
        self.bench.mounts.remove(self)


def is_running(pid):
    """A zombie is not: whoever adopted it takes his time."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def is_mounted(path):
    with open("/proc/self/mountinfo") as f:
        return any(line.split()[4] == path for line in f)


def force_umount(path):
    for command in (["fusermount3", "-u", path], ["fusermount3", "-u", "-z", path], ["umount", "-l", path]):
        if shutil.which(command[0]) and is_mounted(path):
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20)


class Bench:
    def __init__(self, build, directory, runs, questions, small):
        self.sofs = os.path.join(build, "src/cli/sofs")
        self.fakeapi = os.path.join(build, "tools/fakeapi/fakeapi")
        for program in (self.sofs, self.fakeapi):
            if not os.access(program, os.X_OK):
                raise Failed("%s is missing: build first, or give --build" % program)
        self.runs, self.questions_nr, self.small = runs, questions, small
        self.mounts, self.points, self.children, self.names = [], [], [], 0
        self.dir = os.path.realpath(tempfile.mkdtemp(prefix="sofs-bench-", dir=directory))
        self.extra_dirs = []
        self.env = dict(os.environ, LC_ALL="C", SOFS_TOKEN="tok-ro")
        for name in ("CACHE_HOME", "CONFIG_HOME", "STATE_HOME", "DATA_HOME", "RUNTIME_DIR"):
            self.env["XDG_" + name] = os.path.join(self.dir, "xdg-" + name.lower())
            os.mkdir(self.env["XDG_" + name], 0o700)
        self.facts = {}       # what the table of goals is made of
        self.results = {}     # what --json writes

    def path(self, name):
        self.names += 1
        return os.path.join(self.dir, "%s%d" % (name, self.names))

    def until(self, condition, seconds, what):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise Failed("not within %d s: %s" % (seconds, what))
            time.sleep(0.01)

    # Processes

    def spawn(self, argv, **kw):
        """A process of its own session that lives until end()."""
        errors = self.path("stderr")
        with open(errors, "wb") as err:
            p = subprocess.Popen(argv, **dict(dict(stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err,
                                                   env=self.env, start_new_session=True), **kw))
        p.errors = errors
        self.children.append(p)
        return p

    def stop(self, p):
        if p.poll() is None:
            p.terminate()
            try:
                p.wait(5)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        if p in self.children:
            self.children.remove(p)

    def run(self, argv, timeout=600, **kw):
        try:
            return subprocess.run(argv, env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=timeout, **kw)
        except subprocess.TimeoutExpired:
            raise Failed("takes longer than %d s: %s" % (timeout, " ".join(argv)))

    def timed(self, command, cwd, ok=(0,), timeout=300):
        """Wall time of a shell command. Output goes to a file: some tools stop early when it is /dev/null."""
        with open(os.path.join(self.dir, "output"), "wb") as out:
            started = time.perf_counter()
            p = self.spawn(["bash", "-c", command], cwd=cwd, stdout=out)
            # Not Popen.wait(timeout): that looks only every 50 ms.
            fd = os.pidfd_open(p.pid)
            ended = select.select([fd], [], [], timeout)[0]
            wall = time.perf_counter() - started
            os.close(fd)
            if not ended:
                os.killpg(p.pid, signal.SIGKILL)
            status = p.wait()
            self.children.remove(p)
            if not ended:
                raise TooLong("takes longer than %d s: %s" % (timeout, command))
        if status not in ok:
            raise Failed("%s: exit %d: %s" % (command, status, tail(p.errors)))
        os.unlink(p.errors)
        return wall

    def pairs(self, k, a, b):
        """k pairs of a() and b(), in turn, each first every other time."""
        out = []
        for i in range(k):
            if i % 2:
                tb = b()
                ta = a()
            else:
                ta = a()
                tb = b()
            out.append((ta, tb))
        return out

    # What the kernel sends, counted by the kernel: for filesystems that do not count themselves

    def has_tracepoint(self):
        if not hasattr(self, "tracepoint"):
            self.tracepoint = bool(shutil.which("perf")) and self.run(
                ["perf", "stat", "-a", "-e", "fuse:fuse_request_send", "true"]).returncode == 0
        return self.tracepoint

    def counted(self, mountpoint, fn):
        """fn() and the requests of that mount meanwhile (None where the kernel does not tell)."""
        if not self.has_tracepoint():
            return fn(), None
        out = self.path("perf")
        # A mount's device number may not be had from the mount itself: that would be a request.
        with open("/proc/self/mountinfo") as f:
            minor = next(line.split()[2].split(":")[1] for line in f if line.split()[4] == mountpoint)
        # It counts as long as its command runs: a `cat` that ends with its input.
        p = self.spawn(["perf", "stat", "-a", "-e", "fuse:fuse_request_send", "--filter", "connection==" + minor,
                        "-x,", "-o", out, "--", "cat"], stdin=subprocess.PIPE)
        try:
            time.sleep(0.3)
            result = fn()
        finally:
            p.stdin.close()
            p.wait()
            self.children.remove(p)
        with open(out) as f:
            m = re.search(r"^(\d+),,fuse:fuse_request_send", f.read(), re.M)
        return result, int(m.group(1)) if m else None

    def end(self):
        """Takes everything down; whatever is in the way, the rest goes on."""
        for m in list(self.mounts):
            try:
                m.end()
            except Exception as e:   # noqa: BLE001
                print("cannot unmount %s: %s" % (m.path, e), file=sys.stderr)
                force_umount(m.path)
        for point in self.points:
            force_umount(point)
        for p in list(self.children):
            try:
                os.killpg(p.pid, signal.SIGTERM)
            except OSError:
                pass
            self.stop(p)
        left = []
        with open("/proc/self/mountinfo") as f:
            left = [line.split()[4] for line in f if line.split()[4].startswith(self.dir + "/")]
        for point in left:
            force_umount(point)
        if any(is_mounted(point) for point in left):
            print("still mounted, so %s stays: %s" % (self.dir, " ".join(left)), file=sys.stderr)
            return
        for d in [self.dir] + self.extra_dirs:
            shutil.rmtree(d, ignore_errors=True)
