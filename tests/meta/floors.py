"""docs/floors.txt and the C sources, as the meta tests see them."""
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Words that every floor may read: made by the build or the single list of words.
SCHEMA = {"enums.def", "cail_version.h"}


@dataclass
class Room:
    name: str
    pure: bool
    rooms: set
    headers: set


def read(text=None):
    """{room: Room}; a malformed line is an error, not a gap."""
    sets, rooms = {}, {}
    for line in (text or (ROOT / "docs" / "floors.txt").read_text()).splitlines():
        line = line.split("#")[0].strip()
        if not line:
            continue
        if line.startswith("@"):
            name, words = line.split("=")
            sets[name.strip()] = set(words.split())
            continue
        who, below, headers = line.split(":")
        name, *mark = who.split()
        assert mark in ([], ["pure"]) and name not in rooms, line
        system = set()
        for word in headers.split():
            system |= sets[word] if word.startswith("@") else {word}
        rooms[name] = Room(name, bool(mark), set(below.split()), system)
    return rooms


def room_of(path):
    """The room of a source, by its place; None = no room's."""
    parts = Path(path).parts
    if parts[0] == "daemon":
        return parts[1] if len(parts) > 2 else "main"
    if parts[0] == "client":
        return "cli" if parts[1] == "cli" else "client"
    return None


def sources():
    """Every C file of the programs, relative to the project."""
    found = [p for top in ("daemon", "client") for p in (ROOT / top).rglob("*.[ch]")]
    return sorted(p.relative_to(ROOT) for p in found)


def includes(path):
    """[(is_system, header)] of one file."""
    text = (ROOT / path).read_text()
    return [(m[1] == "<", m[2]) for m in re.finditer(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', text, re.M)]


def strip(text, keep_strings=False):
    """C without comments, and without what is inside strings; lines stay where they are."""
    def blank(m):
        if m[0][0] in "\"'":
            return m[0] if keep_strings else m[0][0] * 2
        return re.sub(r"[^\n]", " ", m[0])
    return re.sub(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)
