"""What the documents name exists: tests, files, links between pages."""
import re

import floors
import pytest

PAGES = sorted([floors.ROOT / "README.md", *(floors.ROOT / "docs").glob("*.md")])


def test_the_tests_that_reliability_names_exist():
    text = (floors.ROOT / "docs" / "RELIABILITY.md").read_text()
    named = re.findall(r"`(tests/[\w/.]+)::(\w+)`", text)
    assert len(named) > 20
    missing = [f"{path}::{name}" for path, name in named
               if not re.search(rf"\b(?:void|def) {name}\(", (floors.ROOT / path).read_text())]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_diagrams_list_every_move():
    """docs/LIFECYCLE.md's tables are those of daemon/model/move.c."""
    code = floors.strip((floors.ROOT / "daemon" / "model" / "move.c").read_text())
    page = (floors.ROOT / "docs" / "LIFECYCLE.md").read_text()
    for prefix, heading in (("JOB", "States of a job"), ("ATTEMPT", "States of an attempt")):
        section = page.split(f"## {heading}")[1].split("\n## ")[0]
        for state, moves in re.findall(rf"^\s+\[{prefix}_(\w+)\] = ([^,]*?),", code, re.M):
            to = {w.lower() for w in re.findall(rf"TO\({prefix}_(\w+)\)", moves)}
            row = next((r for r in section.splitlines() if r.startswith(f"| `{state.lower()}` |")), None)
            if prefix == "JOB" and row is None:
                assert to == {"queued"}, state
                continue
            assert set(re.findall(r"`(\w+)`", row.split("|")[-2])) == to, state
