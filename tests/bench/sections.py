"""The sections of the benchmark that look at sofs alone. Each is a function of Bench; it shows its own table, and
leaves figures in bench.facts for the table of goals and in bench.results for --json."""

import os
import platform
import random
import re
import shutil
import subprocess
import tempfile
import time

from machinery import HERE, NEEDLE, ROOT, Failed, Mount, Server, Table, filesystem, median, spread

WARM = [   # name, command, exit statuses that are good
    ("grep -r", "grep -r %s ." % NEEDLE, (0,)),
    ("rg -uuu", "rg -uuu %s ." % NEEDLE, (0,)),
    ("find -type f", "find . -type f", (0,)),
    ("find -size +1k", "find . -size +1k", (0,)),
    ("ls -lR", "ls -lR .", (0,)),
    ("tar | cat", "tar cf - . | cat >/dev/null", (0,)),
    ("cp -r to tmpfs", "cp -r . '%(tmpfs)s/copy'", (0,)),
    ("du -s", "du -s .", (0,)),
    ("xargs wc -c", "find . -type f -print0 | xargs -0 wc -c", (0,)),
]


def installed(command):
    return shutil.which(command.split()[0]) is not None


# ---- Where, and on what --------------------------------------------------------------------------

def version(argv):
    try:
        out = subprocess.run(argv, capture_output=True, text=True, timeout=10)
        return ((out.stdout or out.stderr).strip().splitlines() or ["?"])[0]
    except OSError:
        return "not installed"


def environment(bench):
    with open("/proc/cpuinfo") as f:
        cpu = re.search(r"model name\s*: (.*)", f.read())
    with open("/proc/meminfo") as f:
        memory = int(re.search(r"MemTotal:\s+(\d+)", f.read()).group(1)) // 1024 ** 2
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    load = "%.2f %.2f %.2f" % os.getloadavg()
    facts = {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "kernel": "%s %s" % (platform.release(), platform.machine()),
        "cpu": "%d x %s" % (os.cpu_count(), cpu.group(1) if cpu else "?"), "memory": "%d GB" % memory,
        "load at start": load,
        "disk": filesystem(bench.dir),
        "sofs": "%s, commit %s" % (version([bench.sofs, "--version"]), commit.stdout.strip() or "?"),
        "tools": "; ".join(version([t, "--version"]) for t in ("grep", "rg", "find", "ls", "tar", "curl", "fusermount3")),
    }
    print("sofs benchmark: %d questions, %d runs" % (bench.questions_nr, bench.runs))
    for k, v in facts.items():
        print("  %-14s %s" % (k, v))
    if os.getloadavg()[0] > 0.5:
        print("  * something else is running: times below are worth little, counts are right")
    bench.results["environment"] = facts


# ---- The tree ------------------------------------------------------------------------------------

class Tree:
    """A mount that holds everything, and the same on the disk, warm."""

    def __init__(self, bench, questions):
        self.bench = bench
        self.server = Server(bench, questions)
        self.mount = Mount(bench, self.server, "--memory", "512M")
        self.dir = self.mount.questions
        self.disk = bench.path("disk")
        bench.timed("cp -r '%s' '%s'" % (self.dir, self.disk), bench.dir)
        subprocess.run(["sync"])
        self.files, self.dirs, self.bytes = [], [], 0
        for dirpath, dirs, files in os.walk(self.disk):
            rel = os.path.relpath(dirpath, self.disk)
            self.dirs.append(rel)
            for name in files:
                self.files.append(os.path.join(rel, name))
                self.bytes += os.lstat(os.path.join(dirpath, name)).st_size
        os.walk(self.dir)
        if len(os.listdir(self.disk)) != questions:
            raise Failed("the mount shows %d questions, not %d" % (len(os.listdir(self.disk)), questions))


def tree(bench):
    t = bench.tree = Tree(bench, bench.questions_nr)
    table = Table("tree", "questions", "files", "directories", "MB", "bytes/file")
    table.add(bench.questions_nr, len(t.files), len(t.dirs), "%.1f" % (t.bytes / 1e6), t.bytes // len(t.files))
    if filesystem(bench.dir) in ("tmpfs", "ramfs"):
        table.note("the temporary directory is not on a disk: compare nothing; give --dir")
    table.show()
    bench.results["tree"] = {"files": len(t.files), "directories": len(t.dirs), "bytes": t.bytes}


# ---- Warm ----------------------------------------------------------------------------------------

def tmpfs_dir(bench):
    for d in ("/dev/shm", "/run/user/%d" % os.getuid(), "/tmp"):
        if os.access(d, os.W_OK) and filesystem(d) == "tmpfs":
            made = tempfile.mkdtemp(prefix="sofs-bench-", dir=d)
            bench.extra_dirs.append(made)
            return made
    return None


def warm(bench):
    t = bench.tree
    table = Table("warm: mount against disk", "work", "ratio", "mount s", "disk s", "requests/run", "of which")
    tmpfs = tmpfs_dir(bench)
    out = bench.results["warm"] = {}
    worst = 0
    # One pass over everything each, then one that only looks, so that nothing is left that is asked twice.
    for d in (t.dir, t.disk):
        bench.timed("grep -r %s . ; ls -lR ." % NEEDLE, d)
    for name, command, ok in WARM:
        if not installed(command):
            table.add(name, "not installed", "", "", "", "")
            continue
        if "tmpfs" in command:
            if not tmpfs:
                table.add(name, "no tmpfs here", "", "", "", "")
                continue
            command = command % {"tmpfs": tmpfs}

        def run(directory):
            wall = bench.timed(command, directory, ok)
            if "copy" in command:
                shutil.rmtree(os.path.join(tmpfs, "copy"))
            return wall

        seen = []

        def on_mount():
            before = t.mount.kernel()
            wall = run(t.dir)
            after = t.mount.kernel()
            seen.append({k: after[k] - before[k] for k in after})
            return wall

        run(t.disk)
        run(t.dir)
        times = bench.pairs(bench.runs, on_mount, lambda: run(t.disk))
        ratios = [m / d for m, d in times]
        requests = [s["requests"] for s in seen]
        kinds = {k: median([s[k] for s in seen]) for k in seen[0] if k != "requests"}
        table.add(name, spread(ratios), "%.3f" % median([m for m, _ in times]), "%.3f" % median([d for _, d in times]),
                  spread(requests, 0), " ".join("%s %d" % (k, v) for k, v in kinds.items() if v))
        bench.facts["warm " + name] = median(ratios)
        worst = max(worst, median(requests))
        out[name] = {"seconds_mount_disk": times, "requests": seen}
    bench.facts["warm requests"] = worst
    table.note("requests: those of the kernel to the process in one run; counted by the process (sofs status)")
    table.show()


# ---- Single calls --------------------------------------------------------------------------------

def micro(bench):
    t = bench.tree
    program = bench.path("micro")
    cc = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not cc:
        raise Failed("no C compiler for micro.c")
    r = bench.run([cc, "-O2", "-o", program, os.path.join(HERE, "micro.c")])
    if r.returncode:
        raise Failed("micro.c does not compile: " + r.stderr[-300:])
    rng = random.Random(1)
    files = rng.sample(t.files, min(10000, len(t.files)))
    dirs = [d for d in t.dirs if d != "." and not d.endswith("answers")]
    missing = ["%s/.nothing" % d for d in rng.sample(dirs, min(10000, len(dirs)))]
    table = Table("single calls on %d random files, warm" % len(files), "calls", "ratio", "mount ns", "disk ns", "requests/pass")
    out = bench.results["micro"] = {}
    for op, what in (("open", "open+close"), ("read", "open+fstat+read+close"), ("stat", "stat"),
                     ("missing", "stat of a missing name")):
        names = "\n".join(missing if op == "missing" else files) + "\n"

        def run(directory):
            r = subprocess.run([program, op], input=names, cwd=directory, capture_output=True, text=True, timeout=120)
            if r.returncode:
                raise Failed(r.stderr.strip())
            return float(r.stdout)

        run(t.dir)
        before = t.mount.kernel()["requests"]
        ns = bench.pairs(bench.runs, lambda: run(t.dir), lambda: run(t.disk))
        requests = (t.mount.kernel()["requests"] - before) / (bench.runs * 6)
        table.add(what, spread([m / d for m, d in ns]), "%.0f" % median([m for m, _ in ns]),
                  "%.0f" % median([d for _, d in ns]), "%.0f" % requests)
        bench.facts["micro " + op] = median([m / d for m, d in ns])
        bench.facts["micro requests " + op] = requests
        out[op] = {"ns_mount_disk": ns, "requests_per_pass": requests}
    table.show()


# ---- Cold ----------------------------------------------------------------------------------------

COLD = [("grep -r", "default"), ("rg -uuu", "default"), ("grep -r", "512M"), ("rg -uuu", "512M"),
        ("find -type f", "512M"), ("ls -lR", "512M")]


def cold(bench):
    t = bench.tree
    commands = {n: c for n, c, _ in WARM}
    works = [(n, m) for n, m in COLD if installed(commands[n])]
    found = {w: [] for w in works}
    nr_dirs = len(t.dirs) - 1   # that of all questions has been read by listing it
    for k in range(bench.runs_few):
        # All mounts of a round list at the same time: they mostly wait for the rate.
        mounts = [(w, Mount(bench, t.server, *([] if w[1] == "default" else ["--memory", w[1]]))) for w in works]
        listings = [bench.spawn(["ls", "-f", m.questions]) for _, m in mounts]
        for p in listings:
            if p.wait() != 0:
                raise Failed("ls of the questions: " + tail_of(p))
            bench.children.remove(p)
        for w, m in mounts if k % 2 == 0 else reversed(mounts):
            run = {"disk": bench.timed(commands[w[0]], t.disk)}
            for what in ("cold", "second", "third"):
                before, evicted, cpu = m.kernel(), m.status()["cache"]["evictions"], m.cpu_s()[0]
                run[what] = bench.timed(commands[w[0]], m.questions)
                after = m.kernel()
                run[what + " requests"] = {k: after[k] - before[k] for k in after}
                run[what + " evictions"] = m.status()["cache"]["evictions"] - evicted
                run[what + " cpu"] = m.cpu_s()[0] - cpu
            found[w].append(run)
            m.end()
    table = Table("cold: fresh mount, `ls questions` done, so that all data is in the process", "work", "memory",
                  "cold/disk", "cold s", "process cpu s", "requests", "least", "rebuilt", "second/disk", "requests")
    out = bench.results["cold"] = {}
    for (name, memory), runs in found.items():
        reads = name in ("grep -r", "rg -uuu")
        least = 2 * nr_dirs + (len(t.files) if reads else 0)
        requests = median([r["cold requests"]["requests"] for r in runs])
        again = median([r["second requests"]["requests"] for r in runs])
        table.add(name, memory, spread([r["cold"] / r["disk"] for r in runs]), "%.2f" % median([r["cold"] for r in runs]),
                  "%.2f" % median([r["cold cpu"] for r in runs]), "%d" % requests, least,
                  "%d" % median([r["cold evictions"] for r in runs]), spread([r["second"] / r["disk"] for r in runs]), "%d" % again)
        bench.facts["cold %s %s" % (name, memory)] = median([r["cold"] / r["disk"] for r in runs])
        bench.facts["cold requests %s %s" % (name, memory)] = (requests, least)
        bench.facts["second %s %s" % (name, memory)] = (median([r["second"] / r["disk"] for r in runs]), again)
        out["%s, memory %s" % (name, memory)] = runs
    table.note("least: 2 requests for a directory, 1 for a file that is read")
    table.note("rebuilt: texts that left the memory meanwhile, so about as many were made again from the packed JSON")
    table.show()


def tail_of(p):
    with open(p.errors, errors="replace") as f:
        return f.read()[-300:]


# ---- The server's side ---------------------------------------------------------------------------

def page_urls(server):
    """The pages that the last listing asked for."""
    return [e["uri"] for e in server.log() if e["method"] == "questions" and "page=" in e["uri"]]


def curl(bench, server, uris, parallel, out="/dev/null"):
    """Wall time of one curl that downloads all of it, unpacking nothing."""
    config = bench.path("curl")
    with open(config, "w") as f:
        for uri in uris:
            f.write('url = "%s%s"\noutput = "%s"\n' % (server.url, uri, out))
    started = time.perf_counter()
    r = bench.run(["curl", "-sS", "-f", "--parallel", "--parallel-max", str(parallel), "-H", "X-API-Access-Token: tok-ro",
                   "-H", "Accept-Encoding: gzip", "-K", config])
    wall = time.perf_counter() - started
    os.unlink(config)
    if r.returncode:
        raise Failed("curl: " + r.stderr[-300:])
    return wall


def listing(bench):
    t = bench.tree
    server, n = t.server, bench.questions_nr
    out = bench.results["listing"] = {"grep": [], "ls": {}}
    least = -(-n // 100)

    table = Table("cold from nothing: the server's side", "work", "wall s", "requests", "of which content", "least",
                  "process ms/page", "sofs-net ms/page")
    for _ in range(bench.runs_few):
        for name in ("ls questions", "grep -r"):
            m = Mount(bench, server)
            server.reset()
            cpu = m.cpu_s()
            wall = bench.timed("ls -f ." if name == "ls questions" else "grep -r %s ." % NEEDLE, m.questions)
            after, s = m.cpu_s(), server.stats()
            run = {"work": name, "seconds": wall, "total": s["total"], "content": s["content_requests"],
                   "repeats": s["repeats"], "max_per_second": s["max_per_second"],
                   "cpu_ms_per_page": (after[0] - cpu[0]) * 1000 / least, "net_ms_per_page": (after[1] - cpu[1]) * 1000 / least}
            out["grep"].append(run)
            m.end()
    for name in ("ls questions", "grep -r"):
        runs = [r for r in out["grep"] if r["work"] == name]
        table.add(name, spread([r["seconds"] for r in runs]), "%d" % median([r["total"] for r in runs]),
                  "%d" % median([r["content"] for r in runs]), least,
                  "%.1f" % median([r["cpu_ms_per_page"] for r in runs]), "%.1f" % median([r["net_ms_per_page"] for r in runs]))
        bench.facts["server " + name] = (median([r["total"] for r in runs]), least)
        bench.facts["ingest ms"] = median([r["net_ms_per_page"] for r in out["grep"] if r["work"] == "ls questions"])
    table.note("requests beyond the least: the filter, the total of the window, what came meanwhile")
    table.note("process: all threads; sofs-net: the one that receives, inflates, parses, renders and packs")
    table.show()

    table = Table("cold listing of all questions against plain downloads of the same pages by one curl, 4 at a time", "server's delay",
                  "sofs s", "curl s", "sofs/curl", "pages/s by sofs", "least s at 30/s", "sofs/least")
    for delay in (0, 100):
        server.latency(delay)
        few = bench.runs_few
        times = []
        for k in range(few):
            m = Mount(bench, server)
            server.reset()
            wall = bench.timed("ls -f .", m.questions)
            m.end()
            # Another window of time, so that the server has to make the pages for curl as well.
            uris = [re.sub(r"todate=(\d+)", lambda x: "todate=%d" % (int(x.group(1)) + 1000 + k), u) for u in page_urls(server)]
            uris = [u for u in uris if "todate" in u]
            server.ctl("POST", "cache/clear")
            times.append((wall, curl(bench, server, uris, 4)))
        server.latency(0)
        # A client that keeps to the rate has sent 30 pages before the first second is over.
        rate_s = max(0, (least - 1) // 30)
        floor = [max(c, rate_s) for _, c in times]
        table.add("%d ms" % delay, spread([a for a, _ in times]), spread([b for _, b in times]), spread([a / b for a, b in times]),
                  "%.1f" % (least / median([a for a, _ in times])), rate_s, spread([a / f for (a, _), f in zip(times, floor)]))
        bench.facts["listing %d" % delay] = (median([a / b for a, b in times]), median([a / f for (a, _), f in zip(times, floor)]))
        out["ls"]["%d ms" % delay] = times
    table.note("curl keeps no rate when it works in parallel; sofs (--rate 30) may not send more than 30 in any second: "
               "least is the longer of the rate's and curl's time")
    table.show()


# ---- Many readers --------------------------------------------------------------------------------

def readers(bench):
    t = bench.tree
    server = t.server
    ids = sorted({f.split("/")[0] for f in t.files}, key=int)
    ids = random.Random(2).sample(ids, min(1000, len(ids)))
    names = bench.path("names")
    with open(names, "w") as f:
        f.writelines("%s/body.md\n" % i for i in ids)
    table = Table("%d times `cat questions/ID/body.md` by 32 processes, nothing fetched before" % len(ids), "server's delay",
                  "sofs s", "content requests", "all requests", "curl s", "sofs/curl")
    out = bench.results["readers"] = {}
    for delay in (0, 100):
        runs = []
        server.latency(delay)
        for _ in range(bench.runs_few):
            m = Mount(bench, server)
            server.reset()
            wall = bench.timed("xargs -P 32 -n 1 cat <'%s'" % names, m.questions)
            s = server.stats()
            filters = [re.search(r"filter=[^&]*", e["uri"]).group(0) for e in server.log() if e["method"] == "questions/{ids}"]
            m.end()
            uris = ["/2.3/questions/%s?team=acme&%s" % (i, filters[0]) for i in ids]
            runs.append({"seconds": wall, "content": s["content_requests"], "total": s["total"], "curl": curl(bench, server, uris, 32)})
        server.latency(0)
        table.add("%d ms" % delay, spread([r["seconds"] for r in runs]), spread([r["content"] for r in runs], 0),
                  spread([r["total"] for r in runs], 0), spread([r["curl"] for r in runs]), spread([r["seconds"] / r["curl"] for r in runs]))
        bench.facts["readers %d" % delay] = (max(r["content"] for r in runs), median([r["seconds"] / r["curl"] for r in runs]))
        out["%d ms" % delay] = runs
    os.unlink(names)
    table.note("curl: one process, %d requests, 32 at a time, without regard for any rate; at 30 in a second they would take %d s"
               % (len(ids), len(ids) // 30))
    table.show()


# ---- Memory --------------------------------------------------------------------------------------

def slab():
    """Bytes of the kernel's inodes of FUSE and of all directory entries, for those who may know."""
    try:
        with open("/proc/slabinfo") as f:
            found = {p[0]: int(p[1]) * int(p[3]) for p in (line.split() for line in f) if p[0] in ("fuse_inode", "dentry")}
        return sum(found.values())
    except OSError:
        return None


def memory(bench):
    t = bench.tree
    table = Table("memory of the process", "memory", "when", "RSS MB", "KB/question", "bytes/file", "bytes/file beyond the texts",
                  "kernel slab KB/question")
    out = bench.results["memory"] = {}
    n, files = bench.questions_nr, len(t.files)
    for limit in ("default", "512M"):
        m = Mount(bench, t.server, *([] if limit == "default" else ["--memory", limit]))
        base, base_slab = m.rss_kb(), slab()

        def row(when, raw):
            rss, now = m.rss_kb(), slab()
            extra = ((rss - base) * 1024 - raw) / files
            table.add(limit, when, "%.1f" % (rss / 1024), "%.2f" % (rss / n), "%.0f" % (rss * 1024 / files), "%.0f" % extra,
                      "?" if now is None or base_slab is None else "%.1f" % ((now - base_slab) / 1024 / n))
            out["%s, %s" % (limit, when)] = {"rss_kb": rss, "base_kb": base, "raw": raw}
            return extra

        def held():
            c = m.status()["cache"]
            return c["rendered_bytes"] + c["packed_bytes"]

        table.add(limit, "just mounted", "%.1f" % (base / 1024), "", "", "", "")
        m.list_all()
        row("after ls questions", held())
        bench.timed("grep -r %s ." % NEEDLE, m.questions)
        bench.facts["rss extra " + limit] = row("after grep -r", held())
        bench.facts["rss over raw " + limit] = ((m.rss_kb() - base) * 1024 - t.bytes) / files
        m.end()
    table.note("beyond the texts: RSS less what it was at the start, less the texts and packed JSON in it (sofs status)")
    table.note("the texts themselves are %.0f bytes/file" % (t.bytes / files))
    table.show()


# ---- Start ---------------------------------------------------------------------------------------

def start(bench):
    server = bench.tree.server
    table = Table("from `sofs mount` to the first `ls questions`, %d questions" % bench.questions_nr, "server's delay", "mount returns s",
                  "requests of mount", "first entry s after that", "last entry s after that")
    out = bench.results["start"] = {}
    for delay in (0, 100):
        runs = []
        server.latency(delay)
        for _ in range(bench.runs_few):
            server.reset()
            m = Mount(bench, server)
            requests = server.stats()["total"]
            started = time.perf_counter()
            with os.scandir(m.questions) as entries:
                next(entries)
                first = time.perf_counter() - started
                for _ in entries:
                    pass
            runs.append({"mount": m.mount_s, "requests": requests, "first": first, "last": time.perf_counter() - started})
            m.end()
        server.latency(0)
        table.add("%d ms" % delay, spread([r["mount"] for r in runs], 3), spread([r["requests"] for r in runs], 0),
                  spread([r["first"] for r in runs], 3), spread([r["last"] for r in runs]))
        bench.facts["start %d" % delay] = (median([r["mount"] for r in runs]), median([r["first"] for r in runs]),
                                           max(r["requests"] for r in runs))
        out["%d ms" % delay] = runs
    table.show()
