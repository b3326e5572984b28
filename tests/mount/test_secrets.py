"""The token is nowhere but in the header of a request."""

import glob
import os
import re
import stat

from harness import Failed, command_line, descendants, test


def processes_of(m):
    return [m.pid, *descendants(m.pid)]


@test(tsan=True)
def the_token_is_in_no_argument_and_no_environment(t):
    m = t.mount(t.server(), token="tok-rw")
    for pid in processes_of(m):
        t.ok("tok-rw" not in command_line(pid), "in the arguments of %d" % pid)
        with open("/proc/%d/environ" % pid, "rb") as f:
            t.ok(b"tok-rw" not in f.read(), "in the environment of %d" % pid)


@test
def the_token_of_a_file_is_in_no_environment(t):
    path = t.write("token", "tok-rw\n", 0o600)
    m = t.mount(t.server(), "--token-file", path, token=None)
    with open("/proc/%d/environ" % m.pid, "rb") as f:
        t.ok(b"tok-rw" not in f.read(), "in the environment")


@test
def children_do_not_see_the_token(t):
    """A token-command that shows its environment and arguments; the environment's token is not for it."""
    server = t.server()
    out = os.path.join(t.dir, "seen")
    m = t.mount(server, "--token-command", "env > %s; cat /proc/$PPID/environ >> %s; echo tok-ro" % (out, out), token="tok-rw")
    with open(out, "rb") as f:
        seen = f.read()
    t.ok(seen and b"tok-r" not in seen, "in what the command sees")
    m.read("questions/101/body.md")


@test(tsan=True)
def the_token_is_in_no_log_error_status_or_cache(t):
    server = t.server()
    m = t.mount(server, "--timeout", "2", token="tok-rw")
    m.tree("questions", 101)
    # Everything that might make somebody write a request down.
    for fault in ({"kind": "error", "error_id": 402, "message": "`tok-rw` is not valid"}, {"kind": "reset_before"}, {"kind": "redirect"},
                  {"kind": "html_error"}, {"kind": "invalid_json", "variant": "garbage"}):
        server.faults(dict(fault, method="questions/{ids}", count=3))
        for i in (1, 2):
            try:
                os.stat(m / ("questions/%d" % i))
            except OSError:
                pass
        server.clear_faults()
    texts = {"log": open(m.log).read(), "errors": m.read(".sofs/errors").decode(), "status": m.read(".sofs/status").decode(),
             "status.json": m.read(".sofs/status.json").decode(), "sofs log": "\n".join(m.errors())}
    for name, text in texts.items():
        t.ok("tok-rw" not in text, "in the " + name)
    t.ok(texts["errors"], "there were errors")
    m.umount()
    for top in ("cache", "state", "run", "home"):
        for dirpath, _, names in os.walk(os.path.join(t.dir, top)):
            for name in names:
                with open(os.path.join(dirpath, name), "rb") as f:
                    t.ok(b"tok-rw" not in f.read(), "in " + os.path.join(dirpath, name))


@test
def what_libfuse_and_debug_tell_has_no_token(t):
    import subprocess
    import time
    server = t.server()
    path = t.sub("md")
    env = dict(t.env, SOFS_TOKEN="tok-rw")
    err = os.path.join(t.dir, "debug.txt")
    with open(err, "wb") as f:
        p = subprocess.Popen([t.build.sofs, "mount", "-d", "--log-level", "debug", "--api-url", server.url, "acme", path], env=env,
                             stdin=subprocess.DEVNULL, stdout=f, stderr=f)
    t.until(lambda: os.path.exists(path + "/questions") or p.poll() is not None, 15, "it mounts")
    with open(path + "/questions/101/body.md", "rb") as f:
        f.read()
    t.eq(t.sofs("umount", path).returncode, 0, "umount")
    t.eq(p.wait(20), 0, "exit status")
    with open(err, "rb") as f:
        text = f.read()
    t.ok(b"LOOKUP" in text, "it traced")
    t.ok(b"tok-rw" not in text, "in the trace")


@test
def the_token_travels_in_the_header_only(t):
    for style in ("query", "path"):
        server = t.server("--styles", style)
        server.excused.add("token_wrong_style")
        m = t.mount(server, "--api-style", style, token="tok-rw")
        m.read("questions/101/body.md")
        s = server.stats()
        t.eq(s["token_in_url"], 0, "tokens in addresses")
        t.ok(s["token_seen"] > 0, "tokens in headers")
        m.umount()
        for e in server.log():
            t.ok("tok-" not in e["uri"] and "***" not in e["uri"], "an address: " + e["uri"])


@test
def directories_for_state_are_private(t):
    m = t.mount(t.server())
    m.list("questions")
    found = 0
    for top in ("cache", "run"):
        path = os.path.join(t.dir, top, "sofs")
        st = os.stat(path)
        t.eq(stat.S_IMODE(st.st_mode), 0o700, "mode of " + top)
        for name in glob.glob(path + "/*"):
            mode = os.lstat(name).st_mode
            t.ok(not mode & 0o077, "others can read " + os.path.relpath(name, t.dir))
            found += 1
    t.ok(found >= 1, "there is something")


@test
def the_log_file_is_private(t):
    m = t.mount(t.server())
    t.ok(not os.stat(m.log).st_mode & 0o077, "others can read the log")


@test
def cores_are_not_written(t):
    m = t.mount(t.server())
    with open("/proc/%d/limits" % m.pid) as f:
        line = next(l for l in f if l.startswith("Max core file size"))
    t.ok(int(line.split()[4]) <= 1, line)


@test
def a_user_agent_is_sent(t):
    server = t.server()
    m = t.mount(server)
    m.read("questions/101/body.md")
    t.eq(server.stats()["missing_user_agent"], 0, "requests without")
