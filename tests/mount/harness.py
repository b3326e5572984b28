"""Real mounts against the local API server: starting, looking inside, ending, and what every test must leave true.

A test runs in a process of its own, in a mount namespace of its own where that is possible, in a temporary
directory that holds everything the program writes. When it has ended, whatever it did, the mounts are unmounted with
`sofs umount`, the servers are asked what they saw (see Server.check), the logs are read, and no process or mount may be
left."""

import ctypes
import errno
import http.client
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TOKENS = ("tok-rw", "tok-ro", "tok-rw2", "tok-expired", "tok-revoked", "tok-otherteam", "tok-noplan")

libc = ctypes.CDLL(None, use_errno=True)


class Failed(AssertionError):
    pass


class Skipped(Exception):
    pass


# ---- The list of tests ---------------------------------------------------------------------------

class Test:
    def __init__(self, name, fn, args, options):
        self.name, self.fn, self.args = name, fn, args
        self.deadline = options.pop("deadline", 60)   # seconds; a hang past it is a failure
        self.needs = options.pop("needs", ())
        self.alone = options.pop("alone", False)      # measures time: nothing runs beside it
        self.tsan = options.pop("tsan", False)        # suited to slow builds
        assert not options, options


TESTS = []


def test(fn=None, *, cases=None, **options):
    """Registers a test; with `cases` (name -> arguments) one for each."""
    def register(fn):
        theme = fn.__module__.removeprefix("test_")
        for case, args in (cases or {None: ()}).items():
            name = "%s.%s%s" % (theme, fn.__name__, "[%s]" % case if case else "")
            TESTS.append(Test(name, fn, args if isinstance(args, tuple) else (args,), dict(options)))
        return fn
    return register(fn) if fn else register


# ---- What is where -------------------------------------------------------------------------------

class Build:
    def __init__(self, path):
        self.path = os.path.abspath(path)
        self.sofs = os.path.join(self.path, "src/cli/sofs")
        self.fakeapi = os.path.join(self.path, "tools/fakeapi/fakeapi")
        with open(self.sofs, "rb") as f:
            binary = f.read()
        self.sanitizer = ("thread" if b"__tsan_init" in binary else
                          "address" if b"__asan_init" in binary else None)
        # How much longer than usual things may take.
        self.slow = {"thread": 10, "address": 4, None: 1}[self.sanitizer]


def corpus_dir():
    return os.environ.get("SOFS_CORPUS") or os.path.join(os.path.dirname(ROOT), "shared", "corpus")


def corpus_questions():
    import gzip
    with gzip.open(os.path.join(corpus_dir(), "questions.jsonl.gz"), "rt", encoding="utf-8",
                   newline="\n") as f:
        return [json.loads(line) for line in f]


def missing(need):
    """Why a test cannot run here, or None."""
    if need == "corpus":
        if not os.path.exists(os.path.join(corpus_dir(), "questions.jsonl.gz")):
            return "no corpus in ../shared/corpus"
    elif need == "root":
        if os.geteuid() != 0:
            return "only root can do this"
    elif need == "plain":
        pass
    elif not shutil.which(need):
        return "%s is not installed" % need
    return None


def processes():
    """pid -> parent of all."""
    out = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open("/proc/%s/stat" % entry) as f:
                    out[int(entry)] = int(f.read().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                pass
    return out


def descendants(pid):
    parents = processes()
    found, queue = [], [pid]
    while queue:
        p = queue.pop()
        for child, parent in parents.items():
            if parent == p:
                found.append(child)
                queue.append(child)
    return found


def command_line(pid):
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as f:
            return f.read().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def is_alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def mount_table(under):
    """(mount point, type, source) of what is mounted below a directory."""
    out = []
    with open("/proc/self/mountinfo") as f:
        for line in f:
            left, _, right = line.partition(" - ")
            point = left.split()[4].encode().decode("unicode_escape")
            if point == under or point.startswith(under + "/"):
                fields = right.split()
                out.append((point, fields[0], fields[1].encode().decode("unicode_escape")))
    return out


def tail(path, lines):
    try:
        with open(path, errors="replace") as f:
            return f.read().splitlines()[-lines:]
    except OSError:
        return []


# ---- The API server ------------------------------------------------------------------------------

class Server:
    """A fakeapi process. Data: sample (the default), corpus=True, or synthetic=N."""

    def __init__(self, t, *options, corpus=False, synthetic=None, tls=None, port=0, **settings):
        self.t, self.tls = t, tls
        self.nr = len(t.servers)
        self.ready = os.path.join(t.dir, "ready%d" % self.nr)
        self.options = list(options)
        if corpus:
            self.options += ["--corpus", os.path.join(corpus_dir(), "questions.jsonl.gz")]
        elif synthetic is not None:
            self.options += ["--synthetic", str(synthetic)]
        else:
            self.options += ["--sample", os.path.join(ROOT, "tools/fakeapi/sample")]
        if tls:
            self.options += ["--tls", *tls]
        for name, value in settings.items():
            self.options += ["--" + name.replace("_", "-"), str(value)]
        self.process = None
        self.port = port
        # What a test may expect to have caused: names of checks that are not made.
        self.excused = set()
        t.servers.append(self)
        self.start()

    def start(self):
        if os.path.exists(self.ready):
            os.unlink(self.ready)
        # It frees nothing at its end, on purpose.
        env = dict(self.t.env, ASAN_OPTIONS=self.t.env["ASAN_OPTIONS"].replace("detect_leaks=1", "detect_leaks=0"))
        with open(os.path.join(self.t.dir, "fakeapi%d.err" % self.nr), "ab") as err:
            self.process = subprocess.Popen(
                [self.t.build.fakeapi, "--exit-with-parent", "--ready-file", self.ready,
                 "--port", str(self.port), *self.options],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err, env=env)
        self.t.until(lambda: os.path.exists(self.ready) or self.process.poll() is not None, 30,
                     "fakeapi starts")
        if self.process.poll() is not None:
            raise Failed("fakeapi ended at once: " + " ".join(tail(err.name, 5)))
        with open(self.ready) as f:
            self.url = f.read().strip()
        self.port = urllib.parse.urlsplit(self.url).port

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5 * self.t.slow)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise Failed("fakeapi did not end")

    def kill(self):
        """As a machine that is switched off; what was counted is lost."""
        self.process.kill()
        self.process.wait()

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def ctl(self, method, path, body=None):
        if self.tls:
            import ssl
            c = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30,
                                            context=ssl._create_unverified_context())
        else:
            c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            c.request(method, "/_ctl/" + path,
                      None if body is None else json.dumps(body).encode())
            r = c.getresponse()
            data = r.read()
        finally:
            c.close()
        if r.status != 200:
            raise Failed("fakeapi refuses %s %s: %s" % (method, path, data[:200]))
        return data

    def stats(self):
        return json.loads(self.ctl("GET", "stats"))

    def log(self):
        return json.loads(self.ctl("GET", "log"))

    def total(self):
        return self.stats()["total"]

    def content(self):
        return self.stats()["content_requests"]

    def reset_stats(self):
        """Counts from zero; what was asked before still makes a repeat."""
        self.check()
        self.ctl("POST", "stats/reset")

    def next_client(self):
        """A new mount may ask again what an earlier one asked."""
        self.check()
        self.ctl("POST", "stats/reset?forget=1")

    def faults(self, *faults):
        """Repeats and aborted answers are then no sin of the client's."""
        self.excused |= {"repeats", "identical_in_flight"}
        self.ctl("POST", "faults", list(faults))

    def clear_faults(self):
        self.ctl("DELETE", "faults")

    def config(self, **settings):
        return json.loads(self.ctl("POST", "config", settings))

    def change(self, op, **arguments):
        """One change of the data; the id of what was changed."""
        return json.loads(self.ctl("POST", "data", dict(op=op, **arguments))).get("id")

    def random_changes(self, n, seed):
        return json.loads(self.ctl("POST", "data", dict(op="random", n=n, seed=seed)))["changes"]

    def questions(self):
        """What there is now, in the shape of the corpus, by id."""
        lines = self.ctl("GET", "dump/questions").decode().strip("\n").split("\n")
        return {q["question_id"]: q for q in map(json.loads, lines)}

    def tags(self):
        return [json.loads(line) for line in self.ctl("GET", "dump/tags").decode().splitlines()]

    def check(self):
        """What is true of every test: the promises about the server's limits."""
        if not self.is_running():
            return
        s = self.stats()
        for name, limit in (("max_per_second", 30), ("backoff_violations", 0), ("ban_requests", 0),
                            ("repeats", 0), ("identical_in_flight", 0), ("token_in_url", 0),
                            ("token_wrong_style", 0), ("missing_user_agent", 0)):
            if s[name] > limit and name not in self.excused:
                more = ": " + ", ".join(r["key"][:150] for r in s["repeated"][:3]) \
                    if name == "repeats" else ""
                raise Failed("the server counted %s=%d%s" % (name, s[name], more))


# ---- A mount -------------------------------------------------------------------------------------

class Mount:
    def __init__(self, t, server, *options, source="acme", token="tok-ro", path=None,
                 foreground=False, api_url=True, uses_namespace=True):
        self.t, self.server = t, server
        self.nr = len(t.mounts)
        self.path = path or os.path.join(t.dir, "m%d" % self.nr)
        self.log = os.path.join(t.dir, "sofs%d.log" % self.nr)
        self.is_mounted = False
        self.expects_death = False     # the test kills the process
        self.exit_status = None
        self.stderr = ""
        os.makedirs(self.path, exist_ok=True)
        args = ["mount", "--log-file", self.log, "--log-level", "debug"]
        if api_url:
            args += ["--api-url", server.url]
        args += [*options, source, self.path]
        env = dict(t.env)
        if token:
            env["SOFS_TOKEN"] = token
        self.process = None
        if foreground:
            err = open(os.path.join(t.dir, "sofs%d.err" % self.nr), "wb")
            self.process = subprocess.Popen([t.build.sofs, args[0], "-f", *args[1:]], env=env,
                                            stdin=subprocess.DEVNULL, stdout=err, stderr=err)
            err.close()
            t.mounts.append(self)
            t.until(lambda: self.table() or self.process.poll() is not None, 20, "the mount answers")
            t.until(lambda: self.process.poll() is not None or os.path.isdir(self / "questions"), 20,
                    "the mount answers")
            if self.process.poll() is not None:
                raise Failed("sofs mount -f ended: " + " ".join(tail(err.name, 5)))
        else:
            r = t.sofs(*args, env=env)
            if r.returncode != 0 or r.stdout:
                raise Failed("sofs mount: exit %d: %s%s" % (r.returncode, r.stdout, r.stderr))
            self.stderr = r.stderr
            t.mounts.append(self)
        self.is_mounted = True
        self.pid = self.status()["pid"]

    def __truediv__(self, name):
        return os.path.join(self.path, str(name))

    def table(self):
        return [e for e in mount_table(self.path) if e[0] == self.path]

    def status(self):
        """By the control socket: costs the kernel no request."""
        r = self.t.sofs("status", "--json", self.path)
        if r.returncode != 0:
            raise Failed("sofs status: " + r.stderr)
        return json.loads(r.stdout)

    def kernel_requests(self):
        return self.status()["kernel"]["requests"]

    def errors(self):
        r = self.t.sofs("log", self.path)
        return r.stdout.splitlines()

    def refresh(self, *paths):
        r = self.t.sofs("refresh", self.path, *paths, timeout=60)
        if r.returncode != 0:
            raise Failed("sofs refresh: " + r.stderr)

    def read(self, *names):
        with open(os.path.join(self.path, *map(str, names)), "rb") as f:
            return f.read()

    def list(self, *names):
        return sorted(os.listdir(os.path.join(self.path, *map(str, names))))

    def tree(self, *names):
        """Relative name -> bytes of all files below."""
        top = os.path.join(self.path, *map(str, names))
        out = {}
        for dirpath, dirs, files in os.walk(top, onerror=_raise):
            dirs.sort()
            for name in files:
                with open(os.path.join(dirpath, name), "rb") as f:
                    out[os.path.relpath(os.path.join(dirpath, name), top)] = f.read()
        return out

    def memory_kb(self, what="VmHWM"):
        with open("/proc/%d/status" % self.pid) as f:
            return int(re.search(r"%s:\s+(\d+)" % what, f.read()).group(1))

    def threads(self):
        return len(os.listdir("/proc/%d/task" % self.pid))

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.pid))

    def kill(self, sig=signal.SIGKILL):
        self.expects_death = True
        os.kill(self.pid, sig)
        self.wait_end(10)

    def wait_end(self, seconds):
        """Waits for the process; its status in exit_status."""
        if self.exit_status is not None:
            return
        if self.process:
            try:
                self.exit_status = self.process.wait(seconds * self.t.slow)
            except subprocess.TimeoutExpired:
                raise Failed("sofs has not ended after %d s" % seconds)
            return

        def ended():
            # It is our child: we are the reaper of our descendants.
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.exit_status = os.waitstatus_to_exitcode(status)
            return pid
        self.t.until(ended, seconds, "the process of the mount ends")

    def umount(self):
        r = self.t.sofs("umount", self.path, timeout=40)
        if r.returncode != 0 or r.stderr or r.stdout:
            raise Failed("sofs umount: exit %d: %s%s" % (r.returncode, r.stdout, r.stderr))
        self.is_mounted = False
        self.wait_end(10)
        if self.exit_status != 0:
            raise Failed("sofs ended with status %s" % self.exit_status)
        if self.table():
            raise Failed("still mounted after sofs umount")

    def end(self):
        """The end of the test, whatever it did."""
        if self.is_mounted and self.exit_status is None and not is_alive(self.pid) \
                and not self.expects_death:
            raise Failed("the process of the mount has died")
        if self.is_mounted and not self.expects_death:
            self.umount()

    def check_log(self):
        for path in (self.log, os.path.join(self.t.dir, "sofs%d.err" % self.nr)):
            if not os.path.exists(path):
                continue
            with open(path, errors="replace") as f:
                for line in f:
                    if re.match(r"\S*Z? ?error ", line) and not self.t.excuses_error(line):
                        raise Failed("the log has an error: " + line.strip())


def _raise(e):
    raise e


# ---- What a test gets ----------------------------------------------------------------------------

class Context:
    def __init__(self, build, directory, is_long, has_namespace):
        self.build, self.dir, self.long = build, directory, is_long
        self.has_namespace = has_namespace
        self.slow = build.slow
        self.servers, self.mounts = [], []
        self.excused_errors = []
        self.checks_tokens = True
        self.started = time.monotonic()
        self.env = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin", "LANG": "C.UTF-8",
            "HOME": self.sub("home"), "XDG_RUNTIME_DIR": self.sub("run", 0o700),
            "XDG_CACHE_HOME": self.sub("cache"), "XDG_CONFIG_HOME": self.sub("config"),
            "XDG_STATE_HOME": self.sub("state"), "TMPDIR": self.sub("tmp"),
            "ASAN_OPTIONS": "log_path=%s/sanitizer:detect_leaks=1" % directory,
            "UBSAN_OPTIONS": "log_path=%s/sanitizer:print_stacktrace=1" % directory,
            "TSAN_OPTIONS": "log_path=%s/sanitizer:second_deadlock_stack=1" % directory,
        }

    def sub(self, name, mode=0o755):
        path = os.path.join(self.dir, name)
        os.makedirs(path, exist_ok=True)
        os.chmod(path, mode)
        return path

    def write(self, name, text, mode=0o644):
        """A file in the test's directory."""
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    # Doing

    def server(self, *options, **settings):
        return Server(self, *options, **settings)

    def mount(self, server, *options, **kw):
        if any(m.server is server for m in self.mounts):
            server.next_client()
        return Mount(self, server, *options, **kw)

    def run(self, *args, timeout=30, env=None, **kw):
        """A command; its texts decoded. A hang is a failure."""
        try:
            return subprocess.run(args, stdin=subprocess.DEVNULL, capture_output=True,
                                  timeout=timeout * self.slow, env=env or self.env, text=True,
                                  errors="replace", **kw)
        except subprocess.TimeoutExpired:
            raise Failed("%s has not ended after %d s" % (" ".join(args)[:200], timeout * self.slow))

    def sofs(self, *args, **kw):
        return self.run(self.build.sofs, *args, **kw)

    def grep(self, *args, timeout=60, ok=(0, 1)):
        r = self.run("grep", *args, timeout=timeout)
        if r.returncode not in ok:
            raise Failed("grep: exit %d: %s" % (r.returncode, r.stderr[:300]))
        return r.stdout.splitlines()

    def until(self, condition, seconds, what):
        """Polls; the time is a deadline for hangs and not a measure."""
        end = time.monotonic() + seconds * self.slow
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > end:
                raise Failed("waited in vain: " + what)
            time.sleep(0.01)

    def threads(self, functions):
        """Runs all at once. Results in order; an exception is a result."""
        out = [None] * len(functions)

        def work(i, fn):
            try:
                out[i] = fn()
            except BaseException as e:
                out[i] = e
        threads = [threading.Thread(target=work, args=(i, fn), daemon=True)
                   for i, fn in enumerate(functions)]
        for th in threads:
            th.start()
        return threads, out

    # Judging

    def ok(self, condition, what):
        if not condition:
            raise Failed(what)

    def eq(self, got, want, what):
        if got != want:
            raise Failed("%s: %s instead of %s" % (what, _short(got), _short(want)))

    def le(self, got, limit, what):
        if not got <= limit:
            raise Failed("%s: %s is more than %s" % (what, got, limit))

    def errno(self, expected, fn, *args):
        """fn fails with one of these."""
        expected = expected if isinstance(expected, tuple) else (expected,)
        names = "/".join(errno.errorcode[e] for e in expected)
        try:
            result = fn(*args)
        except OSError as e:
            if e.errno in expected:
                return e.errno
            raise Failed("%s%r: %s instead of %s" % (fn.__name__, args, errno.errorcode.get(e.errno), names))
        raise Failed("%s%r: %s instead of %s" % (fn.__name__, args, _short(result), names))

    def excuse_errors(self, pattern):
        """Lines of level error that the test brings about."""
        self.excused_errors.append(pattern)

    def excuses_error(self, line):
        return any(re.search(p, line) for p in self.excused_errors)

    # Ending

    def finish(self, failure):
        """Ends everything. The first failure counts: that of the test, or of what every test must leave true."""
        problems = [failure] if failure else []

        def attempt(fn):
            try:
                fn()
            except Skipped:
                raise
            except BaseException as e:
                problems.append(e)
        # A stalled server must not keep the mounts.
        for s in self.servers:
            if s.is_running():
                attempt(s.clear_faults)
        for m in self.mounts:
            attempt(m.end)
        for s in self.servers:
            attempt(s.check)
            attempt(lambda s=s: s.is_running() and self._keep_requests(s))
            attempt(s.stop)
        for m in self.mounts:
            attempt(m.check_log)
        attempt(self._check_sanitizers)
        attempt(self._check_stderr)
        attempt(self._check_tokens)
        attempt(self._check_left)
        return problems[0] if problems else None

    def _keep_requests(self, s):
        with open(os.path.join(self.dir, "requests%d.log" % s.nr), "w") as f:
            for e in s.log():
                f.write("%(n)d %(http_method)s %(uri).120s -> %(status)d error=%(error_id)d "
                        "items=%(items)d %(duration_ms)d ms\n" % e)

    def _check_sanitizers(self):
        for name in sorted(os.listdir(self.dir)):
            if name.startswith("sanitizer."):
                lines = tail(os.path.join(self.dir, name), 100000)
                raise Failed("sanitizer report:\n    " + "\n    ".join(lines[:60]))

    def _check_stderr(self):
        for m in self.mounts:
            if m.stderr and not self.excuses_error(m.stderr):
                raise Failed("sofs mount wrote on stderr: " + m.stderr)
        for s in self.servers:
            lines = tail(os.path.join(self.dir, "fakeapi%d.err" % s.nr), 3)
            if lines:
                raise Failed("fakeapi wrote on stderr: " + " ".join(lines))

    def _check_tokens(self):
        """No token in anything that the program wrote."""
        if not self.checks_tokens:
            return
        needle = re.compile("|".join(map(re.escape, TOKENS)).encode())
        for top in ("cache", "state", "run", "tmp"):
            for dirpath, _, names in os.walk(os.path.join(self.dir, top)):
                for name in names:
                    path = os.path.join(dirpath, name)
                    if stat.S_ISREG(os.lstat(path).st_mode):
                        with open(path, "rb") as f:
                            if needle.search(f.read()):
                                raise Failed("a token is in " + os.path.relpath(path, self.dir))
        for name in os.listdir(self.dir):
            if name.startswith("sofs"):
                with open(os.path.join(self.dir, name), "rb") as f:
                    if needle.search(f.read()):
                        raise Failed("a token is in " + name)

    def _check_left(self):
        left = mount_table(self.dir)
        left = [e for e in left if e[1].startswith("fuse")]
        for point, _, _ in left:
            subprocess.run(["umount", "-l", point], stderr=subprocess.DEVNULL)
        # Whoever was told to end a moment ago may still be at it: it fsyncs a file, which a busy disk makes slow.
        end = time.monotonic() + 15 * self.slow
        while time.monotonic() < end and any(map(is_alive, descendants(os.getpid()))):
            time.sleep(0.02)
        pids = [p for p in descendants(os.getpid()) if is_alive(p)]
        names = [command_line(p) for p in pids]
        for p in pids:
            try:
                os.kill(p, signal.SIGKILL)
            except ProcessLookupError:
                pass
        dead = {m.path for m in self.mounts if m.expects_death}
        left = [e for e in left if e[0] not in dead]
        if left:
            raise Failed("a mount was left: " + left[0][0])
        if names:
            raise Failed("a process was left: " + "; ".join(names)[:300])

    def report(self):
        """The tails of the logs."""
        out = []
        for name in sorted(os.listdir(self.dir)):
            if name.endswith((".log", ".err")):
                lines = tail(os.path.join(self.dir, name), 12)
                if lines:
                    out.append("  -- %s" % name)
                    out += ["  | " + line[:300] for line in lines]
        return out


def _short(value):
    text = repr(value)
    return text if len(text) < 400 else text[:200] + " … " + text[-150:]


# ---- The process of a test -----------------------------------------------------------------------

PR_SET_CHILD_SUBREAPER = 36
CLONE_NEWNS = 0x00020000
MS_REC, MS_PRIVATE = 0x4000, 1 << 18


def enter_namespace():
    """Mounts of the test are seen by nobody else, and end with it."""
    if os.geteuid() != 0 or libc.unshare(CLONE_NEWNS) != 0:
        return False
    return libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) == 0


def run_test(t, build, directory, is_long):
    """In the child: runs the test and writes the result."""
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    os.chdir(directory)
    context = Context(build, directory, is_long, enter_namespace())
    failure, result = None, {"state": "ok"}
    try:
        t.fn(context, *t.args)
    except Skipped as e:
        result = {"state": "skip", "reason": str(e)}
    except BaseException as e:
        failure = e
    failure = context.finish(failure)
    if failure:
        if isinstance(failure, Failed):
            reason = str(failure)
        else:
            import traceback
            reason = "".join(traceback.format_exception(failure)).strip()
        where = failure.__traceback__
        line = None
        while where:
            if where.tb_frame.f_code.co_filename.endswith(t.fn.__module__ + ".py"):
                line = where.tb_lineno
            where = where.tb_next
        result = {"state": "fail", "reason": reason, "line": line, "report": context.report()}
    with open(os.path.join(directory, "result.tmp"), "w") as f:
        json.dump(result, f)
    os.rename(os.path.join(directory, "result.tmp"), os.path.join(directory, "result"))
