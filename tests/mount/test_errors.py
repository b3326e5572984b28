"""What goes wrong at the server, and what a reader is told: the table of errors."""

import errno
import os
import re
import time

import reference
from harness import Failed, test

EIO, EACCES, EBUSY, EDQUOT = errno.EIO, errno.EACCES, errno.EBUSY, errno.EDQUOT
ETIMEDOUT, EHOSTUNREACH = errno.ETIMEDOUT, errno.EHOSTUNREACH

# What the server does -> what stat() of a question says when it does so all the time.
LASTING = {
    "stall": ({"kind": "stall"}, (ETIMEDOUT, EHOSTUNREACH)),
    "delay": ({"kind": "delay", "ms": 8000}, (ETIMEDOUT, EHOSTUNREACH)),
    "trickle without end": ({"kind": "trickle", "bytes_per_s": 30}, (ETIMEDOUT, EIO)),
    "reset before": ({"kind": "reset_before"}, (EIO, EHOSTUNREACH)),
    "reset after": ({"kind": "reset_after"}, (EIO, EHOSTUNREACH)),
    "truncated": ({"kind": "truncate"}, EIO),
    "truncated at once": ({"kind": "truncate", "bytes": 0}, EIO),
    "truncated gzip": ({"kind": "truncate_gzip"}, EIO),
    "corrupt gzip": ({"kind": "corrupt_gzip"}, EIO),
    "HTML 500": ({"kind": "html_error", "status": 500}, EIO),
    "HTML 502": ({"kind": "html_error", "status": 502}, EIO),
    "HTML 503": ({"kind": "html_error", "status": 503}, EIO),
    "HTML 404": ({"kind": "html_error", "status": 404}, EIO),
    "HTML 403": ({"kind": "html_error", "status": 403}, EIO),
    "HTML 200": ({"kind": "html_error", "status": 200}, EIO),
    "HTML 429": ({"kind": "html_error", "status": 429, "retry_after": 60}, EBUSY),
    "HTML 503 with a long pause": ({"kind": "html_error", "status": 503, "retry_after": 60}, EBUSY),
    "empty 500": ({"kind": "status", "status": 500}, EIO),
    "empty 502": ({"kind": "status", "status": 502}, EIO),
    "empty 504": ({"kind": "status", "status": 504}, EIO),
    "empty 200": ({"kind": "empty_body"}, EIO),
    "error 400": ({"kind": "error", "error_id": 400, "message": "site is required"}, EIO),
    "error 401": ({"kind": "error", "error_id": 401}, EACCES),
    "error 402": ({"kind": "error", "error_id": 402}, EACCES),
    "error 403": ({"kind": "error", "error_id": 403}, EACCES),
    "error 404": ({"kind": "error", "error_id": 404}, EIO),
    "error 405": ({"kind": "error", "error_id": 405}, EACCES),
    "error 406": ({"kind": "error", "error_id": 406}, EACCES),
    "error 407": ({"kind": "error", "error_id": 407}, EIO),
    "error 500": ({"kind": "error", "error_id": 500}, EIO),
    "error 502": ({"kind": "error", "error_id": 502, "message": "Violation of backoff parameter"}, EBUSY),
    "error 502 for a minute": ({"kind": "error", "error_id": 502,
                               "message": "too many requests from this IP, more requests available in 60 seconds"}, EBUSY),
    "error 502 for a day": ({"kind": "error", "error_id": 502,
                            "message": "too many requests from this IP, more requests available in 17524 seconds"}, EDQUOT),
    "error 503": ({"kind": "error", "error_id": 503}, EIO),
    "error 999": ({"kind": "error", "error_id": 599}, EIO),
    "error 402 with status 200": ({"kind": "error", "error_id": 402, "http": 200}, EACCES),
    "error 500 with status 200": ({"kind": "error", "error_id": 500, "http": 200}, EIO),
    "error with a long backoff": ({"kind": "error", "error_id": 500, "backoff": 60}, (EBUSY, EIO)),
    "JSON cut": ({"kind": "invalid_json"}, EIO),
    "JSON garbage": ({"kind": "invalid_json", "variant": "garbage"}, EIO),
    "JSON with more": ({"kind": "invalid_json", "variant": "trailing"}, EIO),
    "JSON comma": ({"kind": "invalid_json", "variant": "comma"}, EIO),
    "items an object": ({"kind": "wrong_types", "variant": "items_object"}, EIO),
    "items null": ({"kind": "wrong_types", "variant": "items_null"}, EIO),
    "an array": ({"kind": "wrong_types", "variant": "root_array"}, EIO),
    "a string": ({"kind": "wrong_types", "variant": "root_string"}, EIO),
    "deep JSON": ({"kind": "deep", "depth": 100000}, EIO),
    "huge": ({"kind": "huge", "mb": 80}, EIO),
    "redirect": ({"kind": "redirect"}, EIO),
}


@test(cases=LASTING)
def a_lasting_fault_has_its_errno_and_one_line(t, fault, expected):
    server = t.server()
    m = t.mount(server, "--timeout", "3")
    server.faults(dict(fault, method="questions/{ids}", count=-1))
    start = time.monotonic()
    err = t.errno(expected, os.stat, m / "questions/101")
    t.le(time.monotonic() - start, 3 + 3 * t.slow, "seconds")
    lines = m.errors()
    mine = [l for l in lines if "questions/101" in l]
    t.eq(len(mine), 1, "lines in .sofs/errors about it: %s" % lines)
    t.ok(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ", mine[0]), "it begins with the time: " + mine[0])
    t.ok(errno.errorcode[err] in mine[0], "it names the error: " + mine[0])
    t.eq(m.read(".sofs/errors").decode().splitlines(), lines, "the file says what the command says")
    t.ok(m.read("README.md"), "the mount lives")


TRANSIENT = ["reset before", "reset after", "truncated", "truncated gzip", "corrupt gzip", "HTML 500", "HTML 502", "HTML 503",
             "empty 500", "empty 502", "empty 504", "empty 200", "error 500", "error 503", "error 500 with status 200", "JSON cut",
             "JSON garbage", "items null", "HTML 403"]


@test(cases={name: LASTING[name][0] for name in TRANSIENT})
def a_fault_that_passes_is_retried_unseen(t, fault):
    server = t.server()
    m = t.mount(server)
    server.faults(dict(fault, method="questions/{ids}", count=1))
    t.eq(m.read("questions/101/body.md"), reference.files(server.questions()[101])["body.md"], "the text")
    t.eq(m.errors(), [], ".sofs/errors")
    t.eq(server.stats()["methods"]["questions/{ids}"]["count"], 2, "requests")


@test(cases={name: LASTING[name][0] for name in ("reset after", "truncated", "corrupt gzip", "HTML 502", "error 500", "JSON cut")})
def faults_within_a_listing_are_retried_unseen(t, fault):
    server = t.server(synthetic=900)
    m = t.mount(server)
    server.faults(dict(fault, method="questions", skip=3, count=2))
    t.eq(len(m.list("questions")), 900, "names")
    t.eq(m.errors(), [], ".sofs/errors")


@test
def errors_keep_the_negative_answers_apart(t):
    """A failure is no ENOENT, and is not remembered as one."""
    server = t.server()
    m = t.mount(server, "--timeout", "2")
    server.faults({"kind": "error", "error_id": 500, "method": "questions/{ids}", "count": 3})
    t.errno(EIO, os.stat, m / "questions/101")
    t.ok(os.stat(m / "questions/101"), "the next look succeeds")
    t.ok(m.read("questions/101/body.md"), "and the text is there")


COMPRESSION = ["auto", "gzip", "deflate", "raw-deflate", "none", "gzip-noheader", "deflate-as-gzip", "gzip-as-deflate"]


@test(cases={c: c for c in COMPRESSION}, tsan=True)
def every_compression_is_understood(t, compression):
    server = t.server("--compression", compression)
    m = t.mount(server)
    questions = server.questions()
    for qid in sorted(questions)[:5]:
        t.eq(m.read("questions", qid, "body.md"), reference.files(questions[qid])["body.md"], "body of %d" % qid)
    t.eq(len(m.list("questions")), len(questions), "names")


@test(cases={"bom": {"kind": "bom"}, "no content-encoding": {"kind": "no_content_encoding"}, "trickle": {"kind": "trickle", "bytes_per_s": 20000}})
def oddities_that_are_no_errors(t, fault):
    server = t.server()
    m = t.mount(server)
    server.faults(dict(fault, count=-1))
    t.eq(m.read("questions/101/body.md"), reference.files(server.questions()[101])["body.md"], "the text")
    t.eq(len(m.list("questions")), len(server.questions()), "names")


@test(cases={"astral": "astral", "none": "none", "all": "all"})
def every_way_to_write_characters_is_understood(t, escape):
    server = t.server("--json-escape", escape, synthetic=50)
    m = t.mount(server)
    for qid, q in server.questions().items():
        t.eq(m.read("questions", qid, "body.md"), reference.files(q)["body.md"], "body of %d" % qid)


@test(deadline=90)
def a_short_backoff_is_waited_for(t):
    server = t.server("--backoff-every", "2:1", synthetic=500)
    m = t.mount(server)
    t.eq(len(m.list("questions")), 500, "names")
    t.eq(m.errors(), [], ".sofs/errors")
    t.eq(server.stats()["backoff_violations"], 0, "violations")


@test
def a_short_backoff_of_a_lookup_is_waited_for(t):
    server = t.server("--backoff-every", "1:1")
    m = t.mount(server)
    ids = sorted(server.questions())[:3]
    for i in ids:
        t.ok(m.read("questions", i, "body.md"), "question %d" % i)
    t.eq(server.stats()["backoff_violations"], 0, "violations")


@test
def a_long_backoff_is_ebusy_and_nothing_is_sent(t):
    server = t.server("--backoff-every", "1:60")
    m = t.mount(server, "--timeout", "2")
    ids = sorted(server.questions())
    t.ok(m.read("questions", ids[0], "body.md"), "the answer that asks for the pause")
    before = server.total()
    for i in ids[1:6]:
        start = time.monotonic()
        t.errno(EBUSY, os.stat, m / ("questions/%d" % i))
        t.le(time.monotonic() - start, 1 * t.slow, "seconds")
    t.eq(server.total(), before, "requests during the backoff")
    t.ok(m.read("questions", ids[0], "meta.json"), "what is here")
    t.ok(m.status()["server"]["throttled_until"], "status.json says until when")
    # Another method is not concerned.
    t.ok(m.list("tags"), "the list of tags")


@test
def a_backoff_is_remembered_by_the_next_mount(t):
    server = t.server("--backoff-every", "1:60")
    m = t.mount(server, "--timeout", "2")
    ids = sorted(server.questions())
    m.read("questions", ids[0], "body.md")
    m.umount()
    try:
        m = t.mount(server, "--timeout", "2")
    except Failed as e:
        # The pause may concern what a mount asks.
        t.ok("pause" in str(e), "it says why: %s" % e)
    else:
        t.errno(EBUSY, os.stat, m / ("questions/%d" % ids[1]))
    t.eq(server.stats()["backoff_violations"], 0, "violations")


@test(tsan=True)
def a_spent_quota_is_edquot_and_nothing_more_is_sent(t):
    server = t.server("--quota-remaining", "4")
    m = t.mount(server, "--timeout", "3")
    ids = sorted(server.questions())
    for i in ids[:10]:
        try:
            os.stat(m / ("questions/%d" % i))
        except OSError as e:
            t.eq(e.errno, EDQUOT, "errno")
            break
    else:
        raise Failed("the quota was not noticed")
    before = server.total()
    for i in ids[10:15]:
        t.errno(EDQUOT, os.stat, m / ("questions/%d" % i))
    t.errno(EDQUOT, os.listdir, m / "questions")
    t.eq(server.total(), before, "requests with a spent quota")
    t.ok(m.read("questions", ids[0], "body.md"), "what is here")
    t.ok(any("EDQUOT" in e for e in m.errors()), "a line in .sofs/errors")
    t.eq(m.status()["quota"]["remaining"], 0, "status.json")


@test
def a_negative_quota_counts_as_spent(t):
    server = t.server("--quota-remaining", "-5", "--quota-style", "ignore")
    server.config(quota_remaining=100)
    m = t.mount(server, "--timeout", "3")
    server.config(quota_remaining=-47478)
    m.read("questions/101/body.md")
    t.errno(EDQUOT, os.stat, m / "questions/138")


BANS = {
    "429": ({"kind": "html_error", "status": 429, "retry_after": 60}, 60),
    "503": ({"kind": "html_error", "status": 503, "retry_after": 60}, 60),
    "502": ({"kind": "error", "error_id": 502, "message": "too many requests from this IP, more requests available in 60 seconds"}, 60),
}


@test(cases=BANS)
def during_a_ban_nothing_is_sent(t, fault, _):
    server = t.server()
    m = t.mount(server, "--timeout", "2")
    m.tree("questions", 101)
    server.faults(dict(fault, method="questions/{ids}", count=-1))
    t.errno(EBUSY, os.stat, m / "questions/138")
    before = server.total()
    for path in ("questions/139", "tags/some-tag"):
        t.errno(EBUSY, os.stat, m / path)
    t.errno(EBUSY, os.listdir, m / "questions")
    t.eq(server.total(), before, "requests during the ban")
    t.ok(m.read("questions/101/body.md"), "what is here")
    t.ok(m.status()["server"]["throttled_until"], "status.json says until when")


@test
def a_short_ban_is_waited_out(t):
    server = t.server()
    m = t.mount(server)
    server.faults({"kind": "html_error", "status": 429, "retry_after": 1, "method": "questions/{ids}", "count": 1})
    t.ok(m.read("questions/101/body.md"), "it is read after the pause")
    t.eq(m.errors(), [], ".sofs/errors")


@test(tsan=True)
def a_token_revoked_later_is_eacces(t):
    server = t.server()
    m = t.mount(server, token="tok-rw")
    m.tree("questions", 101)
    server.config(token={"tok-rw": "revoked"})
    t.errno(EACCES, os.stat, m / "questions/138")
    before = server.total()
    for i in (1, 2, 3):
        t.errno(EACCES, os.stat, m / ("questions/%d" % i))
    t.le(server.total(), before + 1, "requests with a dead token")
    t.ok(m.read("questions/101/body.md"), "what is here")
    t.ok(any("EACCES" in e and "revoked" in e for e in m.errors()), "a line that says it: %s" % m.errors())


@test
def a_filter_that_the_server_forgot_is_made_anew(t):
    server = t.server()
    m = t.mount(server)
    m.read("questions/101/body.md")
    server.config(filter_salt=7)
    t.ok(m.read("questions/138/body.md") if 138 in server.questions() else m.list("questions"), "the next question")
    t.eq(m.errors(), [], ".sofs/errors")


@test
def filter_ids_with_every_character_work(t):
    server = t.server("--nasty-filter-ids", "yes")
    m = t.mount(server)
    t.ok(m.read("questions/101/body.md"), "a question")
    m.umount()
    m = t.mount(server)
    t.eq(len(m.list("questions")), len(server.questions()), "names, with the remembered filter")


@test
def a_redirect_is_not_followed_and_gets_no_token(t):
    server = t.server()
    other = t.server()
    m = t.mount(server)
    server.faults({"kind": "redirect", "method": "questions/{ids}", "to": other.url, "count": -1})
    t.errno(EIO, os.stat, m / "questions/101")
    t.eq(other.total(), 0, "requests to the other server")
    t.ok(any("redirect" in e for e in m.errors()), "a line that says it: %s" % m.errors())


@test
def the_same_error_is_one_line_with_a_count(t):
    server = t.server(synthetic=100)
    m = t.mount(server, "--timeout", "2")
    m.tree("questions", 1)
    server.kill()
    for _ in range(50):
        t.errno((EHOSTUNREACH, ETIMEDOUT), os.listdir, m / "tags")
    lines = [l for l in m.errors() if "tags" in l]
    t.le(len(lines), 6, "lines")
    t.ok(any("more)" in l for l in lines), "a count: %s" % lines)


@test
def sofs_log_shows_what_the_file_shows(t):
    server = t.server()
    m = t.mount(server)
    r = t.sofs("log", m.path)
    t.eq((r.returncode, r.stdout), (0, ""), "without errors")
    server.faults({"kind": "error", "error_id": 500, "method": "questions/{ids}", "count": -1})
    t.errno(EIO, os.stat, m / "questions/101")
    r = t.sofs("log", m.path)
    t.eq(r.stdout.encode(), m.read(".sofs/errors"), "sofs log")
    t.ok("EIO" in m.read(".sofs/status").decode(), "the last errors are in the status")
