"""A daemon for tests of the client: it answers what a test tells it to, and remembers what it was
asked. Nothing in it sleeps: streams wait on conditions that the test sets.

    with FakeDaemon() as d:
        d.add_job(12, state="running")
        run_cail(d, "show", "12")
        assert d.requests[-1].path == "/jobs/12"
"""
import json
import re
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ENDED = {"succeeded", "failed", "canceled", "timed_out", "lost", "dep_failed"}
WAIT_S = 30  # nothing takes that long: a stuck test ends instead of hanging


class Request:
    def __init__(self, method, path, query, headers, body):
        self.method, self.path, self.query = method, path, query
        self.headers, self.body = headers, body

    @property
    def json(self):
        return json.loads(self.body)


class RawJson(bytes):
    """A body that is sent as it is and called JSON."""


class Break(Exception):
    """Raised by a handler: the connection is cut without an end."""


class Log:
    """The output of one attempt, growing; `ended` says that no more will come."""

    def __init__(self, data=b"", ended=True):
        self.data, self.ended = data, ended


class FakeDaemon:
    def __init__(self):
        self.lock = threading.Condition()
        self.requests = []
        self.jobs = {}
        self.logs = {}  # (job, attempt number) -> Log
        self.groups = {}
        self.piece = 1 << 20  # bytes of a log that are sent at a time
        self.cut_at = {}  # (job, number) -> byte after which a follower is cut off, once
        self.has_events = True
        self.feeds = []
        self.routes = {}  # (method, path) -> callable(Request) -> (status, object) or raises Break
        self.next_id = 1
        self.on_submit = None  # callable(daemon, job): what happens to a new job
        self.closing = False

    # --- what a test says ---

    def add_job(self, job_id, **members):
        job = {
            "id": job_id, "name": "job-%d" % job_id, "kind": "check", "state": "queued",
            "reason": None, "queue": "default", "priority": 0, "group": None, "index": None,
            "recipe": None, "params": {}, "needs": {"gpus": 0, "cpus": 1}, "timeout_s": 86400,
            "created_at": "2026-01-02T03:04:05.678Z", "started_at": None, "finished_at": None,
            "exit_code": None, "signal": None, "exit_status": None, "step": None,
            "progress": None, "cached": False, "gpus": [], "flags": [], "labels": {}, "after": [],
            "submitter": {"uid": 0, "user": "root"}, "attempts": [], "results": [],
        }
        job.update(members)
        with self.lock:
            self.jobs[job_id] = job
            self.next_id = max(self.next_id, job_id + 1)
        return job

    def start_attempt(self, job_id, number=1, log=b"", step=0):
        with self.lock:
            job = self.jobs[job_id]
            job["state"] = "running"
            job["started_at"] = job["started_at"] or "2026-01-02T03:04:06.000Z"
            job["attempts"].append({
                "id": 100 + number, "number": number, "step": step, "state": "running",
                "cause": None, "exit_code": None, "signal": None, "log_bytes": None, "dir": "/x"})
            self.logs[job_id, number] = Log(log, ended=False)
        self.event("job", self.listed(job))

    def write(self, job_id, number, data):
        with self.lock:
            self.logs[job_id, number].data += data
            self.lock.notify_all()

    def end_attempt(self, job_id, number=1, code=0):
        with self.lock:
            log = self.logs[job_id, number]
            for a in self.jobs[job_id]["attempts"]:
                if a["number"] == number:
                    a.update(state="exited", cause="exited", exit_code=code,
                             log_bytes=len(log.data))
            log.ended = True
            self.lock.notify_all()
        self.event("attempt", {"job": job_id, "attempt": 100 + number, "number": number,
                               "state": "exited"})

    def end_job(self, job_id, state="succeeded", code=0, **members):
        with self.lock:
            self.jobs[job_id].update(state=state, exit_status=code, exit_code=code,
                                     finished_at="2026-01-02T03:05:08.000Z", **members)
            job = self.jobs[job_id]
            self.lock.notify_all()
        self.event("job", self.listed(job))

    def run_through(self, job_id, log=b"", code=0, **members):
        """One attempt, from its start to its end."""
        self.start_attempt(job_id, 1, log)
        self.end_attempt(job_id, 1, code)
        self.end_job(job_id, "succeeded" if code == 0 else "failed", code, **members)

    def listed(self, job):
        return {k: v for k, v in job.items() if k not in ("attempts", "results")}

    def event(self, kind, data):
        text = ("id: e-1\nevent: %s\ndata: %s\n\n" % (kind, json.dumps(data))).encode()
        with self.lock:
            for feed in self.feeds:
                feed.append(text)
            self.lock.notify_all()

    def wait_for(self, condition):
        """Until condition(self) holds; requests and streams wake it."""
        with self.lock:
            assert self.lock.wait_for(lambda: condition(self), WAIT_S), "it never happened"

    def seen(self, method, path):
        return [r for r in list(self.requests) if r.method == method and r.path == path]

    # --- the server ---

    def __enter__(self):
        outer = self

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, address):
                pass  # a client that goes away is no news

        self.server = Server(("127.0.0.1", 0), make_handler(outer))
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        with self.lock:
            self.closing = True
            self.lock.notify_all()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(WAIT_S)

    # --- answers ---

    def answer(self, rq):
        for (method, path), handler in self.routes.items():
            if rq.method == method and re.fullmatch(path, rq.path):
                reply = handler(rq)
                if reply is not None:
                    return reply
        m = re.fullmatch(r"/jobs/(\d+)", rq.path)
        if m and rq.method == "GET":
            return self.answer_job(rq, int(m[1]))
        m = re.fullmatch(r"/jobs/(\d+)/(cancel|retry|hold|release)", rq.path)
        if m and rq.method == "POST" and int(m[1]) in self.jobs:
            return self.answer_action(int(m[1]), m[2])
        m = re.fullmatch(r"/groups/(\d+)", rq.path)
        if m and int(m[1]) in self.groups:
            return 200, self.groups[int(m[1])]
        if rq.path == "/jobs" and rq.method == "POST":
            return self.answer_submit(rq)
        if rq.path == "/jobs":
            return 200, self.list_jobs(rq)
        if rq.path == "/version":
            return 200, {"version": "0.1.0", "api": 1, "sqlite": "3.40.1", "libuv": "1.44.2",
                         "libmicrohttpd": "0.9.75", "pid": 1, "epoch": "00000000"}
        return problem(404, "not_found", "There is no such thing")

    def answer_job(self, rq, job_id):
        with self.lock:
            if job_id not in self.jobs:
                return problem(404, "not_found", "There is no such thing", "job %d" % job_id)
            if "wait" in rq.query:
                self.lock.wait_for(
                    lambda: self.closing or self.jobs[job_id]["state"] in ENDED,
                    min(float(rq.query["wait"]), WAIT_S))
            return 200, dict(self.jobs[job_id])

    def answer_action(self, job_id, action):
        word = {"cancel": "canceled", "retry": "queued", "hold": "held", "release": "queued"}[action]
        if action == "cancel":
            for a in self.jobs[job_id]["attempts"]:
                if a["state"] != "exited":
                    self.end_attempt(job_id, a["number"], 143)
            self.end_job(job_id, "canceled", 143)
        else:
            self.jobs[job_id]["state"] = word
        return 200, self.jobs[job_id]

    def answer_submit(self, rq):
        body = rq.json
        if "matrix" in body:
            return 201, {"group": 5, "jobs": [self.listed(self.add_job(self.next_id, group=5))
                                              for _ in range(3)]}
        job = self.add_job(self.next_id, name=body.get("name") or body.get("recipe") or "command")
        if self.on_submit:
            threading.Thread(target=self.on_submit, args=(self, job["id"]), daemon=True).start()
        return 201, dict(job)

    def list_jobs(self, rq):
        jobs = sorted((self.listed(j) for j in self.jobs.values()), key=lambda j: -j["id"])
        start = int(rq.query.get("cursor", 0))
        limit = int(rq.query.get("limit", 50))
        more = start + limit < len(jobs)
        return {"jobs": jobs[start:start + limit], "next_cursor": str(start + limit) if more else None}


def problem(status, code, title, detail=None, hint=None, errors=None):
    body = {"type": "about:blank#" + code, "title": title, "status": status, "code": code}
    body.update({k: v for k, v in (("detail", detail), ("hint", hint), ("errors", errors)) if v})
    return status, body


def make_handler(daemon):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_):
            pass

        def handle_any(self):
            url = urllib.parse.urlsplit(self.path)
            query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            rq = Request(self.command, url.path, query, self.headers, body)
            with daemon.lock:
                daemon.requests.append(rq)
                daemon.lock.notify_all()
            m = re.fullmatch(r"/jobs/(\d+)/log", rq.path)
            try:
                if m and ("GET", rq.path) not in daemon.routes:
                    self.send_log(rq, int(m[1]))
                elif rq.path == "/events" and daemon.has_events:
                    self.send_events()
                else:
                    self.send_object(*daemon.answer(rq))
            except Break:
                self.close_connection = True

        do_GET = do_POST = do_PATCH = do_DELETE = handle_any

        def send_object(self, status, body):
            raw = body if isinstance(body, bytes) else (json.dumps(body) + "\n").encode()
            is_text = isinstance(body, bytes) and not isinstance(body, RawJson)
            kind = "text/plain" if is_text else "application/json"
            self.send_response(status)
            self.send_header("Content-Type", kind if status < 400 else "application/problem+json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def begin_chunks(self, status, kind, extra=()):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            for name, value in extra:
                self.send_header(name, value)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.flush()

        def chunk(self, data):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()

        def send_events(self):
            feed = []
            with daemon.lock:
                daemon.feeds.append(feed)
            self.begin_chunks(200, "text/event-stream")
            self.chunk(b": hb\n\n")
            with daemon.lock:
                daemon.lock.notify_all()
            while True:
                with daemon.lock:
                    daemon.lock.wait_for(lambda: feed or daemon.closing, WAIT_S)
                    if not feed:
                        raise Break
                    text = feed.pop(0)
                if text is None:
                    raise Break
                self.chunk(text)

        def send_log(self, rq, job_id):
            number = int(rq.query.get("attempt", 0)) or max(
                (n for j, n in daemon.logs if j == job_id), default=0)
            log = daemon.logs.get((job_id, number))
            if log is None:
                return self.send_object(*problem(404, "not_found", "There is no such thing"))
            at, status = self.log_range(rq, log)
            if at is None:
                return self.send_object(*problem(416, "range_not_satisfiable", "Outside"))
            extra = [("Content-Range", "bytes %d-%d/*" % (at, max(at, len(log.data) - 1)))]
            self.begin_chunks(status, "text/plain", extra if status == 206 else ())
            return self.stream_log(rq, log, at, job_id, number)

        def log_range(self, rq, log):
            m = re.fullmatch(r"bytes=(\d*)-", rq.headers.get("Range") or "")
            suffix = re.fullmatch(r"bytes=-(\d+)", rq.headers.get("Range") or "")
            if suffix:
                return max(0, len(log.data) - int(suffix[1])), 206
            if not m:
                return 0, 200
            at = int(m[1])
            if at > len(log.data) or (at == len(log.data) and log.ended):
                return None, 416
            return at, 206

        def stream_log(self, rq, log, at, job_id, number):
            follow = rq.query.get("follow") == "1"
            while True:
                with daemon.lock:
                    if follow:
                        daemon.lock.wait_for(
                            lambda: log.ended or len(log.data) > at or daemon.closing, WAIT_S)
                    cut = daemon.cut_at.get((job_id, number))
                    end = len(log.data) if cut is None else min(cut, len(log.data))
                    piece, done = log.data[at:end], log.ended or not follow
                for i in range(0, len(piece), daemon.piece):
                    self.chunk(piece[i:i + daemon.piece])
                at += len(piece)
                if cut is not None and at >= cut:
                    with daemon.lock:
                        daemon.cut_at.pop((job_id, number), None)
                        daemon.lock.notify_all()
                    raise Break
                if done and at >= len(log.data):
                    break
                if daemon.closing:
                    raise Break
            self.chunk(b"")

    return Handler


__all__ = ["FakeDaemon", "Break", "RawJson", "problem", "Log"]
