"""Pull requests: what the lab takes, what it joins to them, the write-up, and the forge's side against a
server of our own."""
import http.server
import json
import os
import threading

import pytest

from client import Client
from daemon import ROOT

URL = "https://github.com/llvm/llvm-project/pull/12"
API = "/repos/llvm/llvm-project/pulls/"
RECIPES = ROOT / "recipes"


@pytest.fixture
def d(make_daemon):
    return make_daemon(recipes=RECIPES)


@pytest.fixture
def client(d, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    return Client(home, d)


class Forge:
    """What an API says: {path: (status, headers, document)}; what it was asked."""

    def __init__(self):
        forge = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                forge.asked.append((self.command, self.path, dict(self.headers), body))
                status, headers, doc = forge.says.get(self.path, (404, {}, {"message": "Not Found"}))
                text = doc if isinstance(doc, bytes) else json.dumps(doc).encode()
                self.send_response(status)
                for k, v in {"Content-Type": "application/json", "Content-Length": str(len(text)), **headers}.items():
                    self.send_header(k, v)
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = answer

            def log_message(self, *args):
                pass
        self.says, self.asked = {}, []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def forge():
    f = Forge()
    yield f
    f.close()


def pull(state="open", merged=False, title="Fold a constant", **more):
    return (200, {}, {"state": state, "merged": merged, "merged_at": None, "title": title, "user": {"login": "alice"},
                      "head": {"sha": "a" * 40}, "base": {"sha": "b" * 40, "ref": "main"}, **more})


def test_what_changes_is_told(d):
    with d.sse() as events:
        d.post("/prs", {"url": "llvm#7"})
        d.request("PATCH", "/prs/1", body=json.dumps({"title": "Fold"}).encode(), headers={"Content-Type": "application/json"})
        d.submit({"command": ["true"], "pr": "llvm#8"})
        assert d.post("/topics", {"upstream": "llvm", "name": "fold", "branch": "topic/fold", "worktree": "/x",
                                  "pr": "llvm#9"}).status == 201
        seen = events.events_until(lambda e: (e.name, e.data) == ("pr", '{"id":3}'))
    assert [(e.name, e.data) for e in seen if e.name in ("pr", "topic")] == [
        ("pr", '{"id":1}'), ("pr", '{"id":1}'), ("pr", '{"id":2}'), ("topic", '{"id":1}'), ("pr", '{"id":3}')]


# --- addresses ---

@pytest.mark.parametrize("text, url", [
    (URL, URL), (URL + "/files", URL), (URL + "?w=1", URL), (URL + "#discussion", URL), (URL + "/", URL),
    ("http://github.com/llvm/llvm-project/pull/12", URL), ("HTTPS://GitHub.com/LLVM/LLVM-Project/pull/12", URL),
    ("https://www.github.com/llvm/llvm-project/pull/12/commits/abc", URL), ("llvm#12", URL), ("mlir#12", URL),
    ("LLVM#12", URL), ("llvm/llvm-project#12", URL),
    ("nccl#3", "https://github.com/NVIDIA/nccl/pull/3"), ("perf_analyzer#4", "https://github.com/triton-inference-server/"
     "perf_analyzer/pull/4")])
def test_one_address(d, text, url):
    reply = d.post("/prs", {"url": text})
    assert (reply.status, reply.json()["url"]) == (201, url)
    assert reply.headers["location"] == "/prs/1"
    again = d.post("/prs", {"url": url})
    assert (again.status, again.json()["id"]) == (200, 1)


@pytest.mark.parametrize("text", [
    "", "llvm", "llvm#", "llvm#0", "llvm#012", "llvm#1x", "llvm#99999999999", "#12", "12", "nope#1", "-x#1",
    "https://github.com/llvm/llvm-project/issues/12", "https://github.com/llvm/llvm-project/pull/", URL + "x",
    "https://github.com.evil.org/llvm/llvm-project/pull/12", "https://evil@github.com/llvm/llvm-project/pull/12",
    "https://github.com:443/llvm/llvm-project/pull/12", "https://github.com/llvm/llvm-project/../x/pull/12",
    "ext::sh", "file:///llvm/llvm-project/pull/12", URL + " ", "javascript:alert(1)", "https://github.com/a/b/pull/1",
    "llvm#1\n", "x" * 400])
def test_no_address(d, text):
    reply = d.post("/prs", {"url": text})
    assert reply.status == 422 and reply.json()["errors"][0]["pointer"] == "/url", reply
    assert d.get("/prs").json() == {"prs": [], "next_cursor": None}


def test_bodies(d):
    assert d.post("/prs", {"url": "llvm#1", "upstream": "nccl"}).json()["upstream"] == "llvm"
    assert d.post("/prs", {"url": "7", "upstream": "nccl"}).json()["pr"] == "nccl#7"
    for body, pointer in [({}, "/url"), ({"url": "llvm#1", "state": "gone"}, "/state"),
                          ({"url": "llvm#1", "head_sha": "HEAD"}, "/head_sha"), ({"url": "llvm#1", "x": 1}, "/x"),
                          ({"url": "llvm#1", "title": "a\nb"}, "/title"), ({"url": "llvm#1", "title": "x" * 401}, "/title")]:
        reply = d.post("/prs", body)
        assert reply.status == 422 and reply.json()["errors"][0]["pointer"] == pointer, (body, reply)
    assert d.request("PATCH", "/prs/1", {"url": "llvm#2"}).status == 422
    assert d.request("PATCH", "/prs/99", {"title": "x"}).status == 404
    assert d.get("/prs/99").status == d.get("/prs/x/report").status == 404
    done = d.request("PATCH", "/prs/llvm%231", {"title": "T", "state": "open", "fetched": True}).json()
    assert (done["title"], done["state"]) == ("T", "open") and done["fetched_at"]
    assert d.request("PATCH", "/prs/1", {"title": None}).json()["title"] is None


def test_lists(d):
    for i in range(1, 6):
        d.post("/prs", {"url": f"llvm#{i}", "state": "open" if i % 2 else "merged"})
    d.post("/prs", {"url": "nccl#1"})
    assert [p["pr"] for p in d.get("/prs").json()["prs"]] == ["nccl#1", *(f"llvm#{i}" for i in (5, 4, 3, 2, 1))]
    assert len(d.get("/prs?state=open").json()["prs"]) == 3
    assert [p["pr"] for p in d.get("/prs?upstream=mlir&state=merged").json()["prs"]] == ["llvm#4", "llvm#2"]
    assert [p["pr"] for p in d.get("/prs?pr=llvm%233").json()["prs"]] == ["llvm#3"]
    seen, cursor = [], ""
    while cursor is not None:
        page = d.get("/prs?limit=4" + (f"&cursor={cursor}" if cursor else "")).json()
        seen += [p["id"] for p in page["prs"]]
        cursor = page["next_cursor"]
    assert seen == [6, 5, 4, 3, 2, 1]
    assert d.get("/prs?state=x").status == d.get("/prs?cursor=!").status == d.get("/prs?foo=1").status == 400
    assert d.get("/prs?upstream=lvm").status == 404


# --- jobs ---

def test_jobs_are_joined_by_the_one_address(d):
    texts = ["llvm#12", URL + "/files", "http://www.github.com/LLVM/llvm-project/pull/12"]
    jobs = [d.submit({"command": ["true"], "pr": t}) for t in texts]
    assert {j["pr"] for j in jobs} == {URL}
    for j in jobs:
        d.wait_job(j["id"])
    pr = d.get("/prs/1").json()  # known without a POST
    assert (pr["url"], [j["id"] for j in pr["jobs"]]) == (URL, [3, 2, 1])
    for text in ("llvm%2312", URL):
        assert len(d.get(f"/jobs?pr={text}").json()["jobs"]) == 3
    other = d.submit({"command": ["true"], "pr": "https://git.example.org/x/pull/1"})
    assert other["pr"] == "https://git.example.org/x/pull/1"
    reply = d.post("/jobs", [{"command": ["true"]}, {"command": ["true"], "pr": "lvm#1"}])
    assert reply.status == 422 and reply.json()["errors"][0]["pointer"] == "/1/pr"
    assert "llvm#1" in reply.json()["hint"]
    assert d.post("/jobs", {"command": ["true"], "pr": "words"}).status == 422
    assert len(d.get("/prs").json()["prs"]) == 1


def test_it_is_all_there_after_a_kill(d):
    d.post("/prs", {"url": "llvm#12", "title": "T", "state": "open", "head_sha": "abcdef1", "fetched": True})
    d.post("/topics", {"upstream": "llvm", "name": "t", "branch": "topic/t", "worktree": "/x", "pr": "12"})
    before, topics = d.get("/prs/1").json(), d.get("/topics").json()
    d.kill9()
    d.start()
    assert (d.get("/prs/1").json(), d.get("/topics").json()) == (before, topics)
    assert d.post("/prs", {"url": "llvm#13"}).json()["id"] == 2


# --- the report ---

HOSTILE = "evil | <script>alert(1)</script> [x](http://e) @all # `a` *b*"


def test_report(d):
    d.post("/prs", {"url": "llvm#12", "title": HOSTILE, "state": "open", "head_sha": "a" * 40, "fetched": True})
    script = 'echo "::cail metric benchmark=b name=t value=0.25 unit=s better=lower"\n'
    d.wait_job(d.submit({"script": script, "name": HOSTILE, "pr": "llvm#12", "kind": "benchmark"})["id"])
    d.wait_job(d.submit({"command": ["sh", "-c", "exit 3", "it's; rm -rf `x`\n"], "pr": "llvm#12"})["id"])
    d.wait_job(d.submit({"recipe": "env-check", "pr": "llvm#12"})["id"])
    reply = d.get("/prs/1/report")
    assert reply.headers["content-type"] == "text/markdown; charset=utf-8"
    text = reply.text
    assert "| b | t | 0.25 | s | lower | 1 | ok |" in text
    assert "cail run env-check" in text and "job 2, failed" in text
    assert f"<{URL}>" in text and "## Environment" in text and "`cail show 1`" in text
    outside = "".join(text.split("```")[::2])  # the fence is code
    assert "<script>" not in outside and "@all" not in outside and "[x](http" not in outside
    fence = text.split("```")[1]
    assert len(text.split("```")) == 3 and "rm -rf ?x?" in fence
    d.get("/jobs")
    assert d.get("/prs/1/report").body == reply.body
    d.stop()
    d.start()
    assert d.get("/prs/1/report").body == reply.body, "same rows, same bytes, whatever daemon"
    assert str(d.port) not in reply.text


def test_report_of_nothing(d, client):
    d.post("/prs", {"url": "llvm#12"})
    text = client.ok("pr", "report", "llvm#12")
    assert "No job belongs to this pull request yet." in text and "state not asked yet" in text


# --- the client ---

def test_client_lists_and_shows(d, client):
    assert "1 llvm#12 " + URL in client.ok("pr", "add", URL + "/files", "--title", "T")
    assert client.run("pr", "add", "nope#1").returncode == 64
    d.wait_job(d.submit({"command": ["true"], "pr": URL})["id"])
    assert "llvm#12" in client.ok("pr")
    for name in ("1", "llvm#12", URL):
        assert "true" in client.ok("pr", "show", name) and "cail pr refresh" in client.ok("pr", "show", name)
    assert client.run("pr", "show", "llvm#99").returncode == 65
    assert json.loads(client.ok("pr", "ls", "--json", "--state", "unknown"))["prs"][0]["title"] == "T"
    body = client.ok("pr", "body", "1")
    assert body.startswith("<!-- Why") and "## Commands" in body and "## Links" not in body
    assert "llvm" in client.ok("completion", "upstreams") and "llvm#12" in client.ok("completion", "prs")
    listed = client.ok("upstreams")
    assert len(listed.splitlines()) == 12 and "firecracker" in listed
    assert "every commit, git commit -s" in client.ok("upstreams", "nccl")
    assert client.run("upstreams", "nccll").returncode == 65


def test_refresh(d, client, forge):
    for n in (1, 2, 3):
        client.ok("pr", "add", f"llvm#{n}")
    forge.says[API + "1"] = pull(title="Fold\x1b]0;x\x07 a\nconstant" + "é" * 300)
    forge.says[API + "2"] = pull("closed", merged=True, title="Merged one")
    forge.says[API + "3"] = pull("closed", title="Closed one")
    env = {"CAIL_GITHUB_API": forge.url + "/", "GITHUB_TOKEN": "secret-token"}
    out = client.ok("pr", "refresh", **env)
    assert [line.split()[1] for line in out.splitlines()] == ["closed", "merged", "open"]
    rows = {p["number"]: p for p in d.get("/prs").json()["prs"]}
    assert rows[1]["title"].startswith("Fold") and "\x1b" not in rows[1]["title"]
    assert (rows[2]["state"], rows[2]["author"], rows[2]["head_sha"], rows[2]["base_ref"]) == (
        "merged", "alice", "a" * 40, "main")
    assert all(p["fetched_at"] for p in rows.values())
    assert {h["Authorization"] for _, _, h, _ in forge.asked} == {"Bearer secret-token"}
    assert all(h["User-Agent"].startswith("cail/") for _, _, h, _ in forge.asked)
    # A merged one is not asked again, and the token is nowhere in the lab.
    forge.asked.clear()
    client.ok("pr", "refresh", **env)
    assert sorted(p for _, p, _, _ in forge.asked) == [API + "1", API + "3"]
    for folder, _, files in os.walk(d.folder):
        for path in (os.path.join(folder, n) for n in files):
            if os.path.isfile(path):
                with open(path, "rb") as f:
                    assert b"secret-token" not in f.read(), path


def test_refresh_when_it_cannot(d, client, forge):
    client.ok("pr", "add", "llvm#1")
    env = {"CAIL_GITHUB_API": forge.url}
    forge.says[API + "1"] = pull(title="As it was")
    client.ok("pr", "refresh", "llvm#1", **env)
    known = d.get("/prs/1").json()
    limits = [((403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}, {"message": "slow"}), "limit of requests"),
              ((429, {"Retry-After": "90"}, {}), "try again in 1m30s"), ((401, {}, {}), "token is not accepted"),
              ((500, {}, {"message": "oh"}), "HTTP 500: oh"), ((301, {"Location": "http://127.0.0.1:1/"}, {}), "moved"),
              ((200, {}, b"<html>"), "no JSON object"), ((200, {}, b"x" * (5 << 20)), "llvm#1")]
    for says, text in limits:
        forge.says[API + "1"] = says
        done = client.run("pr", "refresh", **env)
        assert done.returncode == 1 and text in done.stderr.decode(), (says[0], done)
        assert "kept: open" in done.stderr.decode()
        assert d.get("/prs/1").json() == known
    # Nobody listens there: one question, then it stops asking.
    client.ok("pr", "add", "llvm#2")
    done = client.run("pr", "refresh", CAIL_GITHUB_API="http://127.0.0.1:1")
    assert done.returncode == 1 and b"offline" in done.stderr and b"1 more were not asked" in done.stderr
    forge.says = {}
    done = client.run("pr", "refresh", "2", **env)
    assert done.returncode == 1 and b"not there" in done.stderr
    assert d.get("/prs/2").json()["note"] == "the upstream has no such pull request"


def test_a_token_travels_in_private_alone(client):
    client.ok("pr", "add", "llvm#1")
    for base in ("http://192.0.2.1", "http://api.example.org", "ftp://x", "https://u:p@x"):
        done = client.run("pr", "refresh", CAIL_GITHUB_API=base, GITHUB_TOKEN="t")
        assert done.returncode == 1, done
        assert b"the token is not sent" in done.stderr or b"no address of an API" in done.stderr, done


def test_nothing_is_posted_without_a_person(client, forge):
    client.ok("pr", "add", "llvm#1")
    env = {"CAIL_GITHUB_API": forge.url, "GITHUB_TOKEN": "t"}
    dry = client.run("pr", "comment", "llvm#1", "--dry-run", **env)
    assert dry.returncode == 0 and dry.stdout.startswith(b"# llvm") and b"dry run: nothing was sent" in dry.stderr
    done = client.run("pr", "comment", "llvm#1", stdin=b"yes\n", **env)
    assert done.returncode == 65 and b"only a person at a terminal" in done.stderr
    assert forge.asked == []


def test_a_person_posts(client, forge):
    client.ok("pr", "add", "llvm#1")
    forge.says["/repos/llvm/llvm-project/issues/1/comments"] = (201, {}, {"html_url": URL + "#c1"})
    env = {"CAIL_GITHUB_API": forge.url, "CAIL_GITHUB_TOKEN": "mine", "GITHUB_TOKEN": "other"}
    t = client.terminal("pr", "comment", "1", **env)
    t.expect(b"Type yes: ")
    os.write(t.fd, b"no\n")
    assert t.end() == 65 and forge.asked == []
    t = client.terminal("pr", "comment", "1", **env)
    t.expect(b"Type yes: ")
    os.write(t.fd, b"yes\n")
    assert t.end() == 0
    [(method, _, headers, body)] = forge.asked
    assert method == "POST" and headers["Authorization"] == "Bearer mine"
    assert json.loads(body)["body"].startswith("# llvm")


# --- upstreams ---

def test_upstreams(d, make_daemon, tmp_path):
    rows = {u["name"]: u for u in d.get("/upstreams").json()["upstreams"]}
    assert len(rows) == 11 and rows["tokio"]["default_branch"] is None and rows["tokio"]["branch_hint"] == "master"
    assert d.get("/upstreams/openxla").json() == rows["xla"]
    assert rows["nccl"]["rules"]["sign_off"] is True and not rows["nccl"]["overridden"]
    assert d.get("/upstreams/ncl").json()["hint"].startswith('did you mean "nccl"')


def test_a_job_of_a_recipe_is_told_the_urls(make_daemon, tmp_path):
    recipes = tmp_path / "recipes"
    (recipes / "lib").mkdir(parents=True)
    (recipes / "upstreams").mkdir()
    (recipes / "tools" / "x").mkdir(parents=True)
    row = (RECIPES / "upstreams" / "nccl-tests.json").read_text()
    (recipes / "upstreams" / "nccl-tests.json").write_text(row)
    (recipes / "upstreams" / "llvm.json").write_text((RECIPES / "upstreams" / "llvm.json").read_text())
    (recipes / "upstreams" / "other.json").write_text(row)  # says another name than its file
    (recipes / "upstreams" / "bad.json").write_text('{"name": "bad"}')
    (recipes / "lib" / "step.sh").write_text('. "$1"\n')
    (recipes / "tools" / "x" / "look.sh").write_text("env | grep ^CAIL_UPSTREAM_ | sort\n")
    (recipes / "tools" / "x" / "recipe.json").write_text(json.dumps({
        "name": "look", "group": "tools", "summary": "s", "kind": "check", "params": {},
        "steps": [{"name": "look", "run": "look.sh"}]}))
    d = make_daemon("--set", "upstreams.llvm.url=file:///m/llvm.git", recipes=recipes)
    job = d.wait_job(d.submit({"recipe": "look"})["id"])
    assert job["state"] == "succeeded"
    assert d.get(f"/jobs/{job['id']}/log").text.splitlines() == [
        "CAIL_UPSTREAM_LLVM_URL=file:///m/llvm.git",
        "CAIL_UPSTREAM_NCCL_TESTS_URL=https://github.com/NVIDIA/nccl-tests.git"]
    assert [u["name"] for u in d.get("/upstreams").json()["upstreams"]] == ["llvm", "nccl-tests"]
    assert d.get("/upstreams/llvm").json()["overridden"] is True
    assert d.log().count("is left out") == 2


def test_a_url_that_git_must_not_see(make_daemon, tmp_path):
    d = make_daemon("--set", "upstreams.llvm.url=ext::sh -c id", recipes=RECIPES, start=False)
    with pytest.raises(AssertionError, match="ended with 78.*white space"):
        d.start()
    d.process = None
