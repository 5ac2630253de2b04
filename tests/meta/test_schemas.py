"""One list of words: schema/enums.def against the SQL CHECKs and the JSON Schemas, both ways; the JSON
Schemas against the recipes that are shipped."""
import json
import re
from pathlib import Path

import jsonschema
import pytest

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = sorted((ROOT / "schema" / "json").glob("*.json"))
RECIPES = sorted((ROOT / "recipes").rglob("recipe.json"))


def enums():
    """{list name: [word, ...]} of enums.def."""
    text = (ROOT / "schema" / "enums.def").read_text()
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S).replace("\\\n", " ")
    lists = {}
    for line in text.splitlines():
        m = re.match(r"#define CAIL_(\w+)\(X\)(.*)", line)
        if m:
            lists[m[1].lower()] = re.findall(r'X\(\w+,\s*"([^"]*)"', m[2])
    return lists


ENUMS = enums()


def migrations():
    return "\n".join(
        re.sub(r"--.*", "", p.read_text()) for p in sorted((ROOT / "schema/migrations").glob("*.sql"))
    )


def sql_checks():
    """[(table, column, {words})] of every CHECK (column IN ('...'))."""
    found = []
    for table in re.finditer(r"CREATE TABLE (\w+) \((.*?)\n\)", migrations(), re.S):
        for m in re.finditer(r"CHECK\s*\((\w+) IN \(('[^)]*)\)\)", table[2]):
            found.append((table[1], m[1], set(re.findall(r"'([^']*)'", m[2]))))
    return found


# Each column with a CHECK of words, and the list of enums.def that it must equal. A new CHECK without
# a line here fails, and so does a line without a CHECK.
SQL = {
    ("job", "state"): "job_states",
    ("job", "kind"): "job_kinds",
    ("job", "exclusive"): "exclusives",
    ("job_after", "when_"): "after_whens",
    ("attempt", "state"): "attempt_states",
    ("attempt", "cause"): "end_causes",
    ("result", "better"): "betters",
    ("result", "metric_kind"): "metric_kinds",
    ("result", "status"): "result_statuses",
    ("build_cache", "state"): "cache_states",
    ("series", "better"): "betters",
    ("series", "metric_kind"): "metric_kinds",
    ("point", "status"): "result_statuses",
    ("change_state", "state"): "change_states",
    ("comparison", "state"): "comparison_states",
    ("comparison", "kind"): "comparison_kinds",
    ("comparison", "verdict"): "verdicts",
    ("bisection", "state"): "bisection_states",
    ("pr", "state"): "pr_states",
    ("measurement", "side"): "sides",
    ("measurement", "state"): "measurement_states",
}

# Lists that no column holds.
NOT_IN_SQL = {"retry_causes", "profiles", "param_types", "errors", "check_verdicts", "bisect_answers"}

# Each list that a JSON Schema holds: (schema, path to the enum).
JSON = {
    ("recipe", "$defs/kind/enum"): "job_kinds",
    ("recipe", "$defs/param/properties/type/enum"): "param_types",
    ("recipe", "$defs/needs/properties/exclusive/enum"): "exclusives",
    ("recipe", "$defs/retry/properties/on/items/enum"): "retry_causes",
    ("job_request", "$defs/kind/enum"): "job_kinds",
    ("job_request", "$defs/request/properties/profile/enum"): "profiles",
    ("job_request", "$defs/needs/properties/exclusive/enum"): "exclusives",
    ("job_request", "$defs/retry/properties/on/items/enum"): "retry_causes",
    ("job_request", "$defs/after/anyOf/1/properties/when/enum"): "after_whens",
}

# Enums of a schema that are no list of enums.def.
NOT_A_LIST = {("upstream", "properties/rules/properties/title/properties/on/enum"),
              ("upstream", "properties/rules/properties/force_push/enum"),
              ("job_request", "$defs/container/properties/engine/enum"),
              ("job_request", "$defs/container/properties/network/enum"),
              ("job_request", "$defs/request/properties/executor/enum")}


def test_enums_def_was_read():
    assert len(ENUMS) >= 13
    assert ENUMS["job_kinds"] == ["build", "benchmark", "check", "service"]
    assert all(words and len(set(words)) == len(words) for words in ENUMS.values())


def test_sql_checks_are_the_lists():
    checks = {(table, column): words for table, column, words in sql_checks()}
    assert set(checks) == set(SQL)
    for place, words in checks.items():
        assert words == set(ENUMS[SQL[place]]), place


def test_every_list_has_its_check():
    assert set(SQL.values()) | NOT_IN_SQL == set(ENUMS)
    assert not set(SQL.values()) & NOT_IN_SQL


def test_terminal_states_agree():
    text = (ROOT / "schema" / "enums.def").read_text()
    for table, column in (("job", "finished_at_us"), ("attempt", "ended_at_us")):
        prefix = "JOB" if table == "job" else "ATTEMPT"
        ends = set(re.findall(rf'X\({prefix}_\w+, "(\w+)", 1\)', text))
        m = re.search(rf"\({column} IS NOT NULL\)\s*= \(state IN \(([^)]*)\)\)", migrations())
        assert set(re.findall(r"'(\w+)'", m[1])) == ends


def walk(node, path=""):
    if isinstance(node, dict):
        for key, value in node.items():
            here = f"{path}/{key}" if path else key
            if key == "enum" and isinstance(value, list):
                yield here, value
            yield from walk(value, here)
    elif isinstance(node, list):
        for i, value in enumerate(node):
            yield from walk(value, f"{path}/{i}")


def test_json_schema_enums_are_the_lists():
    seen = {}
    for schema in SCHEMAS:
        for path, words in walk(json.loads(schema.read_text())):
            seen[schema.stem, path] = {w for w in words if w is not None}
    assert set(seen) == set(JSON) | NOT_A_LIST
    for place, name in JSON.items():
        assert seen[place] == set(ENUMS[name]), place


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda p: p.stem)
def test_schema_is_valid(path):
    schema = json.loads(path.read_text())
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)


def validator(name):
    schema = json.loads((ROOT / "schema" / "json" / f"{name}.json").read_text())
    return jsonschema.Draft202012Validator(schema)


def problems(name, value):
    return [f"{e.json_path}: {e.message[:200]}" for e in validator(name).iter_errors(value)]


def test_there_are_recipes():
    assert RECIPES


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.parent.name)
def test_recipe_fits_its_schema(path):
    recipe = json.loads(path.read_text())
    assert problems("recipe", recipe) == []
    assert recipe["name"] == path.parent.name
    assert path.is_relative_to(ROOT / "recipes" / recipe["group"])
    for step in recipe["steps"]:
        assert (path.parent / step["run"]).is_file(), step["run"]


STEP = {"name": "a", "run": "a.sh"}
RECIPE = {"name": "x", "group": "tools", "summary": "s", "kind": "check", "steps": [STEP]}
PARAM = {"type": "string", "description": "d"}


def with_param(**members):
    return RECIPE | {"params": {"p": PARAM | members}}


# The same refusals as the table of tests/unit/recipe/test_recipe.c.
BAD_RECIPES = [
    [],
    {"name": "x"},
    RECIPE | {"nedes": {}},
    RECIPE | {"upstream": "LLVM"},
    RECIPE | {"timeout_s": 0},
    RECIPE | {"timeout_s": 1.5},
    RECIPE | {"steps": []},
    RECIPE | {"steps": [{"name": "a"}]},
    RECIPE | {"steps": [STEP | {"run": "../a.sh"}]},
    RECIPE | {"steps": [STEP | {"run": "b/a.sh"}]},
    RECIPE | {"steps": [STEP | {"run": "-x"}]},
    RECIPE | {"steps": [STEP | {"name": "A b"}]},
    RECIPE | {"steps": [STEP | {"keys_cache": 1}]},
    RECIPE | {"steps": [STEP | {"needs": {"cpu": 1}}]},
    RECIPE | {"needs": {"cpus": "some"}},
    RECIPE | {"needs": {"cpus": 0}},
    RECIPE | {"needs": {"exclusive": "quite"}},
    RECIPE | {"env_pass": ["A=B"]},
    RECIPE | {"artifacts": ["/etc/*"]},
    RECIPE | {"artifacts": ["a/../../b"]},
    RECIPE | {"results": [{"file": ".."}]},
    RECIPE | {"results": [{"parser": "x"}]},
    RECIPE | {"retry": {}},
    RECIPE | {"retry": {"max_attempts": 2, "on": ["fail"]}},
    RECIPE | {"requires": {"tools": [{"name": "x"}]}},
    RECIPE | {"params": {"A": PARAM}},
    with_param(type="integer"),
    with_param(min=1),
    with_param(type="int", pattern="1"),
    with_param(type="bool", choices=["a"]),
    with_param(type="enum"),
    with_param(type="enum", choices=["-a"]),
    with_param(default={}),
    with_param(type="int", default=True),
]


@pytest.mark.parametrize("value", BAD_RECIPES, ids=lambda v: json.dumps(v)[-60:])
def test_bad_recipe_is_refused(value):
    assert problems("recipe", value)


GOOD_RECIPES = [
    RECIPE,
    RECIPE | {"needs": {"cpus": "all", "gpus": None}, "artifacts": ["a..b/*", "..x"]},
    with_param(type="int", min=1, max=3, default="2"),
    with_param(type="bool", default=True),
    with_param(type="path", default=""),
    with_param(type="enum", choices=["a", "19"], default=19),
]


@pytest.mark.parametrize("value", GOOD_RECIPES, ids=lambda v: json.dumps(v)[-60:])
def test_good_recipe_is_taken(value):
    assert problems("recipe", value) == []


GOOD_JOBS = [
    {"recipe": "setup-llvm", "params": {"targets": "FileCheck", "jobs": 4}, "needs": {"cpus": 2}},
    {"command": ["true"]},
    {"command": ["true"], "container": {"image": "ubuntu:24.04"}},
    {"command": ["true"], "container": {"image": "h.example:5000/a/b:1@sha256:" + 64 * "a", "engine": "podman",
                                        "mounts": [{"source": "/a", "target": "/b", "readonly": True}],
                                        "network": "bridge", "shm_mib": 1024, "ports": [8000, 8001]}},
    {"script": "echo hi\n", "timeout_s": "2h", "env": {"CC": "clang"}, "labels": {"a": "b"}},
    [{"command": ["true"]}, {"command": ["false"], "after": [{"job": "#0", "when": "finished"}]}],
    {"recipe": "x", "matrix": {"params.a": [1, "b"], "env.C": ["d"], "max_parallel": 2,
                               "exclude": [{"params.a": 1}], "fail_fast": True}},
    {"command": ["x"], "retry": {"max_attempts": 3, "on": ["lost"]}, "hold": True, "after": [7],
     "results": [{"parser": "plain", "file": "*.json"}], "artifacts": [{"path": "a/*", "diff": True}]},
]
BAD_JOBS = [
    {},
    [],
    "x",
    {"recipe": "x", "command": ["true"]},
    {"command": "make test"},
    {"command": []},
    {"command": [""]},
    {"command": ["x"], "params": {}},
    {"recipe": "x", "params": {"a": [1]}},
    {"recipe": "x", "prioritty": 1},
    {"recipe": "x", "priority": 101},
    {"recipe": "x", "kind": "bench"},
    {"recipe": "x", "timeout_s": 0},
    {"recipe": "x", "timeout_s": "soon"},
    {"recipe": "x", "cwd": "a"},
    {"recipe": "x", "cwd": "/a/../b"},
    {"recipe": "x", "env": {"CAIL_TOKEN": "x"}},
    {"recipe": "x", "env": {"A B": "x"}},
    {"recipe": "x", "source": {"ref": "-x"}},
    {"recipe": "x", "after": [{"job": 1, "when": "done"}]},
    {"recipe": "x", "matrix": {"a": [1]}},
    {"recipe": "x", "artifacts": [{"path": "../x"}]},
    {"recipe": "x", "container": {}},
    {"recipe": "x", "container": {"image": "-x"}},
    {"recipe": "x", "container": {"image": "x", "engine": "lxc"}},
    {"recipe": "x", "container": {"image": "x", "mounts": [{"source": "/a,b"}]}},
    {"recipe": "x", "container": {"image": "x", "ports": [0]}},
    [{"recipe": "x", "matrix": {"params.a": [1]}}],
    [{"recipe": "x"}] * 1001,
]


@pytest.mark.parametrize("value", GOOD_JOBS, ids=lambda v: json.dumps(v)[:60])
def test_good_job_is_taken(value):
    assert problems("job_request", value) == []


@pytest.mark.parametrize("value", BAD_JOBS, ids=lambda v: json.dumps(v)[:60])
def test_bad_job_is_refused(value):
    assert problems("job_request", value)


def test_request_members_are_wires():
    """The members of the schema are the rows of wire's field table."""
    source = (ROOT / "daemon" / "wire" / "job_request.c").read_text()
    table = re.search(r"\} fields\[\] = \{(.*?)\};", source, re.S)[1]
    rows = set(re.findall(r'\{"(\w+)",', table))
    schema = json.loads((ROOT / "schema" / "json" / "job_request.json").read_text())
    assert set(schema["$defs"]["request"]["properties"]) == rows


def test_recipe_members_are_the_readers():
    """The members of the schema are the rows of the tables in daemon/recipe."""
    sources = "".join(p.read_text() for p in (ROOT / "daemon" / "recipe").glob("*.c"))
    schema = json.loads((ROOT / "schema" / "json" / "recipe.json").read_text())
    upstream = json.loads((ROOT / "schema" / "json" / "upstream.json").read_text())
    objects = {
        "upstream_fields": upstream,
        "pull_fields": upstream["properties"]["pull"],
        "recipe_fields": schema,
        "requires_fields": schema["properties"]["requires"],
        "param_fields": schema["$defs"]["param"],
        "step_fields": schema["$defs"]["step"],
        "tool_fields": schema["$defs"]["tool"],
        "result_fields": schema["$defs"]["result"],
        "use_fields": schema["$defs"]["use"],
        "compare_fields": schema["$defs"]["compare"],
        "retry_fields": schema["$defs"]["retry"],
    }
    tables = dict(re.findall(r"struct recipe_field (\w+)\[\] = \{(.*?)\n\};", sources, re.S))
    assert set(tables) == set(objects)
    for name, node in objects.items():
        rows = re.findall(r'\{"(\w+)",[^{}]*?(true|false)\}', tables[name])
        assert {row for row, _ in rows} == set(node["properties"]), name
        assert {row for row, must in rows if must == "true"} == set(node.get("required", [])), name


def test_the_parsers_that_recipes_name_exist():
    table = (ROOT / "daemon" / "parse" / "parsers.c").read_text()
    known = set(re.findall(r'\{"([a-z0-9-]+)",', table))
    assert "mlir-timing" in known
    for path in RECIPES:
        for result in json.loads(path.read_text()).get("results", []):
            assert result.get("parser", "plain") in known, path
