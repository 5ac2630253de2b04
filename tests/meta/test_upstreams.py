"""recipes/upstreams/*.json: one row for each project, in the shape that its schema says."""
import json
import re
from pathlib import Path

import jsonschema
import pytest

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "schema" / "json" / "upstream.json").read_text())
FILES = sorted((ROOT / "recipes" / "upstreams").glob("*.json"))
ROWS = {f.stem: json.loads(f.read_text()) for f in FILES}
RECIPES = {r["name"]: r.get("upstream") for f in (ROOT / "recipes").rglob("recipe.json")
           for r in [json.loads(f.read_text())]}


def test_all_are_there():
    assert set(ROWS) == {"llvm", "xla", "iree", "triton", "perf-analyzer", "tensorrt-llm", "cutlass", "nccl",
                         "nccl-tests", "firecracker", "tokio"}


@pytest.mark.parametrize("name", ROWS)
def test_row(name):
    row = ROWS[name]
    jsonschema.Draft202012Validator(SCHEMA).validate(row)
    assert row["name"] == name
    assert (ROOT / "recipes" / row["group"]).is_dir()
    title = row["rules"]["title"]
    assert re.search(title["pattern"], title["example"]) and len(title["example"]) <= title["max"]
    for other in ROWS.values():
        if other is not row:
            taken = {other["name"], *other["aliases"]}
            assert not taken & {name, *row["aliases"]}
            assert other["pull"]["page"] != row["pull"]["page"]


def test_recipes_are_there_and_named():
    """Both ways: what a row names exists, and no recipe of an upstream is left out of its row."""
    named = {(u, r) for u, row in ROWS.items() for group in row["recipes"].values() for r in group}
    assert {r for _, r in named} <= set(RECIPES)
    assert {(u, r) for r, u in RECIPES.items() if u} <= named


def test_the_schema_refuses():
    row = json.loads(json.dumps(ROWS["llvm"]))
    validator = jsonschema.Draft202012Validator(SCHEMA)
    for change in ({"url": "ext::sh"}, {"url": "-x"}, {"name": "No"}, {"more": 1}):
        assert not validator.is_valid({**row, **change}), change
    row["rules"]["title"]["on"] = "some"
    assert not validator.is_valid(row)


# What each upstream's title rule is for: what it takes, and what it must not.
TITLES = {
    "llvm": (["[mlir][arith] Fold a constant", 'Revert "[mlir] Fold"', "[X86] Use LEA"],
             ["Fold a constant", "mlir: Fold a constant", "[mlir] Fold a constant."]),
    "iree": (["[Codegen] Fold a constant", "[CPU][GPU] Add it"], ["fold a constant", "[Codegen] fold a constant"]),
    "nccl": (["Fix the proxy's pool"], ["fix the proxy's pool", "Fix the proxy's pool."]),
    "tokio": (["sync: wake the receiver", "rt, time: park once"],
              ["Wake the receiver", "sync: Wake the receiver", "sync wake", "sync: wake it."]),
    "triton": (["fix: Count once"], ["Count once", "fixes: Count once"]),
    "tensorrt-llm": (["[None][fix] Skip it", "[TRTLLM-5516] perf: Skip it", "feat: Add it",
                      "fix https://github.com/NVIDIA/TensorRT-LLM/issues/700: Skip it"], ["Skip it", "[x] Skip it"]),
    "firecracker": (["fix(net): check a length", "[RFC] snapshots"], ["ends with a stop."]),
}


@pytest.mark.parametrize("name", TITLES)
def test_titles(name):
    pattern = ROWS[name]["rules"]["title"]["pattern"]
    good, bad = TITLES[name]
    assert [t for t in good if not re.search(pattern, t)] == []
    assert [t for t in bad if re.search(pattern, t)] == []
