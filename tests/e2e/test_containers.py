"""Jobs in containers, by a real podman: what they see, how they end, and that none is left behind."""
import json
import os
import pathlib
import shutil
import signal
import subprocess

import pytest

from lab import LIMIT_S, ROOT, processes_with, until
from gpu_lab import A, machine, wait_states  # noqa: F401
from docker_standin import Docker
from podman import IMAGE, podman


@pytest.fixture
def pod():
    p = podman()
    if p.unusable:
        pytest.skip(p.unusable)
    before = set(p.names())
    yield p
    assert set(p.names()) <= before, "a container was left behind"


@pytest.fixture
def lab(labs, pod):
    return labs().start(**pod.env)


def inside(lab, script, container=None, **request):
    """A job that runs this shell line in the image."""
    return lab.command("/bin/sh", "-c", script,
                       container={"image": IMAGE, "engine": "podman", **(container or {})}, **request)


def says(lab, job, text):
    until(lambda: text.encode() in lab.get(f"/jobs/{job}/log").body, f"job {job} to say {text}")


def test_output_exit_code_and_who_it_is(lab):
    job = inside(lab, "id -u; id -g; echo to-stderr >&2; exit 7")
    end = lab.end_of(job)
    assert (end["state"], end["exit_code"], end["reason"]) == ("failed", 7, "exited with 7")
    assert lab.output(job) == f"{os.geteuid()}\n{os.getegid()}\nto-stderr\n".encode()


def test_artifacts_results_and_their_owner(lab):
    job = inside(lab, 'echo "hello" >"$CAIL_ARTIFACTS/a.txt"; mkdir "$CAIL_ARTIFACTS/d"; touch here;'
                      'echo \'::cail metric {"name":"speed","value":3,"unit":"x","better":"higher"}\'; ls -d "$CAIL_BUILD_ROOT"')
    assert lab.end_of(job)["state"] == "succeeded", lab.output(job)
    folder = lab.attempt_dir(job)
    for path in ("artifacts/a.txt", "artifacts/d", "here"):
        assert (folder / path).stat().st_uid == os.geteuid(), path
    assert lab.get(f"/jobs/{job}/artifacts/a.txt").body == b"hello\n"


def test_environment_is_the_images_and_what_was_asked_for(lab):
    job = inside(lab, 'echo "[$SECRET] [$LINES2] [$PATH] [$DOCKER_HOST] [$CUDA_VISIBLE_DEVICES]"; '
                      'echo "$CAIL_JOB_ID $CAIL_ATTEMPT"',
                 env={"SECRET": "a b'\"$x", "LINES2": "one\ntwo", "PATH": "/bin:/mine", "DOCKER_HOST": "tcp://x"})
    assert lab.end_of(job)["state"] == "succeeded", lab.output(job)
    assert lab.output(job).decode() == \
        f"[a b'\"$x] [one\ntwo] [/bin:/mine] [tcp://x] []\n{job} 1\n"


def test_values_are_not_in_the_engines_arguments(lab):
    job = inside(lab, "echo up; sleep 1000", env={"MY_SECRET": "hunter2hunter2"})
    says(lab, job, "up")
    for pid in processes_with("cail.token="):
        assert b"hunter2" not in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    lab.do(f"/jobs/{job}/cancel", {"grace_s": 0})
    assert lab.end_of(job)["state"] == "canceled"


def test_mounts(lab, tmp_path):
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir(), out.mkdir()
    (data / "f").write_text("read me\n")
    job = inside(lab, "cat /data/f; touch /data/g; echo $?; echo x >" + str(out) + "/made",
                 {"mounts": [{"source": str(data), "target": "/data", "readonly": True},
                             {"source": str(out)}]})
    lab.end_of(job)
    said = lab.output(job).decode()
    assert said.startswith("read me\n") and "Read-only" in said, said
    assert (out / "made").stat().st_uid == os.geteuid()


@pytest.mark.parametrize("mount, word", [
    ({"source": "/"}, "whole machine"), ({"source": "/proc"}, "/proc"), ({"source": "/etc", "target": "/"}, "over /"),
    ({"source": "/etc", "target": "/proc/x"}, "/proc"), ({"source": "/tmp/../etc"}, "absolute path"),
    ({"source": "/tmp,readonly=false", "target": "/x"}, "absolute path"), ({"source": "/nosuch-folder"}, "there is no"),
    ({"source": "STATE", "target": "/x"}, "cail's own"), ({"source": "STATE/cail.db", "target": "/x"}, "cail's own"),
    ({"source": "LINK", "target": "/x"}, "cail's own"), ({"source": "ROOT", "target": "/x"}, "not mounted"),
    ({"source": "/etc", "target": "STATE"}, "hide")])
def test_hostile_mounts_are_refused(lab, tmp_path, mount, word):
    (tmp_path / "link").symlink_to(lab.state)
    (tmp_path / "root").symlink_to("/")
    names = {"STATE": str(lab.state), "LINK": str(tmp_path / "link"), "ROOT": str(tmp_path / "root")}
    for name, path in names.items():
        mount = {k: v.replace(name, path) for k, v in mount.items()}
    reply = lab.post("/jobs", {"command": ["true"], "container": {"image": IMAGE, "mounts": [mount]}})
    assert reply.status in (400, 422) and word in reply.text, reply


def test_a_link_that_leads_elsewhere_by_the_start_is_seen(lab, tmp_path):
    good, link = tmp_path / "good", tmp_path / "link"
    good.mkdir()
    link.symlink_to(good)
    job = inside(lab, "true", {"mounts": [{"source": str(link), "target": "/x"}]}, hold=True)
    link.unlink()
    link.symlink_to(lab.state)
    lab.do(f"/jobs/{job}/release", {})
    end = lab.end_of(job)
    assert end["state"] == "failed" and "cail's own" in end["reason"], end


def test_a_script_runs_by_its_first_line(lab):
    job = lab.queue(script="#!/bin/sh\necho from $0\n", container={"image": IMAGE, "engine": "podman"})
    assert lab.end_of(job)["state"] == "succeeded", lab.output(job)
    assert lab.output(job).decode() == f"from {lab.attempt_dir(job)}/script\n"


@pytest.mark.parametrize("argv, word", [
    (["/nosuch"], "the command is not in the image"), (["/etc"], "cannot be executed in the image")])
def test_the_engines_failures_are_told_from_the_jobs(lab, argv, word):
    job = lab.command(*argv, container={"image": IMAGE, "engine": "podman"})
    end = lab.end_of(job)
    assert end["state"] == "failed" and end["exit_code"], end
    assert word in end["reason"], end
    job = lab.command("true", container={"image": IMAGE, "engine": "podman"}, cwd="/nosuch")
    assert "the container could not be started" in lab.end_of(job)["reason"]


def test_codes_of_the_job_itself_are_its_own(lab):
    ends = [lab.end_of(inside(lab, f"exit {code}")) for code in (125, 126, 127)]
    assert [e["reason"] for e in ends] == [f"exited with {c}" for c in (125, 126, 127)]


def test_an_image_that_is_not_here(lab):
    job = lab.command("true", container={"image": "localhost:1/nosuch:9", "engine": "podman"})
    end = lab.end_of(job)
    assert end["state"] == "failed" and end["exit_code"] == 125, end
    assert "the image localhost:1/nosuch:9 is not here and cannot be pulled" in end["reason"], end


def test_cancel_asks_once_then_kills(lab, pod):
    job = inside(lab, "trap 'echo asked; exit 3' TERM; echo up; while :; do sleep 0.1; done")
    says(lab, job, "up")
    assert len(pod.names()) == 1
    lab.do(f"/jobs/{job}/cancel", {"grace_s": 30})
    assert lab.end_of(job)["state"] == "canceled"
    assert lab.output(job).decode() == "up\nasked\n"
    job = inside(lab, "trap '' TERM; echo up; while :; do sleep 0.1; done")
    says(lab, job, "up")
    lab.do(f"/jobs/{job}/cancel", {"grace_s": 0})
    assert lab.end_of(job)["state"] == "canceled"
    assert pod.names() == [] and not lab.survivors(job)


def test_timeout(lab, pod):
    job = inside(lab, "trap '' TERM; echo up; (sleep 1000 & sleep 1000)", timeout_s=1)
    lab_grace = lab.end_of(job)
    assert lab_grace["state"] == "timed_out", lab_grace
    assert pod.names() == [] and not lab.survivors(job)


def test_the_daemon_dies_and_adopts(lab, pod):
    go = lab.attempt_dir(1) / "go"
    job = inside(lab, "echo up; while [ ! -e go ]; do sleep 0.05; done; echo went on; exit 5")
    says(lab, job, "up")
    lab.kill9()
    lab.start(**pod.env)
    assert lab.read(f"/jobs/{job}")["state"] == "running"
    go.touch()
    end = lab.end_of(job)
    assert (end["state"], end["exit_code"]) == ("failed", 5), end
    assert lab.output(job).decode() == "up\nwent on\n"


@pytest.mark.parametrize("daemon_too", [False, True])
def test_cail_run_dies_and_nothing_is_left(lab, pod, daemon_too):
    job = inside(lab, "echo up; while :; do sleep 0.1; done")
    says(lab, job, "up")
    pid = lab.supervisor(job)
    if daemon_too:
        lab.kill9()
    os.kill(pid, signal.SIGKILL)
    if daemon_too:
        lab.start(**pod.env)
    assert lab.end_of(job)["state"] == "lost"
    assert pod.names() == [] and not lab.survivors(job)


def test_ports_are_leased_and_on_loopback_alone(lab, pod):
    job = inside(lab, 'echo "port $CAIL_PORTS"; nc -l -p 8000 -e /bin/echo hello', {"ports": [8000]})
    says(lab, job, "port ")
    port = int(lab.output(job).split()[1])
    assert lab.read(f"/jobs/{job}")["needs"]["ports"] == 1
    listening = subprocess.run(["ss", "-Hltn", f"sport = :{port}"], capture_output=True, text=True).stdout
    args = [pathlib.Path(f"/proc/{p}/cmdline").read_bytes() for p in processes_with("cail.token=")]
    assert any(f"127.0.0.1:{port}:8000".encode() in a for a in args)
    assert {line.split()[3] for line in listening.splitlines()} <= {f"127.0.0.1:{port}"}
    other = inside(lab, 'echo "port $CAIL_PORTS"', {"network": "host"}, needs={"ports": 2})
    lab.end_of(other)
    others = [int(p) for p in lab.output(other).split()[1].split(b",")]
    assert len(set(others)) == 2 and port not in others
    lab.do(f"/jobs/{job}/cancel", {"grace_s": 0})
    lab.end_of(job)


def test_ports_stay_leased_over_a_restart(labs, tmp_path):
    """Of the machine's own jobs, too: what has not yet begun to listen keeps its port."""
    lab = labs("--set", "jobs.cpus=4").start()
    go = tmp_path / "go"
    text = f'echo "$CAIL_PORTS"; while [ ! -e {go} ]; do sleep 0.05; done'
    first = lab.script(text, needs={"ports": 2})
    says(lab, first, ",")
    lab.kill9()
    lab.start()
    second = lab.script(text, needs={"ports": 2})
    says(lab, second, ",")
    go.touch()
    taken = [p for job in (first, second) for p in (lab.end_of(job), lab.output(job).split()[0].split(b","))[1]]
    assert len(set(taken)) == 4, taken
    assert all(21000 <= int(p) < 22000 for p in taken)


def test_network_is_none_unless_asked_for(lab):
    job = inside(lab, "ls /sys/class/net")
    lab.end_of(job)
    assert lab.output(job).split() == [b"lo"]
    reply = lab.post("/jobs", {"command": ["true"], "needs": {"ports": 1},
                               "container": {"image": IMAGE, "network": "none"}})
    assert reply.status == 422 and "no ports" in reply.text, reply


def test_limits_reach_the_container(lab):
    job = inside(lab, "stat -f -c %b /dev/shm; stat -f -c %s /dev/shm; cat /proc/self/cgroup",
                 {"shm_mib": 8}, needs={"memory_mib": 256})
    assert lab.end_of(job)["state"] == "succeeded", lab.output(job)
    blocks, size = lab.output(job).split()[:2]
    assert int(blocks) * int(size) == 8 << 20


def test_provenance_and_repro_name_the_image(lab, pod, tmp_path):
    job = inside(lab, "echo again; echo \"$WORD\"", env={"WORD": "it's"})
    lab.end_of(job)
    wanted = pod.run("image", "inspect", "--format", "{{.Id}}", IMAGE).stdout.strip()
    [attempt] = lab.read(f"/jobs/{job}/provenance")["attempts"]
    said = attempt["provenance"]["container"]
    assert said["id"] == "sha256:" + wanted and said["image"] == IMAGE and said["engine"] == "podman"
    assert said["digests"] and "@sha256:" in said["digests"][0]
    script = tmp_path / "repro.sh"
    script.write_bytes(lab.get(f"/jobs/{job}/repro").body)
    done = subprocess.run(["bash", script], capture_output=True, text=True, timeout=LIMIT_S,
                          env={**os.environ, **pod.env})
    assert done.stdout == "again\nit's\n", (done, script.read_text())


def test_the_client(lab, pod, tmp_path):
    (tmp_path / "data").mkdir()
    done = lab.client().run("run", "--image", IMAGE, "--mount", f"{tmp_path}/data:/data:ro", "--network", "none",
                            "--shm", "16M", "--engine", "podman", "--env", "X=1", "--", "/bin/sh", "-c",
                            "echo $X; ls -d /data; exit 4")
    assert (done.returncode, done.stdout) == (4, b"1\n/data\n"), done


def test_env_says_which_engine(labs, pod):
    lab = labs("--set", f"daemon.tools={ROOT}/tools", recipes=ROOT / "recipes").start(**pod.env)
    containers = lab.read("/env")["containers"]
    assert containers["podman"].endswith("/podman"), containers
    assert containers["engine"] in ("podman", "docker")
    assert f"containers by {containers['engine']}\n" in lab.client().ok("env")
    assert f"{containers['engine']} runs them" in lab.client().run("doctor").stdout.decode()


def test_without_an_engine_it_is_refused(labs, tmp_path):
    """In a mount namespace in which no engine can be executed."""
    hide = "".join(f"mount --bind /dev/null {d}/{e} && " for d in ("/usr/local/bin", "/usr/bin")
                   for e in ("docker", "podman") if os.path.exists(f"{d}/{e}"))
    wrap = ["unshare", "--mount", "sh", "-c", hide + 'exec "$@"', "sh"]
    if hide and subprocess.run([*wrap, "true"], capture_output=True).returncode:
        pytest.skip("an engine is here, and no mount namespace can be made to hide it")
    lab = labs().start(wrap=wrap if hide else ())
    for engine in ("auto", "docker", "podman"):
        reply = lab.post("/jobs", {"command": ["true"], "container": {"image": IMAGE, "engine": engine}})
        assert reply.status == 422 and "apt install" in reply.text, reply
        assert reply.json()["errors"][0]["pointer"] == "/container/engine"
    assert lab.read("/jobs")["jobs"] == []


def test_a_recipe_with_its_build_cache(labs, pod, tmp_path):
    """Each step in the image; bash and its libraries are this machine's. What is built is outside."""
    folder = tmp_path / "recipes" / "tools" / "here" / "inside-bench"
    folder.mkdir(parents=True)
    (tmp_path / "recipes" / "lib").symlink_to(ROOT / "recipes" / "lib")
    (folder / "recipe.json").write_text(json.dumps({
        "name": "inside-bench", "group": "tools", "summary": "s", "kind": "benchmark", "params": {},
        "steps": [{"name": "fetch", "run": "fetch.sh", "needs": {"cpus": 1}, "keys_cache": True},
                  {"name": "build", "run": "build.sh", "needs": {"cpus": 1}, "cached": True},
                  {"name": "measure", "run": "measure.sh", "needs": {"cpus": 1}}]}))
    (folder / "fetch.sh").write_text('echo "sha abc" >"$CAIL_ATTEMPT_DIR/cache-key"\n')
    (folder / "build.sh").write_text('echo built >"$CAIL_BUILD_DIR/it"\n')
    (folder / "measure.sh").write_text('cat "$CAIL_BUILD_DIR/it"; [[ ! -e /etc/debian_version ]] && echo inside\n')
    lab = labs(recipes=tmp_path / "recipes").start(**pod.env)
    mounts = [{"source": "/usr", "readonly": True}, {"source": "/usr/bin", "target": "/bin", "readonly": True},
              {"source": str(ROOT / "recipes" / "lib"), "readonly": True}]
    mounts += [{"source": os.path.realpath(d), "target": d, "readonly": True} for d in ("/lib", "/lib64")
               if os.path.isdir(d)]
    for cached in (False, True):
        job = lab.queue(recipe="inside-bench", container={"image": IMAGE, "engine": "podman", "mounts": mounts})
        end = lab.end_of(job)
        assert (end["state"], end["cached"]) == ("succeeded", cached), (end, lab.output(job))
        assert lab.output(job) == b"built\ninside\n"


# --- cards ---

@pytest.fixture
def cdi():
    """A device of the name that a leased card has, as nvidia-ctk would write it."""
    folder = pathlib.Path("/var/run/cdi")
    path = folder / f"cail-test-{os.getpid()}.json"
    try:
        folder.mkdir(exist_ok=True)
        path.write_text(json.dumps({"cdiVersion": "0.5.0", "kind": "nvidia.com/gpu", "devices": [
            {"name": A, "containerEdits": {"env": ["SEEN_CARD=" + A]}}]}))
    except OSError as e:
        pytest.skip(f"no device can be described here: {e}")
    yield path
    path.unlink()


def test_a_process_in_the_container_is_the_jobs(labs, machine, pod, cdi):  # noqa: F811
    machine.write([{"uuid": A}])
    lab = labs("--set", f"gpu.nvml={machine.library}").start(CAIL_FAKE_NVML=str(machine.path), **pod.env)
    wait_states(lab, {A: "free"})
    job = inside(lab, 'echo "$SEEN_CARD $CUDA_VISIBLE_DEVICES"; env -i /bin/sh -c "echo up; sleep 1000"',
                 needs={"gpus": 1})
    says(lab, job, "up")
    assert lab.output(job).decode().splitlines()[0] == f"{A} {A}"
    # The innermost of them has an empty environment: its parents tell whose it is.
    sleeper, = [p for p in processes_with("sleep\0001000")
                if b"CAIL_" not in pathlib.Path(f"/proc/{p}/environ").read_bytes()]
    machine.write([{"uuid": A, "proc": [f"{sleeper} 900 compute"], "used_mib": 1400}])

    def owner():
        found = lab.read("/gpus")["gpus"][0]["processes"]
        return found and found[0]["pid"] == sleeper and found[0]["ours"]
    until(owner, "the process to be seen as the job's")
    machine.write([{"uuid": A}])
    lab.do(f"/jobs/{job}/cancel", {"grace_s": 0})
    end = lab.end_of(job)
    assert not {"tainted", "unused_card"} & set(end["flags"]), end


# --- an engine whose containers are not descendants of who asked for them, as docker's ---

@pytest.fixture
def docker(tmp_path, pod):
    d = Docker(tmp_path, pod)
    yield d
    d.close()


@pytest.fixture
def docked(labs, docker):
    return labs().start(**docker.env)


def in_docker(lab, script, **request):
    return lab.command("/bin/sh", "-c", script, container={"image": IMAGE}, **request)


def test_docker_is_taken_where_its_daemon_is(docked, docker):
    job = in_docker(docked, "id -u; echo $X; exit 9", env={"X": "y z"})
    end = docked.end_of(job)
    assert (end["exit_code"], docked.output(job)) == (9, f"{os.geteuid()}\ny z\n".encode()), end
    [attempt] = docked.read(f"/jobs/{job}/provenance")["attempts"]
    assert attempt["provenance"]["container"]["engine"] == "docker"
    assert sum(a[0] == "run" for a in docker.runs) == 1


def test_docker_cancel_and_timeout(docked, pod):
    job = in_docker(docked, "trap 'echo asked; exit 3' TERM; echo up; while :; do sleep 0.1; done")
    says(docked, job, "up")
    docked.do(f"/jobs/{job}/cancel", {"grace_s": 30})
    assert docked.end_of(job)["state"] == "canceled"
    assert docked.output(job) == b"up\nasked\n"
    job = in_docker(docked, "trap '' TERM; echo up; while :; do sleep 0.1; done")
    says(docked, job, "up")
    docked.do(f"/jobs/{job}/cancel", {"grace_s": 0})
    assert docked.end_of(job)["state"] == "canceled"
    assert pod.names() == []


def test_dockers_use_is_its_cgroups(docked):
    """Of its last second nothing is known, so it waits for two."""
    job = in_docker(docked, "n=0; while [ $n -lt 400000 ]; do n=$((n + 1)); done; sleep 2")
    [attempt] = docked.end_of(job)["attempts"]
    assert attempt["user_ms"] + attempt["system_ms"] > 300, attempt
    assert attempt["max_rss_bytes"] > 0


def test_docker_after_the_death_of_cail_run(docked, docker, pod):
    job = in_docker(docked, "echo up; while :; do sleep 0.1; done")
    says(docked, job, "up")
    docked.kill9()
    os.kill(docked.supervisor(job), signal.SIGKILL)
    assert len(pod.names()) == 1
    docked.start(**docker.env)
    assert docked.end_of(job)["state"] == "lost"
    assert pod.names() == []


def test_docker_whose_program_is_killed(docked, pod):
    """The container runs on: it must not."""
    job = in_docker(docked, "echo up; while :; do sleep 0.1; done")
    says(docked, job, "up")
    run = docked.supervisor(job)
    program, = [p for p in processes_with("cail.token=") if
                int(pathlib.Path(f"/proc/{p}/stat").read_text().rsplit(")", 1)[1].split()[1]) == run]
    os.kill(program, signal.SIGKILL)
    assert docked.end_of(job)["state"] == "failed"
    assert pod.names() == []


@pytest.mark.parametrize("lost", [False, True])
def test_a_container_that_a_step_noted(docked, docker, pod, lost):
    """As recipes/lib/container.sh does it: the step is killed before it could stop the container."""
    program = docker.bin / "docker"
    job = docked.script(f"""trap '' TERM
        echo "{program} noted-1" >>"$CAIL_ATTEMPT_DIR/containers"
        echo "/bin/touch {docked.work}/never" >>"$CAIL_ATTEMPT_DIR/containers"
        {program} run --rm --init --name noted-1 --network none {IMAGE} /bin/sh -c 'trap "" TERM; echo up; sleep 1000'
        while :; do sleep 1; done""")
    says(docked, job, "up")
    assert pod.names() == ["noted-1"]
    if lost:
        os.kill(docked.supervisor(job), signal.SIGKILL)
    else:
        docked.do(f"/jobs/{job}/cancel", {"grace_s": 0})
    assert docked.end_of(job)["state"] == ("lost" if lost else "canceled")
    assert pod.names() == [] and not (docked.work / "never").exists()


def test_the_real_docker_program_without_its_daemon(labs):
    if not shutil.which("docker") or os.path.exists("/var/run/docker.sock"):
        pytest.skip("no docker program, or it has its daemon")
    lab = labs().start()
    reply = lab.post("/jobs", {"command": ["true"], "container": {"image": IMAGE, "engine": "docker"}})
    assert reply.status == 422 and "daemon does not run here" in reply.text, reply
    lab.stop()
    lab.start(DOCKER_HOST="unix:///nonexistent/docker.sock")
    job = lab.command("true", container={"image": IMAGE, "engine": "docker"})
    end = lab.end_of(job)
    assert end["state"] == "failed" and "could not be started" in end["reason"], end


def test_more_memory_than_asked_for(lab):
    job = inside(lab, "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done", needs={"memory_mib": 64})
    end = lab.end_of(job)
    assert (end["state"], end["exit_code"]) == ("failed", 137), end
    assert end["attempts"][0]["cause"] == "out_of_memory", end
