"""Waiting for the server: it ends, it does not spread, and it can be interrupted."""

import ctypes
import errno
import os
import signal
import subprocess
import sys
import threading
import time

import reference
from harness import Failed, Skipped, is_alive, libc, test

UNREACHABLE = (errno.EHOSTUNREACH, errno.ETIMEDOUT)
STALL = {"kind": "stall", "method": "questions/{ids}", "count": -1}


def waiting(m):
    return m.status()["kernel"]["waiting"]


def cat(path, **kw):
    return subprocess.Popen(["cat", path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw)


def seconds(fn, *args):
    start = time.monotonic()
    fn(*args)
    return time.monotonic() - start


@test(deadline=90, alone=True)
def a_thousand_stalled_readers_do_not_slow_others(t):
    server = t.server(synthetic=1200)
    questions = sorted(server.questions())
    m = t.mount(server, "--timeout", "60")
    warm = questions[0]
    tag = server.questions()[warm]["tags"][0]
    m.tree("questions", warm)
    m.list("tags", tag)
    cold = [i for i, q in server.questions().items() if tag not in q["tags"]][:1000]
    server.faults(STALL)

    def look():
        m.read("questions", warm, "body.md")
        m.list("questions", warm, "answers")
        m.list()
        m.list("tags", tag)
        m.read("README.md")
        m.read(".sofs/status")
    before = sorted(seconds(look) for _ in range(20))[10]
    threads, out = t.threads([lambda i=i: os.open(m / ("questions/%d/body.md" % i), os.O_RDONLY) for i in cold])
    try:
        t.until(lambda: waiting(m) == 1000, 30, "a thousand requests of the kernel wait")
    except Failed as e:
        raise Failed("%s: %d; %s" % (e, waiting(m), [o for o in out if o is not None][:3]))
    during = sorted(seconds(look) for _ in range(20))[10]
    r = t.run("cat", m / ("questions/%d/body.md" % warm), timeout=2)
    t.eq(r.returncode, 0, "cat")
    # Python's own threads cost something; a reader that waits behind others would take seconds.
    t.le(during, max(10 * before, 0.2 * t.slow), "seconds of a warm look (before: %.4f)" % before)
    t.le(m.threads(), 64, "threads of the process: none for each that waits")
    server.clear_faults()
    for th in threads:
        th.join(40 * t.slow)
    t.ok(not any(th.is_alive() for th in threads), "a reader still waits")
    bad = [o for o in out if not isinstance(o, int)]
    t.eq(bad[:3], [], "readers that failed")
    for fd in out:
        os.close(fd)


@test(deadline=90)
def readers_that_wait_for_evicted_texts_do_not_stop_others(t):
    server = t.server(synthetic=4000)
    m = t.mount(server, "--memory", "4M", "--timeout", "30", "--rate", "30")
    ids = sorted(server.questions())
    m.list("questions")
    warm = m / ("questions/%d/body.md" % ids[-1])
    fd = os.open(warm, os.O_RDONLY)
    os.read(fd, 10)
    server.faults({"kind": "stall", "method": "questions/{ids}", "count": -1})

    def read(i):
        with open(m / ("questions/%d/body.md" % i), "rb") as f:
            return len(f.read())
    threads, out = t.threads([lambda i=i: read(i) for i in ids[:3000:10]])
    t.until(lambda: waiting(m) >= 100, 10, "readers wait for texts that are not here")
    t.ok(m.list("questions", ids[-1]), "a directory beside them")
    t.ok(m.read(".sofs/status"), "status beside them")
    r = t.run("cat", warm, timeout=5)
    t.eq(r.returncode, 0, "a warm file beside them")
    os.close(fd)
    server.clear_faults()
    for th in threads:
        th.join(60 * t.slow)
    t.eq([o for o in out if not isinstance(o, int)][:3], [], "readers that failed")


@test(tsan=True)
def a_stalled_server_ends_in_an_error_within_timeout(t):
    server = t.server()
    m = t.mount(server, "--timeout", "2")
    server.faults(STALL)
    took = seconds(lambda: t.errno(UNREACHABLE, os.stat, m / "questions/101"))
    t.ok(1.5 <= took <= 2 + 3 * t.slow, "it took %.1f s" % took)
    t.ok(any(("ETIMEDOUT" in e or "EHOSTUNREACH" in e) and "questions/101" in e for e in m.errors()), "a line in .sofs/errors: %s" % m.errors())


@test
def the_listing_of_a_stalled_server_ends_within_timeout(t):
    server = t.server()
    m = t.mount(server, "--timeout", "2")
    server.faults({"kind": "stall", "method": "questions", "count": -1}, {"kind": "stall", "method": "tags", "count": -1})
    took = seconds(lambda: t.errno(UNREACHABLE, os.listdir, m / "questions"))
    t.le(took, 2 + 3 * t.slow, "seconds")
    took = seconds(lambda: t.errno(UNREACHABLE, os.listdir, m / "tags"))
    t.le(took, 2 + 3 * t.slow, "seconds")


@test
def slow_but_steady_is_waited_for(t):
    """The timeout counts time without progress."""
    server = t.server()
    m = t.mount(server, "--timeout", "2")
    server.faults({"kind": "delay", "ms": 1200, "method": "questions/{ids}", "count": -1})
    for q in (101, sorted(server.questions())[-1]):
        t.ok(m.read("questions", q, "body.md"), "a slow answer")


@test
def a_listing_longer_than_timeout_completes_page_by_page(t):
    server = t.server(synthetic=1000)
    m = t.mount(server, "--timeout", "2", "--concurrency", "1")
    server.faults({"kind": "delay", "ms": 400, "method": "questions", "count": -1})
    t.eq(len(m.list("questions")), 1000, "names")


@test(tsan=True)
def after_the_stall_everything_works_again(t):
    server = t.server()
    m = t.mount(server, "--timeout", "1")
    server.faults(STALL)
    t.errno(UNREACHABLE, os.stat, m / "questions/101")
    server.clear_faults()
    t.until(lambda: reads(m / "questions/101/body.md"), 15, "it is readable again")


def reads(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError:
        return None


@test(tsan=True, deadline=90)
def a_server_killed_during_a_grep_leaves_what_is_here(t):
    server = t.server(synthetic=2000)
    m = t.mount(server, "--timeout", "3", "--concurrency", "1")
    m.tree("questions", 1)
    server.faults({"kind": "delay", "ms": 300, "method": "questions", "count": -1})
    grep = subprocess.Popen(["grep", "-rc", "", m / "questions"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)
    t.until(lambda: server.stats()["methods"].get("questions", {}).get("ok", 0) >= 5, 20, "some pages have arrived")
    server.kill()
    try:
        out, err = grep.communicate(timeout=(3 + 15) * t.slow)
    except subprocess.TimeoutExpired:
        grep.kill()
        raise Failed("grep hangs")
    found = {line.split("/questions/")[1].split("/")[0] for line in out.splitlines()}
    t.ok(len(found) >= 300, "what was here was served: %d questions" % len(found))
    t.ok(grep.returncode == 2 and ("No route to host" in err or "timed out" in err.lower() or "Input/output" in err),
         "grep tells: %d %s" % (grep.returncode, err[:200]))
    # What is here is served on, what is not fails soon, and says why.
    t.ok(m.read("questions/1/body.md"), "a warm file")
    for _ in range(3):
        took = seconds(lambda: t.errno(UNREACHABLE, os.stat, m / "questions/19991"))
        t.le(took, 3 + 3 * t.slow, "seconds until the error")
    status = m.status()["server"]
    t.ok(not status["answers"] and status["down_since"], "status.json says that it is down: %s" % status)
    t.ok(any("EHOSTUNREACH" in e or "ETIMEDOUT" in e for e in m.errors()), "a line in .sofs/errors")
    server.start()
    server.excused.add("repeats")
    t.until(lambda: reads(m / "questions/19991/body.md"), 30, "the mount recovers")
    t.until(lambda: lists(m / "questions") == 2000, 30, "the listing is completed")
    t.ok(m.status()["server"]["answers"], "status.json says that it answers")


def lists(path):
    try:
        return len(os.listdir(path))
    except OSError:
        return -1


@test
def an_unreachable_server_fails_at_once_when_it_is_known_to_be_down(t):
    server = t.server(synthetic=300)
    m = t.mount(server, "--timeout", "5")
    m.tree("questions", 1)
    server.kill()
    t.errno(UNREACHABLE, os.stat, m / "questions/11")
    for i in range(21, 200, 10):
        took = seconds(lambda: t.errno(errno.EHOSTUNREACH, os.stat, m / ("questions/%d" % i)))
        t.le(took, 1 * t.slow, "seconds until the error")
    t.ok(m.read("questions/1/body.md"), "what is here")
    text = m.read(".sofs/status").decode()
    t.ok("not answered" in text, "status says so: " + text)


@test
def a_complete_listing_still_says_enoent_without_the_server(t):
    server = t.server(synthetic=200)
    m = t.mount(server, "--timeout", "3")
    m.tree("questions")
    server.kill()
    t.errno(errno.ENOENT, os.stat, m / "questions/5")
    t.eq(len(m.list("questions")), 200, "the listing")
    for tag in ("c#", "c++"):
        m.list("tags", tag)


@test
def retries_of_a_mount_that_is_down_are_few(t):
    server = t.server(synthetic=300)
    m = t.mount(server, "--timeout", "5")
    server.faults({"kind": "reset_before", "count": -1})
    for i in range(1, 3000, 10):
        t.errno((errno.EIO,) + UNREACHABLE, os.stat, m / ("questions/%d" % i)) if i < 100 else None
    t.le(server.total(), 4 + 10 * 3, "requests, retries included")


@test(alone=True, tsan=True)
def ctrl_c_ends_a_waiting_cat(t):
    server = t.server()
    m = t.mount(server, "--timeout", "30")
    server.faults(STALL, {"kind": "stall", "method": "questions", "count": -1})
    for path in (m / "questions/101/body.md", m / "questions/138/answers/1.md"):
        p = cat(path)
        t.until(lambda: waiting(m) == 1, 10, "cat waits")
        p.send_signal(signal.SIGINT)
        took = seconds(lambda: p.wait(20))
        t.le(took, 0.2 * (1 if t.slow == 1 else 10), "seconds until it ended")
        t.eq(p.returncode, -signal.SIGINT, "it died of the signal")
        p.communicate()
        t.until(lambda: waiting(m) == 0, 5, "nobody waits any more")
    ls = subprocess.Popen(["ls", m / "questions"], stdout=subprocess.DEVNULL)
    t.until(lambda: waiting(m) == 1, 10, "ls waits")
    ls.send_signal(signal.SIGINT)
    t.le(seconds(lambda: ls.wait(20)), 0.2 * (1 if t.slow == 1 else 10), "seconds until ls ended")
    t.ok(not any("EINTR" in e for e in m.errors()), "an interrupted wait is no error")


@test(alone=True, cases={"term": signal.SIGTERM, "kill": signal.SIGKILL, "hup": signal.SIGHUP, "quit": signal.SIGQUIT})
def a_deadly_signal_ends_a_waiting_cat(t, sig):
    server = t.server()
    m = t.mount(server, "--timeout", "30")
    server.faults(STALL)
    p = cat(m / "questions/101/body.md")
    t.until(lambda: waiting(m) == 1, 10, "cat waits")
    p.send_signal(sig)
    t.le(seconds(lambda: p.wait(20)), 0.5 * (1 if t.slow == 1 else 5), "seconds until it ended")
    p.communicate()


@test(alone=True)
def ctrl_c_ends_a_reader_of_an_evicted_text(t):
    server = t.server(synthetic=4000)
    m = t.mount(server, "--memory", "4M", "--timeout", "30", "--rate", "30")
    m.list("questions")
    server.faults(STALL)
    first = m.list("questions")[0]
    p = cat(m / ("questions/1/body.md"))
    try:
        t.until(lambda: waiting(m) == 1 or p.poll() is not None, 10, "cat waits")
        if p.poll() is not None:
            raise Skipped("the text of question %s was not evicted" % first)
        p.send_signal(signal.SIGINT)
        t.le(seconds(lambda: p.wait(20)), 0.2 * (1 if t.slow == 1 else 10), "seconds until it ended")
    finally:
        p.kill()
        p.communicate()


INTERRUPTER = r"""
import ctypes, os, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
count = [0]
def handler(*_):
    count[0] += 1
which = sys.argv[2]
if which == "alarm":
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.03, 0.03)
elif which == "child":
    signal.signal(signal.SIGCHLD, handler)
    for i in range(10):
        if os.fork() == 0:
            import time
            time.sleep(0.05 * (i + 1))
            os._exit(0)
elif which == "usr1":
    signal.signal(signal.SIGUSR1, handler)
    parent = os.getpid()
    if os.fork() == 0:
        import time
        for i in range(20):
            time.sleep(0.03)
            os.kill(parent, signal.SIGUSR1)
        os._exit(0)
else:
    signal.signal(signal.SIGWINCH, signal.SIG_DFL)
    parent = os.getpid()
    if os.fork() == 0:
        import time
        for i in range(20):
            time.sleep(0.03)
            os.kill(parent, signal.SIGWINCH)
        os._exit(0)
fd = libc.open(sys.argv[1].encode(), os.O_RDONLY)
err = ctypes.get_errno()
signal.setitimer(signal.ITIMER_REAL, 0)
print(fd >= 0, os.strerror(err) if fd < 0 else "ok", flush=True)
os._exit(0)
"""


@test(cases={"timers": "alarm", "children": "child", "user signals": "usr1", "window changes": "winch"})
def other_signals_do_not_interrupt(t, which):
    server = t.server()
    m = t.mount(server)
    server.faults({"kind": "delay", "ms": 900, "method": "questions/{ids}", "count": -1})
    script = t.write("interrupter.py", INTERRUPTER)
    r = t.run(sys.executable, script, m / "questions/101/body.md", which)
    t.eq((r.stdout.strip(), r.stderr), ("True ok", ""), "open(2) amid signals")


@test
def an_interrupt_after_a_harmless_signal_still_works(t):
    """The kernel tells of one signal only: the first."""
    server = t.server()
    m = t.mount(server, "--timeout", "30")
    server.faults(STALL)
    script = t.write("winch.py", "import os, signal, sys\nsignal.signal(signal.SIGINT, signal.SIG_DFL)\n"
                     "signal.signal(signal.SIGUSR1, lambda *_: None)\nos.stat(sys.argv[1])\n")
    p = subprocess.Popen([sys.executable, script, m / "questions/101"])
    t.until(lambda: waiting(m) == 1, 10, "it waits")
    p.send_signal(signal.SIGUSR1)
    time.sleep(0.3)
    t.eq(waiting(m), 1, "it waits on")
    p.send_signal(signal.SIGINT)
    t.le(seconds(lambda: p.wait(20)), 1 * t.slow, "seconds until it ended")


@test
def one_who_gives_up_does_not_take_the_answer_from_others(t):
    server = t.server()
    m = t.mount(server, "--timeout", "30")
    server.faults({"kind": "delay", "ms": 1500, "method": "questions/{ids}", "count": -1})
    ps = [cat(m / "questions/101/body.md") for _ in range(4)]
    t.until(lambda: waiting(m) >= 1, 10, "they wait")
    time.sleep(0.2)
    ps[0].send_signal(signal.SIGINT)
    outs = [p.communicate(timeout=20 * t.slow)[0] for p in ps]
    want = reference.files(server.questions()[101])["body.md"]
    t.eq(outs[1:], [want] * 3, "the others")
    t.eq(server.stats()["methods"]["questions/{ids}"]["count"], 1, "requests")


@test(tsan=True)
def ending_the_process_while_requests_wait_ends_them(t):
    server = t.server(synthetic=100)
    m = t.mount(server, "--timeout", "30")
    server.faults(STALL)
    ps = [cat(m / ("questions/%d/body.md" % i)) for i in range(1, 200, 10)]
    t.until(lambda: waiting(m) == 20, 10, "they wait")
    os.kill(m.pid, signal.SIGTERM)
    for p in ps:
        try:
            p.communicate(timeout=10 * t.slow)
        except subprocess.TimeoutExpired:
            raise Failed("a reader waits for a process that has ended")
        t.eq(p.returncode, 1, "exit status of cat")
    m.wait_end(10)
    m.expects_death = True
    t.eq(m.exit_status, 0, "exit status of sofs")
    t.eq(m.table(), [], "mounted")


@test
def umount_while_requests_wait_is_busy_or_done(t):
    server = t.server(synthetic=100)
    m = t.mount(server, "--timeout", "4")
    server.faults(STALL)
    ps = [cat(m / ("questions/%d/body.md" % i)) for i in range(1, 100, 10)]
    t.until(lambda: waiting(m) == 10, 10, "they wait")
    r = t.sofs("umount", m.path)
    t.ok(r.returncode == 1 and "in use" in r.stderr, "sofs umount: %d %s" % (r.returncode, r.stderr))
    t.eq(len(r.stderr.splitlines()), 1, "lines")
    for p in ps:
        p.communicate(timeout=20 * t.slow)
    m.umount()


@test
def a_lazy_unmount_while_requests_wait_ends_the_process(t):
    server = t.server(synthetic=100)
    m = t.mount(server, "--timeout", "3")
    server.faults(STALL)
    ps = [cat(m / ("questions/%d/body.md" % i)) for i in range(1, 100, 10)]
    t.until(lambda: waiting(m) == 10, 10, "they wait")
    t.eq(t.run("umount", "-l", m.path).returncode, 0, "umount -l")
    m.expects_death = True
    for p in ps:
        p.communicate(timeout=20 * t.slow)
        t.eq(p.returncode, 1, "exit status of cat")
    m.wait_end(10)
    t.eq(m.exit_status, 0, "exit status of sofs")


@test(tsan=True)
def the_next_mount_cleans_up_after_a_killed_one(t):
    server = t.server()
    m = t.mount(server)
    m.read("questions/101/body.md")
    m.kill(signal.SIGKILL)
    t.errno(errno.ENOTCONN, os.listdir, m / "tags")
    server.next_client()
    t.excuse_errors("removed what was left")
    again = t.mount(server, path=m.path)
    t.ok("removed what was left" in again.stderr and len(again.stderr.splitlines()) == 1, "it says so: " + again.stderr)
    t.ok(again.read("questions/101/body.md"), "the new mount")
    t.eq(len(again.table()), 1, "one mount at the place")


@test
def umount_cleans_up_after_a_killed_mount(t):
    server = t.server()
    m = t.mount(server)
    m.kill(signal.SIGKILL)
    r = t.sofs("umount", m.path)
    t.eq(r.returncode, 0, "sofs umount: " + r.stderr)
    t.eq(m.table(), [], "mounted")
    t.eq(os.listdir(m.path), [], "the directory is there and empty")


@test
def status_of_a_killed_mount_says_what_happened(t):
    server = t.server()
    m = t.mount(server)
    m.kill(signal.SIGKILL)
    r = t.sofs("status", m.path)
    t.ok(r.returncode == 1 and len(r.stderr.splitlines()) == 1, "sofs status: %d %s" % (r.returncode, r.stderr))
    t.sofs("umount", m.path)


@test(cases={"int": signal.SIGINT, "term": signal.SIGTERM, "hup": signal.SIGHUP})
def a_signal_unmounts(t, sig):
    m = t.mount(t.server())
    m.read("questions/101/body.md")
    m.kill(sig)
    t.eq(m.exit_status, 0, "exit status")
    t.eq(m.table(), [], "mounted")


@test
def umount_with_open_files_is_busy_and_keeps_serving(t):
    m = t.mount(t.server())
    with open(m / "questions/101/body.md", "rb") as f:
        r = t.sofs("umount", m.path)
        t.ok(r.returncode == 1 and "in use" in r.stderr and len(r.stderr.splitlines()) == 1,
             "sofs umount: %d %s" % (r.returncode, r.stderr))
        t.ok(f.read() and m.read("questions/101/meta.json"), "it serves on")
    m.umount()


@test(cases={"umount": "umount", "fusermount3": "fusermount3"})
def others_may_unmount_too(t, tool):
    import shutil
    if not shutil.which(tool):
        raise Skipped("%s is not installed" % tool)
    m = t.mount(t.server())
    m.read("questions/101/body.md")
    args = [tool, "-u", m.path] if tool == "fusermount3" else [tool, m.path]
    r = t.run(*args)
    t.eq((r.returncode, r.stderr), (0, ""), tool)
    m.wait_end(10)
    m.expects_death = True
    t.eq(m.exit_status, 0, "exit status of sofs")


@test
def a_listing_that_failed_goes_on_where_it_stopped(t):
    server = t.server(synthetic=1000)
    m = t.mount(server, "--timeout", "2", "--concurrency", "1")
    server.faults({"kind": "reset_before", "method": "questions", "skip": 6, "count": 5})
    names, failed = set(), None
    try:
        with os.scandir(m / "questions") as it:
            for e in it:
                names.add(e.name)
    except OSError as e:
        failed = e.errno
    t.ok(failed in (errno.EIO,) + UNREACHABLE, "the listing fails with an errno: %s after %d names" % (failed, len(names)))
    server.clear_faults()
    t.until(lambda: lists(m / "questions") == 1000, 15, "the listing is completed")
    t.le(server.content(), 10 + 1, "content requests in all")
