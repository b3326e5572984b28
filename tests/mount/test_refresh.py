"""`sofs refresh`: what the server has now, in all views, without remounting."""

import errno
import os

import reference
from harness import Failed, test


def equals_server(t, server, m):
    """The whole mount is what the server has."""
    questions = server.questions()
    got = {n: d for n, d in m.tree("questions").items() if not n.endswith("/meta.json")}
    want = {"%d/%s" % (i, n): d for i, q in questions.items() for n, d in reference.files(q).items()}
    t.eq((sorted(set(got) - set(want))[:5], sorted(set(want) - set(got))[:5]), ([], []), "too many, and missing")
    for name in want:
        t.eq(got[name], want[name], name)
    for tag in {tag for q in questions.values() for tag in q["tags"]}:
        ids = sorted(i for i, q in questions.items() if tag in q["tags"])
        t.eq(sorted(map(int, m.list("tags", reference.file_name(tag)))), ids, "tag " + tag)


def warm(m):
    """Everything is in the caches of process and kernel."""
    m.tree("questions")
    for tag in m.list("tags"):
        for q in m.list("tags", tag):
            m.list("tags", tag, q)


@test(tsan=True)
def an_edited_question_shows_in_all_views(t):
    server = t.server()
    q = server.questions()[101]
    m = t.mount(server)
    warm(m)
    server.change("edit_question", id=101, title="Another title", body_markdown="Another text.")
    m.refresh("questions/101")
    want = reference.files(server.questions()[101])["body.md"]
    t.ok(b"Another text." in want, "the data")
    t.eq(m.read("questions/101/body.md"), want, "questions/")
    for tag in q["tags"]:
        t.eq(m.read("tags", tag, 101, "body.md"), want, "tags/" + tag)
    t.eq(int(os.stat(m / "questions/101").st_mtime), server.questions()[101]["last_activity_date"], "mtime of the directory")


@test
def a_refresh_of_one_question_costs_one_request(t):
    server = t.server(synthetic=300)
    m = t.mount(server)
    m.list("questions")
    before = server.total()
    m.refresh("questions/101")
    t.eq(server.total(), before + 1, "requests")


@test
def one_that_was_just_asked_for_is_refreshed_past_the_servers_cache(t):
    """The same request again would be answered from the server's cache of a minute, and is not allowed."""
    server = t.server(synthetic=300)
    m = t.mount(server)
    m.read("questions/101/body.md")
    server.change("edit_question", id=101, body_markdown="Another text.")
    m.refresh("questions/101")
    t.ok(m.read("questions/101/body.md").endswith(b"Another text.\n"), "the new text")


@test
def new_answers_and_comments_appear(t):
    server = t.server()
    m = t.mount(server)
    qid = server.change("add_question", title="Q", tags=["c#", ".net"], body_markdown="x")
    m.tree("questions", qid)
    m.tree("tags/c#/%d" % qid)
    # Also where their absence is remembered.
    t.errno(errno.ENOENT, os.stat, m / ("questions/%d/comments.md" % qid))
    t.errno(errno.ENOENT, os.stat, m / ("tags/c#/%d/comments.md" % qid))
    aid = server.change("add_answer", question_id=qid, body_markdown="An answer")
    server.change("add_comment", post_id=qid, body_markdown="A comment")
    server.change("add_comment", post_id=aid, body_markdown="Another comment")
    m.refresh("questions/%d" % qid)
    want = reference.files(server.questions()[qid])
    for view in ("questions/%d" % qid, "tags/c#/%d" % qid, "tags/.net/%d" % qid):
        got = m.tree(view)
        got.pop("meta.json")
        t.eq(got, want, view)


@test
def an_absent_answer_that_was_looked_up_appears(t):
    server = t.server()
    qid = server.change("add_question", title="Q", tags=["c#"], body_markdown="x")
    m = t.mount(server)
    m.list("questions", qid, "answers")
    for i in range(qid + 1, qid + 30):
        t.errno(errno.ENOENT, os.stat, m / ("questions/%d/answers/%d.md" % (qid, i)))
    aid = server.change("add_answer", question_id=qid, body_markdown="An answer")
    t.ok(qid < aid < qid + 30, "the data")
    m.refresh("questions/%d" % qid)
    t.eq(m.read("questions", qid, "answers", "%d.md" % aid), b"An answer\n", "it")


@test
def deleted_answers_and_comments_disappear(t):
    server = t.server()
    qid = server.change("add_question", title="Q", tags=["c#"], body_markdown="x")
    first = server.change("add_answer", question_id=qid, body_markdown="First")
    second = server.change("add_answer", question_id=qid, body_markdown="Second")
    comment = server.change("add_comment", post_id=qid, body_markdown="A comment")
    m = t.mount(server)
    m.tree("questions", qid)
    m.tree("tags/c#/%d" % qid)
    fd = os.open(m / ("questions/%d/answers/%d.md" % (qid, first)), os.O_RDONLY)
    server.change("delete_answer", id=first)
    server.change("delete_comment", id=comment)
    m.refresh("questions/%d" % qid)
    for view in ("questions/%d" % qid, "tags/c#/%d" % qid):
        t.eq(m.list(view), ["answers", "body.md", "meta.json"], view)
        t.eq(m.list(view, "answers"), ["%d.md" % second], view + "/answers")
        t.errno(errno.ENOENT, os.stat, m / (view + "/answers/%d.md" % first))
    t.eq(os.read(fd, 100), b"First\n", "the open file")
    os.close(fd)


@test(tsan=True)
def tag_changes_show_in_all_views(t):
    server = t.server()
    qid = server.change("add_question", title="Q", tags=["c#", ".net"], body_markdown="x")
    m = t.mount(server)
    warm(m)
    t.errno(errno.ENOENT, os.stat, m / ("tags/c++/%d" % qid))
    t.eq(os.stat(m / ("questions/%d/body.md" % qid)).st_nlink, 3, "links before")
    server.change("edit_question", id=qid, tags=["c#", "c++", "brand-new"])
    m.refresh("questions/%d" % qid)
    t.ok(str(qid) in m.list("tags", "c++"), "in the new tag")
    t.ok(str(qid) not in m.list("tags", ".net"), "not in the old one")
    t.errno(errno.ENOENT, os.stat, m / ("tags/.net/%d" % qid))
    t.eq(m.list("tags", "brand-new"), [str(qid)], "in a tag that did not exist")
    t.ok("brand-new" in m.list("tags"), "it is listed")
    t.ok(b'tags: ["c#", "c++", "brand-new"]' in m.read("questions", qid, "body.md"), "in the front matter")
    t.eq(os.stat(m / ("questions/%d/body.md" % qid)).st_nlink, 4, "links after")


@test
def a_new_question_appears_by_refreshing_everything(t):
    server = t.server()
    m = t.mount(server)
    warm(m)
    qid = server.change("add_question", title="Q", tags=["c#", "new-tag"], body_markdown="New text")
    t.errno(errno.ENOENT, os.stat, m / ("questions/%d" % qid))
    t.errno(errno.ENOENT, os.stat, m / ("tags/c#/%d" % qid))
    m.refresh()
    t.ok(m.read("questions", qid, "body.md").endswith(b"New text\n"), "by id")
    t.ok(str(qid) in m.list("questions"), "in the listing")
    t.ok(m.read("tags/c#", qid, "body.md").endswith(b"New text\n"), "in its tag")
    equals_server(t, server, m)


@test
def a_new_question_appears_by_refreshing_its_path(t):
    server = t.server()
    m = t.mount(server)
    m.list("questions")
    qid = server.change("add_question", title="Q", tags=["c#"], body_markdown="New text")
    t.errno(errno.ENOENT, os.stat, m / ("questions/%d" % qid))
    m.refresh("questions/%d" % qid)
    t.ok(m.read("questions", qid, "body.md").endswith(b"New text\n"), "by id")
    t.ok(str(qid) in m.list("questions"), "in the listing")
    t.ok(str(qid) in m.list("tags", "c#"), "in its tag")


@test(tsan=True)
def a_deleted_question_disappears_everywhere(t):
    server = t.server()
    q = server.questions()[101]
    m = t.mount(server)
    warm(m)
    server.change("delete_question", id=101)
    m.refresh("questions/101")
    t.errno(errno.ENOENT, os.stat, m / "questions/101")
    t.errno(errno.ENOENT, os.stat, m / "questions/101/body.md")
    t.ok("101" not in m.list("questions"), "in questions/")
    for tag in q["tags"]:
        t.ok("101" not in m.list("tags", tag), "in tags/" + tag)
        t.errno(errno.ENOENT, os.stat, m / ("tags/%s/101" % tag))


@test
def deletions_are_found_by_refreshing_everything(t):
    server = t.server(synthetic=350)
    m = t.mount(server)
    warm(m)
    gone = sorted(server.questions())[5:300:20]
    for i in gone:
        server.change("delete_question", id=i)
    m.refresh()
    for i in gone:
        t.errno(errno.ENOENT, os.stat, m / ("questions/%d" % i))
    equals_server(t, server, m)


@test
def votes_show_after_a_refresh(t):
    import json
    server = t.server()
    m = t.mount(server)
    before = json.loads(m.read("questions/101/meta.json"))["score"]
    server.change("vote", id=101, delta=5)
    m.refresh("questions/101")
    t.eq(json.loads(m.read("questions/101/meta.json"))["score"], before + 5, "score")


@test(deadline=90)
def after_many_changes_a_refresh_shows_exactly_what_is_there(t):
    server = t.server("--cache-s", "0", synthetic=400)
    m = t.mount(server)
    warm(m)
    for seed in range(3):
        server.random_changes(60, seed + 1)
        server.excused.add("repeats")   # the listing is asked for again within the minute
        m.refresh()
        equals_server(t, server, m)


@test
def paths_of_every_kind_can_be_refreshed(t):
    server = t.server()
    q = server.questions()[101]
    tag = q["tags"][0]
    m = t.mount(server)
    m.list("questions")
    texts = iter("Text number %d." % i for i in range(100))
    for path in ("questions/101", m / "questions/101", "questions/101/body.md", "tags/%s/101" % tag,
                 m / ("tags/%s/101/answers" % tag), "/".join(["", "questions", "101"])):
        text = next(texts)
        server.change("edit_question", id=101, body_markdown=text)
        server.ctl("POST", "cache/clear")
        if path.startswith("/questions"):
            r = t.sofs("refresh", m.path, path)
            t.eq(r.returncode, 1, "an absolute path outside of the mount")
            continue
        m.refresh(path)
        t.ok(m.read("questions/101/body.md").endswith(text.encode() + b"\n"), "after refresh of " + path)
    for path in ("nonsense", "questions/x"):
        r = t.sofs("refresh", m.path, path)
        t.eq(r.returncode, 1, "exit of refresh " + path)
        t.eq(len(r.stderr.splitlines()), 1, "lines on stderr: " + r.stderr)


@test
def a_path_inside_the_mount_alone_is_refreshed(t):
    server = t.server()
    m = t.mount(server)
    m.read("questions/101/body.md")
    server.change("edit_question", id=101, body_markdown="Another text.")
    r = t.sofs("refresh", m / "questions/101")
    t.eq((r.returncode, r.stderr), (0, ""), "sofs refresh PATH")
    t.ok(m.read("questions/101/body.md").endswith(b"Another text.\n"), "the new text")


@test
def refreshing_an_unknown_question_says_so(t):
    m = t.mount(t.server())
    r = t.sofs("refresh", m.path, "questions/999999")
    t.eq(r.returncode, 1, "exit status")
    t.ok("999999" in r.stderr, "the sentence: " + r.stderr)


@test
def refreshing_a_question_that_was_just_deleted_is_a_success_or_says_so(t):
    server = t.server()
    m = t.mount(server)
    m.list("questions")
    server.change("delete_question", id=101)
    t.sofs("refresh", m.path, "questions/101")
    t.errno(errno.ENOENT, os.stat, m / "questions/101")


@test
def a_refresh_while_lookups_wait_does_not_deadlock(t):
    server = t.server("--latency-ms", "100", synthetic=300)
    m = t.mount(server)
    ids = sorted(server.questions())
    for i in ids[:20]:
        m.list("questions", i)
    for i in ids[:12:2]:
        server.change("add_comment", post_id=i, body_markdown="New")
    threads, out = t.threads([lambda i=i: m.tree("questions", i) for i in ids[20:120]] +
                             [lambda i=i: m.refresh("questions/%d" % i) for i in ids[:12:2]])
    for th in threads:
        th.join(40 * t.slow)
    t.eq([o for o in out if isinstance(o, BaseException)], [], "failed")
    t.ok(not any(th.is_alive() for th in threads), "somebody still waits")
    for i in ids[:12:2]:
        t.ok(b"New" in m.read("questions", i, "comments.md"), "the news of %d" % i)


@test
def a_refresh_is_told_while_a_lookup_in_the_same_directory_waits(t):
    """The notice must neither wait for, nor block, the directory."""
    server = t.server(synthetic=100)
    m = t.mount(server)
    m.read("questions/1/body.md")
    server.faults({"kind": "stall", "regex": "questions/([0-9]+;)*11[?;]", "count": -1})
    threads, out = t.threads([lambda: os.stat(m / "questions/11")])
    t.until(lambda: m.status()["kernel"]["waiting"] == 1, 5, "one waits")
    server.change("edit_question", id=1, body_markdown="Another text.")
    m.refresh("questions/1")
    t.ok(m.read("questions/1/body.md").endswith(b"Another text.\n"), "the new text")
    t.ok(m.list("questions/1"), "its directory")
    server.clear_faults()
    threads[0].join(30 * t.slow)
