"""The dashboard: what is served, and in a real Chromium what people see and do (tests/web/cases.mjs)."""
import gzip
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
from urllib.parse import quote

import pytest

from gpu_lab import A, machine  # noqa: F401
from lab import until
from test_bisect import bisect, end_of as bisected, shas, toy
from test_comparisons import REF, compare as compared, figure, recipe, sh

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
NODE = shutil.which("node")
PARTS = [(CHROMIUM, "no chromium"), (NODE, "no node"),
         ((ROOT / "web/node_modules/playwright-core").exists(), "no playwright-core: npm ci in web/"),
         ((ROOT / "web/node_modules/axe-core").exists(), "no axe-core: npm ci in web/")]
MISSING = [said for there, said in PARTS if not there]
HTML = "text/html,application/xhtml+xml,*/*;q=0.8"
PAGES = ["/", "/queue", "/jobs", "/jobs/1", "/groups/1", "/benchmarks", "/benchmarks/a/b", "/comparisons",
         "/comparisons/1", "/bisections", "/bisections/1", "/noise", "/prs", "/prs/1", "/topics",
         "/upstreams", "/gpus", "/env", "/cache", "/recipes", "/recipes/x"]
EVIL = ("<script>window.ran=1</script><img src=x onerror=window.ran=1>\"'&{{7*7}}${7*7}"
        "\u202e\u2066\u200b\x1b[31m\x07\x9b")
SHOWN = "<script>window.ran=1</script>"

browser = pytest.mark.skipif(bool(MISSING), reason=", ".join(MISSING))


@pytest.fixture
def daemon(make_daemon):
    d = make_daemon("--set", "jobs.cpus=4", start=False)
    walk = d.recipes / "tools" / "test" / "walk"
    walk.mkdir(parents=True)
    (walk / "recipe.json").write_text(json.dumps({
        "name": "walk", "group": "tools", "summary": "walks in steps", "kind": "benchmark",
        "params": {"steps": {"type": "int", "default": 5, "min": 1, "max": 9, "description": "how many"},
                   "who": {"type": "string", "default": "x", "description": "who walks"}},
        "steps": [{"name": "walk", "run": "walk.sh"}], "needs": {"cpus": 1}, "timeout_s": 600}))
    (walk / "walk.sh").write_text(f"""#!/bin/bash
for i in $(seq "$CAIL_PARAM_STEPS"); do
    printf 'step %d of %s \\033[32mgreen\\033[0m\\n' "$i" "$CAIL_PARAM_WHO"
    echo "::cail progress done=$i total=$CAIL_PARAM_STEPS"
    until [ -e "{d.folder}/go-$CAIL_JOB_ID" ]; do sleep 0.05; done
done
echo "::cail metric name=pace value=12.5 unit=s better=lower"
""")
    (walk / "walk.sh").chmod(0o755)
    for part in ("lib", "upstreams"):
        shutil.copytree(ROOT / "recipes" / part, d.recipes / part)
    d.start()
    if d.get("/", Accept=HTML).body.find(b"/assets/app.") < 0:
        pytest.skip("this build has no dashboard: npm ci in web/, then cmake again")
    return d


@pytest.fixture
def rich(labs, machine):  # noqa: F811
    """A daemon with a card and the upstreams of the real recipes."""
    machine.write([{"uuid": A}])
    lab = labs("--set", f"gpu.nvml={machine.library}")
    shutil.copytree(ROOT / "recipes/upstreams", lab.recipes / "upstreams")
    return lab.start(CAIL_FAKE_NVML=str(machine.path))


def run(daemon, case, answer=None, **args):
    """A case in the browser; answer(word) does what it asks for."""
    with subprocess.Popen([NODE, ROOT / "tests/web/cases.mjs", case, daemon.url, json.dumps(args)], text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={**os.environ, "CAIL_CHROMIUM": CHROMIUM}) as p:
        said = []
        for line in p.stdout:
            if line.startswith("ask "):
                answer(line[4:].strip())
                p.stdin.write("done\n")
                p.stdin.flush()
            else:
                said.append(line)
    assert p.returncode == 0, "".join(said)[-6000:]


def assets(daemon):
    page = daemon.get("/", Accept=HTML).text
    return re.findall(r"/assets/app\.[0-9a-f]{16}\.(?:js|css)", page)


# --- what is served ---

def test_every_page_is_the_same_document(daemon):
    first = daemon.get("/", Accept=HTML)
    for path in PAGES:
        reply = daemon.get(path, Accept=HTML)
        assert reply.status == 200 and reply.body == first.body, path
        assert reply.headers["content-type"] == "text/html; charset=utf-8"
        assert reply.headers["cache-control"] == "no-cache"
        policy = reply.headers["content-security-policy"]
        assert "unsafe" not in policy and "default-src 'none'" in policy and "script-src 'self'" in policy
        assert daemon.get(path, Accept=HTML, If_None_Match=reply.headers["etag"]).status == 304
    assert "<script>" not in first.text and "style=" not in first.text and " on" not in re.sub("<p>.*", "", first.text)


def test_programs_get_no_page(daemon):
    assert daemon.get("/").headers["content-type"].startswith("text/plain")
    for path in ("/queue", "/jobs", "/gpus", "/recipes", "/cache", "/prs"):
        assert daemon.get(path, Accept="application/json").headers["content-type"] == "application/json"
        assert daemon.get(path, Accept="*/*").headers["content-type"] == "application/json"
        assert "accept" in daemon.get(path).headers["vary"].lower()
    assert daemon.get("/jobs/77").status == 404
    assert daemon.post("/jobs", {"command": ["true"]}, Accept=HTML).status == 201


def test_a_link_from_elsewhere_opens_a_page_and_nothing_more(daemon):
    away = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    for path in PAGES:
        assert daemon.request("GET", path, headers={"Accept": HTML, **away}).status == 200, path
        assert daemon.request("GET", path, headers={"Accept": HTML, **away, "Sec-Fetch-Dest": "iframe"}).status == 403
    assert daemon.request("GET", "/queue", headers={"Accept": "application/json", **away}).status == 403
    script = assets(daemon)[0]
    assert daemon.request("GET", script, headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}).status == 403


def test_assets_weigh_little_and_are_kept(daemon):
    total = len(daemon.get("/", Accept=HTML, Accept_Encoding="gzip").body)
    found = assets(daemon)
    assert len(set(found)) == 2
    for path in found:
        packed, plain = daemon.get(path, Accept_Encoding="gzip"), daemon.get(path)
        assert packed.headers["content-encoding"] == "gzip" and "content-encoding" not in plain.headers
        assert gzip.decompress(packed.body) == plain.body
        assert "immutable" in packed.headers["cache-control"] and "max-age=31536000" in packed.headers["cache-control"]
        assert packed.headers["etag"].strip('"') in path
        assert daemon.get(path, If_None_Match=packed.headers["etag"]).status == 304
        assert "http://" not in plain.text.replace("http://www.w3.org/", "")
        total += len(packed.body)
    assert total <= 60 * 1024, total
    for name in ("app.js", "app.0123456789abcdef.js", found[0][8:] + "x"):
        assert daemon.get(f"/assets/{name}").status == 404


def test_without_scripts_there_are_plain_pages(daemon):
    job = daemon.wait_job(daemon.run("echo", "hello")["id"])
    assert 'href="/plain"' in daemon.get("/", Accept=HTML).text
    assert f'/plain/jobs/{job["id"]}' in daemon.get("/plain").text
    assert "hello" in daemon.get(f"/plain/jobs/{job['id']}").text


# --- in a browser ---

@browser
def test_submit_watch_read_compare_copy(daemon):
    go = daemon.folder / "go"

    def side(value):
        return {"command": ["bash", "-c", f"until [ -e {go} ]; do sleep 0.02; done\n"
                            f"echo '::cail metric name=latency value={value} unit=ms better=lower'\n"
                            "echo '::cail metric name=size value=7 unit=B better=lower'"]}

    def answer(word):
        if word == "compared":
            go.touch()
        elif word.startswith("go "):
            (daemon.folder / f"go-{word.split()[1]}").touch()
        else:
            reply = daemon.post("/comparisons", {"name": "slower", "base": side(10), "head": side(12), "rounds": 8,
                                                 "confirm": False, "pr": "llvm#7"})
            assert reply.status == 201, reply
    run(daemon, "flow", answer)


@browser
def test_noise_and_a_bisection(lab):
    toy(lab, 2, slow=1.25)
    for _ in range(2):
        compared(lab, kind="aa", base=figure(1.0, "still"), rounds=6)

    def answer(_):
        assert bisected(lab, bisect(lab, 4, name="it got slower")["id"])["culprit"]["sha"] == shas(4)[2]
    run(lab, "noise", answer, culprit=shas(4)[2][:12], change="+25.00 %")
    for scheme, width in (("light", 1280), ("dark", 390)):
        run(lab, "axe", scheme=scheme, width=width, paths=["/comparisons", "/bisections", "/bisections/1", "/noise"])


def checks(lab):
    """A test passed, one failed, on both sides or on one of them alone."""
    def said(*failing):
        cases = "".join(f'<testcase classname="suite" name="t{i}">{"<failure/>" if i in failing else ""}</testcase>'
                        for i in range(5))
        return f'<?xml version="1.0"?><testsuite name="s" tests="5">{cases}</testsuite>'
    recipe(lab, "tests", {
        "fetch": ("echo \"sha $CAIL_PARAM_REF\" > $CAIL_ATTEMPT_DIR/cache-key\n", {"keys_cache": True}),
        "build": ("echo $CAIL_PARAM_REF > $CAIL_BUILD_DIR/v\n", {"cached": True}),
        "measure": (f"case $(cat $CAIL_BUILD_DIR/v) in a) echo '{said(1, 2)}';; *) echo '{said(2, 3)}';; esac"
                    " > $CAIL_RESULTS/r.xml\n", {})}, params=REF, kind="check")
    return compared(lab, recipe="tests", base={"ref": "a"}, head={"ref": "b"}, rounds=6, confirm=False)["id"]


def unpaired(lab, name):
    """Two stored runs of eight samples each."""
    lines = "\n".join(f"::cail metric benchmark={name} name=t value={i} unit=s better=lower" for i in range(8))
    runs = [lab.script(f"cat <<'E'\n{lines}\nE", kind="benchmark") for _ in range(2)]
    for job in runs:
        lab.end_of(job)
    return compared(lab, base={"job": runs[0]}, head={"job": runs[1]})["id"]


@browser
def test_kinds_of_comparisons(rich):
    lab = rich
    name = "BM_gemm<int,4>/threads:8?#%25&x"
    ids = {"checks": checks(lab), "unpaired": unpaired(lab, name)}
    lab.do("/prs", {"url": "llvm#7", "state": "open"})
    for _ in range(2):
        compared(lab, base=figure(1), head=figure(2), rounds=6, confirm=False, pr="llvm#7")
    run(lab, "kinds", name=name, **ids)
    for scheme, width in (("light", 1280), ("dark", 390)):
        run(lab, "axe", scheme=scheme, width=width, paths=["/", "/cache", "/prs/1", "/recipes/nosuch", "/jobs?pr=llvm%237",
                                                           *(f"/comparisons/{id}" for id in ids.values())])


@browser
def test_pull_requests_and_topics_are_live(daemon):
    def answer(word):
        if word == "pr":
            assert daemon.post("/prs", {"url": "llvm#7", "title": "Fold a constant"}).status == 201
        else:
            assert daemon.post("/topics", {"upstream": "llvm", "name": "fold", "branch": "topic/fold",
                                           "worktree": "/x"}).status == 201
    run(daemon, "told", answer)


@browser
def test_keys(daemon):
    ended = daemon.run("true")["id"]
    daemon.post("/queue/pause")
    for n in range(3):
        last = daemon.submit({"command": ["true"], "name": f"number{n}"})
    run(daemon, "keys", name="number2", id=last["id"], ended=ended, jobs=4)


def evil_data(daemon):
    """Strings of strangers in every field that takes one; the paths that show them."""
    (daemon.folder / "evil.sh").write_text(
        "#!/bin/bash\nprintf '%s\\n' \"$0\" '<b>log</b>' \"$1\"\n"
        "echo \"::cail metric name='$1' value=1 unit='<u>' better=lower\"\n"
        "echo x > \"$CAIL_ARTIFACTS/<script>window.ran=1<script>.txt\"\n")
    text = "".join(c for c in EVIL if c.isprintable() or c in "\u202e\u2066\u200b")
    daemon.submit({"name": text[:150], "kind": "benchmark", "labels": {"k": text[:100]}, "env": {"A": text},
                   "command": ["bash", str(daemon.folder / "evil.sh"), EVIL]})
    daemon.wait_job(1)
    daemon.post("/queue/pause")
    daemon.submit({"name": text[:150], "command": ["x", EVIL], "labels": {"k": text[:90]}})
    return ["/", "/queue", "/jobs", "/jobs/1?tab=log", "/jobs/1?tab=metrics", "/jobs/1?tab=artifacts",
            "/jobs/1?tab=provenance", "/jobs/1?tab=repro", "/jobs/2?tab=why", "/jobs?q=%3Cscript%3E"]


@browser
def test_strings_of_strangers_are_text(daemon):
    run(daemon, "hostile", paths=evil_data(daemon), shown=SHOWN)


def evil_lab(lab, machine, text):  # noqa: F811
    """The same in what is measured, compared, searched for and reviewed."""
    name, part = text[:150], text[:60]
    rows, commit = lab.work / "rows.json", "a" * 40
    rows.write_text(json.dumps([{"name": part, "benchmark": name, "unit": text[:30], "value": 1, "better": "lower",
                                 "params": {"p": part}}]))
    line = f"cp {rows} $CAIL_RESULTS/\n"
    lab.end_of(lab.script(line, name=name, kind="benchmark", source={"ref": commit}, labels={"k": part}))
    measured = lab.read("/benchmarks")["benchmarks"][0]["benchmark"]
    lab.do("/baselines", {"name": part, "commit": commit})
    lab.do("/releases", {"name": part, "commit": commit})
    lab.do("/annotations", {"text": part, "benchmark": measured, "commit": commit})

    def side(word):
        return sh(f"{line}printf '%s\\n' {shlex.quote(text)} {word} > $CAIL_ARTIFACTS/{shlex.quote(part.replace('/', ''))}.txt")
    compared(lab, base=side("a"), head=side("b"), rounds=6, confirm=False, name=name, pr="llvm#7",
             artifacts=[{"path": "*.txt", "diff": True}])
    compared(lab, kind="aa", base=sh(line), rounds=6, name=name)
    toy(lab, 2, broken=[0])
    bisected(lab, bisect(lab, 3, name=name)["id"])
    lab.do("/prs", {"url": "llvm#7", "title": name, "note": text, "author": part, "state": "open"})
    lab.do("/topics", {"upstream": "llvm", "name": "t", "branch": "topic/t", "worktree": f"/{part}", "pr": "7"})
    recipe(lab, "evil", {"one": ("true\n", {})}, summary=name,
           params={"p": {"type": "string", "default": part, "description": text[:150]}})
    lab.do(f"/gpus/{A}/drain", {"note": part})
    return [f"/benchmarks/{quote(measured)}", "/benchmarks", "/comparisons", "/comparisons/1", "/comparisons/1?shown=1", "/noise",
            "/bisections", "/bisections/1", "/prs", "/prs/1", "/", "/recipes", "/recipes/evil", "/gpus", "/queue?filter=script",
            f"/jobs?recipe={quote(part)}", f"/benchmarks/{quote(text)}", f"/recipes/{quote(part.replace('/', ''))}"]


@browser
def test_strings_of_strangers_are_text_in_the_lab(rich, machine):  # noqa: F811
    text = "".join(c for c in EVIL if c.isprintable() or c in "\u202e\u2066\u200b")
    run(rich, "hostile", paths=evil_lab(rich, machine, text), shown="<script>window.ran=1<")


@browser
def test_restart(daemon):
    port = daemon.port
    daemon.wait_job(daemon.run("true")["id"])
    daemon.post("/queue/pause")
    daemon.submit({"command": ["true"], "name": "waits"})

    def answer(word):
        if word == "stop":
            daemon.stop()
        else:
            daemon.start(port=port)
            daemon.submit({"command": ["true"], "name": "came later"})
    run(daemon, "restart", answer)


@browser
def test_restart_on_other_pages(lab):
    toy(lab, 2)
    bisected(lab, bisect(lab, 3)["id"])
    compared(lab, kind="aa", base=figure(1), rounds=6)
    def answer(word):
        if word == "stop":
            return lab.stop()
        lab.start(port=lab.port)
        bisected(lab, bisect(lab, 3)["id"])
        compared(lab, kind="aa", base=figure(1), rounds=6)
        return None
    run(lab, "back", answer, paths=["/noise", "/bisections", "/bisections/1", "/comparisons", "/comparisons/1", "/jobs"])


@browser
def test_long_log(daemon):
    lines = 200000
    job = daemon.bash("seq -f 'row %.0f of a log that is long enough to be read in several pieces' 1 99999\n"
                      "printf 'x.c:1: \\033[31merror:\\033[0m it broke\\nneedle\\n'\n"
                      "seq -f 'row %.0f of a log that goes on after the first error' 1 99997\n"
                      "printf 'nee\\033[1mdle\\033[0m\\nneedle and the last line\\n'\n")
    assert daemon.wait_job(job["id"])["state"] == "succeeded"
    run(daemon, "log", id=job["id"], lines=lines, error=100000)


@browser
def test_tall_log(daemon):
    job = daemon.bash("seq 1 999999\nprintf 'x.c:1: error: and the end\n'\n")
    assert daemon.wait_job(job["id"])["state"] == "succeeded"
    run(daemon, "tall", id=job["id"], lines=1000000)


@browser
def test_thousands_wait(daemon):
    daemon.post("/queue/pause")
    for n in range(3):
        daemon.post("/jobs", [{"command": ["true"], "name": f"one-{n}-{i}"} for i in range(1000)])
    run(daemon, "many", name="one-0-777")


@browser
@pytest.mark.parametrize("scheme, width", [("light", 1280), ("dark", 1280), ("light", 390)])
def test_axe_finds_nothing(daemon, scheme, width):
    (daemon.folder / "go-1").touch()
    daemon.submit({"recipe": "walk", "params": {"steps": 1}})
    daemon.bash("echo hello; printf '\\033[31merror\\033[0m \\033[33mwarn\\033[0m\\n'; exit 3", name="fails")
    for job in (1, 2):
        daemon.wait_job(job)
    daemon.submit({"command": ["sleep", "1000"], "name": "runs"})
    daemon.post("/queue/pause")
    daemon.post("/jobs", [{"command": ["true"], "name": f"waits {i}"} for i in range(3)])
    daemon.submit({"command": ["true"], "hold": True, "name": "held"})
    assert daemon.post("/prs", {"url": "https://github.com/llvm/llvm-project/pull/1"}).status == 201
    tabs = [f"/jobs/1?tab={t}" for t in ("log", "metrics", "artifacts", "provenance", "repro", "why")]
    run(daemon, "axe", scheme=scheme, width=width,
        paths=[p for p in PAGES if p not in ("/benchmarks/a/b", "/recipes/x")] + tabs +
        ["/jobs/2", "/benchmarks/walk", "/recipes/walk", "/jobs/999"])
