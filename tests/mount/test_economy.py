"""What it costs: requests to the server."""

import errno
import json
import math
import os
import random
import re
import subprocess
import threading

import reference
from harness import Failed, corpus_questions, test

HANDFUL = 5     # filter, check, total, tail, tags

# What file managers, editors, version control, desktops and search tools look for everywhere (editors-and-tools).
PROBES = """.hidden .directory .Trash .Trash-0 .Trash-1000 autorun.inf .autorun desktop.ini Thumbs.db .DS_Store
    .xdg-volume-info .comments BDMV VIDEO_TS DCIM .git .gitignore .gitmodules HEAD .hg .hgignore .bzr .svn CVS RCS SCCS _MTN
    .src .ignore .rgignore .fdignore .agignore .editorconfig .dir-locals.el .dir-locals-2.el .envrc .vimrc .exrc .nvimrc
    .sh_thumbnails .trackerignore .nomedia .fuse_hidden0000 body.md~ body.md.swp .body.md.swp .body.md.swx
    .body.md.kate-swp .#body.md #body.md# body.md.bak body.md.orig body.md,v s.body.md Makefile CMakeLists.txt""".split()
# Only asked for at the top of what looks like a medium.
ROOT_PROBES = ["autorun", "lost+found", "4913"]


def requests(server, method):
    return server.stats()["methods"].get(method, {}).get("count", 0)


@test(tsan=True)
def mounting_costs_at_most_six_requests_and_fetches_no_content(t):
    server = t.server()
    m = t.mount(server)
    t.le(server.total(), 6, "requests of a first mount")
    t.eq(server.content(), 0, "content requests")
    m.list()
    os.stat(m / "questions")
    os.stat(m / "tags")
    m.umount()
    t.le(server.total(), 6, "requests after a look at the root")
    t.eq(server.content(), 0, "content requests")


@test
def a_second_mount_remembers_style_and_filter(t):
    server = t.server("--styles", "path")
    server.excused.add("token_wrong_style")     # that is how the style is found out
    t.mount(server).umount()
    first = server.total()
    m = t.mount(server)
    t.le(server.total(), min(first - 1, 2), "requests of the second mount")
    m.read("questions/101/body.md")


@test(needs=("corpus",), deadline=90)
def cold_grep_over_the_corpus_costs_fourteen_content_requests(t):
    server = t.server(corpus=True)
    m = t.mount(server)
    t.grep("-r", "beer", m / "questions")
    t.le(server.content(), 14 + 1, "content requests")      # one more: what was created meanwhile
    with_items = [e for e in server.log() if e["method"] == "questions" and e["items"] > 0
                  and "filter=total" not in e["uri"]]
    t.le(len(with_items), 14, "content requests that brought something")
    t.le(server.total(), 14 + HANDFUL, "requests")


@test(needs=("corpus",), deadline=90, tsan=True)
def a_second_grep_costs_nothing(t):
    server = t.server(corpus=True)
    m = t.mount(server)
    first = t.grep("-rc", "beer", m / "questions")
    before = server.total()
    t.eq(t.grep("-rc", "beer", m / "questions"), first, "hits")
    t.eq(server.total(), before, "requests")


@test(cases={"none": 0, "one": 1, "just below a page": 99, "a page": 100, "a page and one": 101, "ten pages": 1000, "twenty-five": 2480})
def listing_n_questions_costs_ceil_n_by_100(t, n):
    server = t.server(synthetic=n)
    m = t.mount(server)
    server.reset_stats()
    t.eq(len(m.list("questions")), n, "entries")
    pages = max(1, math.ceil(n / 100))
    t.le(server.total(), pages + 2 if n > 100 else pages + (n == 100) * 2, "requests")
    before = server.total()
    m.tree("questions", *m.list("questions")[:1])
    for name in m.list("questions")[::50]:
        m.tree("questions", name)
    t.eq(server.total(), before, "requests below it")


@test
def listing_again_costs_nothing(t):
    server = t.server(synthetic=250)
    m = t.mount(server)
    m.list("questions")
    before = server.total()
    m.list("questions")
    t.run("ls", "-lR", m / "questions")
    t.run("find", m / "questions", "-name", "*.md", "-size", "+1k")
    t.eq(server.total(), before, "requests")


@test
def two_who_list_at_the_same_time_share_the_requests(t):
    server = t.server("--latency-ms", "100", synthetic=450)
    m = t.mount(server)
    server.reset_stats()
    threads, out = t.threads([lambda: m.list("questions")] * 8)
    for th in threads:
        th.join(30 * t.slow)
    t.ok(all(o == out[0] for o in out) and len(out[0]) == 450, "all see all")
    t.le(server.total(), 5 + 2, "requests")


@test
def tags_cost_nothing_once_all_questions_are_here(t):
    server = t.server(synthetic=300)
    m = t.mount(server)
    m.list("questions")
    tags = sorted({tag for q in server.questions().values() for tag in q["tags"]})
    before = server.total()
    for tag in tags[::7]:
        t.ok(m.list("tags", tag), "questions of " + tag)
    m.tree("tags", tags[0])
    t.eq(server.total(), before, "requests")
    m.list("tags")
    t.le(server.total(), before + math.ceil(len(server.tags()) / 100), "requests with the list of tags")


@test(needs=("corpus",))
def a_tag_alone_costs_ceil_n_by_100(t):
    server = t.server(corpus=True)
    by_tag = {}
    for q in server.questions().values():
        for tag in q["tags"]:
            by_tag.setdefault(tag, []).append(q["question_id"])
    tag = max(by_tag, key=lambda x: len(by_tag[x]))
    t.ok(len(by_tag[tag]) > 100, "the corpus has a tag of several pages")
    m = t.mount(server)
    server.reset_stats()
    t.eq(sorted(map(int, m.list("tags", tag))), sorted(by_tag[tag]), "questions")
    # The tag itself is looked up, and there are the total and what was created meanwhile.
    t.le(server.total(), math.ceil(len(by_tag[tag]) / 100) + 3, "requests")
    before = server.total()
    m.tree("tags", tag)
    t.eq(server.total(), before, "requests below it")


@test(tsan=True)
def one_question_by_id_costs_one(t):
    server = t.server()
    m = t.mount(server)
    server.reset_stats()
    tree = m.tree("questions", 101)
    t.ok("body.md" in tree and "meta.json" in tree, "it is all there")
    t.eq(server.total(), 1, "requests")


@test
def a_question_by_tag_and_id_costs_at_most_two(t):
    server = t.server()
    q = server.questions()[101]
    m = t.mount(server)
    server.reset_stats()
    t.eq(m.read("tags", q["tags"][0], 101, "body.md"), reference.files(q)["body.md"], "body")
    t.le(server.total(), 2, "requests")
    t.eq(m.read("questions", 101, "body.md"), reference.files(q)["body.md"], "body")
    t.le(server.total(), 2, "requests with the other view")


@test(deadline=90, alone=True)
def a_thousand_parallel_cats_by_32_processes_cost_at_most_forty(t):
    server = t.server("--latency-ms", "30", synthetic=3000)
    questions = server.questions()
    ids = random.Random(7).sample(sorted(questions), 1000)
    m = t.mount(server)
    server.reset_stats()
    out = t.sub("out")
    r = subprocess.run(["xargs", "-P", "32", "-I", "{}", "sh", "-c", 'cat "$0/{}/body.md" > "$1/{}"', m / "questions", out],
                       input="".join("%d\n" % i for i in ids), text=True, capture_output=True, timeout=60 * t.slow)
    t.eq((r.returncode, r.stderr), (0, ""), "cat")
    for i in ids:
        with open(os.path.join(out, str(i)), "rb") as f:
            t.eq(f.read(), reference.files(questions[i])["body.md"], "text of %d" % i)
    t.le(server.content(), 40, "content requests for 1000 questions")


@test
def ids_asked_for_at_the_same_time_are_joined(t):
    server = t.server("--latency-ms", "200", synthetic=1000)
    ids = sorted(server.questions())[:100]
    m = t.mount(server)
    server.reset_stats()
    threads, out = t.threads([lambda i=i: os.stat(m / ("questions/%d" % i)) for i in ids])
    for th in threads:
        th.join(30 * t.slow)
    t.eq([o for o in out if isinstance(o, BaseException)], [], "failed")
    t.le(server.total(), 4, "requests for 100 questions")


@test
def the_same_id_is_asked_once_by_many(t):
    server = t.server("--latency-ms", "300")
    m = t.mount(server)
    server.reset_stats()
    threads, out = t.threads([lambda: m.read("questions/101/body.md")] * 40)
    for th in threads:
        th.join(30 * t.slow)
    t.ok(all(o == out[0] and isinstance(o, bytes) for o in out), "all read the same")
    t.eq(server.total(), 1, "requests")


@test(tsan=True)
def an_unknown_id_is_enoent_and_remembered(t):
    server = t.server()
    m = t.mount(server)
    server.reset_stats()
    for _ in range(3):
        t.errno(errno.ENOENT, os.stat, m / "questions/999999")
        t.errno(errno.ENOENT, os.listdir, m / "questions/999999/answers")
    t.eq(server.total(), 1, "requests")


@test
def an_unknown_id_is_remembered_without_the_kernel_too(t):
    # Another tag's directory: other names for the kernel, the same question for the process.
    server = t.server()
    m = t.mount(server)
    server.reset_stats()
    t.errno(errno.ENOENT, os.stat, m / "questions/999999")
    before = server.total()
    t.errno(errno.ENOENT, os.stat, m / "tags/c#/999999")
    t.le(server.total(), before + 1, "requests, with one for the tag")


@test
def an_unknown_tag_is_enoent_and_remembered(t):
    server = t.server()
    m = t.mount(server)
    server.reset_stats()
    for _ in range(3):
        t.errno(errno.ENOENT, os.stat, m / "tags/no-such-tag")
    t.le(server.total(), 1, "requests")
    m.list("tags")
    before = server.total()
    t.errno(errno.ENOENT, os.stat, m / "tags/nor-this-one")
    t.eq(server.total(), before, "requests after the list of tags")


@test
def a_question_is_not_in_a_tag_that_it_does_not_have(t):
    server = t.server()
    questions = server.questions()
    m = t.mount(server)
    other = next(tag["name"] for tag in server.tags() if tag["name"] not in questions[101]["tags"])
    t.errno(errno.ENOENT, os.stat, m / ("tags/%s/101" % other))


NO_IDS = ["0", "-1", "007", "1x", "x", "1.5", "9007199254740993", "99999999999999999999", "18446744073709551617", "+1", " 1",
          "1 ", "１"]


@test
def names_that_are_no_ids_cost_nothing(t):
    server = t.server()
    m = t.mount(server)
    m.read("questions/101/body.md")
    before = server.total()
    for name in NO_IDS:
        t.errno(errno.ENOENT, os.stat, m / ("questions/" + name))
    for name in ("body.markdown", "comments", "answers.md", "META.json", "1.md"):
        t.errno(errno.ENOENT, os.stat, m / ("questions/101/" + name))
    for name in ("1.md", "0.md", "-1.md", "x.md", "999999.md", "999999.comments.md"):
        t.errno(errno.ENOENT, os.stat, m / ("questions/101/answers/" + name))
    for name in ("question", "tag", "etc", "draft", ".sofs2"):
        t.errno(errno.ENOENT, os.stat, m / name)
    t.errno((errno.ENOENT, errno.ENAMETOOLONG), os.stat, m / ("questions/" + "1" * 300))
    t.eq(server.total(), before, "requests")


@test(tsan=True)
def probing_for_absent_names_costs_nothing(t):
    server = t.server()
    q = server.questions()[101]
    m = t.mount(server)
    m.read("questions/101/body.md")
    m.read("tags/%s/101/body.md" % q["tags"][0])
    before = server.total()
    for where in ("", "questions", "questions/101", "questions/101/answers", "tags", "tags/" + q["tags"][0],
                  "tags/%s/101" % q["tags"][0], ".sofs"):
        for name in PROBES:
            t.errno(errno.ENOENT, os.lstat, os.path.join(m / where, name))
    for name in ROOT_PROBES:
        t.errno(errno.ENOENT, os.lstat, m / name)
    t.eq(server.total(), before, "requests")


@test
def the_kernel_remembers_absent_names(t):
    m = t.mount(t.server())
    for _ in range(2):
        before = m.kernel_requests()
        for where in ("", "questions", "tags"):
            for name in PROBES:
                t.errno(errno.ENOENT, os.lstat, os.path.join(m / where, name))
    t.eq(m.kernel_requests(), before, "kernel requests in the second round")


@test(needs=("git",))
def git_status_inside_costs_nothing(t):
    server = t.server()
    m = t.mount(server)
    m.read("questions/101/body.md")
    before = server.total()
    for where in ("questions/101/answers", "questions", ""):
        r = t.run("git", "status", cwd=m / where)
        t.ok(r.returncode == 128 and "not a git repository" in r.stderr, "git status: " + r.stderr)
    t.eq(server.total(), before, "requests")


@test(needs=("git", "corpus"), deadline=90)
def git_grep_finds_what_grep_finds(t):
    server = t.server(corpus=True)
    m = t.mount(server)
    r = t.run("git", "grep", "--no-index", "-c", "beer", cwd=m / "questions")
    hits = {l.rpartition(":")[0]: l.rpartition(":")[2] for l in r.stdout.splitlines()}
    same = {os.path.relpath(l.rpartition(":")[0], m / "questions"): l.rpartition(":")[2]
            for l in t.grep("-rc", "beer", m / "questions") if not l.endswith(":0")}
    t.eq(hits, same, "git grep and grep")
    t.le(server.total(), 14 + HANDFUL, "requests")


@test(needs=("rg", "corpus"), deadline=90)
def ripgrep_costs_what_grep_costs(t):
    server = t.server(corpus=True)
    m = t.mount(server)
    r = t.run("rg", "-c", "beer", m / "questions", timeout=60)
    hits = {l.rpartition(":")[0]: l.rpartition(":")[2] for l in r.stdout.splitlines()}
    t.eq(r.stderr, "", "stderr of rg")
    t.le(server.total(), 14 + HANDFUL, "requests")
    before = server.total()
    same = {l.rpartition(":")[0]: l.rpartition(":")[2] for l in t.grep("-rc", "beer", m / "questions")
            if not l.endswith(":0")}
    t.eq(hits, same, "rg and grep")
    t.run("rg", "-c", "beer", m / "questions", timeout=60)
    t.eq(server.total(), before, "requests of the second rg")


@test(needs=("rg", "corpus"), deadline=120)
def ripgrep_over_the_whole_mount_asks_for_the_tags_besides(t):
    server = t.server(corpus=True)
    m = t.mount(server)
    r = t.run("rg", "--sort", "path", "-l", "beer", m.path, timeout=90)
    t.ok(r.returncode == 0 and r.stderr == "", "rg: " + r.stderr)
    t.le(server.total(), 14 + HANDFUL + math.ceil(402 / 100) + 2, "requests")


@test(cases={"ls": ("ls", "-lR"), "find": ("find",), "du": ("du", "-s"), "wc": ("sh", "-c", 'find "$0" -type f | xargs wc -c')},
      needs=("corpus",))
def tools_cost_no_more_than_a_listing(t, *command):
    server = t.server(corpus=True)
    m = t.mount(server)
    r = t.run(*command, m / "questions", timeout=60)
    t.eq((r.returncode, r.stderr), (0, ""), command[0])
    t.le(server.total(), 14 + HANDFUL, "requests")


@test(needs=("tar", "corpus"), deadline=90)
def tar_holds_the_whole_tree(t):
    server = t.server(corpus=True)
    m = t.mount(server)
    r = t.run("sh", "-c", 'tar -C "$0" -cf - questions | tar -tf - | wc -l', m.path, timeout=60)
    want = sum(3 + len(reference.files(q)) for q in corpus_questions()) + 1
    t.eq((int(r.stdout), r.stderr), (want, ""), "members")
    t.le(server.total(), 14 + HANDFUL, "requests")


@test
def nested_lists_that_were_cut_are_completed_by_paging(t):
    server = t.server("--nested-cap", "2")
    qid = sorted(server.questions())[0]
    for i in range(130):
        aid = server.change("add_answer", question_id=qid, body_markdown="Answer %d" % i)
    for i in range(120):
        server.change("add_comment", post_id=qid, body_markdown="Comment %d" % i)
    for i in range(5):
        server.change("add_comment", post_id=aid, body_markdown="Comment %d" % i)
    m = t.mount(server)
    q = server.questions()[qid]
    t.ok(len(q["answers"]) >= 130, "the data")
    got = m.tree("questions", qid)
    want = reference.files(q)
    t.eq(set(got) - {"meta.json"}, set(want), "names")
    for name in want:
        t.eq(got[name], want[name], name)
    wrong = reference.difference(reference.meta(q), json.loads(got["meta.json"]))
    t.ok(not wrong, "meta.json: %s" % wrong)
    # One for the question, two pages of answers, two of comments, and for the answers' comments vectors.
    t.le(server.total(), 2 + 1 + 2 + 2 + 4 + 2, "requests")


@test
def a_listing_with_cut_nested_lists_is_completed_in_vectors(t):
    server = t.server("--nested-cap", "1", synthetic=200)
    m = t.mount(server)
    got = m.tree("questions")
    for q in server.questions().values():
        for name, data in reference.files(q).items():
            t.eq(got.get("%d/%s" % (q["question_id"], name)), data, "%d/%s" % (q["question_id"], name))
    t.le(server.total(), 2 + 4 + 30, "requests")


@test
def list_limit_keeps_the_newest_activity_and_says_what_was_cut(t):
    server = t.server(synthetic=1000)
    questions = server.questions()
    m = t.mount(server, "--list-limit", "300")
    server.reset_stats()
    m.list("questions")
    # What was fetched before the total was known is taken back.
    t.until(lambda: len(m.list("questions")) <= 300, 5, "the listing shrinks to the limit")
    listed = set(map(int, m.list("questions")))
    by_activity = sorted(questions.values(), key=lambda q: q["last_activity_date"], reverse=True)
    cut = by_activity[299]["last_activity_date"]
    t.eq({q["question_id"] for q in by_activity if q["last_activity_date"] > cut} - listed, set(), "newest activity")
    # Pages that were on their way when the total was learnt come on top.
    t.le(server.total(), 3 + 1 + 1 + 4, "requests")
    status = m.status()["cache"]
    t.ok(status["questions_cut"] >= 500, "status.json says how many were cut: %s" % status)
    t.ok(re.search(r"cut:.*\d+ questions", m.read(".sofs/status").decode()), "status says so")
    other = next(i for i in questions if i not in listed)
    t.eq(m.read("questions", other, "body.md"), reference.files(questions[other])["body.md"], "one that was cut")


@test
def a_complete_listing_answers_for_ids_that_are_not_in_it(t):
    server = t.server(synthetic=150)
    m = t.mount(server)
    m.list("questions")
    before = server.total()
    for i in (2, 999, 123456789):
        t.errno(errno.ENOENT, os.stat, m / ("questions/%d" % i))
    t.eq(server.total(), before, "requests")


@test
def no_request_leaves_uncounted(t):
    """A library that repeats a request by itself, on a connection that turned out to be dead, passes by the rate."""
    server = t.server()
    m = t.mount(server)
    ids = sorted(server.questions())
    for i in ids[:8]:
        server.faults({"kind": "reset_before", "method": "questions/{ids}", "count": 1})
        t.ok(m.read("questions", i, "body.md"), "question %d" % i)
    s = m.status()["requests"]
    t.eq(server.total(), s["sent"], "requests that the server saw, and that were counted")
    t.eq(s["repeated"], 8, "repeated")


@test
def the_rate_option_is_obeyed(t):
    server = t.server(synthetic=1500)
    m = t.mount(server, "--rate", "5")
    m.list("questions")
    t.le(server.stats()["max_per_second"], 6, "requests in a second")


@test
def the_highest_rate_stays_below_the_ban(t):
    server = t.server(synthetic=6000)
    m = t.mount(server, "--rate", "30", "--concurrency", "16")
    t.eq(len(m.list("questions")), 6000, "questions")
    t.le(server.stats()["max_per_second"], 30, "requests in a second")


@test
def concurrency_is_obeyed(t):
    server = t.server("--latency-ms", "60", synthetic=2000)
    m = t.mount(server, "--concurrency", "2")
    m.list("questions")
    t.le(server.stats()["max_in_flight"], 2, "requests in flight")


@test
def pages_are_fetched_ahead(t):
    server = t.server("--latency-ms", "100", synthetic=1500)
    m = t.mount(server)
    m.list("questions")
    t.ok(server.stats()["max_in_flight"] >= 3, "pages are in flight at the same time")


@test(deadline=90)
def the_listing_streams(t):
    """The first names are here before the last page was even asked for."""
    server = t.server(synthetic=3000)
    server.faults({"kind": "delay", "match": "questions", "ms": 250, "count": -1})
    m = t.mount(server)
    with os.scandir(m / "questions") as it:
        first = next(it).name
        pages = requests(server, "questions")
        rest = [e.name for e in it]
    t.le(pages, 20, "pages asked for when the first name arrived, of 30")
    t.eq(len({first, *rest}), 3000, "names")
    t.eq(len(rest) + 1, 3000, "names, counted with repeats")
    server.excused.discard("repeats")


@test(deadline=90, cases={"deletions": ("delete",), "creations": ("create",), "both": ("delete", "create")})
def changes_during_a_listing_end_in_the_right_set(t, *kinds):
    server = t.server(synthetic=2500)
    server.faults({"kind": "delay", "match": "questions", "ms": 120, "count": -1})
    server.excused.discard("repeats")
    m = t.mount(server, "--concurrency", "2")
    ids = sorted(server.questions())
    rng = random.Random(3)
    stop = threading.Event()
    done = []

    def change():
        # Early pages have been read by then, late ones have not.
        victims = rng.sample(ids, 25)
        while not stop.is_set() and requests(server, "questions") < 16 and victims:
            if "delete" in kinds:
                done.append(server.change("delete_question", id=victims.pop()))
            if "create" in kinds:
                done.append(server.change("add_question", title="New", tags=["c#"], body_markdown="x"))
            stop.wait(0.04)
    th = threading.Thread(target=change)
    th.start()
    try:
        with os.scandir(m / "questions") as it:
            for _ in it:
                pass
    finally:
        stop.set()
        th.join()
    t.ok(len(done) >= 10, "something changed while it was read: %d" % len(done))
    want = set(server.questions())
    # What the listing found to be gone is told to the kernel a moment later.
    try:
        t.until(lambda: set(map(int, m.list("questions"))) == want, 3, "the right set")
    except Failed:
        pass
    got = set(map(int, m.list("questions")))
    t.eq((sorted(got - want), sorted(want - got)), ([], []), "too many, and missing")
    t.eq(len(got), len(m.list("questions")), "each name once")


def read_without_pages(path):
    """Reads past the kernel's page cache: it forgets what it has of the file."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        return os.read(fd, 1 << 20)
    finally:
        os.close(fd)


@test(deadline=120)
def little_memory_still_reads_right_and_refetches_in_vectors(t):
    server = t.server(synthetic=4000)
    m = t.mount(server, "--memory", "4M", "--rate", "30", "--concurrency", "8")
    want = {}
    for q in server.questions().values():
        for name, data in reference.files(q).items():
            want["%d/%s" % (q["question_id"], name)] = data
    m.list("questions")
    server.reset_stats()
    server.excused.add("repeats")   # evicted within the minute
    for name, data in want.items():
        t.eq(read_without_pages(m / ("questions/" + name)), data, name)
    cache = m.status()["cache"]
    t.ok(cache["evictions"] > 0, "something was evicted")
    t.le(cache["rendered_bytes"] + cache["packed_bytes"], cache["memory_bytes"], "texts in memory")
    t.le(server.content(), 3 * 4000 / 100, "content requests of a scan of 4000")


@test(deadline=120, needs=("corpus",))
def grep_with_little_memory_finds_everything(t):
    server = t.server(corpus=True)
    m = t.mount(server, "--memory", "4M")
    server.excused.add("repeats")
    hits = 0
    for line in t.grep("-rc", "--include=*.md", "the", m / "questions", timeout=90):
        hits += int(line.rpartition(":")[2])
    want = sum(sum(b"the" in line for line in data.split(b"\n")) for q in corpus_questions()
               for data in reference.files(q).values())
    t.eq(hits, want, "hits")
    t.le(server.content(), 14 + 3 * 14, "content requests")


@test
def nothing_is_asked_while_nobody_looks(t):
    import time
    server = t.server()
    m = t.mount(server)
    m.list("questions")
    before = server.total()
    time.sleep(3)
    t.eq(server.total(), before, "requests")
    t.eq(m.status()["requests"]["queued"], 0, "queued")
