"""A real cail-d in a folder of its own, and a small HTTP client. Standard library alone."""
import http.client
import json
import os
import pathlib
import signal
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("CAIL_BIN", ROOT / "build" / "bin"))
LIMIT_S = 60  # nothing takes that long: a stuck daemon fails its test


class Reply:
    def __init__(self, response, body):
        self.status = response.status
        self.headers = {k.lower(): v for k, v in response.getheaders()}
        self.body = body

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        assert self.body.endswith(b"\n"), "JSON ends in a line end"
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:2000]!r}>"


class Event:
    def __init__(self):
        self.id, self.name, self.data, self.retry, self.comments = None, "message", "", None, []


class Stream:
    """An open response that is read as it comes."""

    def __init__(self, connection, response):
        self.connection, self.response = connection, response
        self.status = response.status
        self.headers = {k.lower(): v for k, v in response.getheaders()}

    def line(self):
        """One line, b"" at the end."""
        return self.response.readline()

    def rest(self):
        return self.response.read()

    def event(self):
        """The next server-sent event that says anything; None at the end."""
        e, said = Event(), False
        while line := self.line():
            line = line.decode().rstrip("\n")
            if not line and said:
                return e
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            said = said or bool(line)
            if line.startswith(":"):
                e.comments.append(value)
            elif name == "id":
                e.id = value
            elif name == "event":
                e.name = value
            elif name == "data":
                e.data += value
            elif name == "retry":
                e.retry = int(value)
        return None

    def events_until(self, wanted):
        """All events up to the first for which wanted(event) holds."""
        seen = []
        while e := self.event():
            seen.append(e)
            if wanted(e):
                return seen
        raise AssertionError(f"the stream ended: {[(s.name, s.data) for s in seen]}")

    def close(self):
        self.response.close()
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


class Daemon:
    """cail-d with its state below `folder`. start() again after stop() or kill9(): the same state."""

    def __init__(self, folder, *args, recipes=None):
        self.folder = pathlib.Path(folder)
        self.recipes = pathlib.Path(recipes or self.folder / "recipes")
        self.recipes.mkdir(parents=True, exist_ok=True)
        self.socket = self.folder / "run" / "cail.sock"
        self.state = self.folder / "state"
        self.builds = self.folder / "builds"
        self.args = list(args)
        self.process = self.port = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self, *more, port=0, wrap=(), **env_more):
        """wrap: a command that is given the daemon's; env_more: variables for it."""
        port_file = self.folder / "port"
        port_file.unlink(missing_ok=True)
        env = {k: v for k, v in os.environ.items() if not k.startswith(("CAIL_", "XDG_"))}
        env.update(HOME=str(self.folder), LC_ALL="C.UTF-8", **env_more)
        with open(self.folder / "cail-d.log", "ab") as log:
            self.process = subprocess.Popen(
                [*wrap, BIN / "cail-d", "--listen", f"127.0.0.1:{port}", "--port-file", port_file,
                 "--socket", self.socket, "--state-dir", self.state, "--build-root", self.builds,
                 "--recipes", self.recipes, *self.args, *more], env=env, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log)
        self.until(lambda: port_file.exists() or self.process.poll() is not None)
        if self.process.poll() is not None:
            raise AssertionError(f"cail-d ended with {self.process.returncode}: {self.log()}")
        self.port = int(port_file.read_text())
        return self

    @staticmethod
    def until(holds):
        """Look again and again until it holds."""
        end = time.monotonic() + LIMIT_S
        while not (value := holds()):
            assert time.monotonic() < end, "it never came to hold"
            time.sleep(0.005)
        return value

    def log(self):
        return (self.folder / "cail-d.log").read_text(errors="replace")

    def stop(self):
        """Ends the daemon as its service manager would; jobs run on. Its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(LIMIT_S)

    def kill9(self):
        self.process.kill()
        self.process.wait(LIMIT_S)

    def finish(self):
        """End everything, jobs too."""
        if self.process is None:
            return
        if self.process.poll() is not None:
            self.start()
        live = self.get("/jobs?state=held,queued,running&limit=1000").json()["jobs"]
        for job in live:
            self.post(f"/jobs/{job['id']}/cancel", {"grace_s": 0})
        for job in live:
            self.get(f"/jobs/{job['id']}?wait=60")
        code = self.stop()
        assert code == 0, f"cail-d ended with {code}: {self.log()}"

    # --- requests ---

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT_S)

    def request(self, method, path, body=None, headers=None):
        """body: bytes as they are, anything else as JSON."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        connection = self.connect()
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Reply(response, response.read())
        finally:
            connection.close()

    def get(self, path, **headers):
        return self.request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def post(self, path, body=None, **headers):
        return self.request("POST", path, body,
                            {k.replace("_", "-"): v for k, v in headers.items()})

    def stream(self, path, **headers):
        connection = self.connect()
        connection.request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        return Stream(connection, connection.getresponse())

    def sse(self, path="/events", **headers):
        return self.stream(path, **headers)

    # --- jobs ---

    def submit(self, request):
        reply = self.post("/jobs", request)
        assert reply.status == 201, reply
        return reply.json()

    def run(self, *argv, **more):
        """Queue a command, wait for its end, give the job."""
        return self.wait_job(self.submit({"command": list(argv), **more})["id"])

    def bash(self, script, **more):
        return self.submit({"script": script, **more})

    def job(self, id):
        reply = self.get(f"/jobs/{id}")
        assert reply.status == 200, reply
        return reply.json()

    def wait_job(self, id):
        job = self.get(f"/jobs/{id}?wait={LIMIT_S}").json()
        assert job["finished_at"], job
        return job

    def wait_state(self, id, *states):
        return self.until(lambda: (j := self.job(id))["state"] in states and j)
