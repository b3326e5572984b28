"""A server that is broken or bad: nothing crashes, hangs or fills memory, and no odd name appears."""

import errno
import os
import re

import reference
from harness import Failed, test

ANY_ERROR = (errno.EIO, errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.EBUSY, errno.ENOENT)


def walk(m, *where):
    """Looks at everything; errors are allowed, hangs are not. The names that were there."""
    names = []
    for dirpath, dirs, files in os.walk(m / os.path.join("", *where), onerror=lambda e: None):
        names += [(dirpath, n) for n in dirs + files]
        for n in files:
            try:
                with open(os.path.join(dirpath, n), "rb") as f:
                    f.read()
            except OSError as e:
                if e.errno not in ANY_ERROR:
                    raise
    return names


def check_names(t, m, names):
    for dirpath, name in names:
        where = os.path.relpath(dirpath, m.path)
        if where == "questions" or re.fullmatch(r"tags/[^/]+", where):
            t.ok(re.fullmatch(r"[1-9][0-9]*", name) and int(name) <= 2 ** 53, "a question named %r in %s" % (name, where))
        elif where.endswith("/answers"):
            t.ok(re.fullmatch(r"[1-9][0-9]*(\.comments)?\.md", name), "an answer named %r" % name)
        elif where == "tags":
            raw = os.fsencode(name)
            t.ok(0 < len(raw) <= 255 and name not in (".", "..") and not re.search(rb"[\x00-\x1f\x7f/]", raw),
                 "a tag named %r" % raw)
            t.ok(re.fullmatch(rb"([^%]|%(2F|25|00|0[1-9A-F]|1[0-9A-F]|7F|2E))*", raw), "an escape in %r" % raw)
        elif re.search(r"questions/\d+$|tags/[^/]+/\d+$", where):
            t.ok(name in ("body.md", "meta.json", "comments.md", "answers"), "a file named %r" % name)


@test(tsan=True)
def tags_that_are_no_file_names_are_escaped_or_left_out(t):
    server = t.server(synthetic=40)
    m = t.mount(server)
    server.faults({"kind": "bad_names", "count": -1})
    names = walk(m, "questions") + walk(m, "tags")
    check_names(t, m, names)
    tags = set(m.list("tags"))
    t.ok({"a%2Fb", "%2E%2E", "%2E", "100%25", "..%2F..%2Fetc%2Fpasswd", "new%0Aline"} <= tags, "escaped tags: %s" % sorted(tags))
    t.ok("" not in tags and not any(len(os.fsencode(x)) > 255 for x in tags), "an over-long or empty tag")
    for tag in ("a%2Fb", "%2E%2E", "100%25"):
        t.ok(m.list("tags", tag) is not None, "the directory of " + tag)
    t.ok(os.path.realpath(m / "tags/%2E%2E").startswith(m.path + "/tags/"), "it stays where it is")


@test
def hostile_tags_name_the_same_questions_as_before(t):
    server = t.server(synthetic=1)
    tags = ["a/b", "..", ".", "100%", "%2F", "x\ty", "-rf", " ", "con\x1b[31m", "ä" * 100, "c#"]
    ids = {tag: server.change("add_question", title="T", tags=[tag], body_markdown="x") for tag in tags}
    m = t.mount(server)
    m.list("questions")
    listed = set(m.list("tags"))
    for tag, qid in ids.items():
        name = reference.file_name(tag)
        t.ok(name in listed, "%r is listed as %r" % (tag, name))
        t.eq(m.list("tags", name), [str(qid)], "questions of %r" % tag)
    long = server.change("add_question", title="T", tags=["é" * 200], body_markdown="x")
    server.ctl("POST", "cache/clear")
    m.refresh("questions/%d" % long)
    t.ok(m.read("questions", long, "body.md"), "a question with an over-long tag")
    t.ok(not any(len(os.fsencode(x)) > 255 for x in m.list("tags")), "an over-long name")


@test(tsan=True)
def ids_that_are_no_ids_are_left_out(t):
    server = t.server(synthetic=60)
    m = t.mount(server)
    server.faults({"kind": "bad_ids", "count": -1})
    names = walk(m, "questions")
    check_names(t, m, names)
    check_names(t, m, walk(m, "tags"))
    t.eq(len(set(n for d, n in names if d == m / "questions")), len([n for d, n in names if d == m / "questions"]), "each name once")


WRONG = ["", "wrapper", "strings", "items_object", "items_null", "root_array", "root_string"]


@test(cases={v or "items": v for v in WRONG}, tsan=True)
def wrong_types_are_survived(t, variant):
    server = t.server(synthetic=120)
    m = t.mount(server, "--timeout", "2")
    server.faults({"kind": "wrong_types", "variant": variant, "count": -1})
    check_names(t, m, walk(m))
    for i in (1, 11, 21):
        try:
            os.stat(m / ("questions/%d" % i))
        except OSError as e:
            t.ok(e.errno in ANY_ERROR, "errno %s" % errno.errorcode[e.errno])
    server.clear_faults()
    t.ok(m.read("README.md"), "the mount lives")


@test
def a_page_of_broken_questions_does_not_hide_the_others(t):
    server = t.server(synthetic=500)
    m = t.mount(server)
    server.faults({"kind": "wrong_types", "method": "questions", "skip": 2, "count": 1})
    t.ok(len(m.list("questions")) >= 400, "those that are right are listed")


SIZES = {
    "a bomb of a gigabyte": {"kind": "bomb", "mb": 1024},
    "a page of 80 MB": {"kind": "huge", "mb": 80},
    "deep JSON": {"kind": "deep", "depth": 1000000},
    "just too deep": {"kind": "deep", "depth": 70},
}


@test(cases=SIZES, deadline=90)
def memory_is_bounded_whatever_comes(t, fault):
    server = t.server(synthetic=200)
    m = t.mount(server, "--timeout", "5")
    m.list()
    before = m.memory_kb("VmRSS")
    server.faults(dict(fault, regex="^questions", count=-1))
    for i in (1, 11):
        t.errno(errno.EIO, os.stat, m / ("questions/%d" % i))
    t.errno(errno.EIO, os.listdir, m / "questions")
    # Sanitizers keep what was freed.
    if t.build.sanitizer is None:
        t.le(m.memory_kb("VmHWM") - before, 64 * 1024 * 4, "kB of memory at most")
    server.clear_faults()
    t.eq(len(m.list("questions")), 200, "afterwards all is well")
    if t.build.sanitizer is None:
        t.le(m.memory_kb("VmRSS") - before, 64 * 1024, "kB of memory afterwards")


@test
def json_of_a_plausible_depth_is_no_attack(t):
    server = t.server()
    m = t.mount(server)
    server.faults({"kind": "deep", "depth": 10, "method": "questions/{ids}", "count": 1})
    try:
        os.stat(m / "questions/101")
    except OSError as e:
        t.ok(e.errno in ANY_ERROR, "errno")


@test
def a_listing_without_end_is_refused(t):
    server = t.server(synthetic=300)
    m = t.mount(server, "--timeout", "5")
    server.faults({"kind": "endless", "method": "questions", "count": -1})
    try:
        m.list("questions")
    except OSError as e:
        t.eq(e.errno, errno.EIO, "errno")
    t.le(server.total(), 40, "requests until it is given up")
    server.clear_faults()
    t.until(lambda: number(m) == 300, 10, "afterwards all is well")


def number(m):
    try:
        return len(m.list("questions"))
    except OSError:
        return -1


@test
def a_list_of_tags_without_end_is_refused(t):
    server = t.server(synthetic=300)
    m = t.mount(server, "--timeout", "5", "--list-limit", "2000")
    server.faults({"kind": "endless", "method": "tags", "count": -1})
    try:
        m.list("tags")
    except OSError as e:
        t.eq(e.errno, errno.EIO, "errno")
    t.le(server.total(), 40, "requests until it is given up")


@test
def every_page_of_nested_lists_without_end_is_survived(t):
    server = t.server("--nested-cap", "1")
    qid = server.change("add_question", title="Q", tags=["c#"], body_markdown="x")
    for _ in range(5):
        server.change("add_answer", question_id=qid, body_markdown="x")
    m = t.mount(server, "--timeout", "5")
    server.faults({"kind": "endless", "method": "questions/{ids}/answers", "count": -1})
    try:
        m.tree("questions", qid)
    except OSError as e:
        t.ok(e.errno in ANY_ERROR, "errno")
    t.le(server.total(), 120, "requests until it is given up")


@test
def answers_for_other_questions_are_not_taken_for_ours(t):
    """A server that sends something else than what was asked for."""
    server = t.server(synthetic=30)
    m = t.mount(server, "--timeout", "2")
    server.faults({"kind": "bad_ids", "method": "questions/{ids}", "count": -1})
    t.errno(ANY_ERROR, os.stat, m / "questions/1")
    check_names(t, m, walk(m, "questions"))


@test(deadline=90)
def all_faults_at_once_leave_the_mount_alive(t):
    server = t.server("--cache-s", "0", synthetic=300)
    m = t.mount(server, "--timeout", "2")
    kinds = ["reset_before", "reset_after", "truncate", "truncate_gzip", "corrupt_gzip", "html_error", "invalid_json", "wrong_types",
             "bad_names", "bad_ids", "empty_body", "deep", "bom", "endless", "no_content_encoding"]
    for kind in kinds:
        server.faults({"kind": kind, "count": 3, "regex": "^(questions|tags)"})
        threads, _ = t.threads([lambda: walk(m, "tags"), lambda: walk(m, "questions")])
        for th in threads:
            th.join(40 * t.slow)
            t.ok(not th.is_alive(), "a reader hangs with " + kind)
        check_names(t, m, walk(m, "questions"))
        server.clear_faults()
    t.until(lambda: number(m) >= 300, 20, "afterwards all is well")
