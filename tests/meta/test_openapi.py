"""schema/openapi.yaml: its structure, and that it says what daemon/http/routes.c, the table of request
fields and schema/enums.def say."""
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DOC = yaml.safe_load((ROOT / "schema" / "openapi.yaml").read_text())
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def without_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def routes():
    """{(method, path): row text} of routes.c; "{name*}" is written "{name}" in OpenAPI."""
    text = without_comments((ROOT / "daemon/http/routes.c").read_text())
    table = text[text.index("http_routes[] = {"):text.index("n_http_routes")]
    rows = re.findall(r'\{HTTP_(\w+),\s*"([^"]+)",(.*?)"\s*\}', table, re.S)
    assert len(rows) == table.count("{HTTP_")
    found = {(m.lower(), p.replace("*}", "}")): rest + '"' for m, p, rest in rows}
    assert len(found) == len(rows), "a route stands twice"
    return found


def operations():
    return {(m, path): op for path, item in DOC["paths"].items() for m, op in item.items()
            if m in METHODS}


ROUTES = routes()
OPERATIONS = operations()


def enums():
    text = without_comments((ROOT / "schema/enums.def").read_text()).replace("\\\n", " ")
    lists = {}
    for line in text.splitlines():
        m = re.match(r"#define CAIL_(\w+)\(X\)(.*)", line)
        if m:
            lists[m[1]] = re.findall(r'X\(\w+,\s*"([^"]*)"', m[2])
    return lists


def resolve(node):
    while isinstance(node, dict) and "$ref" in node:
        at = DOC
        for part in node["$ref"].removeprefix("#/").split("/"):
            at = at[part]
        node = at
    return node


def walk(node, at=""):
    yield at, node
    if isinstance(node, dict):
        for k, v in node.items():
            yield from walk(v, f"{at}/{k}")
    elif isinstance(node, list):
        for i, v in enumerate(node):
            yield from walk(v, f"{at}/{i}")


def test_routes_and_document_agree():
    assert sorted(ROUTES) == sorted(OPERATIONS)


@pytest.mark.parametrize("key", sorted(OPERATIONS), ids=lambda k: f"{k[0]} {k[1]}")
def test_operation(key):
    op, row, path = OPERATIONS[key], ROUTES[key], DOC["paths"][key[1]]
    params = [resolve(p) for p in path.get("parameters", []) + op.get("parameters", [])]
    assert {p["name"] for p in params if p["in"] == "path"} == set(re.findall(r"{(\w+)}", key[1]))
    assert all(p["required"] for p in params if p["in"] == "path")
    assert op["summary"] in row, "routes.c has another summary"
    assert op.get("security") == [] if "HTTP_OPEN" in row else "security" not in op
    body = resolve(op.get("requestBody"))
    if key[0] in ("post", "patch", "put"):
        types = set(body["content"])
        assert ("application/x-www-form-urlencoded" in types) == ("HTTP_TAKES_FORM" in row)
        assert ("text/x-shellscript" in types) == ("HTTP_TAKES_SCRIPT" in row)
        assert ("*/*" in types) == ("HTTP_TAKES_ANY" in row)
        empty = "HTTP_EMPTY_OK" in row or "ACTION" in row
        assert body.get("required", False) != empty
    else:
        assert body is None


def test_query_arguments_are_those_the_code_takes():
    """The names of API_QUERY and list_args in the handlers' files, as sets over the whole API."""
    said = {p["name"] for op in OPERATIONS.values() for p in map(resolve, op.get("parameters", []))
            if p["in"] == "query"}
    taken = set()
    for f in (ROOT / "daemon/http").glob("api_*.c"):
        text = without_comments(f.read_text())
        for m in re.finditer(r"(?:API_QUERY\(rq, err,|list_args\[\] = \{)([^;]*?)[)}]", text):
            taken |= set(re.findall(r'"(\w+)"', m[1]))
    assert said == taken


OBJECTS = {  # what an object of each kind may say (OpenAPI 3.1.0 section 4.8); extensions are not used
    "document": {"openapi", "info", "servers", "tags", "paths", "components"},
    "path": {"parameters", *METHODS},
    "operation": {"tags", "operationId", "summary", "description", "parameters", "requestBody",
                  "responses", "security"},
    "parameter": {"name", "in", "required", "description", "schema"},
    "response": {"description", "headers", "content"},
    "body": {"required", "content", "description"},
}


def check(kind, node):
    assert set(node) <= OBJECTS[kind], f"{kind}: {set(node) - OBJECTS[kind]}"


def test_structure():
    assert DOC["openapi"] == "3.1.0"
    check("document", DOC)
    tags = {t["name"] for t in DOC["tags"]}
    ids = [op["operationId"] for op in OPERATIONS.values()]
    assert len(set(ids)) == len(ids)
    for path in DOC["paths"].values():
        check("path", path)
    for op in OPERATIONS.values():
        check("operation", op)
        assert set(op["tags"]) <= tags
        for p in map(resolve, op.get("parameters", [])):
            check("parameter", p)
            assert p["in"] in ("query", "header", "path")
        assert "default" in op["responses"]
        for code, r in op["responses"].items():
            assert code == "default" or re.fullmatch("[1-5][0-9][0-9]", code)
            check("response", resolve(r))
            assert resolve(r)["description"]
        if "requestBody" in op:
            check("body", resolve(op["requestBody"]))


def test_references_lead_somewhere_and_all_is_used():
    refs = {n["$ref"] for _, n in walk(DOC) if isinstance(n, dict) and "$ref" in n}
    for ref in refs:
        assert resolve({"$ref": ref}) is not None
    named = {f"#/components/{kind}/{name}" for kind, group in DOC["components"].items()
             for name in group}
    assert named == refs


def schemas():
    """Every schema with its place: values of `schema` keys and of components/schemas."""
    for at, node in walk(DOC):
        if at.endswith("/schema"):
            yield at, node
    for name, node in DOC["components"]["schemas"].items():
        yield f"/components/schemas/{name}", node


def test_schemas_are_json_schemas():
    """And use no keyword that draft 2020-12 does not have: a comma in an unquoted description of YAML
    makes one."""
    known = {"$ref", "type", "enum", "const", "properties", "required", "additionalProperties",
             "propertyNames", "items", "minItems", "maxItems", "minimum", "maximum", "minLength",
             "maxLength", "pattern", "format", "default", "description", "allOf", "oneOf",
             "maxProperties", "dependentRequired"}

    def keywords(schema):
        yield from schema
        for k in ("properties",):
            for v in schema.get(k, {}).values():
                yield from keywords(v)
        for k in ("items", "additionalProperties", "propertyNames"):
            if isinstance(schema.get(k), dict):
                yield from keywords(schema[k])
        for v in schema.get("allOf", []) + schema.get("oneOf", []):
            yield from keywords(v)

    for at, schema in schemas():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert set(keywords(schema)) <= known, at


@pytest.mark.parametrize("name, words", [
    ("JobState", "JOB_STATES"), ("AttemptState", "ATTEMPT_STATES"), ("JobKind", "JOB_KINDS"),
    ("AfterWhen", "AFTER_WHENS"), ("Exclusive", "EXCLUSIVES"), ("EndCause", "END_CAUSES"),
    ("RetryCause", "RETRY_CAUSES"), ("Better", "BETTERS"), ("MetricKind", "METRIC_KINDS"),
    ("ResultStatus", "RESULT_STATUSES"), ("ParamType", "PARAM_TYPES"),
    ("ComparisonState", "COMPARISON_STATES"), ("ComparisonKind", "COMPARISON_KINDS"),
    ("BisectionState", "BISECTION_STATES"), ("BisectAnswer", "BISECT_ANSWERS"),
    ("Side", "SIDES"), ("MeasurementState", "MEASUREMENT_STATES"), ("Verdict", "VERDICTS"),
    ("CheckVerdict", "CHECK_VERDICTS"), ("CacheState", "CACHE_STATES"), ("PrState", "PR_STATES"), ("ErrorCode", "ERRORS")])
def test_words(name, words):
    assert DOC["components"]["schemas"][name]["enum"] == enums()[words]


def test_every_list_of_words_is_in_the_document():
    held = {tuple(s["enum"]) for s in DOC["components"]["schemas"].values() if "enum" in s}
    assert held == {tuple(w) for w in enums().values()}


def test_request_fields_are_those_the_code_takes():
    text = without_comments((ROOT / "daemon/wire/job_request.c").read_text())
    taken = set(re.findall(r'^\s*\{"(\w+)", (?:get|skip)_\w+\},', text, re.M))
    said = set(DOC["components"]["schemas"]["JobRequest"]["properties"])
    assert said == taken
