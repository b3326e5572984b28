#!/usr/bin/env python3
"""Does the local API server answer as the API does?

Runs the program named by the environment variable FAKEAPI (else build/tools/fakeapi/fakeapi). Each
class starts its own server; nothing but the Python library is used. What is expected here comes from
the API's documentation and recordings, not from the server's source.
"""

import gzip
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse
import zlib

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FAKEAPI = os.environ.get("FAKEAPI", os.path.join(ROOT, "build/tools/fakeapi/fakeapi"))

CORPUS = [
    {"question_id": 10, "title": "It's <b> & \"é\"", "tags": ["c#", ".net"], "view_count": 3,
     "owner": {"user_id": 1, "account_id": 11, "reputation": 5, "user_type": "registered",
               "display_name": "Jörg O'Neil \U0001f600"},
     "score": 4, "creation_date": 1000, "last_activity_date": 5000, "is_answered": True,
     "accepted_answer_id": 12, "_source_url": "https://example.com/secret",
     "body": "<p>it's</p>\n", "body_markdown": "a <b> & \"c\" 'd' é \U0001f600 — &lt;\r\nend",
     "comments": [
         {"comment_id": 2, "post_id": 10, "creation_date": 1200, "score": 0, "body_markdown": "two"},
         {"comment_id": 1, "post_id": 10, "creation_date": 1100, "score": 1, "body_markdown": "one & 1"}],
     "answers": [
         {"answer_id": 13, "question_id": 10, "creation_date": 1500, "last_activity_date": 1500,
          "score": 2, "body_markdown": "thirteen", "comments": []},
         {"answer_id": 12, "question_id": 10, "creation_date": 1400, "last_activity_date": 1600,
          "last_edit_date": 1600, "score": 1, "body_markdown": "twelve",
          "comments": [{"comment_id": 3, "creation_date": 1600, "body_markdown": "three"}]}]},
    {"question_id": 20, "title": "Plain", "tags": ["c++"], "creation_date": 2000,
     "owner": {"user_type": "does_not_exist", "display_name": "user77"},
     "last_activity_date": 2000, "score": -1, "is_answered": False, "body_markdown": "plain",
     "comments": [], "answers": []},
    {"question_id": 30, "title": "Third", "tags": ["c#", "größe"], "creation_date": 2000,
     "owner": {"user_id": 2, "display_name": "Bea"},
     "last_activity_date": 3000, "score": 0, "is_answered": False, "body_markdown": "third",
     "comments": [],
     "answers": [{"answer_id": 31, "creation_date": 3000, "score": 0, "body_markdown": "thirty-one",
                  "comments": []}]},
]


class Reply:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.raw = body
        encoding = headers.get("content-encoding")
        try:
            if encoding == "gzip":
                body = gzip.decompress(body)
            elif encoding == "deflate":
                try:
                    body = zlib.decompress(body)
                except zlib.error:
                    body = zlib.decompress(body, -15)
        except (zlib.error, EOFError, gzip.BadGzipFile) as e:
            body = None
            self.broken = e
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def items(self):
        return self.json["items"]


class Server:
    def __init__(self, *options, questions=CORPUS, synthetic=None):
        self.dir = tempfile.TemporaryDirectory()
        ready = os.path.join(self.dir.name, "ready")
        args = [FAKEAPI, "--exit-with-parent", "--ready-file", ready]
        if synthetic is None:
            corpus = os.path.join(self.dir.name, "questions.jsonl.gz")
            with gzip.open(corpus, "wt", encoding="utf-8") as f:
                for q in questions:
                    f.write(json.dumps(q) + "\n")
            args += ["--corpus", corpus]
        else:
            args += ["--synthetic", str(synthetic)]
        if not any(o.startswith("--rate-limit") for o in options):
            args.append("--rate-limit=0")
        self.process = subprocess.Popen(args + list(options), stdout=subprocess.PIPE, text=True)
        url = self.process.stdout.readline().strip()
        self.port = int(url.rsplit(":", 1)[1])
        for _ in range(100):
            if os.path.exists(ready):
                break
            time.sleep(0.01)
        with open(ready) as f:
            assert f.read().strip() == url
        self.team = "acme"

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20)
        self.process.stdout.close()
        self.dir.cleanup()
        return code

    def raw(self, path, method="GET", headers=None, body=None, timeout=10):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            c.request(method, path, body=body, headers=headers or {})
            r = c.getresponse()
            data = b"" if method == "HEAD" else r.read()
            return Reply(r.status, {k.lower(): v for k, v in r.getheaders()}, data)
        finally:
            c.close()

    def get(self, path, token="tok-rw", timeout=10, **params):
        """Style A. Parameters follow as keywords; a leading underscore is dropped."""
        query = {"team": self.team}
        query.update({k.lstrip("_"): v for k, v in params.items() if v is not None})
        headers = {"User-Agent": "test", "Accept-Encoding": "gzip"}
        if token:
            headers["X-API-Access-Token"] = token
        return self.raw("/2.3/%s?%s" % (path, urllib.parse.urlencode(query)), headers=headers,
                        timeout=timeout)

    def ctl(self, path, body=None, method=None):
        method = method or ("GET" if body is None else "POST")
        data = json.dumps(body) if body is not None else None
        r = self.raw("/_ctl/" + path, method=method, body=data)
        assert r.status == 200, (path, r.status, r.body)
        return json.loads(r.body) if not path.startswith("dump") else r.body

    def filter(self, include, base="none", unsafe=True, **params):
        wrapper = ".items;.has_more;.quota_remaining;.quota_max;.backoff;"
        r = self.raw("/2.3/filters/create?" + urllib.parse.urlencode(dict(
            include=wrapper + include, base=base, unsafe=str(unsafe).lower(), **params)))
        assert r.status == 200, r.body
        return r.items[0]["filter"]


class Case(unittest.TestCase):
    options = ()
    synthetic = None
    questions = CORPUS

    @classmethod
    def setUpClass(cls):
        if not os.access(FAKEAPI, os.X_OK):
            raise unittest.SkipTest("no fakeapi at " + FAKEAPI)
        cls.s = Server(*cls.options, synthetic=cls.synthetic, questions=cls.questions)

    @classmethod
    def tearDownClass(cls):
        code = cls.s.stop()
        assert code == 0, "fakeapi ended with %s" % code

    def assertError(self, r, error_id, status=400):
        self.assertEqual(r.status, status, r.body)
        self.assertEqual(r.json["error_id"], error_id, r.body)
        self.assertIn("error_name", r.json)
        self.assertIn("error_message", r.json)

    def ids(self, path, name="question_id", **params):
        r = self.s.get(path, **params)
        self.assertEqual(r.status, 200, r.body)
        return [i[name] for i in r.items]


class Filters(Case):
    def test_default_has_no_texts_and_no_nested_lists(self):
        q = self.s.get("questions/10").items[0]
        self.assertIn("title", q)
        self.assertIn("owner", q)
        for name in ("body", "body_markdown", "answers", "comments", "comment_count", "last_editor"):
            self.assertNotIn(name, q)

    def test_fields_starting_with_underscore_are_never_served(self):
        self.assertNotIn(b"_source_url", self.s.get("questions/10", filter="withbody").body)

    def test_withbody_adds_html(self):
        q = self.s.get("questions/10", filter="withbody").items[0]
        self.assertEqual(q["body"], "<p>it's</p>\n")
        self.assertNotIn("body_markdown", q)

    def test_none_is_an_empty_object_and_total_a_number(self):
        self.assertEqual(self.s.get("questions", filter="none").json, {})
        self.assertEqual(self.s.get("questions", filter="total").json, {"total": 3})

    def test_exactly_the_named_fields_at_every_level(self):
        f = self.s.filter("question.question_id;question.answers;question.owner;answer.answer_id;"
                          "answer.comments;comment.comment_id;shallow_user.user_id")
        items = self.s.get("questions/10", filter=f).items
        self.assertEqual(items, [{"question_id": 10, "owner": {"user_id": 1}, "answers": [
            {"answer_id": 12, "comments": [{"comment_id": 3}]}, {"answer_id": 13}]}])

    def test_owner_without_shallow_user_fields_is_an_empty_object(self):
        f = self.s.filter("question.owner")
        self.assertEqual(self.s.get("questions/10", filter=f).items, [{"owner": {}}])

    def test_empty_lists_and_absent_values_are_no_keys(self):
        f = self.s.filter("question.question_id;question.answers;question.comments;"
                          "question.answer_count;question.comment_count;question.last_edit_date;"
                          "question.accepted_answer_id;question.closed_date")
        self.assertEqual(self.s.get("questions/20", filter=f).items,
                         [{"question_id": 20, "answer_count": 0, "comment_count": 0}])

    def test_deleted_user_has_no_id(self):
        owner = self.s.get("questions/20").items[0]["owner"]
        self.assertEqual(owner, {"user_type": "does_not_exist", "display_name": "user77"})

    def test_ids_are_deterministic_and_need_neither_team_nor_token(self):
        a = self.s.filter("question.title;question.tags")
        b = self.s.filter("question.tags;question.title")
        c = self.s.filter("question.tags")
        self.assertEqual(a, b)
        self.assertNotEqual(a, c)
        self.assertTrue(a.startswith("!"))

    def test_create_by_post_and_read_back(self):
        body = urllib.parse.urlencode({"include": "question.title;.items", "base": "none",
                                       "unsafe": "true"})
        r = self.s.raw("/2.3/filters/create?key=", "POST", body=body,
                       headers={"Content-Type": "application/x-www-form-urlencoded"})
        item = r.items[0]
        self.assertEqual(item["filter_type"], "unsafe")
        self.assertEqual(set(item["included_fields"]), {"question.title", ".items"})
        again = self.s.raw("/2.3/filters/" + urllib.parse.quote(item["filter"], safe="") + ";default;!no")
        self.assertEqual([i["filter_type"] for i in again.items], ["unsafe", "safe", "invalid"])
        self.assertEqual(again.items[0]["included_fields"], item["included_fields"])

    def test_exclude_and_base(self):
        f = self.s.raw("/2.3/filters/create?exclude=question.title;question.owner").items[0]
        self.assertEqual(f["filter_type"], "safe")
        q = self.s.get("questions/10", filter=f["filter"]).items[0]
        self.assertNotIn("title", q)
        self.assertIn("tags", q)

    def test_unknown_names_are_refused(self):
        self.assertError(self.s.get("questions", filter="!nosuchfilter"), 400)
        self.assertError(self.s.raw("/2.3/filters/create?include=question.nosuch"), 400)
        self.assertError(self.s.raw("/2.3/filters/create?base=nosuch"), 400)

    def test_wrapper_fields(self):
        f = self.s.raw("/2.3/filters/create?include=.total;.page;.page_size;.type").items[0]["filter"]
        r = self.s.get("questions", filter=f, page=2, pagesize=1).json
        self.assertEqual((r["total"], r["page"], r["page_size"], r["type"]), (3, 2, 1, "question"))
        self.assertTrue(r["has_more"])

    def test_salt_makes_ids_unknown(self):
        f = self.s.filter("question.title")
        self.s.ctl("config", {"filter_salt": 5})
        try:
            self.assertError(self.s.get("questions", filter=f), 400)
        finally:
            self.s.ctl("config", {"filter_salt": 0})
        self.assertEqual(self.s.get("questions", filter=f).status, 200)

    def test_nasty_ids_work_when_encoded(self):
        self.s.ctl("config", {"nasty_filter_ids": True})
        try:
            f = self.s.filter("question.title;question.tags;answer.answer_id")
            self.assertEqual(self.s.get("questions/20", filter=f).items,
                             [{"title": "Plain", "tags": ["c++"]}])
        finally:
            self.s.ctl("config", {"nasty_filter_ids": False})


class Encoding(Case):
    FIELDS = ("question.title;question.body_markdown;question.owner;shallow_user.display_name;"
              "question.comments;comment.body_markdown;question.tags")

    def question(self, unsafe):
        return self.s.get("questions/10", filter=self.s.filter(self.FIELDS, unsafe=unsafe)).items[0]

    def test_unsafe_is_raw(self):
        q = self.question(True)
        self.assertEqual(q["title"], CORPUS[0]["title"])
        self.assertEqual(q["body_markdown"], CORPUS[0]["body_markdown"])
        self.assertEqual(q["owner"]["display_name"], CORPUS[0]["owner"]["display_name"])

    def test_safe_is_entity_encoded(self):
        q = self.question(False)
        self.assertEqual(q["title"], "It&#39;s &lt;b&gt; &amp; &quot;&#233;&quot;")
        self.assertEqual(q["body_markdown"],
                         "a &lt;b&gt; &amp; &quot;c&quot; &#39;d&#39; &#233; &#128512; — &amp;lt;\r\nend")
        self.assertEqual(q["owner"]["display_name"], "J&#246;rg O&#39;Neil &#128512;")
        self.assertEqual(q["comments"][0]["body_markdown"], "one &amp; 1")
        self.assertEqual(q["tags"], ["c#", ".net"])

    def test_astral_characters_come_as_surrogate_pairs(self):
        r = self.s.get("questions/10", filter=self.s.filter("question.body_markdown"))
        self.assertIn(b"\\ud83d\\ude00", r.body)

    def test_safe_only_and_double_encoding(self):
        self.s.ctl("config", {"filters": "safe-only", "double_encode": "yes"})
        try:
            r = self.s.raw("/2.3/filters/create?unsafe=true&include=question.body_markdown").items[0]
            self.assertEqual(r["filter_type"], "safe")
            q = self.s.get("questions/10", filter=r["filter"]).items[0]
            self.assertIn("&amp;#39;", q["title"])
        finally:
            self.s.ctl("config", {"filters": "both", "double_encode": "no"})


class Listings(Case):
    def test_sorts_and_orders(self):
        self.assertEqual(self.ids("questions"), [10, 30, 20])
        self.assertEqual(self.ids("questions", order="asc"), [20, 30, 10])
        self.assertEqual(self.ids("questions", sort="creation", order="asc"), [10, 20, 30])
        self.assertEqual(self.ids("questions", sort="votes"), [10, 30, 20])

    def test_windows_are_inclusive(self):
        self.assertEqual(self.ids("questions", sort="creation", min=2000), [30, 20])
        self.assertEqual(self.ids("questions", sort="creation", max=1000), [10])
        self.assertEqual(self.ids("questions", sort="activity", min=3000), [10, 30])
        self.assertEqual(self.ids("questions", sort="votes", min=0, max=4), [10, 30])
        self.assertEqual(self.ids("questions", fromdate=2000), [30, 20])
        self.assertEqual(self.ids("questions", todate=1999), [10])
        self.assertEqual(self.ids("questions", fromdate=1001, todate=1999), [])

    def test_paging(self):
        pages = [self.s.get("questions", pagesize=2, page=p).json for p in (1, 2, 3)]
        self.assertEqual([[q["question_id"] for q in p["items"]] for p in pages],
                         [[10, 30], [20], []])
        self.assertEqual([p["has_more"] for p in pages], [True, False, False])
        self.assertEqual(self.s.get("questions", pagesize=0).items, [])

    def test_wrong_parameters(self):
        for params in ({"pagesize": 101}, {"pagesize": -1}, {"page": 0}, {"page": "x"},
                       {"sort": "nosuch"}, {"order": "up"}, {"min": "1.5"}, {"sort": "rank"},
                       {"sort": "hot", "min": 1}, {"fromdate": "yesterday"}):
            with self.subTest(params):
                self.assertError(self.s.get("questions", **params), 400)

    def test_tagged_is_and_on_questions_and_or_on_search(self):
        self.assertEqual(self.ids("questions", tagged="c#"), [10, 30])
        self.assertEqual(self.ids("questions", tagged="c#;.net"), [10])
        self.assertEqual(self.ids("questions", tagged="c#;c++"), [])
        self.assertEqual(self.ids("search", tagged="c#;c++"), [10, 30, 20])
        self.assertEqual(self.ids("search", tagged="c#;c++", nottagged=".net"), [30, 20])
        self.assertEqual(self.ids("search", intitle="plain"), [20])
        self.assertError(self.s.get("search"), 400)

    def test_unanswered_and_no_answers(self):
        self.assertEqual(self.ids("questions/unanswered"), [30, 20])
        self.assertEqual(self.ids("questions/no-answers"), [20])
        self.assertEqual(self.ids("questions/featured"), [])

    def test_vectors(self):
        self.assertEqual(self.ids("questions/10;20;30"), [10, 30, 20])
        self.assertEqual(self.ids("questions/30%3B10%3B30"), [10, 30])
        self.assertEqual(self.ids("questions/20;999999"), [20])
        self.assertEqual(self.ids("questions/999999"), [])
        self.assertEqual(self.ids("questions/12"), [])
        self.assertEqual(self.ids("questions/-5;10"), [10])
        self.assertEqual(self.ids("questions/" + ";".join(map(str, range(1, 101)))), [10, 30, 20])
        self.assertError(self.s.get("questions/" + ";".join(map(str, range(1, 102)))), 400)
        for bad in ("questions/abc", "questions/10;abc", "questions/1.5", "questions/10;", "questions/10/no"):
            with self.subTest(bad):
                self.assertError(self.s.get(bad), 404)

    def test_trailing_slash(self):
        self.assertEqual(self.ids("questions/"), [10, 30, 20])
        self.assertEqual(self.ids("questions/10/"), [10])

    def test_nested_order(self):
        f = self.s.filter("question.answers;answer.answer_id;question.comments;comment.comment_id")
        q = self.s.get("questions/10", filter=f).items[0]
        self.assertEqual([a["answer_id"] for a in q["answers"]], [12, 13])
        self.assertEqual([c["comment_id"] for c in q["comments"]], [1, 2])

    def test_nested_cap_keeps_counts(self):
        self.s.ctl("config", {"nested_cap": 1})
        try:
            f = self.s.filter("question.answers;answer.answer_id;question.comments;"
                              "comment.comment_id;question.answer_count;question.comment_count")
            q = self.s.get("questions/10", filter=f).items[0]
            self.assertEqual((len(q["answers"]), q["answer_count"]), (1, 2))
            self.assertEqual((len(q["comments"]), q["comment_count"]), (1, 2))
            self.assertEqual(self.ids("questions/10/answers", "answer_id"), [12, 13])
        finally:
            self.s.ctl("config", {"nested_cap": 0})

    def test_posts_answers_comments(self):
        self.assertEqual(self.ids("questions/10/answers", "answer_id", sort="votes"), [13, 12])
        self.assertEqual(self.ids("answers/12;31", "answer_id"), [31, 12])
        self.assertEqual(self.ids("questions/10/comments", "comment_id"), [2, 1])
        self.assertEqual(self.ids("answers/12/comments", "comment_id"), [3])
        self.assertEqual(self.ids("posts/10;12/comments", "comment_id", order="asc"), [1, 2, 3])
        self.assertEqual(self.ids("comments/3;2", "comment_id"), [3, 2])
        self.assertEqual(self.ids("comments", "comment_id", min=1200, sort="creation")[-2:], [3, 2])
        kinds = {p["post_id"]: p["post_type"] for p in self.s.get("posts/10;12").items}
        self.assertEqual(kinds, {10: "question", 12: "answer"})

    def test_revisions(self):
        revisions = self.s.get("posts/12/revisions").items
        self.assertEqual([r["revision_number"] for r in revisions], [2, 1])
        guid = revisions[0]["revision_guid"]
        self.assertEqual(self.s.get("revisions/" + guid).items, revisions[:1])

    def test_tags(self):
        self.assertEqual(self.ids("tags", "name")[:1], ["c#"])
        self.assertEqual(self.ids("tags", "name", sort="name", order="asc"),
                         [".net", "c#", "c++", "größe"])
        self.assertEqual(self.ids("tags", "name", inname="rö"), ["größe"])
        info = self.s.get("tags/c%23;c%2B%2B/info").items
        self.assertEqual({t["name"]: t["count"] for t in info}, {"c#": 2, "c++": 1})
        self.assertEqual(self.ids("tags/c%23/related", "name"), [".net", "größe"])
        self.assertEqual(self.s.get("tags/c%23/wikis").items, [])
        self.assertError(self.s.get("tags/a;b;c;d;e/related"), 400)

    def test_users_and_me(self):
        self.assertEqual(self.ids("users/2;1", "user_id"), [1, 2])
        self.assertEqual(self.ids("me", "user_id"), [1])
        self.assertEqual(self.ids("me", "user_id", token="tok-rw2"), [2])
        self.assertEqual(self.ids("me/questions"), [10])
        self.assertEqual(self.ids("users/2/questions"), [30])
        self.assertTrue(self.s.get("me/write-permissions").items[0]["can_add"])
        self.assertFalse(self.s.get("me/write-permissions", token="tok-ro").items[0]["can_add"])

    def test_other_methods_answer(self):
        for path in ("info", "events", "articles", "errors", "questions/10/linked",
                     "questions/10/related", "questions/10/timeline", "tags/synonyms",
                     "tags/c%23/synonyms", "tags/c%23/faq", "similar?title=plain",
                     "search/advanced?q=third", "search/excerpts?q=thirty-one"):
            with self.subTest(path):
                name, _, query = path.partition("?")
                r = self.s.get(name, **dict(urllib.parse.parse_qsl(query)))
                self.assertEqual(r.status, 200, r.body)
                self.assertIsInstance(r.items, list)
        self.assertEqual(self.s.get("info").items[0]["total_questions"], 3)
        self.assertEqual(self.ids("search/advanced", q="third"), [30])
        self.assertEqual(self.s.get("search/excerpts", q="thirty-one").items[0]["item_type"], "answer")

    def test_articles_have_their_own_type(self):
        article = self.s.get("articles").items[0]
        self.assertIn("article_type", article)
        self.assertEqual(self.ids("articles/%d" % article["article_id"], "article_id"),
                         [article["article_id"]])

    def test_unknown_methods(self):
        for path in ("nosuch", "questions/10/nosuch", "", "a/b/c/d/e/f/g/h"):
            self.assertError(self.s.get(path), 404)

    def test_errors_on_demand(self):
        for error_id in (400, 404, 500, 502, 503):
            self.assertError(self.s.get("errors/%d" % error_id), error_id)


class Access(Case):
    def test_tokens(self):
        for token, error_id in ((None, 401), ("nonsense", 402), ("tok-expired", 402),
                                ("tok-revoked", 402), ("tok-otherteam", 403), ("tok-noplan", 403)):
            with self.subTest(token):
                self.assertError(self.s.get("questions", token=token), error_id)
        self.assertEqual(self.s.get("questions", token="tok-ro").status, 200)

    def test_team(self):
        self.s.team = "nosuch"
        try:
            r = self.s.get("questions")
            self.assertError(r, 400)
            self.assertEqual(r.json["error_name"], "bad_parameter")
        finally:
            self.s.team = "acme"
        self.assertError(self.s.raw("/2.3/questions", headers={"X-API-Access-Token": "tok-rw"}), 400)

    def test_refusals_and_token_states_can_be_changed(self):
        self.s.ctl("config", {"error_for": {"otherteam": 402}, "token": {"tok-rw2": "revoked"}})
        try:
            self.assertError(self.s.get("questions", token="tok-otherteam"), 402)
            self.assertError(self.s.get("questions", token="tok-rw2"), 402)
        finally:
            self.s.ctl("config", {"error_for": {"otherteam": 403}, "token": {"tok-rw2": "ok"}})

    def test_style_b(self):
        path = "/v2.3/teams/acme/questions"
        self.assertEqual(self.s.raw(path, headers={"Authorization": "Bearer tok-rw"}).status, 200)
        self.assertError(self.s.raw(path), 401)
        self.assertError(self.s.raw("/v2.3/teams/nosuch/questions",
                                    headers={"Authorization": "Bearer tok-rw"}), 400)
        self.assertEqual(self.s.raw("/v2.3/teams/acme/filters/create?base=none").status, 200)

    def test_mixed_headers(self):
        bearer = {"Authorization": "Bearer tok-rw"}
        classic = {"X-API-Access-Token": "tok-rw"}
        for setting, status in (("accept", 200), ("reject", 400)):
            self.s.ctl("config", {"mixed_headers": setting})
            self.assertEqual(self.s.raw("/2.3/questions?team=acme", headers=bearer).status, status)
            self.assertEqual(self.s.raw("/v2.3/teams/acme/questions", headers=classic).status, status)
        self.s.ctl("config", {"mixed_headers": "accept"})
        self.assertGreaterEqual(self.s.ctl("stats")["token_wrong_style"], 4)

    def test_enterprise(self):
        self.assertError(self.s.raw("/api/2.3/questions"), 405)
        self.assertError(self.s.raw("/api/2.3/questions", headers={"X-API-Key": "no"}), 400)
        key = {"X-API-Key": "key-ent"}
        self.assertEqual(self.s.raw("/api/2.3/questions", headers=key).status, 200)
        self.assertError(self.s.raw("/api/2.3/me", headers=key), 401)
        key["X-API-Access-Token"] = "tok-rw"
        self.assertEqual(self.s.raw("/api/2.3/me", headers=key).items[0]["user_id"], 1)

    def test_public(self):
        self.assertEqual(self.s.raw("/2.3/questions?site=stackoverflow").status, 200)
        self.assertError(self.s.raw("/2.3/questions?site=nosuch"), 400)
        r = self.s.raw("/2.3/questions?site=stackoverflow&page=26")
        self.assertError(r, 403)
        self.assertEqual(r.json["error_message"], "page above 25 requires access token or app key")
        self.assertEqual(self.s.raw("/2.3/questions?site=stackoverflow&page=26&key=key-app").status, 200)
        self.assertError(self.s.raw("/2.3/me?site=stackoverflow"), 401)
        self.assertError(self.s.raw("/2.3/me?site=stackoverflow&access_token=tok-rw"), 405)

    def test_styles_can_be_off(self):
        self.s.ctl("config", {"styles": "path"})
        try:
            r = self.s.get("questions")
            self.assertEqual(r.status, 404)
            self.assertNotIn("content-encoding", r.headers)
            self.assertIn(b"<html>", r.body)
            self.s.ctl("config", {"unknown_url": "no_method"})
            self.assertError(self.s.get("questions"), 404)
        finally:
            self.s.ctl("config", {"styles": "query,path,enterprise,public", "unknown_url": "html404"})

    def test_path_prefix(self):
        self.s.ctl("config", {"path_prefix": "/c/private"})
        try:
            self.assertEqual(self.s.raw("/c/private/api/2.3/questions",
                                        headers={"X-API-Key": "key-ent"}).status, 200)
            self.assertEqual(self.s.raw("/api/2.3/questions",
                                        headers={"X-API-Key": "key-ent"}).status, 404)
        finally:
            self.s.ctl("config", {"path_prefix": ""})

    def test_tokens_are_never_logged(self):
        self.s.raw("/2.3/me?site=stackoverflow&key=key-app&access_token=tok-rw")
        text = json.dumps(self.s.ctl("log"))
        self.assertNotIn("tok-", text)
        self.assertGreaterEqual(self.s.ctl("stats")["token_in_url"], 1)


class Compression(Case):
    def fetch(self, **headers):
        headers = {k.replace("_", "-"): v for k, v in headers.items()}
        headers["X-API-Access-Token"] = "tok-rw"
        return self.s.raw("/2.3/questions?team=acme", headers=headers)

    def test_always_compressed(self):
        for accept in ("gzip", "identity", "br", "gzip, deflate", "gzip;q=0, identity"):
            with self.subTest(accept):
                r = self.fetch(Accept_Encoding=accept)
                self.assertEqual(r.headers["content-encoding"], "gzip")
                self.assertEqual(r.raw[:2], b"\x1f\x8b")
        r = self.fetch(Accept_Encoding="deflate")
        self.assertEqual(r.headers["content-encoding"], "deflate")
        self.assertEqual(len(r.items), 3)

    def test_errors_are_compressed_too(self):
        self.assertEqual(self.s.get("nosuch").headers["content-encoding"], "gzip")

    def test_settings(self):
        want = {"gzip": ("gzip", gzip.decompress), "deflate": ("deflate", zlib.decompress),
                "raw-deflate": ("deflate", lambda b: zlib.decompress(b, -15)),
                "none": (None, bytes), "gzip-noheader": (None, gzip.decompress),
                "deflate-as-gzip": ("gzip", zlib.decompress),
                "gzip-as-deflate": ("deflate", gzip.decompress)}
        try:
            for setting, (header, decode) in want.items():
                with self.subTest(setting):
                    self.s.ctl("config", {"compression": setting})
                    for _ in range(2):  # made, then from the cache
                        r = self.fetch()
                        self.assertEqual(r.headers.get("content-encoding"), header)
                        self.assertEqual(len(json.loads(decode(r.raw))["items"]), 3)
        finally:
            self.s.ctl("config", {"compression": "auto"})

    def test_date_follows_the_clock_offset(self):
        self.s.ctl("config", {"clock_offset_s": -86400 * 400})
        try:
            date = self.fetch().headers["date"]
            then = time.gmtime(time.time() - 86400 * 400)
            self.assertIn(time.strftime("%b %Y", then), date)
        finally:
            self.s.ctl("config", {"clock_offset_s": 0})


class Limits(Case):
    options = ("--rate-limit=30", "--cache-s=60")

    def setUp(self):
        self.s.ctl("limits/reset", {})
        self.s.ctl("stats/reset?forget=1", {})
        self.s.ctl("cache/clear", {})

    def test_more_than_30_in_a_second_is_a_ban(self):
        self.s.ctl("config", {"ban_s": 2})
        statuses = [self.s.get("questions", page=i + 1).status for i in range(35)]
        self.assertEqual(statuses[:30], [200] * 30)
        self.assertEqual(statuses[30:], [503] * 5)
        stats = self.s.ctl("stats")
        self.assertEqual(stats["ban_requests"], 5)
        self.assertEqual(stats["max_per_second"], 35)
        self.s.ctl("config", {"ban_style": "json502"})
        r = self.s.get("questions")
        self.assertError(r, 502)
        self.assertIn("more requests available in", r.json["error_message"])
        time.sleep(2.1)
        self.assertEqual(self.s.get("questions").status, 200)

    def test_backoff(self):
        self.s.ctl("config", {"backoff_every": 2, "backoff_s": 1, "backoff_grace_ms": 0})
        try:
            self.assertNotIn("backoff", self.s.get("me/answers").json)
            self.assertEqual(self.s.get("users/1/answers").json["backoff"], 1)
            time.sleep(0.05)
            r = self.s.get("me/answers")
            self.assertError(r, 502)
            self.assertEqual(r.json["error_message"], "Violation of backoff parameter")
            self.assertEqual(self.s.get("me/questions").status, 200)
            self.assertEqual(self.s.ctl("stats")["backoff_violations"], 1)
            time.sleep(1.1)
            self.assertEqual(self.s.get("me/answers").status, 200)
        finally:
            self.s.ctl("config", {"backoff_every": 0})

    def test_quota(self):
        self.s.ctl("config", {"quota_remaining": 2})
        try:
            self.assertEqual(self.s.get("questions").json["quota_remaining"], 1)
            self.assertEqual(self.s.get("questions").json["quota_remaining"], 0)
            self.assertError(self.s.get("questions"), 502)
            self.s.ctl("config", {"quota_style": "ignore"})
            self.assertEqual(self.s.get("questions").json["quota_remaining"], -2)
        finally:
            self.s.ctl("config", {"quota_style": "json502", "quota_remaining": 10000})

    def test_response_cache(self):
        before = self.s.get("questions/20;30").body
        self.s.ctl("data", {"op": "edit_question", "id": 20, "title": "Changed"})
        self.assertEqual(json.loads(before)["items"], self.s.get("questions/30;20;20", page=1).items)
        self.assertNotEqual(json.loads(before)["items"], self.s.get("questions/20;30", pagesize=50).items)
        self.s.ctl("cache/clear", {})
        self.assertIn("Changed", [q["title"] for q in self.s.get("questions/20;30").items])

    def test_repeats_are_counted(self):
        self.s.get("questions", sort="creation", page=1)
        self.s.get("questions", sort="votes")
        self.assertEqual(self.s.ctl("stats")["repeats"], 0)
        self.s.get("questions", page=1, sort="creation", pagesize=30)
        stats = self.s.ctl("stats")
        self.assertEqual(stats["repeats"], 1)
        self.assertEqual(stats["repeated"][0]["key"], "questions?sort=creation (rw)")

    def test_a_repeat_after_a_failure_is_none(self):
        self.s.ctl("faults", {"kind": "status", "status": 503, "match": "comments", "count": 1})
        self.assertEqual(self.s.get("comments").status, 503)
        self.assertEqual(self.s.get("comments").status, 200)
        self.assertEqual(self.s.ctl("stats")["repeats"], 0)

    def test_statistics(self):
        f = self.s.filter("question.body_markdown")
        self.s.get("questions", filter=f)
        self.s.raw("/2.3/questions?team=acme", headers={"X-API-Access-Token": "tok-rw"})
        self.s.get("nosuch")
        stats = self.s.ctl("stats")
        self.assertEqual(stats["methods"]["questions"]["count"], 2)
        self.assertEqual(stats["methods"]["questions"]["ok"], 2)
        self.assertEqual(stats["content_requests"], 1)
        self.assertEqual(stats["missing_user_agent"], 2)
        self.assertEqual(stats["total"], 4)
        log = self.s.ctl("log")
        self.assertEqual([e["method"] for e in log],
                         ["filters/create", "questions", "questions", "unknown"])
        self.assertEqual(log[1]["items"], 3)
        self.assertEqual(log[3]["error_id"], 404)

    def test_keep_alive(self):
        c = http.client.HTTPConnection("127.0.0.1", self.s.port)
        before = self.s.ctl("stats")["connections"]
        for i in range(5):
            c.request("GET", "/2.3/errors?page=%d" % (i + 1))
            c.getresponse().read()
        c.close()
        # one for these requests, one for asking
        self.assertEqual(self.s.ctl("stats")["connections"] - before, 2)


class Data(Case):
    options = ("--cache-s=0",)

    def op(self, op, **params):
        return self.s.ctl("data", dict(op=op, **params))

    def question(self, id):
        f = self.s.filter("question.title;question.tags;question.body_markdown;question.answer_count;"
                          "question.comment_count;question.last_activity_date;question.last_editor;"
                          "question.last_edit_date;question.is_answered;question.accepted_answer_id;"
                          "question.score;shallow_user.user_id")
        items = self.s.get("questions/%d" % id, filter=f).items
        return items[0] if items else None

    def test_life_of_a_question(self):
        q = self.op("add_question", title="New", body_markdown="text", tags=["c#", "fresh"])
        id = q["id"]
        now = self.question(id)["last_activity_date"]
        self.assertAlmostEqual(now, time.time(), delta=5)
        self.assertIn("fresh", self.ids("tags", "name"))
        self.assertEqual(self.ids("questions")[0], id)
        c = self.op("add_comment", post_id=id, body_markdown="hm", date=now + 10)
        self.assertEqual(self.question(id)["comment_count"], 1)
        self.assertEqual(self.question(id)["last_activity_date"], now)
        a = self.op("add_answer", question_id=id, body_markdown="so", date=now + 20)
        self.assertEqual(self.question(id)["answer_count"], 1)
        self.assertEqual(self.question(id)["last_activity_date"], now + 20)
        self.op("edit_answer", id=a["id"], body_markdown="no", date=now + 30, bump=False)
        self.assertEqual(self.question(id)["last_activity_date"], now + 20)
        self.op("vote", id=id, delta=-3)
        self.assertEqual(self.question(id)["score"], -3)
        self.assertEqual(self.question(id)["last_activity_date"], now + 20)
        self.op("accept", id=a["id"])
        self.assertTrue(self.question(id)["is_answered"])
        self.op("edit_question", id=id, title="Newer", tags="c++", date=now + 40, user=1)
        edited = self.question(id)
        self.assertEqual((edited["title"], edited["tags"], edited["last_edit_date"]),
                         ("Newer", ["c++"], now + 40))
        self.assertEqual(edited["last_editor"], {"user_id": 1})
        revisions = self.s.get("posts/%d/revisions" % id).items
        self.assertEqual([r["revision_number"] for r in revisions], [2, 1])
        self.assertEqual((revisions[0]["title"], revisions[0]["last_title"]), ("Newer", "New"))
        self.op("delete_comment", id=c["id"])
        self.op("delete_answer", id=a["id"])
        self.assertEqual(self.question(id)["answer_count"], 0)
        self.assertNotIn("accepted_answer_id", self.question(id))
        events = [e["event_type"] for e in self.s.get("events").items]
        self.assertIn("question_posted", events)
        self.op("delete_question", id=id)
        self.assertIsNone(self.question(id))
        self.assertNotIn(id, self.ids("questions"))

    def test_wrong_operations_are_refused(self):
        for op in ({"op": "nosuch"}, {"op": "edit_question", "id": 999}, {}, [], "x"):
            r = self.s.raw("/_ctl/data", "POST", body=json.dumps(op))
            self.assertIn(r.status, (200,) if op == [] else (400,))

    def test_random_changes_and_dump(self):
        done = self.op("random", n=30, seed=7)["changes"]
        self.assertEqual(len(done), 30)
        dump = [json.loads(line) for line in self.s.ctl("dump").splitlines()]
        f = self.s.filter("question.question_id;question.title;question.body_markdown;"
                          "question.tags;question.answers;answer.answer_id;answer.body_markdown")
        served = self.s.get("questions", filter=f, sort="creation", order="asc", pagesize=100).items
        for have, want in zip(sorted(served, key=lambda q: q["question_id"]),
                              sorted(dump, key=lambda q: q["question_id"])):
            for name in ("question_id", "title", "body_markdown", "tags"):
                self.assertEqual(have[name], want[name])
            self.assertEqual([a["body_markdown"] for a in have.get("answers", [])],
                             [a["body_markdown"] for a in want["answers"]])
        self.assertEqual(len(served), len(dump))


class Faults(Case):
    options = ("--cache-s=60",)

    def fault(self, kind, match="questions", **params):
        self.s.ctl("faults", dict(kind=kind, match=match, **params))

    def tearDown(self):
        self.s.ctl("faults", method="DELETE")

    def test_count_and_skip(self):
        self.fault("status", status=503, skip=1, count=2, retry_after=7)
        replies = [self.s.get("questions") for _ in range(4)]
        self.assertEqual([r.status for r in replies], [200, 503, 503, 200])
        self.assertEqual(replies[1].headers["retry-after"], "7")
        self.assertEqual(self.s.ctl("faults")[0]["hits"], 2)

    def test_regex_and_method(self):
        self.s.ctl("faults", [{"kind": "status", "regex": "page=[2-9]", "count": -1},
                              {"kind": "status", "status": 500, "method": "tags/{tags}/info"}])
        self.assertEqual(self.s.get("tags").status, 200)
        self.assertEqual(self.s.get("questions", page=1).status, 200)
        self.assertEqual(self.s.get("questions", page=3).status, 503)
        self.assertEqual(self.s.get("tags/c%23/info").status, 500)

    def test_delay_does_not_block_others(self):
        self.fault("delay", ms=800)
        seconds = {}

        def timed(path):
            start = time.time()
            self.s.get(path)
            seconds[path] = time.time() - start

        threads = [threading.Thread(target=timed, args=(p,)) for p in ("questions", "tags")]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertGreater(seconds["questions"], 0.7)
        self.assertLess(seconds["tags"], 0.5)

    def test_stall_ends_when_cleared(self):
        self.fault("stall")
        with self.assertRaises((socket.timeout, TimeoutError)):
            self.s.get("questions", timeout=0.5)
        self.fault("stall")
        threading.Timer(0.3, lambda: self.s.ctl("faults", method="DELETE")).start()
        with self.assertRaises((http.client.HTTPException, ConnectionError)):
            self.s.get("questions", timeout=5)

    def test_resets(self):
        for kind in ("reset_before", "reset_after"):
            self.fault(kind)
            with self.assertRaises(ConnectionResetError):
                self.s.get("questions")

    def test_broken_bodies(self):
        self.fault("truncate")
        with self.assertRaises(http.client.IncompleteRead):
            self.s.get("questions")
        self.fault("truncate_gzip")
        self.assertIsNone(self.s.get("questions").body)
        self.fault("corrupt_gzip")
        self.assertIsNone(self.s.get("questions").body)
        self.fault("invalid_json")
        with self.assertRaises(ValueError):
            self.s.get("questions").json
        self.fault("empty_body")
        self.assertEqual(self.s.get("questions").raw, b"")
        self.fault("bom")
        self.assertEqual(self.s.get("questions").body[:3], b"\xef\xbb\xbf")
        self.fault("no_content_encoding")
        r = self.s.get("questions")
        self.assertNotIn("content-encoding", r.headers)
        self.assertEqual(len(json.loads(gzip.decompress(r.raw))["items"]), 3)
        self.assertEqual(len(self.s.get("questions").items), 3)

    def test_trickle(self):
        self.fault("trickle", bytes_per_s=400)
        start = time.time()
        self.assertEqual(len(self.s.get("questions", filter="withbody").items), 3)
        self.assertGreater(time.time() - start, 0.5)

    def test_html_and_api_errors(self):
        self.fault("html_error", status=502)
        r = self.s.get("questions")
        self.assertEqual((r.status, r.headers.get("content-encoding")), (502, None))
        self.fault("error", error_id=502, http=200, backoff=3, message="slow down")
        r = self.s.get("questions")
        self.assertError(r, 502, status=200)
        self.assertEqual((r.json["backoff"], r.json["error_message"]), (3, "slow down"))
        self.s.ctl("limits/reset", {})

    def test_wrong_types_names_and_ids(self):
        self.fault("wrong_types")
        self.assertEqual(self.s.get("questions").items[0]["question_id"], "17")
        self.fault("wrong_types", variant="strings")
        self.assertIsInstance(self.s.get("questions").json["quota_remaining"], str)
        self.fault("wrong_types", variant="items_object")
        self.assertIsInstance(self.s.get("questions").items, dict)
        self.fault("bad_names")
        self.assertIn("a/b", self.s.get("questions").items[0]["tags"])
        self.fault("bad_names", match="tags")
        names = [t["name"] for t in self.s.get("tags").items]
        self.assertIn("x\0y", names)
        self.fault("bad_ids")
        self.assertEqual([q["question_id"] for q in self.s.get("questions").items],
                         [-5, 0, 9007199254740993])

    def test_endless(self):
        self.fault("endless", count=-1)
        pages = [self.s.get("questions", pagesize=1, page=p).json for p in (1, 2, 50)]
        self.assertEqual([p["has_more"] for p in pages], [True] * 3)
        self.assertEqual(pages[0]["items"], pages[2]["items"])

    def test_deep(self):
        self.fault("deep", depth=500)
        self.assertIn(b"[" * 500, self.s.get("questions").body)

    def test_redirect(self):
        self.fault("redirect", to="http://127.0.0.1:1")
        r = self.s.get("questions")
        self.assertEqual(r.status, 302)
        self.assertTrue(r.headers["location"].startswith("http://127.0.0.1:1/2.3/questions?"))

    def test_huge_and_bomb(self):
        for kind, mb in (("huge", 65), ("bomb", 1024)):
            with self.subTest(kind):
                self.fault(kind, mb=mb)
                c = http.client.HTTPConnection("127.0.0.1", self.s.port)
                c.request("GET", "/2.3/questions?team=acme", headers={"X-API-Access-Token": "tok-rw"})
                raw = c.getresponse().read()
                c.close()
                self.assertLess(len(raw), 4 << 20)
                total = 0
                d = zlib.decompressobj(31)
                start = d.decompress(raw, 1 << 20)
                self.assertTrue(start.startswith(b'{"items":['))
                total += len(start)
                while not d.eof:
                    total += len(d.decompress(d.unconsumed_tail, 16 << 20))
                self.assertGreater(total, mb << 20)

    def test_wrong_faults_are_refused(self):
        for fault in ({"kind": "nosuch"}, {"kind": "status", "regex": "["}, "x"):
            self.assertEqual(self.s.raw("/_ctl/faults", "POST", body=json.dumps(fault)).status, 400)


class Synthetic(Case):
    synthetic = 2000

    def test_needles(self):
        dump = self.s.ctl("dump").decode()
        self.assertEqual(dump.count('NEEDLE97"') + dump.count("NEEDLE97 ") + dump.count("NEEDLE97\\"),
                         2 * 21)  # in body and body_markdown
        questions = [json.loads(line) for line in dump.splitlines()]
        self.assertEqual(len(questions), 2000)
        self.assertEqual(sum("NEEDLE97" in q["body_markdown"] for q in questions), 21)
        self.assertEqual(sum("NEEDLE1000T" in q["title"] for q in questions), 2)
        self.assertEqual(sum("NÄDEL250" in q["body_markdown"] for q in questions), 8)
        self.assertEqual(sum("NEEDLE500A" in a["body_markdown"] for q in questions
                             for a in q["answers"]), 4)
        self.assertEqual(sum("NEEDLE400C" in c["body_markdown"] for q in questions
                             for c in q["comments"]), 5)

    def test_a_second_with_more_than_a_page(self):
        first = self.s.get("questions", sort="creation", order="asc", pagesize=100, page=6).items
        dates = [q["creation_date"] for q in first]
        self.assertEqual(len(set(dates)), 1)

    def test_all_pages_are_all_questions(self):
        ids = []
        page = 1
        while True:
            r = self.s.get("questions", sort="creation", order="asc", pagesize=100, page=page).json
            ids += [q["question_id"] for q in r["items"]]
            if not r["has_more"]:
                break
            page += 1
        self.assertEqual(len(ids), 2000)
        self.assertEqual(ids, sorted(set(ids)))


class Garbage(Case):
    """Nothing that comes over the wire may end the server."""

    def send(self, data):
        with socket.create_connection(("127.0.0.1", self.s.port), timeout=5) as c:
            c.sendall(data)
            c.shutdown(socket.SHUT_WR)
            while c.recv(65536):
                pass

    def test_weird_urls(self):
        import random
        rng = random.Random(4711)
        parts = ["questions", "/", ";", "%3B", "%", "%0", "%00", "..", "?", "&", "=", "tagged=", "me",
                 "9" * 30, "-", "tags", "info", "filter=", "!", "~", "é", "page=", "-1", "pagesize=100",
                 "2.3", "v2.3", "teams", "acme", "team=acme", "api", "site=stackoverflow", "search",
                 "q=", "\"", "[", "]", "user:", "posts", "revisions", "answers", "comments", "users",
                 "write-permissions", "errors", "filters", "create", "include=", "base=", "sort=name",
                 "min=", "max=", "events", "since=", "similar", "title=", "articles", "1;2;3"]
        for i in range(1500):
            start = rng.choice(["/2.3/", "/v2.3/teams/acme/", "/api/2.3/", "/", "/_ctl/"])
            path = start + "".join(rng.choice(parts) for _ in range(rng.randrange(8)))
            if rng.random() < 0.5:
                path += "?team=acme&site=stackoverflow&" + "&".join(
                    rng.choice(parts) + rng.choice(parts) for _ in range(3))
            path = "".join(c if 32 < ord(c) < 127 else "%%%02X" % (ord(c) & 255) for c in path)
            method = rng.choice(["GET", "GET", "GET", "POST", "HEAD", "DELETE", "PUT"])
            r = self.s.raw(path, method, headers={"X-API-Access-Token": "tok-rw", "X-API-Key": "key-ent",
                                                  "Authorization": "Bearer tok-rw"},
                           body=rng.choice(["", "{", "[]", "a=b&c", '{"op":"add_tag"}'])
                           if method != "GET" else None)
            self.assertIn(r.status, (200, 400, 404))
        self.s.ctl("faults", method="DELETE")
        self.assertEqual(self.s.get("questions").status, 200)

    def test_weird_bytes(self):
        for data in (b"\0" * 100, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"A" * 300000,
                     b"GET /2.3/questions?" + b"a=b&" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
                     b"POST /2.3/filters/create HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\nx",
                     b"GET /2.3/questions HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 5000 + b"\r\n"):
            try:
                self.send(data)
            except (ConnectionError, socket.timeout):
                pass
        self.assertEqual(self.s.get("questions").status, 200)


class Ending(unittest.TestCase):
    def test_terminates_with_requests_in_progress(self):
        if not os.access(FAKEAPI, os.X_OK):
            self.skipTest("no fakeapi at " + FAKEAPI)
        s = Server()
        s.ctl("faults", [{"kind": "stall", "match": "tags"}, {"kind": "delay", "ms": 60000}])

        def ask(path):
            try:
                s.get(path)
            except (http.client.HTTPException, OSError):
                pass

        threads = [threading.Thread(target=ask, args=(p,)) for p in ("tags", "questions")]
        for t in threads:
            t.start()
        time.sleep(0.3)
        start = time.time()
        self.assertEqual(s.stop(), 0)
        self.assertLess(time.time() - start, 3)
        for t in threads:
            t.join()

    def test_wrong_usage(self):
        if not os.access(FAKEAPI, os.X_OK):
            self.skipTest("no fakeapi at " + FAKEAPI)
        for args in (["--nosuch"], ["--cache-s", "x"], ["--compression", "br"], ["word"]):
            r = subprocess.run([FAKEAPI] + args, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
                               timeout=10)
            self.assertEqual(r.returncode, 2, args)


if __name__ == "__main__":
    unittest.main(verbosity=2 if "-v" in sys.argv else 1)
