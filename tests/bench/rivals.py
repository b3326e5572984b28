"""Other filesystems that show remote files, serving the same tree as sofs: what they cost warm and cold.

All of them are started with the options that favour them in this comparison: long caches, contents kept."""

import http.server
import os
import re
import shutil
import socket
import time

from machinery import NEEDLE, Failed, Mount, Table, TooLong, force_umount, is_mounted, median, spread

GREP = "grep -r %s ." % NEEDLE


class Rival:
    """Something mounted at .path; .top is the directory with the questions."""

    def __init__(self, bench):
        self.bench = bench
        self.path = bench.path("rival")
        os.mkdir(self.path)
        bench.points.append(self.path)
        self.processes = []
        self.top = self.path

    def spawn(self, argv, **kw):
        p = self.bench.spawn(argv, **kw)
        self.processes.append(p)
        return p

    def wait(self, p):
        self.bench.until(lambda: is_mounted(self.path) or p.poll() is not None, 20, "%s mounts" % self.name)
        if p.poll() is not None:
            with open(p.errors, errors="replace") as f:
                raise Failed("%s ended: %s" % (self.name, f.read()[-300:].strip()))

    def end(self):
        force_umount(self.path)
        for p in self.processes:
            self.bench.stop(p)
        self.bench.points.remove(self.path)

    def server_requests(self):
        return None


class Sshfs(Rival):
    name, needs = "sshfs", "sshfs"

    def __init__(self, bench, disk):
        super().__init__(bench)
        server = next((p for p in ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/lib/ssh/sftp-server")
                       if os.access(p, os.X_OK)), None)
        argv = [server, "-R"] if server else ["rclone", "serve", "sftp", "--stdio", "--read-only", disk]
        if not server and not shutil.which("rclone"):
            raise Failed("neither sftp-server nor rclone is here to serve it")
        # No ssh between them: a pair of sockets, which is faster than any network.
        ours, theirs = socket.socketpair()
        self.spawn(argv, stdin=ours, stdout=ours, cwd=disk)
        p = self.spawn(["sshfs", "-f", "-o", "passive,ro,dir_cache=yes,dcache_timeout=3600,dcache_stat_timeout=3600,"
                        "dcache_dir_timeout=3600,dcache_link_timeout=3600,entry_timeout=3600,attr_timeout=3600,kernel_cache",
                        ":" + (disk if server else "/"), self.path], stdin=theirs, stdout=theirs)
        ours.close()
        theirs.close()
        self.how = "passive, served by %s through a socket pair" % os.path.basename(argv[0])
        self.wait(p)


class HttpServer:
    """Python's own file server in a process of its own; it counts."""

    def __init__(self, rival, directory):
        self.count = rival.bench.path("count")
        address = rival.bench.path("address")
        self.process = rival.spawn(["python3", os.path.abspath(__file__), directory, address, self.count])
        rival.bench.until(lambda: os.path.exists(address), 20, "the HTTP server starts")
        with open(address) as f:
            self.url = "http://127.0.0.1:%s/" % f.read()

    def requests(self):
        self.process.send_signal(10)
        for _ in range(200):
            if os.path.exists(self.count):
                with open(self.count) as f:
                    n = int(f.read())
                os.unlink(self.count)
                return n
            time.sleep(0.01)
        return None


class Rclone(Rival):
    name, needs = "rclone mount", "rclone"
    how = "of an http remote, --vfs-cache-mode full, --dir-cache-time 24h"

    def __init__(self, bench, disk):
        super().__init__(bench)
        self.server = HttpServer(self, disk)
        p = self.spawn(["rclone", "mount", ":http:", self.path, "--http-url", self.server.url, "--read-only",
                        "--vfs-cache-mode", "full", "--dir-cache-time", "24h", "--attr-timeout", "1h",
                        "--cache-dir", self.bench.path("rclone"), "--config", self.bench.path("rclone.conf")])
        self.wait(p)

    def server_requests(self):
        return self.server.requests()


class Httpdirfs(Rival):
    name, needs = "HTTPDirFS", "httpdirfs"
    how = "--cache, names, attributes and contents kept by the kernel"

    def __init__(self, bench, disk):
        super().__init__(bench)
        self.server = HttpServer(self, disk)
        cache = self.bench.path("httpdirfs")
        os.mkdir(cache)
        p = self.spawn(["httpdirfs", "-f", "--cache", "--cache-location", cache, "-o",
                        "kernel_cache,entry_timeout=3600,attr_timeout=3600,negative_timeout=3600", self.server.url, self.path])
        self.wait(p)

    def server_requests(self):
        return self.server.requests()


class Sofs:
    name, needs = "sofs", "bash"
    how = "--memory default, from the API server"

    def __init__(self, bench, small):
        self.bench, self.small = bench, small
        small.server.reset()
        self.mount = Mount(bench, small.server)
        self.path, self.top = self.mount.path, self.mount.questions

    def server_requests(self):
        return self.small.server.stats()["total"]

    def end(self):
        self.mount.end()


def rivals(bench):
    from sections import Tree
    small = Tree(bench, bench.small)
    small.mount.end()
    nodes = len(small.files) + len(small.dirs)
    table = Table("other filesystems, the same tree of %d questions (%d files, %d directories), grep -r"
                  % (bench.small, len(small.files), len(small.dirs)), "filesystem", "cold s", "kernel requests", "server requests",
                  "warm/disk", "warm s", "kernel requests/run", "find warm/disk")
    out = bench.results["rivals"] = {"nodes": nodes}
    bench.timed(GREP, small.disk)
    for make in (Sofs, Sshfs, Rclone, Httpdirfs):
        if not shutil.which(make.needs):
            table.add(make.name, "not installed", *[""] * 6)
            continue
        r = None
        try:
            r = make(bench, small if make is Sofs else small.disk)
            before = r.server_requests()
            cold, cold_requests = bench.counted(r.path, lambda: bench.timed(GREP, r.top, timeout=60))
            after = r.server_requests()
            bench.timed(GREP, r.top)
            runs = min(bench.runs, 5)
            (times, requests) = bench.counted(r.path, lambda: bench.pairs(
                runs, lambda: bench.timed(GREP, r.top), lambda: bench.timed(GREP, small.disk)))
            bench.timed("find . -type f", r.top)
            finds = bench.pairs(runs, lambda: bench.timed("find . -type f", r.top), lambda: bench.timed("find . -type f", small.disk))
            ratios = [m / d for m, d in times]
            table.add(make.name, "%.2f" % cold, "?" if cold_requests is None else cold_requests,
                      "-" if after is None else after - before, spread(ratios), "%.3f" % median([m for m, _ in times]),
                      "?" if requests is None else "%.0f" % (requests / runs), spread([m / d for m, d in finds]))
            table.note("%s: %s" % (make.name, r.how))
            out[make.name] = {"cold": cold, "cold_kernel": cold_requests, "cold_server": None if after is None else after - before,
                              "warm": times, "warm_kernel": requests, "find": finds}
            bench.facts["rival " + make.name] = median(ratios)
        except TooLong:
            table.add(make.name, "> 60", *[""] * 6)
            table.note("%s: %s; the first grep was stopped after 60 s" % (make.name, r.how))
        except Failed as e:
            table.add(make.name, "could not run", *[""] * 6)
            table.note("%s could not run: %s" % (make.name, e))
            bench.facts.setdefault("failures", []).append(make.name)
        finally:
            if r:
                r.end()
    table.note("cold of sofs contains the download from the API server, within its rate; that of rclone and HTTPDirFS a "
               "file server in Python: compare their requests rather than their seconds")
    if not bench.has_tracepoint():
        table.note("kernel requests need perf and the right to use its tracepoints")
    bench.stop(small.server.process)
    shutil.rmtree(small.disk)
    table.show()


# ---- The file server, run as a program -----------------------------------------------------------

def serve(directory, address, count):
    import signal
    seen = [0]

    class Handler(http.server.SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True   # it writes head and body one by one

        def __init__(self, *a, **kw):
            super().__init__(*a, directory=directory, **kw)

        def do_GET(self):
            seen[0] += 1
            piece = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            path = self.translate_path(self.path)
            if not piece or not os.path.isfile(path):
                super().do_GET()
                return
            with open(path, "rb") as f:
                data = f.read()
            first, last = int(piece.group(1)), int(piece.group(2) or len(data) - 1)
            self.send_response(206 if first < len(data) else 416)
            self.send_header("Content-Range", "bytes %d-%d/%d" % (first, min(last, len(data) - 1), len(data)))
            self.send_header("Content-Length", str(len(data[first:last + 1])))
            self.end_headers()
            self.wfile.write(data[first:last + 1])

        def end_headers(self):
            self.send_header("Accept-Ranges", "bytes")
            super().end_headers()

        def do_HEAD(self):
            seen[0] += 1
            super().do_HEAD()

        def log_message(self, *a):
            pass

    def tell(*_):
        with open(count + ".new", "w") as f:
            f.write(str(seen[0]))
        os.rename(count + ".new", count)

    signal.signal(signal.SIGUSR1, tell)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with open(address + ".new", "w") as f:
        f.write(str(server.server_address[1]))
    os.rename(address + ".new", address)
    server.serve_forever()


if __name__ == "__main__":
    import sys
    serve(*sys.argv[1:])
