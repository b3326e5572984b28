"""What is in the files, their names and attributes."""

import json
import os
import re
import stat

import reference
from harness import Failed, corpus_questions, test


def expected_tree(questions):
    out = {}
    for q in questions:
        for name, data in reference.files(q).items():
            out["%d/%s" % (q["question_id"], name)] = data
    return out


def compare_trees(t, got, want, what):
    metas = {name for name in got if name.endswith("/meta.json")}
    t.eq(sorted(set(got) - metas - set(want))[:5], [], what + ": names that should not be there")
    t.eq(sorted(set(want) - set(got))[:5], [], what + ": missing names")
    for name, data in want.items():
        t.eq(got[name], data, "%s: %s" % (what, name))


def check_metas(t, got, questions):
    """Values from the source; one key order for all; pretty-printed."""
    orders = {}
    for q in questions:
        name = "%d/meta.json" % q["question_id"]
        text = got[name].decode()
        meta = json.loads(text)
        wrong = reference.difference(reference.meta(q), meta)
        if wrong:
            raise Failed("%s: %s" % (name, wrong))
        t.eq(text, reference.json_text(meta) + "\n", name + " is not printed as it should be")
        note_order(orders, "question", meta)
        for a in meta["answers"]:
            note_order(orders, "answer", a)
    for kind, pairs in orders.items():
        for a, b in pairs:
            t.ok((b, a) not in pairs, "the order of %s and %s in a %s varies" % (a, b, kind))


def note_order(orders, kind, obj):
    keys = list(obj)
    pairs = orders.setdefault(kind, set())
    for i, a in enumerate(keys):
        pairs.update((a, b) for b in keys[i + 1:])


@test(needs=("corpus",), deadline=90)
def every_file_of_the_corpus_equals_its_source(t):
    questions = corpus_questions()
    m = t.mount(t.server(corpus=True))
    got = m.tree("questions")
    compare_trees(t, got, expected_tree(questions), "questions")
    t.eq(len([n for n in got if n.endswith("/meta.json")]), len(questions), "number of meta.json")
    check_metas(t, got, questions)


@test(needs=("corpus",))
def names_are_exactly_those_of_the_contract(t):
    questions = {q["question_id"]: q for q in corpus_questions()}
    m = t.mount(t.server(corpus=True))
    t.eq(m.list(), [".sofs", "README.md", "questions", "tags"], "the root")
    t.eq(m.list(".sofs"), ["errors", "status", "status.json"], ".sofs")
    t.eq(sorted(map(int, m.list("questions"))), sorted(questions), "questions")
    for q in questions.values():
        names = {"answers", "meta.json"} | {n for n in reference.files(q) if "/" not in n}
        t.eq(set(m.list("questions", q["question_id"])), names, "question %d" % q["question_id"])
        answers = {n[8:] for n in reference.files(q) if n.startswith("answers/")}
        t.eq(set(m.list("questions", q["question_id"], "answers")), answers,
             "answers of %d" % q["question_id"])


@test(needs=("corpus",), deadline=90)
def grep_counts_equal_those_over_the_source(t):
    questions = corpus_questions()
    m = t.mount(t.server(corpus=True))
    want = expected_tree(questions)
    for word in ("beer", "the", "größ", "&lt;", "http"):
        counts = {}
        for line in t.grep("-rc", "--include=*.md", word, m / "questions"):
            name, _, n = line.rpartition(":")
            counts[os.path.relpath(name, m / "questions")] = int(n)
        expected = {name: sum(word.encode() in line for line in data.split(b"\n"))
                    for name, data in want.items()}
        t.eq(counts, expected, "hits of %r" % word)


@test(needs=("corpus",), deadline=120)
def tag_views_hold_the_same_inodes_and_the_same_texts(t):
    questions = corpus_questions()
    m = t.mount(t.server(corpus=True))
    inodes = {}
    m.list("questions")
    for q in questions:
        qid = q["question_id"]
        for name in list(reference.files(q)) + ["meta.json"]:
            st = os.stat(m / "questions/%d/%s" % (qid, name))
            inodes["%d/%s" % (qid, name)] = st.st_ino
            t.eq(st.st_nlink, 1 + len(q["tags"]), "links of %d/%s" % (qid, name))
    by_tag = {}
    for q in questions:
        for tag in q["tags"]:
            by_tag.setdefault(tag, []).append(q["question_id"])
    t.eq(set(by_tag) - set(m.list("tags")), set(), "tags that are missing")
    for tag, ids in by_tag.items():
        t.eq(sorted(map(int, m.list("tags", tag))), sorted(ids), "tag " + tag)
    for q in questions[::10]:
        qid = q["question_id"]
        for tag in q["tags"]:
            for name, data in reference.files(q).items():
                path = "tags/%s/%d/%s" % (tag, qid, name)
                t.eq(os.stat(m / path).st_ino, inodes["%d/%s" % (qid, name)], "inode of " + path)
                t.eq(m.read(path), data, path)
    tag = max(by_tag, key=lambda k: len(by_tag[k]))
    hits = {os.path.relpath(l.rpartition(":")[0], m / ("tags/" + tag)): l.rpartition(":")[2]
            for l in t.grep("-rc", "the", m / ("tags/" + tag))}
    args = [m / "questions/%d" % i for i in by_tag[tag]]
    same = {os.path.relpath(l.rpartition(":")[0], m / "questions"): l.rpartition(":")[2]
            for l in t.grep("-rc", "the", *args)}
    t.eq(hits, same, "grep -rc in tags/%s" % tag)


@test(needs=("corpus",))
def each_view_gives_each_hit_once(t):
    m = t.mount(t.server(corpus=True))
    inodes = {}
    for dirpath, _, files in os.walk(m / "questions"):
        for name in files:
            ino = os.stat(os.path.join(dirpath, name)).st_ino
            t.ok(ino not in inodes, "one file twice in questions/: " + name)
            inodes[ino] = name


@test(tsan=True)
def the_sample_team_equals_its_source(t):
    server = t.server()
    m = t.mount(server)
    questions = list(server.questions().values())
    got = m.tree("questions")
    compare_trees(t, got, expected_tree(questions), "questions")
    check_metas(t, got, questions)
    tags = {tag["name"] for tag in server.tags()}
    t.ok({"c#", "c++", ".net"} <= tags, "the sample has tags that tempt")
    t.eq(set(m.list("tags")), {reference.file_name(x) for x in tags}, "tags")
    for tag in tags:
        ids = sorted(q["question_id"] for q in questions if tag in q["tags"])
        t.eq(sorted(map(int, m.list("tags", tag))), ids, "tag " + tag)


@test(tsan=True)
def sizes_are_exact_before_the_first_read(t):
    server = t.server()
    m = t.mount(server)
    m.list("questions")
    for q in server.questions().values():
        for name, data in reference.files(q).items():
            path = m / ("questions/%d/%s" % (q["question_id"], name))
            t.eq(os.stat(path).st_size, len(data), "size of " + name)
        path = m / ("questions/%d/meta.json" % q["question_id"])
        size = os.stat(path).st_size
        with open(path, "rb") as f:
            t.eq(len(f.read()), size, "size of meta.json")


@test
def times_are_those_of_the_posts(t):
    server = t.server()
    m = t.mount(server)
    m.list("questions")
    for q in server.questions().values():
        for name, mtime in reference.mtimes(q).items():
            st = os.stat(m / ("questions/%d/%s" % (q["question_id"], name)))
            t.eq(int(st.st_mtime), mtime, "mtime of %d/%s" % (q["question_id"], name))


@test(needs=("corpus",))
def ls_t_and_find_newer_work(t):
    questions = corpus_questions()
    m = t.mount(t.server(corpus=True))
    newest = max(questions, key=lambda q: q["last_activity_date"])["question_id"]
    r = t.run("ls", "-t", m / "questions")
    t.eq(int(r.stdout.split()[0]), newest, "first of ls -t")
    limit = sorted(q["last_activity_date"] for q in questions)[-20]
    r = t.run("find", m / "questions", "-maxdepth", "1", "-mindepth", "1", "-newermt", "@%d" % limit)
    t.eq(sorted(int(os.path.basename(p)) for p in r.stdout.split()),
         sorted(q["question_id"] for q in questions if q["last_activity_date"] > limit),
         "find -newermt")


@test(tsan=True)
def inode_numbers_are_the_same_after_a_remount(t):
    server = t.server()
    numbers = []
    for _ in range(2):
        m = t.mount(server)
        got = {}
        for dirpath, dirs, files in os.walk(m.path):
            if ".sofs" in dirs:
                dirs.remove(".sofs")
            for name in dirs + files:
                path = os.path.join(dirpath, name)
                got[os.path.relpath(path, m.path)] = os.lstat(path).st_ino
        numbers.append(got)
        m.umount()
    t.ok(len(numbers[0]) > 100, "something was looked at")
    t.eq(numbers[1], numbers[0], "inode numbers")


@test
def inode_numbers_of_directories_differ(t):
    m = t.mount(t.server())
    seen = {}
    for dirpath, dirs, _ in os.walk(m.path):
        for name in dirs:
            path = os.path.join(dirpath, name)
            ino = os.lstat(path).st_ino
            t.ok(ino not in seen, "%s and %s are one inode" % (path, seen.get(ino)))
            seen[ino] = path


@test
def the_listing_agrees_with_stat(t):
    m = t.mount(t.server())
    for dirpath, dirs, _ in os.walk(m.path):
        if ".sofs" in dirs:
            dirs.remove(".sofs")
        with os.scandir(dirpath) as it:
            for e in it:
                st = os.lstat(e.path)
                t.eq(e.inode(), st.st_ino, "d_ino of " + e.path)
                t.eq(e.is_dir(follow_symlinks=False), stat.S_ISDIR(st.st_mode), "d_type of " + e.path)


@test
def modes_and_owners_are_those_of_the_options(t):
    m = t.mount(t.server(), "--uid", "12", "--gid", "13", "--umask", "077")
    for name, mode in (("questions", 0o500), ("README.md", 0o400), ("questions/101/body.md", 0o400)):
        st = os.stat(m / name)
        t.eq((st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode)), (12, 13, mode), name)


@test
def nothing_can_be_written(t):
    import errno
    m = t.mount(t.server())
    t.errno(errno.EROFS, os.mkdir, m / "questions/new")
    t.errno(errno.EROFS, os.unlink, m / "questions/101/body.md")
    t.errno((errno.EROFS, errno.EACCES), os.open, m / "questions/101/body.md", os.O_WRONLY)
    t.errno(errno.EROFS, os.open, m / "questions/101/answers/x.md", os.O_CREAT | os.O_WRONLY)
    t.errno(errno.EROFS, os.rename, m / "questions/101/body.md", m / "questions/101/b.md")
    t.errno(errno.EROFS, os.chmod, m / "README.md", 0o600)
    t.errno(errno.EROFS, os.utime, m / "README.md")


@test
def the_mount_table_names_team_type_and_safe_options(t):
    m = t.mount(t.server())
    t.eq([e[1:] for e in m.table()], [("fuse.sofs", "sofs:acme")], "type and source")
    with open("/proc/self/mountinfo") as f:
        options = [line.split()[5] for line in f if line.split()[4] == m.path][0].split(",")
    for name in ("ro", "nosuid", "nodev", "noexec"):
        t.ok(name in options, "not mounted " + name)


@test(tsan=True)
def df_shows_plausible_numbers_and_costs_nothing(t):
    server = t.server()
    m = t.mount(server)
    before = server.total()
    r = t.run("df", "-T", m.path)
    fields = r.stdout.splitlines()[1].split()
    t.eq(fields[:2], ["sofs:acme", "fuse.sofs"], "source and type")
    v = os.statvfs(m.path)
    t.ok(v.f_blocks > 0 and v.f_bavail > 0 and v.f_bavail <= v.f_blocks, "blocks")
    t.ok(v.f_files > 0 and v.f_namemax == 255, "files and names")
    t.eq(server.total(), before, "requests")


@test
def readme_tells_how_to_find(t):
    server = t.server()
    m = t.mount(server)
    before = server.total()
    text = m.read("README.md").decode()
    t.ok("grep -r" in text and "questions/" in text and ".sofs/" in text, "it says how")
    t.eq(os.stat(m / "README.md").st_size, len(text.encode()), "size")
    t.eq(server.total(), before, "requests")


@test(tsan=True)
def status_files_are_fresh_snapshots_with_exact_sizes(t):
    server = t.server()
    m = t.mount(server)
    before = server.total()
    text = m.read(".sofs/status").decode()
    t.ok("acme" in text and "quota" in text, "status says team and quota: " + text)
    first = json.loads(m.read(".sofs/status.json"))
    t.eq(server.total(), before, "requests")
    m.list("questions")
    second = json.loads(m.read(".sofs/status.json"))
    t.eq(first["cache"]["questions"], 0, "questions before")
    t.ok(second["cache"]["questions"] > 0, "a later cat shows the state of then")
    t.eq(m.read(".sofs/errors"), b"", "errors")
    for name in ("status", "status.json", "errors"):
        fd = os.open(m / (".sofs/" + name), os.O_RDONLY)
        try:
            size = os.fstat(fd).st_size
            data = b""
            while True:
                part = os.read(fd, 100)
                if not part:
                    break
                data += part
        finally:
            os.close(fd)
        t.eq(len(data), size, "size of " + name)
        t.eq(t.run("cat", m / (".sofs/" + name)).returncode, 0, "cat " + name)


@test
def a_status_file_stays_one_snapshot_while_it_is_open(t):
    m = t.mount(t.server())
    with open(m / ".sofs/status.json", "rb", 0) as f:
        first = f.read(10)
        m.list("questions")
        m.read(".sofs/status.json")
        t.eq(json.loads(first + f.read())["cache"]["questions"], 0, "questions in the open file")


@test(cases={"both_styles_of_text": (), "decoded_once": ("--double-encode", "no")})
def a_server_with_safe_filters_only_is_decoded_once(t, *options):
    server = t.server("--filters", "safe-only", *options)
    server.change("add_question", title="5 < 6 && \"a\" 'b' &lt; é ü 😀 — &amp;lt;", tags=["c#"],
                  body_markdown="&lt;b&gt; & <i> &amp;lt; &nbsp; &#65; é ÿ \u00a0 😀 'x' \"y\" &amp;amp;")
    m = t.mount(server)
    questions = list(server.questions().values())
    got = m.tree("questions")
    compare_trees(t, got, expected_tree(questions), "questions")
    check_metas(t, got, questions)


TEXTS = {
    "crlf": "a\r\nb\r\n", "lone cr": "a\rb\rc", "no newline": "a\nb", "empty": "", "blank": "  ",
    "only newlines": "\r\n\r\n", "mixed": "a\r\nb\nc\rd\n\r\n", "two finals": "a\n\n", "tabs": "\ta\n",
    "front matter in it": "---\ntitle: x\n---\n", "non-ascii": "größe 日本語 😀 e\u0301", "nel": "a\u0085b\u2028c",
    "control": "a\x01b\x1b[31m\x7f", "bom": "\ufeffbom", "long line": "x" * 25000,
    "entities": "&lt;b&gt; &amp;lt; &nbsp;",
}


@test(cases=TEXTS)
def text_is_changed_in_line_ends_only(t, text):
    server = t.server(synthetic=3)
    qid = server.change("add_question", title='A "title" \\ with: yaml\ttab', tags=["c#", ".net"], body_markdown=text)
    aid = server.change("add_answer", question_id=qid, body_markdown=text)
    server.change("add_comment", post_id=qid, body_markdown=text)
    server.change("add_comment", post_id=aid, body_markdown=text)
    m = t.mount(server)
    q = server.questions()[qid]
    got = {n: d for n, d in m.tree("questions", qid).items() if n != "meta.json"}
    t.eq(got, reference.files(q), "files")
    t.ok(got["body.md"].decode().endswith("\n---\n\n" + reference.markdown(text)), "the body")


@test
def titles_and_tags_are_front_matter_that_reads_back(t):
    server = t.server(synthetic=1)
    titles = ['plain', '"quoted" and \\back\\slashes', "colon: and # hash", "tab\tnew\nline", "größe 日本語 😀",
              "nel\u0085ls\u2028", "trailing ", "- dash", "{brace}", "%percent @at `tick`", "x" * 150, "'"]
    ids = {server.change("add_question", title=x, tags=["c#"], body_markdown="x"): x for x in titles}
    m = t.mount(server)
    for qid, title in ids.items():
        lines = m.read("questions", qid, "body.md").decode().split("\n")
        t.eq(lines[0], "---", "first line")
        t.eq(json.loads(lines[1].removeprefix("title: ")), title, "title")
        t.eq(json.loads(lines[2].removeprefix("tags: ")), ["c#"], "tags")
        t.eq(lines[3:5], ["---", ""], "end of the front matter")


@test
def comments_name_those_who_left_too(t):
    server = t.server()
    qid = sorted(server.questions())[0]
    answer = server.change("add_answer", question_id=qid, body_markdown="x")
    server.change("add_comment", post_id=answer, body_markdown="first\n\n")
    server.change("add_comment", post_id=answer, body_markdown="second", date=1600000000)
    m = t.mount(server)
    text = m.read("questions", qid, "answers", "%d.comments.md" % answer).decode()
    t.eq(text.encode(), reference.files(server.questions()[qid])["answers/%d.comments.md" % answer], "comments")
    t.ok(text.index("second") < text.index("first"), "oldest first")
    headings = re.findall(r"^### .+, \d{4}-\d\d-\d\d \d\d:\d\d UTC, -?\d+ points? \(#\d+\)$", text, re.M)
    t.eq(len(headings), 2, "headings")


@test
def a_question_without_owner_is_readable(t):
    server = t.server()
    qid = sorted(server.questions())[0]
    server.change("delete_owner", id=qid)
    m = t.mount(server)
    meta = json.loads(m.read("questions", qid, "meta.json"))
    t.ok("owner" not in meta, "owner is left out")
    t.eq(m.read("questions", qid, "body.md"), reference.files(server.questions()[qid])["body.md"], "body")


@test
def tags_without_questions_are_empty_directories(t):
    server = t.server()
    server.change("add_tag", name="nobody-asks")
    m = t.mount(server)
    t.ok("nobody-asks" in m.list("tags"), "it is listed")
    t.eq(m.list("tags", "nobody-asks"), [], "questions of it")


@test
def answers_is_there_without_answers(t):
    server = t.server()
    qid = server.change("add_question", title="Alone", tags=["c#"], body_markdown="x")
    m = t.mount(server)
    t.eq(m.list("questions", qid), ["answers", "body.md", "meta.json"], "names")
    t.eq(m.list("questions", qid, "answers"), [], "answers")


@test
def extended_attributes_are_an_option(t):
    import errno
    server = t.server()
    q = server.questions()[101]
    m = t.mount(server)
    t.errno(errno.ENOTSUP, os.getxattr, m / "questions/101/body.md", "user.sofs.id")
    m.umount()
    m = t.mount(server, "--xattr")
    path = m / "questions/101/body.md"
    t.eq(os.getxattr(path, "user.sofs.id"), b"101", "id")
    t.eq(os.getxattr(path, "user.sofs.score"), b"%d" % q["score"], "score")
    t.eq(os.getxattr(path, "user.sofs.owner").decode(), q["owner"]["display_name"], "owner")
    t.eq(os.getxattr(path, "user.mime_type"), b"text/markdown", "mime type")
    t.eq(os.getxattr(path, "user.xdg.origin.url").decode(), q["link"], "origin")
    t.ok({"user.sofs.id", "user.sofs.score", "user.sofs.owner", "user.sofs.created", "user.sofs.url"}
         <= set(os.listxattr(path)), "list: %s" % os.listxattr(path))
    t.errno(errno.ENODATA, os.getxattr, path, "user.nonsense")
