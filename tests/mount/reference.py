"""The files of a question, made from the API's objects by the rules of the formats (README: "What the
files look like") and by nothing of the program's own code."""

import json
import time

# What a filter asks for, by type: what meta.json may hold beside the texts.
QUESTION_FIELDS = """question_id tags owner last_editor creation_date last_activity_date last_edit_date score
    view_count answer_count accepted_answer_id is_answered closed_date closed_reason link comment_count
    comments answers content_license""".split()
ANSWER_FIELDS = """answer_id question_id owner last_editor creation_date last_activity_date last_edit_date
    score is_accepted comment_count comments link content_license""".split()
COMMENT_FIELDS = """comment_id post_id post_type owner reply_to_user creation_date score edited
    content_license""".split()
USER_FIELDS = "user_id display_name user_type reputation link".split()

# Made by the server from the ids, and in no source of data: only that they are plausible can be said.
DERIVED = {"share_link", "post_type", "link"}


def json_string(text):
    """A JSON string that YAML reads as the same string."""
    out = ['"']
    for c in text:
        o = ord(c)
        if c in '"\\':
            out.append("\\" + c)
        elif (o < 0x20 or 0x7f <= o < 0xa0
              or o in (0x2028, 0x2029, 0xfeff, 0xfffe, 0xffff)):
            out.append("\\u%04x" % o)
        else:
            out.append(c)
    out.append('"')
    return "".join(out)


def markdown(text):
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text and not text.endswith("\n"):
        text += "\n"
    return text


def body(q):
    return "---\ntitle: %s\ntags: [%s]\n---\n\n%s" % (
        json_string(q["title"]), ", ".join(json_string(t) for t in q["tags"]),
        markdown(q.get("body_markdown", "")))


def owner_name(user):
    user = user or {}
    name = user.get("display_name", "")
    if not name.strip():
        return "user%d" % user["user_id"] if user.get("user_id") else "anonymous"
    return "".join(" " if ord(c) < 0x20 or 0x7f <= ord(c) < 0xa0 or c in "\u2028\u2029" else c
                   for c in name)


def comments(of):
    of = sorted(of or [], key=lambda c: (c["creation_date"], c["comment_id"]))
    return "\n".join(
        "### %s, %s, %d %s (#%d)\n\n%s\n" % (
            owner_name(c.get("owner")),
            time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(c["creation_date"])),
            c["score"], "point" if c["score"] == 1 else "points", c["comment_id"],
            c["body_markdown"].rstrip("\r\n").replace("\r\n", "\n").replace("\r", "\n"))
        for c in of)


def files(q):
    """Name -> bytes of all files of a question except meta.json."""
    out = {"body.md": body(q)}
    if q.get("comments"):
        out["comments.md"] = comments(q["comments"])
    for a in q.get("answers") or []:
        out["answers/%d.md" % a["answer_id"]] = markdown(a.get("body_markdown", ""))
        if a.get("comments"):
            out["answers/%d.comments.md" % a["answer_id"]] = comments(a["comments"])
    return {name: text.encode() for name, text in out.items()}


def newest(posts):
    return max(c["creation_date"] for c in posts)


def mtimes(q):
    """Name -> mtime of all files, and of the directory itself under ""."""
    post = lambda p: p.get("last_edit_date") or p["creation_date"]
    out = {"": q["last_activity_date"], "meta.json": q["last_activity_date"], "body.md": post(q)}
    if q.get("comments"):
        out["comments.md"] = newest(q["comments"])
    for a in q.get("answers") or []:
        out["answers/%d.md" % a["answer_id"]] = post(a)
        if a.get("comments"):
            out["answers/%d.comments.md" % a["answer_id"]] = newest(a["comments"])
    return out


def file_name(tag):
    """A tag's name as a directory, or None if it cannot be one."""
    raw = tag.encode()
    if raw in (b".", b".."):
        return "%2E" * len(raw)
    out = b"".join(b"%%%02X" % b if b < 0x20 or b == 0x7f or b in b"/%" else bytes([b]) for b in raw)
    return out.decode() if 0 < len(out) <= 255 else None


def json_text(value, level=0):
    """Pretty-printed JSON, with json_string()'s escapes, in the order of the value's keys."""
    pad, end = "  " * (level + 1), "  " * level
    if isinstance(value, dict):
        if not value:
            return "{}"
        return "{\n" + ",\n".join("%s%s: %s" % (pad, json_string(k), json_text(v, level + 1))
                                  for k, v in value.items()) + "\n" + end + "}"
    if isinstance(value, list):
        if not value:
            return "[]"
        return "[\n" + ",\n".join(pad + json_text(v, level + 1) for v in value) + "\n" + end + "]"
    if isinstance(value, str):
        return json_string(value)
    return json.dumps(value)


def _user(u):
    # "Community" is the same user on all sites of the corpus, with another address on each.
    return {k: u[k] for k in USER_FIELDS if k in u and not (k == "link" and u.get("user_id") == -1)}


def _pick(source, fields):
    out = {}
    for k in fields:
        if k in source and source[k] is not None:
            out[k] = _user(source[k]) if k in ("owner", "last_editor", "reply_to_user") else source[k]
    return out


def meta(q):
    """The object of meta.json, without what only the server knows how to make."""
    out = _pick(q, QUESTION_FIELDS)
    out["comments"] = [_pick(c, COMMENT_FIELDS) for c in q.get("comments") or []]
    out["answers"] = []
    for a in q.get("answers") or []:
        m = _pick(a, ANSWER_FIELDS)
        m["comments"] = [_pick(c, COMMENT_FIELDS) for c in a.get("comments") or []]
        out["answers"].append(m)
    return out


def difference(want, got, path=""):
    """What is wrong with a meta.json, as a sentence, or None."""
    if isinstance(want, dict) and isinstance(got, dict):
        for k in want:
            if k not in got:
                return "%s/%s is missing" % (path, k)
            d = difference(want[k], got[k], "%s/%s" % (path, k))
            if d:
                return d
        for k in got:
            if k not in want and k not in DERIVED:
                return "%s/%s is more than the API was asked for" % (path, k)
            if k in ("title", "body", "body_markdown"):
                return "%s/%s is a text" % (path, k)
        return None
    if isinstance(want, list) and isinstance(got, list):
        if len(want) != len(got):
            return "%s has %d elements instead of %d" % (path, len(got), len(want))
        for i, (w, g) in enumerate(zip(want, got)):
            d = difference(w, g, "%s[%d]" % (path, i))
            if d:
                return d
        return None
    if type(want) is not type(got) or want != got:
        return "%s is %r instead of %r" % (path, got, want)
    return None
