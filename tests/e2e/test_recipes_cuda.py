"""The steps of nccl-tests and cutlass-gemm with a played CUDA: a compiler that writes what it was asked,
programs that print what the real ones printed. No card, no CUDA, no network.
"""
import json
import os
import pathlib
import re
import subprocess

import pytest

from test_recipes_scripts import BY_NAME, REFUSED, Job, fake  # noqa: F401

NCCL, GEMM = BY_NAME["nccl-tests"], BY_NAME["cutlass-gemm"]
EXAMPLE = "examples/48_hopper_warp_specialized_gemm/48_hopper_warp_specialized_gemm.cu"
UUIDS = "GPU-11111111-2222-3333-4444-555555555555,GPU-66666666-7777-8888-9999-000000000000"

SOURCE = """\
using         ElementA    = float;      // A
using         ElementB    = float;      // B
using         ElementC    = float;      // C
using TileShape           = Shape<_128,_128,_32>;  // tile
"""
TABLE = """\
#       size         count      type   redop    root     time   algbw   busbw  #wrong     time   algbw   busbw  #wrong
     1048576        262144     float     sum      -1    15.20   69.00   69.00       0    15.31   68.48   68.48       0
  1073741824     268435456     float     sum      -1  3276.80  327.68  327.67       0  3281.38  327.22  327.22       0
# Avg bus bandwidth    : 216.405
"""
RAW = {"version": 3, "args": ["x"], "env": ["A=[1,\"2\"]", "API_TOKEN=canary", "C=\\"], "results": [1]}


def write(path, text, mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.fixture
def job(tmp_path):
    j = Job(tmp_path)
    j.build = tmp_path / "build"
    j.build.mkdir()
    start = j.env
    j.env = lambda *a: {"CAIL_BUILD_DIR": str(j.build), "CAIL_PARAM_CUDA_HOME": str(tmp_path / "cuda"),
                        **start(*a)}
    return j


@pytest.fixture
def cuda(tmp_path):
    top = tmp_path / "cuda"
    # The compiler: its words, one a line, are what it makes.
    write(top / "bin/nvcc", """#!/bin/bash
case $1 in
--version) printf 'nvcc\\nCuda compilation tools, release 13.0, V13.0.88\\n'; exit ;;
esac
args=("$@")
while (($# > 1)); do [[ $1 != -o ]] || out=$2; shift; done
printf '%s\\n' "${args[@]}" >"$out"
chmod +x "$out"
""", 0o755)
    for so in ("libcudart.so.13", "libnccl.so.2"):
        write(top / "lib64" / so, "")
    write(top / "include/nccl.h",
          "#define NCCL_MAJOR 2\n#define NCCL_MINOR 28\n#define NCCL_PATCH 9\n#define NCCL_SUFFIX \"\"\n")
    return top


def archive(tmp, name, files, folder=True):
    tree = tmp / "tree" / name
    for path, text in files.items():
        write(tree / path, text)
    out = tmp / f"{name}.tar.xz"
    where, what = (tree.parent, [name]) if folder else (tree, sorted(os.listdir(tree)))
    subprocess.run(["tar", "-C", where, "-cJf", out, *what], check=True)
    return out


@pytest.fixture
def gemm_source(tmp_path):
    return archive(tmp_path, "cutlass", {
        "include/cutlass/cutlass.h": "", "tools/util/include/cutlass/util/host_tensor.h": "",
        EXAMPLE: SOURCE})


def nccl_source(tmp, **how):
    return archive(tmp, "nccl-tests", {"Makefile": "", "src/all_reduce.cu": ""}, **how)


def metrics(log):
    return [dict(w.split("=", 1) for w in line.split()[2:])
            for line in log.splitlines() if line.startswith("::cail metric ")]


# ---- where things are

@pytest.mark.parametrize("folder", [True, False])
def test_an_archive_is_unpacked_once(job, cuda, tmp_path, folder):
    source = nccl_source(tmp_path, folder=folder)
    for words in ("NCCL: 2.28.9", "unpacked before"):
        code, log = job.run(NCCL, "fetch.sh", CAIL_PARAM_SOURCE=source, CAIL_PARAM_ARCH="90")
        assert code == 0 and words in log, log
    src = pathlib.Path((job.job_dir / "source").read_text().splitlines()[0])
    assert (src / "src/all_reduce.cu").is_file() and src.is_relative_to(job.root)
    key = (job.attempt / "cache-key").read_text()
    assert "sha archive-" in key and "arch 90\n" in key and "nccl 2.28.9" in key


@pytest.mark.parametrize("said, arch", [("9.0\n", "90"), ("9.0\n9.0\n8.0\n", "80 90"), ("10.3", "103")])
def test_the_cards_say_what_to_build_for(job, cuda, fake, tmp_path, said, arch):
    fake("nvidia-smi", f"printf '{said}'")
    code, log = job.run(NCCL, "fetch.sh", CAIL_PARAM_SOURCE=nccl_source(tmp_path), PATH=fake.path)
    assert code == 0, log
    assert f"arch {arch}\n" in (job.attempt / "cache-key").read_text()


def test_without_a_card_the_architecture_is_asked_for(job, cuda, fake, tmp_path):
    fake("nvidia-smi", "echo 'No devices were found'; exit 6")
    code, log = job.run(NCCL, "fetch.sh", CAIL_PARAM_SOURCE=nccl_source(tmp_path), PATH=fake.path)
    assert code == REFUSED and "-p arch=90" in log and "No devices were found" in log


def test_what_is_no_such_source_is_refused(job, cuda, tmp_path, gemm_source):
    code, log = job.run(NCCL, "fetch.sh", CAIL_PARAM_SOURCE=gemm_source, CAIL_PARAM_ARCH="90")
    assert code == REFUSED and "this is no nccl-tests" in log
    junk = write(tmp_path / "junk.tar", "no archive")
    code, log = job.run(NCCL, "fetch.sh", CAIL_PARAM_SOURCE=junk, CAIL_PARAM_ARCH="90")
    assert code == REFUSED and "cannot unpack" in log
    code, log = job.run(NCCL, "fetch.sh", CAIL_PARAM_SOURCE="/nowhere", CAIL_PARAM_ARCH="90")
    assert code == REFUSED and "no readable file" in log


def test_without_nccl_it_says_what_to_install(job, cuda, tmp_path):
    code, log = job.run(NCCL, "fetch.sh", CAIL_PARAM_SOURCE=nccl_source(tmp_path), CAIL_PARAM_ARCH="90",
                        CAIL_PARAM_NCCL_HOME=tmp_path)
    assert code == REFUSED and "libnccl-dev" in log


# ---- builds

def test_nccl_tests_are_built_for_the_cards_alone(job, cuda, fake, tmp_path):
    fake("make", f"printf '%s\\n' \"$@\" >{tmp_path}/made; "
                 f"mkdir -p {job.build}/build; cp /bin/true {job.build}/build/all_reduce_perf")
    extra = {"CAIL_PARAM_SOURCE": nccl_source(tmp_path), "CAIL_PARAM_ARCH": "90", "PATH": fake.path}
    for step in ("fetch.sh", "build.sh"):
        code, log = job.run(NCCL, step, **extra)
        assert code == 0, log
    made = (tmp_path / "made").read_text().splitlines()
    assert "NVCC_GENCODE=-gencode=arch=compute_90,code=sm_90" in made
    assert f"NCCL_HOME={cuda}" in made and f"CUDA_LIB={job.build}/lib" in made
    # pip's packages have no libnccl.so to link with.
    assert (job.build / "lib/libnccl.so").resolve() == cuda / "lib64/libnccl.so.2"


@pytest.mark.parametrize("element, kind, depth", [
    ("bf16", "cutlass::bfloat16_t", "_64"), ("f16", "cutlass::half_t", "_64"), ("tf32", "float", "_32")])
def test_gemm_is_built_for_its_element(job, cuda, gemm_source, element, kind, depth):
    for step in ("fetch.sh", "build.sh"):
        code, log = job.run(GEMM, step, CAIL_PARAM_SOURCE=gemm_source, CAIL_PARAM_ELEMENT=element)
        assert code == 0, log
    text = (job.build / "gemm.cu").read_text()
    assert len(re.findall(rf"using +Element[AB] += {kind};", text)) == 2
    assert f"<_128,_128,{depth}>" in text and re.search(r"ElementC += float", text)
    assert "-gencode=arch=compute_90a,code=sm_90a" in (job.build / "gemm").read_text().splitlines()


def test_an_example_of_another_form_is_no_silent_tf32(job, cuda, tmp_path):
    source = archive(tmp_path, "cutlass", {
        "include/cutlass/cutlass.h": "", "tools/util/include/cutlass/util/host_tensor.h": "",
        EXAMPLE: SOURCE.replace("ElementB", "ElementOfB")})
    assert job.run(GEMM, "fetch.sh", CAIL_PARAM_SOURCE=source)[0] == 0
    code, log = job.run(GEMM, "build.sh", CAIL_PARAM_ELEMENT="bf16")
    assert code == 1 and "has another form" in log


# ---- measurements

def run_nccl(job, uuids, **extra):
    raw = json.dumps(RAW, separators=(",", ":")).replace("/", "\\/")
    write(job.tmp / "raw", raw)
    write(job.tmp / "table", TABLE)
    write(job.build / "build/all_reduce_perf", f"""#!/bin/bash
printf '%s ' "$@" >{job.tmp}/asked; echo "$LD_LIBRARY_PATH" >{job.tmp}/libs
cat {job.tmp}/table
while (($# > 1)); do [[ $1 != -J ]] || cp {job.tmp}/raw "$2"; shift; done
""", 0o755)
    return job.run(NCCL, "measure.sh", CAIL_GPU_UUIDS=uuids, CAIL_PARAM_MIN_BYTES=8,
                   CAIL_PARAM_MAX_BYTES=1 << 30, **extra)


def test_nccl_tests_over_what_was_leased(job, cuda):
    code, log = run_nccl(job, UUIDS)
    assert code == 0, log
    asked = (job.tmp / "asked").read_text()
    assert "-b 8 -e 1073741824 " in asked and "-g 2 " in asked
    assert (job.tmp / "libs").read_text().startswith(f"{job.build}/lib")
    (m,) = metrics(log)
    assert (m["name"], m["value"], m["unit"]) == ("busbw_largest", "327.67", "GB/s")
    assert m["param.gpus"] == "2" and m["param.bytes"] == "1073741824"
    kept = json.loads((job.results / "nccl-tests.json").read_text())
    assert kept == {**RAW, "env": []}
    assert (job.artifacts / "table.txt").read_text() == TABLE


def test_one_card_has_no_bus_bandwidth(job, cuda):
    code, log = run_nccl(job, UUIDS.split(",")[0])
    assert code == 0, log
    assert [m["name"] for m in metrics(log)] == ["algbw_largest"]


def test_no_card_no_run(job, cuda):
    code, log = run_nccl(job, "")
    assert code == REFUSED and "no card was leased" in log
    assert not (job.tmp / "asked").exists()


def test_a_failed_run_gives_no_figure(job, cuda):
    write(job.build / "build/all_reduce_perf", "#!/bin/sh\necho 'Test CUDA failure'\nexit 2\n", 0o755)
    code, log = job.run(NCCL, "measure.sh", CAIL_GPU_UUIDS=UUIDS, CAIL_PARAM_MIN_BYTES=8,
                        CAIL_PARAM_MAX_BYTES=8)
    assert code == 2 and metrics(log) == [], log


def gemm_program(job, text):
    write(job.build / "gemm", f"""#!/bin/bash
printf '%s\\n' "$*" >>{job.tmp}/asked
{text}
""", 0o755)


def test_gemm_runs_as_long_as_asked(job, cuda):
    gemm_program(job, "printf '  Disposition: Passed\\n  Avg runtime: 1.25 ms\\n  GFLOPS: 8.7e+05\\n'")
    code, log = job.run(GEMM, "measure.sh", CAIL_GPU_UUIDS=UUIDS[:40], CAIL_PARAM_SECONDS=5,
                        CAIL_PARAM_ROUNDS=2, CAIL_PARAM_M=512)
    assert code == 0, log
    asked = (job.tmp / "asked").read_text().splitlines()
    assert [a.split("=")[-1] for a in asked] == ["20", "4000", "4000"]
    found = metrics(log)
    assert [m["name"] for m in found] == ["gflops", "runtime"] * 2
    assert found[0]["value"] == "8.7e+05" and found[0]["param.m"] == "512"


@pytest.mark.parametrize("text, code", [
    ("echo 'This example requires a GPU of Hopper Architecture'", REFUSED),
    ("echo '  Disposition: Failed'; exit 255", 1)])
def test_a_gemm_without_figures_is_no_success(job, cuda, text, code):
    gemm_program(job, text)
    got, log = job.run(GEMM, "measure.sh", CAIL_GPU_UUIDS=UUIDS[:40])
    assert got == code and metrics(log) == [], log
