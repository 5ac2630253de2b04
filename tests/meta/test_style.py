"""What a reader of the code may rely on: no banned function, one kind of comment, short functions."""
import re
import subprocess

import floors
import pytest

C_FILES = sorted(p.relative_to(floors.ROOT) for top in ("daemon", "client", "tests", "bench")
                 for p in (floors.ROOT / top).rglob("*.[ch]")
                 if "out" not in p.relative_to(floors.ROOT).parts)
FILE_LINES, FUNCTION_LINES, COLUMNS = 700, 80, 110

# Unbounded, global or shell-bound.
BANNED = """strcpy strcat stpcpy sprintf vsprintf gets atoi atol atoll atof strtok system popen alloca rand
srand tmpnam mktemp tempnam asctime ctime localtime gmtime setjmp longjmp""".split()
BANNED_CALL = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")


def tracked():
    out = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                         cwd=floors.ROOT, check=True, capture_output=True).stdout
    return [floors.ROOT / n for n in out.decode().split("\0") if n and (floors.ROOT / n).is_file()]


def functions(text):
    """[(first line, lines)] of each function body: "{" and "}" in column 1, as the style has it."""
    found, start = [], None
    for n, line in enumerate(floors.strip(text).splitlines(), 1):
        if line.startswith("{"):
            start = n
        elif line.startswith("}") and start is not None:
            found.append((start, n - start + 1))
            start = None
    return found


@pytest.mark.parametrize("path", C_FILES, ids=str)
def test_c_file(path):
    text = (floors.ROOT / path).read_text()
    code = floors.strip(text)
    lines = code.splitlines()
    assert len(lines) <= FILE_LINES, f"{path} has {len(lines)} lines"
    for n, line in enumerate(lines, 1):
        assert "//" not in line, f"{path}:{n}: a // comment"
        found = path.parts[0] != "tests" and BANNED_CALL.search(line)
        assert not found, f"{path}:{n}: {found[1]}"
    for n, line in enumerate(text.splitlines(), 1):
        assert len(line) <= COLUMNS and "\t" not in line and line == line.rstrip(), f"{path}:{n}: layout"
    long = [(at, n) for at, n in functions(text) if n > FUNCTION_LINES]
    assert not long, f"{path}: functions of more than {FUNCTION_LINES} lines: {long}"
    assert not re.search(r"\b(TODO|FIXME|XXX)\b", text), path


@pytest.mark.parametrize("path", [p for p in C_FILES if p.suffix == ".h" and p.parts[0] != "tests"], ids=str)
def test_a_header_says_what_it_is_for(path):
    text = (floors.ROOT / path).read_text()
    assert re.match(r"/\* .{20,}", text), f"{path} opens without a word on its purpose"


def test_the_scanner_sees_what_it_should():
    assert functions("int f(void)\n{\n    x;\n}\n") == [(2, 3)]
    assert BANNED_CALL.search("x = strcpy(a, b)") and not BANNED_CALL.search("my_strcpy(a); s->system(x)")
    assert "//" not in floors.strip('/* http://x */ s = "http://y";') and "//" in floors.strip("x; // y")


def test_no_path_of_the_machine_it_was_written_on():
    places = re.compile(r"(?<![\w.}$])/" + "work/")
    bad = []
    for path in tracked():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        bad += [f"{path}:{n}: {line.strip()[:90]}" for n, line in enumerate(text.splitlines(), 1)
                if places.search(line)]
    assert not bad, "\n".join(bad)


def shell_scripts():
    def is_script(path):
        with path.open("rb") as f:
            return path.suffix in (".sh", ".bash") or re.match(rb"#!.*\b(ba)?sh\b", f.readline())
    return [p for p in tracked() if is_script(p)]


def test_shellcheck():
    scripts = shell_scripts()
    assert len(scripts) > 10
    done = subprocess.run(["shellcheck", "-x", *map(str, scripts)], cwd=floors.ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
