"""Each room includes only rooms below it and only the system headers docs/floors.txt allows."""
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import floors
import pytest

ROOMS = floors.read()
SOURCES = floors.sources()
# The headers of base that a pure room must not see: files, clocks, the log.
IMPURE = {"base/clock.h", "base/fsx.h"}
# One file takes requests from libmicrohttpd and a few wrap its calls.
MHD = ("daemon/http/server.c", "daemon/http/mhd")


def test_there_is_something_to_check():
    assert len(SOURCES) > 100 and {"base", "sched", "http", "client"} <= ROOMS.keys()


def test_floors_have_no_circle():
    """What a room may include may never include that room: the table is a stair."""
    for room in ROOMS.values():
        assert room.rooms <= ROOMS.keys(), room
        for below in room.rooms:
            assert room.name not in ROOMS[below].rooms, (room.name, below)


def test_pure_rooms_stand_on_pure_rooms():
    for room in ROOMS.values():
        if room.pure:
            assert all(ROOMS[r].pure for r in room.rooms - {"base"}), room.name


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_includes(path):
    room = ROOMS[floors.room_of(path)]
    for system, header in floors.includes(path):
        where = f"{path} includes {header}, which docs/floors.txt does not allow to {room.name}"
        if system:
            assert header in room.headers, where
        elif header in floors.SCHEMA:
            continue
        elif path.parts[0] == "client":
            beside = floors.ROOT / path.parent / header
            public = floors.ROOT / "client" / "include" / header
            assert beside.exists() or public.exists(), where
            own = os.path.relpath(beside.resolve() if beside.exists() else public, floors.ROOT)
            target = floors.room_of(own)
            assert target == room.name or target in room.rooms, where
        else:
            target = floors.room_of(Path("daemon") / header)
            assert target == room.name or target in room.rooms, where
            assert not (room.pure and header in IMPURE), where


@pytest.mark.parametrize("path", [p for p in SOURCES if p.parts[0] == "daemon"], ids=str)
def test_libmicrohttpd_is_seen_by_the_server_alone(path):
    if (True, "microhttpd.h") in floors.includes(path):
        assert str(path).startswith(MHD)


def test_every_room_has_a_line_and_every_line_a_place():
    assert {floors.room_of(p) for p in SOURCES} <= ROOMS.keys()


def compiles(path):
    """As a user of it does: a room's header by its room, the client's by its name."""
    daemon = path.is_relative_to(floors.ROOT / "daemon")
    text = f'#include "{path.relative_to(floors.ROOT / "daemon") if daemon else path.name}"\n'
    beside = [] if daemon else ["-I", path.parent]
    return path, subprocess.run(
        ["cc", "-std=c17", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall", "-Wextra", "-x", "c",
         *beside, "-I", "daemon", "-I", "schema", "-I", "client/include", "-"],
        cwd=floors.ROOT, input=text, capture_output=True, text=True)


def test_every_header_compiles_alone():
    headers = [floors.ROOT / p for p in SOURCES if p.suffix == ".h"]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        bad = [f"{p}\n{r.stderr}" for p, r in pool.map(compiles, headers) if r.returncode or r.stderr]
    assert not bad, "\n".join(bad)


def test_every_header_has_its_own_guard():
    guards = {}
    for p in SOURCES:
        if p.suffix == ".h":
            first = [line for line in floors.strip((floors.ROOT / p).read_text()).splitlines() if line.strip()]
            assert first[0].startswith("#ifndef ") and first[1] == first[0].replace("#ifndef", "#define"), p
            guards.setdefault(first[0], []).append(str(p))
    assert not [g for g in guards.values() if len(g) > 1]


# --- the reader of the table can fail ---

def test_a_malformed_table_is_an_error():
    for text in ("a : b", "a : : @nothing", "a odd : : ", "a : : \na : : "):
        with pytest.raises((AssertionError, KeyError, ValueError)):
            floors.read(text)
