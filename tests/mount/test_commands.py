"""The commands: options in all their places, refusals with one clear line, both URL styles, other sources, ordinary users."""

import errno
import http.server
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import threading
import time

import reference
from harness import CLONE_NEWNS, Failed, Skipped, descendants, libc, test

# ---- Refusals -------------------------------------------------------------------------------------


def refuse(t, words, *args, token="tok-ro", env=None, seconds=20):
    """`sofs mount` says no: exit 1, one line, no mount, no process."""
    path = t.sub("place")
    env = dict(env or t.env)
    if token:
        env["SOFS_TOKEN"] = token
    r = t.sofs("mount", *args, path, env=env, timeout=seconds)
    t.eq(r.returncode, 1, "exit status (%s)" % r.stderr)
    t.eq(r.stdout, "", "stdout")
    t.eq(len(r.stderr.splitlines()), 1, "lines on stderr: " + r.stderr)
    t.ok(r.stderr.startswith("sofs: "), "it says who speaks: " + r.stderr)
    t.ok(re.search(words, r.stderr, re.I), "the line names the cause %r: %s" % (words, r.stderr))
    t.ok("tok-" not in r.stderr, "the token is in the line")
    t.ok(not os.path.ismount(path), "it is mounted")
    t.until(lambda: not [p for p in descendants(os.getpid()) if "sofs mount" in _command(p)], 5, "its process ends")
    return r.stderr


def _command(pid):
    from harness import command_line, is_alive
    return command_line(pid) if is_alive(pid) else ""


TOKENS = {
    "none": (None, "no access token|token"),
    "invalid": ("nonsense-token", "token"),
    "expired": ("tok-expired", "expired"),
    "revoked": ("tok-revoked", "revoked"),
    "of another team": ("tok-otherteam", "another team|other team|access denied"),
    "plan without API": ("tok-noplan", "plan|access denied"),
}


@test(cases=TOKENS, tsan=True)
def a_mount_with_such_a_token_is_refused(t, token, words):
    refuse(t, words, "--api-url", t.server().url, "acme", token=token)


@test(cases={"401": 401, "402": 402, "403": 403})
def every_way_to_refuse_a_token_is_understood(t, error_id):
    for name in ("expired", "unknown", "otherteam"):
        server = t.server("--error-for", "%s=%d" % (name, error_id))
        token = {"expired": "tok-expired", "unknown": "nonsense-token", "otherteam": "tok-otherteam"}[name]
        server.excused.add("token_wrong_style")
        refuse(t, "token", "--api-url", server.url, "acme", token=token)


@test(cases={"unknown": "nosuchteam", "of other case": "ACME"})
def an_unknown_team_is_refused(t, slug):
    server = t.server()
    refuse(t, "team.*%s|%s" % (slug, slug), "--api-url", server.url, slug)


@test(cases={"empty": "", "with a slash": "a/b", "with a space": "a b", "a host without scheme": "acme.example.com",
             "path": "../x", "empty site": "site:", "plain http": "http://example.com", "nonsense": "ftp://x"})
def a_malformed_source_is_wrong_usage(t, source):
    path = t.sub("place")
    r = t.sofs("mount", source, path, env=dict(t.env, SOFS_TOKEN="tok-ro"))
    t.eq(r.returncode, 2, "exit status")
    t.eq(len(r.stderr.splitlines()), 1, "lines: " + r.stderr)


@test
def a_throttled_mount_is_refused(t):
    server = t.server()
    server.faults({"kind": "html_error", "status": 429, "retry_after": 120, "count": -1})
    refuse(t, "pause|throttl|later", "--api-url", server.url, "acme")


@test
def a_spent_quota_refuses_a_mount(t):
    server = t.server("--quota-remaining", "0")
    refuse(t, "quota", "--api-url", server.url, "acme")


@test(tsan=True)
def an_unreachable_host_is_named(t):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        url = "http://127.0.0.1:%d" % s.getsockname()[1]
    refuse(t, "cannot reach|connect", "--api-url", url, "--timeout", "3", "acme")


@test
def a_host_that_does_not_exist_is_named(t):
    refuse(t, "resolve|reach", "--timeout", "3", "https://no-such-host.invalid", seconds=40)


@test
def a_stalled_host_is_refused_within_a_few_timeouts(t):
    server = t.server()
    server.faults({"kind": "stall", "count": -1})
    start = time.monotonic()
    refuse(t, "answer|time", "--api-url", server.url, "--timeout", "2", "acme")
    t.le(time.monotonic() - start, 3 * 2 + 4 * t.slow, "seconds")


class NotAnApi(http.server.BaseHTTPRequestHandler):
    status, body, kind = 200, b"<html><body>Welcome</body></html>", "text/html"

    def do_GET(self):
        self.send_response(self.status)
        self.send_header("Content-Type", self.kind)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)
    do_POST = do_GET

    def log_message(self, *args):
        pass


NOT_APIS = {
    "a web page": (200, b"<html><body>Welcome</body></html>", "text/html"),
    "404": (404, b"<html>Not found</html>", "text/html"),
    "a login page": (403, b"<html>Log in</html>", "text/html"),
    "other JSON": (200, b'{"hello": "world"}', "application/json"),
    "nothing": (200, b"", "text/plain"),
    "binary": (200, bytes(range(256)) * 10, "application/octet-stream"),
    "a redirect": (302, b"", "text/html"),
}


@test(cases=NOT_APIS)
def what_is_no_api_is_refused(t, status, body, kind):
    handler = type("Handler", (NotAnApi,), {"status": status, "body": body, "kind": kind})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        try:
            refuse(t, "api|nonsense|answer|redirect", "--api-url", "http://127.0.0.1:%d" % httpd.server_address[1], "--timeout", "3", "acme")
        finally:
            httpd.shutdown()


def certificate(t):
    cert, key = os.path.join(t.dir, "cert.pem"), os.path.join(t.dir, "key.pem")
    r = t.run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
              "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost")
    if r.returncode != 0:
        raise Skipped("openssl cannot make a certificate: " + r.stderr[:200])
    return cert, key


@test(needs=("openssl",))
def an_untrusted_certificate_is_refused_and_ca_file_trusts_it(t):
    cert, key = certificate(t)
    try:
        server = t.server(tls=(cert, key))
    except Failed as e:
        if "no TLS" in str(e):
            t.servers.clear()
            raise Skipped("this libmicrohttpd has no TLS")
        raise
    refuse(t, "certificate.*ca-file", "--api-url", server.url, "--timeout", "3", "acme")
    t.eq(server.total(), 0, "requests without trust")
    m = t.mount(server, "--ca-file", cert)
    t.ok(m.read("questions/101/body.md"), "with the certificate")


@test(needs=("openssl",))
def a_certificate_for_another_name_is_refused(t):
    cert, key = certificate(t)
    t.run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
          "-subj", "/CN=other.example", "-addext", "subjectAltName=DNS:other.example")
    server = t.server(tls=(cert, key))
    refuse(t, "certificate", "--api-url", server.url, "--ca-file", cert, "--timeout", "3", "acme")


@test
def plain_http_to_another_machine_is_refused(t):
    path = t.sub("place")
    r = t.sofs("mount", "--api-url", "http://192.0.2.1:80", "acme", path, env=dict(t.env, SOFS_TOKEN="tok-ro"))
    t.ok(r.returncode == 2 and "http" in r.stderr and len(r.stderr.splitlines()) == 1, "%d %s" % (r.returncode, r.stderr))


@test
def a_bad_mount_point_is_refused(t):
    server = t.server()
    file = t.write("file", "x")
    for place in (os.path.join(t.dir, "absent"), file):
        r = t.sofs("mount", "--api-url", server.url, "acme", place, env=dict(t.env, SOFS_TOKEN="tok-ro"))
        t.eq((r.returncode, len(r.stderr.splitlines())), (1, 1), "mounting on %s: %s" % (place, r.stderr))
    t.eq(server.total(), 0, "requests")


@test
def a_second_mount_at_the_same_place_is_refused(t):
    server = t.server()
    m = t.mount(server)
    before = server.total()
    r = t.sofs("mount", "--api-url", server.url, "acme", m.path, env=dict(t.env, SOFS_TOKEN="tok-ro"))
    t.ok(r.returncode == 1 and "mounted" in r.stderr and len(r.stderr.splitlines()) == 1, "%d %s" % (r.returncode, r.stderr))
    t.eq(server.total(), before, "requests")
    t.ok(m.read("questions/101/body.md"), "the first one")


@test
def a_place_can_be_mounted_again_at_once_after_umount8(t):
    """umount(8) does not wait for the process."""
    server = t.server()
    path = t.sub("place")
    for _ in range(5):
        server.next_client()
        r = t.sofs("mount", "--api-url", server.url, "acme", path, env=dict(t.env, SOFS_TOKEN="tok-ro"))
        t.eq((r.returncode, r.stderr), (0, ""), "sofs mount")
        t.ok(os.listdir(path + "/questions"), "questions")
        t.eq(t.run("umount", path).returncode, 0, "umount")


@test
def two_mounts_of_a_team_live_side_by_side(t):
    server = t.server()
    server.excused.add("repeats")       # "never the same twice" is promised of one mount
    a = t.mount(server)
    b = t.mount(server)
    t.eq(a.read("questions/101/body.md"), b.read("questions/101/body.md"), "the same text")
    a.umount()
    t.ok(b.read("questions/101/meta.json"), "the other one")


# ---- Usage ----------------------------------------------------------------------------------------

WRONG_USAGE = {
    "nothing": [],
    "no such command": ["frobnicate"],
    "mount without operands": ["mount"],
    "mount with one": ["mount", "acme"],
    "mount with three": ["mount", "acme", "/x", "/y"],
    "unknown flag": ["mount", "--frobnicate", "acme", "/x"],
    "unknown -o": ["mount", "-o", "frobnicate", "acme", "/x"],
    "flag without value": ["mount", "acme", "/x", "--rate"],
    "rate 0": ["mount", "--rate", "0", "acme", "/x"],
    "rate 31": ["mount", "--rate", "31", "acme", "/x"],
    "rate text": ["mount", "--rate", "fast", "acme", "/x"],
    "rate 5x": ["mount", "-o", "rate=5x", "acme", "/x"],
    "timeout 0": ["mount", "--timeout", "0", "acme", "/x"],
    "memory 1K": ["mount", "--memory", "1K", "acme", "/x"],
    "style": ["mount", "--api-style", "xml", "acme", "/x"],
    "umask 999": ["mount", "--umask", "999", "acme", "/x"],
    "status without": ["status"],
    "umount with two": ["umount", "/x", "/y"],
    "check without": ["check"],
    "token as an option": ["mount", "--token", "tok-ro", "acme", "/x"],
    "token in -o": ["mount", "-o", "token=tok-ro", "acme", "/x"],
}


@test(cases={k: (v,) for k, v in WRONG_USAGE.items()})
def wrong_usage_is_exit_2(t, args):
    r = t.sofs(*args, env=dict(t.env, SOFS_TOKEN="tok-ro"))
    t.eq(r.returncode, 2, "exit status of sofs %s: %s" % (" ".join(args), r.stderr))
    t.ok(r.stderr and r.stdout == "", "it speaks on stderr")
    if args and args[0] == "mount":
        t.eq(len(r.stderr.splitlines()), 1, "lines: " + r.stderr)


@test(cases={c: c for c in ("mount", "umount", "check", "status", "refresh", "log")})
def every_command_has_help(t, command):
    r = t.sofs(command, "--help")
    t.eq((r.returncode, r.stderr), (0, ""), "exit status")
    t.ok("usage: sofs " + command in r.stdout, r.stdout[:200])


@test
def help_names_every_command_and_option(t):
    t.eq(t.sofs("--help").returncode, 0, "sofs --help")
    t.ok(re.match(r"sofs \d", t.sofs("--version").stdout), "sofs --version")
    text = t.sofs("mount", "--help").stdout
    for name in ("token-file", "token-command", "api-url", "api-style", "api-key", "ca-file", "rate", "concurrency", "timeout",
                 "list-limit", "cache-dir", "memory", "xattr", "log-level", "log-file"):
        t.ok("--" + name in text, "%s is missing" % name)


# ---- Options in all their places --------------------------------------------------------------------

def limit(m):
    return m.status()["cache"]["list_limit"]


@test
def an_option_is_a_flag(t):
    m = t.mount(t.server(), "--list-limit", "7777")
    t.eq(limit(m), 7777, "list-limit")


@test
def an_option_is_a_flag_with_equals(t):
    m = t.mount(t.server(), "--list-limit=7777")
    t.eq(limit(m), 7777, "list-limit")


@test
def an_option_is_a_mount_option(t):
    m = t.mount(t.server(), "-o", "ro,list-limit=7777,memory=8M,nodev,_netdev,x-systemd.automount")
    t.eq(limit(m), 7777, "list-limit")
    t.eq(m.status()["cache"]["memory_bytes"], 8 << 20, "memory")


@test
def rw_alone_enables_nothing(t):
    m = t.mount(t.server(), "-o", "rw")
    t.errno(errno.EROFS, os.mkdir, m / "questions/x")
    t.eq(m.status()["write"], False, "write")


@test
def an_option_is_in_the_configuration_file(t):
    t.write("config/sofs/config", "list-limit = 1111\n\n[acme]\nlist-limit = 7777\nmemory = 8M\n\n[other]\nlist-limit = 2222\n", 0o600)
    m = t.mount(t.server())
    t.eq(limit(m), 7777, "list-limit of the section")
    t.eq(m.status()["cache"]["memory_bytes"], 8 << 20, "memory")


@test
def what_is_before_all_sections_is_for_all(t):
    t.write("config/sofs/config", "list-limit = 1111\n[other]\nlist-limit = 2222\n", 0o600)
    t.eq(limit(t.mount(t.server())), 1111, "list-limit")


@test
def a_flag_wins_over_the_file(t):
    t.write("config/sofs/config", "[acme]\nlist-limit = 7777\n", 0o600)
    t.eq(limit(t.mount(t.server(), "--list-limit", "5555")), 5555, "list-limit")


@test
def everything_may_come_from_the_file(t):
    server = t.server()
    token = t.write("token", "tok-ro\n", 0o600)
    t.write("config/sofs/config", "[team:acme]\napi-url = %s\ntoken-file = %s\n" % (server.url, token), 0o600)
    m = t.mount(server, token=None, api_url=False)
    t.ok(m.read("questions/101/body.md"), "a question")


@test(cases={"unknown name": "frobnicate = 1\n", "bad value": "rate = fast\n", "no value": "rate\n", "in a section": "[acme]\nrate = 99\n",
             "of another section": "[other]\nfrobnicate = 1\n", "the token itself": "token = tok-ro\n"})
def a_mistake_in_the_file_is_named_with_its_line(t, text):
    t.checks_tokens = False
    server = t.server()
    t.write("config/sofs/config", "# a comment\n" + text, 0o600)
    r = t.sofs("mount", "--api-url", server.url, "acme", t.sub("place"), env=dict(t.env, SOFS_TOKEN="tok-ro"))
    t.eq((r.returncode, len(r.stderr.splitlines())), (2, 1), r.stderr)
    t.ok("sofs/config:%d" % (1 + len(text.splitlines())) in r.stderr, "file and line: " + r.stderr)


@test
def a_configuration_that_others_can_write_is_refused(t):
    t.write("config/sofs/config", "rate = 5\n", 0o666)
    r = t.sofs("mount", "--api-url", t.server().url, "acme", t.sub("place"), env=dict(t.env, SOFS_TOKEN="tok-ro"))
    t.ok(r.returncode != 0 and len(r.stderr.splitlines()) == 1, r.stderr)


# ---- Tokens ---------------------------------------------------------------------------------------

@test
def a_token_file_is_read(t):
    path = t.write("token", "  tok-ro \r\nsecond line\n", 0o600)
    m = t.mount(t.server(), "--token-file", path, token=None)
    t.ok(m.read("questions/101/body.md"), "a question")


@test(cases={"group": 0o640, "others": 0o604, "writable": 0o622})
def a_token_file_that_others_can_read_is_refused(t, mode):
    path = t.write("token", "tok-ro\n", mode)
    refuse(t, "token-file.*others", "--api-url", t.server().url, "--token-file", path, "acme", token=None)


@test(cases={"absent": None, "empty": "", "blank": "\n\n", "with a space": "tok ro\n", "binary": "\x01\x02\x03\n"})
def a_token_file_without_a_token_is_refused(t, text):
    path = os.path.join(t.dir, "token") if text is None else t.write("token", text, 0o600)
    refuse(t, "token-file", "--api-url", t.server().url, "--token-file", path, "acme", token=None)


@test
def a_token_command_is_run(t):
    m = t.mount(t.server(), "--token-command", "echo tok-ro; echo more", token=None)
    t.ok(m.read("questions/101/body.md"), "a question")


@test(cases={"fails": "exit 3", "says nothing": "true", "is not there": "no-such-command-at-all 2>/dev/null", "dies": "kill -9 $$"})
def a_token_command_without_a_token_is_refused(t, command):
    refuse(t, "token-command", "--api-url", t.server().url, "--token-command", command, "acme", token=None)


@test
def a_token_flag_wins_over_the_environment(t):
    path = t.write("token", "tok-ro\n", 0o600)
    m = t.mount(t.server(), "--token-file", path, token="tok-expired")
    t.ok(m.read("questions/101/body.md"), "a question")


# ---- Styles and sources -------------------------------------------------------------------------------

@test(cases={"query": "query", "path": "path"}, tsan=True)
def a_given_style_is_spoken_at_once(t, style):
    server = t.server("--styles", style)
    m = t.mount(server, "--api-style", style)
    t.ok(m.read("questions/101/body.md"), "a question")
    t.eq(len(m.list("questions")), len(server.questions()), "names")
    t.ok(m.list("tags"), "tags")
    t.eq({e["style"] for e in server.log() if e["method"] != "filters/create"}, {style}, "styles of the requests")
    t.eq(m.status()["server"]["style"], style, "status.json")


@test(cases={"query": "query", "path": "path", "both": "query,path"})
def the_style_is_found_out_and_remembered(t, styles):
    server = t.server("--styles", styles, "--mixed-headers", "reject")
    server.excused.add("token_wrong_style")
    m = t.mount(server)
    t.ok(m.read("questions/101/body.md"), "a question")
    t.le(server.total() - 1, 6, "requests of the first mount")
    m.umount()
    m = t.mount(server)
    t.le(server.total(), 2, "requests of the second mount")
    t.ok(m.read("questions/101/body.md"), "a question")


@test
def a_style_that_changed_is_found_again(t):
    server = t.server("--styles", "query")
    t.mount(server).umount()
    server.config(styles="path")
    server.excused.add("token_wrong_style")
    m = t.mount(server)
    t.ok(m.read("questions/101/body.md"), "a question")


@test(cases={"slug": "acme", "team:slug": "team:acme"})
def spellings_of_a_team(t, source):
    m = t.mount(t.server(), source=source)
    t.eq(m.table()[0][2], "sofs:acme", "source in the mount table")


@test
def enterprise_needs_a_key_or_a_token(t):
    server = t.server("--styles", "enterprise")
    server.excused |= {"token_wrong_style", "repeats"}     # one process after the other asks what works
    m = t.mount(server, "--api-key", "key-ent", source=server.url, api_url=False)
    t.ok(m.read("questions/101/body.md"), "a question")
    t.ok(m.table()[0][2].startswith("sofs:127.0.0.1"), "source in the mount table: %s" % m.table())
    m.umount()
    m = t.mount(server, "--api-key", "key-ent", source=server.url, api_url=False, token=None)
    t.ok(m.read("questions/101/body.md"), "with the key alone")
    m.umount()
    refuse(t, "key", "--api-key", "key-bad", server.url, token=None)
    refuse(t, "key", server.url)
    server.next_client()
    key = t.write("key", "key-ent\n", 0o600)
    m = t.mount(server, "--api-key-file", key, source=server.url, api_url=False, token=None)
    t.eq(len(m.list("questions")), len(server.questions()), "with a key file")


@test
def enterprise_behind_a_path(t):
    server = t.server("--styles", "enterprise", "--path-prefix", "/teams/inner")
    m = t.mount(server, "--api-key", "key-ent", source=server.url + "/teams/inner", api_url=False)
    t.ok(m.read("questions/101/body.md"), "a question")


@test
def a_public_site_needs_no_token(t):
    server = t.server("--styles", "public")
    for token in (None, "tok-rw"):
        m = t.mount(server, source="site:stackoverflow", token=token)
        t.ok(m.read("questions/101/body.md"), "a question")
        t.eq(len(m.list("questions")), len(server.questions()), "names")
        t.eq(m.table()[0][2], "sofs:site:stackoverflow", "source in the mount table")
        m.umount()
    t.eq(server.stats()["token_seen"], 0, "tokens sent to a public site")


@test
def a_public_site_lists_the_newest_activity_up_to_the_limit(t):
    server = t.server("--styles", "public", synthetic=3000)
    m = t.mount(server, source="site:stackoverflow", token=None)
    listed = set(map(int, m.list("questions")))
    newest = sorted(server.questions().values(), key=lambda q: -q["last_activity_date"])
    cut = newest[2499]["last_activity_date"]
    t.eq({q["question_id"] for q in newest if q["last_activity_date"] > cut} - listed, set(), "newest activity")
    t.le(len(listed), 2500, "listed")
    t.le(server.total(), 25 + 4, "requests")
    t.ok(m.status()["cache"]["questions_cut"] > 0, "status.json says that something was cut")


@test
def a_public_site_of_another_name_is_refused(t):
    server = t.server("--styles", "public")
    refuse(t, "site", "--api-url", server.url, "site:no-such-site", token=None)
    refuse(t, "key", "--api-url", server.url, "--api-key", "key-bad", "site:stackoverflow", token=None)
    m = t.mount(server, "--api-key", "key-app", source="site:unix.stackexchange.com", token=None)
    t.ok(m.read("questions/101/body.md"), "with the right key")


# ---- status, check, umount, foreground ------------------------------------------------------------------

@test(tsan=True)
def status_says_what_the_file_says(t):
    m = t.mount(t.server())
    m.list("questions")
    text = t.sofs("status", m.path)
    t.eq((text.returncode, text.stderr), (0, ""), "sofs status")
    for word in ("acme", "quota", "questions", "Ada" if "Ada" in text.stdout else "user"):
        t.ok(word in text.stdout, "%s is missing: %s" % (word, text.stdout))
    keys = lambda s: {line.partition(":")[0] for line in s.splitlines()}
    t.eq(keys(text.stdout), keys(m.read(".sofs/status").decode()), "lines of command and file")
    t.eq(set(m.status()), set(json.loads(m.read(".sofs/status.json"))), "members of command and file")


@test
def status_of_no_mount_is_one_line(t):
    for command in ("status", "umount", "log", "refresh"):
        r = t.sofs(command, t.sub("nothing"))
        t.eq((r.returncode, len(r.stderr.splitlines())), (1, 1), "sofs %s: %s" % (command, r.stderr))


@test
def commands_take_any_spelling_of_the_place(t):
    m = t.mount(t.server())
    os.symlink(m.path, os.path.join(t.dir, "link"))
    for spelling in (m.path + "/", os.path.join(t.dir, "link"), os.path.join(t.dir, ".", "m0"), "m0"):
        r = t.run(t.build.sofs, "status", spelling, cwd=t.dir)
        t.eq(r.returncode, 0, "sofs status %s: %s" % (spelling, r.stderr))
    t.eq(t.run(t.build.sofs, "umount", "m0/", cwd=t.dir).returncode, 0, "sofs umount m0/")
    m.wait_end(10)
    m.is_mounted = False


@test
def a_mount_point_with_odd_characters_works(t):
    path = t.sub("a b\t'\"\\ ü,comma")
    m = t.mount(t.server(), path=path)
    t.ok(m.read("questions/101/body.md"), "a question")
    t.eq(t.sofs("status", path).returncode, 0, "sofs status")


@test(tsan=True)
def check_says_a_line_each_with_exit_0(t):
    server = t.server()
    for token in ("tok-ro", "tok-rw"):
        server.next_client()
        r = t.sofs("check", "--api-url", server.url, "acme", env=dict(t.env, SOFS_TOKEN=token))
        t.eq((r.returncode, r.stderr), (0, ""), "exit status: " + r.stdout)
        lines = {line.split()[0]: line for line in r.stdout.splitlines()}
        t.eq(set(lines), {"token", "scope", "expiry", "team", "style", "quota", "clock"}, "lines")
        t.ok("tok-" not in r.stdout, "the token is shown")
    t.ok(server.stats()["methods"].keys() <= {"users/{ids}", "filters/create", "users/{id}/write-permissions", "users/{ids}/write-permissions",
                                             "me/write-permissions"}, "methods: %s" % server.stats()["methods"].keys())


@test(cases=TOKENS)
def check_finds_what_is_wrong_with_a_token(t, token, words):
    server = t.server()
    env = dict(t.env)
    if token:
        env["SOFS_TOKEN"] = token
    r = t.sofs("check", "--api-url", server.url, "acme", env=env)
    t.eq((r.returncode, r.stderr), (1, ""), "exit status")
    line = next(l for l in r.stdout.splitlines() if l.startswith("token"))
    t.ok("FAILED" in line and re.search(words, line, re.I), line)


@test
def check_tells_of_a_wrong_clock(t):
    server = t.server("--clock-offset-s", "7200")
    r = t.sofs("check", "--api-url", server.url, "acme", env=dict(t.env, SOFS_TOKEN="tok-ro"))
    line = next(l for l in r.stdout.splitlines() if l.startswith("clock"))
    t.ok(re.search(r"7(199|200|201) s ahead", line), line)


@test(cases={"ahead": 86400, "behind": -86400})
def a_wrong_clock_hides_nothing(t, offset):
    server = t.server("--clock-offset-s", str(offset), synthetic=250)
    m = t.mount(server)
    qid = server.change("add_question", title="New", tags=["c#"], body_markdown="new")
    t.ok(str(qid) in m.list("questions"), "a question that is new by the server's clock")
    t.eq(len(m.list("questions")), 251, "names")


@test
def check_of_an_unreachable_host_says_so(t):
    r = t.sofs("check", "--api-url", "http://127.0.0.1:9", "--timeout", "2", "acme", env=dict(t.env, SOFS_TOKEN="tok-ro"))
    t.ok(r.returncode == 1 and re.search("cannot reach|connect", r.stdout), r.stdout + r.stderr)


@test(tsan=True)
def the_foreground_logs_to_stderr_and_ends_with_the_mount(t):
    server = t.server()
    path = t.sub("fg")
    err = os.path.join(t.dir, "foreground.txt")
    with open(err, "wb") as f:
        p = subprocess.Popen([t.build.sofs, "mount", "-f", "--api-url", server.url, "acme", path], env=dict(t.env, SOFS_TOKEN="tok-ro"),
                             stdin=subprocess.DEVNULL, stdout=f, stderr=f)
    t.until(lambda: os.path.exists(path + "/README.md") or p.poll() is not None, 15, "it mounts")
    t.eq(p.poll(), None, "it stays")
    t.eq(t.sofs("umount", path).returncode, 0, "umount")
    t.eq(p.wait(15 * t.slow), 0, "exit status")
    with open(err) as f:
        text = f.read()
    t.ok("is mounted on" in text and "is unmounted from" in text, "what it logged: " + text)


@test
def the_foreground_ends_with_ctrl_c(t):
    m = t.mount(t.server(), foreground=True)
    m.read("questions/101/body.md")
    m.kill(signal.SIGINT)
    t.eq(m.exit_status, 0, "exit status")
    t.eq(m.table(), [], "mounted")


@test
def the_background_process_keeps_nothing_of_the_callers(t):
    """No pipe, no terminal, no directory: whoever waits for the end of a pipe does not wait for the mount."""
    server = t.server()
    path = t.sub("bg")
    r = t.run("sh", "-c", 'cd "$1" && "$0" mount --api-url "$2" acme "$3" 2>&1 | cat', t.build.sofs, t.sub("cwd"), server.url, path,
              env=dict(t.env, SOFS_TOKEN="tok-ro"), timeout=15)
    t.eq((r.returncode, r.stdout), (0, ""), "a pipe ends")
    pid = json.loads(t.sofs("status", "--json", path).stdout)["pid"]
    t.eq(os.readlink("/proc/%d/cwd" % pid), "/", "working directory")
    for fd in (0, 1, 2):
        t.eq(os.readlink("/proc/%d/fd/%d" % (pid, fd)), "/dev/null", "descriptor %d" % fd)
    t.ok(os.getsid(pid) == pid, "a session of its own")
    t.eq(t.sofs("umount", path).returncode, 0, "umount")


@test
def ctrl_c_during_a_mount_leaves_nothing(t):
    server = t.server()
    server.faults({"kind": "stall", "count": -1})
    path = t.sub("place")
    p = subprocess.Popen([t.build.sofs, "mount", "--api-url", server.url, "acme", path], env=dict(t.env, SOFS_TOKEN="tok-ro"),
                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    t.until(lambda: server.stats()["in_flight"] >= 1, 10, "it asks")
    os.killpg(p.pid, signal.SIGINT)
    p.wait(10 * t.slow)
    t.until(lambda: not [x for x in descendants(os.getpid()) if "sofs mount" in _command(x)], 10, "its processes end")
    t.ok(not os.path.ismount(path), "it is mounted")


# ---- mount(8) -------------------------------------------------------------------------------------------

def helper(t):
    """mount.fuse.sofs, as installed."""
    path = os.path.join(t.sub("sbin"), "mount.fuse.sofs")
    if not os.path.exists(path):
        os.symlink(t.build.sofs, path)
    return path


@test
def the_mount_helper_speaks_as_mount8_calls_it(t):
    server = t.server()
    token = t.write("token", "tok-ro\n", 0o600)
    path = t.sub("place")
    r = t.run(helper(t), "acme", path, "-o", "rw,noatime,_netdev,api-url=%s,token-file=%s" % (server.url, token))
    t.eq((r.returncode, r.stderr), (0, ""), "mount.fuse.sofs")
    with open(path + "/questions/101/body.md", "rb") as f:
        t.ok(f.read(), "a question")
    t.eq(t.sofs("umount", path).returncode, 0, "umount")


@test
def the_mount_helper_refuses_as_mount8_expects(t):
    server = t.server()
    path = t.sub("place")
    r = t.run(helper(t), "acme", path, "-o", "rw,api-url=%s" % server.url)
    t.eq((r.returncode, len(r.stderr.splitlines())), (32, 1), "without a token: " + r.stderr)
    r = t.run(helper(t), "acme", path, "-o", "frobnicate")
    t.eq(r.returncode, 1, "an unknown option: " + r.stderr)
    r = t.run(helper(t), "acme", path, "-s", "-o", "frobnicate,api-url=%s" % server.url)
    t.eq(r.returncode, 32, "-s overlooks it: " + r.stderr)


@test(needs=("root", "mount"))
def mount_t_fuse_sofs_works(t):
    if not t.has_namespace:
        raise Skipped("no mount namespace of its own")
    # A layer over the place where mount(8) looks for helpers, in this namespace only.
    sbin = os.path.realpath("/sbin")
    libc.mount(b"tmpfs", t.sub("layer").encode(), b"tmpfs", 0, None)
    upper, work = t.sub("layer/upper"), t.sub("layer/work")
    r = t.run("mount", "-t", "overlay", "overlay", "-o", "lowerdir=%s,upperdir=%s,workdir=%s" % (sbin, upper, work), sbin)
    if r.returncode != 0:
        raise Skipped("no overlay filesystem")
    os.symlink(t.build.sofs, os.path.join(sbin, "mount.fuse.sofs"))
    server = t.server()
    token = t.write("token", "tok-ro\n", 0o600)
    path = t.sub("place")
    r = t.run("mount", "-t", "fuse.sofs", "acme", path, "-o", "api-url=%s,token-file=%s" % (server.url, token))
    t.eq((r.returncode, r.stderr), (0, ""), "mount -t fuse.sofs")
    with open(path + "/questions/101/body.md", "rb") as f:
        t.ok(f.read(), "a question")
    r = t.run("umount", path)
    t.eq((r.returncode, r.stderr), (0, ""), "umount")
    fstab = t.write("fstab", "team:acme %s fuse.sofs api-url=%s,token-file=%s,noauto,user 0 0\n" % (path, server.url, token))
    server.next_client()
    r = t.run("mount", "-T", fstab, path)
    t.eq((r.returncode, r.stderr), (0, ""), "mount by fstab")
    t.ok(os.listdir(path + "/questions"), "questions")
    t.eq(t.run("umount", path).returncode, 0, "umount")
    t.run("umount", "-l", sbin)
    t.run("umount", "-l", os.path.join(t.dir, "layer"))


# ---- Ordinary users ---------------------------------------------------------------------------------------

NOBODY = 65534


def as_nobody(t):
    """A prefix that runs a command as an ordinary user, with directories of his own; /dev/fuse is open to him in this
    namespace only."""
    if os.geteuid() != 0:
        return [], t.env, t.dir
    if not t.has_namespace or not shutil.which("setpriv"):
        raise Skipped("cannot become another user here")
    fm = shutil.which("fusermount3")
    if not fm or not os.stat(fm).st_mode & stat.S_ISUID:
        raise Skipped("no fusermount3 that is setuid")
    dev = t.sub("dev")
    if libc.mount(b"tmpfs", dev.encode(), b"tmpfs", 0, None) != 0:
        raise Skipped("cannot mount a tmpfs")
    node = os.path.join(dev, "fuse")
    os.mknod(node, stat.S_IFCHR | 0o666, os.stat("/dev/fuse").st_rdev)
    os.chmod(node, 0o666)
    if libc.mount(node.encode(), b"/dev/fuse", None, 4096, None) != 0:
        raise Skipped("cannot make /dev/fuse accessible")
    home = t.sub("user")
    env = dict(t.env, HOME=home)
    for name in ("XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        env[name] = t.sub("user/" + name, 0o700)
    for path in [home, *[os.path.join(home, n) for n in os.listdir(home)]]:
        os.chown(path, NOBODY, NOBODY)
    os.chmod(t.dir, 0o777)      # sanitizers write their reports there
    return ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"], env, home


@test(needs=("fusermount3",), tsan=True)
def an_ordinary_user_mounts_through_fusermount3(t):
    prefix, env, home = as_nobody(t)
    server = t.server()
    path = os.path.join(home, "m")
    os.mkdir(path)
    if prefix:
        os.chown(path, NOBODY, NOBODY)
    env = dict(env, SOFS_TOKEN="tok-ro")
    r = t.run(*prefix, t.build.sofs, "mount", "--api-url", server.url, "acme", path, env=env)
    t.eq((r.returncode, r.stderr), (0, ""), "sofs mount")
    want = reference.files(server.questions()[101])["body.md"]
    r = t.run(*prefix, "cat", path + "/questions/101/body.md", env=env)
    t.eq((r.returncode, r.stdout.encode()), (0, want), "cat")
    r = t.run(*prefix, "sh", "-c", 'ls -ln "$0"', path + "/questions/101", env=env)
    if prefix:
        t.ok(all(line.split()[2:4] == [str(NOBODY)] * 2 for line in r.stdout.splitlines()[1:]), "owners: " + r.stdout)
        # Private to the user: even root is kept out.
        t.errno(errno.EACCES, os.listdir, path)
    r = t.run(*prefix, t.build.sofs, "status", "--json", path, env=env)
    t.eq(json.loads(r.stdout)["cache"]["questions"], 1, "sofs status")
    r = t.run(*prefix, "grep", "-rlc", "", path + "/questions", env=env)
    t.eq(r.returncode, 0, "grep")
    server.change("edit_question", id=101, body_markdown="Another text.")
    r = t.run(*prefix, t.build.sofs, "refresh", path, "questions/101", env=env)
    t.eq((r.returncode, r.stderr), (0, ""), "sofs refresh")
    r = t.run(*prefix, "tail", "-1", path + "/questions/101/body.md", env=env)
    t.eq(r.stdout, "Another text.\n", "the new text")
    r = t.run(*prefix, t.build.sofs, "umount", path, env=env)
    t.eq((r.returncode, r.stderr), (0, ""), "sofs umount")
    t.run("umount", "-l", "/dev/fuse")
    t.run("umount", "-l", os.path.join(t.dir, "dev"))


@test(needs=("fusermount3",))
def ctrl_c_works_for_an_ordinary_user(t):
    prefix, env, home = as_nobody(t)
    server = t.server()
    path = os.path.join(home, "m")
    os.mkdir(path)
    if prefix:
        os.chown(path, NOBODY, NOBODY)
    env = dict(env, SOFS_TOKEN="tok-ro")
    r = t.run(*prefix, t.build.sofs, "mount", "--api-url", server.url, "--timeout", "30", "acme", path, env=env)
    t.eq((r.returncode, r.stderr), (0, ""), "sofs mount")
    server.faults({"kind": "stall", "method": "questions/{ids}", "count": -1})
    p = subprocess.Popen([*prefix, "cat", path + "/questions/101/body.md"], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    t.until(lambda: server.stats()["in_flight"] == 1, 10, "cat waits")
    p.send_signal(signal.SIGINT)
    start = time.monotonic()
    p.wait(20)
    t.le(time.monotonic() - start, 1 * t.slow, "seconds until it ended")
    server.clear_faults()
    r = t.run(*prefix, t.build.sofs, "umount", path, env=env)
    t.eq((r.returncode, r.stderr), (0, ""), "sofs umount")
    t.run("umount", "-l", "/dev/fuse")
    t.run("umount", "-l", os.path.join(t.dir, "dev"))


@test(needs=("root",))
def allow_other_lets_others_in(t):
    m = t.mount(t.server(), "--allow_other")
    os.chmod(t.dir, 0o755)
    r = t.run("setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", "cat", m / "questions/101/body.md")
    t.eq(r.returncode, 0, "another user reads: " + r.stderr)
    m.umount()
    m = t.mount(m.server)
    r = t.run("setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", "cat", m / "questions/101/body.md")
    t.eq(r.returncode, 1, "without it another user is kept out")
